/* test_gguf.c: a GGUF file of a checkpoint gives the same decoder as Hugging Face's folder of it, to the bit: weights,
 * sizes, rotary frequencies; and llama.cpp's vision side the same rows. What patchbay does not know is refused. */
#include "tests/checkpoint/gguf_bytes.h"

#include <math.h>

#include "model/gguf.h"
#include "model/rope.h"
#include "tests/model/tiny.h"
#define IN_FOLDER_FILE "model.gguf"
#include "tests/in_folder.h" /* last: others have names of their own for a folder */

#define GGUF(name) GOLDEN("data/model/gguf/" name)

/* ---- decoders ---- */

static const struct pair {
    const char *gguf, *folder;
    decoder_opener open;
} pairs[] = {
    {GGUF("llama.gguf"), LLAMA, llama_decoder_open},
    {GGUF("qwen2.gguf"), QWEN2, qwen2_decoder_open},
    {GGUF("phi.gguf"), PHI, phi_decoder_open},
    {GGUF("phi-fused.gguf"), PHI, phi_decoder_open},
};

static void assert_same_tensor(const tensor *a, const tensor *b)
{
    assert_int_equal(a->count, b->count);
    float *x = mem_new(a->count, sizeof *x), *y = mem_new(b->count, sizeof *y);
    assert_true(tensor_read(a, 0, a->count, x));
    assert_true(tensor_read(b, 0, b->count, y));
    assert_memory_equal(x, y, a->count * sizeof *x);
    free(x);
    free(y);
}

/* Both are there or none is. */
static void assert_same_part(const tensor *a, const tensor *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_same_tensor(a, b);
}

static void assert_same_sizes(const decoder_config *a, const decoder_config *b)
{
    assert_true(a->layers == b->layers && a->d_model == b->d_model && a->d_ff == b->d_ff && a->heads == b->heads);
    assert_true(a->kv_heads == b->kv_heads && a->head_dim == b->head_dim && a->vocab == b->vocab);
    assert_true(a->max_positions == b->max_positions && a->act == b->act && a->rotary_dim == b->rotary_dim);
    assert_memory_equal(&a->norm_eps, &b->norm_eps, sizeof a->norm_eps);
    assert_memory_equal(a->rope_frequency, b->rope_frequency, a->rotary_dim / 2 * sizeof *a->rope_frequency);
}

static void assert_same_decoder(const decoder *a, const decoder *b)
{
    assert_same_sizes(&a->config, &b->config);
    assert_same_tensor(a->embedding, b->embedding);
    assert_same_tensor(a->head, b->head);
    assert_int_equal(a->head == a->embedding, b->head == b->embedding);
    for (size_t i = 0; i < END_COUNT; i++)
        assert_same_part(a->end[i], b->end[i]);
    for (size_t l = 0; l < a->config.layers; l++)
        for (decoder_part part = 0; part < PART_COUNT; part++)
            assert_same_part(a->layers[l].part[part], b->layers[l].part[part]);
}

static void a_file_gives_the_folders_decoder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct pair *p = &pairs[i];
        checkpoint *file, *saved;
        json_t *made, *stored;
        decoder a, b;
        char *config = path_join(p->folder, "config.json");
        assert_ok(checkpoint_open(&file, p->gguf, err));
        assert_ok(checkpoint_open(&saved, p->folder, err));
        assert_ok(gguf_decoder(&made, file, err));
        assert_ok(json_read_file(&stored, config, err));
        assert_string_equal(json_string_value(json_object_get(made, "model_type")),
                            json_string_value(json_object_get(stored, "model_type")));
        assert_ok(p->open(&a, file, made, "model.", "lm_head.weight", p->gguf, err));
        assert_ok(p->open(&b, saved, stored, "model.", "lm_head.weight", config, err));
        assert_same_decoder(&a, &b);
        decoder_free(&a);
        decoder_free(&b);
        json_decref(made);
        json_decref(stored);
        checkpoint_free(file);
        checkpoint_free(saved);
        free(config);
    }
}

/* ---- rotary scaling ---- */

/* A file of factors alone; the frequencies that they give over a width of 2 * count. */
static float *frequencies_of(double theta, const float *factors, size_t count)
{
    buffer b = {0};
    checkpoint *c;
    float *found;
    put_header(&b, 3, 1, 0);
    put_tensor_entry(&b, "rope_freqs.weight", 1, (uint64_t[]){count}, 0, 0);
    put_zeros(&b, 0);
    buffer_add(&b, factors, count * sizeof *factors);
    assert_ok(file_write_all(path, b.data, b.size, err));
    json_t *config = json_object();
    json_object_set_new(config, "rope_theta", json_real(theta));
    assert_ok(checkpoint_open(&c, path, err));
    assert_ok(gguf_rope_scaling(config, c, "llama", err));
    assert_ok(rope_frequencies(&found, 2 * count, config, path, err));
    json_decref(config);
    checkpoint_free(c);
    buffer_free(&b);
    return found;
}

/* What the converter writes for Llama 3's scaling, in float like torch. */
static float llama3_factor(float frequency, double factor, double original)
{
    float wave = (float)(2 * M_PI) / frequency, smooth = ((float)original / wave - 1.0f) / 3.0f;
    if ((double)wave < original / 4)
        return 1;
    return (double)wave > original ? (float)factor : 1 / ((1 - smooth) / (float)factor + smooth);
}

static void llama3_scaling_is_found_again(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    static const struct {
        double theta, factor, original;
    } cases[] = {{500000, 8, 8192}, {500000, 32, 8192}, {10000, 4, 32}, {10000, 2.5, 100}, {1000000, 16, 131072}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float factors[COUNT], *plain, *wanted;
        char text[400];
        json_t *config = json_object();
        json_object_set_new(config, "rope_theta", json_real(cases[i].theta));
        assert_ok(rope_frequencies(&plain, 2 * COUNT, config, "x", err));
        for (size_t k = 0; k < COUNT; k++)
            factors[k] = llama3_factor(plain[k], cases[i].factor, cases[i].original);
        snprintf(text, sizeof text, "{\"rope_type\":\"llama3\",\"factor\":%.17g,\"low_freq_factor\":1.0,"
                 "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":%.17g}", cases[i].factor,
                 cases[i].original);
        json_object_set_new(config, "rope_scaling", json_loads(text, 0, NULL));
        assert_ok(rope_frequencies(&wanted, 2 * COUNT, config, "x", err));
        float *found = frequencies_of(cases[i].theta, factors, COUNT);
        assert_memory_equal(found, wanted, COUNT * sizeof *found);
        json_decref(config);
        free(plain);
        free(wanted);
        free(found);
    }
}

static void other_factors_divide_the_frequencies(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    static const float factors[COUNT] = {1, 1.5f, 3, 7};
    json_t *config = json_object();
    float *plain;
    assert_ok(rope_frequencies(&plain, 2 * COUNT, config, "x", err));
    float *found = frequencies_of(10000, factors, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(found[i] == plain[i] / factors[i]);
    json_decref(config);
    free(plain);
    free(found);
}

/* ---- the vision side ---- */

/* rows[vision_rows][d_model] of a made-up picture. */
static float *rows_of(vision *v)
{
    size_t side = vision_settings(v)->image_size, n = 3 * side * side, width = vision_settings(v)->d_model;
    float *pixels = mem_new(n, sizeof *pixels), *rows = mem_new(vision_rows(v) * width, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        pixels[i] = sinf((float)i / 7);
    assert_ok(vision_encode(v, pixels, rows, err));
    free(pixels);
    return rows;
}

static void llama_cpps_vision_side_gives_the_same_rows(void **state)
{
    (void)state;
    model *whole;
    static const char *const paths[] = {GGUF("mmproj-legacy.gguf"), GGUF("mmproj-whole.gguf"),
                                        GGUF("mmproj-named.gguf")};
    assert_ok(model_open(&whole, &(model_source){.path = LLAVA}, err));
    float *wanted = rows_of(whole->vision);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        model m = {.decoder.config.d_model = whole->decoder.config.d_model};
        checkpoint *c;
        assert_ok(checkpoint_open(&c, paths[i], err));
        assert_ok(gguf_vision(&m, c, err));
        assert_int_equal(vision_rows(m.vision), vision_rows(whole->vision));
        float *found = rows_of(m.vision);
        assert_memory_equal(found, wanted, vision_rows(m.vision) * m.decoder.config.d_model * sizeof *found);
        assert_true(m.image_token < 0 && m.processor.pad_to_square);
        assert_true((float)m.processor.mean[0] == (float)whole->processor.mean[0]); /* the file has f32 */
        free(found);
        vision_free(m.vision);
        checkpoint_free(c);
    }
    free(wanted);
    model_free(whole);
}

/* ---- what is refused ---- */

static void refused(buffer *b, pb_status code, const char *words)
{
    checkpoint *c;
    json_t *config;
    put_zeros(b, 4096);
    assert_ok(file_write_all(path, b->data, b->size, err));
    assert_ok(checkpoint_open(&c, path, err));
    assert_fails(gguf_decoder(&config, c, err), code, words);
    assert_null(config);
    checkpoint_free(c);
    buffer_free(b);
}

enum { SIZES = 5 };

/* The keys that every decoder needs: two heads of 4, width 8. */
static void put_sizes(buffer *b, const char *arch)
{
    static const struct {
        const char *key;
        uint32_t value;
    } sizes[SIZES - 1] = {{"block_count", 1}, {"embedding_length", 8}, {"feed_forward_length", 8},
                          {"attention.head_count", 2}};
    put_pair_text(b, "general.architecture", arch);
    for (size_t i = 0; i < SIZES - 1; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%s", arch, sizes[i].key);
        put_pair_u32(b, key, sizes[i].value);
    }
}

static void architectures_that_are_not_known_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 0, 1);
    put_pair_text(&b, "general.architecture", "gemma3");
    refused(&b, PB_EUNSUPPORTED, "\"general.architecture\" is \"gemma3\"; patchbay knows \"llama\", \"qwen2\", \"phi2\"");
    put_header(&b, 3, 0, 0);
    refused(&b, PB_EFORMAT, "metadata \"general.architecture\" is missing");
    put_header(&b, 3, 0, SIZES - 1);
    put_sizes(&b, "llama");
    b.data[16] = SIZES;
    refused(&b, PB_EFORMAT, "tensor token_embd.weight is missing");
    put_header(&b, 3, 0, 1);
    put_pair_text(&b, "general.architecture", "llama");
    refused(&b, PB_EFORMAT, "metadata \"llama.block_count\" is missing");
}

static void put_embedding(buffer *b)
{
    put_tensor_entry(b, "token_embd.weight", 2, (uint64_t[]){8, 4}, 0, 0);
}

static void what_cannot_be_computed_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 1, SIZES + 1);
    put_sizes(&b, "llama");
    put_pair_u32(&b, "llama.expert_count", 8);
    put_embedding(&b);
    refused(&b, PB_EUNSUPPORTED, "\"llama.expert_count\" is 8; patchbay cannot compute mixtures of experts");
    put_header(&b, 3, 1, SIZES + 1);
    put_sizes(&b, "llama");
    put_pair_u32(&b, "llama.rope.dimension_count", 2);
    put_embedding(&b);
    refused(&b, PB_EUNSUPPORTED, "\"llama.rope.dimension_count\" is 2, expected the size of a head, 4");
    put_header(&b, 3, 1, SIZES + 1);
    put_sizes(&b, "phi2");
    put_pair_u32(&b, "phi2.rope.dimension_count", 6);
    put_embedding(&b);
    refused(&b, PB_EUNSUPPORTED, "\"phi2.rope.dimension_count\" is 6, expected 1 to 4");
    put_header(&b, 3, 2, SIZES);
    put_sizes(&b, "llama");
    put_embedding(&b);
    put_tensor_entry(&b, "blk.0.attn_q_norm.weight", 1, (uint64_t[]){4}, 0, 128);
    refused(&b, PB_EUNSUPPORTED, "tensor blk.0.attn_q_norm.weight is none that patchbay knows in the architecture");
    put_header(&b, 3, 2, SIZES);
    put_sizes(&b, "phi2");
    put_embedding(&b);
    put_tensor_entry(&b, "blk.0.attn_qkv.weight", 2, (uint64_t[]){8, 20}, 0, 128);
    refused(&b, PB_EFORMAT, "tensor blk.0.attn_qkv.weight has 20 rows, expected 24 of queries, keys and values");
}

static void rotary_scaling_that_cannot_be_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 2, SIZES);
    put_sizes(&b, "llama");
    put_embedding(&b);
    put_tensor_entry(&b, "rope_freqs.weight", 1, (uint64_t[]){2}, 0, 128);
    refused(&b, PB_EFORMAT, "tensor rope_freqs.weight holds other than finite numbers above 0"); /* zeros */
    put_header(&b, 3, 2, SIZES);
    put_sizes(&b, "llama");
    put_embedding(&b);
    put_tensor_entry(&b, "rope_freqs.weight", 2, (uint64_t[]){2, 2}, 0, 128);
    refused(&b, PB_EFORMAT, "tensor rope_freqs.weight is no vector");
    put_header(&b, 3, 2, SIZES + 1);
    put_sizes(&b, "llama");
    put_pair_text(&b, "llama.rope.scaling.type", "yarn");
    put_embedding(&b);
    put_tensor_entry(&b, "rope_freqs.weight", 1, (uint64_t[]){2}, 0, 128);
    refused(&b, PB_EUNSUPPORTED, "has rotary scaling both in its metadata and in rope_freqs.weight");
}

static void vision_refused(buffer *b, pb_status code, const char *words)
{
    checkpoint *c;
    model m = {.decoder.config.d_model = 8};
    put_zeros(b, 4096);
    assert_ok(file_write_all(path, b->data, b->size, err));
    assert_ok(checkpoint_open(&c, path, err));
    assert_fails(gguf_vision(&m, c, err), code, words);
    assert_null(m.vision);
    checkpoint_free(c);
    buffer_free(b);
}

static void other_vision_sides_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    put_header(&b, 3, 0, 1);
    put_pair_text(&b, "general.architecture", "llama");
    vision_refused(&b, PB_EUNSUPPORTED, "\"general.architecture\" is \"llama\", patchbay knows \"clip\" here");
    put_header(&b, 3, 0, 2);
    put_pair_text(&b, "general.architecture", "clip");
    put_pair_text(&b, "clip.projector_type", "qwen2vl_merger");
    vision_refused(&b, PB_EUNSUPPORTED, "\"clip.projector_type\" is \"qwen2vl_merger\", patchbay knows \"mlp\" here");
    put_header(&b, 3, 0, 2);
    put_pair_text(&b, "general.architecture", "clip");
    put_pair_text(&b, "clip.vision.mm_patch_merge_type", "spatial_unpad");
    vision_refused(&b, PB_EUNSUPPORTED, "\"clip.vision.mm_patch_merge_type\" is \"spatial_unpad\"");
    put_header(&b, 3, 1, 1);
    put_pair_text(&b, "general.architecture", "clip");
    put_tensor_entry(&b, "mm.3.weight", 1, (uint64_t[]){8}, 0, 0);
    vision_refused(&b, PB_EUNSUPPORTED, "its projector has norms");
    put_header(&b, 3, 0, 1);
    put_pair_text(&b, "general.architecture", "clip");
    vision_refused(&b, PB_EFORMAT, "metadata \"clip.vision.image_size\" is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_the_folders_decoder),
        in_folder(llama3_scaling_is_found_again),
        in_folder(other_factors_divide_the_frequencies),
        cmocka_unit_test(llama_cpps_vision_side_gives_the_same_rows),
        in_folder(architectures_that_are_not_known_are_refused),
        in_folder(what_cannot_be_computed_is_refused),
        in_folder(rotary_scaling_that_cannot_be_is_refused),
        in_folder(other_vision_sides_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
