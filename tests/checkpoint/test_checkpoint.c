/* test_checkpoint.c: folders of weights as the safetensors package writes them, and indexes that do not fit theirs. */
#include "tests/in_folder.h"

#include "base/memory.h"
#include "checkpoint/checkpoint.h"

static void write_text(const char *name, const char *text)
{
    char *path = path_join(folder, name);
    assert_ok(file_write_all(path, text, strlen(text), err));
    free(path);
}

/* A file with one F32 tensor of two elements. */
static void write_shard(const char *name, const char *tensor_name)
{
    buffer b = {0}, header = {0};
    buffer_printf(&header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", tensor_name);
    uint64_t length = header.size;
    buffer_add(&b, &length, sizeof length);
    buffer_add(&b, header.data, header.size);
    buffer_add(&b, "\0\0\200\077\0\0\0\300", 8); /* 1, -2 */
    char *path = path_join(folder, name);
    assert_ok(file_write_all(path, b.data, b.size, err));
    free(path);
    buffer_free(&b);
    buffer_free(&header);
}

static void write_index(const char *weight_map)
{
    buffer b = {0};
    buffer_printf(&b, "{\"metadata\":{\"total_size\":8},\"weight_map\":%s}", weight_map);
    write_text("model.safetensors.index.json", b.data);
    buffer_free(&b);
}

static void index_refused(const char *weight_map, pb_status code, const char *words)
{
    checkpoint *c;
    write_index(weight_map);
    assert_fails(checkpoint_open(&c, folder, err), code, words);
    assert_null(c);
}

/* ---- sound folders ---- */

static void assert_same_values(const checkpoint *c, const char *name)
{
    buffer wide_name = {0};
    buffer_printf(&wide_name, "%s.f32", name);
    const tensor *t = checkpoint_find(c, name), *wide = checkpoint_find(c, wide_name.data);
    assert_true(t && wide && t->count == wide->count);
    float *a = mem_new(t->count, sizeof *a), *b = mem_new(t->count, sizeof *b);
    assert_true(tensor_read(t, 0, t->count, a));
    assert_true(tensor_read(wide, 0, t->count, b));
    assert_memory_equal(a, b, t->count * sizeof *a);
    free(a);
    free(b);
    buffer_free(&wide_name);
}

static void assert_golden(const checkpoint *c)
{
    const tensor *all;
    assert_int_equal(checkpoint_tensors(c, &all), 11);
    static const char *const stored[] = {"b.f16", "c.bf16", "g.conv"};
    for (size_t i = 0; i < 3; i++)
        assert_same_values(c, stored[i]);
    const tensor *t = checkpoint_find(c, "g.conv");
    assert_int_equal(t->rank, 4);
    assert_true(t->shape[0] == 2 && t->shape[1] == 3 && t->shape[2] == 1 && t->shape[3] == 2);
    t = checkpoint_find(c, "f.scalar");
    float value = 0;
    assert_true(t->rank == 0 && t->count == 1 && tensor_read(t, 0, 1, &value) && value == 2.5f);
    t = checkpoint_find(c, "e.empty");
    assert_true(t->count == 0 && t->shape[0] == 0 && t->shape[1] == 4 && tensor_read(t, 0, 0, &value));
    t = checkpoint_find(c, "d.i64");
    assert_true(t->type == DTYPE_OTHER && t->shape[0] == 2 && t->shape[1] == 3);
    assert_string_equal(t->type_name, "I64");
    assert_int_equal(checkpoint_find(c, "h.deep")->type, DTYPE_OTHER);
    assert_null(checkpoint_find(c, "nothing"));
    assert_null(checkpoint_find(c, ""));
}

static void one_file_is_read(void **state)
{
    (void)state;
    checkpoint *c;
    const checkpoint_file *files;
    assert_ok(checkpoint_open(&c, GOLDEN("checkpoint/golden/single"), err));
    assert_golden(c);
    assert_int_equal(checkpoint_files(c, &files), 1);
    assert_string_equal(files[0].path, GOLDEN("checkpoint/golden/single/model.safetensors"));
    assert_string_equal(files[0].format, "safetensors");
    assert_true(files[0].bytes > 1000);
    checkpoint_free(c);
    checkpoint_free(NULL);
}

static void shards_are_read_as_one(void **state)
{
    (void)state;
    checkpoint *c;
    const checkpoint_file *files;
    assert_ok(checkpoint_open(&c, GOLDEN("checkpoint/golden/sharded/"), err));
    assert_golden(c);
    assert_int_equal(checkpoint_files(c, &files), 2);
    assert_string_equal(checkpoint_find(c, "a.f32")->file, files[0].path);
    assert_string_equal(checkpoint_find(c, "h.deep")->file, files[1].path);
    checkpoint_free(c);
}

static void a_single_file_wins_over_an_index(void **state)
{
    (void)state;
    checkpoint *c;
    write_shard("model.safetensors", "w");
    write_index("{\"other\":\"gone.safetensors\"}");
    assert_ok(checkpoint_open(&c, folder, err));
    assert_non_null(checkpoint_find(c, "w"));
    checkpoint_free(c);
}

/* As Hugging Face does, which loads whole shards. */
static void tensors_that_the_index_leaves_out_are_there(void **state)
{
    (void)state;
    checkpoint *c;
    write_shard("a.safetensors", "w");
    write_shard("b.safetensors", "v");
    write_index("{\"w\":\"a.safetensors\"}");
    assert_ok(checkpoint_open(&c, folder, err));
    assert_non_null(checkpoint_find(c, "w"));
    assert_null(checkpoint_find(c, "v"));
    checkpoint_free(c);
    write_index("{}");
    assert_ok(checkpoint_open(&c, folder, err));
    assert_null(checkpoint_find(c, "w"));
    checkpoint_free(c);
}

static void many_names_are_all_found(void **state)
{
    (void)state;
    enum { N = 3000 };
    checkpoint *c;
    buffer b = {0}, header = {0};
    for (int i = 0; i < N; i++)
        buffer_printf(&header, "%s\"layers.%d.w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                      i ? "," : "{", i, i, i + 1);
    buffer_text(&header, "}");
    uint64_t length = header.size;
    buffer_add(&b, &length, sizeof length);
    buffer_add(&b, header.data, header.size);
    for (int i = 0; i < N; i++)
        buffer_add(&b, &i, 1);
    char *path = path_join(folder, "model.safetensors");
    assert_ok(file_write_all(path, b.data, b.size, err));
    assert_ok(checkpoint_open(&c, folder, err));
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d.w", i);
        const tensor *t = checkpoint_find(c, name);
        assert_non_null(t);
        assert_int_equal(*(const unsigned char *)t->data, i & 255);
    }
    checkpoint_free(c);
    free(path);
    buffer_free(&b);
    buffer_free(&header);
}

/* ---- look-ups that fail ---- */

static void a_tensor_that_does_not_fit_is_named_with_found_and_expected(void **state)
{
    (void)state;
    checkpoint *c;
    const tensor *t;
    assert_ok(checkpoint_open(&c, GOLDEN("checkpoint/golden/single"), err));
    assert_ok(checkpoint_get(c, "b.f16", 2, (size_t[]){5, 7}, &t, err));
    assert_string_equal(t->name, "b.f16");
    assert_ok(checkpoint_get(c, "f.scalar", 0, NULL, &t, err));
    assert_fails(checkpoint_get(c, "b.f16", 2, (size_t[]){7, 5}, &t, err), PB_EFORMAT,
                 "golden/single/model.safetensors: tensor b.f16 has the shape [5, 7], expected [7, 5]");
    assert_null(t);
    assert_fails(checkpoint_get(c, "b.f16", 1, (size_t[]){35}, &t, err), PB_EFORMAT, "[5, 7], expected [35]");
    assert_fails(checkpoint_get(c, "h.deep", 1, (size_t[]){2}, &t, err), PB_EFORMAT, "[1, 1, 2, 1, ...], expected [2]");
    assert_fails(checkpoint_get(c, "nothing", 1, (size_t[]){2}, &t, err), PB_EFORMAT,
                 "golden/single/model.safetensors: tensor nothing is missing");
    assert_fails(checkpoint_get(c, "d.i64", 2, (size_t[]){2, 3}, &t, err), PB_EUNSUPPORTED,
                 "tensor d.i64 has the dtype I64, expected F32, F16, BF16, Q8_0");
    checkpoint_free(c);
    assert_ok(checkpoint_open(&c, GOLDEN("checkpoint/golden/sharded"), err));
    assert_fails(checkpoint_get(c, "nothing", 1, (size_t[]){2}, &t, err), PB_EFORMAT,
                 "golden/sharded/model.safetensors.index.json: tensor nothing is missing");
    checkpoint_free(c);
}

/* ---- folders that do not fit ---- */

static void a_folder_without_weights_says_what_was_expected(void **state)
{
    (void)state;
    checkpoint *c;
    assert_fails(checkpoint_open(&c, folder, err), PB_EIO, "has no weights, expected model.safetensors");
    assert_fails(checkpoint_open(&c, "/nowhere/at/all", err), PB_EIO, "/nowhere/at/all: is no folder");
    assert_null(c);
}

static void an_index_of_wrong_types_is_refused(void **state)
{
    (void)state;
    checkpoint *c;
    static const char *const broken[][2] = {
        {"", "is not valid JSON"},
        {"[]", "holds an array, expected a JSON object"},
        {"{}", "\"weight_map\" is missing"},
        {"{\"weight_map\":null}", "\"weight_map\" is missing"},
        {"{\"weight_map\":[]}", "\"weight_map\" is an array, expected an object"},
        {"{\"weight_map\":{\"w\":1}}", "\"w\" is a number, expected a shard's file name"},
        {"{\"weight_map\":{\"w\":null}}", "\"w\" is null, expected a shard's file name"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        write_text("model.safetensors.index.json", broken[i][0]);
        assert_fails(checkpoint_open(&c, folder, err), PB_EFORMAT, broken[i][1]);
        assert_fails(checkpoint_open(&c, folder, err), PB_EFORMAT, "model.safetensors.index.json: ");
    }
}

static void a_shard_that_is_missing_is_named(void **state)
{
    (void)state;
    write_shard("a.safetensors", "w");
    index_refused("{\"w\":\"a.safetensors\",\"v\":\"b.safetensors\"}", PB_EIO,
                  "the shard b.safetensors is missing, which model.safetensors.index.json names for tensor v");
}

static void a_shard_that_is_damaged_is_named(void **state)
{
    (void)state;
    write_shard("a.safetensors", "w");
    write_text("b.safetensors", "not a safetensors file");
    index_refused("{\"w\":\"a.safetensors\",\"v\":\"b.safetensors\"}", PB_EFORMAT, "/b.safetensors: ");
}

static void shards_outside_the_folder_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "/etc/passwd", "..", "../a.safetensors", "x/../../a.safetensors", "x/..",
                                        "a.safetensors\\u0000"};
    write_shard("a.safetensors", "w");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buffer map = {0};
        buffer_printf(&map, "{\"w\":\"%s\"}", names[i]);
        index_refused(map.data, PB_EFORMAT, "expected a file inside the folder");
        buffer_free(&map);
    }
    index_refused("{\"w\":\"..a\"}", PB_EIO, "the shard ..a is missing");
}

static void shards_below_the_folder_and_links_are_fine(void **state)
{
    (void)state;
    checkpoint *c;
    char *below = path_join(folder, "blobs"), *link = path_join(folder, "b.safetensors");
    assert_ok(dir_create(below, err));
    write_shard("blobs/a.safetensors", "w");
    write_shard("blobs/0123", "v");
    assert_int_equal(symlink("blobs/0123", link), 0);
    write_index("{\"w\":\"blobs/a.safetensors\",\"v\":\"b.safetensors\"}");
    assert_ok(checkpoint_open(&c, folder, err));
    assert_true(checkpoint_find(c, "w") && checkpoint_find(c, "v"));
    checkpoint_free(c);
    free(below);
    free(link);
}

static void what_the_index_promises_must_be_in_its_shard(void **state)
{
    (void)state;
    write_shard("a.safetensors", "w");
    write_shard("b.safetensors", "v");
    index_refused("{\"w\":\"a.safetensors\",\"x\":\"a.safetensors\"}", PB_EFORMAT,
                  "tensor x should be in a.safetensors, but is in none of the shards");
    index_refused("{\"w\":\"b.safetensors\",\"v\":\"a.safetensors\"}", PB_EFORMAT,
                  "tensor w should be in b.safetensors, but is in a.safetensors");
}

static void a_name_in_two_shards_is_refused(void **state)
{
    (void)state;
    write_shard("a.safetensors", "w");
    write_shard("b.safetensors", "w");
    index_refused("{\"w\":\"a.safetensors\",\"v\":\"b.safetensors\"}", PB_EFORMAT,
                  "/b.safetensors: tensor w is already in a.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_is_read),
        cmocka_unit_test(shards_are_read_as_one),
        in_folder(a_single_file_wins_over_an_index),
        in_folder(tensors_that_the_index_leaves_out_are_there),
        in_folder(many_names_are_all_found),
        cmocka_unit_test(a_tensor_that_does_not_fit_is_named_with_found_and_expected),
        in_folder(a_folder_without_weights_says_what_was_expected),
        in_folder(an_index_of_wrong_types_is_refused),
        in_folder(a_shard_that_is_missing_is_named),
        in_folder(a_shard_that_is_damaged_is_named),
        in_folder(shards_outside_the_folder_are_refused),
        in_folder(shards_below_the_folder_and_links_are_fine),
        in_folder(what_the_index_promises_must_be_in_its_shard),
        in_folder(a_name_in_two_shards_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
