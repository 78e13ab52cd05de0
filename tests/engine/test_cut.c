/* test_cut.c: which rows lose edges in which layers, and which are left without a source: against a plain count of edges. */
#include "tests/support.h"

#include "base/memory.h"
#include "base/random.h"
#include "engine/cut.h"

enum { ROWS = 9, LAYERS = 4, CUTS = 3 };

typedef struct cut_set {
    edge_cut cuts[CUTS];
    size_t positions[CUTS][2][ROWS];
} cut_set;

static void draw(cut_set *c, random_state *r)
{
    *c = (cut_set){0};
    for (size_t i = 0; i < CUTS; i++) {
        edge_cut *e = &c->cuts[i];
        *e = (edge_cut){random_below(r, LAYERS), 0, {.sources = c->positions[i][0], .destinations = c->positions[i][1]}};
        e->end_layer = e->first_layer + random_below(r, LAYERS + 1 - e->first_layer); /* none, now and then */
        for (size_t p = 0; p < ROWS; p++) {
            if (random_below(r, 4))
                c->positions[i][0][e->edges.source_count++] = p;
            if (random_below(r, 3) == 0)
                c->positions[i][1][e->edges.destination_count++] = p;
        }
    }
}

static bool among(const size_t *list, size_t count, size_t wanted)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == wanted)
            return true;
    return false;
}

static bool is_cut(const cut_set *c, size_t layer, size_t source, size_t destination)
{
    for (size_t i = 0; i < CUTS; i++)
        if (c->cuts[i].first_layer <= layer && layer < c->cuts[i].end_layer &&
            among(c->cuts[i].edges.sources, c->cuts[i].edges.source_count, source) &&
            among(c->cuts[i].edges.destinations, c->cuts[i].edges.destination_count, destination))
            return true;
    return false;
}

static void starved_rows_are_those_without_an_edge(void **state)
{
    (void)state;
    random_state r = random_from(1);
    size_t starved = 0;
    for (size_t n = 0; n < 3000; n++) {
        cut_set c;
        size_t expected = SIZE_MAX, row = 0;
        draw(&c, &r);
        for (size_t i = ROWS; i-- > 0;)
            for (size_t l = 0; l < LAYERS; l++) {
                size_t left = 0;
                for (size_t source = 0; source <= i; source++)
                    left += !is_cut(&c, l, source, i);
                expected = left ? expected : i;
            }
        assert_int_equal(cuts_starve(c.cuts, CUTS, &row), expected != SIZE_MAX);
        assert_true(expected == SIZE_MAX || row == expected);
        starved += expected != SIZE_MAX;
    }
    assert_true(starved > 300 && starved < 2700);
}

static void rows_that_lose_edges_are_destinations_of_a_layers_cuts(void **state)
{
    (void)state;
    random_state r = random_from(2);
    for (size_t n = 0; n < 500; n++) {
        cut_set c;
        draw(&c, &r);
        for (size_t l = 0; l < LAYERS; l++) {
            attention_cut there[CUTS];
            size_t count = cuts_in_layer(c.cuts, CUTS, l, there);
            assert_int_equal(count, cuts_in_layer(c.cuts, CUTS, l, NULL));
            for (size_t p = 0; p < ROWS; p++) {
                bool expected = false;
                for (size_t i = 0; i < count; i++) {
                    bool reached = among(there[i].destinations, there[i].destination_count, p);
                    assert_int_equal(attention_cut_reaches(&there[i], p), reached);
                    expected |= reached;
                }
                assert_int_equal(cuts_touch(c.cuts, CUTS, l, p), expected);
            }
        }
    }
}

static void no_cuts_touch_and_starve_nothing(void **state)
{
    (void)state;
    size_t row;
    const edge_cut none = {0};
    assert_false(cut_is_felt(&none));
    assert_false(cuts_starve(NULL, 0, &row));
    assert_false(cuts_starve(&none, 1, &row));
    assert_false(cuts_touch(&none, 1, 0, 0));
    assert_int_equal(cuts_in_layer(&none, 1, 0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starved_rows_are_those_without_an_edge),
        cmocka_unit_test(rows_that_lose_edges_are_destinations_of_a_layers_cuts),
        cmocka_unit_test(no_cuts_touch_and_starve_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
