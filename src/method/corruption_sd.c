/* corruption_sd.c: the spread of the embeddings of a data set's constraint tokens, for noise:sX@FILE.jsonl. See corruption_parts.h.
 *
 * A row gives its `question` and the `text` of each of its `constraints`, whose tokens are those of a plain prompt with that
 * question; rows that lack one of them are passed over. */
#include "method/corruption_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* Sums over the embedding rows of one data set row's constraint tokens. */
typedef struct moments {
    double sum, squares, n;
} moments;

static void add_row(moments *m, const float *row, size_t D)
{
    for (size_t i = 0; i < D; i++) {
        m->sum += (double)row[i];
        m->squares += (double)row[i] * (double)row[i];
    }
    m->n += (double)D;
}

/* The texts of a row's constraints. */
static size_t row_constraints(const json_t *row, const char **texts, size_t most)
{
    size_t count = 0, i;
    const json_t *constraint;
    json_array_foreach(json_object_get(row, "constraints"), i, constraint)
    {
        const char *text = json_string_value(json_object_get(constraint, "text"));
        if (text && *text && count < most)
            texts[count++] = text;
    }
    return count;
}

/* A data set's prompt that cannot be built is told with its line. */
static pb_status build_dataset_prompt(prompt *p, const question *q, const prompt_request *request, const char *name,
                                      pb_error *err)
{
    pb_error why;
    if (prompt_build(p, q->model->tokenizer, request, &why) == PB_OK)
        return PB_OK;
    return fail(err, why.code, "%s: %s", name, why.message);
}

static pb_status add_dataset_row(moments *m, const question *q, const json_t *row, const char *name, pb_error *err)
{
    enum { MOST = 16 };
    const char *texts[MOST], *asked = NULL;
    TRY(json_get_text(row, "question", &asked, name, err));
    size_t count = row_constraints(row, texts, MOST);
    if (!asked || count == 0)
        return PB_OK;
    prompt p;
    prompt_request request = {.question = asked, .template_name = "plain", .constraints = texts,
                              .constraint_count = count, .image_token = -1};
    TRY(build_dataset_prompt(&p, q, &request, name, err));
    size_t D = q->model->decoder.config.d_model;
    float *e = mem_new(D, sizeof *e);
    pb_status status = PB_OK;
    for (size_t i = 0; i < p.constraint_count && !status; i++)
        for (size_t j = 0; j < p.constraints[i].count && !status; j++) {
            status = decoder_embed(&q->model->decoder, &p.ids[p.constraints[i].positions[j]], 1, e, err);
            add_row(m, e, D);
        }
    free(e);
    prompt_free(&p);
    return status;
}

pb_status corruption_dataset_sd(const question *q, const char *path, double *sd, pb_error *err)
{
    file_map map;
    moments m = {0};
    size_t line = 1;
    TRY(file_map_copy(&map, path, err));
    pb_status status = PB_OK;
    const char *text = (const char *)map.data, *end = text + map.size;
    for (const char *next; text && text < end && !status; text = next, line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        next = stop ? stop + 1 : end;
        size_t length = (size_t)((stop ? stop : end) - text);
        if (length == 0 || (length == 1 && *text == '\r'))
            continue;
        char name[512];
        json_t *row;
        snprintf(name, sizeof name, "%s: line %zu", path, line);
        status = json_parse_object(&row, text, length, name, err);
        if (!status) {
            status = add_dataset_row(&m, q, row, name, err);
            json_decref(row);
        }
    }
    file_map_close(&map);
    if (!status && m.n < 2)
        status = fail(err, PB_EINVAL, "%s: holds no questions with constraints", path);
    if (!status)
        *sd = sqrt((m.squares - m.sum * m.sum / m.n) / (m.n - 1));
    return status;
}
