/* test_stop.c: walks over layers that are told to stop: forward, backward, through the vision tower, along what flows. Each looks at
 * least once a layer, computes nothing after it was told, and leaves the model as it was. */
#include "tests/engine/runs.h"

#include <omp.h>
#include <signal.h>

#include "engine/backward.h"
#include "engine/tower.h"
#include "engine/transfer.h"
#include "tests/stopping.h"

#define PICTURE GOLDEN("data/image/rgb.jpg")

enum { ROWS = 40, FORKS = 60 };

/* A model, and a run of it. */
typedef struct scene {
    model *m;
    decoder *d;
    float *input;
    recording *run;
    picture picture;
} scene;

static int begin(void **state)
{
    scene *s = mem_new(1, sizeof *s);
    s->m = tiny_open(LLAVA);
    s->d = &s->m->decoder;
    s->input = gaussians(ROWS * s->d->config.d_model, 7);
    s->run = record(s->d, s->input, ROWS, NULL);
    assert_ok(picture_open(&s->picture, s->m, PICTURE, err));
    *state = s;
    return 0;
}

static int end(void **state)
{
    scene *s = *state;
    recording_free(s->run);
    picture_free(&s->picture);
    free(s->input);
    model_free(s->m);
    free(s);
    return 0;
}

/* ---- the walks ---- */

/* What a walk said on its way: times that it told of progress, handed something over, or read something out. */
typedef struct heard {
    size_t steps, results;
    bool raises; /* a signal comes at the third step */
} heard;

static void progress(void *context, double share)
{
    heard *h = context;
    (void)share;
    if (++h->steps == 3 && h->raises)
        raise(SIGTERM);
}

static pb_status finished(void *context, replay_fork *const *forks, size_t count, pb_error *err)
{
    heard *h = context;
    (void)forks;
    (void)err;
    h->results += count;
    return PB_OK;
}

/* Forks of the run from its middle on, with another row put in; nothing is recorded: so threads may take chunks apart. */
static pb_status forward(scene *s, heard *h, pb_error *err)
{
    static const size_t position = ROWS / 2;
    const float *row = s->input;
    row_edit put = {.site = SITE_RESID_PRE, .end_layer = 1, .positions = &position, .position_count = 1, .rows = &row};
    replay_fork forks[FORKS];
    for (size_t i = 0; i < FORKS; i++)
        forks[i] = (replay_fork){.base = s->run, .first = position, .end = ROWS, .edits = &put, .edit_count = 1, .read_first = ROWS - 1};
    replay_options options = {.memory = 1 << 22, .finished = finished, .progress = progress, .context = h};
    replay_work work = {0};
    return replay_run(s->d, forks, FORKS, &options, &work, err);
}

static pb_status one_forward(scene *s, heard *h, pb_error *err)
{
    replay_fork f = {.end = ROWS, .input = s->input, .read_first = ROWS - 1};
    replay_options options = {.memory = 1 << 22, .finished = finished, .progress = progress, .context = h};
    replay_work work = {0};
    return replay_run(s->d, &f, 1, &options, &work, err);
}

static void each_gradient(void *context, site s, size_t layer, size_t position, const float *d)
{
    heard *h = context;
    (void)s, (void)layer, (void)position, (void)d;
    h->results++;
}

static pb_status backward(scene *s, heard *h, pb_error *err)
{
    replay_fork f = {.end = ROWS, .input = s->input, .record = s->run, .read_first = ROWS - 1};
    fork_gradient g = {.d_read = s->input, .each = each_gradient, .context = h};
    replay_work work = {0};
    return backward_run(s->d, &f, &g, 1, NULL, 1 << 22, &work, err);
}

static void take(void *context, const transfer *t)
{
    heard *h = context;
    (void)t;
    h->results++;
}

static pb_status along_flows(scene *s, heard *h, pb_error *err)
{
    static const size_t from[] = {1, 2, 5}, to[] = {9, ROWS - 1};
    transfer_pair pair = {s->run, from, to, 3, 2};
    transfer_request t = {.pairs = &pair, .pair_count = 1, .end_layer = s->d->config.layers, .take = take, .progress = progress,
                          .context = h};
    replay_work work = {0};
    return transfer_run(s->d, &t, &work, err);
}

static pb_status up_the_tower(scene *s, heard *h, pb_error *err)
{
    float *rows = zeros(vision_rows(s->m->vision) * s->d->config.d_model);
    tower_fork f = {.pixels = s->picture.pixels, .image_rows = rows};
    (void)h;
    pb_status status = tower_run(s->m->vision, &f, 1, err);
    free(rows);
    return status;
}

static pb_status encode(scene *s, heard *h, pb_error *err)
{
    float *rows = zeros(vision_rows(s->m->vision) * s->d->config.d_model);
    (void)h;
    pb_status status = vision_encode(s->m->vision, s->picture.pixels, rows, err);
    free(rows);
    return status;
}

static pb_status reading_out(scene *s, heard *h, pb_error *err)
{
    float d[512];
    readout row = {.x = s->input, .want = {5, -1}};
    readout_gradient g = {.dx = d};
    assert_true(s->d->config.d_model <= 512);
    (void)h;
    TRY(decoder_readout(s->d, &row, 1, err));
    return decoder_readout_backward(s->d, &row, 1, &g, err);
}

/* ---- tests ---- */

typedef pb_status walk_of(scene *s, heard *h, pb_error *err);

/* Told at each look in turn, it looks no more; told never, it is done as if nobody had listened. */
static void stops_at_every_look(scene *s, walk_of *run, size_t least)
{
    stopping told;
    heard all = {0};
    stop_at(&told, 0);
    assert_ok(run(s, &all, err));
    size_t looks = told.looks;
    assert_true(looks >= least);
    for (size_t n = 1; n <= looks; n++) {
        heard h = {0};
        stop_at(&told, n);
        assert_fails(run(s, &h, err), PB_EINTERRUPTED, "told to stop");
        assert_int_equal(told.looks, n);
        assert_true(h.steps <= all.steps && h.results <= all.results);
    }
    stop_listen(NULL);
    heard again = {0};
    assert_ok(run(s, &again, err));
    assert_int_equal(again.steps, all.steps);
    assert_int_equal(again.results, all.results);
}

static void every_walk_stops(void **state)
{
    scene *s = *state;
    size_t L = s->d->config.layers, tower = vision_used_layers(s->m->vision);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    stops_at_every_look(s, forward, 2 * L); /* before a layer's weights, and before each chunk */
    stops_at_every_look(s, one_forward, 2 * L);
    stops_at_every_look(s, backward, 2 * L);
    stops_at_every_look(s, along_flows, 2 * L);
    stops_at_every_look(s, up_the_tower, tower);
    stops_at_every_look(s, encode, tower);
    stops_at_every_look(s, reading_out, 2);
    omp_set_num_threads(threads);
}

/* Where threads take chunks apart, the one that listens takes those that are left, and the others have none. It looks at least once a
 * layer, however few chunks it gets. */
static void threads_stop_together(void **state)
{
    scene *s = *state;
    int threads = omp_get_max_threads();
    omp_set_num_threads(2);
    for (size_t n = 1; n <= s->d->config.layers; n++) {
        stopping told;
        heard h = {0};
        stop_at(&told, n);
        assert_fails(forward(s, &h, err), PB_EINTERRUPTED, "told to stop");
        assert_int_equal(h.results, 0);
    }
    stop_listen(NULL);
    heard h = {0};
    assert_ok(forward(s, &h, err));
    assert_int_equal(h.results, FORKS);
    omp_set_num_threads(threads);
}

static void ignore(int signal)
{
    (void)signal;
}

/* A signal that comes after the third chunk: no fourth one is computed, whichever threads there are. Where nobody watches, it is
 * no business of the walk. */
static void a_signal_stops_it(void **state)
{
    scene *s = *state;
    int threads = omp_get_max_threads();
    signal(SIGTERM, ignore);
    omp_set_num_threads(1);
    for (int i = 0; i < 2; i++) {
        walk_of *run = i ? forward : along_flows;
        heard watched = {.raises = true}, alone = {.raises = true};
        interrupt_watch();
        assert_fails(run(s, &watched, err), PB_EINTERRUPTED, "told to stop");
        interrupt_release();
        assert_int_equal(watched.steps, 3);
        assert_ok(run(s, &alone, err));
        assert_true(alone.steps > 3);
    }
    omp_set_num_threads(2);
    heard h = {.raises = true};
    interrupt_watch();
    pb_error why;
    pb_status status = forward(s, &h, &why);
    interrupt_release();
    if (h.steps >= 3) { /* only the first thread tells of progress, and may have had few chunks */
        assert_int_equal(status, PB_EINTERRUPTED);
        assert_int_equal(h.results, 0);
    }
    omp_set_num_threads(threads);
    signal(SIGTERM, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_walk_stops, begin, end),
        cmocka_unit_test_setup_teardown(threads_stop_together, begin, end),
        cmocka_unit_test_setup_teardown(a_signal_stops_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
