/* sweep_csv_parts.h: what the tables of stores begin and end with. */
#ifndef REPORT_SWEEP_CSV_PARTS_H
#define REPORT_SWEEP_CSV_PARTS_H

#include "report/sweep_csv.h"

/* The header, with what the number of stores and groups add to it. */
void sweep_csv_open(buffer *out, const char *names, bool groups, size_t stores);
/* Ends a line of a table over so many stores, one of s. */
void sweep_csv_end(buffer *out, const sweep_summary *s, size_t stores);

#endif
