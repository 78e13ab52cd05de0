/* question_pack.h: what question_list.c and question_pack.c share. */
#ifndef REPORT_QUESTION_PACK_H
#define REPORT_QUESTION_PACK_H

#include "report/question_list.h"

/* The names of the columns, in their order. */
extern const char *const question_list_columns[QUESTION_LIST_COLUMNS];

#endif
