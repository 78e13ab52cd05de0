/* site.h: the tensors of the decoder that can be read and patched, under the field's names (TransformerLens). */
#ifndef ENGINE_SITE_H
#define ENGINE_SITE_H

#include <stdbool.h>

typedef enum site {
    SITE_RESID_PRE,  /* blocks.{l}.hook_resid_pre: input of block l */
    SITE_ATTN_OUT,   /* blocks.{l}.hook_attn_out: what self-attention adds to the residual */
    SITE_MLP_OUT,    /* blocks.{l}.hook_mlp_out: what the MLP adds to the residual */
    SITE_RESID_POST, /* blocks.{l}.hook_resid_post: output of block l, the next block's resid_pre */
    SITE_COUNT,      /* of those of d_model numbers, which every recording keeps */
    SITE_HEAD_OUT = SITE_COUNT, /* blocks.{l}.attn.hook_z: the heads' mixed values, before the output projection: rows
                                 * of [heads * head_dim], kept by recordings that are asked to */
    SITE_PUT_COUNT,             /* of those that can be put in */
    SITE_MLP_POST = SITE_PUT_COUNT, /* blocks.{l}.mlp.hook_post: input of the down projection; it can be read */
    SITE_READ_COUNT,                /* of those that can be read */
} site;

/* "resid_pre", "attn_out", ... */
const char *site_name(site s);
/* The site of a short name, of those that can be put in; false when there is none. */
bool site_find(const char *name, site *out);
/* "resid_pre, attn_out, ...": those that can be put in, for errors. */
const char *site_names(void);
/* The same of those that can be read; and of those of d_model numbers. */
bool site_find_read(const char *name, site *out);
const char *site_read_names(void);
const char *site_wide_names(void);
/* "blocks.{l}.hook_resid_pre" */
const char *site_hook(site s);

#endif
