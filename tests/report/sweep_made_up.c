/* sweep_made_up.c: see sweep_made_up.h. */
#include "sweep_made_up.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

static const char *const sites[] = {"attn_out", "mlp_out", "resid_post"};
static const char *const classes[] = {"bos", "image", "before", "constraint_first", "constraint_middle", "constraint_last",
                                      "after", "last", "control"};
static const char *const pairs[] = {"image>constraint", "image>last", "constraint>last"};
static const char *const flow_measures_made[] = {"sum_norm", "norm_sum", "share", "relative"};
static const char *const cut_measures[] = {"prob", "relative", "logprob"};
static const char *const relations[] = {"capital", "currency", "language", "continent"};
static const char *const countries[] = {"Portugal", "Spain", "C\u00f4te d\u2019Ivoire", "Japan", "\u65e5\u672c", "Egypt", "Peru"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- curves ---- */

static double bump(double x, double middle, double width)
{
    return exp(-(x - middle) * (x - middle) / (2 * width * width));
}

/* The effect of a class at `depth` 0 ... 1: constraints early, the last row late. */
static double effect(size_t site, const char *class, double depth)
{
    static const double scale[] = {0.3, 0.35, 0.7};
    double e = 0;
    if (strcmp(class, "constraint_last") == 0)
        e = site == 2 ? 0.95 / (1 + exp(18 * (depth - 0.45))) : bump(depth, 0.2, 0.15);
    else if (strcmp(class, "constraint_first") == 0)
        e = 0.25 * bump(depth, 0.1, 0.12);
    else if (strcmp(class, "constraint_middle") == 0)
        e = 0.15 * bump(depth, 0.15, 0.1);
    else if (strcmp(class, "last") == 0)
        e = site == 2 ? 1 / (1 + exp(-18 * (depth - 0.6))) : bump(depth, 0.65, 0.1) * (site == 0 ? 1 : 0.4);
    else if (strcmp(class, "after") == 0)
        e = 0.12 * bump(depth, 0.5, 0.2) - 0.02;
    else if (strcmp(class, "control") == 0)
        e = 0.05 * bump(depth, 0.5, 0.2);
    return scale[site] * e;
}

static interval around(double mean, double half, size_t questions, size_t subjects)
{
    return (interval){mean, mean - half, mean + half, questions, subjects};
}

static sweep_series *add_series(sweep_summary *s, const char *name, const char *metric, const char *class, const char *group)
{
    s->series = mem_resize(s->series, s->series_count + 1, sizeof *s->series);
    sweep_series *r = &s->series[s->series_count++];
    size_t L = s->model_layers;
    *r = (sweep_series){.name = mem_text(name), .metric = mem_text(metric), .class = mem_text(class),
                        .group = group ? mem_text(group) : NULL, .layer_count = L, .layers = mem_new(L, sizeof(size_t)),
                        .at = mem_new(L, sizeof(interval))};
    for (size_t l = 0; l < L; l++)
        r->layers[l] = l;
    return r;
}

static void trace_series(sweep_made_up *m, const char *group, double strength)
{
    sweep_summary *s = &m->summary;
    static const char *const metrics[] = {"prob", "ie", "recovered", "ie_control"};
    for (size_t site = 0; site < COUNT(sites); site++)
        for (size_t c = 0; c < COUNT(classes); c++)
            for (size_t k = 0; k < COUNT(metrics); k++) {
                if (k == 3 && strncmp(classes[c], "constraint", 10) != 0)
                    continue;
                sweep_series *r = add_series(s, sites[site], metrics[k], classes[c], group);
                r->first_restored = mem_new(s->model_layers, sizeof(bool));
                for (size_t l = 0; l < s->model_layers; l++) {
                    double e = strength * effect(site, classes[c], (double)l / (double)s->model_layers);
                    double control = strength * effect(site, "control", (double)l / (double)s->model_layers);
                    double v = k == 0 ? 0.05 + e : k == 1 ? e : k == 2 ? e / 0.8 : e - control;
                    double half = e == 0 ? 0 : 0.012 + 0.06 * fabs(e);
                    r->at[l] = around(v, half, s->done - (c == 4 ? s->done / 3 : 0), s->subjects);
                    r->first_restored[l] = l <= m->request.window / 2 && m->request.window > 1;
                }
            }
}

static void pair_series(sweep_made_up *m, const char *const *measures, size_t count)
{
    sweep_summary *s = &m->summary;
    bool flow = strcmp(m->request.method, "flow") == 0;
    for (size_t p = 0; p < COUNT(pairs); p++)
        for (size_t k = 0; k < count; k++) {
            sweep_series *r = add_series(s, pairs[p], measures[k], "", NULL);
            for (size_t l = 0; l < s->model_layers; l++) {
                double depth = (double)l / (double)s->model_layers, e = bump(depth, 0.25 + 0.2 * (double)p, 0.15);
                double v = flow ? m->request.strength * e * (k == 2 ? 0.8 : k == 3 ? 0.1 : 3 - (double)k)
                                : k == 0 ? 0.9 - 0.6 * e : k == 1 ? -0.7 * e : -0.1 - 2 * e;
                r->at[l] = around(v, 0.03 + 0.05 * fabs(v), s->done, s->subjects);
            }
        }
}

static void add_sources(sweep_summary *s)
{
    enum { ROWS = 144 };
    s->sources = mem_new(1, sizeof *s->sources);
    s->source_count = 1;
    s->sources[0] = (sweep_sources){.pair = mem_text("image>constraint"), .layer = s->model_layers / 4, .rows = ROWS,
                                    .mean = mem_new(ROWS, sizeof(double)), .strongest = mem_new(ROWS, sizeof(size_t)),
                                    .questions = s->done};
    for (size_t r = 0; r < ROWS; r++) {
        s->sources[0].mean[r] = 0.02 + 0.1 * bump((double)r, 138, 5) + 0.005 * (double)(r * 37 % 11);
        s->sources[0].strongest[r] = r > 130 ? (r - 130) * s->done / 110 : r % 7;
    }
}

static void add_metrics(sweep_made_up *m)
{
    static const struct {
        const char *name;
        double before, after;
    } all[] = {{"efficacy_prob", 0.02, 0.9}, {"efficacy_exact", 0, 0.94}, {"rephrasings_prob", 0.02, 0.6},
               {"rephrasings_exact", 0.01, 0.68}, {"pictures_prob", 0.03, 0.62}, {"pictures_exact", 0.01, 0.66},
               {"neighbours_kept", NAN, 0.54}, {"neighbours_change", NAN, 0.12}, {"key_cosine", NAN, 0.81},
               {"specificity", 0.88, 0.84}, {"specificity_change", NAN, -0.04}, {"specificity_kl", NAN, 0.07}};
    sweep_summary *s = &m->summary;
    s->metric_count = COUNT(all);
    s->metrics = mem_new(COUNT(all), sizeof *s->metrics);
    for (size_t i = 0; i < COUNT(all); i++) {
        double after = all[i].after * m->request.strength;
        s->metrics[i] = (sweep_metric){.name = mem_text(all[i].name), .after = around(after, 0.06, s->done, s->subjects)};
        if (isfinite(all[i].before))
            s->metrics[i].before = around(all[i].before, 0.01, s->done, s->subjects);
    }
}

/* ---- the questions ---- */

typedef struct made_question {
    char id[32], subject[48], question[200], answer[64];
    const char *relation, *status, *reason;
    int correct;
    double clean, corrupted;
} made_question;

static const char *const hostile[] = {
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=\"window.hacked = 1\"> \"quoted\" 'single' & ampersand",
    "tabs\tand\nlines\x01\x1b[31m and a back\\slash",
    "\u202eturned around\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "<!-- a comment ]]> \xff\xfe bad bytes \u2028 line separator",
};

static made_question question_of(const sweep_made_up *m, size_t i)
{
    made_question q = {.relation = relations[i % COUNT(relations)], .status = STORE_DONE, .correct = 1};
    random_state r = random_from(m->request.seed * 1000003 + i);
    size_t subject = i / 4 % m->request.subjects;
    snprintf(q.id, sizeof q.id, "%s-%05zu", q.relation, i);
    snprintf(q.subject, sizeof q.subject, "%s %zu", countries[subject % COUNT(countries)], subject);
    if (i < COUNT(hostile))
        snprintf(q.question, sizeof q.question, "%s", hostile[i]);
    else
        snprintf(q.question, sizeof q.question, "What is the %s of this country, which is on photograph %zu?", q.relation, i % 97);
    snprintf(q.answer, sizeof q.answer, "%s", i == 1 ? "\"<b>bold</b>\"" : countries[(i * 5 + 1) % COUNT(countries)]);
    q.clean = 0.4 + 0.6 * sqrt((double)random_below(&r, 1000) / 1000);
    q.corrupted = q.clean * (double)random_below(&r, 300) / 1000;
    if (i % 17 == 5) {
        q.correct = 0;
        q.status = STORE_WRONG;
        q.reason = "the model's answer is wrong";
        q.clean *= 0.6;
    }
    if (i % 101 == 50) {
        q.correct = -1;
        q.status = STORE_FAILED;
        q.reason = "the prompt has no span named constraint";
    }
    if (i % 53 == 20)
        q.status = NULL;
    return q;
}

/* ---- results ---- */

/* What a question's own curves and grids live in. */
typedef struct curve_room {
    store_curve curves[64];
    store_grid grids[8];
    char names[72][40];
    double *data;
    size_t used;
} curve_room;

static double *take(curve_room *r, size_t n)
{
    r->used += n;
    return r->data + r->used - n;
}

static void trace_result(const sweep_made_up *m, const made_question *q, curve_room *room, store_result *out, random_state *r)
{
    size_t L = m->request.layers, T = m->request.tokens, names = 0;
    double range = q->clean - q->corrupted, own = 0.5 + (double)random_below(r, 1000) / 1000;
    for (size_t site = 0; site < COUNT(sites); site++) {
        snprintf(room->names[names], sizeof *room->names, "%s/prob", sites[site]);
        const char *name = room->names[names++];
        for (size_t c = 0; c < COUNT(classes); c++) {
            double *d = take(room, L);
            for (size_t l = 0; l < L; l++) {
                double e = effect(site, classes[c], (double)l / (double)L);
                d[l] = q->corrupted + range * fmin(1, own * e * (0.8 + 0.4 * (double)random_below(r, 1000) / 1000));
            }
            room->curves[out->curve_count++] = (store_curve){name, classes[c], d, L};
        }
        if (!T)
            continue;
        double *g = take(room, L * T);
        for (size_t l = 0; l < L; l++)
            for (size_t t = 0; t < T; t++)
                g[l * T + t] = q->corrupted + range * (t + 1 == T ? effect(site, "last", (double)l / (double)L)
                                                       : t == T / 2 ? effect(site, "constraint_last", (double)l / (double)L) : 0);
        room->grids[out->grid_count++] = (store_grid){name, {L, T, 1}, 2, g};
    }
}

static void pair_result(const sweep_made_up *m, curve_room *room, store_result *out, const char *const *measures, size_t count,
                        random_state *r)
{
    size_t L = m->request.layers;
    for (size_t p = 0; p < COUNT(pairs); p++)
        for (size_t k = 0; k < count; k++) {
            double *d = take(room, L);
            for (size_t l = 0; l < L; l++)
                d[l] = bump((double)l / (double)L, 0.3 + 0.2 * (double)p, 0.15) * (double)random_below(r, 1000) / 500 * (double)(k + 1);
            room->curves[out->curve_count++] = (store_curve){pairs[p], measures[k], d, L};
        }
}

static void fill_result(const sweep_made_up *m, const made_question *q, curve_room *room, store_result *out, random_state *r)
{
    static store_value values[] = {{"weak", 0}, {"primed", 0}};
    room->used = 0;
    out->curves = room->curves;
    out->grids = room->grids;
    out->values = values;
    out->value_count = 2;
    if (strcmp(m->request.method, "trace") == 0)
        trace_result(m, q, room, out, r);
    else if (strcmp(m->request.method, "flow") == 0)
        pair_result(m, room, out, flow_measures_made, COUNT(flow_measures_made), r);
    else if (strcmp(m->request.method, "knockout") == 0)
        pair_result(m, room, out, cut_measures, 2, r);
}

/* {"tokens": [...], "positions": [...], "layers": [...], "corrupted": {"top": [...]}} */
static char *detail_of(const sweep_made_up *m)
{
    json_t *tokens = json_array(), *positions = json_array(), *layers = json_array();
    for (size_t t = 0; t < m->request.tokens; t++) {
        char text[32];
        snprintf(text, sizeof text, t == 1 ? "</b>\n" : " token%zu", t);
        size_t n = t == 2 ? 1 : strlen(text); /* one is a NUL */
        json_array_append_new(tokens, json_pack("{s:i, s:i, s:s%, s:s}", "position", (int)t, "id", 5, "text", t == 2 ? "" : text, n, "span",
                                                t == m->request.tokens / 2 ? "constraint:0" : "text"));
        json_array_append_new(positions, json_integer((json_int_t)t));
    }
    for (size_t l = 0; l < m->request.layers; l++)
        json_array_append_new(layers, json_integer((json_int_t)l));
    json_t *all = json_pack("{s:o, s:o, s:o, s:{s:f, s:[{s:i, s:s, s:f}]}}", "tokens", tokens, "positions", positions,
                            "layers", layers, "corrupted", "prob", 0.1, "top", "id", 7, "text", " Paris<b>", "prob", 0.8);
    char *text = all ? json_dumps(all, 0) : NULL;
    json_decref(all);
    return text;
}

pb_status sweep_made_up_each(const sweep_made_up *m, pb_status (*see)(void *context, const store_result *r, pb_error *err),
                             void *context, pb_error *err)
{
    curve_room *room = mem_new(1, sizeof *room);
    room->data = mem_new((64 + 3 * m->request.tokens) * m->request.layers + 1, sizeof(double));
    char *detail = detail_of(m);
    pb_status status = PB_OK;
    for (size_t i = 0; i < m->request.questions && !status; i++) {
        made_question q = question_of(m, i);
        random_state r = random_from(m->request.seed * 7919 + i);
        store_result result = {.question = {i, q.id, q.subject, "made up", q.relation, q.question, "pictures/pt.png", NULL},
                               .status = q.status, .correct = -1, .clean_prob = NAN, .corrupted_prob = NAN};
        if (q.status) {
            result.reason = q.reason;
            result.answer = q.correct < 0 ? NULL : q.answer;
            result.correct = q.correct;
            result.clean_prob = q.correct < 0 ? NAN : q.clean;
            if (strcmp(q.status, STORE_DONE) == 0) {
                result.corrupted_prob = q.corrupted;
                result.detail = detail;
                fill_result(m, &q, room, &result, &r);
            }
        }
        status = see(context, &result, err);
    }
    free(detail);
    free(room->data);
    free(room);
    return status;
}

/* ---- the summary ---- */

static pb_status count_one(void *context, const store_result *r, pb_error *err)
{
    sweep_summary *s = context;
    (void)err;
    s->questions++;
    s->done += r->status && strcmp(r->status, STORE_DONE) == 0;
    s->wrong += r->status && strcmp(r->status, STORE_WRONG) == 0;
    s->failed += r->status && strcmp(r->status, STORE_FAILED) == 0;
    s->pending += r->status == NULL;
    size_t bin = (size_t)fmin(SWEEP_BINS - 1, fmax(0, r->clean_prob * SWEEP_BINS));
    if (r->correct == 1)
        s->answers.right[bin]++;
    if (r->correct == 0)
        s->answers.wrong[bin]++;
    return PB_OK;
}

static void add_reasons(sweep_summary *s)
{
    s->reasons = mem_new(2, sizeof *s->reasons);
    s->reason_count = 2;
    s->reasons[0] = (sweep_reason){STORE_WRONG, mem_text("the model's answer is wrong"), s->wrong};
    s->reasons[1] = (sweep_reason){STORE_FAILED, mem_text("the prompt has no span named <constraint>"), s->failed};
}

static void add_accuracy(sweep_summary *s)
{
    s->accuracy_count = 1 + COUNT(relations);
    s->accuracy = mem_new(s->accuracy_count, sizeof *s->accuracy);
    for (size_t i = 0; i < s->accuracy_count; i++)
        s->accuracy[i] = (sweep_accuracy){i ? mem_text(relations[i - 1]) : NULL,
                                          around(0.94 - 0.1 * (double)i, 0.03, s->done / (i ? 4 : 1), s->subjects)};
}

static void make_about(sweep_made_up *m)
{
    const sweep_made_up_request *r = &m->request;
    m->model = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s}", "path", "/models/made<up>", "family", "llava", "layers", (int)r->layers,
                         "d_model", 576, "dtype", "f32", "fingerprint", "00");
    m->options = json_pack("{s:[s], s:s, s:{s:s, s:i}, s:i, s:b}", "corruption", "swap:Paris", "direction", "denoise", "window", "kind",
                           "centred", "size", (int)r->window, "seed", 0, "group", 0);
    if (r->edit) {
        json_object_set_new(m->options, "method", json_string(r->edit));
        json_object_set_new(m->options, "layer", json_integer((json_int_t)r->edited_layer));
        json_object_del(m->options, "corruption");
    }
    m->dataset = json_pack("{s:i, s:s, s:s}", "rows", (int)r->questions, "digest", "0123456789abcdef", "folder", "/data/made");
    m->about = (store_about){r->method, m->model, m->options, m->dataset};
}

void sweep_made_up_make(sweep_made_up *m, const sweep_made_up_request *request)
{
    *m = (sweep_made_up){.request = *request};
    sweep_summary *s = &m->summary;
    pb_error err;
    make_about(m);
    *s = (sweep_summary){.path = mem_text("made-up.db"), .label = mem_text(request->label), .about = &m->about,
                         .model_layers = request->layers, .subjects = request->subjects, .weak = 37, .primed = 5};
    sweep_made_up_each(m, count_one, s, &err);
    add_reasons(s);
    add_accuracy(s);
    if (strcmp(request->method, "trace") == 0) {
        trace_series(m, NULL, request->strength);
        if (request->grouped) {
            s->grouped_by = "kind";
            s->group_count = 2;
            s->groups = mem_new(2, sizeof *s->groups);
            s->groups[0] = mem_text("textual");
            s->groups[1] = mem_text("visual");
            trace_series(m, "textual", 0.8 * request->strength);
            trace_series(m, "visual", 1.1 * request->strength);
        }
    } else if (strcmp(request->method, "flow") == 0) {
        pair_series(m, flow_measures_made, COUNT(flow_measures_made));
        add_sources(s);
    } else if (strcmp(request->method, "knockout") == 0) {
        pair_series(m, cut_measures, COUNT(cut_measures));
    } else if (strcmp(request->method, "edit") == 0) {
        add_metrics(m);
    }
}

static void free_series(sweep_series *r)
{
    free(r->name);
    free(r->metric);
    free(r->class);
    free(r->group);
    free(r->layers);
    free(r->at);
    free(r->first_restored);
}

void sweep_made_up_free(sweep_made_up *m)
{
    sweep_summary *s = &m->summary;
    for (size_t i = 0; i < s->series_count; i++)
        free_series(&s->series[i]);
    for (size_t i = 0; i < s->reason_count; i++)
        free(s->reasons[i].text);
    for (size_t i = 0; i < s->accuracy_count; i++)
        free(s->accuracy[i].group);
    for (size_t i = 0; i < s->group_count; i++)
        free(s->groups[i]);
    for (size_t i = 0; i < s->metric_count; i++)
        free(s->metrics[i].name);
    for (size_t i = 0; i < s->source_count; i++) {
        free(s->sources[i].pair);
        free(s->sources[i].mean);
        free(s->sources[i].strongest);
    }
    free(s->series);
    free(s->reasons);
    free(s->accuracy);
    free(s->groups);
    free(s->metrics);
    free(s->sources);
    free(s->path);
    free(s->label);
    json_decref(m->model);
    json_decref(m->options);
    json_decref(m->dataset);
    *m = (sweep_made_up){0};
}

/* ---- contrasts ---- */

sweep_contrast sweep_made_up_contrast(const sweep_made_up *a, const sweep_made_up *b)
{
    const sweep_summary *of = &a->summary;
    sweep_contrast c = {.a = of, .b = &b->summary, .series_count = of->series_count,
                        .depth_count = of->series_count};
    c.series = mem_new(of->series_count, sizeof *c.series);
    c.depths = mem_new(of->series_count, sizeof *c.depths);
    for (size_t i = 0; i < of->series_count; i++) {
        const sweep_series *s = &of->series[i], *t = &b->summary.series[i];
        sweep_series *d = &c.series[i];
        *d = (sweep_series){.name = s->name, .metric = s->metric, .class = s->class, .group = s->group, .layer_count = s->layer_count,
                            .layers = s->layers, .at = mem_new(s->layer_count, sizeof(interval))};
        for (size_t l = 0; l < s->layer_count; l++)
            d->at[l] = around(s->at[l].mean - t->at[l].mean, 0.02, s->at[l].questions, s->at[l].subjects);
        double depth = 0.3 + 0.02 * (double)(i % 9), other = depth + (i % 3 ? 0.1 : 0.01);
        c.depths[i] = (sweep_depth){d, around(depth, 0.02, 180, 31), around(other, 0.02, 180, 31),
                                    around(depth - other, 0.03, 180, 31)};
    }
    return c;
}

void sweep_made_up_contrast_free(sweep_contrast *c)
{
    for (size_t i = 0; i < c->series_count; i++)
        free(c->series[i].at);
    free(c->series);
    free(c->depths);
    *c = (sweep_contrast){0};
}
