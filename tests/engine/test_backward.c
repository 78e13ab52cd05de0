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

/* ---- against autograd ---- */

typedef struct golden_run {
    model *model;
    decoder *m;
    json_t *forward, *gradients;
    float *input;
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
    for (size_t i = 0; i < 2; i++)
        g.tokens[i] = (int32_t)json_number_value(json_array_get(json_object_get(g.gradients, "tokens"), i));
    return g;
}

static void golden_close(golden_run *g)
{
    free(g->input);
    json_decref(g->forward);
    json_decref(g->gradients);
    model_free(g->model);
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

static void check_autograd(const char *folder)
{
    golden_run g = golden_open(folder);
    recording *r;
    size_t tap_count = g.L * SITES * 2;
    tap *taps = mem_new(tap_count, sizeof *taps);
    for (size_t n = 0; n < tap_count; n++) {
        site s = sites[n / 2 % SITES];
        double p = json_number_value(json_array_get(json_object_get(g.gradients, "rows"), n % 2));
        taps[n] = (tap){s, n / 2 / SITES, (size_t)p, zeros(site_width(&g, s))};
    }
    weight_gradients w = new_gradients(g.m);
    assert_ok(recording_new(&r, &g.m->config, NULL, 0, g.T, 0, err));
    replay_fork f = {.end = g.T, .input = g.input, .record = r, .read_first = g.T - 2};
    double score = differentiate(g.m, &f, g.tokens, 2, taps, tap_count, w);
    assert_close(score, json_number_value(json_object_get(g.gradients, "score")), 1e-5, "score", 0);
    check_sites(&g, taps);
    check_handed_out(&g, &f, taps, tap_count);
    for (size_t l = 0; l < g.L; l++) {
        join_norms(g.m, l, w);
        for (int part = 0; part < PART_COUNT; part++)
            if (w[l][part])
                check_weight(&g, strstr(g.m->layers[l].part[part]->name, "layers."), w[l][part],
                             g.m->layers[l].part[part]->count);
    }
    for (size_t n = 0; n < tap_count; n++)
        free(taps[n].row);
    free(taps);
    free_gradients(g.m, w);
    recording_free(r);
    golden_close(&g);
}

static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI};

static void gradients_are_autograds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        check_autograd(folders[i]);
}

static void the_ends_gradients_are_autograds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        size_t V = g.m->config.vocab;
        bool has_bias = g.m->end[END_HEAD_BIAS];
        float *final, *d = zeros(2 * g.D), *head = zeros(V * g.D), *norm = zeros(g.D), *norm_bias = zeros(g.D),
                      *bias = zeros(V);
        recording_free(record(g.m, g.input, g.T, &final));
        readout_gradient more = {.d_end = {norm, norm_bias, has_bias ? bias : NULL}, .d_head = head};
        read_back(g.m, final + (g.T - 2) * g.D, g.tokens, 2, d, &more);
        check_weight(&g, "head", head, V * g.D);
        check_weight(&g, "end.weight", norm, g.D);
        if (g.m->config.norm == NORM_LAYER)
            check_weight(&g, "end.bias", norm_bias, g.D);
        if (has_bias)
            check_weight(&g, "head.bias", bias, V);
        free(final), free(d), free(head), free(norm), free(norm_bias), free(bias);
        golden_close(&g);
    }
}

/* ---- forks ---- */

/* A fork from the run over g->input that puts a row in at (site, layer, p), and its recording. */
typedef struct put {
    row_edit edit;
    size_t position;
    const float *row;
    replay_fork f;
} put;

static void put_in(put *one, const golden_run *g, const recording *base, site s, size_t layer, size_t p,
                   const float *row)
{
    *one = (put){.position = p, .row = row};
    one->edit = (row_edit){.site = s, .first_layer = layer, .end_layer = layer + 1, .positions = &one->position,
                       .position_count = 1, .rows = &one->row};
    one->f = (replay_fork){.base = base, .first = p, .end = g->T, .edits = &one->edit, .edit_count = 1,
                           .read_first = g->T - 1};
    assert_ok(recording_new(&one->f.record, &g->m->config, base, p, g->T, p, err));
}

/* Of a run's own row, put in: the gradient is that of the whole run. */
static void a_forks_gradient_is_the_whole_runs(void **state)
{
    (void)state;
    static const site put_sites[] = {SITE_RESID_PRE, SITE_ATTN_OUT, SITE_MLP_OUT, SITE_RESID_POST, SITE_HEAD_OUT};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        recording *whole = record(g.m, g.input, g.T, NULL);
        for (size_t s = 0; s < 5; s++)
            for (size_t l = 0; l + 1 < g.L; l++) {
                site w = put_sites[s];
                size_t p = 2 + l, n = site_width(&g, w);
                float *expected = zeros(n), *found = zeros(n);
                tap of_whole = {w, l, p, expected}, of_fork = {w, l, p, found};
                recording *again;
                assert_ok(recording_new(&again, &g.m->config, NULL, 0, g.T, 0, err));
                replay_fork f = {.end = g.T, .input = g.input, .record = again, .read_first = g.T - 1};
                differentiate(g.m, &f, g.tokens, 1, &of_whole, 1, NULL);
                put one;
                put_in(&one, &g, whole, w, l, p, recording_row(whole, w, l, p));
                differentiate(g.m, &one.f, g.tokens, 1, &of_fork, 1, NULL);
                double *exact = mem_new(n, sizeof *exact);
                for (size_t j = 0; j < n; j++)
                    exact[j] = (double)expected[j];
                assert_near(found, exact, n, 2e-6, site_name(w));
                free(exact), free(expected), free(found);
                recording_free(one.f.record);
                recording_free(again);
            }
        recording_free(whole);
        golden_close(&g);
    }
}

/* Along a random direction: (score(v + h d) - score(v - h d)) / 2h = gradient . d, of rows unlike any run's. */
static void gradients_are_finite_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        recording *whole = record(g.m, g.input, g.T, NULL);
        float *v = gaussians(g.D, 31), *direction = gaussians(g.D, 32), *moved = zeros(g.D), *gradient = zeros(g.D);
        const double h = 5e-3;
        double score[3], slope = 0;
        for (int step = -1; step <= 1; step++) {
            for (size_t j = 0; j < g.D; j++)
                moved[j] = (float)((double)v[j] * 0.3 + step * h * (double)direction[j]);
            put one;
            put_in(&one, &g, whole, SITE_MLP_OUT, 1, 3, moved);
            tap t = {SITE_MLP_OUT, 1, 3, step == 0 ? gradient : zeros(g.D)};
            score[step + 1] = differentiate(g.m, &one.f, g.tokens, 1, &t, 1, NULL);
            recording_free(one.f.record);
            if (step)
                free(t.row);
        }
        for (size_t j = 0; j < g.D; j++)
            slope += (double)gradient[j] * (double)direction[j];
        assert_close((score[2] - score[0]) / (2 * h), slope, 2e-3 * (1 + fabs(slope)), "slope", i);
        free(v), free(direction), free(moved), free(gradient);
        recording_free(whole);
        golden_close(&g);
    }
}

/* A run that cuts edges in layers 1 and 2, whose layer 0 has a row put in: with the cuts from the base on, or from layer 0. */
static void gradients_go_round_cut_edges(void **state)
{
    (void)state;
    static const size_t sources[] = {0, 2, 3}, destinations[] = {5, 6, 8};
    const edge_cut cuts[] = {{1, 3, {sources, destinations, 3, 3}}};
    const double h = 5e-3;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        recording *whole = record(g.m, g.input, g.T, NULL);
        float *v = gaussians(g.D, 31), *direction = gaussians(g.D, 32), *moved = zeros(g.D), *gradient = zeros(g.D);
        double score[3], slope = 0;
        for (int step = -1; step <= 1; step++) {
            for (size_t j = 0; j < g.D; j++)
                moved[j] = (float)((double)v[j] * 0.3 + step * h * (double)direction[j]);
            put one;
            put_in(&one, &g, whole, SITE_MLP_OUT, 0, 3, moved);
            one.f.cuts = cuts;
            one.f.cut_count = 1;
            tap t = {SITE_MLP_OUT, 0, 3, step == 0 ? gradient : zeros(g.D)};
            score[step + 1] = differentiate(g.m, &one.f, g.tokens, 1, &t, 1, NULL);
            recording_free(one.f.record);
            if (step)
                free(t.row);
        }
        for (size_t j = 0; j < g.D; j++)
            slope += (double)gradient[j] * (double)direction[j];
        assert_close((score[2] - score[0]) / (2 * h), slope, 2e-3 * (1 + fabs(slope)), "slope", i);
        free(v), free(direction), free(moved), free(gradient);
        recording_free(whole);
        golden_close(&g);
    }
}

/* The gradient where a fork joins by a cut is that of a run which has the cut from layer 0 on; of weights it has none. */
static void a_cut_forks_gradient_is_the_whole_runs(void **state)
{
    (void)state;
    static const size_t sources[] = {0, 2}, destinations[] = {5, 6};
    const edge_cut cut = {1, 2, {sources, destinations, 2, 2}};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        recording *whole = record(g.m, g.input, g.T, NULL);
        float *expected[2] = {zeros(g.D), zeros(g.D)}, *found[2] = {zeros(g.D), zeros(g.D)};
        tap of_whole[] = {{SITE_ATTN_OUT, 1, 5, expected[0]}, {SITE_RESID_POST, 1, 6, expected[1]}};
        tap of_fork[] = {{SITE_ATTN_OUT, 1, 5, found[0]}, {SITE_RESID_POST, 1, 6, found[1]}};
        replay_fork f[] = {{.end = g.T, .input = g.input, .cuts = &cut, .cut_count = 1, .read_first = g.T - 1},
                           {.base = whole, .first = 5, .end = g.T, .cuts = &cut, .cut_count = 1, .read_first = g.T - 1}};
        assert_ok(recording_new(&f[0].record, &g.m->config, NULL, 0, g.T, 0, err));
        assert_ok(recording_new(&f[1].record, &g.m->config, whole, 5, g.T, 5, err));
        differentiate(g.m, &f[0], g.tokens, 1, of_whole, 2, NULL);
        differentiate(g.m, &f[1], g.tokens, 1, of_fork, 2, NULL);
        for (size_t k = 0; k < 2; k++) {
            double *exact = mem_new(g.D, sizeof *exact);
            for (size_t j = 0; j < g.D; j++)
                exact[j] = (double)expected[k][j];
            assert_near(found[k], exact, g.D, 2e-6, "gradient");
            free(exact), free(expected[k]), free(found[k]);
        }
        weight_gradients w = new_gradients(g.m);
        float *d = zeros(g.D);
        fork_gradient gradient = {.d_read = d};
        replay_work work = {0};
        assert_fails(backward_run(g.m, &f[1], &gradient, 1, w, MEMORY, &work, err), PB_EINVAL, "cut attention edge");
        assert_ok(backward_run(g.m, &f[0], &gradient, 1, w, MEMORY, &work, err));
        free(d);
        free_gradients(g.m, w);
        recording_free(f[0].record);
        recording_free(f[1].record);
        recording_free(whole);
        golden_close(&g);
    }
}

/* Through a row that was put in above, nothing flows down. */
static void nothing_flows_through_a_row_that_was_put_in(void **state)
{
    (void)state;
    golden_run g = golden_open(LLAVA);
    size_t every[64];
    for (size_t p = 0; p < g.T; p++)
        every[p] = p;
    recording *whole = record(g.m, g.input, g.T, NULL), *again;
    row_edit all = {.site = SITE_RESID_PRE,
                    .first_layer = 2,
                    .end_layer = 3,
                    .positions = every,
                    .position_count = g.T,
                    .source = whole};
    assert_ok(recording_new(&again, &g.m->config, NULL, 0, g.T, 0, err));
    replay_fork f = {
        .end = g.T, .input = g.input, .edits = &all, .edit_count = 1, .record = again, .read_first = g.T - 1};
    float *above = zeros(g.D), *below = gaussians(g.D, 3), *nothing = zeros(g.D);
    tap taps[] = {{SITE_RESID_PRE, 2, g.T - 1, above}, {SITE_MLP_OUT, 1, g.T - 1, below}};
    differentiate(g.m, &f, g.tokens, 1, taps, 2, NULL);
    assert_same_bits(below, nothing, g.D, "mlp_out below");
    assert_true(memcmp(above, nothing, g.D * sizeof *above) != 0);
    free(above), free(below), free(nothing);
    recording_free(again);
    recording_free(whole);
    golden_close(&g);
}

/* The last of two heads put in above: the gradient below is the finite difference's, through the other heads alone. */
static void through_heads_that_were_put_in_nothing_flows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        golden_run g = golden_open(folders[i]);
        const decoder_config *c = &g.m->config;
        size_t p = g.T - 1, width = c->heads * c->head_dim;
        recording *whole = record(g.m, g.input, g.T, NULL);
        float *v = gaussians(g.D, 41), *direction = gaussians(g.D, 42), *gradient = zeros(g.D), *d_z = zeros(width);
        float *w_o = zeros(g.m->layers[1].part[PART_O]->count);
        float *moved = zeros(g.D), *z = gaussians(c->head_dim, 43);
        const float *rows[] = {moved}, *heads[] = {z};
        weight_gradients w = mem_new(g.L, sizeof *w);
        w[1][PART_O] = w_o;
        const double h = 5e-3;
        double score[3], slope = 0;
        for (int step = -1; step <= 1; step++) {
            for (size_t j = 0; j < g.D; j++)
                moved[j] = (float)((double)v[j] * 0.3 + step * h * (double)direction[j]);
            row_edit edits[] = {{.site = SITE_RESID_PRE, .first_layer = 1, .end_layer = 2, .positions = &p,
                                 .position_count = 1, .rows = rows},
                                {.site = SITE_HEAD_OUT, .first_layer = 1, .end_layer = 2, .positions = &p,
                                 .position_count = 1, .rows = heads, .first_head = c->heads - 1, .end_head = c->heads}};
            tap taps[] = {{SITE_RESID_PRE, 1, p, gradient}, {SITE_HEAD_OUT, 1, p, d_z}};
            replay_fork f = {.base = whole, .first = p, .end = g.T, .edits = edits, .edit_count = 2,
                             .read_first = g.T - 1};
            assert_ok(recording_new(&f.record, c, whole, p, g.T, p, err));
            score[step + 1] = differentiate(g.m, &f, g.tokens, 1, taps, step == 0 ? 2 : 0, step == 0 ? w : NULL);
            recording_free(f.record);
        }
        for (size_t j = 0; j < g.D; j++)
            slope += (double)gradient[j] * (double)direction[j];
        assert_close((score[2] - score[0]) / (2 * h), slope, 2e-3 * (1 + fabs(slope)), "slope", i);
        /* of the matrix: what a column gets is the gradient of attn_out times what was put in there */
        for (size_t j = 0; j < c->head_dim; j++) {
            double ratio = (double)w_o[width - c->head_dim + j] / (double)w_o[width - c->head_dim];
            assert_close(ratio, (double)z[j] / (double)z[0], 1e-4 * (1 + fabs(ratio)), "gradient of o", j);
        }
        free(v), free(direction), free(gradient), free(d_z), free(w_o), free(moved), free(z), free(w);
        recording_free(whole);
        golden_close(&g);
    }
}

/* Many forks together, in waves of any size: each has the gradients that it has alone. */
static void company_and_waves_do_not_show(void **state)
{
    (void)state;
    enum { FORKS = 9 };
    if (!matmul_row_invariant())
        skip();
    golden_run g = golden_open(LLAMA);
    recording *whole = record(g.m, g.input, g.T, NULL);
    float *alone[FORKS], *v = gaussians(FORKS * g.D, 9);
    put forks[FORKS];
    replay_fork list[FORKS];
    fork_gradient gradients[FORKS];
    tap taps[FORKS];
    float *d = gaussians(FORKS * g.D, 10);
    for (size_t i = 0; i < FORKS; i++) {
        size_t layer = i % 2, p = 5 + 2 * i;
        put_in(&forks[i], &g, whole, SITE_MLP_OUT, layer, p, v + i * g.D);
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
    recording_free(whole);
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
