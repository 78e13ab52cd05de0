/* test_file_map.c: a mapped file that becomes shorter is an error that its reader is told of; SIGBUS of others is theirs. */
#define IN_FOLDER_FILE "weights"
#include "tests/in_folder.h"

#include <signal.h>
#include <sys/mman.h>
#include <fcntl.h>

enum { PAGE = 4096, PAGES = 64, SIZE = PAGES * PAGE + 100 };

static void write_file(void)
{
    static unsigned char bytes[SIZE];
    memset(bytes, 7, sizeof bytes);
    assert_ok(file_write_all(path, bytes, sizeof bytes, err));
}

static size_t sum(const unsigned char *bytes, size_t n)
{
    size_t total = 0;
#pragma omp parallel for reduction(+ : total) num_threads(4)
    for (size_t i = 0; i < n; i++)
        total += bytes[i];
    return total;
}

/* ---- another's handler, from before the first mapping ---- */

static struct sigaction watching; /* as the first mapping leaves SIGBUS; cmocka takes it in every test */

static void watch_again(void)
{
    sigaction(SIGBUS, &watching, NULL);
}

static sigjmp_buf elsewhere;
static volatile sig_atomic_t came;

static void theirs(int number)
{
    came = number;
    siglongjmp(elsewhere, 1);
}

/* A byte of a mapping that is not file_map's, whose file ends before it. */
static unsigned char read_beyond(void)
{
    int fd = open(path, O_RDWR | O_CREAT, 0666);
    assert_true(fd >= 0 && ftruncate(fd, PAGE) == 0);
    volatile unsigned char *data = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(data != MAP_FAILED);
    close(fd);
    unsigned char byte = data[PAGE]; /* not reached, or not returned from */
    munmap((void *)(size_t)data, 2 * PAGE);
    return byte;
}

static void a_signal_of_others_goes_to_their_handler(void **state)
{
    (void)state;
    watch_again();
    file_map map;
    write_file();
    assert_ok(file_map_open(&map, path, err));
    char *watched = path;
    path = path_join(folder, "another");
    for (int i = 0; i < 2; i++) {
        came = 0;
        if (sigsetjmp(elsewhere, 1) == 0)
            read_beyond();
        assert_int_equal(came, SIGBUS);
    }
    assert_ok(file_map_check(&map, err));
    free(path);
    path = watched;
    file_map_close(&map);
}

/* ---- files that are mapped ---- */

static void what_is_missing_reads_as_zeros_and_is_told(void **state)
{
    (void)state;
    watch_again();
    file_map map, whole;
    char *other = path_join(folder, "other");
    write_file();
    assert_ok(file_write_all(other, "1234", 4, err));
    assert_ok(file_map_open(&map, path, err));
    assert_ok(file_map_open(&whole, other, err));
    assert_ok(file_map_check(&map, err));
    assert_int_equal(sum(map.data, map.size), 7 * SIZE);
    assert_int_equal(truncate(path, 10 * PAGE), 0);
    assert_ok(file_map_check_at(map.data + 20 * PAGE, err)); /* not yet read */
    assert_int_equal(sum(map.data, 10 * PAGE), 7 * 10 * PAGE);
    assert_int_equal(sum(map.data, map.size), 7 * 10 * PAGE);
    assert_fails(file_map_check(&map, err), PB_EIO, path);
    assert_fails(file_map_check(&map, err), PB_EIO, "became shorter than its 262244 bytes while it was in use");
    assert_fails(file_map_check_at(map.data + map.size - 1, err), PB_EIO, path);
    assert_ok(file_map_check(&whole, err));
    assert_ok(file_map_check_at(whole.data, err));
    assert_ok(file_map_check_at(&map, err));
    file_map_close(&map);
    assert_ok(file_map_check_at(whole.data, err));
    write_file();
    assert_ok(file_map_open(&map, path, err)); /* a mark ends with its mapping */
    assert_ok(file_map_check(&map, err));
    assert_ok(file_map_check_at(map.data, err));
    file_map_close(&map);
    file_map_close(&whole);
    free(other);
}

static void an_end_that_is_lost_within_a_page_is_told(void **state)
{
    (void)state;
    watch_again();
    file_map map;
    write_file();
    assert_ok(file_map_open(&map, path, err));
    assert_int_equal(truncate(path, SIZE - 1), 0);
    assert_int_equal(sum(map.data, map.size), 7 * (SIZE - 1)); /* no signal */
    assert_ok(file_map_check_at(map.data, err));
    assert_fails(file_map_check(&map, err), PB_EIO, path);
    file_map_close(&map);
}

static void a_file_put_in_its_place_is_another(void **state)
{
    (void)state;
    watch_again();
    file_map map;
    write_file();
    assert_ok(file_map_open(&map, path, err));
    assert_ok(file_write_all(path, "short", 5, err)); /* by renaming: what is mapped stays as it is */
    assert_int_equal(sum(map.data, map.size), 7 * SIZE);
    assert_ok(file_map_check(&map, err));
    assert_int_equal(unlink(path), 0);
    assert_ok(file_map_check(&map, err));
    file_map_close(&map);
}

static void a_copy_does_not_change(void **state)
{
    (void)state;
    watch_again();
    file_map map;
    write_file();
    assert_ok(file_map_copy(&map, path, err));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(sum(map.data, map.size), 7 * SIZE);
    assert_ok(file_map_check(&map, err));
    file_map_close(&map);
    assert_ok(file_map_copy(&map, path, err));
    assert_null(map.data);
    file_map_close(&map);
    assert_fails(file_map_copy(&map, folder, err), PB_EIO, "is not a regular file");
}

static file_map opened_again(void)
{
    file_map map;
    watch_again();
    write_file();
    assert_ok(file_map_open(&map, path, err));
    return map;
}

static void asking_ahead_is_harmless(void **state)
{
    (void)state;
    file_map map = opened_again();
    int mine = 3;
    file_map_ahead(map.data + 5, 10);
    file_map_ahead(map.data + PAGE - 1, SIZE - PAGE + 1);
    file_map_ahead(map.data, 0);
    file_map_ahead(&mine, sizeof mine);
    assert_int_equal(sum(map.data, map.size), 7 * SIZE);
    assert_int_equal(truncate(path, 0), 0);
    file_map_ahead(map.data, map.size);
    file_map_close(&map);
}

static void what_has_left_comes_back(void **state)
{
    (void)state;
    file_map map = opened_again();
    int mine = 3;
    for (size_t i = 0; i < 3; i++) {
        file_map_leave(map.data + 5, 10); /* no whole page */
        file_map_leave(map.data + PAGE - 1, SIZE - PAGE + 1);
        file_map_leave(map.data, 0);
        file_map_leave(&mine, sizeof mine);
        assert_int_equal(sum(map.data, map.size), 7 * SIZE);
        file_map_ahead(map.data, map.size);
    }
    assert_int_equal(mine, 3);
    assert_int_equal(truncate(path, PAGE), 0);
    file_map_leave(map.data, map.size);
    assert_int_equal(sum(map.data, map.size), 7 * PAGE);
    assert_fails(file_map_check(&map, err), PB_EIO, "became shorter");
    file_map_leave(map.data, map.size);
    file_map_close(&map);
}

int main(void)
{
    struct sigaction ours = {.sa_handler = theirs};
    file_map first;
    sigaction(SIGBUS, &ours, NULL);
    if (file_map_open(&first, "/proc/self/exe", NULL)) /* from here on SIGBUS is watched */
        return 1;
    sigaction(SIGBUS, NULL, &watching);
    file_map_close(&first);
    const struct CMUnitTest tests[] = {
        in_folder(a_signal_of_others_goes_to_their_handler),
        in_folder(what_is_missing_reads_as_zeros_and_is_told),
        in_folder(an_end_that_is_lost_within_a_page_is_told),
        in_folder(a_file_put_in_its_place_is_another),
        in_folder(a_copy_does_not_change),
        in_folder(asking_ahead_is_harmless),
        in_folder(what_has_left_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
