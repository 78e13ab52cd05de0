/* folder_tokens.c: see folder_tokens.h. */
#include "text/folder_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* ---- the files ---- */
static pb_status read_if_there(json_t **out, const char *path, pb_error *err)
{
    return file_exists(path) ? json_read_file(out, path, err) : PB_OK;
}

pb_status folder_files_read(folder_files *f, const char *directory, pb_error *err)
{
    *f = (folder_files){.config_path = path_join(directory, "tokenizer_config.json"),
                        .map_path = path_join(directory, "special_tokens_map.json"),
                        .added_path = path_join(directory, "added_tokens.json")};
    pb_status status = read_if_there(&f->config, f->config_path, err);
    if (!status)
        status = read_if_there(&f->map, f->map_path, err);
    if (!status)
        status = read_if_there(&f->added, f->added_path, err);
    if (status)
        folder_files_free(f);
    else if (!f->config)
        f->config = json_object();
    return status;
}

void folder_files_free(folder_files *f)
{
    json_decref(f->config);
    json_decref(f->map);
    json_decref(f->added);
    free(f->config_path);
    free(f->map_path);
    free(f->added_path);
    *f = (folder_files){0};
}

/* ---- one token ---- */
/* "<s>", or {"content": "<s>", ...} whose flags may be left out. */
static pb_status make_token(added_token *t, const json_t *value, bool special, const char *file, const char *key,
                            pb_error *err)
{
    const json_t *content = json_is_object(value) ? json_object_get(value, "content") : value;
    *t = (added_token){.special = special};
    if (!json_is_string(content))
        return fail(err, PB_EFORMAT, "%s: the token \"%.100s\" is %s, expected a string or an object with \"content\"",
                    file, key, json_kind(value));
    if (json_is_object(value)) {
        bool own = false;
        TRY(json_get_bool(value, "special", &own, file, err));
        t->special |= own;
        t->normalized = !t->special;
        TRY(json_get_bool(value, "lstrip", &t->strip_left, file, err));
        TRY(json_get_bool(value, "rstrip", &t->strip_right, file, err));
        TRY(json_get_bool(value, "single_word", &t->single_word, file, err));
        TRY(json_get_bool(value, "normalized", &t->normalized, file, err));
    }
    t->size = t->form_size = json_string_length(content);
    t->content = mem_text_n(json_string_value(content), t->size);
    t->form = mem_text_n(t->content, t->size);
    return PB_OK;
}

/* ---- names: "bos_token" and so on ---- */
static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
enum { NAMES = sizeof names / sizeof *names };

/* Whether the lists of older checkpoints count: only where there is no newer one. */
static bool is_older(const folder_files *f)
{
    return !json_object_get(f->config, "added_tokens_decoder");
}

/* What the files say of a name, JSON null included; NULL: nothing. *file: where. */
static const json_t *named(const folder_files *f, const char *name, const char **file)
{
    const json_t *value = f->map && is_older(f) ? json_object_get(f->map, name) : NULL;
    *file = value ? f->map_path : f->config_path;
    return value ? value : json_object_get(f->config, name);
}

static const char *content_of(const json_t *value)
{
    return json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
}

/* The name's token, or what holds where the files say nothing. */
static const char *name_or(const folder_files *f, const char *name, const char *otherwise)
{
    const char *file;
    const json_t *value = named(f, name, &file);
    return value ? content_of(value) : otherwise;
}

static bool is_further_name(const char *key, const json_t *value)
{
    size_t size = strlen(key);
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(key, names[i]) == 0)
            return false;
    return size > 6 && strcmp(key + size - 6, "_token") == 0 && (json_is_string(value) || json_is_object(value));
}

static const json_t *extra_tokens(const folder_files *f)
{
    const json_t *extra = json_object_get(f->config, "extra_special_tokens");
    return json_is_array(extra) || json_is_object(extra) ? extra
                                                         : json_object_get(f->config, "additional_special_tokens");
}

/* ---- all of them ---- */
typedef struct reader {
    added_tokens *a;
    const folder_tokens *t;
    const folder_files *f;
    size_t listed; /* how many of them come from a list with ids: later ones do not change those */
    pb_error *err;
} reader;

static bool is_listed(const reader *r, const char *content)
{
    const added_token *old = added_find(r->a, content, strlen(content));
    return old && (size_t)(old - r->a->list) < r->listed;
}

static pb_status add_value(reader *r, const json_t *value, const char *file, const char *key)
{
    added_token t;
    const char *content = content_of(value);
    if (content && is_listed(r, content))
        return PB_OK;
    TRY(make_token(&t, value, true, file, key, r->err));
    added_enter(r->a, t, r->t->words);
    return PB_OK;
}

static bool is_name_of(const reader *r, const char *content)
{
    const char *const texts[NAMES] = {r->t->bos, r->t->eos, r->t->unknown, name_or(r->f, "sep_token", NULL),
                                      name_or(r->f, "pad_token", NULL), name_or(r->f, "cls_token", NULL),
                                      name_or(r->f, "mask_token", NULL)};
    for (size_t i = 0; i < NAMES; i++)
        if (texts[i] && strcmp(texts[i], content) == 0)
            return true;
    const char *key;
    json_t *value;
    json_object_foreach(r->f->config, key, value)
        if (is_further_name(key, value) && content_of(value) && strcmp(content_of(value), content) == 0)
            return true;
    return false;
}

static bool is_extra(const reader *r, const char *content)
{
    const json_t *extra = extra_tokens(r->f), *one;
    size_t i;
    json_array_foreach(extra, i, one)
        if (content_of(one) && strcmp(content_of(one), content) == 0)
            return true;
    return false;
}

/* A token of a list, and its place in it. */
typedef struct listed {
    double id;
    const char *key; /* of added_tokens_decoder the id, of added_tokens.json the content */
    const json_t *value;
} listed;

static int by_id(const void *left, const void *right)
{
    const listed *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* {"32000": {"content": "<image>", ...}} or {"<image>": 32000}. */
static pb_status read_listed(const reader *r, listed *one, bool older, const char *file)
{
    char *end;
    one->id = older ? json_number_value(one->value) : strtod(one->key, &end);
    if (older ? !json_is_number(one->value) : *end != '\0' || end == one->key)
        return fail(r->err, PB_EFORMAT, "%s: the id of \"%.100s\" is no number", file, one->key);
    return PB_OK;
}

static pb_status add_listed(reader *r, const listed *one, bool older, const char *file)
{
    added_token t;
    if (older) {
        t = added_plain(one->key, is_name_of(r, one->key) || is_extra(r, one->key));
        t.normalized = !t.special;
    } else {
        TRY(make_token(&t, one->value, false, file, one->key, r->err));
        t.special |= is_name_of(r, t.content);
    }
    t.normalized &= !r->t->never_normalized;
    added_enter(r->a, t, r->t->words);
    return PB_OK;
}

static pb_status add_list(reader *r)
{
    bool older = is_older(r->f);
    json_t *list = older ? r->f->added : json_object_get(r->f->config, "added_tokens_decoder"), *value;
    const char *key, *file = older ? r->f->added_path : r->f->config_path;
    listed *all = mem_new(json_object_size(list), sizeof *all);
    size_t count = 0;
    pb_status status = PB_OK;
    json_object_foreach(list, key, value) {
        all[count] = (listed){0, key, value};
        status = status ? status : read_listed(r, &all[count++], older, file);
    }
    if (count)
        qsort(all, count, sizeof *all, by_id);
    for (size_t i = 0; i < count && !status; i++)
        status = add_listed(r, &all[i], older, file);
    r->listed = r->a->count;
    free(all);
    return status;
}

static pb_status add_named(reader *r)
{
    const char *const defaults[NAMES] = {r->t->bos, r->t->eos, r->t->unknown};
    for (size_t i = 0; i < NAMES; i++) {
        const char *file;
        const json_t *value = named(r->f, names[i], &file);
        if (value && !json_is_null(value))
            TRY(add_value(r, value, file, names[i]));
        else if (!value && defaults[i] && !is_listed(r, defaults[i]))
            added_enter(r->a, added_plain(defaults[i], true), r->t->words);
    }
    const char *key;
    json_t *value;
    json_object_foreach(r->f->config, key, value)
        if (is_further_name(key, value))
            TRY(add_value(r, value, r->f->config_path, key));
    return PB_OK;
}

static bool is_added_piece(const folder_tokens *t, size_t id)
{
    unsigned kind = t->pieces->kinds[id];
    return kind == PIECE_CONTROL || (kind == PIECE_USER_DEFINED && t->user_defined_too);
}

static size_t count_pieces(const folder_tokens *t)
{
    size_t count = 0;
    for (size_t i = 0; t->pieces && i < t->words->count; i++)
        count += is_added_piece(t, i);
    return count;
}

static void add_pieces(reader *r)
{
    for (size_t i = 0; r->t->pieces && i < r->t->words->count; i++) {
        const char *text = r->t->words->entries[i].text;
        if (is_added_piece(r->t, i) && !is_listed(r, text))
            added_enter(r->a, added_plain(text, r->t->pieces->kinds[i] == PIECE_CONTROL), r->t->words);
    }
}

/* What the config lists as special; where it lists nothing, the model's control pieces. */
static pb_status add_extra(reader *r)
{
    const json_t *extra = extra_tokens(r->f);
    const char *key;
    json_t *value;
    size_t i;
    if (!json_is_array(extra) || !json_array_size(extra))
        add_pieces(r);
    json_array_foreach(extra, i, value)
        TRY(add_value(r, value, r->f->config_path, "extra_special_tokens"));
    json_object_foreach((json_t *)extra, key, value)
        TRY(add_value(r, value, r->f->config_path, key));
    return PB_OK;
}

/* How many there may be, at most. */
static size_t count_all(const reader *r)
{
    const json_t *extra = extra_tokens(r->f);
    return json_object_size(r->f->added) + json_object_size(json_object_get(r->f->config, "added_tokens_decoder")) +
           NAMES + json_object_size(r->f->config) + json_array_size(extra) + json_object_size(extra) +
           count_pieces(r->t);
}

pb_status folder_tokens_read(added_tokens *a, folder_tokens *t, const folder_files *f, pb_error *err)
{
    reader r = {a, t, f, 0, err};
    t->bos = name_or(f, "bos_token", t->bos);
    t->eos = name_or(f, "eos_token", t->eos);
    t->unknown = name_or(f, "unk_token", t->unknown);
    added_begin(a, count_all(&r));
    pb_status status = add_list(&r);
    if (!status)
        status = add_named(&r);
    if (!status)
        status = add_extra(&r);
    if (!status)
        status = added_end(a, t->words, f->config_path, err);
    return status;
}
