/* test_replay_terms.c: forks with changed weights, to the bit. */
#include "tests/engine/scene.h"

static size_t part_width(const decoder_config *c, decoder_part part, bool out)
{
    size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    switch (part) {
    case PART_Q: return out ? q : c->d_model;
    case PART_K:
    case PART_V: return out ? kv : c->d_model;
    case PART_O: return out ? c->d_model : q;
    case PART_GATE:
    case PART_UP: return out ? c->d_ff : c->d_model;
    default: return out ? c->d_model : c->d_ff;
    }
}

/* A term of rank 2 on every matrix of layer 1, of these sizes. */
typedef struct changed {
    weight_term terms[PART_COUNT];
    size_t count;
} changed;

static changed change_of(const scene *s, float scale)
{
    static const decoder_part parts[] = {PART_Q, PART_K, PART_V, PART_O, PART_GATE, PART_UP, PART_DOWN};
    const decoder_config *c = &s->m->config;
    changed made = {.count = 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t in = part_width(c, parts[i], false), out = part_width(c, parts[i], true);
        if (parts[i] == PART_GATE && !c->gated)
            continue;
        float *a = gaussians(2 * in, (unsigned)i + 10), *b = gaussians(2 * out, (unsigned)i + 20);
        for (size_t n = 0; n < 2 * out; n++)
            b[n] *= scale;
        made.terms[made.count++] = (weight_term){.layer = 1, .part = parts[i], .rank = 2, .a = a, .b = b};
    }
    return made;
}

static void change_free(changed *made)
{
    for (size_t i = 0; i < made->count; i++)
        free((void *)(uintptr_t)made->terms[i].a), free((void *)(uintptr_t)made->terms[i].b);
}

static void a_change_of_nothing_changes_no_bit(void **state)
{
    (void)state;
    const scene *s = ready();
    changed none = change_of(s, 0);
    replay_fork f = {.entry = s->clean, .end = T, .terms = none.terms, .term_count = none.count, .read_first = 0};
    float **final = run_forks(s->m, &f, 1, 0, NULL);
    assert_same_bits(final[0], s->clean_final, T * s->D, "final rows");
    rows_free(final, 1);
    change_free(&none);
}

/* From a recording's residuals, on a shared prefix that is changed too, or all by itself: the changed run is one. */
static void a_changed_run_may_start_late_and_share_its_prefix(void **state)
{
    (void)state;
    const scene *s = ready();
    changed made = change_of(s, 0.3f);
    recording *prefix;
    assert_ok(recording_new(&prefix, &s->m->config, NULL, 0, 9, 9, err));
    replay_fork f[] = {
        {.end = T, .input = s->clean_input, .terms = made.terms, .term_count = made.count},
        {.end = T, .entry = s->clean, .terms = made.terms, .term_count = made.count},
        {.end = 9, .entry = s->clean, .terms = made.terms, .term_count = made.count, .record = prefix, .read_first = 9},
        {.base = prefix, .entry = s->clean, .first = 9, .end = T, .terms = made.terms, .term_count = made.count, .read_first = 9},
    };
    float **final = run_forks(s->m, f, 4, 0, NULL);
    assert_same_bits(final[1], final[0], T * s->D, "from a recording's residuals");
    assert_same_bits(final[3], final[0] + 9 * s->D, (T - 9) * s->D, "on a shared prefix");
    assert_true(memcmp(final[0], s->clean_final, T * s->D * sizeof(float)) != 0);
    rows_free(final, 4);
    recording_free(prefix);
    change_free(&made);
}

static void a_change_of_the_down_projection_adds_what_it_says(void **state)
{
    (void)state;
    const scene *s = ready();
    size_t F = s->m->config.d_ff, D = s->D;
    changed made = change_of(s, 0.3f);
    const weight_term *down = &made.terms[made.count - 1];
    float *key = zeros(F), *out = zeros(D);
    tap taps[] = {{SITE_MLP_POST, 1, 7, key}, {SITE_MLP_OUT, 1, 7, out}};
    replay_fork f = {.entry = s->clean, .end = T, .terms = down, .term_count = 1, .read_first = T, .taps = taps, .tap_count = 2};
    rows_free(run_forks(s->m, &f, 1, 0, NULL), 1);
    const float *was = recording_row(s->clean, SITE_MLP_OUT, 1, 7);
    for (size_t i = 0; i < D; i++) {
        double sum = (double)was[i];
        for (size_t r = 0; r < 2; r++)
            for (size_t j = 0; j < F; j++)
                sum += (double)down->a[r * F + j] * (double)key[j] * (double)down->b[r * D + i];
        assert_close((double)out[i], sum, 1e-5 * (1 + fabs(sum)), "mlp_out", i);
    }
    free(key), free(out);
    change_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_of_nothing_changes_no_bit),
        cmocka_unit_test(a_changed_run_may_start_late_and_share_its_prefix),
        cmocka_unit_test(a_change_of_the_down_projection_adds_what_it_says),
    };
    return run_in_scenes(tests);
}
