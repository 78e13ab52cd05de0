/* vision_site.c: see vision_site.h. */
#include "method/vision_site.h"

#include <stddef.h>
#include <string.h>

const vision_site vision_sites[VISION_SITE_COUNT] = {
    {"vision.blocks.{l}.hook_resid_pre", "vision.resid_pre", false, SITE_RESID_PRE},
    {"vision.blocks.{l}.hook_attn_out", "vision.attn_out", false, SITE_ATTN_OUT},
    {"vision.blocks.{l}.hook_mlp_out", "vision.mlp_out", false, SITE_MLP_OUT},
    {"vision.blocks.{l}.hook_resid_post", "vision.resid_post", false, SITE_RESID_POST},
    {"proj.hook_out", "proj.out", true, SITE_RESID_PRE},
};

const vision_site *vision_site_find(const char *name)
{
    for (size_t i = 0; i < VISION_SITE_COUNT; i++)
        if (strcmp(name, vision_sites[i].hook) == 0 || strcmp(name, vision_sites[i].name) == 0)
            return &vision_sites[i];
    return NULL;
}

const char *vision_site_names(void)
{
    return "vision.blocks.{l}.hook_resid_pre, vision.blocks.{l}.hook_attn_out, vision.blocks.{l}.hook_mlp_out, "
           "vision.blocks.{l}.hook_resid_post, proj.hook_out";
}
