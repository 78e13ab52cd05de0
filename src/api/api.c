/* api.c: the public functions of patchbay.h, over the rooms that do the work. */
#include <stdlib.h>
#include <string.h>
#include <omp.h>

#include "api/parts.h"
#include "base/memory.h"
#include "math/denormals.h"
#include "math/matmul.h"
#include "method/ask.h"
#include "method/trace.h"
#include "method/trace_heads.h"
#include "report/describe.h"
#include "report/report.h"
#include "report/trace_words.h"

/* ---- models ---- */

static pb_status find_compute(compute_type *type, const char *name, pb_error *err)
{
    *type = name && strcmp(name, "bf16") == 0 ? COMPUTE_BF16 : COMPUTE_F32;
    if (name && *type == COMPUTE_F32 && strcmp(name, "f32") != 0)
        return fail(err, PB_EINVAL, "dtype is \"%s\", expected \"f32\" or \"bf16\"", name);
    return PB_OK;
}

pb_status pb_model_open(pb_model **out, const char *path, const pb_model_options *options, pb_error *err)
{
    model *m;
    model_source source = {.path = path};
    if (options) {
        source.vision_tower = options->vision_tower;
        source.mmproj = options->mmproj;
        source.edits = options->edits;
        source.edit_count = options->edit_count;
        source.loras = options->loras;
        source.lora_count = options->lora_count;
    }
    *out = NULL;
    TRY(find_compute(&source.compute, options ? options->dtype : NULL, err));
    TRY(model_open(&m, &source, err));
    *out = mem_new(1, sizeof **out);
    (*out)->m = m;
    return PB_OK;
}

void pb_model_free(pb_model *pm)
{
    if (!pm)
        return;
    model_free(pm->m);
    free(pm);
}

void api_dump(json_t *tree, char **json)
{
    buffer text = {0};
    report_json_text(tree, &text);
    json_decref(tree);
    *json = text.data;
}

void pb_model_info(const pb_model *pm, char **json)
{
    api_dump(report_info_json(pm->m, NULL), json);
}

const char *pb_model_dtype(const pb_model *pm, bool *widened)
{
    *widened = pm->m->decoder.form == FORM_WIDENED;
    return weight_form_name(pm->m->decoder.form);
}

const char *pb_library(bool *row_invariant)
{
    *row_invariant = matmul_row_invariant();
    return matmul_library();
}

/* ---- how to run ---- */

/* More threads than this only cost memory, and OpenMP dies of too many. */
enum { MOST_THREADS = 256 };

void api_set_threads(const pb_run_options *run)
{
    static int otherwise; /* what OpenMP takes when nothing is said: OMP_NUM_THREADS, or one per core */
    if (!otherwise)
        otherwise = omp_get_max_threads();
    int cores = omp_get_num_procs(), most = cores > MOST_THREADS ? cores : MOST_THREADS;
    int wanted = run && run->threads > 0 ? run->threads : otherwise;
    omp_set_num_threads(wanted < most ? wanted : most);
    denormals_flush();
}

/* ---- ask ---- */

struct pb_answer {
    answer answer;
    size_t prompt_tokens;
    char *image_order;
    buffer text;      /* may hold a NUL: there is a token for it */
    buffer *top_text; /* [top_count] */
};

static buffer token_text(const tokenizer *t, int32_t id)
{
    buffer b = {0};
    buffer_text(&b, ""); /* an empty token is an empty string, not NULL */
    tokenizer_token_text(t, id, &b);
    return b;
}

static char *row_text(const question *q, size_t position)
{
    buffer b = {0};
    buffer_text(&b, "");
    prompt_row_text(&q->prompt, q->model->tokenizer, position, &b);
    return b.data;
}

static void describe_answer(pb_answer *a, const question *q)
{
    buffer_text(&a->text, "");
    tokenizer_decode(q->model->tokenizer, a->answer.ids, a->answer.count, true, &a->text);
    a->prompt_tokens = q->length;
    a->image_order = mem_text(q->order.name);
    a->top_text = mem_new(a->answer.top_count, sizeof *a->top_text);
    for (size_t i = 0; i < a->answer.top_count; i++)
        a->top_text[i] = token_text(q->model->tokenizer, a->answer.top[i]);
}

pb_status pb_ask(pb_answer **out, pb_model *pm, const pb_question *asked, size_t max_tokens, size_t top,
                 const pb_run_options *run, pb_error *err)
{
    question q;
    *out = NULL;
    api_set_threads(run);
    TRY(question_open(&q, pm->m, asked, err));
    pb_answer *a = mem_new(1, sizeof *a);
    pb_status status = ask_run(&a->answer, &q, max_tokens ? max_tokens : 16, top ? top : 5, run, err);
    if (status) {
        free(a);
    } else {
        describe_answer(a, &q);
        *out = a;
    }
    question_free(&q);
    return status;
}

void pb_answer_free(pb_answer *pa)
{
    if (!pa)
        return;
    for (size_t i = 0; i < pa->answer.top_count; i++)
        buffer_free(&pa->top_text[i]);
    free(pa->top_text);
    free(pa->image_order);
    buffer_free(&pa->text);
    answer_free(&pa->answer);
    free(pa);
}

const char *pb_answer_text(const pb_answer *pa)
{
    return pa->text.data;
}

size_t pb_answer_tokens(const pb_answer *pa)
{
    return pa->answer.count;
}

bool pb_answer_top(const pb_answer *pa, size_t i, int32_t *id, const char **text, double *prob)
{
    if (i >= pa->answer.top_count)
        return false;
    *id = pa->answer.top[i];
    *text = pa->top_text[i].data;
    *prob = pa->answer.top_prob[i];
    return true;
}

void pb_answer_json(const pb_answer *pa, char **json)
{
    ask_report r = {&pa->answer, pa->prompt_tokens, &pa->text, pa->top_text, pa->image_order};
    api_dump(report_ask_json(&r), json);
}

/* ---- trace ---- */

pb_trace_options pb_trace_defaults(void)
{
    return (pb_trace_options){0};
}

trace_report api_trace_report(const pb_trace *t)
{
    return (trace_report){.trace = &t->trace, .about = about_of(t->model, &t->question)};
}

static void name_vision_cells(pb_trace *t, const trace_report *r)
{
    t->vision_names = mem_new(t->trace.vision_count, sizeof *t->vision_names);
    for (size_t s = 0; s < t->trace.vision_count; s++) {
        const trace_vision *g = &t->trace.vision[s];
        t->vision_names[s] = mem_new(g->cell_count, sizeof **t->vision_names);
        for (size_t c = 0; c < g->cell_count; c++) {
            buffer name = {0};
            trace_vision_cell(r, g, c, &name);
            t->vision_names[s][c] = name.data;
        }
    }
}

void api_trace_name(pb_trace *t)
{
    buffer answer_text = {0};
    trace_report r = api_trace_report(t);
    trace_answer_text(&r, &answer_text);
    t->answer_text = answer_text.data;
    t->corrupted_text = token_text(t->model->tokenizer, t->trace.corrupted.top_id[0]).data;
    name_vision_cells(t, &r);
    t->cell_names = mem_new(t->trace.cell_count, sizeof *t->cell_names);
    for (size_t i = 0; i < t->trace.cell_count; i++)
        t->cell_names[i] = t->trace.groups ? mem_text(t->trace.groups[i])
                                           : row_text(&t->question, t->trace.cells[i].positions[0]);
}

pb_status api_trace_open(pb_trace **out, pb_model *pm, const pb_question *asked, const pb_run_options *run,
                         pb_error *err)
{
    api_set_threads(run);
    *out = mem_new(1, sizeof **out);
    (*out)->model = pm->m;
    return question_open(&(*out)->question, pm->m, asked, err);
}

pb_status pb_trace_run(pb_trace **out, pb_model *pm, const pb_question *asked, const pb_trace_options *options,
                       pb_error *err)
{
    pb_trace *t;
    *out = NULL;
    pb_status status = api_trace_open(&t, pm, asked, &options->run, err);
    if (!status)
        status = trace_run_question(&t->trace, &t->question, options, err);
    if (status) {
        pb_trace_free(t);
        return status;
    }
    api_trace_name(t);
    *out = t;
    return PB_OK;
}

pb_status pb_trace_plan(char **json, pb_model *pm, const pb_question *asked, const pb_trace_options *options,
                        pb_error *err)
{
    question q;
    trace_plan plan;
    *json = NULL;
    api_set_threads(&options->run);
    TRY(question_open(&q, pm->m, asked, err));
    pb_status status = trace_plan_question(&plan, &q, options, err);
    if (!status)
        api_dump(report_info_json(pm->m, &plan), json);
    question_free(&q);
    return status;
}

void pb_trace_free(pb_trace *pt)
{
    if (!pt)
        return;
    for (size_t i = 0; pt->cell_names && i < pt->trace.cell_count; i++)
        free(pt->cell_names[i]);
    free(pt->cell_names);
    for (size_t s = 0; pt->vision_names && s < pt->trace.vision_count; s++) {
        for (size_t c = 0; c < pt->trace.vision[s].cell_count; c++)
            free(pt->vision_names[s][c]);
        free(pt->vision_names[s]);
    }
    free(pt->vision_names);
    free(pt->answer_text);
    free(pt->corrupted_text);
    trace_free(&pt->trace);
    question_free(&pt->question);
    free(pt);
}

pb_status pb_trace_write(const pb_trace *pt, const char *directory, pb_error *err)
{
    trace_report r = api_trace_report(pt);
    return report_trace_write(&r, directory, err);
}

void pb_trace_json(const pb_trace *pt, char **json)
{
    trace_report r = api_trace_report(pt);
    api_dump(report_trace_json(&r), json);
}

void pb_trace_scores(const pb_trace *pt, double *clean, double *corrupted)
{
    *clean = pt->trace.clean.prob;
    *corrupted = pt->trace.corrupted.prob;
}

const char *pb_trace_answer(const pb_trace *pt)
{
    return pt->answer_text;
}

const char *pb_trace_corrupted_says(const pb_trace *pt)
{
    return pt->corrupted_text;
}

bool pb_trace_is_weak(const pb_trace *pt)
{
    return pt->trace.weak;
}

bool pb_trace_is_primed(const pb_trace *pt)
{
    return pt->trace.primed;
}

static const trace_vision *find_vision(const pb_trace *pt, const char *site_wanted)
{
    for (size_t s = 0; s < pt->trace.vision_count; s++)
        if (strcmp(pt->trace.vision[s].name, site_wanted) == 0)
            return &pt->trace.vision[s];
    return NULL;
}

/* The grid of a site, with the trace as it is seen from there; NULL when it was not traced. */
static const trace_grid *find_grid(const pb_trace *pt, const char *site_wanted, trace *view)
{
    const trace_vision *g = find_vision(pt, site_wanted);
    *view = g ? trace_vision_view(&pt->trace, g) : pt->trace;
    for (size_t s = 0; s < pt->trace.site_count; s++)
        if (strcmp(site_name(pt->trace.sites[s].site), site_wanted) == 0)
            return &pt->trace.sites[s];
    return g ? &g->grid : NULL;
}

const double *pb_trace_prob(const pb_trace *pt, const char *site_wanted, size_t *layers, size_t *cells)
{
    trace view;
    const trace_grid *grid = find_grid(pt, site_wanted, &view);
    *layers = view.layer_count;
    *cells = view.cell_count;
    return grid ? grid->prob : NULL;
}

bool pb_trace_highest(const pb_trace *pt, const char *site_wanted, size_t *row, size_t *column)
{
    trace t;
    const trace_grid *grid = find_grid(pt, site_wanted, &t);
    bool of_decoder = grid && !find_vision(pt, site_wanted);
    size_t rows = t.layer_count, best = 0;
    if (of_decoder && grid->site == SITE_RESID_POST && t.layers[rows - 1] + 1 == pt->model->decoder.config.layers)
        rows--;
    if (!grid || rows * t.cell_count == 0)
        return false;
    for (size_t i = 1; i < rows * t.cell_count * grid->heads; i++)
        if (grid->prob[i] > grid->prob[best])
            best = i;
    *row = best / grid->heads / t.cell_count;
    *column = best / grid->heads % t.cell_count;
    return true;
}

size_t pb_trace_heads(const pb_trace *pt)
{
    return pt->model->decoder.config.heads;
}

bool pb_trace_top_head(const pb_trace *pt, size_t i, size_t *row, size_t *head, size_t *column, double *prob)
{
    trace_head top[TRACE_TOP_HEADS];
    if (i >= trace_top_heads(&pt->trace, top, TRACE_TOP_HEADS))
        return false;
    *row = top[i].layer;
    *head = top[i].head;
    *column = top[i].column;
    *prob = top[i].prob;
    return true;
}

size_t pb_trace_layer(const pb_trace *pt, size_t row)
{
    return pt->trace.layers[row];
}

const char *pb_trace_cell(const pb_trace *pt, size_t column)
{
    return pt->cell_names[column];
}

size_t pb_trace_site_layer(const pb_trace *pt, const char *site_wanted, size_t row)
{
    const trace_vision *g = find_vision(pt, site_wanted);
    return g ? g->layers[row] : pt->trace.layers[row];
}

const char *pb_trace_site_cell(const pb_trace *pt, const char *site_wanted, size_t column)
{
    const trace_vision *g = find_vision(pt, site_wanted);
    return g ? pt->vision_names[g - pt->trace.vision][column] : pt->cell_names[column];
}
