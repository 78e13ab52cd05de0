/* trace_pictures.h: a trace's cells over the picture: a heat map per site, layer by layer, where cells are single
 * image rows or blocks of patches. */
#ifndef REPORT_TRACE_PICTURES_H
#define REPORT_TRACE_PICTURES_H

#include "report/picture_map.h"
#include "report/report.h"

typedef struct trace_pictures {
    picture_map *maps; /* [count], one per site */
    size_t count;
    char *scale_title; /* from here on what the maps refer to */
    double **values;   /* [count] */
    char **titles;     /* [count] */
} trace_pictures;

/* count is 0 where no cell lies on the picture, or there is no picture. */
void trace_pictures_make(trace_pictures *p, const trace_report *r);
void trace_pictures_free(trace_pictures *p);

/* Whether maps of tokens by layers are drawn: not of blocks, which the picture shows, nor of heads alone, which have
 * others. */
bool trace_shows_tokens(const trace *t);

#endif
