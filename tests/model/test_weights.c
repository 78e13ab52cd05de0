/* test_weights.c: a tensor's numbers in the form that products take: where they lie, rounded, widened; what is refused. */
#include "tests/math/numbers.h"
#include "tests/model/tiny.h"

#include "math/bf16.h"

enum { COUNT = 700000 }; /* more than a thread takes at a time */

static const char *const folders[] = {LLAVA, LLAMA, QWEN2, PHI, GOLDEN("data/model/gguf/llama.gguf")};

enum { FOLDERS = sizeof folders / sizeof *folders };

static tensor tensor_of(dtype type, const void *data, size_t count)
{
    return (tensor){.name = "a.weight", .type = type, .type_name = dtype_find(type)->name, .rank = 2, .shape = {1, count, 1, 1},
                    .count = count, .data = data, .file = "x.safetensors"};
}

static void only_the_forms_own_type_lies_there(void **state)
{
    (void)state;
    float x[4] = {1, 2, 3, 4};
    const char *odd = (const char *)x + 1;
    tensor f32 = tensor_of(DTYPE_F32, x, 2), bf16 = tensor_of(DTYPE_BF16, x, 4), f16 = tensor_of(DTYPE_F16, x, 4);
    assert_ptr_equal(weights_lie(&f32, FORM_F32).f32, x);
    assert_ptr_equal(weights_lie(&bf16, FORM_BF16).bf16, x);
    const tensor others[] = {f32, bf16, f16, tensor_of(DTYPE_F32, odd, 2), tensor_of(DTYPE_BF16, odd, 4)};
    for (weight_form form = FORM_F32; form <= FORM_WIDENED; form++)
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            weight w = weights_lie(&others[i], form);
            assert_int_equal(w.f32 != NULL, form == FORM_F32 && i == 0);
            assert_int_equal(w.bf16 != NULL, form == FORM_BF16 && i == 1);
        }
    bf16.swapped = true;
    assert_null(weights_lie(&bf16, FORM_BF16).bf16);
}

/* Of every type: the nearest bf16 of what f32 has, as such and widened, from anywhere on. */
static void forms_are_the_nearest_numbers(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        model *m = tiny_open(folders[f]);
        for (decoder_part part = 0; part < PART_COUNT; part++) {
            const tensor *t = m->decoder.layers[0].part[part];
            if (!t || t->rank != 2)
                continue;
            size_t first = t->shape[1], n = t->count - first;
            float *exact = zeros(n), *widened = zeros(n);
            uint16_t *expected = calloc(n, sizeof *expected), *found = calloc(n, sizeof *found);
            weight w;
            assert_ok(weights_read(t, first, n, exact, err));
            bf16_round(expected, exact, n);
            assert_ok(weights_read_as(t, FORM_BF16, first, n, found, &w, err));
            assert_ptr_equal(w.bf16, found);
            assert_memory_equal(found, expected, n * sizeof *found);
            assert_ok(weights_read_as(t, FORM_WIDENED, first, n, widened, &w, err));
            assert_ptr_equal(w.f32, widened);
            bf16_round_float(exact, n);
            assert_same_bits(widened, exact, n, "widened");
            free(exact), free(widened), free(expected), free(found);
        }
        model_free(m);
    }
}

static void what_is_not_finite_is_named(void **state)
{
    (void)state;
    float *x = gaussians(COUNT, 1), *out = zeros(COUNT);
    uint16_t *rounded = calloc(COUNT, sizeof *rounded);
    tensor t = tensor_of(DTYPE_F32, x, COUNT), stored = tensor_of(DTYPE_BF16, rounded, COUNT);
    weight w;
    bf16_round(rounded, x, COUNT);
    assert_ok(weights_check(&t, err));
    assert_ok(weights_check(&stored, err));
    x[COUNT - 3] = NAN;
    rounded[COUNT - 3] = 0x7f80;
    for (weight_form form = FORM_F32; form <= FORM_WIDENED; form++)
        assert_fails(weights_read_as(&t, form, 0, COUNT, out, &w, err), PB_EFORMAT, "a.weight holds nan at element 699997");
    assert_fails(weights_check(&stored, err), PB_EFORMAT, "a.weight holds inf at element 699997");
    x[COUNT - 3] = 3.4e38f; /* finite, and beyond bf16's largest */
    assert_ok(weights_read_as(&t, FORM_F32, 0, COUNT, out, &w, err));
    for (weight_form form = FORM_BF16; form <= FORM_WIDENED; form++) {
        pb_error e;
        assert_int_equal(weights_read_as(&t, form, 0, COUNT, out, &w, &e), PB_EINVAL);
        assert_non_null(strstr(e.message, "a.weight holds a number beyond bf16's"));
        assert_non_null(strstr(e.hint, "f32"));
    }
    free(x), free(out), free(rounded);
}

/* A layer in bf16: its matrices are the nearest bf16, those with a term f32: the rounded matrix, and the term; vectors the
 * file's. Where it lies so in the file, no store is needed. */
static void a_decoders_layer_has_its_form(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++) {
        tiny_compute = COMPUTE_BF16;
        model *m = tiny_open(folders[f]);
        tiny_compute = COMPUTE_F32;
        decoder *d = &m->decoder;
        const tensor *changed = d->layers[0].part[PART_DOWN];
        float *a = gaussians(changed->shape[1], 1), *b = gaussians(changed->shape[0], 2);
        weight w[PART_COUNT];
        assert_string_equal(weight_form_name(d->form), "bf16");
        assert_int_equal(d->form, matmul_has_bf16() ? FORM_BF16 : FORM_WIDENED);
        assert_ok(decoder_add_term(d, &(decoder_term){changed, 1, a, b, 0.01f}, err));
        assert_ok(decoder_read_layer(d, 0, w, err));
        for (decoder_part part = 0; part < PART_COUNT; part++) {
            const tensor *t = d->layers[0].part[part];
            if (!t)
                continue;
            float *exact = zeros(t->count), *found = zeros(t->count);
            assert_ok(weights_read(t, 0, t->count, exact, err));
            if (t->rank == 2)
                bf16_round_float(exact, t->count);
            assert_int_equal(w[part].bf16 != NULL, d->form == FORM_BF16 && t->rank == 2 && t != changed);
            if (w[part].bf16)
                bf16_widen(found, w[part].bf16, t->count);
            else
                memcpy(found, w[part].f32, t->count * sizeof *found);
            for (size_t i = 0; t == changed && i < t->count; i++)
                assert_close((double)found[i], (double)exact[i] + 0.01 * (double)b[i / t->shape[1]] * (double)a[i % t->shape[1]],
                             1e-6, "with its term", i);
            if (t != changed)
                assert_same_bits(found, exact, t->count, "a part");
            free(exact), free(found);
        }
        decoder_drop_terms(d, 0);
        if (d->form == FORM_BF16 && changed->type == DTYPE_BF16) {
            assert_ok(decoder_read_layer(d, 0, w, err));
            assert_ptr_equal(w[PART_DOWN].bf16, changed->data);
            assert_ptr_equal(decoder_in_place(d, changed).bf16, changed->data);
        }
        free(a), free(b);
        model_free(m);
    }
}

/* One row through a part, as the layer gives it for so many rows. */
static float *pass(decoder *d, size_t layer, decoder_part part, size_t rows, weight *w)
{
    weight all[PART_COUNT];
    const tensor *t = d->layers[layer].part[part];
    float *x = gaussians(t->shape[1], 1), *y = zeros(t->shape[0]);
    assert_ok(decoder_read_layer_for(d, layer, rows, all, err));
    *w = all[part];
    assert_ok(matmul_linear(y, x, *w, NULL, 1, t->shape[0], t->shape[1], err));
    free(x);
    return y;
}

/* Of a layer that was read before, products of a few rows take a matrix as the file has it; unless it is changed. The numbers
 * do not show it. (The demo model is BF16: in f32 it does not lie as products take it.) */
static void few_rows_take_a_layer_as_the_file_has_it(void **state)
{
    (void)state;
    model *m = tiny_open(GOLDEN("../models/demo"));
    decoder *d = &m->decoder;
    const tensor *down = d->layers[1].part[PART_DOWN];
    float *a = gaussians(down->shape[1], 1), *b = gaussians(down->shape[0], 2);
    weight w;
    float *first = pass(d, 1, PART_DOWN, 1, &w);
    assert_non_null(w.f32); /* it was not looked at before */
    float *again = pass(d, 1, PART_DOWN, 1, &w), *many = pass(d, 1, PART_DOWN, MATMUL_FEW_ROWS + 1, &w);
    assert_non_null(w.f32);
    assert_same_bits(again, first, down->shape[0], "again");
    assert_same_bits(many, first, down->shape[0], "for many rows");
    free(again), free(many);
    again = pass(d, 1, PART_DOWN, 1, &w);
    assert_int_equal(w.stored != NULL, matmul_reads_stored((weight){.stored = down}, down->shape[0], down->shape[1]));
    assert_same_bits(again, first, down->shape[0], "as the file has it");
    assert_ok(decoder_add_term(d, &(decoder_term){down, 1, a, b, 0.01f}, err));
    free(pass(d, 1, PART_DOWN, 1, &w));
    free(pass(d, 1, PART_DOWN, 1, &w));
    assert_non_null(w.f32);
    free(first), free(again), free(a), free(b);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_forms_own_type_lies_there),
        cmocka_unit_test(forms_are_the_nearest_numbers),
        cmocka_unit_test(what_is_not_finite_is_named),
        cmocka_unit_test(a_decoders_layer_has_its_form),
        cmocka_unit_test(few_rows_take_a_layer_as_the_file_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
