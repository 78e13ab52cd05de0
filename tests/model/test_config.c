/* test_config.c: what a config that leaves keys out means, what is refused, under which names tensors are found. */
#include "tests/model/tiny.h"

/* ---- keys left out: HF's defaults for the class. Sizes that do not fit the weights are told with both shapes. ---- */

static void absent_sizes_are_those_of_the_config_class(void **state)
{
    (void)state;
    static const struct {
        const char *source, *key, *expected;
    } cases[] = {
        {LLAVA, "text_config.hidden_size", "4096"},
        {LLAVA, "text_config.intermediate_size", "11008"},
        {LLAVA, "text_config.vocab_size", "32000"},
        {LLAVA, "text_config.num_hidden_layers", "layers.4."},  /* 32, of which the file has four */
        {LLAVA, "text_config.num_key_value_heads", "[32, 32]"}, /* as many as heads: k is [32, 32] */
        {QWEN2, "hidden_size", "4096"},
        {QWEN2, "intermediate_size", "22016"},
        {QWEN2, "vocab_size", "151936"},
        {QWEN2, "num_hidden_layers", "layers.3."},
        {QWEN2, "num_key_value_heads", "4 attention heads are no multiple of 32"},
        {PHI, "hidden_size", "head_dim 1024"}, /* 2048 / 2 */
        {PHI, "intermediate_size", "8192"},
        {PHI, "vocab_size", "51200"},
        {PHI, "num_hidden_layers", "layers.4."},
        {PHI, "num_attention_heads", "head_dim is 1"}, /* 32 / 32 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = tiny_copy(cases[i].source);
        model *m;
        tiny_set(folder, "config.json", cases[i].key, NULL);
        assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, cases[i].expected);
        assert_null(m);
        folder_remove(folder);
    }
}

static void absent_keys_that_change_no_shape(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAVA);
    static const char *const keys[] = {"text_config.rms_norm_eps", "text_config.hidden_act", "text_config.rope_parameters",
                                       "text_config.head_dim", "text_config.attention_bias", "text_config.model_type",
                                       "vision_config.layer_norm_eps", "vision_config.hidden_act", "vision_config.model_type",
                                       "vision_feature_layer", "vision_feature_select_strategy", "projector_hidden_act",
                                       "multimodal_projector_bias", "image_token_index",
                                       "text_config.max_position_embeddings"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        tiny_set(folder, "config.json", keys[i], NULL);
    model *m = tiny_open(folder);
    const decoder_config *c = &m->decoder.config;
    const vision_config *v = vision_settings(m->vision);
    assert_true(c->norm_eps == 1e-6f && c->act == ACTIVATION_SILU && c->head_dim == 8 && c->max_positions == 2048);
    assert_true(c->rope_frequency[0] == 1 && c->rope_frequency[1] < 0.11f && c->rope_frequency[1] > 0.09f);
    assert_null(m->decoder.layers[0].part[PART_Q_BIAS]);
    assert_null(m->decoder.layers[0].part[PART_DOWN_BIAS]);
    assert_true(v->norm_eps == 1e-5f && v->act == ACTIVATION_QUICK_GELU && v->feature_layer == -2 && v->skipped_rows == 1);
    assert_true(v->projector_act == ACTIVATION_GELU && v->projector_bias);
    assert_int_equal(m->image_token, 32000);
    model_free(m);
    folder_remove(folder);
}

static void absent_keys_of_phi_and_qwen2_that_change_no_shape(void **state)
{
    (void)state;
    static const char *const keys[] = {"layer_norm_eps", "rms_norm_eps", "hidden_act", "rope_parameters", "layer_types",
                                       "max_position_embeddings", "use_sliding_window", "qk_layernorm"};
    char *phi = tiny_copy(PHI), *qwen2 = tiny_copy(QWEN2);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tiny_set(phi, "config.json", keys[i], NULL);
        tiny_set(qwen2, "config.json", keys[i], NULL);
    }
    tiny_set(phi, "config.json", "num_key_value_heads", NULL);
    model *p = tiny_open(phi), *q = tiny_open(qwen2);
    const decoder_config *c = &p->decoder.config;
    assert_true(c->norm == NORM_LAYER && c->norm_eps == 1e-5f && c->act == ACTIVATION_GELU_TANH && c->parallel && !c->gated);
    assert_true(c->rotary_dim == c->head_dim / 2 && c->kv_heads == c->heads && c->max_positions == 2048);
    c = &q->decoder.config;
    assert_true(c->norm == NORM_RMS && c->norm_eps == 1e-6f && c->act == ACTIVATION_SILU && !c->parallel && c->gated);
    assert_true(c->rotary_dim == c->head_dim && c->kv_heads == 2 && c->max_positions == 32768);
    assert_non_null(q->decoder.layers[0].part[PART_Q_BIAS]);
    assert_null(q->decoder.layers[0].part[PART_O_BIAS]);
    model_free(p);
    model_free(q);
    folder_remove(phi);
    folder_remove(qwen2);
}

/* In Qwen2's config class, too, where an absent key means 32. */
static void null_key_heads_are_as_many_as_heads(void **state)
{
    (void)state;
    char *folder = tiny_copy(QWEN2);
    model *m;
    tiny_set(folder, "config.json", "num_key_value_heads", "null");
    assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, "[24, 24]");
    folder_remove(folder);
}

static void what_a_decoder_cannot_do_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *source, *key, *value;
        pb_status code;
    } cases[] = {
        {QWEN2, "use_sliding_window", "true", PB_EUNSUPPORTED},
        {QWEN2, "use_sliding_window", "1", PB_EFORMAT},
        {QWEN2, "layer_types", "[\"full_attention\", \"sliding_attention\", \"full_attention\"]", PB_EUNSUPPORTED},
        {QWEN2, "layer_types", "[7]", PB_EUNSUPPORTED},
        {PHI, "qk_layernorm", "true", PB_EUNSUPPORTED},
        {PHI, "hidden_act", "\"relu6\"", PB_EUNSUPPORTED},
        {PHI, "rope_parameters", "{\"partial_rotary_factor\": 0.2}", PB_EFORMAT}, /* 3 of 16 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = tiny_copy(cases[i].source);
        model *m;
        tiny_set(folder, "config.json", cases[i].key, cases[i].value);
        assert_fails(model_open(&m, &(model_source){.path = folder}, err), cases[i].code,
                     i == 6 ? "partial_rotary_factor" : cases[i].key);
        folder_remove(folder);
    }
}

static void absent_keys_of_the_tower_are_clips(void **state)
{
    (void)state;
    static const struct {
        const char *key, *expected;
    } cases[] = {
        {"vision_config.hidden_size", "768"},
        {"vision_config.intermediate_size", "3072"},
        {"vision_config.image_size", "[1937, 20]"},        /* 224 / 5: 44 x 44 patches and the class row */
        {"vision_config.patch_size", "does"},              /* 32, larger than this picture */
        {"vision_config", "1024"},                         /* none at all: CLIP-L/14-336 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = tiny_copy(LLAVA);
        model *m;
        tiny_set(folder, "config.json", cases[i].key, NULL);
        pb_error e;
        assert_true(model_open(&m, &(model_source){.path = folder}, &e) != PB_OK);
        if (!strstr(e.message, cases[i].expected) && i != 3)
            test_stop(__FILE__, __LINE__, "%s: %s", cases[i].key, e.message);
        folder_remove(folder);
    }
}

static void null_is_as_good_as_absent(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAVA);
    static const char *const keys[] = {"text_config.rms_norm_eps", "text_config.rope_parameters", "text_config.head_dim",
                                       "vision_feature_layer", "quantization_config"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        tiny_set(folder, "config.json", keys[i], "null");
    model_free(tiny_open(folder));
    folder_remove(folder);
}

static void both_generations_of_rotary_settings_mean_the_same(void **state)
{
    (void)state;
    char *old = tiny_copy(LLAMA);
    tiny_set(old, "config.json", "rope_parameters", NULL);
    tiny_set(old, "config.json", "rope_theta", "10000.0");
    tiny_set(old, "config.json", "rope_scaling",
             "{\"type\":\"llama3\",\"factor\":4.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
             "\"original_max_position_embeddings\":32}");
    model *a = tiny_open(old), *b = tiny_open(LLAMA);
    assert_memory_equal(a->decoder.config.rope_frequency, b->decoder.config.rope_frequency, 6 * sizeof(float));
    model_free(a);
    model_free(b);
    folder_remove(old);
}

static void heads_must_divide(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAVA);
    model *m;
    tiny_set(folder, "config.json", "text_config.num_key_value_heads", "3");
    assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, "no multiple of 3");
    folder_remove(folder);
}

static void what_ends_an_answer(void **state)
{
    (void)state;
    static const struct {
        const char *file, *key, *value;
        size_t count;
    } cases[] = {
        {"generation_config.json", "eos_token_id", "[1, 5, 9]", 3}, {"generation_config.json", "eos_token_id", "7", 1},
        {"generation_config.json", "eos_token_id", NULL, 1}, /* text_config's 2 */
        {"generation_config.json", "eos_token_id", "[]", 1}, {"generation_config.json", "eos_token_id", "\"</s>\"", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *folder = tiny_copy(LLAVA);
        tiny_set(folder, cases[i].file, cases[i].key, cases[i].value);
        model *m = tiny_open(folder);
        assert_int_equal(m->eos_count, cases[i].count);
        model_free(m);
        folder_remove(folder);
    }
}

static void the_folder_chooses_its_template(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAVA);
    model *m = tiny_open(folder);
    assert_string_equal(m->template_name, "llava");
    model_free(m);
    tiny_write(folder, "patchbay.json", "{\"template\":\"flags\"}", 20);
    m = tiny_open(folder);
    assert_string_equal(m->template_name, "flags");
    model_free(m);
    folder_remove(folder);
}

/* ---- names ---- */

/* What a tensor of transformers 5 was called before: the pairs are prefixes, newer and older, the first that fits. */
static const char *const (*name_pairs)[2];

static void rename_by_pairs(const char *name, buffer *out)
{
    for (size_t i = 0; name_pairs[i][0]; i++) {
        size_t n = strlen(name_pairs[i][0]);
        if (strncmp(name, name_pairs[i][0], n) == 0) {
            buffer_printf(out, "%s%s", name_pairs[i][1], name + n);
            return;
        }
    }
    buffer_text(out, name);
}

static void every_generation_of_names_is_found(void **state)
{
    (void)state;
    static const char *const oldest[][2] = {{"vision_tower.", "vision_tower.vision_model."},
                                            {"lm_head.", "language_model.lm_head."}, {NULL, NULL}};
    static const char *const middle[][2] = {{"vision_tower.", "model.vision_tower.vision_model."},
                                            {"language_model.lm_head.", "lm_head."},
                                            {"language_model.model.", "model.language_model."},
                                            {"multi_modal_projector.", "model.multi_modal_projector."},
                                            {NULL, NULL}};
    static const char *const newest[][2] = {{"vision_tower.", "model.vision_tower."},
                                            {"language_model.lm_head.", "lm_head."},
                                            {"language_model.model.", "model.language_model."},
                                            {"multi_modal_projector.", "model.multi_modal_projector."},
                                            {NULL, NULL}};
    static const char *const (*const generations[])[2] = {oldest, middle, newest};
    model *original = tiny_open(LLAVA);
    float first[32], other[32];
    int32_t id = 77;
    assert_ok(decoder_embed(&original->decoder, &id, 1, first, err));
    for (size_t g = 0; g < 3; g++) {
        char *folder = tiny_copy(LLAVA);
        name_pairs = generations[g];
        tiny_rename(folder, rename_by_pairs);
        model *m = tiny_open(folder);
        assert_ok(decoder_embed(&m->decoder, &id, 1, other, err));
        assert_memory_equal(first, other, sizeof first);
        assert_ptr_not_equal(m->decoder.head, m->decoder.embedding);
        model_free(m);
        folder_remove(folder);
    }
    model_free(original);
}

static void without_a_head(const char *name, buffer *out)
{
    buffer_printf(out, "%s%s", strstr(name, "lm_head") ? "spare." : "", name);
}

static void a_head_that_is_not_there_is_the_embedding(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAVA);
    tiny_rename(folder, without_a_head);
    model *m = tiny_open(folder);
    assert_ptr_equal(m->decoder.head, m->decoder.embedding);
    model_free(m);
    folder_remove(folder);
    m = tiny_open(LLAMA);
    assert_ptr_equal(m->decoder.head, m->decoder.embedding);
    model_free(m);
}

static void without_a_head_matrix(const char *name, buffer *out)
{
    buffer_text(out, strcmp(name, "lm_head.weight") == 0 ? "spare" : name);
}

/* A tied Phi still has its head's bias; Bunny's has none. */
static void a_heads_bias_stands_by_itself(void **state)
{
    (void)state;
    char *tied = tiny_copy(PHI), *neither = tiny_copy(PHI);
    tiny_rename(tied, without_a_head_matrix);
    model *m = tiny_open(tied);
    assert_ptr_equal(m->decoder.head, m->decoder.embedding);
    assert_non_null(m->decoder.end[END_HEAD_BIAS]);
    model_free(m);
    tiny_rename(neither, without_a_head);
    m = tiny_open(neither);
    assert_ptr_equal(m->decoder.head, m->decoder.embedding);
    assert_null(m->decoder.end[END_HEAD_BIAS]);
    model_free(m);
    folder_remove(tied);
    folder_remove(neither);
}

static void without_a_norm(const char *name, buffer *out)
{
    buffer_text(out, strstr(name, "layers.1.input_layernorm") && !strstr(name, "vision") ? "spare" : name);
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    char *folder = tiny_copy(LLAMA);
    model *m;
    tiny_rename(folder, without_a_norm);
    assert_fails(model_open(&m, &(model_source){.path = folder}, err), PB_EFORMAT, "model.layers.1.input_layernorm.weight");
    assert_null(m);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_sizes_are_those_of_the_config_class),
        cmocka_unit_test(absent_keys_that_change_no_shape),
        cmocka_unit_test(absent_keys_of_phi_and_qwen2_that_change_no_shape),
        cmocka_unit_test(null_key_heads_are_as_many_as_heads),
        cmocka_unit_test(what_a_decoder_cannot_do_is_refused_by_name),
        cmocka_unit_test(absent_keys_of_the_tower_are_clips),
        cmocka_unit_test(null_is_as_good_as_absent),
        cmocka_unit_test(both_generations_of_rotary_settings_mean_the_same),
        cmocka_unit_test(heads_must_divide),
        cmocka_unit_test(what_ends_an_answer),
        cmocka_unit_test(the_folder_chooses_its_template),
        cmocka_unit_test(every_generation_of_names_is_found),
        cmocka_unit_test(a_head_that_is_not_there_is_the_embedding),
        cmocka_unit_test(a_heads_bias_stands_by_itself),
        cmocka_unit_test(a_missing_tensor_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
