/* site.c: see site.h. */
#include "engine/site.h"

#include <string.h>

static const char *const names[SITE_PUT_COUNT] = {
    [SITE_RESID_PRE] = "resid_pre",
    [SITE_ATTN_OUT] = "attn_out",
    [SITE_MLP_OUT] = "mlp_out",
    [SITE_RESID_POST] = "resid_post",
    [SITE_HEAD_OUT] = "head_out",
};

const char *site_name(site s)
{
    return names[s];
}

bool site_find(const char *name, site *out)
{
    for (int s = 0; s < SITE_PUT_COUNT; s++)
        if (strcmp(name, names[s]) == 0) {
            *out = (site)s;
            return true;
        }
    return false;
}

const char *site_names(void)
{
    return "resid_pre, attn_out, mlp_out, resid_post, head_out";
}
