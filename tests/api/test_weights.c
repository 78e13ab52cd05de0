/* test_weights.c: weights that are no good, through the public interface: files that become shorter while a model is open,
 * numbers that are not finite, denormal ones. */
#include "tests/api/commands.h"
#include "tests/model/tiny.h"

#include <math.h>
#include <signal.h>

#include "math/denormals.h"

#define QUESTION "What is the capital of this country?"
#define PICTURE GOLDEN("data/image/rgb.jpg")

static const char *const constraint = "this country";
static struct sigaction watching; /* SIGBUS as the first model leaves it; cmocka takes it in every test */

static const pb_question question = {.image = PICTURE, .question = QUESTION, .constraints = &constraint,
                                     .constraint_count = 1};

/* ---- files ---- */

/* A folder in which the weights are a file of its own. */
static char *with_own_weights(const char *source)
{
    char *folder = tiny_copy(source), *path = path_join(source, "model.safetensors");
    file_map map;
    assert_ok(file_map_copy(&map, path, err));
    tiny_write(folder, "model.safetensors", map.data, map.size);
    file_map_close(&map);
    free(path);
    return folder;
}

static void a_file_that_becomes_shorter_is_an_error(void **state)
{
    (void)state;
    enum { PAGE = 4096 };
    sigaction(SIGBUS, &watching, NULL);
    for (size_t i = 0; i < COMMANDS; i++)
        for (size_t round = 0; round < 3; round++) {
            char *folder = with_own_weights(LLAVA), *path = path_join(folder, "model.safetensors");
            pb_model *m;
            pb_error failure;
            assert_ok(pb_model_open(&m, folder, NULL, err));
            if (round == 2) /* once it has run: everything was checked, and is in memory */
                assert_ok(commands[i].run(m, &question, 0, err));
            struct stat info;
            assert_int_equal(stat(path, &info), 0);
            assert_int_equal(truncate(path, round == 0 ? 10 * PAGE : round == 1 ? info.st_size - 1 : 0), 0);
            pb_status status = commands[i].run(m, &question, 0, &failure);
            if (status != PB_EIO || !strstr(failure.message, path) || !strstr(failure.message, "shorter"))
                test_stop(__FILE__, __LINE__, "%s, round %zu: status %d, \"%s\"", commands[i].name, round, (int)status,
                          status ? failure.message : "");
            pb_model_free(m);
            free(path);
            folder_remove(folder);
        }
}

/* ---- numbers ---- */

typedef struct weights {
    unsigned char *bytes;
    size_t size;
    json_t *header;
} weights;

static weights weights_read_all(const char *source)
{
    char *path = path_join(source, "model.safetensors");
    file_map map;
    weights w = {0};
    uint64_t header;
    assert_ok(file_map_copy(&map, path, err));
    memcpy(&header, map.data, 8);
    assert_ok(json_parse_object(&w.header, (const char *)map.data + 8, header, path, err));
    w.bytes = malloc(map.size);
    w.size = map.size;
    memcpy(w.bytes, map.data, map.size);
    file_map_close(&map);
    free(path);
    return w;
}

/* Where a tensor's values lie, and how many bytes they are. */
static unsigned char *values_of(const weights *w, const json_t *entry, size_t *bytes)
{
    uint64_t header;
    memcpy(&header, w->bytes, 8);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin = (size_t)json_number_value(json_array_get(offsets, 0)), end = (size_t)json_number_value(json_array_get(offsets, 1));
    *bytes = end - begin;
    return w->bytes + 8 + header + begin;
}

static char *folder_of(const char *source, weights *w)
{
    char *folder = tiny_copy(source);
    tiny_write(folder, "model.safetensors", w->bytes, w->size);
    free(w->bytes);
    json_decref(w->header);
    return folder;
}

/* Puts a value, a bf16's or an f32's, at one element of a tensor. */
static void put(unsigned char *at, size_t element, const char *type, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t half = (uint16_t)(bits >> 16);
    if (strcmp(type, "BF16") == 0)
        memcpy(at + 2 * element, &half, sizeof half);
    else
        memcpy(at + 4 * element, &bits, sizeof bits);
}

static void what_is_not_finite_is_named(void **state)
{
    (void)state;
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    static const char *const words[] = {"holds inf at element 37", "holds -inf at element 37", "nan at element 37"};
    const char *name;
    json_t *entry;
    size_t tried = 0;
    weights sound = weights_read_all(LLAVA);
    json_object_foreach(sound.header, name, entry)
    {
        const char *type = json_string_value(json_object_get(entry, "dtype"));
        size_t bytes, i = tried % 3;
        if (!type || !(strstr(name, "proj.weight") || strstr(name, "fc1.weight") || strstr(name, "lm_head") || strstr(name, "linear_1.weight")))
            continue;
        weights w = weights_read_all(LLAVA);
        put(values_of(&w, json_object_get(w.header, name), &bytes), 37, type, bad[i]);
        char *folder = folder_of(LLAVA, &w);
        pb_model *m;
        pb_error failure = {0};
        assert_ok(pb_model_open(&m, folder, NULL, err));
        pb_status status = ask_it(m, &question, 0, &failure);
        bool unused = status == PB_OK && strstr(name, "vision_tower"); /* the tower's last layer is not run */
        if (!unused && (status != PB_EFORMAT || !strstr(failure.message, name) || !strstr(failure.message, words[i])))
            test_stop(__FILE__, __LINE__, "%s: status %d, \"%s\"", name, (int)status, failure.message);
        tried += !unused;
        pb_model_free(m);
        folder_remove(folder);
    }
    assert_true(tried > 10);
    json_decref(sound.header);
    free(sound.bytes);
}

/* Every tenth weight of every matrix becomes denormal: what is said is what zeros in their places say, to the bit. */
static double clean_probability(float value)
{
    const char *name;
    json_t *entry;
    weights w = weights_read_all(LLAVA);
    json_object_foreach(w.header, name, entry)
    {
        const char *type = json_string_value(json_object_get(entry, "dtype"));
        size_t bytes, width = type && strcmp(type, "BF16") == 0 ? 2 : 4;
        if (!type || !strstr(name, ".weight") || strstr(name, "norm"))
            continue;
        unsigned char *at = values_of(&w, entry, &bytes);
        for (size_t i = 0; i < bytes / width; i += 10)
            put(at, i, type, value);
    }
    char *folder = folder_of(LLAVA, &w);
    pb_model *m;
    pb_trace *t;
    pb_trace_options o = pb_trace_defaults();
    double clean, corrupted;
    assert_ok(pb_model_open(&m, folder, NULL, err));
    assert_ok(pb_trace_run(&t, m, &question, &o, err));
    pb_trace_scores(t, &clean, &corrupted);
    assert_true(denormals_flushed());
    pb_trace_free(t);
    pb_model_free(m);
    folder_remove(folder);
    return clean;
}

static void denormals_count_as_zeros(void **state)
{
    (void)state;
    double zero = clean_probability(0);
    assert_true(zero > 0 && zero < 1);
    assert_true(clean_probability(0x1p-130f) == zero);
    assert_true(clean_probability(-0x1p-127f) == zero);
}

int main(void)
{
    pb_model *first;
    if (pb_model_open(&first, LLAVA, NULL, NULL))
        return 1;
    sigaction(SIGBUS, NULL, &watching);
    pb_model_free(first);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_becomes_shorter_is_an_error),
        cmocka_unit_test(what_is_not_finite_is_named),
        cmocka_unit_test(denormals_count_as_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
