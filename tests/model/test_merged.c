/* test_merged.c: changed models saved as checkpoints and as adapters, and opened again: what is changed is what the
 * decoder computed with, rounded to the file's dtype; all else is the model's own, byte for byte; and a failure leaves
 * nothing. */
#include "tests/model/changed.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "checkpoint/safetensors_write.h"
#include "model/lora.h"
#include "model/merged.h"

static char *folder; /* of the test that runs */
static char *out;    /* FOLDER/new/out, which is not there */

static int make_folder(void **state)
{
    (void)state;
    folder = folder_new();
    out = path_join(folder, "new/out");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    free(out);
    folder_remove(folder);
    return 0;
}

static void assert_nothing_left(void)
{
    if (!dir_is_empty(folder))
        test_stop(__FILE__, __LINE__, "%s: something is left", folder);
}

static model *changed(const char *path, const char *lora, const char *edited)
{
    model *m;
    assert_ok(open_changed(&m, path, lora, edited, err));
    return m;
}

/* ---- what was saved ---- */

/* The tensor of the same name in the model and in the copy is the same, byte for byte; or, where it is changed, what
 * the decoder has, within half of the last place. A tied head may stand in the file under its own name. */
static void assert_saved(const model *m, const tensor *t, const tensor *saved)
{
    if (t->data == m->decoder.embedding->data)
        t = m->decoder.embedding;
    size_t rows = t->shape[0] ? t->shape[0] : 1;
    assert_string_equal(saved->type_name, t->type_name);
    assert_true(saved->rank == t->rank && memcmp(saved->shape, t->shape, sizeof t->shape) == 0);
    if (!decoder_changed(&m->decoder, t)) {
        size_t width = safetensors_bits(t->type_name) / 8;
        unsigned char *a = mem_new(t->count, width), *b = mem_new(t->count, width);
        tensor_copy(t, width, 0, t->count, a);
        tensor_copy(saved, width, 0, t->count, b);
        assert_memory_equal(a, b, t->count * width);
        free(a), free(b);
        return;
    }
    float *expected = zeros(t->count), *found = zeros(t->count);
    double half = t->type == DTYPE_F32 ? 0 : t->type == DTYPE_F16 ? 0x1p-11 : 0x1p-8;
    assert_ok(decoder_read_rows(&m->decoder, t, 0, rows, expected, err));
    assert_true(tensor_read(saved, 0, t->count, found));
    for (size_t i = 0; i < t->count; i++)
        assert_close((double)found[i], (double)expected[i], half * fabs((double)expected[i]) + (half ? 0x1p-25 : 0),
                     t->name, i);
    free(expected), free(found);
}

static void assert_all_saved(const model *m, const model *saved)
{
    const tensor *tensors, *copies;
    size_t count = checkpoint_tensors(m->weights, &tensors);
    assert_int_equal(checkpoint_tensors(saved->weights, &copies), count);
    for (size_t i = 0; i < count; i++) {
        const tensor *copy = checkpoint_find(saved->weights, tensors[i].name);
        assert_non_null(copy);
        assert_saved(m, &tensors[i], copy);
    }
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    file_map x, y;
    char *one = path_join(a, name), *two = path_join(b, name);
    assert_ok(file_map_open(&x, one, err));
    assert_ok(file_map_open(&y, two, err));
    assert_int_equal(x.size, y.size);
    if (x.size)
        assert_memory_equal(x.data, y.data, x.size);
    file_map_close(&x), file_map_close(&y);
    free(one), free(two);
}

static bool has(const char *directory, const char *name)
{
    char *path = path_join(directory, name);
    struct stat info;
    bool there = lstat(path, &info) == 0;
    free(path);
    return there;
}

/* Saves and opens again; the copy says what the changed model says, to the bit where the weights are float32. */
static void save_and_compare(model *m)
{
    json_t *golden = read_golden(CHANGE("llava")); /* for its ids */
    assert_ok(merged_save(m, out, err));
    model *saved = tiny_open(out);
    assert_all_saved(m, saved);
    float *expected = last_logits(m, golden), *found = last_logits(saved, golden);
    if (m->decoder.embedding->type == DTYPE_F32)
        assert_same_bits(found, expected, m->decoder.config.vocab, "logits");
    model_free(saved);
    free(expected), free(found);
    json_decref(golden);
}

static void a_changed_model_is_saved_and_opened_again(void **state)
{
    (void)state;
    static const char *const models[][2] = {{LLAVA, "llava"}, {LLAMA, "llama"}, {QWEN2, "qwen2"}, {PHI, "phi"}};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char *change = path_join(CHANGE(""), models[i][1]), *edited = path_join(change, "edit.npz");
        model *m = changed(models[i][0], change, strcmp(models[i][1], "llama") == 0 ? NULL : edited);
        save_and_compare(m);
        static const char *const files[] = {"config.json", "tokenizer.json", "generation_config.json", "golden.json"};
        for (size_t k = 0; k < sizeof files / sizeof *files; k++)
            assert_same_file(models[i][0], out, files[k]);
        model_free(m);
        folder_remove(out);
        out = path_join(folder, "new/out");
        free(change), free(edited);
    }
}

/* Without a change it is the same file. */
static void an_unchanged_model_is_copied(void **state)
{
    (void)state;
    model *m = changed(LLAVA, NULL, NULL);
    assert_ok(merged_save(m, out, err));
    assert_same_file(LLAVA, out, "model.safetensors");
    model_free(m);
}

/* Every tensor that the decoder has, replaced: fine-tuning of all. */
static void replaced_tensors_are_saved(void **state)
{
    (void)state;
    static const char *const models[] = {LLAVA, LLAMA, PHI};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        model *m = changed(models[i], NULL, NULL);
        decoder *d = &m->decoder;
        const tensor *tensors;
        size_t count = checkpoint_tensors(m->weights, &tensors), replaced = 0;
        float **values = mem_new(count, sizeof *values);
        for (size_t k = 0; k < count; k++) {
            const tensor *t = &tensors[k];
            bool decoders =
                t == d->embedding || t == d->head || strstr(t->name, "layers.0.") || strstr(t->name, "norm.");
            if (!decoders || strstr(t->name, "vision") || strstr(t->name, "projector"))
                continue;
            values[k] = gaussians(t->count, k);
            decoder_replace(d, t, values[k]);
            replaced++;
        }
        assert_true(replaced > 10);
        save_and_compare(m);
        model_free(m);
        for (size_t k = 0; k < count; k++)
            free(values[k]);
        free(values);
        folder_remove(out);
        out = path_join(folder, "new/out");
    }
}

/* ---- shards ---- */

/* The tensors of a tiny model in two shards with an index, as Hugging Face saves them. */
static void split_into_shards(const char *model_folder)
{
    static const char *const names[2] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    model *m = tiny_open(model_folder);
    const tensor *tensors;
    size_t count = checkpoint_tensors(m->weights, &tensors);
    buffer index = {0};
    buffer_text(&index, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {");
    for (size_t part = 0; part < 2; part++) {
        size_t from = part * count / 2, end = (part + 1) * count / 2;
        safetensors_entry *entries = mem_new(count, sizeof *entries);
        safetensors_writer w;
        char *path = path_join(model_folder, names[part]);
        for (size_t i = from; i < end; i++) {
            const tensor *t = &tensors[i];
            entries[i - from] = (safetensors_entry){
                t->name, t->type_name, t->rank, {t->shape[0], t->shape[1], t->shape[2], t->shape[3]}};
            buffer_printf(&index, "%s\"%s\": \"%s\"", i ? ", " : "", t->name, names[part]);
        }
        assert_ok(safetensors_open_writer(&w, path, entries, end - from, err));
        for (size_t i = from; i < end; i++)
            safetensors_write(&w, tensors[i].data, tensors[i].count * dtype_find(tensors[i].type)->bytes);
        assert_ok(safetensors_commit(&w, err));
        free(entries), free(path);
    }
    buffer_text(&index, "}}");
    tiny_write(model_folder, "model.safetensors.index.json", index.data, index.size);
    buffer_free(&index);
    model_free(m);
    char *whole = path_join(model_folder, "model.safetensors");
    unlink(whole);
    free(whole);
}

static void shards_stay_as_they_are(void **state)
{
    (void)state;
    char *source = tiny_copy(LLAVA);
    split_into_shards(source);
    model *m = changed(source, NULL, CHANGE("llava/edit.npz"));
    save_and_compare(m);
    assert_same_file(source, out, "model.safetensors.index.json");
    assert_true(has(out, "model-00001-of-00002.safetensors") && has(out, "model-00002-of-00002.safetensors"));
    assert_false(has(out, "model.safetensors"));
    model_free(m);
    folder_remove(source);
}

/* PyTorch's shards become those of safetensors, also what is transposed, shared, or of whole numbers. */
static void torch_shards_become_safetensors(void **state)
{
    (void)state;
    static const char *const files[] = {"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
                                        "pytorch_model.bin.index.json"};
    char *source = tiny_copy(QWEN2), *whole = path_join(source, "model.safetensors");
    unlink(whole);
    for (size_t i = 0; i < 3; i++) {
        char *from = path_join(CHANGE("torch"), files[i]), *to = path_join(source, files[i]);
        assert_int_equal(symlink(from, to), 0);
        free(from), free(to);
    }
    model *m = changed(source, NULL, CHANGE("qwen2/edit.npz"));
    save_and_compare(m);
    assert_true(has(out, "model-00001-of-00002.safetensors") && has(out, "model.safetensors.index.json"));
    assert_false(has(out, files[0]) || has(out, files[2]));

    /* the head has a name of its own in the file, and is the embedding all the same */
    const tensor *embedding = m->decoder.embedding;
    assert_ptr_equal(m->decoder.head, embedding);
    assert_true(checkpoint_find(m->weights, "lm_head.weight") != embedding);
    float *values = gaussians(embedding->count, 3);
    decoder_replace(&m->decoder, embedding, values);
    folder_remove(out);
    out = path_join(folder, "new/out");
    save_and_compare(m);
    free(values), free(whole);
    model_free(m);
    folder_remove(source);
}

/* A head of its own in a file whose config ties it: Hugging Face's classes would not read it. */
static void a_change_that_would_be_lost_is_refused(void **state)
{
    (void)state;
    char *source = tiny_copy(LLAMA), *path = path_join(source, "model.safetensors");
    model *m = tiny_open(LLAMA);
    const tensor *tensors;
    size_t count = checkpoint_tensors(m->weights, &tensors);
    safetensors_entry *entries = mem_new(count + 1, sizeof *entries);
    safetensors_writer w;
    for (size_t i = 0; i <= count; i++) {
        const tensor *t = i < count ? &tensors[i] : m->decoder.embedding;
        entries[i] =
            (safetensors_entry){i < count ? t->name : "lm_head.weight", "F32", t->rank, {t->shape[0], t->shape[1]}};
    }
    unlink(path);
    assert_ok(safetensors_open_writer(&w, path, entries, count + 1, err));
    for (size_t i = 0; i <= count; i++) {
        const tensor *t = i < count ? &tensors[i] : m->decoder.embedding;
        safetensors_write(&w, t->data, t->count * sizeof(float));
    }
    assert_ok(safetensors_commit(&w, err));
    model_free(m);

    m = tiny_open(source);
    decoder *d = &m->decoder;
    assert_ptr_not_equal(d->head, d->embedding);
    const tensor *both[] = {d->head, d->embedding};
    for (size_t i = 0; i < 2; i++) {
        float *values = gaussians(both[i]->count, i);
        decoder_replace(d, both[i], values);
        assert_fails(merged_save(m, out, err), PB_EUNSUPPORTED, "\"tie_word_embeddings\" is true");
        assert_nothing_left();
        decoder_restore(d, both[i]);
        free(values);
    }
    assert_ok(merged_save(m, out, err));
    model_free(m);
    free(entries), free(path);
    folder_remove(source);
}

/* One file of PyTorch's becomes one of safetensors. */
static void one_torch_file_becomes_one(void **state)
{
    (void)state;
    char *source = tiny_copy(QWEN2), *whole = path_join(source, "model.safetensors"),
         *bin = path_join(source, "pytorch_model.bin");
    unlink(whole);
    assert_int_equal(symlink(GOLDEN("checkpoint/golden/torch/single/pytorch_model.bin"), bin), 0);
    checkpoint *c;
    assert_ok(checkpoint_open(&c, source, err));
    model m = {.path = source, .weights = c}; /* it has no decoder's tensors: nothing can be changed */
    assert_fails(merged_save(&m, out, err), PB_EUNSUPPORTED, "tensor h.deep of dtype F32 and 5 dimensions");
    assert_nothing_left();
    checkpoint_free(c);
    free(whole), free(bin);
    folder_remove(source);
}

/* ---- the other files ---- */

static void other_files_go_along(void **state)
{
    (void)state;
    static const char *const along[] = {"tokenizer.model", "README.md", "modeling_x.py", "chat_template.jinja",
                                        "empty.txt"};
    static const char *const not[] = {
        "adapter_config.json",         "adapter_model.safetensors",    "pytorch_model.bin", "model.gguf",
        "training_args.bin",           "pytorch_model.bin.index.json", "tf_model.h5",       ".hidden",
        "model.safetensors.index.json"};
    char *source = tiny_copy(LLAMA), *sub = path_join(source, "onnx"), *pipe = path_join(source, "pipe");
    for (size_t i = 0; i < sizeof along / sizeof *along; i++)
        tiny_write(source, along[i], "some text", i == 4 ? 0 : 9);
    for (size_t i = 0; i < sizeof not / sizeof *not; i++)
        tiny_write(source, not[i], "x", 1);
    assert_ok(dir_create(sub, err));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    model *m = changed(source, NULL, NULL);
    assert_ok(merged_save(m, out, err));
    for (size_t i = 0; i < sizeof along / sizeof *along; i++)
        assert_same_file(source, out, along[i]);
    for (size_t i = 0; i < sizeof not / sizeof *not; i++)
        assert_false(has(out, not[i]));
    assert_false(has(out, "onnx") || has(out, "pipe"));
    assert_true(has(out, "model.safetensors") && !file_exists(sub));
    model_free(m);
    free(sub), free(pipe);
    folder_remove(source);
}

/* A vision tower in a folder that the config names goes along, weights and all. */
static void a_tower_inside_goes_along(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors", "pytorch_model.bin",
                                        "preprocessor_config.json"};
    char *source = tiny_copy(LLAMA), *tower = path_join(source, "towers/clip"), *copy = path_join(out, "towers/clip");
    assert_ok(dir_create(tower, err));
    for (size_t i = 0; i < 4; i++)
        tiny_write(tower, files[i], files[i], strlen(files[i]));
    tiny_set(source, "config.json", "mm_vision_tower", "\"towers/clip\"");
    model *m = changed(source, NULL, NULL);
    assert_ok(merged_save(m, out, err));
    for (size_t i = 0; i < 4; i++)
        assert_same_file(tower, copy, files[i]);

    folder_remove(out); /* nothing of it is left of a try that fails */
    out = path_join(folder, "new/out");
    float *values = zeros(m->decoder.embedding->count);
    values[0] = NAN;
    decoder_replace(&m->decoder, m->decoder.embedding, values);
    char *above = path_join(folder, "new");
    rmdir(above);
    assert_fails(merged_save(m, out, err), PB_EINVAL, "is not finite");
    assert_nothing_left();
    free(above), free(values), free(tower), free(copy);
    model_free(m);
    folder_remove(source);
}

/* One that the config names elsewhere stays there. */
static void a_tower_apart_stays_apart(void **state)
{
    (void)state;
    static const char *const names[] = {"\"/tmp\"", "\"../elsewhere\"", "\"openai/clip-vit-large-patch14-336\"",
                                        "\"\""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *source = tiny_copy(LLAMA);
        tiny_set(source, "config.json", "mm_vision_tower", names[i]);
        model *m = changed(source, NULL, NULL);
        assert_ok(merged_save(m, out, err));
        assert_false(has(out, "tmp") || has(out, "openai") || has(out, "elsewhere"));
        model_free(m);
        folder_remove(out);
        out = path_join(folder, "new/out");
        folder_remove(source);
    }
}

/* ---- what is refused ---- */

static void the_models_own_folder_is_refused(void **state)
{
    (void)state;
    char *source = tiny_copy(LLAVA), *inside = path_join(source, "a/b"), *link = path_join(folder, "link"),
         *through = path_join(link, "deeper"), *up = path_join(source, "../");
    const char *base = path_base(source);
    buffer round = {0}, made = {0};
    buffer_printf(&round, "%s%s", up, base);
    buffer_printf(&made, "%s/there/../../%s/x", folder, base); /* ".." of a folder that is not there yet */
    assert_int_equal(symlink(source, link), 0);
    const char *const bad[] = {source, inside, link, through, round.data, made.data};
    model *m = changed(source, NULL, CHANGE("llava/edit.npz"));
    edit_factors f;
    assert_ok(edit_factors_read(&f, CHANGE("llava/edit.npz"), err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(merged_save(m, bad[i], err), PB_EINVAL, "is the folder of the model, ");
        assert_fails(lora_save(m, &f, bad[i], err), PB_EINVAL, "is the folder of the model, ");
    }
    edit_factors_free(&f);
    model_free(m);
    assert_false(has(source, "a") || has(source, "x") || has(source, "deeper") || has(source, "adapter_config.json"));
    assert_same_file(source, LLAVA, "model.safetensors");
    unlink(link);
    assert_nothing_left();
    buffer_free(&round), buffer_free(&made);
    free(inside), free(link), free(through), free(up);
    folder_remove(source);
}

static void a_folder_that_holds_something_is_refused(void **state)
{
    (void)state;
    model *m = changed(LLAVA, NULL, NULL);
    char *file = path_join(folder, "file"), *below = path_join(file, "x"), *empty = path_join(folder, "empty");
    assert_ok(file_write_all(file, "x", 1, err));
    assert_fails(merged_save(m, folder, err), PB_EINVAL, "is not empty, expected a new folder");
    assert_fails(merged_save(m, file, err), PB_EIO, "file");
    assert_fails(merged_save(m, below, err), PB_EIO, "file");
    assert_fails(merged_save(m, "/proc/nowhere/out", err), PB_EIO, "/proc/nowhere");
    assert_ok(dir_create(empty, err));
    assert_ok(merged_save(m, empty, err));
    assert_same_file(LLAVA, empty, "model.safetensors");
    free(file), free(below), free(empty);
    model_free(m);
}

static void gguf_files_are_refused(void **state)
{
    (void)state;
    model *m = changed(GOLDEN("data/model/gguf/llama.gguf"), NULL, NULL);
    assert_fails(merged_save(m, out, err), PB_EUNSUPPORTED, "llama.gguf: a GGUF file's weights cannot be saved");
    assert_nothing_left();
    model_free(m);
}

static void values_that_the_dtype_cannot_hold_are_refused(void **state)
{
    (void)state;
    static const float bad[] = {70000, INFINITY, NAN};
    model *m = changed(PHI, NULL, NULL);
    const tensor *t = m->decoder.layers[3].part[PART_UP];
    float *values = zeros(t->count);
    decoder_replace(&m->decoder, t, values);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        values[t->count - 1] = bad[i];
        assert_fails(merged_save(m, out, err), PB_EINVAL,
                     "tensor model.layers.3.mlp.fc1.weight as changed is not finite, or beyond what F16 can hold");
        assert_nothing_left();
    }
    free(values);
    model_free(m);
}

/* ---- a full disk, a signal ---- */

static pb_status save_in_little_room(const model *m, rlim_t bytes, pb_error *err)
{
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){bytes, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pb_status status = merged_save(m, out, err);
    setrlimit(RLIMIT_FSIZE, &old);
    return status;
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    model *m = changed(LLAVA, NULL, CHANGE("llava/edit.npz"));
    static const rlim_t room[] = {0, 100, 5000, 80000};
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        assert_fails(save_in_little_room(m, room[i], err), PB_EIO, "cannot be written: ");
        assert_nothing_left();
    }
    assert_ok(merged_save(m, out, err));
    model_free(m);
}

static volatile sig_atomic_t came;

static void count_it(int signal)
{
    came = came + (signal != 0);
}

static void an_interruption_leaves_nothing(void **state)
{
    (void)state;
    model *m = changed(LLAVA, NULL, CHANGE("llava/edit.npz"));
    edit_factors f;
    assert_ok(edit_factors_read(&f, CHANGE("llava/edit.npz"), err));
    void (*before)(int) = signal(SIGINT, count_it);
    for (int lora = 0; lora < 2; lora++) {
        came = 0;
        interrupt_watch();
        raise(SIGINT); /* while it is written */
        assert_fails(lora ? lora_save(m, &f, out, err) : merged_save(m, out, err), PB_EIO, "was interrupted");
        assert_nothing_left();
        interrupt_release();
        assert_int_equal(came, 1);
    }
    signal(SIGINT, before);
    assert_ok(merged_save(m, out, err));
    edit_factors_free(&f);
    model_free(m);
}

/* ---- adapters ---- */

/* What an edit changes, and what the adapter made of it does, are the same bits. */
static void assert_adapter_is_the_edit(const char *path, const char *edited, const char *adapter)
{
    model *a = changed(path, NULL, edited), *b = changed(path, adapter, NULL);
    for (size_t l = 0; l < a->decoder.config.layers; l++) {
        const tensor *t = a->decoder.layers[l].part[PART_DOWN], *u = b->decoder.layers[l].part[PART_DOWN];
        float *x = zeros(t->count), *y = zeros(t->count);
        assert_int_equal(decoder_changed(&a->decoder, t), decoder_changed(&b->decoder, u));
        assert_ok(decoder_read_rows(&a->decoder, t, 0, t->shape[0], x, err));
        assert_ok(decoder_read_rows(&b->decoder, u, 0, u->shape[0], y, err));
        assert_same_bits(x, y, t->count, "down");
        free(x), free(y);
    }
    model_free(a), model_free(b);
}

static void edits_are_saved_as_adapters(void **state)
{
    (void)state;
    static const char *const models[][2] = {
        {LLAVA, CHANGE("llava/edit.npz")},
        {QWEN2, CHANGE("qwen2/edit.npz")},
        {PHI, CHANGE("phi/edit.npz")},
        {GOLDEN("data/model/gguf/llava.gguf"), CHANGE("llava/edit.npz")},
        {GOLDEN("data/model/gguf/phi.gguf"), CHANGE("phi/edit.npz")},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        edit_factors f;
        model *m = changed(models[i][0], NULL, NULL);
        assert_ok(edit_factors_read(&f, models[i][1], err));
        assert_ok(lora_save(m, &f, out, err)); /* over the last one */
        edit_factors_free(&f);
        assert_adapter_is_the_edit(models[i][0], models[i][1], out);
        model_free(m);
    }
}

/* Modules by the names that Hugging Face's classes give them, of the edited layers only; ranks that differ. */
static void an_adapter_says_what_it_changes(void **state)
{
    (void)state;
    edit_factors f;
    json_t *config;
    char *path = path_join(out, "adapter_config.json");
    model *m = changed(LLAVA, NULL, NULL);
    assert_ok(edit_factors_read(&f, CHANGE("llava/edit.npz"), err));
    edit_factors three = {.count = 3, .d_ff = f.d_ff, .d_model = f.d_model};
    three.key = zeros(3 * f.d_ff), three.v0 = zeros(3 * f.d_model), three.v = zeros(3 * f.d_model),
    three.u = zeros(3 * f.d_model);
    three.layer = mem_new(3, sizeof *three.layer), three.request = mem_new(3, sizeof *three.request);
    memcpy(three.key, f.key, 2 * f.d_ff * sizeof(float)), memcpy(three.u, f.u, 2 * f.d_model * sizeof(float));
    three.layer[0] = three.layer[2] = 1, three.layer[1] = 3;
    assert_ok(lora_save(m, &three, out, err));
    assert_ok(json_read_file(&config, path, err));
    const json_t *modules = json_object_get(config, "target_modules");
    assert_int_equal(json_array_size(modules), 2);
    assert_string_equal(json_string_value(json_array_get(modules, 0)), "model.language_model.layers.1.mlp.down_proj");
    assert_string_equal(json_string_value(json_array_get(modules, 1)), "model.language_model.layers.3.mlp.down_proj");
    assert_int_equal((int)json_number_value(json_object_get(config, "r")), 2);
    assert_int_equal((int)json_number_value(json_object_get(config, "lora_alpha")), 2);
    static const char *const patterns[] = {"rank_pattern", "alpha_pattern"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *pattern = json_object_get(config, patterns[i]);
        assert_int_equal(json_object_size(pattern), 1);
        assert_int_equal(
            (int)json_number_value(json_object_get(pattern, "model.language_model.layers.3.mlp.down_proj")), 1);
    }
    json_decref(config);
    model *adapted = changed(LLAVA, out, NULL);
    assert_int_equal(adapted->changes[0].terms, 2);
    assert_int_equal(adapted->changes[0].rank, 2);
    model_free(adapted);

    three.layer[1] = 4;
    assert_fails(lora_save(m, &three, out, err), PB_EINVAL, "holds 4, the model has 4 layers");
    three.layer[1] = 3, three.d_ff--;
    assert_fails(lora_save(m, &three, out, err), PB_EINVAL, "the model's d_ff, 48");
    edit_factors_free(&f), edit_factors_free(&three);
    free(path);
    model_free(m);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(a_changed_model_is_saved_and_opened_again),
        in_folder(an_unchanged_model_is_copied),
        in_folder(replaced_tensors_are_saved),
        in_folder(shards_stay_as_they_are),
        in_folder(torch_shards_become_safetensors),
        in_folder(a_change_that_would_be_lost_is_refused),
        in_folder(one_torch_file_becomes_one),
        in_folder(other_files_go_along),
        in_folder(a_tower_inside_goes_along),
        in_folder(a_tower_apart_stays_apart),
        in_folder(the_models_own_folder_is_refused),
        in_folder(a_folder_that_holds_something_is_refused),
        in_folder(gguf_files_are_refused),
        in_folder(values_that_the_dtype_cannot_hold_are_refused),
        in_folder(a_full_disk_leaves_nothing),
        in_folder(an_interruption_leaves_nothing),
        in_folder(edits_are_saved_as_adapters),
        in_folder(an_adapter_says_what_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
