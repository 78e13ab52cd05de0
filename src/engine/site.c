/* site.c: see site.h. */
#include "engine/site.h"

#include <string.h>

static const struct site_words {
    const char *name, *hook;
} words[SITE_READ_COUNT] = {
    [SITE_RESID_PRE] = {"resid_pre", "blocks.{l}.hook_resid_pre"},
    [SITE_ATTN_OUT] = {"attn_out", "blocks.{l}.hook_attn_out"},
    [SITE_MLP_OUT] = {"mlp_out", "blocks.{l}.hook_mlp_out"},
    [SITE_RESID_POST] = {"resid_post", "blocks.{l}.hook_resid_post"},
    [SITE_HEAD_OUT] = {"head_out", "blocks.{l}.attn.hook_z"},
    [SITE_MLP_POST] = {"mlp_post", "blocks.{l}.mlp.hook_post"},
};

const char *site_name(site s)
{
    return words[s].name;
}

const char *site_hook(site s)
{
    return words[s].hook;
}

static bool find_below(const char *name, int end, site *out)
{
    for (int s = 0; s < end; s++)
        if (strcmp(name, words[s].name) == 0) {
            *out = (site)s;
            return true;
        }
    return false;
}

bool site_find(const char *name, site *out)
{
    return find_below(name, SITE_PUT_COUNT, out);
}

bool site_find_read(const char *name, site *out)
{
    return find_below(name, SITE_READ_COUNT, out);
}

const char *site_wide_names(void)
{
    return "resid_pre, attn_out, mlp_out, resid_post";
}

const char *site_names(void)
{
    return "resid_pre, attn_out, mlp_out, resid_post, head_out";
}

const char *site_read_names(void)
{
    return "resid_pre, attn_out, mlp_out, resid_post, head_out, mlp_post";
}
