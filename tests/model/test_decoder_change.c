/* test_decoder_change.c: changes of a decoder's weights: low-rank terms, replaced tensors; and that without them the
 * bits are the file's. */
#include "tests/engine/runs.h"

static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI, GOLDEN("data/model/gguf/llama.gguf")};

enum { FOLDERS = sizeof folders / sizeof *folders, ROWS = 7 };

/* ---- what a decoder says ---- */

typedef struct outcome {
    float *final, *logits; /* [ROWS][D], [V] of the last row */
    size_t D, V;
} outcome;

static outcome outcome_of(decoder *m)
{
    outcome o = {.D = m->config.d_model, .V = m->config.vocab};
    float *input = zeros(ROWS * o.D);
    int32_t ids[ROWS];
    for (int32_t i = 0; i < ROWS; i++)
        ids[i] = 3 + 11 * i;
    assert_ok(decoder_embed(m, ids, ROWS, input, err));
    recording *r = record(m, input, ROWS, &o.final);
    o.logits = zeros(o.V);
    readout read = {.x = o.final + (ROWS - 1) * o.D, .want = {-1, -1}, .logits = o.logits};
    assert_ok(decoder_readout(m, &read, 1, err));
    recording_free(r);
    free(input);
    return o;
}

static void outcome_free(outcome *o)
{
    free(o->final);
    free(o->logits);
}

static bool same(const outcome *a, const outcome *b)
{
    return memcmp(a->final, b->final, ROWS * a->D * sizeof(float)) == 0 &&
           memcmp(a->logits, b->logits, a->V * sizeof(float)) == 0;
}

static void assert_says(decoder *m, const outcome *expected, bool is_same)
{
    outcome o = outcome_of(m);
    assert_int_equal(same(&o, expected), is_same);
    outcome_free(&o);
}

/* ---- terms ---- */

/* A term of random numbers, scaled to be felt. */
typedef struct made_term {
    decoder_term t;
    float *a, *b;
} made_term;

static made_term make_term(const tensor *of, size_t rank, float scale, uint64_t seed)
{
    made_term m = {.a = gaussians(rank * of->shape[1], seed), .b = gaussians(rank * of->shape[0], seed + 1)};
    m.t = (decoder_term){of, rank, m.a, m.b, scale};
    return m;
}

static void made_term_free(made_term *m)
{
    free(m->a);
    free(m->b);
}

/* W[i][j] + scale * sum over r of b[r][i] a[r][j], in doubles. */
static double with_term(const decoder_term *t, double w, size_t i, size_t j)
{
    double sum = 0;
    for (size_t r = 0; r < t->rank; r++)
        sum += (double)t->b[r * t->of->shape[0] + i] * (double)t->a[r * t->of->shape[1] + j];
    return w + (double)t->scale * sum;
}

static void assert_has_term(const float *w, const decoder_term *t)
{
    float *from = zeros(t->of->count);
    assert_true(tensor_read(t->of, 0, t->of->count, from));
    for (size_t i = 0; i < t->of->shape[0]; i++)
        for (size_t j = 0; j < t->of->shape[1]; j++) {
            size_t at = i * t->of->shape[1] + j;
            assert_close((double)w[at], with_term(t, (double)from[at], i, j), 2e-6, "W'", at);
        }
    free(from);
}

/* In every matrix of a layer, of each dtype: W' = W + scale b^T a, and the other parts are as before. */
static void a_term_is_added_to_its_matrix(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        model *m = tiny_open(folders[f]);
        decoder *d = &m->decoder;
        for (decoder_part part = 0; part < PART_COUNT; part++) {
            const tensor *t = d->layers[1].part[part];
            weight w[PART_COUNT];
            if (!t || t->rank != 2)
                continue;
            made_term made = make_term(t, 3, 0.25f, part);
            assert_ok(decoder_add_term(d, &made.t, err));
            assert_true(decoder_changed(d, t));
            assert_ok(decoder_read_layer(d, 1, w, err));
            assert_has_term(w[part].f32, &made.t);
            for (decoder_part other = 0; other < PART_COUNT; other++)
                if (other != part && d->layers[1].part[other]) {
                    float *from = zeros(d->layers[1].part[other]->count);
                    assert_true(tensor_read(d->layers[1].part[other], 0, d->layers[1].part[other]->count, from));
                    assert_same_bits(w[other].f32, from, d->layers[1].part[other]->count, "another part");
                    free(from);
                }
            decoder_drop_terms(d, 0);
            made_term_free(&made);
        }
        model_free(m);
    }
}

/* Zeros change no bit; a term does; without it the bits are back; what stays keeps its own. */
static void terms_come_and_go(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        model *m = tiny_open(folders[f]);
        decoder *d = &m->decoder;
        size_t plain_store = d->store_bytes;
        outcome plain = outcome_of(d);
        for (size_t l = 0; l < d->config.layers; l++) {
            made_term zero = make_term(d->layers[l].part[PART_DOWN], 2, 1, 1);
            memset(zero.b, 0, 2 * zero.t.of->shape[0] * sizeof(float));
            assert_ok(decoder_add_term(d, &zero.t, err));
            made_term_free(&zero);
        }
        assert_int_equal(decoder_term_count(d), d->config.layers);
        if (d->embedding->type == DTYPE_F32) /* else the store holds every part anyway */
            assert_true(d->store_bytes > plain_store);
        assert_says(d, &plain, true);

        made_term first = make_term(d->layers[0].part[PART_DOWN], 1, 0.1f, 5);
        made_term second = make_term(d->layers[1].part[PART_Q], 2, 0.1f, 6);
        assert_ok(decoder_add_term(d, &first.t, err));
        outcome one = outcome_of(d);
        assert_false(same(&one, &plain));
        assert_ok(decoder_add_term(d, &second.t, err));
        assert_says(d, &one, false);
        decoder_drop_terms(d, d->config.layers + 1);
        assert_says(d, &one, true);
        decoder_drop_terms(d, 0);
        assert_int_equal(d->store_bytes, plain_store);
        assert_says(d, &plain, true);
        made_term_free(&first), made_term_free(&second);
        outcome_free(&one), outcome_free(&plain);
        model_free(m);
    }
}

/* Two terms of one matrix add up, as one of twice the rank. */
static void terms_of_one_matrix_add_up(void **state)
{
    (void)state;
    model *m = tiny_open(LLAVA);
    const tensor *t = m->decoder.layers[2].part[PART_DOWN];
    made_term both = make_term(t, 2, 0.5f, 9);
    float *one = zeros(t->count), *two = zeros(t->count);
    assert_ok(decoder_add_term(&m->decoder, &both.t, err));
    assert_ok(decoder_read_rows(&m->decoder, t, 0, t->shape[0], one, err));
    decoder_drop_terms(&m->decoder, 0);
    for (size_t r = 0; r < 2; r++) {
        decoder_term half = {t, 1, both.a + r * t->shape[1], both.b + r * t->shape[0], 0.5f};
        assert_ok(decoder_add_term(&m->decoder, &half, err));
    }
    assert_ok(decoder_read_rows(&m->decoder, t, 0, t->shape[0], two, err));
    for (size_t i = 0; i < t->count; i++)
        assert_close((double)two[i], (double)one[i], 1e-6, "both", i);
    free(one), free(two);
    made_term_free(&both);
    model_free(m);
}

/* Rows from anywhere, more than are summed up at a time, of a matrix that is the head or the embedding. */
static void rows_of_a_changed_head_are_those_of_the_whole(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        model *m = tiny_open(folders[f]);
        decoder *d = &m->decoder;
        size_t V = d->config.vocab, D = d->config.d_model;
        made_term made = make_term(d->head, 2, 0.1f, 3);
        float *whole = zeros(V * D), *rows = zeros(V * D);
        assert_ok(decoder_add_term(d, &made.t, err));
        assert_ok(decoder_read_rows(d, d->head, 0, V, whole, err));
        assert_has_term(whole, &made.t);
        for (size_t first = 0; first < V; first += 100) {
            size_t n = V - first < 300 ? V - first : 300;
            weight w;
            assert_ok(decoder_read_head(d, first, n, rows, &w, err));
            assert_same_bits(w.f32, whole + first * D, n * D, "rows of the head");
        }
        int32_t ids[2] = {7, (int32_t)V - 1};
        assert_ok(decoder_embed(d, ids, 2, rows, err));
        bool tied = d->head == d->embedding;
        assert_int_equal(memcmp(rows, whole + 7 * D, D * sizeof(float)) == 0, tied);
        free(whole), free(rows);
        made_term_free(&made);
        model_free(m);
    }
}

static void a_sum_that_is_not_finite_is_an_error(void **state)
{
    (void)state;
    model *m = tiny_open(LLAMA);
    const tensor *t = m->decoder.layers[1].part[PART_DOWN];
    weight w[PART_COUNT];
    made_term made = make_term(t, 1, 1, 2);
    made.a[0] = made.b[0] = 3e38f;
    assert_ok(decoder_add_term(&m->decoder, &made.t, err));
    assert_ok(decoder_read_layer(&m->decoder, 0, w, err));
    assert_fails(decoder_read_layer(&m->decoder, 1, w, err), PB_EINVAL,
                 "model.layers.1.mlp.down_proj.weight is not finite");
    made_term_free(&made);
    model_free(m);
}

/* ---- replaced tensors ---- */

/* Every tensor of the decoder, each once. */
static size_t all_tensors(const decoder *d, const tensor **list)
{
    size_t n = 0;
    list[n++] = d->embedding;
    if (d->head != d->embedding)
        list[n++] = d->head;
    for (decoder_end e = 0; e < END_COUNT; e++)
        if (d->end[e])
            list[n++] = d->end[e];
    for (size_t l = 0; l < d->config.layers; l++)
        for (decoder_part part = 0; part < PART_COUNT; part++) {
            const tensor *t = d->layers[l].part[part];
            bool listed = !t;
            for (size_t i = 0; i < n; i++)
                listed = listed || list[i] == t;
            if (!listed)
                list[n++] = t;
        }
    return n;
}

/* A copy in place of each tensor changes no bit; another value in any of them does; restored it is the file's. */
static void a_replaced_tensor_is_what_counts(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        model *m = tiny_open(folders[f]);
        decoder *d = &m->decoder;
        const tensor *list[256];
        float *values[256];
        size_t n = all_tensors(d, list);
        outcome plain = outcome_of(d);
        for (size_t i = 0; i < n; i++) {
            values[i] = zeros(list[i]->count);
            assert_ok(decoder_read_rows(d, list[i], 0, list[i]->shape[0], values[i], err));
            decoder_replace(d, list[i], values[i]);
            assert_ptr_equal(decoder_in_place(d, list[i]).f32, values[i]);
        }
        assert_int_equal(d->store_bytes, 0);
        assert_says(d, &plain, true);
        for (size_t i = 0; i < n; i++) {
            float before[2] = {values[i][3], values[i][list[i]->count - 1]};
            values[i][3] += 0.5f; /* of an embedding of its own: rows of tokens that are no input */
            values[i][list[i]->count - 1] += 0.5f;
            assert_says(d, &plain, list[i] == d->embedding && list[i] != d->head);
            values[i][3] = before[0];
            values[i][list[i]->count - 1] = before[1];
        }
        for (size_t i = 0; i < n; i++) {
            values[i][0] = 1000;
            decoder_restore(d, list[i]);
            free(values[i]);
        }
        assert_says(d, &plain, true);
        outcome_free(&plain);
        model_free(m);
    }
}

/* Values that replace a tensor are handed out as they are; the terms come back with the file's. */
static void replacing_sets_terms_aside(void **state)
{
    (void)state;
    model *m = tiny_open(LLAMA);
    decoder *d = &m->decoder;
    const tensor *t = d->layers[0].part[PART_UP];
    made_term made = make_term(t, 1, 0.1f, 4);
    assert_ok(decoder_add_term(d, &made.t, err));
    outcome edited = outcome_of(d);
    float *values = zeros(t->count), *back = zeros(t->count);
    assert_ok(decoder_read_rows(d, t, 0, t->shape[0], values, err));
    decoder_replace(d, t, values);
    assert_says(d, &edited, true);
    assert_ok(decoder_read_rows(d, t, 0, t->shape[0], back, err));
    assert_same_bits(back, values, t->count, "replaced");
    decoder_replace(d, t, back); /* another place for the same */
    decoder_restore(d, t);
    decoder_restore(d, t); /* nothing to restore */
    assert_says(d, &edited, true);
    free(values), free(back);
    outcome_free(&edited);
    made_term_free(&made);
    model_free(m);
}

/* A NaN in the file is found when its tensor counts: not while it is replaced, but then. */
static void the_files_own_numbers_are_checked_when_they_count(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAMA), *path = path_join(LLAMA, "model.safetensors");
    model *m = tiny_open(LLAMA);
    const tensor *t = m->decoder.layers[1].part[PART_UP];
    file_map map;
    const uint32_t nan = 0x7fc00000;
    assert_ok(file_map_open(&map, path, err));
    size_t at = 0;
    while (memcmp(map.data + at, t->data, t->count * sizeof(float)) != 0)
        at++;
    unsigned char *bytes = mem_new(map.size, 1);
    memcpy(bytes, map.data, map.size);
    memcpy(bytes + at + 5 * sizeof nan, &nan, sizeof nan);
    tiny_write(folder, "model.safetensors", bytes, map.size);
    file_map_close(&map);
    model_free(m);

    weight w[PART_COUNT];
    m = tiny_open(folder);
    t = m->decoder.layers[1].part[PART_UP];
    made_term made = make_term(t, 1, 1, 8);
    float *values = zeros(t->count);
    assert_fails(decoder_read_layer(&m->decoder, 1, w, err), PB_EFORMAT, "up_proj.weight holds nan at element 5");
    decoder_replace(&m->decoder, t, values);
    assert_ok(decoder_read_layer(&m->decoder, 1, w, err));
    decoder_restore(&m->decoder, t);
    assert_fails(decoder_read_layer(&m->decoder, 1, w, err), PB_EFORMAT, "up_proj.weight holds nan at element 5");
    assert_ok(decoder_add_term(&m->decoder, &made.t, err));
    assert_fails(decoder_read_layer(&m->decoder, 1, w, err), PB_EFORMAT, "up_proj.weight holds nan at element 5");
    free(values);
    free(bytes);
    free(path);
    made_term_free(&made);
    model_free(m);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_term_is_added_to_its_matrix),
        cmocka_unit_test(terms_come_and_go),
        cmocka_unit_test(terms_of_one_matrix_add_up),
        cmocka_unit_test(rows_of_a_changed_head_are_those_of_the_whole),
        cmocka_unit_test(a_sum_that_is_not_finite_is_an_error),
        cmocka_unit_test(a_replaced_tensor_is_what_counts),
        cmocka_unit_test(replacing_sets_terms_aside),
        cmocka_unit_test(the_files_own_numbers_are_checked_when_they_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
