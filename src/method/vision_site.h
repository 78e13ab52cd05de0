/* vision_site.h: the sites on the picture's side: of the vision tower's layers, and the projector's output. */
#ifndef METHOD_VISION_SITE_H
#define METHOD_VISION_SITE_H

#include <stdbool.h>

#include "engine/site.h"

typedef struct vision_site {
    const char *hook, *name; /* "vision.blocks.{l}.hook_attn_out"; "vision.attn_out" for short */
    bool projector;          /* its output, which has no layers; else of the tower's */
    site site;
} vision_site;

enum { VISION_SITE_COUNT = 5 };

extern const vision_site vision_sites[VISION_SITE_COUNT];

/* The site of a long or a short name; NULL where there is none. */
const vision_site *vision_site_find(const char *name);

/* The long names, ", " between them: for errors. */
const char *vision_site_names(void);

#endif
