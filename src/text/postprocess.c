/* postprocess.c: see postprocess.h. */
#include "text/postprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "text/component.h"
#include "text/unicode.h"

enum { SPACE_LETTER = 0x120 }; /* a space in byte-level vocabularies */

void postprocess_free(postprocess *p)
{
    free(p->trimmers);
    free(p->pieces);
    *p = (postprocess){0};
}

static void add_piece(postprocess *p, template_piece piece)
{
    p->pieces = mem_resize(p->pieces, p->piece_count + 1, sizeof *p->pieces);
    p->pieces[p->piece_count++] = piece;
}

static void add_trimmer(postprocess *p, trimmer t)
{
    p->trimmers = mem_resize(p->trimmers, p->trimmer_count + 1, sizeof *p->trimmers);
    p->trimmers[p->trimmer_count++] = t;
}

/* ---- ByteLevel ---- */
static pb_status read_byte_level(void *into, const component *c, pb_error *err)
{
    postprocess *p = into;
    bool trim;
    trimmer t;
    TRY(component_bool(c, "trim_offsets", NULL, &trim, err));
    TRY(component_bool(c, "add_prefix_space", NULL, &t.keep_first, err));
    if (trim)
        add_trimmer(p, t);
    return PB_OK;
}

static bool is_space(uint32_t code_point)
{
    return code_point == SPACE_LETTER || unicode_classes(code_point) & CLASS_SPACE;
}

static uint32_t leading_spaces(const char *text, size_t size)
{
    uint32_t count = 0;
    for (size_t at = 0; at < size && is_space(utf8_next(text, &at)); count++)
        ;
    return count;
}

static uint32_t trailing_spaces(const char *text, size_t size)
{
    uint32_t count = 0;
    for (size_t end = size; end > 0; count++) {
        size_t before = utf8_before(text, end), at = before;
        if (!is_space(utf8_next(text, &at)))
            break;
        end = before;
    }
    return count;
}

void postprocess_trim(const postprocess *p, const char *text, size_t size, size_t index, uint32_t *start,
                      uint32_t *end)
{
    for (size_t i = 0; i < p->trimmer_count; i++) {
        uint32_t leading = leading_spaces(text, size), trailing = trailing_spaces(text, size);
        bool first = index == 0 || *start == 0;
        if (leading == 1 && first && p->trimmers[i].keep_first)
            leading = 0;
        *start = *end - *start < leading ? *end : *start + leading;
        if (*end >= trailing)
            *end = *end - *start < trailing ? *start : *end - trailing;
    }
}

/* ---- TemplateProcessing ---- */
static pb_status bad_template(const component *c, size_t i, const char *what, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: %s (TemplateProcessing): single[%zu] %s", c->file, c->where, i, what);
}

/* The ids that "special_tokens" has for a name, which may be several. */
static pb_status add_special(postprocess *p, const component *c, const char *name, size_t i, pb_error *err)
{
    const json_t *special = json_object_get(json_object_get(c->object, "special_tokens"), name);
    const json_t *ids = json_object_get(special, "ids");
    if (!json_is_array(ids))
        return bad_template(c, i, "names a token without an \"ids\" array in \"special_tokens\"", err);
    for (size_t n = 0; n < json_array_size(ids); n++) {
        const json_t *value = json_array_get(ids, n);
        double id = json_number_value(value);
        if (!json_is_number(value) || !(id >= 0 && id <= INT32_MAX && floor(id) == id))
            return bad_template(c, i, "names a token with an id that is no whole number", err);
        add_piece(p, (template_piece){.id = (int32_t)id});
    }
    return PB_OK;
}

static pb_status read_piece(postprocess *p, const component *c, size_t i, pb_error *err)
{
    const json_t *piece = json_array_get(json_object_get(c->object, "single"), i);
    const json_t *sequence = json_object_get(piece, "Sequence");
    const char *text = json_string_value(json_object_get(sequence, "id"));
    const char *name = json_string_value(json_object_get(json_object_get(piece, "SpecialToken"), "id"));
    if (text && strcmp(text, "A") == 0) {
        add_piece(p, (template_piece){.is_text = true});
        return PB_OK;
    }
    if (text)
        return bad_template(c, i, "asks for a second text", err);
    if (!name)
        return bad_template(c, i, "is neither a Sequence nor a SpecialToken with an \"id\"", err);
    return add_special(p, c, name, i, err);
}

static pb_status read_template(void *into, const component *c, pb_error *err)
{
    postprocess *p = into;
    const json_t *single = json_object_get(c->object, "single");
    if (p->has_template)
        return fail(err, PB_EUNSUPPORTED, "%s: %s: a second TemplateProcessing", c->file, c->where);
    if (!json_is_array(single))
        return fail(err, PB_EFORMAT, "%s: %s (TemplateProcessing): \"single\" is %s, expected an array", c->file,
                    c->where, single ? json_kind(single) : "missing");
    p->has_template = true;
    for (size_t i = 0; i < json_array_size(single); i++)
        TRY(read_piece(p, c, i, err));
    return PB_OK;
}

pb_status postprocess_read(postprocess *p, const json_t *object, const char *file, pb_error *err)
{
    static const component_kind kinds[] = {
        {"ByteLevel", read_byte_level}, {"TemplateProcessing", read_template}, {NULL, NULL}};
    static const component_table table = {"post_processor", "processors", kinds};
    *p = (postprocess){0};
    pb_status status = component_each(&table, object, p, file, err);
    if (status)
        postprocess_free(p);
    else if (!p->has_template)
        add_piece(p, (template_piece){.is_text = true});
    return status;
}

void postprocess_make(postprocess *p, int32_t before, int32_t behind, bool trims)
{
    *p = (postprocess){.has_template = true};
    if (before >= 0)
        add_piece(p, (template_piece){.id = before});
    add_piece(p, (template_piece){.is_text = true});
    if (behind >= 0)
        add_piece(p, (template_piece){.id = behind});
    if (trims)
        add_trimmer(p, (trimmer){.keep_first = false});
}
