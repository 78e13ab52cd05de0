/* corruption.c: see corruption.h. What is to be made wrong is parsed, prepared for the question, and applied sample by sample. */
#include "method/corruption.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/npy.h"
#include "method/corruption_parts.h"

/* ---- parsing ---- */

static const struct {
    const char *name;
    corruption_kind kind;
    const char *argument; /* what must stand after the colon; NULL: nothing */
} kinds[] = {
    {"swap", CORRUPT_SWAP, "TEXT"},
    {"swap-phrase", CORRUPT_SWAP_PHRASE, "TEXT"},
    {"noise", CORRUPT_NOISE, "X, sX or sX@FILE.jsonl"},
    {"image", CORRUPT_IMAGE, "FILE"},
    {"image-noise", CORRUPT_IMAGE_NOISE, "S"},
    {"image-mean", CORRUPT_IMAGE_MEAN, "DIR"},
    {"image-rowmean", CORRUPT_IMAGE_ROWMEAN, NULL},
};

static pb_status parse_amount(corruption *c, const char *text, const char *spec, pb_error *err)
{
    char *end;
    c->in_sd = c->kind == CORRUPT_NOISE && text[0] == 's';
    c->amount = strtod(text + c->in_sd, &end);
    bool file_follows = c->in_sd && end[0] == '@' && end[1] != '\0';
    if (end == text + c->in_sd || (*end && !file_follows) || !isfinite(c->amount) || c->amount < 0)
        return fail(err, PB_EINVAL, "--corrupt %s: \"%s\" is no amount of noise (a number of at least 0%s)", spec, text,
                    c->kind == CORRUPT_NOISE ? ", or s and a number" : "");
    if (file_follows)
        c->argument = mem_text(end + 1);
    return PB_OK;
}

static pb_status parse(corruption *c, const char *spec, pb_error *err)
{
    size_t name = strcspn(spec, ":");
    c->spec = mem_text(spec);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].name) != name || strncmp(spec, kinds[i].name, name) != 0)
            continue;
        const char *argument = spec[name] == ':' ? spec + name + 1 : NULL;
        c->kind = kinds[i].kind;
        if (kinds[i].argument ? !argument || !*argument : argument != NULL)
            return fail(err, PB_EINVAL, "--corrupt %s: expected %s%s%s", spec, kinds[i].name,
                        kinds[i].argument ? ":" : "", kinds[i].argument ? kinds[i].argument : " alone");
        if (c->kind == CORRUPT_NOISE || c->kind == CORRUPT_IMAGE_NOISE)
            return parse_amount(c, argument, spec, err);
        c->argument = mem_text(argument);
        return PB_OK;
    }
    fail(err, PB_EINVAL, "--corrupt %s: there is no such corruption", spec);
    return fail_hint(err, "known: swap:TEXT, swap-phrase:TEXT, noise:X, noise:sX, noise:sX@FILE.jsonl, image:FILE, "
                          "image-noise:S, image-mean:DIR, image-rowmean");
}

static bool touches_image(corruption_kind kind)
{
    return kind == CORRUPT_IMAGE || kind == CORRUPT_IMAGE_NOISE || kind == CORRUPT_IMAGE_MEAN ||
           kind == CORRUPT_IMAGE_ROWMEAN;
}

static bool is_drawn(corruption_kind kind)
{
    return kind == CORRUPT_NOISE || kind == CORRUPT_IMAGE_NOISE;
}

/* ---- preparing ---- */

/* swap-phrase: each stretch of neighbouring positions must take exactly the phrase. */
static pb_status check_phrase(const corruption *c, const span *s, pb_error *err)
{
    for (size_t i = 0, n; i < s->count; i += n) {
        for (n = 1; i + n < s->count && s->positions[i + n] == s->positions[i] + n;)
            n++;
        if (n != c->id_count) {
            fail(err, PB_EINVAL, "swap-phrase:%s makes %zu tokens, but the span it replaces has %zu", c->argument,
                 c->id_count, n);
            return fail_hint(err, "choose a phrase of %zu tokens", n);
        }
    }
    return PB_OK;
}

static pb_status prepare_swap(corruption *c, const question *q, const span *s, pb_error *err)
{
    TRY(tokenizer_mid_sentence(q->model->tokenizer, c->argument, "--corrupt swap", &c->ids, &c->id_count, err));
    if (c->kind == CORRUPT_SWAP_PHRASE)
        return check_phrase(c, s, err);
    c->id_count = 1;
    return PB_OK;
}

static pb_status prepare_noise(corruption *c, const question *q, pb_error *err)
{
    double sd = 1;
    if (c->argument)
        TRY(corruption_dataset_sd(q, c->argument, &sd, err));
    else if (c->in_sd)
        TRY(decoder_embedding_sd(&q->model->decoder, &sd, err));
    c->amount *= sd;
    return PB_OK;
}

static pb_status rows_try(corruption *c, const question *q, pb_error *err)
{
    return mem_try(&c->rows, q->prompt.image_count, q->model->decoder.config.d_model * sizeof(float),
                   "another picture's rows", err);
}

static pb_status prepare_mean(corruption *c, const question *q, pb_error *err)
{
    TRY(rows_try(c, q, err));
    return corruption_mean_rows(q, c->argument, c->rows, err);
}

static pb_status prepare_rowmean(corruption *c, const question *q, pb_error *err)
{
    size_t D = q->model->decoder.config.d_model, n = q->prompt.image_count;
    TRY(rows_try(c, q, err));
    for (size_t i = 0; i < D; i++) {
        double sum = 0;
        for (size_t r = 0; r < n; r++)
            sum += (double)q->image_rows[r * D + i];
        for (size_t r = 0; r < n; r++)
            c->rows[r * D + i] = (float)(sum / (double)n);
    }
    return PB_OK;
}

static pb_status prepare_noise_file(corruption_list *list, corruption *c, const question *q, pb_error *err)
{
    size_t shape[3], D = q->model->decoder.config.d_model;
    TRY(npy_read_f32(&c->rows, shape, 3, c->argument, err));
    if (shape[0] == 0 || shape[1] != list->span.count || shape[2] != D)
        return fail(err, PB_EINVAL, "%s: has shape [%zu, %zu, %zu], expected [samples, %zu constraint tokens, %zu]",
                    c->argument, shape[0], shape[1], shape[2], list->span.count, D);
    list->samples = shape[0];
    return PB_OK;
}

static pb_status prepare_one(corruption_list *list, corruption *c, const question *q, pb_error *err)
{
    if (touches_image(c->kind) && !q->image_rows)
        return fail(err, PB_EINVAL, "a corruption of the picture was asked for, but no --image was given");
    switch (c->kind) {
    case CORRUPT_SWAP:
    case CORRUPT_SWAP_PHRASE: return prepare_swap(c, q, &list->span, err);
    case CORRUPT_NOISE: return prepare_noise(c, q, err);
    case CORRUPT_NOISE_FILE: return prepare_noise_file(list, c, q, err);
    case CORRUPT_IMAGE: TRY(rows_try(c, q, err)); return question_encode_file(q, c->argument, c->rows, err);
    case CORRUPT_IMAGE_NOISE: return PB_OK;
    case CORRUPT_IMAGE_MEAN: return prepare_mean(c, q, err);
    case CORRUPT_IMAGE_ROWMEAN: return prepare_rowmean(c, q, err);
    }
    return PB_OK;
}

static pb_status check_text_span(const corruption_list *c, const question *q, pb_error *err)
{
    for (size_t i = 0; i < c->span.count; i++)
        if (prompt_is_image(&q->prompt, c->span.positions[i]))
            return fail(err, PB_EINVAL, "--corrupt-span holds image row %zu; text corruptions take text rows",
                        c->span.positions[i]);
    return PB_OK;
}

/* --noise-file is an option of its own, reported like the others. */
static corruption noise_file(const char *path)
{
    buffer spec = {0};
    buffer_printf(&spec, "noise-file:%s", path);
    return (corruption){.kind = CORRUPT_NOISE_FILE, .spec = spec.data, .argument = mem_text(path)};
}

static pb_status parse_all(corruption_list *c, const pb_trace_options *options, pb_error *err)
{
    c->items = mem_new(options->corruption_count + 2, sizeof *c->items);
    for (size_t i = 0; i < options->corruption_count; i++)
        TRY(parse(&c->items[c->count++], options->corruptions[i], err));
    if (options->noise_file)
        c->items[c->count++] = noise_file(options->noise_file);
    if (c->count == 0)
        TRY(parse(&c->items[c->count++], "swap:Paris", err));
    return PB_OK;
}

pb_status corruption_check(const pb_trace_options *options, pb_error *err)
{
    corruption_list c = {0};
    pb_status status = parse_all(&c, options, err);
    corruption_free(&c);
    return status;
}

static pb_status prepare(corruption_list *c, const question *q, const pb_trace_options *options, pb_error *err)
{
    bool on_text = false;
    TRY(parse_all(c, options, err));
    for (size_t i = 0; i < c->count; i++) {
        if (touches_image(c->items[i].kind) && c->on_image)
            return fail(err, PB_EINVAL, "two corruptions of the picture were asked for; only one can hold");
        c->on_image |= touches_image(c->items[i].kind);
        on_text |= !touches_image(c->items[i].kind);
        if (is_drawn(c->items[i].kind))
            c->samples = options->samples ? options->samples : 10;
    }
    if (on_text) {
        TRY(prompt_span(&q->prompt, options->corrupt_span ? options->corrupt_span : "constraint", &c->span, err));
        TRY(check_text_span(c, q, err));
    }
    for (size_t i = 0; i < c->count; i++)
        TRY(prepare_one(c, &c->items[i], q, err));
    return PB_OK;
}

pb_status corruption_prepare(corruption_list *c, const question *q, const pb_trace_options *options, pb_error *err)
{
    *c = (corruption_list){.samples = 1, .random = random_from(options->run.seed)};
    pb_status status = prepare(c, q, options, err);
    if (status)
        corruption_free(c);
    return status;
}

static size_t pixel_count(const question *q)
{
    size_t side = vision_settings(q->model->vision)->image_size;
    return 3 * side * side;
}

static pb_status load_pixels(corruption_list *c, const question *q, const char *path, pb_error *err)
{
    picture other;
    TRY(picture_open(&other, q->model, path, err));
    memcpy(c->pixels, other.pixels, pixel_count(q) * sizeof *c->pixels);
    picture_free(&other);
    return PB_OK;
}

pb_status corruption_watch_pixels(corruption_list *c, const question *q, pb_error *err)
{
    TRY(mem_try(&c->pixels, pixel_count(q), sizeof *c->pixels, "the picture's pixels", err));
    for (size_t i = 0; i < c->count; i++) {
        const corruption *item = &c->items[i];
        if (item->kind == CORRUPT_IMAGE)
            return load_pixels(c, q, item->argument, err);
        if (item->kind == CORRUPT_IMAGE_MEAN || item->kind == CORRUPT_IMAGE_ROWMEAN) {
            fail(err, PB_EINVAL, "--corrupt %s: makes rows behind the vision tower wrong, so that the tower has no corrupted "
                 "run", item->spec);
            return fail_hint(err, "the tower's sites need --corrupt image:FILE or image-noise:S; proj.hook_out takes all");
        }
    }
    return PB_OK;
}

void corruption_free(corruption_list *c)
{
    free(c->pixels);
    for (size_t i = 0; i < c->count; i++) {
        free(c->items[i].spec);
        free(c->items[i].argument);
        free(c->items[i].ids);
        free(c->items[i].rows);
    }
    free(c->items);
    span_free(&c->span);
    *c = (corruption_list){0};
}

/* ---- applying ---- */

static pb_status swap_rows(const corruption *c, const span *s, const question *q, float *input, pb_error *err)
{
    size_t D = q->model->decoder.config.d_model;
    for (size_t i = 0; i < s->count; i++)
        TRY(decoder_embed(&q->model->decoder, &c->ids[i % c->id_count], 1, input + s->positions[i] * D, err));
    return PB_OK;
}

static void add_noise(corruption_list *list, const corruption *c, size_t D, float *input)
{
    for (size_t i = 0; i < list->span.count; i++)
        for (size_t j = 0; j < D; j++)
            input[list->span.positions[i] * D + j] += (float)(c->amount * random_gaussian(&list->random));
}

static void add_given_noise(const corruption_list *list, const corruption *c, size_t sample, size_t D, float *input)
{
    const float *noise = c->rows + sample * list->span.count * D;
    for (size_t i = 0; i < list->span.count; i++)
        for (size_t j = 0; j < D; j++)
            input[list->span.positions[i] * D + j] += noise[i * D + j];
}

static pb_status add_pixel_noise(corruption_list *list, const corruption *c, const question *q, float *input,
                                 pb_error *err)
{
    size_t n = pixel_count(q);
    float *pixels;
    TRY(mem_try(&pixels, n, sizeof *pixels, "the picture's pixels", err));
    for (size_t i = 0; i < n; i++)
        pixels[i] = q->picture.pixels[i] + (float)(c->amount * random_gaussian(&list->random));
    if (list->pixels)
        memcpy(list->pixels, pixels, n * sizeof *pixels);
    pb_status status =
        question_encode(q, pixels, input + q->prompt.image_first * q->model->decoder.config.d_model, err);
    free(pixels);
    return status;
}

pb_status corruption_apply(corruption_list *list, const question *q, size_t sample, float *input, pb_error *err)
{
    size_t D = q->model->decoder.config.d_model;
    memcpy(input, q->input, q->length * D * sizeof *input);
    for (size_t i = 0; i < list->count; i++) {
        const corruption *c = &list->items[i];
        switch (c->kind) {
        case CORRUPT_SWAP:
        case CORRUPT_SWAP_PHRASE: TRY(swap_rows(c, &list->span, q, input, err)); break;
        case CORRUPT_NOISE: add_noise(list, c, D, input); break;
        case CORRUPT_NOISE_FILE: add_given_noise(list, c, sample, D, input); break;
        case CORRUPT_IMAGE_NOISE: TRY(add_pixel_noise(list, c, q, input, err)); break;
        case CORRUPT_IMAGE:
        case CORRUPT_IMAGE_MEAN:
        case CORRUPT_IMAGE_ROWMEAN:
            memcpy(input + q->prompt.image_first * D, c->rows, q->prompt.image_count * D * sizeof *input);
            break;
        }
    }
    return PB_OK;
}
