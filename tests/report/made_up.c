/* made_up.c: see made_up.h. The numbers imitate what causal traces look like: the constraint's early MLPs and states
 * bring the answer back, and late attention at the last row does. */
#include "made_up.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fake_tokenizer.h"

static const char *const usual_tokens[] = {
    "<s>", "USER", ":", " ", "<image>", "\n", "What", " is", " the", " capital", " of", "* this", "* country", "?",
    " A", "SS", "IST", "ANT", ":", NULL,
};

const made_up_request made_up_usual = {
    .tokens = usual_tokens, .asked = {6, 14}, .layers = 32, .image_rows = 576, .site_count = 3, .window = 5, .samples = 1,
    .clean = 0.9342, .corrupted = 0.0123, .image_path = "flags/pt.png",
};

static const site order[] = {SITE_ATTN_OUT, SITE_MLP_OUT, SITE_RESID_POST, SITE_RESID_PRE};

static void add_position(span *s, size_t position)
{
    s->positions = mem_resize(s->positions, s->count + 1, sizeof *s->positions);
    s->positions[s->count++] = position;
}

static void add_token_rows(made_up *m, buffer *text, int32_t id, const char *word, size_t rows)
{
    prompt *p = &m->prompt;
    uint32_t start = (uint32_t)text->size; /* the texts here are ASCII or short: offsets are only roughly right */
    buffer_text(text, word);
    for (size_t i = 0; i < rows; i++) {
        p->ids[p->length] = id;
        p->start[p->length] = start;
        p->end[p->length++] = (uint32_t)text->size;
    }
}

static void make_prompt(made_up *m, const made_up_request *q)
{
    prompt *p = &m->prompt;
    size_t count = 0;
    while (q->tokens[count])
        count++;
    const char **texts = mem_new(count + 3, sizeof *texts);
    buffer text = {0}, constraint = {0};
    p->ids = mem_new(count + q->image_rows, sizeof *p->ids);
    p->start = mem_new(count + q->image_rows, sizeof *p->start);
    p->end = mem_new(count + q->image_rows, sizeof *p->end);
    p->constraints = mem_new(1, sizeof *p->constraints);
    for (size_t i = 0; i < count; i++) {
        bool constrained = q->tokens[i][0] == '*', is_image = strcmp(q->tokens[i], "<image>") == 0;
        texts[i] = q->tokens[i] + constrained;
        if (constrained)
            buffer_text(&constraint, texts[i]);
        if (constrained)
            add_position(&p->constraints[0], p->length);
        if (i == q->asked[0])
            p->question_start = (uint32_t)text.size;
        if (is_image)
            p->image_first = p->length;
        add_token_rows(m, &text, (int32_t)i, texts[i], is_image ? q->image_rows : 1);
        if (i + 1 == (q->asked[1] ? q->asked[1] : count))
            p->question_end = (uint32_t)text.size;
        p->image_count = is_image ? q->image_rows : p->image_count;
    }
    p->has_bos = strcmp(q->tokens[0], "<s>") == 0;
    p->text = text.data;
    texts[count] = " Lisbon";
    texts[count + 1] = " Madrid";
    texts[count + 2] = " Paris";
    m->tokenizer = fake_tokenizer(texts, count + 3);
    free(texts);
    p->constraint_count = p->constraints[0].count != 0;
    p->constraint_texts = mem_new(1, sizeof *p->constraint_texts);
    p->constraint_texts[0] = mem_text(constraint.data ? constraint.data + (constraint.data[0] == ' ') : "");
    buffer_free(&constraint);
}

static span *add_cell(trace *t)
{
    t->cells = mem_resize(t->cells, t->cell_count + 1, sizeof *t->cells);
    t->cells[t->cell_count] = (span){0};
    return &t->cells[t->cell_count++];
}

static void make_cells(made_up *m, const made_up_request *q)
{
    trace *t = &m->trace;
    const prompt *p = &m->prompt;
    for (size_t i = 0; i < p->length && !q->grouped; i++)
        if (q->trace_image || !prompt_is_image(p, i))
            add_position(add_cell(t), i);
    if (!q->grouped)
        return;
    t->groups = mem_new(3, sizeof *t->groups);
    t->groups[0] = mem_text("constraint");
    t->groups[1] = mem_text("image");
    t->groups[2] = mem_text("last");
    span *constraint = add_cell(t);
    for (size_t i = 0; i < p->constraints[0].count; i++)
        add_position(constraint, p->constraints[0].positions[i]);
    span *seen = add_cell(t);
    for (size_t i = 0; i < p->image_count; i++)
        add_position(seen, p->image_first + i);
    add_position(add_cell(t), p->length - 1);
}

/* 0..1: how much of the answer a cell brings back. */
static double share(const made_up *m, site s, size_t cell, double depth)
{
    const prompt *p = &m->prompt;
    const span *rows = &m->trace.cells[cell];
    size_t at = rows->positions[rows->count - 1];
    bool last = at + 1 == p->length, subject = p->constraint_count && span_has(&p->constraints[0], at);
    double noise = 0.012 * sin((double)at * 12.9898 + depth * 78.233 + (double)s);
    double early = exp(-pow((depth - 0.08) / 0.17, 2)), late = 1 / (1 + exp(-(depth - 0.6) * 14));
    if (prompt_is_image(p, at))
        return fabs(noise) + 0.3 * exp(-pow((double)(at % 24) - 11, 2) / 20) * early;
    if (s == SITE_MLP_OUT)
        return noise + (subject ? 0.78 * early : last ? 0.12 * late : 0);
    if (s == SITE_ATTN_OUT || s == SITE_HEAD_OUT)
        return noise + (last ? 0.45 * exp(-pow((depth - 0.62) / 0.12, 2)) : subject ? 0.16 * early : 0);
    return noise + (subject ? 0.97 * (1 - late) : last ? late : 0);
}

static void make_grid(made_up *m, const made_up_request *q, trace_grid *g)
{
    trace *t = &m->trace;
    size_t n = trace_grid_size(t, g);
    g->prob = mem_new(n, sizeof *g->prob);
    g->logprob = mem_new(n, sizeof *g->logprob);
    g->restored = mem_new(t->layer_count, sizeof *g->restored);
    g->sd = q->samples > 1 ? mem_new(n, sizeof *g->sd) : NULL;
    g->logit_diff = q->with_foil ? mem_new(n, sizeof *g->logit_diff) : NULL;
    for (size_t l = 0; l < t->layer_count; l++) {
        g->restored[l][0] = l > q->window / 2 ? l - q->window / 2 : 0;
        g->restored[l][1] = l + q->window / 2 < q->layers ? l + q->window / 2 : q->layers - 1;
        for (size_t c = 0; c < t->cell_count * g->heads; c++) {
            double effect = share(m, g->site, c / g->heads, (double)l / (double)q->layers) * (q->clean - q->corrupted);
            size_t i = l * t->cell_count * g->heads + c;
            if (g->site == SITE_HEAD_OUT)
                effect *= exp(-(double)((c % g->heads * 5 + l * 3) % g->heads));
            g->prob[i] = q->direction == TRACE_DENOISE ? q->corrupted + effect : q->clean - effect;
            g->prob[i] = fmin(1, fmax(1e-6, g->prob[i]));
            g->logprob[i] = log(g->prob[i]);
            if (g->sd)
                g->sd[i] = 0.1 * g->prob[i];
            if (g->logit_diff)
                g->logit_diff[i] = log(g->prob[i] / 0.3);
        }
    }
}

static void make_run(run_says *run, double prob, int32_t best, int32_t second)
{
    *run = (run_says){.prob = prob, .logprob = log(prob)};
    for (int i = 0; i < RUN_TOP; i++) {
        run->top_id[i] = i == 0 ? best : i == 1 ? second : i;
        run->top_prob[i] = i == 0 ? 0.9342 : 0.06 / pow(3, i);
    }
}

static void make_trace(made_up *m, const made_up_request *q)
{
    trace *t = &m->trace;
    int32_t names = (int32_t)tokenizer_vocab(m->tokenizer) - 3;
    *t = (trace){.layer_count = q->layers, .direction = q->direction, .window_kind = q->window_kind,
                 .window = q->window, .samples = q->samples, .foil = q->with_foil ? names + 1 : -1, .verify_cells = 16,
                 .verify_max_rel_diff = 3.1e-7, .answer_count = 1, .weak = q->clean - q->corrupted < 0.1};
    t->layers = mem_new(q->layers, sizeof *t->layers);
    for (size_t l = 0; l < q->layers; l++)
        t->layers[l] = l;
    t->answer = mem_new(1, sizeof *t->answer);
    t->answer[0] = names;
    make_run(&t->clean, q->clean, names, names + 1);
    make_run(&t->corrupted, q->corrupted, names + 2, names + 1);
    t->primed = true;
    t->corruptions = mem_new(1, sizeof *t->corruptions);
    t->corruptions[t->corruption_count++] = mem_text("swap:Paris");
    t->first_changed = m->prompt.constraint_count ? m->prompt.constraints[0].positions[0] : 0;
    make_cells(m, q);
    t->site_count = q->site_count + (q->heads > 0);
    t->sites = mem_new(t->site_count, sizeof *t->sites);
    for (size_t s = 0; s < t->site_count; s++) {
        bool heads = s == q->site_count;
        t->sites[s].site = heads ? SITE_HEAD_OUT : order[s];
        t->sites[s].heads = heads ? q->heads : 1;
        make_grid(m, q, &t->sites[s]);
    }
    if (q->severed) {
        t->severed = true;
        t->severed_site = SITE_MLP_OUT;
        t->severed_name = mem_text("last");
        add_position(&t->severed_rows, m->prompt.length - 1);
    }
    t->cost = (trace_cost){.seconds = 118.4, .flop = 1.42e14, .naive_flop = 3.8e16,
                           .cells = q->site_count * q->layers * t->cell_count, .cells_skipped = 512, .waves = 3,
                           .peak_rss_bytes = (size_t)9 << 30, .products = 97.2, .attention = 9.6, .readout = 4.1,
                           .loading = 6.3};
}

/* A cell that was run, and how much its estimate changes. */
typedef struct run_cell {
    double size;
    size_t number;
    trace_cell cell;
} run_cell;

static int by_size(const void *a, const void *b)
{
    const run_cell *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size) : (x->number > y->number) - (x->number < y->number);
}

/* Estimates of what the grids have, too large where it is large; and all but the largest cells forgotten. */
static void estimate(made_up *m, const made_up_request *q)
{
    trace *t = &m->trace;
    size_t total = trace_cell_total(t), exact = q->all_exact || total < 12 ? total : 12, step = total / exact;
    run_cell *cells = mem_new(exact, sizeof *cells);
    t->estimates = (trace_estimates){.made = true, .exact = exact, .largest = mem_new(exact, sizeof(trace_cell)),
                                     .spearman = q->all_exact ? 0.87 : NAN};
    for (size_t i = 0, at = 0, k = 0; i < total; i++, k++) {
        trace_grid *g = &t->sites[at];
        if (k == trace_grid_size(t, g)) {
            k = 0;
            g = &t->sites[++at];
        }
        if (!g->estimate)
            g->estimate = mem_new(trace_grid_size(t, g), sizeof *g->estimate);
        g->spearman = t->estimates.spearman;
        double change = g->logprob[k] - trace_unpatched_logprob(t);
        g->estimate[k] = trace_unpatched_logprob(t) + change * (1 + 0.2 * change);
        bool run = i % step == 0 && i / step < exact;
        if (run)
            cells[i / step] = (run_cell){fabs(change * (1 + 0.2 * change)), i,
                                         {.site = at, .layer = k / g->heads / t->cell_count,
                                          .column = k / g->heads % t->cell_count, .head = k % g->heads}};
        if (!run)
            g->prob[k] = g->logprob[k] = NAN;
        if (!run && g->sd)
            g->sd[k] = NAN;
        if (!run && g->logit_diff)
            g->logit_diff[k] = NAN;
    }
    qsort(cells, exact, sizeof *cells, by_size);
    for (size_t i = 0; i < exact; i++)
        t->estimates.largest[i] = cells[i].cell;
    free(cells);
}

void made_up_make(made_up *m, const made_up_request *q)
{
    *m = (made_up){0};
    make_prompt(m, q);
    make_trace(m, q);
    if (q->estimated)
        estimate(m, q);
    m->report = (trace_report){
        .trace = &m->trace,
        .about = {.prompt = &m->prompt, .tokenizer = m->tokenizer, .model_path = "models/llava-1.5-7b-hf/",
                  .family = "llava", .dtype = "f32", .layers = q->layers, .d_model = 4096, .image_path = q->image_path,
                  .image_width = q->image_path ? 320 : 0, .image_height = q->image_path ? 240 : 0},
    };
}

void made_up_free(made_up *m)
{
    trace_free(&m->trace);
    free(m->prompt.text);
    free(m->prompt.ids);
    free(m->prompt.start);
    free(m->prompt.end);
    free(m->prompt.constraints[0].positions);
    free(m->prompt.constraints);
    free(m->prompt.constraint_texts[0]);
    free(m->prompt.constraint_texts);
    fake_tokenizer_free(m->tokenizer);
    *m = (made_up){0};
}
