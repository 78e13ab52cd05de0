/* test_lora.c: adapters as peft saves them, applied to folders and GGUF files, against what HF computes with them; and
 * those that are refused, each by a word about what it is. */
#include "tests/model/changed.h"

#include "checkpoint/safetensors_write.h"

static const struct pair {
    const char *model, *adapter;
} pairs[] = {
    {LLAVA, CHANGE("llava")},
    {LLAMA, CHANGE("llama")},
    {QWEN2, CHANGE("qwen2")},
    {PHI, CHANGE("phi")},
    {GOLDEN("data/model/gguf/llava.gguf"), CHANGE("llava")}, /* q and k rows in another order */
    {GOLDEN("data/model/gguf/llama.gguf"), CHANGE("llama")},
    {GOLDEN("data/model/gguf/qwen2.gguf"), CHANGE("qwen2")},
    {GOLDEN("data/model/gguf/phi.gguf"), CHANGE("phi")},
};

static void adapters_compute_as_peft_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        model *m;
        json_t *golden = read_golden(pairs[i].adapter);
        assert_ok(open_changed(&m, pairs[i].model, pairs[i].adapter, NULL, err));
        assert_logits(m, golden, golden, "lora");
        assert_int_equal(m->change_count, 1);
        assert_string_equal(m->changes[0].kind, "lora");
        assert_string_equal(m->changes[0].file, pairs[i].adapter);
        assert_int_equal(m->changes[0].terms, decoder_term_count(&m->decoder));
        model_free(m);
        json_decref(golden);
    }
}

/* ---- the same adapter under other names ---- */

static const char *stem;

static void rename_to_stem(const char *name, buffer *out)
{
    const char *end = strstr(name, "layers.");
    buffer_printf(out, "%s%s", end ? stem : "", end ? end : name);
}

/* Changes the names in an adapter's file; tiny_rename does it to a model's. */
static void rename_tensors(const char *folder, void (*change)(const char *name, buffer *out))
{
    char *adapter = path_join(folder, "adapter_model.safetensors"), *as_model = path_join(folder, "model.safetensors");
    assert_int_equal(symlink(adapter, as_model), 0);
    tiny_rename(folder, change);
    assert_int_equal(rename(as_model, adapter), 0);
    free(adapter), free(as_model);
}

/* Of other versions, of other wrappers, of none: what counts is the end of the name. */
static void modules_are_found_by_the_end_of_their_names(void **state)
{
    (void)state;
    static const char *const stems[] = {"base_model.model.language_model.model.", "base_model.model.model.", "model.",
                                        "", "base_model.model.model.language_model."};
    json_t *golden = read_golden(CHANGE("llava"));
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        model *m;
        char *folder = tiny_copy(CHANGE("llava"));
        stem = stems[i];
        rename_tensors(folder, rename_to_stem);
        assert_ok(open_changed(&m, LLAVA, folder, NULL, err));
        assert_logits(m, golden, golden, "lora");
        model_free(m);
        folder_remove(folder);
    }
    json_decref(golden);
}

/* ---- what is refused ---- */

static void assert_refused(const char *path, const char *lora, pb_status code, const char *words)
{
    model *m;
    assert_fails(open_changed(&m, path, lora, NULL, err), code, words);
    assert_null(m);
}

static void configs_that_say_something_else_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        pb_status code;
        const char *words;
    } bad[] = {
        {"peft_type", "\"IA3\"", PB_EUNSUPPORTED, "\"peft_type\" is \"IA3\", expected \"LORA\""},
        {"peft_type", NULL, PB_EFORMAT, "\"peft_type\" is missing"},
        {"peft_type", "3", PB_EFORMAT, "\"peft_type\" is a number"},
        {"bias", "\"all\"", PB_EUNSUPPORTED, "\"bias\" is \"all\", expected \"none\""},
        {"use_dora", "true", PB_EUNSUPPORTED, "\"use_dora\" is set"},
        {"use_tomorrows", "true", PB_EUNSUPPORTED, "\"use_tomorrows\" is set"},
        {"fan_in_fan_out", "true", PB_EUNSUPPORTED, "\"fan_in_fan_out\" is set"},
        {"modules_to_save", "[\"lm_head\"]", PB_EUNSUPPORTED, "\"modules_to_save\" is set"},
        {"alora_invocation_tokens", "[1]", PB_EUNSUPPORTED, "\"alora_invocation_tokens\" is set"},
        {"layer_replication", "[[0, 2]]", PB_EUNSUPPORTED, "\"layer_replication\" is set"},
        {"kasa_config", "{\"beta\": 1}", PB_EUNSUPPORTED, "\"kasa_config\" is set"},
        {"init_lora_weights", "\"pissa_niter_4\"", PB_EUNSUPPORTED, "\"init_lora_weights\" is \"pissa_niter_4\""},
        {"r", "0", PB_EFORMAT, "the rank of model.language_model.layers.0.mlp.down_proj is 0"},
        {"r", "3", PB_EFORMAT, "lora_A.weight has the shape [2, 48], expected [3, 48]"},
        {"r", "\"2\"", PB_EFORMAT, "\"r\" is a string"},
        {"lora_alpha", "1e300", PB_EFORMAT, "\"lora_alpha\" is 1e+300"},
        {"rank_pattern", "[2]", PB_EFORMAT, "\"rank_pattern\" is an array, expected an object"},
        {"rank_pattern", "{\"q_proj\": \"4\"}", PB_EFORMAT,
         "\"rank_pattern\": \"q_proj\" is a string, expected a number"},
        {"rank_pattern", "{\"q_proj\": 1.5}", PB_EFORMAT, "q_proj is 1.5, expected a whole number"},
        {"alpha_pattern", "{\".*q_proj\": 4}", PB_EUNSUPPORTED,
         "\"alpha_pattern\" has the regular expression \".*q_proj\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *folder = tiny_copy(CHANGE("llava"));
        tiny_set(folder, "adapter_config.json", bad[i].key, bad[i].value);
        assert_refused(LLAVA, folder, bad[i].code, bad[i].words);
        folder_remove(folder);
    }
}

/* What is said but changes nothing. */
static void configs_that_say_how_it_was_trained_are_fine(void **state)
{
    (void)state;
    static const char *const harmless[][2] = {
        {"init_lora_weights", "\"gaussian\""},
        {"init_lora_weights", "false"},
        {"lora_dropout", "0.1"},
        {"modules_to_save", "[]"},
        {"use_dora", "false"},
        {"kasa_config", "null"},
        {"rank_pattern", "{\"v_proj\": 64}"},
        {"rank_pattern", "{\"^layers.0.self_attn.q_proj\": 64}"},
        {"rank_pattern", "{\"oj\": 64}"},
        {"unheard_of", "17"},
    };
    json_t *golden = read_golden(CHANGE("llava"));
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        model *m;
        char *folder = tiny_copy(CHANGE("llava"));
        tiny_set(folder, "adapter_config.json", harmless[i][0], harmless[i][1]);
        assert_ok(open_changed(&m, LLAVA, folder, NULL, err));
        assert_logits(m, golden, golden, "lora");
        model_free(m);
        folder_remove(folder);
    }
    json_decref(golden);
}

static void adapters_of_other_models_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *adapter;
        pb_status code;
        const char *words;
    } bad[] = {
        {LLAMA, CHANGE("qwen2"), PB_EFORMAT,
         "layers.0.mlp.up_proj.lora_B.weight has the shape [36, 4], expected [40, 4]"},
        {LLAMA, CHANGE("llava"), PB_EFORMAT,
         "layers.0.mlp.down_proj.lora_A.weight has the shape [2, 48], expected [2, 40]"},
        {PHI, CHANGE("llava"), PB_EINVAL,
         "changes model.language_model.layers.0.mlp.down_proj, which is no matrix of this decoder "
         "(phi); a layer has self_attn.q_proj, "},
        {LLAMA, CHANGE("phi"), PB_EUNSUPPORTED, "lm_head.base_layer.bias is none of a plain LoRA"},
        {LLAMA, CHANGE("nowhere"), PB_EIO, "change/nowhere/adapter_config.json: cannot be opened"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i].model, bad[i].adapter, bad[i].code, bad[i].words);
}

/* ---- made-up tensors, beside llava's config: d_model 32, d_ff 48, 4 layers ---- */

typedef struct made {
    const char *name;
    size_t rows, columns;
    float value;
} made;

static void write_tensors(const char *folder, const made *tensors, size_t count)
{
    safetensors_writer w;
    safetensors_entry entries[8];
    char *path = path_join(folder, "adapter_model.safetensors");
    for (size_t i = 0; i < count; i++)
        entries[i] = (safetensors_entry){tensors[i].name, "F32", 2, {tensors[i].rows, tensors[i].columns}};
    assert_ok(safetensors_open_writer(&w, path, entries, count, err));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < tensors[i].rows * tensors[i].columns; k++)
            safetensors_write(&w, &tensors[i].value, sizeof(float));
    assert_ok(safetensors_commit(&w, err));
    free(path);
}

#define UP "base_model.model.model.layers.1.mlp.up_proj.lora_"

static void tensors_that_do_not_belong_are_refused(void **state)
{
    (void)state;
    static const struct {
        made tensors[4];
        pb_status code;
        const char *words;
    } bad[] = {
        {{{NULL, 0, 0, 0}}, PB_EFORMAT, "the adapter holds no tensors"},
        {{{UP "A.weight", 2, 32, 1}}, PB_EFORMAT, "tensor " UP "B.weight is missing"},
        {{{UP "B.weight", 48, 2, 1}}, PB_EFORMAT, "tensor " UP "A.weight is missing, which belongs to " UP "B.weight"},
        {{{UP "A.weight", 2, 32, INFINITY}, {UP "B.weight", 48, 2, 1}},
         PB_EFORMAT,
         UP "A.weight holds inf at element 0"},
        {{{UP "A.weight", 2, 32, 1}, {UP "B.weight", 48, 2, NAN}}, PB_EFORMAT, UP "B.weight holds nan at element 0"},
        {{{UP "A.weight", 2, 32, 1}, {UP "B.weight", 48, 2, 1}, {UP "magnitude_vector", 1, 48, 1}},
         PB_EUNSUPPORTED,
         UP "magnitude_vector is none of a plain LoRA"},
        {{{UP "A.weight", 2, 32, 1}, {UP "B.weight", 2, 48, 1}}, PB_EFORMAT, "has the shape [2, 48], expected [48, 2]"},
        {{{"a.layers.1.mlp.up_proj.lora_A.weight", 2, 32, 1},
          {"a.layers.1.mlp.up_proj.lora_B.weight", 48, 2, 1},
          {"b.layers.1.mlp.up_proj.lora_A.weight", 2, 32, 1},
          {"b.layers.1.mlp.up_proj.lora_B.weight", 48, 2, 1}},
         PB_EFORMAT,
         "layers.1.mlp.up_proj.weight, which another tensor changes too"},
        {{{"model.layers.4.mlp.up_proj.lora_A.weight", 2, 32, 1}},
         PB_EINVAL,
         "is of layer 4, the decoder has 4 layers"},
        {{{"model.layers.01.mlp.up_proj.lora_A.weight", 2, 32, 1}}, PB_EINVAL, "is no matrix of this decoder (llava)"},
        {{{"transformer.h.0.mlp.lora_A.weight", 2, 32, 1}},
         PB_EINVAL,
         "changes transformer.h.0.mlp, which is no matrix"},
        {{{"base_model.model.vision_tower.encoder.layers.1.mlp.up_proj.lora_A.weight", 2, 32, 1}},
         PB_EUNSUPPORTED,
         "changes the vision side"},
        {{{"base_model.model.multi_modal_projector.linear_1.lora_A.weight", 2, 32, 1}},
         PB_EUNSUPPORTED,
         "changes the vision side"},
        {{{"base_model.model.lm_head.base_layer.weight", 571, 32, 1}},
         PB_EUNSUPPORTED,
         "is not what the model has as "},
        {{{"base_model.model.model.embed_tokens.weight", 570, 32, 1}},
         PB_EUNSUPPORTED,
         "is not what the model has as "},
        {{{".lora_A.weight", 2, 32, 1}}, PB_EINVAL, "is no matrix of this decoder"},
        {{{"lora_A.weight", 2, 32, 1}}, PB_EUNSUPPORTED, "is none of a plain LoRA"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t count = 0;
        char *folder = tiny_copy(CHANGE("llava"));
        while (count < 4 && bad[i].tensors[count].name)
            count++;
        write_tensors(folder, bad[i].tensors, count);
        assert_refused(LLAVA, folder, bad[i].code, bad[i].words);
        folder_remove(folder);
    }
}

/* The head alone can be changed where it has weights of its own. */
static void a_tied_head_is_refused(void **state)
{
    (void)state;
    static const made pair[] = {{"base_model.model.lm_head.lora_A.weight", 2, 24, 1},
                                {"base_model.model.lm_head.lora_B.weight", 421, 2, 1}};
    char *folder = tiny_copy(CHANGE("llava"));
    write_tensors(folder, pair, 2);
    assert_refused(LLAMA, folder, PB_EUNSUPPORTED,
                   "changes the head alone, which in this model is tied to the embedding");
    folder_remove(folder);
}

static void weights_beside_an_adapter_are_refused(void **state)
{
    (void)state;
    char *folder = tiny_copy(CHANGE("llava"));
    tiny_write(folder, "non_lora_trainables.bin", "x", 1);
    assert_refused(LLAVA, folder, PB_EUNSUPPORTED, "non_lora_trainables.bin: holds weights that belong to the adapter");
    folder_remove(folder);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    char *folder = tiny_copy(CHANGE("llava"));
    tiny_write(folder, "adapter_model.safetensors", "PKx", 3);
    assert_refused(LLAVA, folder, PB_EFORMAT, "adapter_model.safetensors: has no zip directory at its end");
    tiny_write(folder, "adapter_model.safetensors", "x", 1);
    assert_refused(LLAVA, folder, PB_EFORMAT, "a safetensors file has at least 8");
    tiny_write(folder, "adapter_config.json", "[]", 2);
    assert_refused(LLAVA, folder, PB_EFORMAT, "adapter_config.json: holds an array");
    folder_remove(folder);
    folder = folder_new();
    tiny_write(folder, "adapter_config.json", "{\"peft_type\": \"LORA\"}", 21);
    assert_refused(LLAVA, folder, PB_EIO, "adapter_model.safetensors: cannot be opened");
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_compute_as_peft_does),
        cmocka_unit_test(modules_are_found_by_the_end_of_their_names),
        cmocka_unit_test(configs_that_say_something_else_are_refused),
        cmocka_unit_test(configs_that_say_how_it_was_trained_are_fine),
        cmocka_unit_test(adapters_of_other_models_are_refused),
        cmocka_unit_test(tensors_that_do_not_belong_are_refused),
        cmocka_unit_test(a_tied_head_is_refused),
        cmocka_unit_test(weights_beside_an_adapter_are_refused),
        cmocka_unit_test(damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
