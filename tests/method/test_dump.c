/* test_dump.c: what a dump hands on is what a run computes, in a file's order, whatever it is; and its end is the sink's to
 * say. */
#include "tests/method/asked.h"

#include "method/dump.h"

typedef struct kept_rows {
    const dump *d;
    float *rows[12]; /* [layer][row][width] of each site, by its index */
    size_t next[12];
    size_t left;                  /* rows that are taken before it says no */
} kept_rows;

static pb_status keep_row(void *context, size_t index, const float *row, pb_error *why)
{
    kept_rows *k = context;
    size_t width = k->d->sites[index].width;
    if (k->left-- == 0)
        return fail(why, PB_EIO, "no more");
    memcpy(k->rows[index] + k->next[index]++ * width, row, width * sizeof *row);
    return PB_OK;
}

static pb_status dumped(dump *d, kept_rows *k, model *m, const char *picture_file, const pb_dump_options *o, pb_error *why)
{
    question q = asked(m, picture_file);
    dump_sink sink = {keep_row, k};
    size_t left = k->left ? k->left : SIZE_MAX;
    assert_ok(dump_choose(d, &q, o, err));
    *k = (kept_rows){.d = d, .left = left};
    for (size_t i = 0; i < d->site_count; i++)
        k->rows[i] = zeros(d->sites[i].layers * d->sites[i].rows * d->sites[i].width);
    pb_status status = dump_run(d, &q, &sink, &o->run, why);
    question_free(&q);
    return status;
}

static void dumped_free(dump *d, kept_rows *k)
{
    for (size_t i = 0; i < d->site_count; i++)
        free(k->rows[i]);
    dump_free(d);
}

static void rows_are_those_of_a_recording(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, BUNNY, LLAMA, QWEN2, PHI};
    if (!matmul_row_invariant())
        skip();
    for (size_t f = 0; f < 5; f++) {
        model *m = tiny_open(folders[f]);
        const char *picture_file = f < 2 ? PICTURE : NULL;
        pb_dump_options o = {.sites = "resid_post,attn_out,head_out,mlp_out,resid_pre,attn_out", .positions = f % 2 ? "1:4,last" : NULL,
                             .first_layer = f == 2};
        dump d;
        kept_rows k = {0};
        assert_ok(dumped(&d, &k, m, picture_file, &o, err));
        assert_int_equal(d.site_count, 5);
        question q = asked(m, picture_file);
        recording *r;
        assert_ok(recording_new(&r, &m->decoder.config, NULL, 0, q.length, 0, err));
        assert_ok(recording_keep_heads(r, &m->decoder.config, err));
        replay_fork run = {.end = q.length, .input = q.input, .record = r, .read_first = q.last};
        rows_free(run_forks(&m->decoder, &run, 1, 0, NULL), 1);
        assert_int_equal(d.positions.count, f % 2 ? 4 : q.length);
        for (size_t s = 0; s < d.site_count; s++) {
            assert_int_equal(k.next[s], d.layer_count * d.positions.count);
            assert_int_equal(d.sites[s].not_finite, 0);
            for (size_t i = 0; i < k.next[s]; i++)
                assert_same_bits(k.rows[s] + i * d.sites[s].width,
                                 recording_row(r, d.sites[s].site, d.layers[i / d.positions.count],
                                               d.positions.positions[i % d.positions.count]),
                                 d.sites[s].width, site_name(d.sites[s].site));
        }
        recording_free(r);
        question_free(&q);
        dumped_free(&d, &k);
        model_free(m);
    }
}

/* resid_pre + attn_out + mlp_out = resid_post, added in this order; and the next layer's resid_pre is it. */
static void what_a_layer_adds_makes_its_output(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, PHI};
    for (size_t f = 0; f < 2; f++) {
        model *m = tiny_open(folders[f]);
        pb_dump_options o = {.sites = "resid_pre,attn_out,mlp_out,resid_post"};
        dump d;
        kept_rows k = {0};
        assert_ok(dumped(&d, &k, m, f ? NULL : PICTURE, &o, err));
        size_t layer = d.positions.count * d.sites[0].width, n = d.layer_count * layer;
        for (size_t i = 0; i < n; i++)
            assert_true(k.rows[0][i] + k.rows[1][i] + k.rows[2][i] == k.rows[3][i]);
        assert_same_bits(k.rows[0] + layer, k.rows[3], n - layer, "the next layer's input");
        dumped_free(&d, &k);
        model_free(m);
    }
}

static void mlp_post_goes_through_the_down_projection(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    pb_dump_options o = {.sites = "mlp_post,mlp_out"};
    dump d;
    kept_rows k = {0};
    assert_ok(dumped(&d, &k, m, PICTURE, &o, err));
    size_t P = d.positions.count, F = d.sites[0].width, D = d.sites[1].width;
    assert_int_equal(F, m->decoder.config.d_ff);
    float *out = zeros(P * D);
    for (size_t l = 0; l < d.layer_count; l++) {
        weight w[PART_COUNT];
        assert_ok(decoder_read_layer(&m->decoder, l, w, err));
        assert_ok(matmul_linear(out, k.rows[0] + l * P * F, w[PART_DOWN], w[PART_DOWN_BIAS].f32, P, D, F, err));
        for (size_t i = 0; i < P * D; i++)
            assert_close((double)out[i], (double)k.rows[1][l * P * D + i], 1e-5, "mlp_out", i);
    }
    free(out);
    dumped_free(&d, &k);
    model_free(m);
}

/* A tower's layers add up too; what its last one gives becomes, through the projector, the picture's rows. */
static void the_towers_rows_become_the_pictures(void **state)
{
    (void)state;
    static const char *const folders[] = {LLAVA, BUNNY};
    for (size_t f = 0; f < 2; f++) {
        model *m = tiny_open(folders[f]);
        pb_dump_options o = {.sites = "vision.resid_pre,vision.blocks.{l}.hook_attn_out,mlp_post,vision.mlp_out,vision.resid_post,"
                                      "proj.hook_out,vision.attn_out", .positions = "last"};
        dump d;
        kept_rows k = {0};
        assert_ok(dumped(&d, &k, m, PICTURE, &o, err));
        assert_int_equal(d.site_count, 6);
        size_t L = vision_used_layers(m->vision), layer = vision_tower_rows(m->vision) * vision_settings(m->vision)->width;
        assert_int_equal(d.sites[0].layers, L);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(k.next[i], d.sites[i].layers * d.sites[i].rows);
        for (size_t i = 0; i < L * layer; i++)
            assert_true(k.rows[0][i] + k.rows[1][i] + k.rows[3][i] == k.rows[4][i]);
        assert_same_bits(k.rows[0] + layer, k.rows[4], (L - 1) * layer, "the next layer's input");
        question q = asked(m, PICTURE);
        size_t n = q.prompt.image_count * m->decoder.config.d_model;
        float *rows = zeros(n);
        assert_ok(vision_project(m->vision, k.rows[4] + (L - 1) * layer, rows, err));
        assert_same_bits(k.rows[5], q.image_rows, n, "the picture's rows");
        for (size_t i = 0; i < n; i++)
            assert_close((double)rows[i], (double)q.image_rows[i], slack() * fabs((double)rows[i]), "projected", i);
        free(rows);
        question_free(&q);

        dump some;
        kept_rows second = {0};
        o = (pb_dump_options){.sites = "vision.resid_post,proj.out", .first_layer = 1, .end_layer = 2};
        assert_ok(dumped(&some, &second, m, PICTURE, &o, err));
        assert_int_equal(some.sites[0].layers, 1);
        assert_same_bits(second.rows[0], k.rows[4] + layer, layer, "the tower's second layer");
        dumped_free(&some, &second);
        question unread = asked(m, PICTURE);
        o.end_layer = L + 1;
        assert_fails(dump_choose(&some, &unread, &o, err), PB_EINVAL, "vision tower");
        question_free(&unread);
        dumped_free(&d, &k);
        model_free(m);
    }
}

static void it_says_what_the_run_says_next(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    pb_dump_options o = pb_dump_defaults();
    answer a;
    dump d;
    kept_rows k = {0};
    assert_ok(ask_run(&a, &q, 1, RUN_TOP, NULL, err));
    assert_ok(dumped(&d, &k, m, PICTURE, &o, err));
    for (size_t i = 0; i < RUN_TOP; i++) {
        assert_int_equal(d.top_id[i], a.top[i]);
        assert_same(d.top_prob[i], a.top_prob[i], "a token's probability");
    }
    answer_free(&a);
    question_free(&q);
    dumped_free(&d, &k);
    model_free(m);
}

/* Weights so large that the MLP's products overflow: the rows are handed on as they are, and counted. */
static void what_is_not_finite_is_handed_on(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const tensor *down = m->decoder.layers[1].part[PART_DOWN];
    float *large = zeros(down->count);
    for (size_t i = 0; i < down->count; i++)
        large[i] = i % 2 ? 3e38f : -3e38f;
    decoder_replace(&m->decoder, down, large);
    pb_dump_options o = {.sites = "resid_pre,resid_post"};
    dump d;
    kept_rows k = {0};
    assert_ok(dumped(&d, &k, m, PICTURE, &o, err));
    for (size_t s = 0; s < 2; s++) {
        size_t found = 0;
        for (size_t i = 0; i < k.next[s] * d.sites[s].width; i++)
            found += isfinite(k.rows[s][i]) ? 0 : 1;
        assert_int_equal(found, d.sites[s].not_finite);
        assert_true(found > 0 || s == 0);
    }
    assert_int_equal(d.top_id[0], -1);
    dumped_free(&d, &k);
    decoder_restore(&m->decoder, down);
    free(large);
    model_free(m);
}

static void a_full_sink_ends_the_run(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    for (size_t left = 1; left < 150; left += 37) {
        pb_dump_options o = {.sites = "attn_out,mlp_post"};
        dump d;
        kept_rows k = {.left = left};
        assert_fails(dumped(&d, &k, m, PICTURE, &o, err), PB_EIO, "no more");
        assert_int_equal(k.next[0] + k.next[1], left);
        dumped_free(&d, &k);
    }
    model_free(m);
}

static void what_is_not_there_is_refused(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    question q = asked(m, PICTURE);
    dump d;
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.sites = "resid_post,mlp"}, err), PB_EINVAL, "mlp_post");
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.sites = ""}, err), PB_EINVAL, "names no site");
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.end_layer = 99}, err), PB_EINVAL, "--layers");
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.positions = "image:2"}, err), PB_EINVAL, "image:2");
    pb_dump_options o = {.run = {.memory = 1}};
    assert_ok(dump_choose(&d, &q, &o, err));
    assert_fails(dump_run(&d, &q, NULL, &o.run, err), PB_ENOMEM, "this dump needs at least");
    dump_free(&d);
    question_free(&q);
    q = asked(m, NULL);
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.sites = "proj.out"}, err), PB_EINVAL, "no --image");
    assert_fails(dump_choose(&d, &q, &(pb_dump_options){.sites = "vision.mlp_post"}, err), PB_EINVAL, "vision.mlp_out");
    question_free(&q);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_a_recording),
        cmocka_unit_test(what_a_layer_adds_makes_its_output),
        cmocka_unit_test(mlp_post_goes_through_the_down_projection),
        cmocka_unit_test(the_towers_rows_become_the_pictures),
        cmocka_unit_test(it_says_what_the_run_says_next),
        cmocka_unit_test(what_is_not_finite_is_handed_on),
        cmocka_unit_test(a_full_sink_ends_the_run),
        cmocka_unit_test(what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
