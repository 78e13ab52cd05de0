/* test_backward.c: gradients through a replay, against PyTorch's autograd, finite differences and themselves. */
#include "tests/engine/runs.h"

#include "engine/backward.h"
#include "math/matmul.h"

enum { MEMORY = 1 << 20 };

/* ---- a run and its gradients ---- */

/* d[n][D] = the gradients of sum of log P(tokens[i]) with respect to final rows x[n][D]; returns the sum. */
static double read_back(decoder *m, const float *x, const int32_t *tokens, size_t n, float *d, readout_gradient *more)
{
    size_t D = m->config.d_model;
    readout reads[4];
    readout_gradient g = more ? *more : (readout_gradient){0};
    double sum = 0;
    g.dx = d;
    for (size_t i = 0; i < n; i++)
        reads[i] = (readout){.x = x + i * D, .want = {tokens[i], -1}};
    assert_ok(decoder_readout(m, reads, n, err));
    assert_ok(decoder_readout_backward(m, reads, n, &g, err));
    for (size_t i = 0; i < n; i++)
        sum += (double)reads[i].logit[0] - reads[i].log_sum_exp;
    return sum;
}

/* What going back takes, where no weight's gradient is wanted, is what was planned. */
static void assert_planned(const decoder *m, replay_fork *forks, size_t count, size_t memory, const replay_work *work)
{
    replay_plan plan = {0};
    replay_plan_add_backward(&plan, m, forks, count, memory);
    assert_true(plan.flop > 0 && fabs(plan.flop - work->flop) <= 1e-9 * plan.flop && plan.waves == 0);
    replay_plan_free(&plan);
}

/* Runs a fork whose last `n` rows are read, and leaves its gradients; returns sum of log P(tokens). */
static double differentiate(decoder *m, replay_fork *f, const int32_t *tokens, size_t n, const tap *taps,
                            size_t tap_count, weight_gradients weights)
{
    float **final = run_forks(m, f, 1, MEMORY, NULL), *d = zeros(n * m->config.d_model);
    double score = read_back(m, final[0], tokens, n, d, NULL);
    fork_gradient g = {.d_read = d, .taps = taps, .tap_count = tap_count};
    replay_work work = {0};
    assert_ok(backward_run(m, f, &g, 1, weights, MEMORY, &work, err));
    if (!weights)
        assert_planned(m, f, 1, MEMORY, &work);
    free(d);
    rows_free(final, 1);
    return score;
}

static void assert_near(const float *found, const double *expected, size_t n, double tolerance, const char *what)
{
    double norm = 0;
    for (size_t i = 0; i < n; i++)
        norm += expected[i] * expected[i];
    for (size_t i = 0; i < n; i++)
        assert_close((double)found[i], expected[i], tolerance * sqrt(norm), what, i);
}

/* Of two ways to one gradient. */
static void assert_both_near(const float *a, const float *b, size_t n, const char *what)
{
    double *exact = mem_new(n, sizeof *exact);
    for (size_t i = 0; i < n; i++)
        exact[i] = (double)b[i];
    assert_near(a, exact, n, 2e-6, what);
    free(exact);
}

/* ---- against autograd ---- */

typedef struct golden_run {
    model *model;
    decoder *m;
    json_t *forward, *gradients;
    float *input;
    recording *whole; /* of the run over it */
    size_t T, L, D;
    int32_t tokens[2];
} golden_run;

static golden_run golden_open(const char *folder)
{
    golden_run g = {.model = tiny_open(folder)};
    char *forward = path_join(folder, "golden.json"), *gradients = path_join(folder, "gradients.json");
    assert_ok(json_read_file(&g.forward, forward, err));
    assert_ok(json_read_file(&g.gradients, gradients, err));
    free(forward), free(gradients);
    g.m = &g.model->decoder;
    g.L = g.m->config.layers;
    g.D = g.m->config.d_model;
    g.input = golden_input(g.model, g.forward, &g.T);
    g.whole = record(g.m, g.input, g.T, NULL);
    for (size_t i = 0; i < 2; i++)
        g.tokens[i] = (int32_t)json_number_value(json_array_get(json_object_get(g.gradients, "tokens"), i));
    return g;
}

static void golden_close(golden_run *g)
{
    free(g->input);
    recording_free(g->whole);
    json_decref(g->forward);
    json_decref(g->gradients);
    model_free(g->model);
}

static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI};

static void in_all_families(void (*check)(const golden_run *g))
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        check(&g);
        golden_close(&g);
    }
}

/* The run over the golden input, whose last `reads` rows are read, to be gone back through. recording_free(.record) */
static replay_fork whole_run(const golden_run *g, size_t reads)
{
    replay_fork f = {.end = g->T, .input = g->input, .read_first = g->T - reads};
    assert_ok(recording_new(&f.record, &g->m->config, NULL, 0, g->T, 0, err));
    return f;
}

/* Elements of a weight's gradient, one in 37, and its norm. */
static void check_weight(const golden_run *g, const char *name, const float *found, size_t count)
{
    const json_t *of = json_object_get(json_object_get(g->gradients, "weights"), name);
    if (!of)
        test_stop(__FILE__, __LINE__, "the golden has no gradient of %s", name);
    double norm = json_number_value(json_object_get(of, "norm")), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)found[i] * (double)found[i];
    assert_close(sqrt(sum), norm, 2e-5 * norm + 1e-12, name, 0);
    const json_t *elements = json_object_get(of, "elements");
    assert_int_equal(json_array_size(elements), (count + 36) / 37);
    for (size_t i = 0; i < count; i += 37)
        assert_close((double)found[i], json_number_value(json_array_get(elements, i / 37)), 2e-5 * norm + 1e-12, name,
                     i);
}

static weight_gradients new_gradients(const decoder *m)
{
    weight_gradients w = mem_new(m->config.layers, sizeof *w);
    for (size_t l = 0; l < m->config.layers; l++)
        for (int part = 0; part < PART_COUNT; part++)
            if (m->layers[l].part[part])
                w[l][part] = zeros(m->layers[l].part[part]->count);
    return w;
}

static void free_gradients(const decoder *m, weight_gradients w)
{
    for (size_t l = 0; l < m->config.layers; l++)
        for (int part = 0; part < PART_COUNT; part++)
            free(w[l][part]);
    free(w);
}

/* A parallel block's one norm is two parts, whose gradients add up. */
static void join_norms(const decoder *m, size_t l, float *(*w)[PART_COUNT])
{
    static const int pair[2][2] = {{PART_ATTN_NORM, PART_MLP_NORM}, {PART_ATTN_NORM_BIAS, PART_MLP_NORM_BIAS}};
    for (size_t i = 0; i < 2; i++) {
        const tensor *one = m->layers[l].part[pair[i][0]], *two = m->layers[l].part[pair[i][1]];
        if (!one || !two || strcmp(one->name, two->name) != 0)
            continue;
        add_rows(w[l][pair[i][0]], w[l][pair[i][1]], one->count);
        memcpy(w[l][pair[i][1]], w[l][pair[i][0]], one->count * sizeof(float));
    }
}

enum { SITES = 4 }; /* whose gradients the golden has */
static const site sites[SITES] = {SITE_RESID_PRE, SITE_ATTN_OUT, SITE_MLP_OUT, SITE_HEAD_OUT};

static size_t site_width(const golden_run *g, site s)
{
    return s == SITE_HEAD_OUT ? g->m->config.heads * g->m->config.head_dim : g->D;
}

static void check_sites(const golden_run *g, const tap *taps)
{
    for (size_t l = 0; l < g->L; l++)
        for (size_t s = 0; s < SITES; s++)
            for (size_t i = 0; i < 2; i++) {
                const json_t *of = json_array_get(json_object_get(g->gradients, "sites"), l);
                const json_t *row = json_array_get(json_object_get(of, site_name(sites[s])), i);
                size_t n = site_width(g, sites[s]);
                double *expected = mem_new(n, sizeof *expected);
                assert_int_equal(json_array_size(row), n);
                for (size_t j = 0; j < n; j++)
                    expected[j] = json_number_value(json_array_get(row, j));
                assert_near(taps[(l * SITES + s) * 2 + i].row, expected, n, 1e-5, site_name(sites[s]));
                free(expected);
            }
}

/* Every row's gradient is handed out once, and is what a tap takes. */
typedef struct handed_out {
    const golden_run *g;
    const tap *taps;
    size_t tap_count, first, matched, count[SITE_PUT_COUNT];
} handed_out;

static void take(void *context, site s, size_t layer, size_t position, const float *d)
{
    handed_out *h = context;
    assert_true(layer < h->g->L && position >= h->first && position < h->g->T);
    h->count[s]++;
    for (size_t i = 0; i < h->tap_count; i++)
        if (h->taps[i].site == s && h->taps[i].layer == layer && h->taps[i].position == position) {
            assert_same_bits(d, h->taps[i].row, site_width(h->g, s), site_name(s));
            h->matched++;
        }
}

static void check_handed_out(const golden_run *g, replay_fork *f, const tap *taps, size_t tap_count)
{
    float **final = run_forks(g->m, f, 1, MEMORY, NULL), *d = zeros(2 * g->D);
    read_back(g->m, final[0], g->tokens, 2, d, NULL);
    handed_out h = {.g = g, .taps = taps, .tap_count = tap_count, .first = f->first};
    fork_gradient gradient = {.d_read = d, .each = take, .context = &h};
    replay_work work = {0};
    assert_ok(backward_run(g->m, f, &gradient, 1, NULL, MEMORY, &work, err));
    assert_planned(g->m, f, 1, MEMORY, &work);
    for (size_t s = 0; s < SITE_PUT_COUNT; s++)
        assert_int_equal(h.count[s], g->L * (g->T - f->first));
    assert_int_equal(h.matched, tap_count);
    free(d);
    rows_free(final, 1);
}

static void check_autograd(const golden_run *g)
{
    size_t tap_count = g->L * SITES * 2;
    tap *taps = mem_new(tap_count, sizeof *taps);
    for (size_t n = 0; n < tap_count; n++) {
        site s = sites[n / 2 % SITES];
        double p = json_number_value(json_array_get(json_object_get(g->gradients, "rows"), n % 2));
        taps[n] = (tap){s, n / 2 / SITES, (size_t)p, zeros(site_width(g, s))};
    }
    weight_gradients w = new_gradients(g->m);
    replay_fork f = whole_run(g, 2);
    double score = differentiate(g->m, &f, g->tokens, 2, taps, tap_count, w);
    assert_close(score, json_number_value(json_object_get(g->gradients, "score")), 1e-5, "score", 0);
    check_sites(g, taps);
    check_handed_out(g, &f, taps, tap_count);
    for (size_t l = 0; l < g->L; l++) {
        join_norms(g->m, l, w);
        for (int part = 0; part < PART_COUNT; part++)
            if (w[l][part])
                check_weight(g, strstr(g->m->layers[l].part[part]->name, "layers."), w[l][part],
                             g->m->layers[l].part[part]->count);
    }
    for (size_t n = 0; n < tap_count; n++)
        free(taps[n].row);
    free(taps);
    free_gradients(g->m, w);
    recording_free(f.record);
}

static void gradients_are_autograds(void **state)
{
    (void)state;
    in_all_families(check_autograd);
}

static void check_ends(const golden_run *g)
{
    size_t V = g->m->config.vocab;
    bool has_bias = g->m->end[END_HEAD_BIAS];
    float *final, *d = zeros(2 * g->D), *head = zeros(V * g->D), *norm = zeros(g->D), *norm_bias = zeros(g->D), *bias = zeros(V);
    recording_free(record(g->m, g->input, g->T, &final));
    readout_gradient more = {.d_end = {norm, norm_bias, has_bias ? bias : NULL}, .d_head = head};
    read_back(g->m, final + (g->T - 2) * g->D, g->tokens, 2, d, &more);
    check_weight(g, "head", head, V * g->D);
    check_weight(g, "end.weight", norm, g->D);
    if (g->m->config.norm == NORM_LAYER)
        check_weight(g, "end.bias", norm_bias, g->D);
    if (has_bias)
        check_weight(g, "head.bias", bias, V);
    free(final), free(d), free(head), free(norm), free(norm_bias), free(bias);
}

static void the_ends_gradients_are_autograds(void **state)
{
    (void)state;
    in_all_families(check_ends);
}

/* ---- forks ---- */

/* A fork of the whole run that puts a row in at (site, layer, p), and its recording. */
typedef struct put {
    row_edit edit;
    size_t position;
    const float *row;
    replay_fork f;
} put;

static void put_in(put *one, const golden_run *g, site s, size_t layer, size_t p, const float *row)
{
    *one = (put){.position = p, .row = row};
    one->edit = (row_edit){.site = s, .first_layer = layer, .end_layer = layer + 1, .positions = &one->position,
                       .position_count = 1, .rows = &one->row};
    one->f = (replay_fork){.base = g->whole, .first = p, .end = g->T, .edits = &one->edit, .edit_count = 1,
                           .read_first = g->T - 1};
    assert_ok(recording_new(&one->f.record, &g->m->config, g->whole, p, g->T, p, err));
}

static void check_put_in(const golden_run *g, site s, size_t layer)
{
    size_t p = 2 + layer, n = site_width(g, s);
    float *expected = zeros(n), *found = zeros(n);
    tap of_whole = {s, layer, p, expected}, of_fork = {s, layer, p, found};
    replay_fork f = whole_run(g, 1);
    put one;
    put_in(&one, g, s, layer, p, recording_row(g->whole, s, layer, p));
    differentiate(g->m, &f, g->tokens, 1, &of_whole, 1, NULL);
    differentiate(g->m, &one.f, g->tokens, 1, &of_fork, 1, NULL);
    assert_both_near(found, expected, n, site_name(s));
    free(expected), free(found);
    recording_free(one.f.record);
    recording_free(f.record);
}

static void check_all_put_in(const golden_run *g)
{
    static const site put_sites[] = {SITE_RESID_PRE, SITE_ATTN_OUT, SITE_MLP_OUT, SITE_RESID_POST, SITE_HEAD_OUT};
    for (size_t s = 0; s < 5; s++)
        for (size_t l = 0; l + 1 < g->L; l++)
            check_put_in(g, put_sites[s], l);
}

/* Of a run's own row, put in: the gradient is that of the whole run. */
static void a_forks_gradient_is_the_whole_runs(void **state)
{
    (void)state;
    in_all_families(check_all_put_in);
}

/* The gradient where a fork joins by a cut is that of a run which has the cut from layer 0 on; of weights it has none. */
static void check_cut_fork(const golden_run *g)
{
    static const size_t sources[] = {0, 2}, destinations[] = {5, 6};
    const edge_cut cut = {1, 2, {sources, destinations, 2, 2}};
    float *expected[2] = {zeros(g->D), zeros(g->D)}, *found[2] = {zeros(g->D), zeros(g->D)};
    tap of_whole[] = {{SITE_ATTN_OUT, 1, 5, expected[0]}, {SITE_RESID_POST, 1, 6, expected[1]}};
    tap of_fork[] = {{SITE_ATTN_OUT, 1, 5, found[0]}, {SITE_RESID_POST, 1, 6, found[1]}};
    replay_fork f[] = {whole_run(g, 1),
                       {.base = g->whole, .first = 5, .end = g->T, .cuts = &cut, .cut_count = 1, .read_first = g->T - 1}};
    f[0].cuts = &cut;
    f[0].cut_count = 1;
    assert_ok(recording_new(&f[1].record, &g->m->config, g->whole, 5, g->T, 5, err));
    differentiate(g->m, &f[0], g->tokens, 1, of_whole, 2, NULL);
    differentiate(g->m, &f[1], g->tokens, 1, of_fork, 2, NULL);
    for (size_t k = 0; k < 2; k++) {
        assert_both_near(found[k], expected[k], g->D, "gradient");
        free(expected[k]), free(found[k]);
    }
    weight_gradients w = new_gradients(g->m);
    float *d = zeros(g->D);
    fork_gradient gradient = {.d_read = d};
    replay_work work = {0};
    assert_fails(backward_run(g->m, &f[1], &gradient, 1, w, MEMORY, &work, err), PB_EINVAL, "cut attention edge");
    assert_ok(backward_run(g->m, &f[0], &gradient, 1, w, MEMORY, &work, err));
    free(d);
    free_gradients(g->m, w);
    recording_free(f[0].record);
    recording_free(f[1].record);
}

static void a_cut_forks_gradient_is_the_whole_runs(void **state)
{
    (void)state;
    in_all_families(check_cut_fork);
}

/* Through a row that was put in above, nothing flows down. */
static void nothing_flows_through_a_row_that_was_put_in(void **state)
{
    (void)state;
    golden_run g = golden_open(LLAVA);
    size_t every[64];
    for (size_t p = 0; p < g.T; p++)
        every[p] = p;
    row_edit all = {.site = SITE_RESID_PRE, .first_layer = 2, .end_layer = 3, .positions = every, .position_count = g.T,
                    .source = g.whole};
    replay_fork f = whole_run(&g, 1);
    f.edits = &all;
    f.edit_count = 1;
    float *above = zeros(g.D), *below = gaussians(g.D, 3), *nothing = zeros(g.D);
    tap taps[] = {{SITE_RESID_PRE, 2, g.T - 1, above}, {SITE_MLP_OUT, 1, g.T - 1, below}};
    differentiate(g.m, &f, g.tokens, 1, taps, 2, NULL);
    assert_same_bits(below, nothing, g.D, "mlp_out below");
    assert_true(memcmp(above, nothing, g.D * sizeof *above) != 0);
    free(above), free(below), free(nothing);
    recording_free(f.record);
    golden_close(&g);
}

/* ---- slopes ---- */

/* A row put in at (site, layer, position), and what else the run has that is scored. */
typedef struct moving {
    const golden_run *g;
    site site;
    size_t layer, position;
    const edge_cut *cuts;
    size_t cut_count;
    const float *head;     /* [head_dim] the last head of that row, put in above; NULL: none is */
    weight_gradients w;
    float *d_z;            /* [H d] filled in, where a head is put in */
} moving;

/* What the run says with `row` put in; the gradient of that, where it is not NULL. */
static double score_moved(const moving *o, const float *row, float *gradient)
{
    const golden_run *g = o->g;
    const size_t p = o->position, heads = g->m->config.heads;
    row_edit edits[] = {{.site = o->site, .first_layer = o->layer, .end_layer = o->layer + 1, .positions = &p, .position_count = 1,
                         .rows = &row},
                        {.site = SITE_HEAD_OUT, .first_layer = o->layer, .end_layer = o->layer + 1, .positions = &p,
                         .position_count = 1, .rows = &o->head, .first_head = heads - 1, .end_head = heads}};
    tap taps[] = {{o->site, o->layer, p, gradient}, {SITE_HEAD_OUT, o->layer, p, o->d_z}};
    size_t count = o->head ? 2 : 1;
    replay_fork f = {.base = g->whole, .first = p, .end = g->T, .edits = edits, .edit_count = count, .cuts = o->cuts,
                     .cut_count = o->cut_count, .read_first = g->T - 1};
    assert_ok(recording_new(&f.record, &g->m->config, g->whole, p, g->T, p, err));
    double score = differentiate(g->m, &f, g->tokens, 1, taps, gradient ? count : 0, gradient ? o->w : NULL);
    recording_free(f.record);
    return score;
}

/* Along a random direction: (score(v + h d) - score(v - h d)) / 2h = gradient . d, of a row v unlike any run's. */
static void check_slope(const moving *o, unsigned seed)
{
    const double h = 5e-3;
    size_t D = o->g->D;
    float *v = gaussians(D, seed), *direction = gaussians(D, seed + 1), *moved = zeros(D), *gradient = zeros(D);
    double score[3], slope = 0;
    for (int step = -1; step <= 1; step++) {
        for (size_t j = 0; j < D; j++)
            moved[j] = (float)((double)v[j] * 0.3 + step * h * (double)direction[j]);
        score[step + 1] = score_moved(o, moved, step == 0 ? gradient : NULL);
    }
    for (size_t j = 0; j < D; j++)
        slope += (double)gradient[j] * (double)direction[j];
    assert_close((score[2] - score[0]) / (2 * h), slope, 2e-3 * (1 + fabs(slope)), "slope", o->layer);
    free(v), free(direction), free(moved), free(gradient);
}

static void check_slope_of_mlp_out(const golden_run *g)
{
    check_slope(&(moving){.g = g, .site = SITE_MLP_OUT, .layer = 1, .position = 3}, 31);
}

static void gradients_are_finite_differences(void **state)
{
    (void)state;
    in_all_families(check_slope_of_mlp_out);
}

/* A run that cuts edges in layers 1 and 2, whose layer 0 has a row put in. */
static void check_slope_below_cuts(const golden_run *g)
{
    static const size_t sources[] = {0, 2, 3}, destinations[] = {5, 6, 8};
    const edge_cut cuts[] = {{1, 3, {sources, destinations, 3, 3}}};
    check_slope(&(moving){.g = g, .site = SITE_MLP_OUT, .layer = 0, .position = 3, .cuts = cuts, .cut_count = 1}, 31);
}

static void gradients_go_round_cut_edges(void **state)
{
    (void)state;
    in_all_families(check_slope_below_cuts);
}

/* The last of two heads put in above: the gradient below is the finite difference's, through the other heads alone. */
static void check_slope_below_a_head(const golden_run *g)
{
    const decoder_config *c = &g->m->config;
    size_t width = c->heads * c->head_dim;
    float *z = gaussians(c->head_dim, 43), *d_z = zeros(width), *w_o = zeros(g->m->layers[1].part[PART_O]->count);
    weight_gradients w = mem_new(g->L, sizeof *w);
    w[1][PART_O] = w_o;
    check_slope(&(moving){.g = g, .site = SITE_RESID_PRE, .layer = 1, .position = g->T - 1, .head = z, .w = w,
                          .d_z = d_z}, 41);
    /* of the matrix: what a column gets is the gradient of attn_out times what was put in there */
    for (size_t j = 0; j < c->head_dim; j++) {
        double ratio = (double)w_o[width - c->head_dim + j] / (double)w_o[width - c->head_dim];
        assert_close(ratio, (double)z[j] / (double)z[0], 1e-4 * (1 + fabs(ratio)), "gradient of o", j);
    }
    free(z), free(d_z), free(w_o), free(w);
}

static void through_heads_that_were_put_in_nothing_flows(void **state)
{
    (void)state;
    in_all_families(check_slope_below_a_head);
}

/* ---- company ---- */

/* Many forks together, in waves of any size: each has the gradients that it has alone. */
static void company_and_waves_do_not_show(void **state)
{
    (void)state;
    enum { FORKS = 9 };
    if (!matmul_row_invariant())
        skip();
    golden_run g = golden_open(LLAMA);
    float *alone[FORKS], *v = gaussians(FORKS * g.D, 9);
    put forks[FORKS];
    replay_fork list[FORKS];
    fork_gradient gradients[FORKS];
    tap taps[FORKS];
    float *d = gaussians(FORKS * g.D, 10);
    for (size_t i = 0; i < FORKS; i++) {
        size_t layer = i % 2, p = 5 + 2 * i;
        put_in(&forks[i], &g, SITE_MLP_OUT, layer, p, v + i * g.D);
        alone[i] = zeros(g.D);
        taps[i] = (tap){SITE_MLP_OUT, layer, p, alone[i]};
        gradients[i] = (fork_gradient){.d_read = d + i * g.D, .taps = &taps[i], .tap_count = 1};
        list[i] = forks[i].f;
        replay_work work = {0};
        rows_free(run_forks(g.m, &list[i], 1, MEMORY, NULL), 1);
        assert_ok(backward_run(g.m, &list[i], &gradients[i], 1, NULL, MEMORY, &work, err));
    }
    for (size_t memory = 1; memory < 1 << 20; memory *= 64) {
        replay_work work = {0};
        for (size_t i = 0; i < FORKS; i++)
            taps[i].row = zeros(g.D);
        assert_ok(backward_run(g.m, list, gradients, FORKS, NULL, memory, &work, err));
        assert_planned(g.m, list, FORKS, memory, &work);
        for (size_t i = 0; i < FORKS; i++) {
            assert_same_bits(taps[i].row, alone[i], g.D, "gradient in company");
            free(taps[i].row);
        }
    }
    for (size_t i = 0; i < FORKS; i++) {
        free(alone[i]);
        recording_free(forks[i].f.record);
    }
    free(v), free(d);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_autograds),
        cmocka_unit_test(the_ends_gradients_are_autograds),
        cmocka_unit_test(a_forks_gradient_is_the_whole_runs),
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(gradients_go_round_cut_edges),
        cmocka_unit_test(a_cut_forks_gradient_is_the_whole_runs),
        cmocka_unit_test(nothing_flows_through_a_row_that_was_put_in),
        cmocka_unit_test(through_heads_that_were_put_in_nothing_flows),
        cmocka_unit_test(company_and_waves_do_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
