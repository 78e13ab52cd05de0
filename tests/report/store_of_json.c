/* store_of_json.c: a store with what a JSON file says, for tests in Python: store_of_json FILE.json STORE.db
 *
 * {"about": {"method", "model", "options", "dataset"}, "questions": [{"id", "subject", "source", "relation", "question",
 *   "image", "row": {...}, "result": {"status", "reason", "answer", "correct", "clean_prob", "corrupted_prob", "detail": {...},
 *   "values": {name: number}, "curves": [{"name", "class", "data"}], "grids": [{"name", "shape", "data"}]}}]}
 *
 * What is left out or null is not there; a null among numbers is NAN. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "data/store.h"

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static double number_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double *numbers_of(const json_t *list)
{
    double *numbers = mem_new(json_array_size(list), sizeof *numbers);
    for (size_t i = 0; i < json_array_size(list); i++)
        numbers[i] = number_of(json_array_get(list, i));
    return numbers;
}

static char *dumped(const json_t *value)
{
    return value ? json_dumps(value, JSON_COMPACT) : NULL;
}

static store_question question_of(const json_t *o, size_t number)
{
    return (store_question){.number = number, .id = text_of(o, "id"), .subject = text_of(o, "subject"),
                            .source = text_of(o, "source"), .relation = text_of(o, "relation"),
                            .question = text_of(o, "question"), .image = text_of(o, "image"),
                            .row = dumped(json_object_get(o, "row"))};
}

static void read_values(store_result *r, json_t *object)
{
    store_value *values = mem_new(json_object_size(object), sizeof *values);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
        values[r->value_count++] = (store_value){name, number_of(value)};
    r->values = values;
}

static void read_curves(store_result *r, const json_t *list)
{
    store_curve *curves = mem_new(json_array_size(list), sizeof *curves);
    for (; r->curve_count < json_array_size(list); r->curve_count++) {
        const json_t *c = json_array_get(list, r->curve_count), *data = json_object_get(c, "data");
        curves[r->curve_count] = (store_curve){text_of(c, "name"), text_of(c, "class"), numbers_of(data), json_array_size(data)};
    }
    r->curves = curves;
}

static void read_grids(store_result *r, const json_t *list)
{
    store_grid *grids = mem_new(json_array_size(list), sizeof *grids);
    for (; r->grid_count < json_array_size(list); r->grid_count++) {
        const json_t *g = json_array_get(list, r->grid_count), *shape = json_object_get(g, "shape");
        store_grid *to = &grids[r->grid_count];
        *to = (store_grid){.name = text_of(g, "name"), .data = numbers_of(json_object_get(g, "data"))};
        for (; to->dimensions < json_array_size(shape); to->dimensions++)
            to->shape[to->dimensions] = (size_t)number_of(json_array_get(shape, to->dimensions));
    }
    r->grids = grids;
}

static pb_status put(store *s, const json_t *o, size_t number, pb_error *err)
{
    const json_t *result = json_object_get(o, "result"), *correct = json_object_get(result, "correct");
    if (!json_is_object(result))
        return PB_OK;
    store_result r = {.question = question_of(o, number), .status = text_of(result, "status"),
                      .reason = text_of(result, "reason"), .answer = text_of(result, "answer"),
                      .correct = json_is_number(correct) ? (int)json_number_value(correct) : -1,
                      .clean_prob = number_of(json_object_get(result, "clean_prob")),
                      .corrupted_prob = number_of(json_object_get(result, "corrupted_prob")),
                      .detail = dumped(json_object_get(result, "detail"))};
    read_values(&r, json_object_get(result, "values"));
    read_curves(&r, json_object_get(result, "curves"));
    read_grids(&r, json_object_get(result, "grids"));
    pb_status status = store_put(s, &r, err);
    for (size_t i = 0; i < r.curve_count; i++)
        free((void *)r.curves[i].data);
    for (size_t i = 0; i < r.grid_count; i++)
        free((void *)r.grids[i].data);
    free((void *)r.values), free((void *)r.curves), free((void *)r.grids);
    free((void *)r.question.row), free((void *)r.detail);
    return status;
}

static pb_status fill(store *s, const json_t *questions, pb_error *err)
{
    size_t count = json_array_size(questions);
    store_question *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = question_of(json_array_get(questions, i), i);
    pb_status status = store_add_questions(s, list, count, err);
    for (size_t i = 0; i < count; i++)
        free((void *)list[i].row);
    free(list);
    for (size_t i = 0; i < count && !status; i++)
        status = put(s, json_array_get(questions, i), i, err);
    return status;
}

static pb_status make(const char *from, const char *to, pb_error *err)
{
    json_t *file;
    store *s;
    TRY(json_read_file(&file, from, err));
    const json_t *o = json_object_get(file, "about");
    const store_about about = {text_of(o, "method"), json_object_get(o, "model"), json_object_get(o, "options"),
                               json_object_get(o, "dataset")};
    pb_status status = store_open_for(&s, to, &about, err);
    if (!status) {
        status = fill(s, json_object_get(file, "questions"), err);
        store_close(s);
    }
    json_decref(file);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err = {0};
    if (argc == 3 && make(argv[1], argv[2], &err) == PB_OK)
        return 0;
    fprintf(stderr, "store_of_json: %s\n", argc == 3 ? err.message : "FILE.json STORE.db");
    return 1;
}
