/* page.h: the style sheet and the script of the pages, embedded from page.css and page.js by embed.py. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

extern const char page_css[], page_js[];
extern const char picture_map_css[], picture_map_js[]; /* beside it, where there are picture_map.h's */
extern const char lens_css[], lens_js[];               /* of a lens's table of tokens */
extern const char sweep_page_css[], sweep_page_js[];   /* of a report over many questions */

#endif
