/* sweep_series.h: a store's curves as series: each statistic at each layer, over all rows and over each group. */
#ifndef REPORT_SWEEP_SERIES_H
#define REPORT_SWEEP_SERIES_H

#include "method/bootstrap.h"
#include "report/sweep_rows.h"

/* Whether a store's traces go in the direction `noise`. */
bool sweep_is_noise(const store_about *about);

/* Fills in s->series from s->rows; the bootstrap fills in their intervals when it runs. detail: that of one result that
 * is done, which says the layers. PB_EFORMAT: they are not as many as the curves have. */
pb_status sweep_series_make(sweep_summary *s, const json_t *detail, bootstrap *b, pb_error *err);

/* A series with room for its intervals, appended to a list. Layers and windows are those of `like`,
 * if that is given. */
sweep_series *sweep_series_append(sweep_series **list, size_t *count, const char *name, const char *metric,
                                  const char *class, const char *group, const sweep_series *like);
void sweep_series_free(sweep_series *s);

#endif
