/* test_edit_factors.c: edit.npz as NumPy writes it, applied to folders and GGUF files, against what HF computes with
 * W + u key^T; which request is meant; and files that are refused. */
#include "tests/model/changed.h"

#include "model/edit_factors.h"
#include "report/edit_npz.h"
#include "report/npz.h"

static char *with_request(const char *file, size_t request)
{
    buffer b = {0};
    buffer_printf(&b, "%s@%zu", file, request);
    return b.data;
}

static void check(const char *path, const char *given, const json_t *golden, const json_t *object, const char *key,
                  const char *file)
{
    model *m;
    assert_ok(open_changed(&m, path, NULL, given, err));
    assert_logits(m, golden, object, key);
    assert_int_equal(m->change_count, 1);
    assert_string_equal(m->changes[0].kind, "edit");
    assert_string_equal(m->changes[0].file, file);
    assert_int_equal(m->changes[0].terms, decoder_term_count(&m->decoder));
    model_free(m);
}

static void edits_compute_as_changed_weights_do(void **state)
{
    (void)state;
    static const char *const models[][2] = {
        {LLAVA, "llava"},
        {LLAMA, "llama"},
        {QWEN2, "qwen2"},
        {PHI, "phi"},
        {GOLDEN("data/model/gguf/llava.gguf"), "llava"},
        {GOLDEN("data/model/gguf/llama.gguf"), "llama"},
        {GOLDEN("data/model/gguf/phi.gguf"), "phi"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char *folder = path_join(CHANGE(""), models[i][1]), *file = path_join(folder, "edit.npz");
        json_t *golden = read_golden(folder), *edits = json_object_get(golden, "edit"), *logits;
        const char *request;
        if (!edits)
            check(models[i][0], file, golden, golden, "together", file);
        if (json_object_size(edits) == 1)
            check(models[i][0], file, golden, edits, "0", file);
        json_object_foreach(edits, request, logits)
        {
            char *one = with_request(file, (size_t)strtoul(request, NULL, 10));
            check(models[i][0], one, golden, edits, request, file);
            free(one);
        }
        json_decref(golden);
        free(folder), free(file);
    }
}

static void the_request_must_be_clear(void **state)
{
    (void)state;
    static const struct {
        const char *model, *edit, *words;
    } bad[] = {
        {LLAMA, CHANGE("llama/edit.npz"),
         "llama/edit.npz: holds the edits of several requests, each made on its own: say which"},
        {LLAMA, CHANGE("llama/edit.npz@2"), "llama/edit.npz: holds no edit of request 2; the last is 1"},
        {LLAVA, CHANGE("llava/edit.npz@1"), "holds no edit of request 1; the last is 0"},
        {QWEN2, CHANGE("qwen2/edit.npz@1"), "its edits were made together and are one: leave @1 out"},
    };
    static const char *const missing[] = {CHANGE("llama/edit.npz@"), CHANGE("llama/edit.npz@x"),
                                          CHANGE("llama/edit.npz@1x"), CHANGE("llama/edit.npz@-1"),
                                          CHANGE("llama/edit.npz@99999999999999999999")};
    model *m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(open_changed(&m, bad[i].model, NULL, bad[i].edit, err), PB_EINVAL, bad[i].words);
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_fails(open_changed(&m, LLAMA, NULL, missing[i], err), PB_EIO, missing[i]);
}

/* A name that ends in @N is the file's own where there is such a file. */
static void a_file_may_be_named_that_way(void **state)
{
    (void)state;
    model *m;
    char *folder = folder_new(), *link = path_join(folder, "edit@7");
    assert_int_equal(symlink(CHANGE("llava/edit.npz"), link), 0);
    assert_ok(open_changed(&m, LLAVA, NULL, link, err));
    assert_string_equal(m->changes[0].file, link);
    model_free(m);
    free(link);
    folder_remove(folder);
}

static void edits_of_other_models_are_refused(void **state)
{
    (void)state;
    model *m;
    assert_fails(open_changed(&m, PHI, NULL, CHANGE("llava/edit.npz"), err), PB_EINVAL,
                 "edit.npz: the array \"key\" has rows of 48, expected the model's d_ff, 44");
    assert_fails(open_changed(&m, LLAMA, NULL, CHANGE("qwen2/edit.npz"), err), PB_EINVAL,
                 "expected the model's d_ff, 40");
}

/* ---- files made up here ---- */

/* Two rows for LLAMA (d_ff 40, d_model 24, 3 layers), and what of them is wrong. */
typedef struct made_edit {
    size_t key[2], u[2], numbers; /* shapes; 0: as they should be */
    int64_t layer, request;
    float value;
    const char *left_out;
} made_edit;

static void write_edit(const char *path, const made_edit *e)
{
    npz z;
    size_t key[2] = {e->key[0] ? e->key[0] : 2, e->key[1] ? e->key[1] : 40}, d[2] = {2, 24},
           n = e->numbers ? e->numbers : 2;
    size_t u[2] = {e->u[0] ? e->u[0] : 2, e->u[1] ? e->u[1] : 24};
    float values[256];
    for (size_t i = 0; i < 256; i++)
        values[i] = i == 5 ? e->value : 0.5f;
    const char *left_out = e->left_out ? e->left_out : "";
    assert_ok(npz_open(&z, path, err));
    if (strcmp(left_out, "key") != 0)
        npz_add_f32(&z, "key", values, 2, key);
    npz_add_f32(&z, "v0", values, 2, d);
    npz_add_f32(&z, "v", values, 2, d);
    npz_add_f32(&z, "u", values, 2, u);
    npz_add_i64(&z, "layer", (int64_t[]){1, e->layer, 1}, 1, &n);
    npz_add_i64(&z, "request", (int64_t[]){0, e->request, 1}, 1, &n);
    if (strcmp(left_out, "together") != 0)
        npz_add_u8(&z, "together", (unsigned char[]){0}, 0, NULL);
    assert_ok(npz_commit(&z, err));
}

static void arrays_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        made_edit edit;
        pb_status code;
        const char *words;
    } bad[] = {
        {{.left_out = "key"}, PB_EFORMAT, "edit.npz: has no array \"key\""},
        {{.left_out = "together"}, PB_EFORMAT, "edit.npz: has no array \"together\""},
        {{.key = {3, 40}}, PB_EFORMAT, "the array \"v0\" has the shape [2, 24], expected [3, 24]"},
        {{.key = {2, 41}}, PB_EINVAL, "the array \"key\" has rows of 41, expected the model's d_ff, 40"},
        {{.u = {2, 23}}, PB_EFORMAT, "the array \"u\" has the shape [2, 23], expected [2, 24]"},
        {{.numbers = 3}, PB_EFORMAT, "the array \"layer\" has 3 numbers, expected 2"},
        {{.layer = 3}, PB_EINVAL, "the array \"layer\" holds 3, the model has 3 layers"},
        {{.layer = -1}, PB_EFORMAT, "the array \"layer\" holds -1"},
        {{.layer = INT64_MAX}, PB_EINVAL, "holds 9223372036854775807, the model has 3 layers"},
        {{.request = -7}, PB_EFORMAT, "the array \"request\" holds -7"},
        {{.value = NAN}, PB_EFORMAT, "the array \"key\" holds a number that is not finite"},
        {{.value = INFINITY}, PB_EFORMAT, "the array \"key\" holds a number that is not finite"},
    };
    char *folder = folder_new(), *path = path_join(folder, "edit.npz");
    model *m;
    write_edit(path, &(made_edit){0});
    assert_ok(open_changed(&m, LLAMA, NULL, path, err));
    assert_int_equal(m->changes[0].terms, 2);
    model_free(m);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_edit(path, &bad[i].edit);
        assert_fails(open_changed(&m, LLAMA, NULL, path, err), bad[i].code, bad[i].words);
        assert_null(m);
    }
    free(path);
    folder_remove(folder);
}

/* Without waiting for the disk: these are many. */
static void write_quickly(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Wherever the file ends, or whatever byte of it is another, it is refused, or read as what it says: never a crash. */
static void a_damaged_file_is_refused(void **state)
{
    (void)state;
    static const char *const sound[] = {CHANGE("llava/edit.npz"), CHANGE("llama/edit.npz")}; /* stored, deflated */
    char *folder = folder_new(), *path = path_join(folder, "edit.npz");
    for (size_t i = 0; i < 2; i++) {
        file_map whole;
        edit_factors f;
        assert_ok(file_map_open(&whole, sound[i], err));
        for (size_t size = 0; size < whole.size; size += 7) {
            write_quickly(path, whole.data, size);
            assert_fails(edit_factors_read(&f, path, err), PB_EFORMAT, path);
            assert_null(f.key);
        }
        unsigned char *bytes = mem_new(whole.size, 1);
        for (size_t at = 0; at < whole.size; at += 3) {
            memcpy(bytes, whole.data, whole.size);
            bytes[at] ^= (unsigned char)(1 << at % 8);
            write_quickly(path, bytes, whole.size);
            pb_error failure = {0};
            if (edit_factors_read(&f, path, &failure))
                assert_non_null(strstr(failure.message, path));
            edit_factors_free(&f);
        }
        free(bytes);
        file_map_close(&whole);
    }
    free(path);
    folder_remove(folder);
}

/* What is written is read back: with one row and with many. */
static void an_edit_is_written_as_it_is_read(void **state)
{
    (void)state;
    static const char *const files[] = {CHANGE("phi/edit.npz"), CHANGE("llama/edit.npz"), CHANGE("qwen2/edit.npz")};
    char *folder = folder_new(), *path = path_join(folder, "edit.npz");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        edit_factors a, b;
        assert_ok(edit_factors_read(&a, files[i], err));
        assert_ok(report_edit_npz(&a, path, err));
        assert_ok(edit_factors_read(&b, path, err));
        assert_true(a.count == b.count && a.d_ff == b.d_ff && a.d_model == b.d_model && a.together == b.together);
        assert_same_bits(a.key, b.key, a.count * a.d_ff, "key");
        assert_same_bits(a.v0, b.v0, a.count * a.d_model, "v0");
        assert_same_bits(a.v, b.v, a.count * a.d_model, "v");
        assert_same_bits(a.u, b.u, a.count * a.d_model, "u");
        assert_memory_equal(a.layer, b.layer, a.count * sizeof *a.layer);
        assert_memory_equal(a.request, b.request, a.count * sizeof *a.request);
        edit_factors_free(&a), edit_factors_free(&b);
    }
    free(path);
    folder_remove(folder);
}

static void changes_add_up(void **state)
{
    (void)state;
    model *both, *lora, *edited;
    assert_ok(open_changed(&both, LLAVA, CHANGE("llava"), CHANGE("llava/edit.npz"), err));
    assert_ok(open_changed(&lora, LLAVA, CHANGE("llava"), NULL, err));
    assert_ok(open_changed(&edited, LLAVA, NULL, CHANGE("llava/edit.npz"), err));
    assert_int_equal(both->change_count, 2);
    const tensor *t = both->decoder.layers[1].part[PART_DOWN];
    float *w[4];
    decoder *of[4] = {&both->decoder, &lora->decoder, &edited->decoder, &lora->decoder};
    for (size_t i = 0; i < 4; i++) {
        if (i == 3)
            decoder_drop_terms(of[i], 0);
        w[i] = zeros(t->count);
        assert_ok(decoder_read_rows(of[i], of[i]->layers[1].part[PART_DOWN], 0, t->shape[0], w[i], err));
    }
    for (size_t i = 0; i < t->count; i++)
        assert_close((double)w[0][i], (double)w[1][i] + (double)w[2][i] - (double)w[3][i], 1e-6, "W", i);
    for (size_t i = 0; i < 4; i++)
        free(w[i]);
    model_free(both), model_free(lora), model_free(edited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_compute_as_changed_weights_do),
        cmocka_unit_test(the_request_must_be_clear),
        cmocka_unit_test(a_file_may_be_named_that_way),
        cmocka_unit_test(edits_of_other_models_are_refused),
        cmocka_unit_test(arrays_that_do_not_fit_are_refused),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(an_edit_is_written_as_it_is_read),
        cmocka_unit_test(changes_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
