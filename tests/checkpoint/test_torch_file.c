/* test_torch_file.c: what torch.save wrote reads as the same numbers that safetensors holds, whatever the file's form
 * and the tensors' strides; archives and tensors that do not fit each other are refused; a full-size file opens at once. */
#define IN_FOLDER_FILE "pytorch_model.bin"
#include "tests/in_folder.h"

#include <fcntl.h>

#include "base/process.h"
#include "checkpoint/tensor_file.h"
#include "tests/checkpoint/archive.h"
#include "tests/checkpoint/cut_off.h"

/* ---- against safetensors ---- */

static const tensor *find(const tensor_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    test_stop(__FILE__, __LINE__, "%s has no tensor %s", f->path, name);
    return NULL;
}

static void assert_same(const tensor *found, const tensor *expected)
{
    if (found->rank != expected->rank || found->count != expected->count ||
        memcmp(found->shape, expected->shape, sizeof found->shape) != 0 || found->type != expected->type ||
        strcmp(found->type_name, expected->type_name) != 0)
        test_stop(__FILE__, __LINE__, "%s: tensor %s differs in its kind", found->file, found->name);
    if (found->type == DTYPE_OTHER)
        return;
    float *a = mem_new(found->count, sizeof *a), *b = mem_new(found->count, sizeof *b);
    assert_true(tensor_read(found, 0, found->count, a));
    assert_true(tensor_read(expected, 0, found->count, b));
    if (memcmp(a, b, found->count * sizeof *a) != 0)
        test_stop(__FILE__, __LINE__, "%s: tensor %s differs", found->file, found->name);
    free(a);
    free(b);
}

static void assert_twins(const char *torch, const char *safetensors)
{
    tensor_file found, expected;
    assert_ok(torch_file_open(&found, torch, err));
    assert_ok(safetensors_open(&expected, safetensors, err));
    assert_string_equal(found.format, "pytorch");
    assert_int_equal(found.count, expected.count);
    for (size_t i = 0; i < found.count; i++) {
        assert_same(&found.tensors[i], find(&expected, found.tensors[i].name));
        assert_true(i == 0 || (const char *)found.tensors[i].data >= (const char *)found.tensors[i - 1].data);
    }
    tensor_file_close(&found);
    tensor_file_close(&expected);
}

#define TORCH(name) GOLDEN("checkpoint/golden/torch/" name)

static void a_state_dict_equals_its_safetensors_twin(void **state)
{
    (void)state;
    assert_twins(TORCH("single/pytorch_model.bin"), GOLDEN("checkpoint/golden/single/model.safetensors"));
    assert_twins(TORCH("views/pytorch_model.bin"), TORCH("views/model.safetensors"));
}

static void every_form_of_the_file_is_read(void **state)
{
    (void)state;
    static const char *const variants[] = {
        TORCH("variants/big_endian.bin"), TORCH("variants/zip64.bin"), TORCH("variants/no_checksums.bin"),
        TORCH("variants/protocol4.bin"), TORCH("variants/old.bin"),
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        assert_twins(variants[i], TORCH("views/model.safetensors"));
}

static void views_lie_in_their_storage(void **state)
{
    (void)state;
    tensor_file f;
    assert_ok(torch_file_open(&f, TORCH("views/pytorch_model.bin"), err));
    const tensor *base = find(&f, "tied.a"), *rows = find(&f, "rows"), *turned = find(&f, "transposed");
    assert_ptr_equal(find(&f, "tied.b")->data, base->data);
    assert_ptr_equal(rows->data, (const float *)base->data + 2 * 8);
    assert_ptr_equal(find(&f, "scalar")->data, (const float *)base->data + 3 * 8 + 4);
    assert_null(base->layout);
    assert_null(rows->layout);
    assert_ptr_equal(turned->data, base->data);
    assert_true(turned->layout && turned->layout->stride[0] == 1 && turned->layout->stride[1] == 8);
    assert_true(find(&f, "repeated")->layout && find(&f, "repeated")->layout->stride[0] == 0);
    assert_false(base->swapped);
    tensor_file_close(&f);
    tensor_file_close(&f);
    assert_ok(torch_file_open(&f, TORCH("variants/big_endian.bin"), err));
    assert_true(find(&f, "tied.a")->swapped);
    tensor_file_close(&f);
}

/* ---- through checkpoint_open ---- */

static void folders_with_pytorch_files_open(void **state)
{
    (void)state;
    checkpoint *single, *sharded, *expected;
    const checkpoint_file *files;
    const tensor *all;
    assert_ok(checkpoint_open(&single, TORCH("single"), err));
    assert_ok(checkpoint_open(&sharded, TORCH("sharded"), err));
    assert_ok(checkpoint_open(&expected, GOLDEN("checkpoint/golden/single"), err));
    size_t count = checkpoint_tensors(expected, &all);
    assert_int_equal(checkpoint_files(single, &files), 1);
    assert_string_equal(files[0].format, "pytorch");
    assert_int_equal(checkpoint_files(sharded, &files), 2);
    assert_string_equal(path_base(files[1].path), "pytorch_model-00002-of-00002.bin");
    for (size_t i = 0; i < count; i++) {
        assert_same(checkpoint_find(single, all[i].name), &all[i]);
        assert_same(checkpoint_find(sharded, all[i].name), &all[i]);
    }
    assert_int_equal(checkpoint_tensors(single, &all), count);
    assert_int_equal(checkpoint_tensors(sharded, &all), count);
    checkpoint_free(single);
    checkpoint_free(sharded);
    checkpoint_free(expected);
}

/* ---- archives made here ---- */

static void write_archive(archive *a)
{
    archive_finish(a);
    assert_ok(file_write_all(path, a->bytes.data, a->bytes.size, err));
    archive_free(a);
}

/* An archive with that pickle, a storage "0" of 16 bytes, and a version. */
static void write_state(const void *pickled, size_t size)
{
    archive a = {0};
    archive_add(&a, "m/data.pkl", pickled, size);
    archive_add(&a, "m/data/0", "0123456789abcdef", 16);
    archive_add(&a, "m/version", "3\n", 2);
    write_archive(&a);
}

static void refused(pb_status code, const char *words)
{
    tensor_file f;
    assert_fails(torch_file_open(&f, path, err), code, words);
    assert_fails(torch_file_open(&f, path, err), code, path);
    assert_true(!f.tensors && !f.map.data && !f.path);
}

static void tensors_that_do_not_fit_their_storage_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pickled;
        size_t size;
        const char *words;
    } cases[] = {
        {PICKLE(STATE(KEY("w") TENSOR("1", "\4", "K\0", "K\4\x85", "K\1\x85"))),
         "tensor w lies in the storage 1, but there is no such record"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\3", "K\0", "K\3\x85", "K\1\x85"))),
         "tensor w lies in the storage 0 of 12 bytes, but its record has 16"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "K\5\x85", "K\1\x85"))),
         "tensor w reaches beyond its storage 0 of 16 bytes"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\1", "K\4\x85", "K\1\x85"))), "reaches beyond its storage"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "K\2K\2\x86", "K\3K\1\x86"))), "reaches beyond its storage"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\4", ")", ")"))), "reaches beyond its storage"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "\x8a\7\xff\xff\xff\xff\xff\xff\x7f", ")", ")"))), "reaches beyond"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "K\2\x85", "\x8a\7\xff\xff\xff\xff\xff\xff\x7f\x85"))),
         "reaches beyond its storage"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "K\2q\0h\0\x86", "h\0h\0\x86"))), "reaches beyond its storage"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "J\xff\xff\xff\x7f\x85", "K\0\x85"))),
         "tensor w has more elements than the file can hold"},
        {PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0",
                                      "\x8a\7\xff\xff\xff\xff\xff\xff\x7f\x8a\7\xff\xff\xff\xff\xff\xff\x7f\x86",
                                      "K\0K\0\x86"))),
         "tensor w has a shape whose product is beyond 64 bits"},
        {PICKLE(STATE("X\2\0\0\0w\0" TENSOR("0", "\4", "K\0", "K\4\x85", "K\1\x85"))), "has a name that is no text"},
        {PICKLE(STATE("X\1\0\0\0\xe3" TENSOR("0", "\4", "K\0", "K\4\x85", "K\1\x85"))), "tensor ? has a name that is"},
        {PICKLE(PROTO "cos\nsystem\n."), "data.pkl, byte 2: imports os.system"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_state(cases[i].pickled, cases[i].size);
        refused(i + 1 < sizeof cases / sizeof *cases ? PB_EFORMAT : PB_EUNSUPPORTED, cases[i].words);
    }
}

static void what_fits_is_read(void **state)
{
    (void)state;
    tensor_file f;
    float value[4];
    write_state(PICKLE(STATE(KEY("a") TENSOR("0", "\4", "K\3", ")", ")")
                             KEY("b") TENSOR("0", "\4", "K\2", "K\0K\7\x86", "K\7K\1\x86")
                             KEY("c") TENSOR("0", "\4", "K\1", "K\2K\1\x86", "K\2K\x63\x86")
                             KEY("d") TENSOR("0", "\4", "K\0", "K\2K\2\x86", "K\1K\1\x86"))));
    assert_ok(torch_file_open(&f, path, err));
    assert_int_equal(f.count, 4);
    assert_memory_equal(find(&f, "a")->data, "cdef", 4);
    assert_int_equal(find(&f, "b")->count, 0);
    assert_true(tensor_read(find(&f, "c"), 0, 2, value));
    assert_memory_equal(value, "4567cdef", 8);
    assert_true(tensor_read(find(&f, "d"), 0, 4, value)); /* windows over one another */
    assert_memory_equal(value, "012345674567" "89ab", 16);
    tensor_file_close(&f);
    write_state(PICKLE(PROTO "}."));
    assert_ok(torch_file_open(&f, path, err));
    assert_int_equal(f.count, 0);
    tensor_file_close(&f);
}

static void a_name_that_stands_twice_is_refused(void **state)
{
    (void)state;
    checkpoint *c;
    write_state(PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", ")", ")") KEY("w") TENSOR("0", "\4", "K\1", ")", ")"))));
    assert_fails(checkpoint_open(&c, folder, err), PB_EFORMAT, "pytorch_model.bin: holds tensor w twice");
}

typedef struct record {
    const char *name, *data;
} record;

static void write_records(const record *records)
{
    archive a = {0};
    for (; records->name; records++)
        archive_add(&a, records->name, records->data, strlen(records->data));
    write_archive(&a);
}

static void archives_of_other_things_are_refused(void **state)
{
    (void)state;
    static const struct {
        record records[4];
        pb_status code;
        const char *words;
    } cases[] = {
        {{{0}}, PB_EFORMAT, "is a zip archive, but not torch.save's: its records lie in no folder"},
        {{{"readme.txt", "?"}}, PB_EFORMAT, "its records lie in no folder"},
        {{{"m/data.pkl", "?"}, {"n/version", "3"}}, PB_EFORMAT, "the record n/version lies outside the folder m/"},
        {{{"m/data.pkl", "?"}}, PB_EFORMAT, "has no record \"version\""},
        {{{"m/version", "3\n"}}, PB_EFORMAT, "has no record \"data.pkl\""},
        {{{"m/version", "0\n"}, {"m/data.pkl", "?"}}, PB_EUNSUPPORTED, "\"version\" is \"0?\", expected 1 to 10"},
        {{{"m/version", "11"}, {"m/data.pkl", "?"}}, PB_EUNSUPPORTED, "\"version\" is \"11\", expected 1 to 10"},
        {{{"m/version", ""}, {"m/data.pkl", "?"}}, PB_EUNSUPPORTED, "\"version\" is \"\", expected 1 to 10"},
        {{{"m/version", "3\n"}, {"m/byteorder", "middle"}, {"m/data.pkl", "?"}}, PB_EUNSUPPORTED,
         "\"byteorder\" is \"middle\", expected \"little\" or \"big\""},
        {{{"m/version", "3\n"}, {"m/constants.pkl", ""}, {"m/data.pkl", "?"}}, PB_EUNSUPPORTED,
         "is a TorchScript program"},
        {{{"m/version", "3\n"}, {"m/data.pkl", "?"}}, PB_EFORMAT, "data.pkl, byte 0: is no pickle of protocol 2"},
        {{{"m/version", "3\n"}, {"m/data.pkl", ""}}, PB_EFORMAT, "data.pkl, byte 0: is no pickle of protocol 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_records(cases[i].records);
        refused(cases[i].code, cases[i].words);
    }
}

static void files_that_are_no_archive_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        pb_status code;
        const char *words, *hint;
    } cases[] = {
        {PICKLE(""), PB_EFORMAT, "is no file of torch.save", ""},
        {PICKLE("PK\3\4 and no more"), PB_EFORMAT, "has no zip directory at its end", "download or copy it again"},
        {PICKLE("version https://git-lfs.github.com/spec/v1\n"), PB_EFORMAT, "is no file of torch", "git lfs pull"},
        {PICKLE("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3."), PB_EUNSUPPORTED,
         "is in the format of PyTorch before 1.6", "torch.save(torch.load("},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tensor_file f;
        pb_error found;
        assert_ok(file_write_all(path, cases[i].bytes, cases[i].size, err));
        refused(cases[i].code, cases[i].words);
        assert_int_equal(torch_file_open(&f, path, &found), cases[i].code);
        assert_non_null(strstr(found.hint, cases[i].hint));
    }
}

static void a_damaged_pickle_is_told_by_its_checksum(void **state)
{
    (void)state;
    write_state(PICKLE(STATE(KEY("w") TENSOR("0", "\4", "K\0", "K\4\x85", "K\1\x85"))));
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pwrite(fd, "v", 1, 30 + 10 + 9) == 1);
    close(fd);
    refused(PB_EFORMAT, "the entry m/data.pkl is damaged: its checksum is");
}

/* Cut anywhere, a sound file becomes an error, never a crash. */
static void a_file_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    assert_refused_cut_off(torch_file_open, TORCH("views/pytorch_model.bin"), path, SIZE_MAX);
}

/* ---- memory and time ---- */

/* One tensor under more and more names: a pickle of a few bytes a name, but tensors of a hundred. */
static void more_tensors_than_a_file_can_hold_are_refused(void **state)
{
    (void)state;
    buffer b = {0};
    buffer_add(&b, PROTO "}" KEY("w") TENSOR("0", "\4", "K\0", ")", ")") "q\0s", sizeof(PROTO "}" KEY("w")
               TENSOR("0", "\4", "K\0", ")", ")") "q\0s") - 1);
    for (uint32_t i = 0; i < 100000; i++) {
        buffer_add(&b, "X\x8\0\0\0", 5);
        buffer_printf(&b, "%08u", i);
        buffer_add(&b, "h\0s", 3);
    }
    buffer_text(&b, ".");
    write_state(b.data, b.size);
    refused(PB_EFORMAT, "is one of more than a file of this size holds");
    buffer_free(&b);
}

/* Memory that belongs to no file: what opening took. */
static size_t anonymous_bytes(void)
{
    size_t kilobytes = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %zu", &kilobytes) == 1)
            break;
    if (f)
        fclose(f);
    return 1024 * kilobytes;
}

/* Appends to a file of any size that is mostly holes: the entry's own header; its data are left out. */
static void add_hole(archive *a, int fd, off_t *end, const char *name, const buffer *data, size_t size)
{
    archive own = {0};
    archive_add(&own, name, data ? data->data : "", data ? data->size : 0);
    assert_true(pwrite(fd, own.bytes.data, own.bytes.size, *end) == (ssize_t)own.bytes.size);
    size_t header = own.bytes.size - (data ? data->size : 0);
    archive_free(&own);

    buffer *d = &a->directory; /* by zip64 */
    uint64_t numbers[3] = {size, size, (uint64_t)*end};
    put32(d, 0x02014b50);
    for (int i = 0; i < 8; i++)
        put16(d, 0);
    put32(d, UINT32_MAX);
    put32(d, UINT32_MAX);
    put16(d, strlen(name));
    put16(d, 4 + sizeof numbers);
    for (int i = 0; i < 5; i++)
        put16(d, 0);
    put32(d, UINT32_MAX);
    buffer_text(d, name);
    put16(d, 1);
    put16(d, sizeof numbers);
    buffer_add(d, numbers, sizeof numbers);
    a->count++;
    *end += (off_t)(header + size);
}

static void write_directory(archive *a, int fd, off_t end)
{
    buffer b = {0};
    uint64_t numbers[4] = {a->count, a->count, a->directory.size, (uint64_t)end};
    uint64_t place = (uint64_t)end + a->directory.size;
    buffer_add(&b, a->directory.data, a->directory.size);
    buffer_add(&b, "PK\6\6\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0", 24);
    buffer_add(&b, numbers, sizeof numbers);
    buffer_add(&b, "PK\6\7\0\0\0\0", 8);
    buffer_add(&b, &place, sizeof place);
    buffer_add(&b, "\1\0\0\0", 4);
    buffer_add(&b, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 22);
    assert_true(pwrite(fd, b.data, b.size, end) == (ssize_t)b.size);
    buffer_free(&b);
    archive_free(a);
}

/* A tensor of F16 [rows][columns] in a storage of its own. */
static void add_tensor(buffer *pickled, const char *name, size_t key, uint32_t rows, uint32_t columns)
{
    char digits[16];
    uint64_t elements = (uint64_t)rows * columns;
    snprintf(digits, sizeof digits, "%zu", key);
    buffer_text(pickled, "X");
    put32(pickled, strlen(name));
    buffer_text(pickled, name);
    buffer_add(pickled, PICKLE("ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nHalfStorage\nX"));
    put32(pickled, strlen(digits));
    buffer_text(pickled, digits);
    buffer_add(pickled, PICKLE("X\3\0\0\0cpu\x8a\5"));
    buffer_add(pickled, &elements, 5);
    buffer_add(pickled, PICKLE("tQK\0J"));
    put32(pickled, rows);
    buffer_text(pickled, "J");
    put32(pickled, columns);
    buffer_text(pickled, "\x86J");
    put32(pickled, columns);
    buffer_add(pickled, PICKLE("K\1\x86\x89" HOOKS "tR"));
}

/* The limit is for hostile files: tensors as small as can be, by the thousand, are not too many. */
static void many_small_tensors_open(void **state)
{
    (void)state;
    enum { N = 5000 };
    archive a = {0};
    buffer pickled = {0};
    tensor_file f;
    char name[32];
    buffer_add(&pickled, PROTO "}(", 4);
    for (size_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%zu", i);
        add_tensor(&pickled, name, i, 1, 1);
        snprintf(name, sizeof name, "m/data/%zu", i);
        archive_add(&a, name, &i, 2);
        if (i % 1000 == 999) /* as Python does */
            buffer_text(&pickled, "u(");
    }
    buffer_text(&pickled, "u.");
    archive_add(&a, "m/data.pkl", pickled.data, pickled.size);
    archive_add(&a, "m/version", "3", 1);
    write_archive(&a);
    assert_ok(torch_file_open(&f, path, err));
    assert_int_equal(f.count, N);
    for (size_t i = 0; i < N; i++) { /* in the order of their data */
        snprintf(name, sizeof name, "%zu", i);
        assert_string_equal(f.tensors[i].name, name);
        assert_memory_equal(f.tensors[i].data, &i, 2);
    }
    tensor_file_close(&f);
    buffer_free(&pickled);
}

/* LLaVA-1.5-7B's decoder: 32 layers of nine tensors each, embedding and head; 13.5 GB of holes. */
static void write_full_size(void)
{
    static const struct {
        const char *name;
        uint32_t rows, columns;
    } parts[] = {{"q", 4096, 4096}, {"k", 4096, 4096}, {"v", 4096, 4096}, {"o", 4096, 4096}, {"gate", 11008, 4096},
                 {"up", 11008, 4096}, {"down", 4096, 11008}, {"norm1", 4096, 1}, {"norm2", 4096, 1}};
    enum { PARTS = sizeof parts / sizeof *parts, LAYERS = 32 };
    archive a = {0};
    buffer pickled = {0}, version = {0};
    char name[64];
    off_t end = 0;
    int fd = open(path, O_CREAT | O_RDWR, 0644);
    assert_true(fd >= 0);
    buffer_add(&pickled, PROTO "}(", 4);
    for (size_t i = 0; i < LAYERS * PARTS + 2; i++) {
        bool ends = i >= LAYERS * PARTS;
        uint32_t rows = ends ? 32064 : parts[i % PARTS].rows, columns = ends ? 4096 : parts[i % PARTS].columns;
        snprintf(name, sizeof name, "model.layers.%zu.%s.weight", i / PARTS,
                 ends ? i % 2 ? "head" : "embed" : parts[i % PARTS].name);
        add_tensor(&pickled, name, i, rows, columns);
        snprintf(name, sizeof name, "archive/data/%zu", i);
        add_hole(&a, fd, &end, name, NULL, 2 * (size_t)rows * columns);
    }
    buffer_text(&pickled, "u.");
    buffer_text(&version, "3\n");
    add_hole(&a, fd, &end, "archive/data.pkl", &pickled, pickled.size);
    add_hole(&a, fd, &end, "archive/version", &version, version.size);
    write_directory(&a, fd, end);
    close(fd);
    buffer_free(&pickled);
    buffer_free(&version);
}

static void a_full_size_file_opens_at_once_and_takes_no_memory(void **state)
{
    (void)state;
    tensor_file f;
    float value = 1;
    write_full_size();
    size_t before = anonymous_bytes();
    double start = clock_now();
    assert_ok(torch_file_open(&f, path, err));
    double seconds = clock_now() - start;
    size_t after = anonymous_bytes();
    assert_int_equal(f.count, 290);
    assert_true(f.map.size > 13400000000);
    assert_true(tensor_read(&f.tensors[f.count - 1], f.tensors[f.count - 1].count - 1, 1, &value) && value == 0);
    tensor_file_close(&f);
    print_message("%.4f s, %zu bytes\n", seconds, after - before);
    if (seconds > 1 || after > before + 100 * 1000 * 1000)
        test_stop(__FILE__, __LINE__, "%.3f s, %zu bytes", seconds, after - before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_dict_equals_its_safetensors_twin),
        cmocka_unit_test(every_form_of_the_file_is_read),
        cmocka_unit_test(views_lie_in_their_storage),
        cmocka_unit_test(folders_with_pytorch_files_open),
        in_folder(tensors_that_do_not_fit_their_storage_are_refused),
        in_folder(what_fits_is_read),
        in_folder(a_name_that_stands_twice_is_refused),
        in_folder(archives_of_other_things_are_refused),
        in_folder(files_that_are_no_archive_are_refused),
        in_folder(a_damaged_pickle_is_told_by_its_checksum),
        in_folder(a_file_cut_off_anywhere_is_refused),
        in_folder(more_tensors_than_a_file_can_hold_are_refused),
        in_folder(many_small_tensors_open),
        in_folder(a_full_size_file_opens_at_once_and_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
