/* model.h: a checkpoint opened as a whole: decoder, vision side, tokenizer, picture processor. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <jansson.h>

#include "checkpoint/checkpoint.h"
#include "image/geometry.h"
#include "model/decoder.h"
#include "model/vision.h"
#include "text/tokenizer.h"

/* A file that changed the decoder's weights when the model was opened. */
typedef struct model_change {
    char *file;         /* as given; an edit's without the number of its request */
    const char *kind;   /* "edit", "lora" */
    size_t terms, rank; /* how many matrices it changes; the highest rank of a change */
} model_change;

typedef struct model {
    char *path;                /* the folder or GGUF file as given */
    char *tower_path;          /* the folder of a vision tower that lies apart; NULL where none is named */
    const char *family;        /* its model_type: "llava", "bunny-phi", "llama" */
    const char *layout;        /* "original" for LLaVA as its authors save it; else NULL */
    checkpoint *weights;
    checkpoint *tower_weights; /* of a tower that lies apart; else NULL */
    checkpoint *lent_weights;  /* of the vision side that --mmproj names; else NULL */
    decoder decoder;
    vision *vision;            /* NULL for a decoder alone */
    image_processor processor; /* only with vision */
    int32_t image_token;       /* -1 without vision */
    tokenizer *tokenizer;
    char *template_name;       /* by patchbay.json in the folder, else the family's own */
    int32_t *eos;              /* [eos_count] ids that end an answer */
    size_t eos_count;
    model_change *changes;     /* [change_count] */
    size_t change_count;
    size_t bytes;              /* what opening it took, about: the tokenizer above all */
} model;

/* Where a model lies. */
typedef struct model_source {
    const char *path;         /* a folder in the Hugging Face layout, or a GGUF file */
    compute_type compute;     /* what decoder and vision side compute in */
    const char *vision_tower; /* the folder of a tower that lies apart, or NULL */
    const char *mmproj;       /* the vision side of a decoder alone: llama.cpp's file, or the folder of a model that has
                               * one; or NULL */
    const char *const *edits;  /* [edit_count] "FILE.npz[@REQUEST]" to apply (edit_factors.h) */
    size_t edit_count;
    const char *const *loras;  /* [lora_count] folders of adapters to apply (lora.h) */
    size_t lora_count;
} model_source;

/* Opens a model. Reads headers and small files only, and the changes. */
pb_status model_open(model **out, const model_source *source, pb_error *err);
void model_free(model *m);

/* PB_EIO naming a file of weights that became shorter while the model was open: nothing that it says is worth anything. */
pb_status model_check(const model *m, pb_error *err);

/* PB_EINVAL where `folder`, to which results go, is the model's own or lies inside of it: nothing is written there. */
pb_status model_check_output(const model *m, const char *folder, pb_error *err);

/* What all open models took, and the matrix library with its code and buffers: there is before a run begins, and stays. */
size_t model_standing_bytes(void);

/* Adds to m->changes. */
void model_note_change(model *m, const char *file, const char *kind, size_t terms, size_t rank);

/* rows[vision_rows][d_model] = the picture in the file, decoded, processed and encoded. width and height (may be NULL)
 * are the picture's own. */
typedef struct picture {
    size_t width, height;
    float *pixels; /* [3][image_size][image_size], normalised */
} picture;

pb_status picture_open(picture *out, const model *m, const char *path, pb_error *err);
void picture_free(picture *p);

/* areas[vision_rows] = the pixels of a width x height picture that each of the projector's rows shows. */
void picture_areas(const model *m, size_t width, size_t height, image_area *areas);
/* The same of the tower's rows, areas[vision_tower_rows]. */
void tower_areas(const model *m, size_t width, size_t height, image_area *areas);

/* ---- what a family is: one row in model.c's table, one short file ---- */

typedef pb_status (*decoder_opener)(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                                    const char *head, const char *file, pb_error *err);

typedef struct family {
    const char *model_type; /* as config.json says it */
    const char *layout;     /* as in model */
    bool (*fits)(const json_t *config); /* tells families with the same model_type apart; NULL: all others' */
    const char *template_name;
    /* Opens the decoder, which is named as it is alone ("model.", "lm_head.weight") and whose keys are the config's
     * own; NULL for a family that has it elsewhere: */
    decoder_opener decoder;
    /* Fills m->decoder from m->weights and the config; `file` is the config's path. */
    pb_status (*open)(model *m, const json_t *config, const char *file, pb_error *err);
    /* Then m->vision, m->image_token, and m->processor with the tower's defaults, from c: m->weights, or those of a
     * model that lends its vision side to another decoder. NULL for a decoder alone. */
    pb_status (*open_vision)(model *m, const checkpoint *c, const json_t *config, const char *file, pb_error *err);
} family;

extern const family family_llama, family_llava, family_llava_original, family_llava_llama, family_phi, family_qwen2,
    family_bunny_phi, family_bunny_qwen, family_bunny_qwen2, family_bunny_llama;

/* The first of the prefixes (ended by NULL) under which `name` exists in c, or NULL. */
const char *model_find_prefix(const checkpoint *c, const char *const *prefixes, const char *name);
/* The same, or the first of all, so that the error that follows names a tensor. */
const char *model_prefix(const checkpoint *c, const char *const *prefixes, const char *name);

/* Open a decoder whose tensors start with `prefix` ("model."), and whose head is called `head` ("lm_head.weight");
 * sizes from config, with the defaults of the family's config class. Used by every family that has such a decoder. */
pb_status llama_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                             const char *head, const char *file, pb_error *err);
pb_status qwen2_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix,
                             const char *head, const char *file, pb_error *err);
pb_status phi_decoder_open(decoder *d, const checkpoint *c, const json_t *config, const char *prefix, const char *head,
                           const char *file, pb_error *err);

#endif
