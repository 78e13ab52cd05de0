/* stage_read.c: "normalizer" and "pre_tokenizer" of a tokenizer.json as steps, see stage.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/component.h"
#include "text/stage.h"
#include "text/unicode.h"

const char gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static const bool by_default = true;

/* A pattern and what a Replace puts in are short in every real file; long ones would only cost time. */
enum { LONGEST_PATTERN = 10000 };

static pb_status read_pattern(pattern **out, const component *c, pb_error *err)
{
    bool is_regex;
    const char *text;
    size_t size;
    TRY(component_pattern(c, &is_regex, &text, &size, err));
    if (!size || size > LONGEST_PATTERN)
        return fail(err, PB_EUNSUPPORTED, "%s: %s (%s): a pattern of %zu bytes, expected 1 to %d", c->file, c->where,
                    c->type, size, LONGEST_PATTERN);
    if (is_regex)
        return pattern_regex(out, text, size, c->file, c->where, err);
    *out = pattern_literal(text, size);
    return PB_OK;
}

/* ---- normalizers ---- */
static pb_status read_prepend(void *into, const component *c, pb_error *err)
{
    const char *text;
    size_t size;
    TRY(component_text(c, "prepend", &text, &size, err));
    if (size)
        stages_add(into, (stage){.kind = STAGE_PREFIX, .text = mem_text_n(text, size), .text_size = size});
    return PB_OK;
}

static pb_status read_replace(void *into, const component *c, pb_error *err)
{
    const char *text;
    size_t size;
    pattern *what;
    TRY(component_text(c, "content", &text, &size, err));
    TRY(read_pattern(&what, c, err));
    stages_add(into, (stage){.kind = STAGE_REPLACE, .text = mem_text_n(text, size), .text_size = size, .what = what});
    return PB_OK;
}

static pb_status read_nfc(void *into, const component *c, pb_error *err)
{
    (void)c;
    (void)err;
    stages_add(into, (stage){.kind = STAGE_NFC});
    return PB_OK;
}

pb_status stages_read_normalizer(stages *s, const json_t *object, const char *file, pb_error *err)
{
    static const component_kind kinds[] = {
        {"Prepend", read_prepend}, {"Replace", read_replace}, {"NFC", read_nfc}, {NULL, NULL}};
    static const component_table table = {"normalizer", "normalizers", kinds};
    return component_each(&table, object, s, file, err);
}

/* ---- pre-tokenizers ---- */
static pb_status read_behavior(const component *c, split_behavior *behavior, pb_error *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *name;
    size_t size;
    TRY(component_text(c, "behavior", &name, &size, err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            *behavior = (split_behavior)i;
            return PB_OK;
        }
    }
    return fail(err, PB_EFORMAT, "%s: %s (Split): \"behavior\" is \"%.50s\", expected Removed, Isolated, "
                "MergedWithPrevious, MergedWithNext or Contiguous", c->file, c->where, name);
}

static pb_status read_split(void *into, const component *c, pb_error *err)
{
    stage s = {.kind = STAGE_SPLIT};
    TRY(read_behavior(c, &s.behavior, err));
    TRY(component_bool(c, "invert", NULL, &s.invert, err));
    TRY(read_pattern(&s.what, c, err));
    stages_add(into, s);
    return PB_OK;
}

void stages_add_digits(stages *s, bool individual)
{
    stages_add(s, (stage){.kind = STAGE_SPLIT,
                          .what = pattern_class(CLASS_NUMERIC),
                          .behavior = individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS});
}

static pb_status read_digits(void *into, const component *c, pb_error *err)
{
    bool individual;
    TRY(component_bool(c, "individual_digits", NULL, &individual, err));
    stages_add_digits(into, individual);
    return PB_OK;
}

pb_status stages_add_split(stages *s, const char *regex, const char *file, const char *field, pb_error *err)
{
    stage one = {.kind = STAGE_SPLIT, .behavior = SPLIT_ISOLATED};
    TRY(pattern_regex(&one.what, regex, strlen(regex), file, field, err));
    stages_add(s, one);
    return PB_OK;
}

static pb_status read_byte_level(void *into, const component *c, pb_error *err)
{
    bool prefix, trim, regex;
    TRY(component_bool(c, "add_prefix_space", NULL, &prefix, err));
    TRY(component_bool(c, "trim_offsets", NULL, &trim, err)); /* matters to the post-processor alone */
    TRY(component_bool(c, "use_regex", &by_default, &regex, err));
    if (prefix)
        stages_add(into, (stage){.kind = STAGE_PREFIX, .text = mem_text(" "), .text_size = 1, .unless = mem_text(" ")});
    if (regex)
        TRY(stages_add_split(into, gpt2_pattern, c->file, c->where, err));
    stages_add(into, (stage){.kind = STAGE_BYTES});
    return PB_OK;
}

/* Metaspace's "replacement": one character. */
static pb_status read_replacement(const component *c, const char **sign, size_t *size, pb_error *err)
{
    uint32_t code_point;
    TRY(component_text(c, "replacement", sign, size, err));
    if (*size && utf8_read(*sign, *size, &code_point) == *size && code_point)
        return PB_OK;
    return fail(err, PB_EFORMAT, "%s: %s (Metaspace): \"replacement\" is \"%.50s\", expected one character", c->file,
                c->where, *sign);
}

/* "first", "never" or "always"; the older "add_prefix_space": false must agree with it. */
static pb_status read_scheme(const component *c, metaspace_scheme *out, pb_error *err)
{
    const char *scheme = "always";
    size_t size;
    bool prefix;
    if (json_object_get(c->object, "prepend_scheme"))
        TRY(component_text(c, "prepend_scheme", &scheme, &size, err));
    TRY(component_bool(c, "add_prefix_space", &by_default, &prefix, err));
    *out = strcmp(scheme, "never") == 0 ? METASPACE_NEVER : strcmp(scheme, "first") == 0 ? METASPACE_FIRST
                                                                                         : METASPACE_ALWAYS;
    if (*out == METASPACE_ALWAYS && strcmp(scheme, "always") != 0)
        return fail(err, PB_EFORMAT, "%s: %s (Metaspace): \"prepend_scheme\" is \"%.50s\", expected first, never or "
                    "always", c->file, c->where, scheme);
    if (!prefix && *out != METASPACE_NEVER)
        return fail(err, PB_EFORMAT, "%s: %s (Metaspace): \"add_prefix_space\" is false, but \"prepend_scheme\" is "
                    "\"%s\"", c->file, c->where, scheme);
    return PB_OK;
}

void stages_add_metaspace(stages *s, const char *sign, metaspace_scheme scheme)
{
    stages_add(s, (stage){.kind = STAGE_REPLACE,
                          .what = pattern_literal(" ", 1),
                          .text = mem_text(sign),
                          .text_size = strlen(sign)});
    if (scheme != METASPACE_NEVER)
        stages_add(s, (stage){.kind = STAGE_PREFIX,
                              .text = mem_text(sign),
                              .text_size = strlen(sign),
                              .unless = mem_text(sign),
                              .only_first = scheme == METASPACE_FIRST});
}

static pb_status read_metaspace(void *into, const component *c, pb_error *err)
{
    const char *sign;
    size_t size;
    metaspace_scheme scheme;
    bool split;
    TRY(read_replacement(c, &sign, &size, err));
    TRY(read_scheme(c, &scheme, err));
    TRY(component_bool(c, "split", &by_default, &split, err));
    stages_add_metaspace(into, sign, scheme);
    if (split)
        stages_add(into, (stage){.kind = STAGE_SPLIT,
                                 .what = pattern_literal(sign, size),
                                 .behavior = SPLIT_MERGED_WITH_NEXT});
    return PB_OK;
}

pb_status stages_read_pre_tokenizer(stages *s, const json_t *object, const char *file, pb_error *err)
{
    static const component_kind kinds[] = {{"ByteLevel", read_byte_level},
                                           {"Metaspace", read_metaspace},
                                           {"Split", read_split},
                                           {"Digits", read_digits},
                                           {NULL, NULL}};
    static const component_table table = {"pre_tokenizer", "pretokenizers", kinds};
    return component_each(&table, object, s, file, err);
}
