/* gguf_vision.c: llama.cpp's mmproj files for LLaVA: a CLIP or SigLIP tower and a projector of two layers ("mlp").
 * Names and keys: llama.cpp's convert_image_encoder_to_gguf.py, which wrote them, and clip.cpp, which reads them.
 *
 * The files say less than a config does, so this is what they mean here:
 * - Features. LLaVA takes the tower's last hidden state but one. The old converter leaves the layer after it out and
 *   counts the others, so the features are what the file's last layer gives; unless "clip.vision.feature_layer" names a
 *   layer, or the tower is whole. Then they are what its last layer but one gives. It is whole where the file is not of
 *   the old converter, which always says "clip.has_llava_projector"; where there is a norm after the last layer; where
 *   there are as many layers as a published tower of that width has. (llama.cpp itself always leaves out the last of the
 *   file's layers.)
 * - ffn_up and ffn_down. The converter calls the MLP's first matrix "down" and its second "up", newer files the other
 *   way round: the shapes tell.
 * - Activations, as in the models that were converted, not llama.cpp's approximations of them: CLIP's quick_gelu, or
 *   gelu where "clip.use_gelu" says so; SigLIP's gelu_pytorch_tanh; between the projector's layers gelu.
 * - Pictures are pasted onto a square of the mean colour, as llama.cpp and LLaVA's own code do, then resized. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "model/gguf.h"
#include "model/mm.h"
#include "model/tower.h"

#define PREFIX "clip.vision"
#define LAYERS "v.blk."

/* In newer files. */
static const vision_names names_up_first = {
    .class_row = "v.class_embd",
    .positions = "v.position_embd.weight",
    .patch = "v.patch_embd",
    .pre_norm = "v.pre_ln",
    .layer_prefix = LAYERS,
    .part = {[VISION_NORM1] = "ln1", [VISION_Q] = "attn_q", [VISION_K] = "attn_k", [VISION_V] = "attn_v",
             [VISION_O] = "attn_out", [VISION_NORM2] = "ln2", [VISION_FC1] = "ffn_up", [VISION_FC2] = "ffn_down"},
};

/* ---- what is refused ---- */

/* The text at `key` must be `wanted` where it is there. */
static pb_status expect_text(const gguf_metadata *m, const char *key, const char *wanted, pb_error *err)
{
    gguf_text found = {wanted, strlen(wanted)};
    TRY(gguf_get_text(m, key, &found, err));
    if (gguf_text_is(found, wanted))
        return PB_OK;
    return fail(err, PB_EUNSUPPORTED, "%s: metadata \"%s\" is \"%s\", patchbay knows \"%s\" here", gguf_path(m), key,
                shown_bytes(found.data, found.size).text, wanted);
}

static pb_status check_kind(const checkpoint *c, pb_error *err)
{
    const gguf_metadata *m = checkpoint_metadata(c);
    bool sees = true;
    TRY(expect_text(m, "general.architecture", "clip", err));
    TRY(gguf_get_bool(m, "clip.has_vision_encoder", &sees, err));
    if (!sees)
        return fail(err, PB_EUNSUPPORTED, "%s: has no vision encoder (\"clip.has_vision_encoder\" is false)",
                    gguf_path(m));
    TRY(expect_text(m, "clip.projector_type", "mlp", err));
    TRY(expect_text(m, PREFIX ".projector_type", "mlp", err));
    TRY(expect_text(m, PREFIX ".mm_patch_merge_type", "flat", err));
    TRY(expect_text(m, PREFIX ".image_aspect_ratio", "pad", err));
    if (checkpoint_find(c, "mm.1.weight") || checkpoint_find(c, "mm.3.weight"))
        return fail(err, PB_EUNSUPPORTED,
                    "%s: its projector has norms, patchbay knows those of LLaVA-1.5, mm.0 and mm.2", gguf_path(m));
    return PB_OK;
}

/* ---- the tower's config ---- */

static const gguf_key numbers[] = {
    {"image_size", "image_size", true, true},
    {"patch_size", "patch_size", true, true},
    {"embedding_length", "hidden_size", true, true},
    {"feed_forward_length", "intermediate_size", true, true},
    {"block_count", "num_hidden_layers", true, true},
    {"attention.head_count", "num_attention_heads", true, true},
    {"attention.layer_norm_epsilon", "layer_norm_eps", false, true},
};

static pb_status put_activation(json_t *tower, const gguf_metadata *m, bool clip, pb_error *err)
{
    bool gelu = false, silu = false;
    TRY(gguf_get_bool(m, "clip.use_gelu", &gelu, err));
    TRY(gguf_get_bool(m, "clip.use_silu", &silu, err));
    const char *act = silu ? "silu" : !clip ? "gelu_pytorch_tanh" : gelu ? "gelu" : "quick_gelu";
    json_object_set_new(tower, "hidden_act", json_string(act));
    return PB_OK;
}

/* As many layers as a published tower of that width has. */
static bool is_published(const json_t *tower)
{
    static const struct {
        double width, layers;
    } published[] = {{768, 12}, {1024, 24}, {1152, 27}, {1280, 32}, {1664, 48}};
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (json_number_value(json_object_get(tower, "hidden_size")) == published[i].width)
            return json_number_value(json_object_get(tower, "num_hidden_layers")) == published[i].layers;
    return false;
}

/* Whether the layers after the features' are in the file too. */
static bool is_whole(const json_t *tower, const checkpoint *c)
{
    return !gguf_has(checkpoint_metadata(c), "clip.has_llava_projector") || checkpoint_find(c, "v.post_ln.weight") ||
           is_published(tower);
}

/* Which hidden state the features are: config["vision_feature_layer"]. */
static pb_status put_feature_layer(json_t *config, const json_t *tower, const checkpoint *c, pb_error *err)
{
    gguf_array named;
    const gguf_metadata *m = checkpoint_metadata(c);
    TRY(gguf_get_numbers(m, PREFIX ".feature_layer", &named, err));
    if (named.count > 1)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: metadata \"" PREFIX ".feature_layer\" names %zu layers, patchbay takes one", gguf_path(m),
                    named.count);
    double layer = named.count ? gguf_number(&named, 0) : is_whole(tower, c) ? -2 : -1;
    json_object_set_new(config, "vision_feature_layer", json_real(layer));
    return PB_OK;
}

static pb_status put_config(json_t *config, const checkpoint *c, pb_error *err)
{
    const gguf_metadata *m = checkpoint_metadata(c);
    bool clip = checkpoint_find(c, "v.class_embd");
    json_t *tower = json_object();
    json_object_set_new(config, "vision_config", tower);
    json_object_set_new(tower, "model_type", json_string(clip ? "clip_vision_model" : "siglip_vision_model"));
    TRY(gguf_put_numbers(tower, m, PREFIX, numbers, sizeof numbers / sizeof *numbers, err));
    TRY(put_activation(tower, m, clip, err));
    return put_feature_layer(config, tower, c, err);
}

/* ---- the picture ---- */

static pb_status get_three(const gguf_metadata *m, const char *key, double values[3], pb_error *err)
{
    gguf_array array;
    TRY(gguf_get_numbers(m, key, &array, err));
    if (array.count != 0 && array.count != 3)
        return fail(err, PB_EFORMAT, "%s: metadata \"%s\" has %zu numbers, expected 3", gguf_path(m), key, array.count);
    for (size_t i = 0; i < array.count; i++)
        values[i] = gguf_number(&array, i);
    return PB_OK;
}

static pb_status read_processor(image_processor *p, const gguf_metadata *m, pb_error *err)
{
    TRY(get_three(m, PREFIX ".image_mean", p->mean, err));
    TRY(get_three(m, PREFIX ".image_std", p->std, err));
    for (size_t i = 0; i < 3; i++)
        if (!(p->mean[i] >= 0 && p->mean[i] <= 1 && p->std[i] > 0 && p->std[i] < 100))
            return fail(err, PB_EFORMAT,
                        "%s: a picture's mean is %g and its standard deviation %g, expected 0 to 1 and "
                        "above 0", gguf_path(m), p->mean[i], p->std[i]);
    p->pad_to_square = true;
    return PB_OK;
}

/* ---- all of it ---- */

/* Whether the MLP's first matrix, whose rows are as long as the tower is wide, is called ffn_down. */
static bool is_down_first(const checkpoint *c, const vision_config *v)
{
    const tensor *down = checkpoint_find(c, LAYERS "0.ffn_down.weight");
    return down && down->rank == 2 && down->shape[1] == v->width;
}

static pb_status open_vision(model *m, const checkpoint *c, const json_t *config, pb_error *err)
{
    const gguf_metadata *metadata = checkpoint_metadata(c);
    const char *file = gguf_path(metadata);
    vision_config v;
    TRY(tower_read(&v, json_object_get(config, "vision_config"), "", file, err));
    TRY(tower_read_feature_layer(&v, config, "vision_feature_layer", file, err));
    v.skipped_rows = v.class_row;
    v.projector_layers = 2;
    v.projector_act = ACTIVATION_GELU;
    v.projector_bias = true;
    v.d_model = m->decoder.config.d_model;
    vision_names names = names_up_first;
    if (is_down_first(c, &v)) {
        names.part[VISION_FC1] = names_up_first.part[VISION_FC2];
        names.part[VISION_FC2] = names_up_first.part[VISION_FC1];
    }
    m->image_token = MM_IMAGE_TOKEN;
    m->processor = tower_processor(&v);
    TRY(read_processor(&m->processor, metadata, err));
    const vision_source source = {.tower = c, .tower_prefix = "", .projector = c, .projector_names = {"mm.0", "mm.2"},
                                  .names = &names};
    return vision_open(&m->vision, &v, &source, err);
}

pb_status gguf_vision(model *m, const checkpoint *c, pb_error *err)
{
    TRY(check_kind(c, err));
    json_t *config = json_object();
    pb_status status = put_config(config, c, err);
    if (!status)
        status = open_vision(m, c, config, err);
    json_decref(config);
    return status;
}
