/* mm.c: see mm.h. */
#include "model/mm.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/tower.h"

/* ---- what is refused ---- */

static pb_status refuse_flags(const json_t *config, const char *file, pb_error *err)
{
    static const struct {
        const char *key, *why;
    } flags[] = {
        {"mm_use_im_start_end", "tokens around the picture"},
        {"s2", "pictures at several scales"},
        {"use_s2", "pictures at several scales"},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        bool on = false;
        TRY(json_get_bool(config, flags[i].key, &on, file, err));
        if (on)
            return fail(err, PB_EUNSUPPORTED, "%s: \"%s\" is true: %s are not supported", file, flags[i].key,
                        flags[i].why);
    }
    const char *resampler = NULL;
    TRY(json_get_text(config, "mm_resampler_type", &resampler, file, err));
    if (resampler)
        return fail(err, PB_EUNSUPPORTED, "%s: \"mm_resampler_type\" is \"%s\", expected none", file, resampler);
    return PB_OK;
}

/* ---- picture and projector ---- */

static pb_status read_aspect_ratio(bool *pad, const json_t *config, const char *file, pb_error *err)
{
    const char *ratio = "square";
    TRY(json_get_text(config, "image_aspect_ratio", &ratio, file, err));
    *pad = strcmp(ratio, "pad") == 0;
    if (!*pad && strcmp(ratio, "square") != 0)
        return fail(err, PB_EUNSUPPORTED, "%s: \"image_aspect_ratio\" is \"%s\", expected \"pad\" or \"square\"", file,
                    ratio);
    return PB_OK;
}

static pb_status read_projector(vision_config *v, vision_source *s, const json_t *config, const char *otherwise,
                                const char *file, pb_error *err)
{
    static const struct {
        const char *type;
        size_t layers;
        const char *names[2];
    } projectors[] = {
        {"mlp2x_gelu", 2, {"model.mm_projector.0", "model.mm_projector.2"}},
        {"linear", 1, {"model.mm_projector"}},
    };
    const char *type = otherwise;
    TRY(json_get_text(config, "mm_projector_type", &type, file, err));
    v->projector_act = ACTIVATION_GELU;
    v->projector_bias = true;
    for (size_t i = 0; i < sizeof projectors / sizeof *projectors; i++)
        if (strcmp(type, projectors[i].type) == 0) {
            v->projector_layers = projectors[i].layers;
            memcpy(s->projector_names, projectors[i].names, sizeof s->projector_names);
            return PB_OK;
        }
    return fail(err, PB_EUNSUPPORTED, "%s: \"mm_projector_type\" is \"%s\", expected \"mlp2x_gelu\" or \"linear\"",
                file, type);
}

/* A tower without a class row has none to drop. */
static pb_status read_feature(vision_config *v, const json_t *config, const char *file, pb_error *err)
{
    const char *feature = "patch";
    TRY(tower_read_feature_layer(v, config, "mm_vision_select_layer", file, err));
    TRY(json_get_text(config, "mm_vision_select_feature", &feature, file, err));
    bool patch = strcmp(feature, "patch") == 0;
    if (!patch && strcmp(feature, "cls_patch") != 0)
        return fail(err, PB_EUNSUPPORTED,
                    "%s: \"mm_vision_select_feature\" is \"%s\", expected \"patch\" or \"cls_patch\"", file, feature);
    v->skipped_rows = patch && v->class_row;
    return PB_OK;
}

/* ---- the tower ---- */

/* The folder that mm_vision_tower names, absolute or beside the config, or NULL where there is none. free() */
static char *named_folder(const char *name, const char *file)
{
    char *here = mem_text_n(file, (size_t)(path_base(file) - file));
    char *folder = name[0] == '/' ? mem_text(name) : path_join(here, name);
    free(here);
    if (dir_exists(folder))
        return folder;
    free(folder);
    return NULL;
}

static pb_status open_apart(model *m, vision_config *v, vision_source *s, pb_error *err)
{
    if (!dir_exists(m->tower_path))
        return fail(err, PB_EIO, "%s: is not a folder; expected a vision tower's, with config.json and weights",
                    m->tower_path);
    TRY(tower_folder_read(v, m->tower_path, err));
    TRY(checkpoint_open(&m->tower_weights, m->tower_path, err));
    s->tower = m->tower_weights;
    s->tower_prefix = model_prefix(m->tower_weights, tower_prefixes_alone, TOWER_PROBE);
    return PB_OK;
}

/* The sizes of a tower whose weights are the model's own. */
static pb_status read_inside(vision_config *v, const json_t *config, const char *name, const mm_defaults *defaults,
                             const char *file, pb_error *err)
{
    json_t *sizes;
    TRY(json_get_object(config, "vision_config", &sizes, file, err));
    if (sizes)
        return tower_read(v, sizes, defaults->tower_type, file, err);
    char *folder = named_folder(name, file);
    if (folder) {
        pb_status status = tower_folder_read(v, folder, err);
        free(folder);
        return status;
    }
    if (tower_by_name(v, name))
        return PB_OK;
    fail(err, PB_EUNSUPPORTED,
         "%s: the sizes of the vision tower \"%s\" are not known, and there is no \"vision_config\"", file, name);
    return fail_hint(err, "give the tower's own folder with --vision-tower");
}

static pb_status find_tower(model *m, vision_config *v, vision_source *s, const checkpoint *c, const json_t *config,
                            const mm_defaults *defaults, const char *file, pb_error *err)
{
    static const char *const inside[] = {"model.vision_tower.vision_tower.vision_model.",
                                         "model.vision_tower.vision_tower.", "model.vision_tower.vision_model.", NULL};
    const char *name = defaults->tower;
    TRY(json_get_text(config, "mm_vision_tower", &name, file, err));
    s->tower = c;
    s->tower_prefix = model_find_prefix(c, inside, TOWER_PROBE);
    if (!m->tower_path && s->tower_prefix)
        return read_inside(v, config, name, defaults, file, err);
    if (!m->tower_path)
        m->tower_path = named_folder(name, file);
    if (m->tower_path)
        return open_apart(m, v, s, err);
    fail(err, PB_EIO, "%s: the vision tower \"%s\" lies apart from this model", file, name);
    return fail_hint(err, "give its folder with --vision-tower");
}

pb_status mm_vision_open(model *m, const checkpoint *c, const json_t *config, const mm_defaults *defaults,
                         const char *file, pb_error *err)
{
    vision_config v;
    vision_source source = {.names = &vision_names_hf, .projector = c};
    bool pad;
    TRY(refuse_flags(config, file, err));
    TRY(read_aspect_ratio(&pad, config, file, err));
    TRY(find_tower(m, &v, &source, c, config, defaults, file, err));
    TRY(read_feature(&v, config, file, err));
    TRY(read_projector(&v, &source, config, defaults->projector, file, err));
    v.d_model = m->decoder.config.d_model;
    m->image_token = MM_IMAGE_TOKEN;
    m->processor = tower_processor(&v);
    m->processor.pad_to_square = pad;
    return vision_open(&m->vision, &v, &source, err);
}
