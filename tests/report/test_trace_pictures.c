/* test_trace_pictures.c: a made-up trace over its picture: which cells are drawn, in which places, and what the files say of
 * sites on the picture's side. */
#include "tests/support.h"

#include <math.h>

#include "made_up.h"
#include "report/trace_pictures.h"

/* A trace of 6 x 6 image rows, with their pixels, and one of the tower's sites with a class row before 36 patches. */
typedef struct scene {
    made_up m;
    image_area areas[36], tower[37];
    trace_vision vision;
} scene;

static void place(image_area *areas)
{
    for (size_t i = 0; i < 36; i++) {
        double x = (double)(i % 6) * 20, y = (double)(i / 6) * 10;
        areas[i] = (image_area){AREA_PIXELS, x, y, x + 20, y + 10};
    }
}

static void make_vision(scene *s)
{
    trace_vision *g = &s->vision;
    *g = (trace_vision){.name = "vision.blocks.{l}.hook_mlp_out", .part = TRACE_TOWER, .layer_count = 3, .cell_count = 37,
                        .grid = {.site = SITE_MLP_OUT, .heads = 1}};
    g->layers = mem_new(3, sizeof *g->layers);
    g->cells = mem_new(37, sizeof *g->cells);
    g->grid.prob = mem_new(3 * 37, sizeof *g->grid.prob);
    g->grid.logprob = mem_new(3 * 37, sizeof *g->grid.logprob);
    g->grid.restored = mem_new(3, sizeof *g->grid.restored);
    for (size_t l = 0; l < 3; l++)
        g->layers[l] = g->grid.restored[l][0] = g->grid.restored[l][1] = l;
    for (size_t c = 0; c < 37; c++) {
        g->cells[c] = (span){.positions = mem_new(1, sizeof(size_t)), .count = 1};
        g->cells[c].positions[0] = c;
        for (size_t l = 0; l < 3; l++)
            g->grid.prob[l * 37 + c] = c == 8 && l == 1 ? 0.5 : 0.0123;
    }
}

static void scene_make(scene *s, bool tower)
{
    made_up_request q = made_up_usual;
    q.image_rows = 36;
    q.layers = 3;
    q.trace_image = true;
    *s = (scene){0};
    made_up_make(&s->m, &q);
    report_about *about = &s->m.report.about;
    about->image_width = 120;
    about->image_height = 60;
    about->image_areas = s->areas;
    place(s->areas);
    place(s->tower + 1);
    s->tower[0].kind = AREA_CLASS;
    if (!tower)
        return;
    make_vision(s);
    s->m.trace.vision = mem_new(1, sizeof *s->m.trace.vision);
    s->m.trace.vision[0] = s->vision; /* its now: trace_free frees it */
    s->m.trace.vision_count = 1;
    s->m.trace.tower_areas = mem_new(37, sizeof(image_area));
    memcpy(s->m.trace.tower_areas, s->tower, sizeof s->tower);
    s->m.trace.tower_rows = 37;
}

static void every_site_is_drawn_once(void **state)
{
    (void)state;
    scene s;
    trace_pictures p;
    scene_make(&s, true);
    trace_pictures_make(&p, &s.m.report);
    assert_int_equal(p.count, 4); /* three sites of the decoder, one of the tower */
    size_t first = s.m.prompt.image_first;
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(picture_map_rows(&p.maps[k]), 36);
        for (size_t i = 0; i < 36; i++)
            assert_true(p.maps[k].values[i] == s.m.trace.sites[k].prob[first + i]); /* one cell a row of the prompt */
    }
    assert_int_equal(picture_map_rows(&p.maps[3]), 37);
    assert_int_equal(picture_map_strongest(&p.maps[3]), 1);
    assert_true(picture_map_areas(&p.maps[3])[8].left == 20 && picture_map_areas(&p.maps[3])[8].top == 10);
    assert_string_equal(p.maps[3].title, "Tower MLP output restored");
    assert_string_equal(p.scale_title, "p(Lisbon)");
    trace_pictures_free(&p);
    made_up_free(&s.m);
}

/* Spans restored as a whole say nothing of places; nor can anything be placed without the picture. */
static void what_has_no_place_is_not_drawn(void **state)
{
    (void)state;
    scene s;
    trace_pictures p;
    made_up_request q = made_up_usual;
    q.grouped = true;
    scene_make(&s, false);
    s.m.report.about.image_areas = NULL;
    trace_pictures_make(&p, &s.m.report);
    assert_int_equal(p.count, 0);
    trace_pictures_free(&p);
    made_up_free(&s.m);
    made_up_make(&s.m, &q);
    image_area *areas = mem_new(576, sizeof *areas);
    s.m.report.about.image_areas = areas;
    trace_pictures_make(&p, &s.m.report);
    assert_int_equal(p.count, 0);
    trace_pictures_free(&p);
    made_up_free(&s.m);
    free(areas);
}

static void the_files_say_whose_layers_they_are(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, true);
    json_t *o = report_trace_json(&s.m.report), *sites = json_object_get(o, "sites");
    json_t *tower = json_object_get(sites, "vision.blocks.{l}.hook_mlp_out");
    assert_int_equal(json_array_size(json_object_get(tower, "layers")), 3);
    assert_int_equal(json_array_size(json_object_get(tower, "positions")), 37);
    assert_int_equal(json_array_size(json_array_get(json_object_get(tower, "prob"), 2)), 37);
    assert_null(json_object_get(json_object_get(sites, "mlp_out"), "layers"));
    json_decref(o);
    buffer svg = {0}, html = {0};
    report_trace_svg(&s.m.report, &svg);
    report_trace_html(&s.m.report, &html);
    assert_non_null(strstr(svg.data, "Tower MLP output restored"));
    assert_non_null(strstr(html.data, "data-picture-map=\"3\""));
    assert_non_null(strstr(html.data, "\"word\":\"tower row\",\"first\":null"));
    assert_non_null(strstr(html.data, "vision.blocks.{l}.hook_mlp_out</td>")); /* among the strongest cells */
    assert_non_null(strstr(html.data, "tower row 8"));
    buffer_free(&svg), buffer_free(&html);
    made_up_free(&s.m);
}

/* With sites on the picture's side alone there are no rows of tokens to draw. */
static void a_trace_of_the_tower_alone_is_a_report(void **state)
{
    (void)state;
    scene s;
    scene_make(&s, true);
    trace *t = &s.m.trace;
    size_t sites = t->site_count, cells = t->cell_count, layers = t->layer_count;
    buffer svg = {0}, html = {0};
    t->site_count = t->cell_count = t->layer_count = 0;
    report_trace_svg(&s.m.report, &svg);
    report_trace_html(&s.m.report, &html);
    assert_null(strstr(svg.data, "nan"));
    assert_null(strstr(html.data, "data-site="));
    assert_non_null(strstr(html.data, "data-picture-map=\"0\""));
    t->site_count = sites, t->cell_count = cells, t->layer_count = layers;
    buffer_free(&svg), buffer_free(&html);
    made_up_free(&s.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_site_is_drawn_once),
        cmocka_unit_test(what_has_no_place_is_not_drawn),
        cmocka_unit_test(the_files_say_whose_layers_they_are),
        cmocka_unit_test(a_trace_of_the_tower_alone_is_a_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
