/* processor_config.c: image processor settings from a checkpoint's folder. See processor.h.
 *
 * As in HF, a missing key has the class's default but a step that is null is off, a plain number for `size` is the
 * shortest edge (none of these classes defaults to a square) and for `crop_size` a square, and the nested form of
 * transformers 5 wins over the older file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "image/processor.h"

enum { MAX_SIDE = 16384 };

/* The classes that do what image_process does, with or without "Fast" or "Pil" behind the name. */
static const struct class {
    const char *name;
    image_processor (*defaults)(void);
    bool do_pad_is_square; /* its `do_pad` means expand2square */
} classes[] = {
    {"CLIPImageProcessor", image_processor_clip, false},
    {"CLIPFeatureExtractor", image_processor_clip, false},
    {"BitImageProcessor", image_processor_clip, false},
    {"LlavaImageProcessor", image_processor_clip, true},
    {"SiglipImageProcessor", image_processor_siglip, false},
};

static bool is_class(const char *name, const char *class_name)
{
    size_t n = strlen(class_name);
    if (strncmp(name, class_name, n) != 0)
        return false;
    return name[n] == '\0' || strcmp(name + n, "Fast") == 0 || strcmp(name + n, "Pil") == 0;
}

/* *found = the class that the file names; NULL when it names none. */
static pb_status read_class(const struct class **found, const json_t *config, const char *file, pb_error *err)
{
    const char *name = NULL, *key = "image_processor_type";
    *found = NULL;
    TRY(json_get_text(config, key, &name, file, err));
    if (!name) {
        key = "feature_extractor_type";
        TRY(json_get_text(config, key, &name, file, err));
    }
    if (!name)
        return PB_OK;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (is_class(name, classes[i].name)) {
            *found = &classes[i];
            return PB_OK;
        }
    return fail(err, PB_EUNSUPPORTED,
                "%s: \"%s\" is \"%s\", expected CLIPImageProcessor, SiglipImageProcessor, LlavaImageProcessor or "
                "BitImageProcessor",
                file, key, name);
}

/* A side's length at object[key], which stands in the file as `path`. */
static pb_status read_side(const json_t *object, const char *key, const char *path, size_t *side, const char *file,
                           pb_error *err)
{
    size_t value = 0;
    if (!json_is_number(json_object_get(object, key)))
        return fail(err, PB_EFORMAT, "%s: \"%s\" is not a whole number", file, path);
    TRY(json_get_size(object, key, &value, file, err));
    if (value == 0 || value > MAX_SIDE)
        return fail(err, PB_EFORMAT, "%s: \"%s\" is %zu, expected 1 to %d", file, path, value, MAX_SIDE);
    *side = value;
    return PB_OK;
}

static bool has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

/* Keys of `size` with which HF would choose the size in another way. */
static pb_status refuse_keys(const json_t *size, const char *file, pb_error *err)
{
    static const char *const others[] = {"longest_edge", "max_height", "max_width", "min_pixels", "max_pixels"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has(size, others[i]))
            return fail(err, PB_EUNSUPPORTED,
                        "%s: \"size.%s\" is not known, expected \"shortest_edge\", or \"height\" and \"width\"", file,
                        others[i]);
    return PB_OK;
}

static pb_status read_size(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    const json_t *size = json_object_get(config, "size");
    if (!has(config, "size"))
        return PB_OK;
    p->shortest_edge = p->width = p->height = 0;
    if (json_is_number(size))
        return read_side(config, "size", "size", &p->shortest_edge, file, err);
    if (!json_is_object(size))
        return fail(err, PB_EFORMAT, "%s: \"size\" is %s, expected a number or an object", file, json_kind(size));
    TRY(refuse_keys(size, file, err));
    if (has(size, "shortest_edge"))
        return read_side(size, "shortest_edge", "size.shortest_edge", &p->shortest_edge, file, err);
    TRY(read_side(size, "height", "size.height", &p->height, file, err));
    return read_side(size, "width", "size.width", &p->width, file, err);
}

static pb_status read_crop_size(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    const json_t *size = json_object_get(config, "crop_size");
    if (!has(config, "crop_size"))
        return PB_OK;
    if (json_is_number(size)) {
        TRY(read_side(config, "crop_size", "crop_size", &p->crop_height, file, err));
        p->crop_width = p->crop_height;
        return PB_OK;
    }
    if (!json_is_object(size))
        return fail(err, PB_EFORMAT, "%s: \"crop_size\" is %s, expected a number or an object", file, json_kind(size));
    TRY(read_side(size, "height", "crop_size.height", &p->crop_height, file, err));
    return read_side(size, "width", "crop_size.width", &p->crop_width, file, err);
}

/* Three numbers from `least` (or just above it) to `most`; a single number counts for all three channels. */
static pb_status read_three(const json_t *config, const char *key, double out[3], double least, bool or_equal,
                            double most, const char *file, pb_error *err)
{
    const json_t *list = json_object_get(config, key);
    if (!has(config, key))
        return PB_OK;
    if (!json_is_number(list) && (!json_is_array(list) || json_array_size(list) != 3))
        return fail(err, PB_EFORMAT, "%s: \"%s\" is not a list of 3 numbers", file, key);
    for (size_t c = 0; c < 3; c++) {
        const json_t *item = json_is_array(list) ? json_array_get(list, c) : list;
        if (!json_is_number(item))
            return fail(err, PB_EFORMAT, "%s: \"%s\" holds %s, expected 3 numbers", file, key, json_kind(item));
        double value = json_number_value(item);
        if (!((value > least || (or_equal && value >= least)) && value <= most))
            return fail(err, PB_EFORMAT, "%s: \"%s\" holds %g, expected %s %g to %g", file, key, value,
                        or_equal ? "numbers from" : "numbers above", least, most);
        out[c] = value;
    }
    return PB_OK;
}

static pb_status read_rescale(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    TRY(json_get_real(config, "rescale_factor", &p->rescale_factor, file, err));
    if (!(p->rescale_factor > 0 && p->rescale_factor <= 1000))
        return fail(err, PB_EFORMAT, "%s: \"rescale_factor\" is %g, expected a number above 0 to 1000", file,
                    p->rescale_factor);
    return PB_OK;
}

static pb_status read_filter(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    size_t filter = p->filter;
    TRY(json_get_size(config, "resample", &filter, file, err));
    if (filter > IMAGE_HAMMING)
        return fail(err, PB_EUNSUPPORTED, "%s: \"resample\" is %zu, expected 0 (nearest) to 5 (hamming)", file, filter);
    p->filter = (image_filter)filter;
    return PB_OK;
}

static pb_status read_step(const json_t *config, const char *key, bool *on, const char *file, pb_error *err)
{
    if (json_is_null(json_object_get(config, key)))
        *on = false;
    return json_get_bool(config, key, on, file, err);
}

static pb_status read_steps(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    TRY(read_step(config, "do_resize", &p->resize, file, err));
    TRY(read_step(config, "do_center_crop", &p->crop, file, err));
    TRY(read_step(config, "do_rescale", &p->rescale, file, err));
    return read_step(config, "do_normalize", &p->normalize, file, err);
}

/* A step that is on and whose value is null: HF refuses to run it. */
static pb_status refuse_nulls(const image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    const struct {
        const char *key;
        bool needed;
    } values[] = {{"size", p->resize},           {"resample", p->resize},      {"crop_size", p->crop},
                  {"rescale_factor", p->rescale}, {"image_mean", p->normalize}, {"image_std", p->normalize}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i].needed && json_is_null(json_object_get(config, values[i].key)))
            return fail(err, PB_EFORMAT, "%s: \"%s\" is null, but its step is on", file, values[i].key);
    return PB_OK;
}

/* LLaVA's class pads to a square before; in the others `do_pad` fills up a batch, which one picture does not need,
 * unless a size is asked for. */
static pb_status read_pad(image_processor *p, const json_t *config, const struct class *class, const char *file,
                          pb_error *err)
{
    bool pad = class && class->do_pad_is_square ? p->pad_to_square : false;
    TRY(json_get_bool(config, "do_pad", &pad, file, err));
    if (class && class->do_pad_is_square)
        p->pad_to_square = pad;
    else if (pad && has(config, "pad_size"))
        return fail(err, PB_EUNSUPPORTED, "%s: \"do_pad\" with a \"pad_size\" is not known", file);
    return PB_OK;
}

static pb_status read_config(image_processor *p, const json_t *config, const char *file, pb_error *err)
{
    const struct class *class;
    bool convert_rgb = true; /* pictures are RGB already */
    TRY(read_class(&class, config, file, err));
    if (class) {
        bool pad = p->pad_to_square; /* the family's, whatever the class */
        *p = class->defaults();
        p->pad_to_square = pad;
    }
    TRY(json_get_bool(config, "do_convert_rgb", &convert_rgb, file, err));
    TRY(read_steps(p, config, file, err));
    TRY(refuse_nulls(p, config, file, err));
    TRY(read_filter(p, config, file, err));
    TRY(read_size(p, config, file, err));
    TRY(read_crop_size(p, config, file, err));
    TRY(read_rescale(p, config, file, err));
    TRY(read_three(config, "image_mean", p->mean, 0, true, 1, file, err));
    TRY(read_three(config, "image_std", p->std, 0, false, 1000, file, err));
    TRY(read_pad(p, config, class, file, err));
    if (p->crop && (p->crop_width == 0 || p->crop_height == 0))
        return fail(err, PB_EFORMAT, "%s: \"do_center_crop\" is true, but there is no \"crop_size\"", file);
    return PB_OK;
}

/* *config = what is inside `key` of directory/name, or the whole file where key is NULL; NULL when there is none. The
 * caller frees *path and *file. */
static pb_status open_config(json_t **file, json_t **config, char **path, const char *directory, const char *name,
                             const char *key, pb_error *err)
{
    *file = *config = NULL;
    *path = path_join(directory, name);
    if (!file_exists(*path))
        return PB_OK;
    TRY(json_read_file(file, *path, err));
    *config = *file;
    return key ? json_get_object(*file, key, config, *path, err) : PB_OK;
}

static const struct {
    const char *name, *key;
} places[] = {{"processor_config.json", "image_processor"}, {"preprocessor_config.json", NULL}};

bool image_processor_stored(const char *directory)
{
    bool found = false;
    for (size_t i = 0; !found && i < sizeof places / sizeof *places; i++) {
        char *path = path_join(directory, places[i].name);
        found = file_exists(path);
        free(path);
    }
    return found;
}

pb_status image_processor_read(image_processor *out, const char *directory, const image_processor *family_defaults,
                               pb_error *err)
{
    image_processor p = *family_defaults;
    pb_status status = PB_OK;
    bool found = false;
    for (size_t i = 0; status == PB_OK && !found && i < sizeof places / sizeof *places; i++) {
        json_t *file, *config;
        char *path;
        status = open_config(&file, &config, &path, directory, places[i].name, places[i].key, err);
        found = config != NULL;
        if (status == PB_OK && found)
            status = read_config(&p, config, path, err);
        json_decref(file);
        free(path);
    }
    if (status == PB_OK)
        *out = p;
    return status;
}
