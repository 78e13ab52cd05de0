/* about_read.c: see about_read.h. */
#include "report/about_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1 << 22 }; /* of a prompt: a file that says more is not believed */

/* ---- texts ---- */

/* A copy of a text that has to be there. */
static pb_status copy_text(const json_at *a, char **out, pb_error *err)
{
    const char *text;
    TRY(json_at_text(a, &text, err));
    *out = mem_text(text);
    return PB_OK;
}

pb_status token_read(about_read *a, const json_at *entry, int32_t *id, pb_error *err)
{
    const char *words;
    json_at number = json_at_key(entry, "id"), text = json_at_key(entry, "text");
    TRY(json_at_id(&number, id, err));
    TRY(json_at_text(&text, &words, err));
    token_texts_add(&a->texts, id, 1, words, json_string_length(text.value)); /* it may hold a NUL */
    return PB_OK;
}

/* ---- model and picture ---- */

pb_status about_model_read(report_about *about, const json_at *root, pb_error *err)
{
    json_at object = json_at_key(root, "model"), path = json_at_key(&object, "path"),
            family_name = json_at_key(&object, "family");
    json_at type = json_at_key(&object, "dtype"), layers = json_at_key(&object, "layers"),
            d_model = json_at_key(&object, "d_model");
    TRY(json_at_object(&object, err));
    TRY(json_at_text(&path, &about->model_path, err));
    TRY(json_at_text(&family_name, &about->family, err));
    TRY(json_at_text(&type, &about->dtype, err));
    TRY(json_at_size(&layers, SIZE_MAX, &about->layers, err));
    return json_at_size(&d_model, SIZE_MAX, &about->d_model, err);
}

static pb_status read_area(const json_at *item, image_area *area, pb_error *err)
{
    const char *word = json_string_value(item->value);
    double edges[4];
    if (word && strcmp(word, "padding") == 0)
        area->kind = AREA_PADDING;
    else if (word && strcmp(word, "class") == 0)
        area->kind = AREA_CLASS;
    else if (!json_is_array(item->value))
        return json_at_wrong(item, "[left, top, right, bottom], \"padding\" or \"class\"", err);
    if (word)
        return PB_OK;
    TRY(json_at_numbers(item, edges, 4, err));
    for (size_t i = 0; i < 4; i++)
        if (!isfinite(edges[i]))
            return json_at_wrong(item, "four numbers", err);
    *area = (image_area){AREA_PIXELS, edges[0], edges[1], edges[2], edges[3]};
    return PB_OK;
}

pb_status areas_read(const json_at *list, size_t count, image_area **areas, pb_error *err)
{
    *areas = NULL;
    TRY(json_at_list_of(list, count, err));
    *areas = mem_new(count, sizeof **areas);
    pb_status status = PB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        json_at item = json_at_item(list, i);
        status = read_area(&item, &(*areas)[i], err);
    }
    if (status) {
        free(*areas);
        *areas = NULL;
    }
    return status;
}

static pb_status read_image(about_read *a, const json_at *root, pb_error *err)
{
    json_at photo = json_at_key(root, "image"), path = json_at_key(&photo, "path"), rows = json_at_key(&photo, "rows");
    json_at width = json_at_key(&photo, "width"), height = json_at_key(&photo, "height"),
            order = json_at_key(&photo, "order");
    json_at areas = json_at_key(root, "image_areas");
    if (!json_at_is_there(&photo))
        return a->prompt.image_count ? json_at_wrong(&photo, "a picture, as tokens has its rows", err) : PB_OK;
    TRY(json_at_object(&photo, err));
    TRY(json_at_text(&path, &a->about.image_path, err));
    TRY(json_at_size(&width, SIZE_MAX, &a->about.image_width, err));
    TRY(json_at_size(&height, SIZE_MAX, &a->about.image_height, err));
    if (json_number_value(rows.value) != (double)a->prompt.image_count)
        return json_at_wrong(&rows, "the number of the image's rows in tokens", err);
    if (json_at_is_there(&order))
        TRY(json_at_text(&order, &a->about.image_order, err));
    if (!json_at_is_there(&areas))
        return PB_OK; /* so there are no maps over the picture */
    TRY(areas_read(&areas, a->prompt.image_count, &a->areas, err));
    a->about.image_areas = a->areas;
    return PB_OK;
}

/* ---- the prompt ---- */

static size_t code_points(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* The question's place in the text. */
static pb_status read_question(prompt *p, const json_at *root, pb_error *err)
{
    json_at place = json_at_key(root, "question"), start = json_at_item(&place, 0), end = json_at_item(&place, 1);
    size_t from, to, most = code_points(p->text);
    TRY(json_at_list_of(&place, 2, err));
    TRY(json_at_size(&start, most, &from, err));
    TRY(json_at_size(&end, most, &to, err));
    if (to < from)
        return json_at_wrong(&end, "not less than the question's start", err);
    p->question_start = (uint32_t)from;
    p->question_end = (uint32_t)to;
    return PB_OK;
}

static void grow_prompt(prompt *p, size_t rows)
{
    p->ids = mem_resize(p->ids, p->length + rows, sizeof *p->ids);
    p->start = mem_resize(p->start, p->length + rows, sizeof *p->start);
    p->end = mem_resize(p->end, p->length + rows, sizeof *p->end);
    for (size_t i = p->length; i < p->length + rows; i++) {
        p->ids[i] = -1;
        p->start[i] = p->end[i] = 0;
    }
    p->length += rows;
}

static pb_status read_image_rows(prompt *p, const json_at *entry, pb_error *err)
{
    json_at count = json_at_key(entry, "count");
    size_t rows;
    if (p->image_count)
        return json_at_wrong(entry, "one entry for all of the image's rows", err);
    TRY(json_at_size(&count, MOST_ROWS - p->length, &rows, err));
    if (rows == 0)
        return json_at_wrong(&count, "one row or more", err);
    p->image_first = p->length;
    p->image_count = rows;
    grow_prompt(p, rows);
    return PB_OK;
}

static pb_status read_row(about_read *a, const json_at *entry, pb_error *err)
{
    prompt *p = &a->prompt;
    json_at position = json_at_key(entry, "position"), name = json_at_key(entry, "span");
    const char *name_text;
    TRY(json_at_object(entry, err));
    TRY(json_at_text(&name, &name_text, err));
    if (!json_is_number(position.value) || json_number_value(position.value) != (double)p->length)
        return json_at_wrong(&position, "the row after the one before", err);
    if (strcmp(name_text, "image") == 0)
        return read_image_rows(p, entry, err);
    if (p->length == MOST_ROWS)
        return json_at_wrong(entry, "no more rows", err);
    grow_prompt(p, 1);
    size_t at = p->length - 1;
    p->has_bos |= at == 0 && strcmp(name_text, "bos") == 0;
    if (strcmp(name_text, "question") == 0) {
        p->start[at] = p->question_start;
        p->end[at] = p->question_end;
    }
    return token_read(a, entry, &p->ids[at], err);
}

static pb_status read_constraints(prompt *p, const json_at *root, pb_error *err)
{
    json_at list = json_at_key(root, "constraints");
    size_t count;
    TRY(json_at_list(&list, &count, err));
    p->constraints = mem_new(count, sizeof *p->constraints);
    p->constraint_texts = mem_new(count, sizeof *p->constraint_texts);
    for (; p->constraint_count < count; p->constraint_count++) {
        size_t i = p->constraint_count;
        json_at item = json_at_item(&list, i), text = json_at_key(&item, "text"),
                rows = json_at_key(&item, "positions");
        TRY(json_at_positions(&rows, p->length, &p->constraints[i].positions, &p->constraints[i].count, err));
        pb_status status = copy_text(&text, &p->constraint_texts[i], err);
        if (status) {
            span_free(&p->constraints[i]);
            return status;
        }
    }
    return PB_OK;
}

static pb_status read_prompt(about_read *a, const json_at *root, pb_error *err)
{
    json_at text = json_at_key(root, "prompt"), tokens = json_at_key(root, "tokens");
    size_t count;
    TRY(copy_text(&text, &a->prompt.text, err));
    TRY(read_question(&a->prompt, root, err));
    TRY(json_at_list(&tokens, &count, err));
    if (count == 0)
        return json_at_wrong(&tokens, "a row or more", err);
    for (size_t i = 0; i < count; i++) {
        json_at entry = json_at_item(&tokens, i);
        TRY(read_row(a, &entry, err));
    }
    return read_constraints(&a->prompt, root, err);
}

pb_status about_read_json(about_read *a, const json_at *root, pb_error *err)
{
    *a = (about_read){0};
    pb_status status = about_model_read(&a->about, root, err);
    if (!status)
        status = read_prompt(a, root, err);
    if (!status)
        status = read_image(a, root, err);
    if (status)
        about_read_free(a);
    a->about.prompt = &a->prompt;
    a->about.texts = &a->texts;
    return status;
}

void about_read_free(about_read *a)
{
    prompt_free(&a->prompt);
    token_texts_free(&a->texts);
    free(a->areas);
    *a = (about_read){0};
}

/* ---- what all results have ---- */

static pb_status read_ids(const json_at *list, int32_t *ids, size_t count, pb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(list, i);
        TRY(json_at_id(&item, &ids[i], err));
    }
    return PB_OK;
}

pb_status answer_read(about_read *a, const json_at *root, int32_t **ids, size_t *count, pb_error *err)
{
    json_at answer = json_at_key(root, "answer"), list = json_at_key(&answer, "ids"),
            text = json_at_key(&answer, "text");
    const char *words;
    TRY(json_at_object(&answer, err));
    TRY(json_at_list(&list, count, err));
    TRY(json_at_text(&text, &words, err));
    if (*count == 0)
        return json_at_wrong(&list, "an id or more", err);
    *ids = mem_new(*count, sizeof **ids);
    pb_status status = read_ids(&list, *ids, *count, err);
    if (status) {
        free(*ids);
        *ids = NULL;
        *count = 0;
        return status;
    }
    token_texts_add(&a->texts, *ids, *count, words, json_string_length(text.value));
    return PB_OK;
}

pb_status top_read(about_read *a, const json_at *list, int32_t *top_id, double *top_prob, size_t n, pb_error *err)
{
    size_t count;
    for (size_t i = 0; i < n; i++) {
        top_id[i] = -1;
        top_prob[i] = 0;
    }
    TRY(json_at_list(list, &count, err));
    if (count > n)
        return json_at_list_of(list, n, err);
    for (size_t i = 0; i < count; i++) {
        json_at item = json_at_item(list, i), prob = json_at_key(&item, "prob");
        TRY(token_read(a, &item, &top_id[i], err));
        TRY(json_at_number(&prob, &top_prob[i], err));
    }
    return PB_OK;
}

pb_status run_read(about_read *a, const json_at *run, run_says *says, pb_error *err)
{
    json_at prob = json_at_key(run, "prob"), logprob = json_at_key(run, "logprob"), top = json_at_key(run, "top");
    TRY(json_at_object(run, err));
    TRY(json_at_number(&prob, &says->prob, err));
    TRY(json_at_number(&logprob, &says->logprob, err));
    return top_read(a, &top, says->top_id, says->top_prob, RUN_TOP, err);
}

pb_status window_read(const json_at *root, window_kind *kind, size_t *size, pb_error *err)
{
    json_at window = json_at_key(root, "window"), name = json_at_key(&window, "kind"),
            number = json_at_key(&window, "size");
    const char *word;
    TRY(json_at_object(&window, err));
    TRY(json_at_text(&name, &word, err));
    if (strcmp(word, "centred") != 0 && strcmp(word, "radius") != 0)
        return json_at_wrong(&name, "\"centred\" or \"radius\"", err);
    *kind = word[0] == 'c' ? WINDOW_CENTRED : WINDOW_RADIUS;
    return json_at_size(&number, SIZE_MAX, size, err);
}

pb_status verify_read(const json_at *root, size_t *cells, double *max_rel_diff, pb_error *err)
{
    json_at verify = json_at_key(root, "verify"), number = json_at_key(&verify, "cells"),
            most = json_at_key(&verify, "max_rel_diff");
    *cells = 0;
    *max_rel_diff = 0;
    if (!json_at_is_there(&verify))
        return PB_OK;
    TRY(json_at_object(&verify, err));
    TRY(json_at_size(&number, SIZE_MAX, cells, err));
    return json_at_number(&most, max_rel_diff, err);
}

pb_status windows_read(const json_at *list, size_t count, size_t (**windows)[2], pb_error *err)
{
    TRY(json_at_list_of(list, count, err));
    *windows = mem_new(count, sizeof **windows);
    for (size_t l = 0; l < count; l++) {
        json_at pair = json_at_item(list, l), first = json_at_item(&pair, 0), last = json_at_item(&pair, 1);
        TRY(json_at_list_of(&pair, 2, err));
        TRY(json_at_size(&first, SIZE_MAX, &(*windows)[l][0], err));
        TRY(json_at_size(&last, SIZE_MAX, &(*windows)[l][1], err));
    }
    return PB_OK;
}

pb_status layers_read(const json_at *root, size_t **layers, size_t *count, pb_error *err)
{
    json_at list = json_at_key(root, "layers");
    TRY(json_at_positions(&list, MOST_ROWS, layers, count, err));
    return *count ? PB_OK : json_at_wrong(&list, "a layer or more", err);
}

pb_status cost_read(const json_at *root, method_cost *cost, pb_error *err)
{
    json_at object = json_at_key(root, "cost"), seconds = json_at_key(&object, "seconds"),
            flop = json_at_key(&object, "flop");
    json_at peak = json_at_key(&object, "peak_rss_bytes");
    TRY(json_at_object(&object, err));
    TRY(json_at_number(&seconds, &cost->seconds, err));
    TRY(json_at_number(&flop, &cost->flop, err));
    return json_at_size(&peak, SIZE_MAX, &cost->peak_rss_bytes, err);
}

pb_status cells_cost_read(const json_at *root, trace_cost *cost, pb_error *err)
{
    json_at object = json_at_key(root, "cost"), phases = json_at_key(&object, "phases");
    const struct { const char *key; double *value; } numbers[] = {
        {"seconds", &cost->seconds}, {"flop", &cost->flop}, {"naive_flop", &cost->naive_flop}};
    const struct { const char *key; size_t *value; } sizes[] = {{"cells", &cost->cells},
        {"cells_skipped", &cost->cells_skipped}, {"waves", &cost->waves}, {"peak_rss_bytes", &cost->peak_rss_bytes}};
    const struct { const char *key; double *value; } spent[] = {{"products", &cost->products},
        {"attention", &cost->attention}, {"readout", &cost->readout}, {"loading", &cost->loading}};
    TRY(json_at_object(&object, err));
    TRY(json_at_object(&phases, err));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_at a = json_at_key(&object, numbers[i].key);
        TRY(json_at_number(&a, numbers[i].value, err));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        json_at a = json_at_key(&object, sizes[i].key);
        TRY(json_at_size(&a, SIZE_MAX, sizes[i].value, err));
    }
    for (size_t i = 0; i < sizeof spent / sizeof *spent; i++) {
        json_at a = json_at_key(&phases, spent[i].key);
        TRY(json_at_number(&a, spent[i].value, err));
    }
    return PB_OK;
}

pb_status matrix_read(const json_at *list, size_t layers, size_t width, double **values, pb_error *err)
{
    TRY(json_at_list_of(list, layers, err));
    *values = mem_new(layers * width, sizeof **values);
    for (size_t l = 0; l < layers; l++) {
        json_at row = json_at_item(list, l);
        TRY(json_at_numbers(&row, *values + l * width, width, err));
    }
    return PB_OK;
}
