/* generate.c: FlagQA from facts, flags and a seed. See flagqa.h. */
#include "data/flagqa/flagqa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/file_set.h"
#include "base/interrupt.h"
#include "data/flagqa/lines.h"
#include "data/flagqa/photo.h"

enum { QUALITY = 92 }; /* of JPEGs */

/* ---- what must be there, and what must not ---- */

static char *flag_file(const char *folder, const flag_country *c)
{
    char name[8];
    snprintf(name, sizeof name, "%.2s.png", c->iso);
    return path_join(folder, name);
}

static pb_status check_flags(const flag_facts *f, const char *folder, pb_error *err)
{
    const flag_country *first = NULL;
    size_t missing = 0, wanted = 0;
    if (!dir_exists(folder)) {
        fail(err, PB_EIO, "%s: there is no such folder of flags", folder);
        return fail_hint(err, "Debian's package iso-flags-png-320x240 puts one into /usr/share/iso-flags-png-320x240");
    }
    for (size_t i = 0; i < f->count; i++) {
        if (!f->countries[i].split)
            continue;
        char *path = flag_file(folder, &f->countries[i]);
        wanted++;
        if (!file_exists(path)) {
            first = first ? first : &f->countries[i];
            missing++;
        }
        free(path);
    }
    if (!missing)
        return PB_OK;
    fail(err, PB_EIO, "%s: %zu of %zu flags are missing; the first is %s.png", folder, missing, wanted, first->iso);
    return fail_hint(err, "flags are named by the two letters of ISO 3166, as Debian's package iso-flags-png-320x240 "
                          "has them");
}

static pb_status check_out(const char *out, pb_error *err)
{
    if (file_exists(out) || (dir_exists(out) && !dir_is_empty(out)))
        return fail(err, PB_EIO, "%s: is there already, and not empty: name a folder that is not there yet", out);
    return PB_OK;
}

/* ---- pictures ---- */

typedef struct studio {
    const flagqa_options *options;
    const flag_facts *facts;
    const char *stage;   /* the folder that holds pictures/ */
    size_t done, total;  /* pictures */
    pb_status status;    /* of the first country, in their order, that failed */
    size_t failed;       /* that country, or the count */
    pb_error err;
} studio;

static pb_status write_picture(const studio *s, const flag_country *c, size_t photo, const buffer *bytes, pb_error *err)
{
    buffer name = {0};
    flag_picture_path(&name, c, photo);
    char *path = path_join(s->stage, name.data);
    pb_status status = file_write_all(path, bytes->data, bytes->size, err);
    free(path);
    buffer_free(&name);
    return status;
}

/* photo 0 is the flag itself. Each photograph has a generator of its own, so their order does not matter. */
static pb_status make_picture(const studio *s, size_t country, const image_rgba *flag, size_t photo, pb_error *err)
{
    random_state r = flag_stream(s->options->seed, ((uint64_t)1 << 40) + country * (FLAG_PHOTOS + 1) + photo);
    image picture;
    buffer bytes = {0};
    TRY(photo ? photo_take(&picture, flag, &r, err) : photo_clean(&picture, flag, err));
    pb_status status = photo ? image_to_jpeg(&bytes, &picture, QUALITY, err) : image_to_png(&bytes, &picture, err);
    image_free(&picture);
    if (!status)
        status = write_picture(s, &s->facts->countries[country], photo, &bytes, err);
    buffer_free(&bytes);
    return status;
}

static pb_status make_pictures(const studio *s, size_t country, pb_error *err)
{
    image_rgba flag;
    char *path = flag_file(s->options->flags, &s->facts->countries[country]);
    pb_status status = interrupt_check(s->options->out, err);
    if (!status)
        status = image_load_rgba(&flag, path, err);
    free(path);
    TRY(status);
    for (size_t photo = 0; photo <= FLAG_PHOTOS && !status; photo++)
        status = make_picture(s, country, &flag, photo, err);
    image_rgba_free(&flag);
    return status;
}

/* What a thread did, told to the others. */
static void note(studio *s, size_t country, pb_status status, const pb_error *err)
{
#pragma omp critical(flagqa_note)
    {
        if (status && country < s->failed) {
            s->failed = country;
            s->status = status;
            s->err = *err;
        }
        s->done += FLAG_PHOTOS + 1;
        if (s->options->progress && !s->status)
            s->options->progress(s->options->context, "pictures", (double)s->done, (double)s->total);
    }
}

/* Whether the work goes on: countries are dealt out in their order, so all before one that failed are dealt out too. */
static bool goes_on(const studio *s)
{
    bool on;
#pragma omp critical(flagqa_note)
    on = !s->status;
    return on;
}

static pb_status make_all_pictures(studio *s, pb_error *err)
{
    s->failed = s->facts->count;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < s->facts->count; i++) {
        pb_error own;
        if (s->facts->countries[i].split && goes_on(s))
            note(s, i, make_pictures(s, i, &own), &own);
    }
    if (s->status && err)
        *err = s->err;
    return s->status;
}

/* ---- all ---- */

static pb_status write_texts(const file_set *set, flagqa_counts *counts, const flag_facts *f, uint64_t seed,
                             pb_error *err)
{
    buffer rows = {0}, requests = {0}, card = {0};
    flag_questions questions = flag_questions_draw(f, seed);
    flag_write_rows(&rows, counts, f, &questions);
    flag_write_requests(&requests, counts, f, seed);
    counts->pictures = counts->subjects * (FLAG_PHOTOS + 1);
    flag_write_card(&card, counts, seed);
    pb_status status = file_set_text(set, "flagqa.jsonl", &rows, err);
    if (!status)
        status = file_set_text(set, "requests.jsonl", &requests, err);
    if (!status)
        status = file_set_text(set, "README.md", &card, err);
    flag_questions_free(&questions);
    buffer_free(&rows);
    buffer_free(&requests);
    buffer_free(&card);
    return status;
}

static pb_status write_set(const file_set *set, flagqa_counts *counts, const flagqa_options *o, const flag_facts *f,
                           pb_error *err)
{
    char *pictures = path_join(set->stage, "pictures");
    pb_status status = dir_create(pictures, err);
    free(pictures);
    TRY(status);
    TRY(write_texts(set, counts, f, o->seed, err));
    studio s = {.options = o, .facts = f, .stage = set->stage, .total = counts->pictures};
    return make_all_pictures(&s, err);
}

static pb_status generate(flagqa_counts *counts, const flagqa_options *o, const flag_facts *f, pb_error *err)
{
    file_set set;
    TRY(check_flags(f, o->flags, err));
    TRY(check_out(o->out, err));
    TRY(file_set_open(&set, o->out, err));
    return file_set_close(&set, write_set(&set, counts, o, f, err), err);
}

pb_status flagqa_generate(flagqa_counts *counts, const flagqa_options *options, pb_error *err)
{
    flag_facts facts;
    *counts = (flagqa_counts){0};
    TRY(flag_facts_read(&facts, flagqa_facts_json, "facts.json", err));
    pb_status status = generate(counts, options, &facts, err);
    flag_facts_free(&facts);
    return status;
}

pb_status flagqa_run(tally *t, const flagqa_options *options, pb_error *err)
{
    flagqa_counts counts;
    *t = (tally){0};
    TRY(flagqa_generate(&counts, options, err));
    char *file = path_join(options->out, "flagqa.jsonl");
    flag_tally(t, &counts, file);
    free(file);
    return PB_OK;
}
