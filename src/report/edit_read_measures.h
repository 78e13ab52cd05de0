/* edit_read_measures.h: the measures of edit.json, or those of one layer of a sweep, read back:
 * means and their intervals. */
#ifndef REPORT_EDIT_READ_MEASURES_H
#define REPORT_EDIT_READ_MEASURES_H

#include "method/measure.h"
#include "report/json_at.h"

/* "efficacy", "generalisation", "neighbourhood", "specificity"; those that are not there leave s as it is. */
pb_status edit_measures_read(const json_at *of, measure_summary *s, pb_error *err);

#endif
