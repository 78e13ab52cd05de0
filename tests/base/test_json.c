/* test_json.c: broken JSON and fields of the wrong type are told with their file and name. */
#include "tests/support.h"

#include "base/json.h"
#include "base/memory.h"

static json_t *parsed(const char *text)
{
    json_t *object;
    assert_ok(json_parse_object(&object, text, strlen(text), "config.json", err));
    return object;
}

static void broken_json_is_told_with_its_place(void **state)
{
    (void)state;
    json_t *out;
    static const char *const broken[] = {"", "{", "{\"a\":}", "{\"a\":1}}", "\xff", "{\"a\":\"\xff\"}", "{'a':1}",
                                         "{\"a\":1e999}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_fails(json_parse_object(&out, broken[i], strlen(broken[i]), "config.json", err), PB_EFORMAT,
                     "config.json: is not valid JSON (line 1");
        assert_null(out);
    }
    assert_fails(json_parse_object(&out, NULL, 0, "config.json", err), PB_EFORMAT, "not valid JSON");
}

static void what_is_no_object_is_told(void **state)
{
    (void)state;
    json_t *out;
    assert_fails(json_parse_object(&out, "[1]", 3, "config.json", err), PB_EFORMAT,
                 "config.json: holds an array, expected a JSON object");
    assert_fails(json_read_file(&out, "/nowhere/config.json", err), PB_EIO, "/nowhere/config.json");
    assert_null(out);
}

static void deep_json_is_refused(void **state)
{
    (void)state;
    buffer b = {0};
    json_t *out;
    for (int i = 0; i < 10000; i++)
        buffer_text(&b, "{\"a\":");
    buffer_text(&b, "1");
    for (int i = 0; i < 10000; i++)
        buffer_text(&b, "}");
    assert_fails(json_parse_object(&out, b.data, b.size, "config.json", err), PB_EFORMAT, "depth");
    buffer_free(&b);
}

static void a_key_that_stands_twice_is_refused_only_where_asked(void **state)
{
    (void)state;
    json_t *out;
    const char *text = "{\"a\":1,\"a\":2}";
    size_t a = 0;
    assert_fails(json_parse_strict(&out, text, strlen(text), "x", err), PB_EFORMAT, "duplicate");
    out = parsed(text);
    assert_ok(json_get_size(out, "a", &a, "x", err));
    assert_int_equal(a, 2);
    json_decref(out);
}

static void missing_and_null_fields_keep_the_default(void **state)
{
    (void)state;
    json_t *o = parsed("{\"n\":null}"), *child = o;
    for (int i = 0; i < 3; i++) {
        const json_t *object = i == 2 ? NULL : o;
        const char *key = i == 0 ? "n" : "missing", *text = "t";
        size_t size = 7;
        double real = 1.5;
        bool yes = true;
        assert_ok(json_get_size(object, key, &size, "f", err));
        assert_ok(json_get_real(object, key, &real, "f", err));
        assert_ok(json_get_bool(object, key, &yes, "f", err));
        assert_ok(json_get_text(object, key, &text, "f", err));
        assert_ok(json_get_object(object, key, &child, "f", err));
        assert_true(size == 7 && real == 1.5 && yes && !child);
        assert_string_equal(text, "t");
        assert_ok(json_get_array(object, key, &child, "f", err));
        assert_null(child);
    }
    json_decref(o);
}

static void fields_are_read(void **state)
{
    (void)state;
    json_t *o = parsed("{\"size\":4096,\"whole\":2.0,\"real\":1e-5,\"b\":false,\"t\":\"llava\",\"o\":{},\"a\":[],"
                       "\"huge\":1000000000000000019884624838656}"),
           *child;
    size_t size = 0;
    double real = 0;
    bool b = true;
    const char *text = NULL;
    assert_ok(json_get_size(o, "size", &size, "f", err));
    assert_int_equal(size, 4096);
    assert_ok(json_get_size(o, "whole", &size, "f", err));
    assert_int_equal(size, 2);
    assert_ok(json_get_real(o, "real", &real, "f", err));
    assert_true(real == 1e-5);
    assert_ok(json_get_real(o, "huge", &real, "f", err));
    assert_true(real == 1e30);
    assert_ok(json_get_bool(o, "b", &b, "f", err));
    assert_false(b);
    assert_ok(json_get_text(o, "t", &text, "f", err));
    assert_string_equal(text, "llava");
    assert_ok(json_get_object(o, "o", &child, "f", err));
    assert_non_null(child);
    assert_ok(json_get_array(o, "a", &child, "f", err));
    assert_non_null(child);
    json_decref(o);
}

static void wrong_types_name_file_field_found_and_expected(void **state)
{
    (void)state;
    json_t *o = parsed("{\"t\":\"x\",\"n\":1.5,\"neg\":-1,\"huge\":1e300,\"nul\":\"a\\u0000b\",\"a\":[]}"), *child;
    size_t size = 7;
    double real = 7;
    bool b = true;
    const char *text = "t";
    assert_fails(json_get_size(o, "t", &size, "config.json", err), PB_EFORMAT,
                 "config.json: \"t\" is a string, expected a whole number");
    assert_fails(json_get_size(o, "n", &size, "f", err), PB_EFORMAT, "\"n\" is 1.5, expected a whole number");
    assert_fails(json_get_size(o, "neg", &size, "f", err), PB_EFORMAT, "\"neg\" is -1");
    assert_fails(json_get_size(o, "huge", &size, "f", err), PB_EFORMAT, "\"huge\" is 1e+300");
    assert_fails(json_get_real(o, "a", &real, "f", err), PB_EFORMAT, "\"a\" is an array, expected a number");
    assert_fails(json_get_bool(o, "n", &b, "f", err), PB_EFORMAT, "\"n\" is a number, expected true or false");
    assert_fails(json_get_text(o, "n", &text, "f", err), PB_EFORMAT, "\"n\" is a number, expected a string");
    assert_fails(json_get_text(o, "nul", &text, "f", err), PB_EFORMAT, "NUL");
    assert_fails(json_get_object(o, "a", &child, "f", err), PB_EFORMAT, "\"a\" is an array, expected an object");
    assert_fails(json_get_array(o, "t", &child, "f", err), PB_EFORMAT, "\"t\" is a string, expected an array");
    assert_true(size == 7 && real == 7 && b);
    assert_string_equal(text, "t");
    json_decref(o);
}

static void whole_numbers_are_written_as_integers(void **state)
{
    (void)state;
    json_t *object = parsed("{\"start\": 23, \"p\": [0.5, -2, {\"n\": 7e3}], \"big\": 9007199254740993, \"t\": \"1.0\"}");
    char *text = json_text_whole(object, JSON_COMPACT);
    assert_string_equal(text, "{\"start\":23,\"p\":[0.5,-2,{\"n\":7000}],\"big\":9007199254740992.0,\"t\":\"1.0\"}");
    assert_true(json_is_real(json_object_get(object, "start"))); /* the object itself stays as it was read */
    free(text);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_json_is_told_with_its_place),
        cmocka_unit_test(what_is_no_object_is_told),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(a_key_that_stands_twice_is_refused_only_where_asked),
        cmocka_unit_test(missing_and_null_fields_keep_the_default),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(wrong_types_name_file_field_found_and_expected),
        cmocka_unit_test(whole_numbers_are_written_as_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
