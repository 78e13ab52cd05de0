/* test_towers.c: vision towers and where they lie: LLaVA in its authors' layout and Bunny, made of the tiny LLaVA by renaming,
 * so that their rows must be its rows to the bit; what configs leave out, and what is refused. */
#include "tests/math/numbers.h"
#include "tests/model/tiny.h"

#include "model/mm.h"

/* ---- checkpoints ---- */

/* Prefixes, old and new; a tensor whose new name is empty is left out. */
static const char *const (*pairs)[2];

static void by_pairs(const char *name, buffer *out)
{
    for (size_t i = 0; pairs[i][0]; i++) {
        size_t n = strlen(pairs[i][0]);
        if (strncmp(name, pairs[i][0], n) == 0) {
            if (pairs[i][1])
                buffer_printf(out, "%s%s", pairs[i][1], name + n);
            else
                buffer_printf(out, "spare.%s", name);
            return;
        }
    }
    buffer_text(out, name);
}

#define DECODER_PAIRS                                                                                                 \
    {"language_model.model.", "model."}, {"language_model.lm_head.", "lm_head."},                                    \
        {"multi_modal_projector.linear_1.", "model.mm_projector.0."},                                                \
        {"multi_modal_projector.linear_2.", "model.mm_projector.2."}

static const char *const inside[][2] = {
    DECODER_PAIRS, {"vision_tower.", "model.vision_tower.vision_tower.vision_model."}, {NULL, NULL}};
static const char *const inside_bare[][2] = {
    DECODER_PAIRS, {"vision_tower.", "model.vision_tower.vision_tower."}, {NULL, NULL}};
static const char *const without[][2] = {DECODER_PAIRS, {"vision_tower.", NULL}, {NULL, NULL}};
static const char *const alone[][2] = {{"vision_tower.", ""}, {NULL, NULL}};
static const char *const alone_older[][2] = {{"vision_tower.", "vision_model."}, {NULL, NULL}};

#define CLIP_SIZES                                                                                                    \
    "\"hidden_size\":20,\"intermediate_size\":24,\"num_hidden_layers\":3,\"num_attention_heads\":4,\"image_size\":15,"   \
    "\"patch_size\":5"
#define ORIGINAL_KEYS                                                                                                 \
    "\"hidden_size\":32,\"intermediate_size\":48,\"num_hidden_layers\":4,\"num_attention_heads\":4,"                      \
    "\"num_key_value_heads\":2,\"vocab_size\":571,\"max_position_embeddings\":64,\"mm_hidden_size\":20,"                \
    "\"mm_projector_type\":\"mlp2x_gelu\",\"mm_vision_select_layer\":-2,\"mm_vision_select_feature\":\"patch\","      \
    "\"image_aspect_ratio\":\"pad\",\"mm_use_im_start_end\":false,\"mm_resampler_type\":null"
#define VISION_CONFIG ",\"vision_config\":{" CLIP_SIZES "}"

static void write_text(const char *folder, const char *name, const char *text)
{
    tiny_write(folder, name, text, strlen(text));
}

/* The tiny LLaVA's tensors under other names, with another config; `more` is appended to the original layout's keys. */
static char *original(const char *const (*names)[2], const char *model_type, const char *more)
{
    char *folder = tiny_copy(LLAVA);
    buffer config = {0};
    pairs = names;
    tiny_rename(folder, by_pairs);
    buffer_printf(&config, "{\"model_type\":\"%s\"," ORIGINAL_KEYS "%s}", model_type, more);
    write_text(folder, "config.json", config.data);
    buffer_free(&config);
    char *processor = path_join(folder, "processor_config.json");
    assert_int_equal(unlink(processor), 0);
    free(processor);
    return folder;
}

/* Its tower in a folder of its own. */
static char *tower(const char *const (*names)[2], const char *config)
{
    char *folder = tiny_copy(LLAVA);
    pairs = names;
    tiny_rename(folder, by_pairs);
    write_text(folder, "config.json", config);
    return folder;
}

static model *open_with(const char *folder, const char *tower_folder)
{
    model *m;
    assert_ok(model_open(&m, &(model_source){.path = folder, .vision_tower = tower_folder}, err));
    return m;
}

/* rows of a fixed picture; free() */
static float *rows_of(model *m)
{
    size_t side = vision_settings(m->vision)->image_size;
    float *pixels = gaussians(3 * side * side, 3);
    float *rows = zeros(vision_rows(m->vision) * m->decoder.config.d_model);
    assert_ok(vision_encode(m->vision, pixels, rows, err));
    free(pixels);
    return rows;
}

static void assert_is_the_llava(model *m)
{
    model *hf = tiny_open(LLAVA);
    size_t n = vision_rows(hf->vision) * 32;
    assert_int_equal(vision_rows(m->vision), vision_rows(hf->vision));
    float *expected = rows_of(hf), *found = rows_of(m), a[32], b[32];
    assert_same_bits(expected, found, n, "picture rows");
    int32_t id = 77;
    assert_ok(decoder_embed(&hf->decoder, &id, 1, a, err));
    assert_ok(decoder_embed(&m->decoder, &id, 1, b, err));
    assert_same_bits(a, b, 32, "embedding");
    free(expected), free(found);
    model_free(hf);
}

/* ---- where a tower lies ---- */

static void a_tower_inside(void **state)
{
    (void)state;
    static const char *const types[] = {"llava", "llava_llama"};
    for (size_t i = 0; i < 2; i++) {
        char *folder = original(i ? inside_bare : inside, types[i], VISION_CONFIG);
        model *m = open_with(folder, NULL);
        assert_string_equal(m->family, types[i]);
        assert_string_equal(m->layout, "original");
        assert_string_equal(m->template_name, "llava");
        assert_int_equal(m->image_token, MM_IMAGE_TOKEN);
        assert_true(m->processor.pad_to_square && m->processor.crop && m->processor.crop_width == 15);
        assert_is_the_llava(m);
        model_free(m);
        folder_remove(folder);
    }
}

static void a_tower_apart(void **state)
{
    (void)state;
    static const struct {
        const char *const (*names)[2];
        const char *config;
    } towers[] = {
        {alone, "{\"model_type\":\"clip_vision_model\"," CLIP_SIZES "}"},
        {alone_older, "{\"model_type\":\"clip_vision_model\"," CLIP_SIZES "}"},
        {alone_older, "{\"model_type\":\"clip\",\"hidden_size\":99,\"text_config\":{\"hidden_size\":8},"
                      "\"vision_config\":{\"model_type\":\"clip_vision_model\"," CLIP_SIZES "}}"},
    };
    char *folder = original(without, "llava", ",\"mm_vision_tower\":\"openai/clip-vit-large-patch14-336\"");
    for (size_t i = 0; i < sizeof towers / sizeof *towers; i++) {
        char *apart = tower(towers[i].names, towers[i].config);
        model *m = open_with(folder, apart);
        assert_is_the_llava(m);
        model_free(m);
        folder_remove(apart);
    }
    model *m;
    pb_error e;
    assert_int_equal(model_open(&m, &(model_source){.path = folder}, &e), PB_EIO);
    assert_non_null(strstr(e.message, "\"openai/clip-vit-large-patch14-336\" lies apart"));
    assert_non_null(strstr(e.hint, "--vision-tower"));
    assert_fails(model_open(&m, &(model_source){.path = folder, .vision_tower = "/nowhere"}, err), PB_EIO, "/nowhere");
    folder_remove(folder);
}

static void the_config_may_name_its_folder(void **state)
{
    (void)state;
    char *apart = tower(alone, "{\"model_type\":\"clip_vision_model\"," CLIP_SIZES "}");
    buffer key = {0};
    buffer_printf(&key, ",\"mm_vision_tower\":\"%s\"", apart);
    char *folder = original(without, "llava", key.data), *link = path_join(folder, "clip");
    model *m = open_with(folder, NULL);
    assert_is_the_llava(m);
    assert_string_equal(m->tower_path, apart);
    model_free(m);
    assert_int_equal(symlink(apart, link), 0);
    tiny_set(folder, "config.json", "mm_vision_tower", "\"clip\"");
    m = open_with(folder, NULL);
    assert_is_the_llava(m);
    assert_string_equal(m->tower_path, link);
    model_free(m);
    folder_remove(folder);
    folder = original(inside, "llava", key.data); /* a tower inside takes its sizes from there */
    m = open_with(folder, NULL);
    assert_null(m->tower_weights);
    assert_is_the_llava(m);
    model_free(m);
    folder_remove(folder);
    folder_remove(apart);
    buffer_free(&key);
    free(link);
}

static void a_tower_has_its_processor_beside_it(void **state)
{
    (void)state;
    char *folder = original(without, "llava", ""), *apart = tower(alone, "{\"model_type\":\"clip_vision_model\"," CLIP_SIZES "}");
    write_text(folder, "preprocessor_config.json", "{\"size\":99,\"crop_size\":98}");
    model *m = open_with(folder, apart); /* the copy has a processor_config.json */
    assert_int_equal(m->processor.crop_width, 15);
    assert_true(m->processor.pad_to_square);
    model_free(m);
    char *own = path_join(apart, "processor_config.json");
    assert_int_equal(unlink(own), 0);
    m = open_with(folder, apart); /* then the model's */
    assert_int_equal(m->processor.shortest_edge, 99);
    assert_int_equal(m->processor.crop_width, 98);
    model_free(m);
    free(own);
    folder_remove(apart);
    folder_remove(folder);
}

/* ---- keys left out ---- */

static void absent_sizes_are_the_class_s_or_the_name_s(void **state)
{
    (void)state;
    static const struct {
        const char *model_type, *more, *expected;
    } cases[] = {
        {"llava", ",\"vision_config\":{\"image_size\":15,\"patch_size\":5}", "[768, 3, 5, 5]"},
        {"llava", ",\"mm_vision_tower\":\"openai/clip-vit-large-patch14-336\"", "[1024, 3, 14, 14]"},
        {"llava", "", "[1024, 3, 14, 14]"},
        {"llava", ",\"mm_vision_tower\":\"me/tower\"", "\"me/tower\" are not known"},
        {"bunny-llama", ",\"vision_config\":{}", "[768, 3, 16, 16]"},
        {"bunny-llama", "", "[1152, 3, 14, 14]"},
        {"bunny-llama", ",\"mm_vision_tower\":\"google/siglip-so400m-patch14-384\"", "[1152, 3, 14, 14]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = original(inside, cases[i].model_type, cases[i].more);
        model *m;
        pb_error e;
        assert_true(model_open(&m, &(model_source){.path = folder}, &e) != PB_OK);
        if (!strstr(e.message, cases[i].expected))
            test_stop(__FILE__, __LINE__, "%s: %s", cases[i].more, e.message);
        folder_remove(folder);
    }
}

static void absent_keys_that_change_no_shape(void **state)
{
    (void)state;
    char *folder = original(inside, "llava", VISION_CONFIG);
    static const char *const keys[] = {"mm_vision_select_layer", "mm_vision_select_feature", "image_aspect_ratio",
                                       "mm_use_im_start_end", "mm_resampler_type"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        tiny_set(folder, "config.json", keys[i], NULL);
    model *m = open_with(folder, NULL);
    const vision_config *v = vision_settings(m->vision);
    assert_true(v->norm_eps == 1e-5f && v->act == ACTIVATION_QUICK_GELU && v->feature_layer == -2 && v->skipped_rows == 1);
    assert_true(v->projector_act == ACTIVATION_GELU && v->projector_bias && !m->processor.pad_to_square);
    model_free(m);
    tiny_set(folder, "config.json", "mm_projector_type", NULL); /* LLaVA's code: one layer */
    assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, "model.mm_projector.weight is missing");
    folder_remove(folder);
}

static void a_bunny(void **state)
{
    (void)state;
    char *folder = tiny_copy(BUNNY);
    static const char *const keys[] = {"hidden_act", "layer_norm_eps", "model_type"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char key[64];
        snprintf(key, sizeof key, "vision_config.%s", keys[i]);
        tiny_set(folder, "config.json", key, NULL);
    }
    tiny_set(folder, "config.json", "mm_projector_type", NULL);
    model *m = open_with(folder, NULL);
    const vision_config *v = vision_settings(m->vision);
    assert_string_equal(m->family, "bunny-phi");
    assert_null(m->layout);
    assert_string_equal(m->template_name, "bunny");
    assert_string_equal(v->tower, "siglip");
    assert_true(v->norm_eps == 1e-6f && v->act == ACTIVATION_GELU_TANH && v->feature_layer == -2 && v->skipped_rows == 0);
    assert_int_equal(vision_rows(m->vision), 9);
    assert_int_equal(m->image_token, -200);
    assert_true(m->processor.pad_to_square);
    model_free(m);
    char *processor = path_join(folder, "preprocessor_config.json");
    assert_int_equal(unlink(processor), 0); /* SigLIP's defaults, at the size that the tower takes */
    m = open_with(folder, NULL);
    assert_true(m->processor.pad_to_square && !m->processor.crop && m->processor.width == 13 && m->processor.height == 13);
    assert_true(m->processor.mean[0] == 0.5 && m->processor.filter == IMAGE_BICUBIC);
    model_free(m);
    free(processor);
    folder_remove(folder);
}

static void without_the_unused(const char *name, buffer *out)
{
    bool unused = strstr(name, "encoder.layers.2.") || strstr(name, "post_layernorm") || strstr(name, ".head.");
    buffer_printf(out, "%s%s", unused ? "spare." : "", name);
}

static void a_bunny_without_what_it_does_not_use(void **state)
{
    (void)state;
    char *folder = tiny_copy(BUNNY);
    tiny_rename(folder, without_the_unused);
    model *whole = tiny_open(BUNNY), *m = open_with(folder, NULL);
    float *expected = rows_of(whole), *found = rows_of(m);
    assert_same_bits(expected, found, 9 * 32, "picture rows");
    free(expected), free(found);
    model_free(whole);
    model_free(m);
    folder_remove(folder);
}

static void features_of_the_original_layout(void **state)
{
    (void)state;
    static const char *const layers[] = {"-1", "-2", "0", "2"};
    for (size_t i = 0; i < 8; i++) {
        char *a = original(inside, "llava", VISION_CONFIG), *b = tiny_copy(LLAVA);
        tiny_set(a, "config.json", "mm_vision_select_layer", layers[i / 2]);
        tiny_set(b, "config.json", "vision_feature_layer", layers[i / 2]);
        tiny_set(a, "config.json", "mm_vision_select_feature", i % 2 ? "\"cls_patch\"" : "\"patch\"");
        tiny_set(b, "config.json", "vision_feature_select_strategy", i % 2 ? "\"full\"" : "\"default\"");
        model *m = open_with(a, NULL), *hf = open_with(b, NULL);
        size_t n = vision_rows(hf->vision);
        assert_int_equal(vision_rows(m->vision), n);
        float *expected = rows_of(hf), *found = rows_of(m);
        assert_same_bits(expected, found, n * 32, layers[i / 2]);
        free(expected), free(found);
        model_free(m);
        model_free(hf);
        folder_remove(a);
        folder_remove(b);
    }
}

/* ---- what is refused ---- */

static void what_is_refused_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *expected;
        pb_status code;
    } cases[] = {
        {"image_aspect_ratio", "\"anyres\"", "\"image_aspect_ratio\" is \"anyres\"", PB_EUNSUPPORTED},
        {"mm_projector_type", "\"mlp3x_gelu\"", "\"mm_projector_type\" is \"mlp3x_gelu\"", PB_EUNSUPPORTED},
        {"mm_projector_type", "\"linear\"", "model.mm_projector.weight is missing", PB_EFORMAT},
        {"mm_vision_select_feature", "\"all\"", "\"mm_vision_select_feature\" is \"all\"", PB_EUNSUPPORTED},
        {"mm_vision_select_layer", "[-2, -5]", "\"mm_vision_select_layer\" is a list", PB_EUNSUPPORTED},
        {"mm_vision_select_layer", "-5", "\"mm_vision_select_layer\" is -5", PB_EFORMAT},
        {"mm_vision_select_layer", "\"-2\"", "\"mm_vision_select_layer\" is a string", PB_EFORMAT},
        {"mm_use_im_start_end", "true", "\"mm_use_im_start_end\" is true", PB_EUNSUPPORTED},
        {"s2", "true", "\"s2\" is true", PB_EUNSUPPORTED},
        {"mm_resampler_type", "\"perceiver\"", "\"perceiver\"", PB_EUNSUPPORTED},
        {"mm_vision_tower", "7", "\"mm_vision_tower\"", PB_EFORMAT},
        {"vision_config.model_type", "\"dinov2\"", "of type \"dinov2\"", PB_EUNSUPPORTED},
        {"vision_config.num_channels", "1", "\"num_channels\" is 1", PB_EUNSUPPORTED},
        {"vision_config.num_attention_heads", "3", "no multiple of 3", PB_EFORMAT},
        {"vision_config.patch_size", "16", "patch_size 16", PB_EFORMAT},
        {"model_type", "\"bunny-stablelm\"", "\"bunny-phi\"", PB_EUNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = original(inside, "llava", VISION_CONFIG);
        model *m;
        tiny_set(folder, "config.json", cases[i].key, cases[i].value);
        assert_fails(model_open(&m, &(model_source){.path = folder}, err), cases[i].code, cases[i].expected);
        assert_null(m);
        folder_remove(folder);
    }
}

static void a_model_with_its_own_tower_takes_no_other(void **state)
{
    (void)state;
    model *m;
    assert_fails(model_open(&m, &(model_source){.path = LLAVA, .vision_tower = LLAVA}, err), PB_EINVAL, "takes no vision tower");
    assert_fails(model_open(&m, &(model_source){.path = LLAMA, .vision_tower = LLAVA}, err), PB_EINVAL, "takes no vision tower");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tower_inside),
        cmocka_unit_test(a_tower_apart),
        cmocka_unit_test(the_config_may_name_its_folder),
        cmocka_unit_test(a_tower_has_its_processor_beside_it),
        cmocka_unit_test(absent_sizes_are_the_class_s_or_the_name_s),
        cmocka_unit_test(absent_keys_that_change_no_shape),
        cmocka_unit_test(a_bunny),
        cmocka_unit_test(a_bunny_without_what_it_does_not_use),
        cmocka_unit_test(features_of_the_original_layout),
        cmocka_unit_test(what_is_refused_is_named),
        cmocka_unit_test(a_model_with_its_own_tower_takes_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
