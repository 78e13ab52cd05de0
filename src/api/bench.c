/* bench.c: the public functions of benches: a made-up question, asked, traced and edited under a meter.
 *
 * The work goes the way that everybody's goes, through the public functions, so what is measured is what users get. */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/parts.h"
#include "base/memory.h"
#include "image/encode.h"
#include "method/bench.h"
#include "report/bench_report.h"

struct pb_bench {
    bench b;
};

/* ---- a question for any model ---- */

static const char *const constraint = "this country";

/* A picture in memory, which opens like a file while `file` is open. */
typedef struct made_picture {
    int file; /* -1: none */
    char path[40];
} made_picture;

enum { WIDTH = 500, HEIGHT = 375 };

/* Stripes and a little noise: of what it shows nothing depends. */
static pb_status draw(buffer *png, pb_error *err)
{
    image stripes = {.width = WIDTH, .height = HEIGHT, .pixels = mem_new(WIDTH * HEIGHT, 3)};
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 3; i++)
        stripes.pixels[i] = (unsigned char)(60 * (i / 3 % WIDTH / 167 + i % 3) + i * 2654435761u % 24);
    pb_status status = image_to_png(png, &stripes, err);
    image_free(&stripes);
    return status;
}

static void picture_close(made_picture *p)
{
    if (p->file >= 0)
        close(p->file);
    p->file = -1;
}

static pb_status picture_make(made_picture *p, pb_error *err)
{
    buffer png = {0};
    *p = (made_picture){.file = -1};
    TRY(draw(&png, err));
    pb_status status = PB_OK;
    p->file = memfd_create("picture", MFD_CLOEXEC);
    if (p->file < 0 || write(p->file, png.data, png.size) != (ssize_t)png.size)
        status = fail(err, PB_EIO, "a picture cannot be kept in memory: %s", strerror(errno));
    snprintf(p->path, sizeof p->path, "/proc/self/fd/%d", p->file);
    buffer_free(&png);
    if (status)
        picture_close(p);
    return status;
}

/* ---- the work ---- */

typedef struct bench_job {
    pb_bench *out;
    pb_model *model;
    pb_question question;
    pb_run_options run; /* without progress: the work's own would say little */
    const pb_run_options *told;
    char *answer;
    meter meter;
} bench_job;

static void tell(const bench_job *j, const char *what)
{
    if (j->told && j->told->progress)
        j->told->progress(j->told->context, what, 0, 0);
}

/* An answer of so many tokens; *got: how many it has. */
static pb_status ask(bench_job *j, const pb_question *asked, size_t tokens, size_t *got, pb_error *err)
{
    pb_answer *answer;
    meter_start(&j->meter);
    pb_status status = pb_ask(&answer, j->model, asked, tokens, 1, &j->run, err);
    meter_stop();
    if (status)
        return status;
    *got = pb_answer_tokens(answer);
    free(j->answer);
    j->answer = mem_text(pb_answer_text(answer));
    pb_answer_free(answer);
    return PB_OK;
}

enum { ANSWER = 16 };

/* What the tokens after the first take: of the first of these questions whose answer has some. */
static pb_status bench_tokens(bench_job *j, pb_error *err)
{
    static const char *const asked[] = {"What?", "What is the capital of France?", "Count to twenty."};
    size_t one = 0, many = 0;
    for (size_t i = 0; i < sizeof asked / sizeof *asked && many <= one; i++) {
        const pb_question brief = {.question = asked[i]};
        TRY(ask(j, &brief, 1, &one, err));
        meter first = j->meter;
        TRY(ask(j, &brief, ANSWER, &many, err));
        meter_subtract(&j->meter, &first);
    }
    if (many > one)
        bench_add(&j->out->b, "tokens", &j->meter);
    return PB_OK;
}

/* The first question, a short one, pays for mapping pages. Then its tokens, and the question about the picture. */
static pb_status bench_ask(bench_job *j, pb_error *err)
{
    const pb_question brief = {.question = "What?"};
    size_t one;
    tell(j, "asking");
    TRY(ask(j, &brief, 1, &one, err));
    bench_add(&j->out->b, "first", &j->meter);
    TRY(bench_tokens(j, err));
    TRY(ask(j, &j->question, 1, &one, err));
    bench_add(&j->out->b, "ask", &j->meter);
    return PB_OK;
}

/* So many seconds a trace may take about. */
static const double TRACE_SECONDS = 30;

/* As many of the layers, around the middle, as go through in that time: all, of small models. */
static pb_status choose_layers(const bench_job *j, pb_trace_options *options, pb_error *err)
{
    question q;
    trace_plan plan;
    size_t L = j->model->m->decoder.config.layers, fits = L;
    const bench *b = &j->out->b;
    TRY(question_open(&q, j->model->m, &j->question, err));
    pb_status status = trace_plan_question(&plan, &q, options, err);
    question_free(&q);
    if (status)
        return status;
    double seconds = plan.flop / bench_rate(b, METER_SIZES - 3);
    if (seconds > TRACE_SECONDS)
        fits = (size_t)((double)L * TRACE_SECONDS / seconds);
    fits = fits ? fits : 1;
    options->first_layer = (L - fits) / 2;
    options->end_layer = options->first_layer + fits;
    return PB_OK;
}

static pb_status bench_trace(bench_job *j, pb_error *err)
{
    pb_trace *traced;
    char line[80];
    pb_trace_options options = pb_trace_defaults();
    options.sites = "attn_out,mlp_out";
    options.run = j->run;
    TRY(choose_layers(j, &options, err));
    snprintf(line, sizeof line, "tracing layers %zu to %zu", options.first_layer, options.end_layer - 1);
    tell(j, line);
    meter_start(&j->meter);
    pb_status status = pb_trace_run(&traced, j->model, &j->question, &options, err);
    meter_stop();
    if (status)
        return status;
    pb_trace_free(traced);
    bench_add(&j->out->b, "trace", &j->meter);
    return PB_OK;
}

/* One edit, of ten steps, with what the model says before and after it. */
static pb_status bench_edit(bench_job *j, pb_error *err)
{
    static const char *const targets[] = {"Paris", "Rome", "Cairo"}; /* no answer holds all of them, as long as it is */
    pb_edit *edited;
    pb_edit_options options = pb_edit_defaults();
    pb_edit_request request = {.question = j->question, .target = targets[0]};
    size_t L = j->model->m->decoder.config.layers;
    for (size_t i = 0; i < sizeof targets / sizeof *targets && strstr(j->answer, request.target); i++)
        request.target = targets[i];
    options.preset = "official";
    options.first_layer = L > 2 ? 2 : L - 1; /* the preset's own, where there is such a layer */
    options.end_layer = options.first_layer + 1;
    options.run = j->run;
    tell(j, "editing");
    meter_start(&j->meter);
    pb_status status = pb_edit_run(&edited, j->model, &request, 1, NULL, 0, &options, err);
    meter_stop();
    if (status)
        return status;
    pb_edit_free(edited);
    bench_add(&j->out->b, "edit", &j->meter);
    return PB_OK;
}

static pb_status run_all(bench_job *j, pb_error *err)
{
    tell(j, "measuring this machine");
    TRY(bench_open(&j->out->b, j->model->m, j->run.memory, err));
    TRY(bench_ask(j, err));
    TRY(bench_trace(j, err));
    return bench_edit(j, err);
}

pb_status pb_bench_run(pb_bench **out, pb_model *pm, const pb_run_options *run, pb_error *err)
{
    made_picture made = {.file = -1};
    bench_job j = {.out = mem_new(1, sizeof **out), .model = pm, .told = run,
                   .question = {.question = "What is the capital of this country?", .constraints = &constraint,
                                .constraint_count = 1}};
    pb_status status = PB_OK;
    *out = NULL;
    api_set_threads(run);
    if (run)
        j.run = (pb_run_options){.threads = run->threads, .memory = run->memory, .seed = run->seed};
    if (pm->m->vision)
        status = picture_make(&made, err);
    j.question.image = pm->m->vision ? made.path : NULL;
    if (!status)
        status = run_all(&j, err);
    picture_close(&made);
    free(j.answer);
    if (status)
        pb_bench_free(j.out);
    else
        *out = j.out;
    return status;
}

void pb_bench_free(pb_bench *pb)
{
    if (!pb)
        return;
    bench_free(&pb->b);
    free(pb);
}

void pb_bench_json(const pb_bench *pb, char **json)
{
    api_dump(report_bench_json(&pb->b), json);
}

void pb_bench_text(const pb_bench *pb, char **text)
{
    buffer out = {0};
    report_bench_text(&pb->b, &out);
    *text = out.data;
}
