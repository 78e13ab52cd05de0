/* test_prompt.c: rows, spans and classes as tools/goldens/prompts.py works them out from the definitions, and what a
 * request that cannot be met is told. */
#include "tests/support.h"

#include "base/json.h"
#include "base/memory.h"
#include "text/prompt.h"

enum { IMAGE_TOKEN = 9999 };

/* ---- golden cases ---- */

static size_t size_at(const json_t *array, size_t i)
{
    return (size_t)json_number_value(json_array_get(array, i));
}

static prompt_request request_of(const json_t *r, const char **constraints)
{
    const json_t *texts = json_object_get(r, "constraints");
    prompt_request q = {.question = json_string_value(json_object_get(r, "question")),
                        .template_name = json_string_value(json_object_get(r, "template")),
                        .raw = json_string_value(json_object_get(r, "raw")),
                        .prefill = json_string_value(json_object_get(r, "prefill")),
                        .constraints = constraints,
                        .constraint_count = json_array_size(texts),
                        .all_occurrences = json_is_true(json_object_get(r, "all")),
                        .image_rows = (size_t)json_number_value(json_object_get(r, "image_rows")),
                        .image_token = IMAGE_TOKEN};
    q.has_image = q.image_rows > 0;
    for (size_t i = 0; i < q.constraint_count; i++)
        constraints[i] = json_string_value(json_array_get(texts, i));
    return q;
}

static void assert_rows(const prompt *p, const json_t *golden)
{
    const json_t *ids = json_object_get(golden, "ids"), *starts = json_object_get(golden, "start"),
                 *ends = json_object_get(golden, "end"), *classes = json_object_get(golden, "classes");
    assert_string_equal(p->text, json_string_value(json_object_get(golden, "text")));
    assert_int_equal(p->length, json_array_size(ids));
    assert_int_equal(p->has_bos, json_is_true(json_object_get(golden, "has_bos")));
    assert_int_equal(p->question_start, size_at(json_object_get(golden, "question"), 0));
    assert_int_equal(p->question_end, size_at(json_object_get(golden, "question"), 1));
    for (size_t i = 0; i < p->length; i++) {
        assert_int_equal(p->ids[i], size_at(ids, i));
        if (size_at(starts, i) < size_at(ends, i) || p->start[i] < p->end[i]) { /* empty ranges are all alike */
            assert_int_equal(p->start[i], size_at(starts, i));
            assert_int_equal(p->end[i], size_at(ends, i));
        }
        assert_string_equal(prompt_class(p, i), json_string_value(json_array_get(classes, i)));
    }
}

static void assert_span(const prompt *p, const char *name, const json_t *positions)
{
    span s;
    if (json_is_null(positions)) {
        assert_fails(prompt_span(p, name, &s, err), PB_EINVAL, name);
        return;
    }
    assert_ok(prompt_span(p, name, &s, err));
    assert_int_equal(s.count, json_array_size(positions));
    for (size_t i = 0; i < s.count; i++)
        assert_int_equal(s.positions[i], size_at(positions, i));
    span_free(&s);
}

static tokenizer *open_golden(const char *name)
{
    tokenizer *t;
    char *directory = path_join(GOLDEN("text/golden/prompt"), name);
    assert_ok(tokenizer_open(&t, directory, err));
    free(directory);
    return t;
}

static void assert_case(const json_t *golden)
{
    const char *constraints[3], *name;
    json_t *positions;
    prompt p;
    tokenizer *t = open_golden(json_string_value(json_object_get(golden, "tokenizer")));
    prompt_request q = request_of(json_object_get(golden, "request"), constraints);
    assert_ok(prompt_build(&p, t, &q, err));
    assert_rows(&p, golden);
    json_object_foreach(json_object_get(golden, "spans"), name, positions)
        assert_span(&p, name, positions);
    for (size_t i = 0; i < q.constraint_count; i++)
        assert_string_equal(p.constraint_texts[i], constraints[i]);
    prompt_free(&p);
    tokenizer_free(t);
}

static void rows_spans_and_classes_follow_the_definitions(void **state)
{
    (void)state;
    json_t *root, *cases = NULL;
    assert_ok(json_read_file(&root, GOLDEN("text/golden/prompt/cases.json"), err));
    assert_ok(json_get_array(root, "cases", &cases, "cases.json", err));
    assert_true(json_array_size(cases) > 50);
    for (size_t i = 0; i < json_array_size(cases); i++)
        assert_case(json_array_get(cases, i));
    json_decref(root);
}

/* ---- templates ---- */

static char *rendered(prompt_request q)
{
    tokenizer *t = open_golden("gpt2");
    prompt p;
    q.image_token = -1;
    assert_ok(prompt_build(&p, t, &q, err));
    char *text = mem_text(p.text);
    prompt_free(&p);
    tokenizer_free(t);
    return text;
}

static void assert_rendered(prompt_request q, const char *expected)
{
    char *text = rendered(q);
    assert_string_equal(text, expected);
    free(text);
}

static void without_an_image_its_tag_and_newline_drop_out(void **state)
{
    (void)state;
    assert_rendered((prompt_request){.template_name = "paper", .question = "Q"},
                    "USER: Q? Answer in a few words.\nASSISTANT:");
    assert_rendered((prompt_request){.template_name = "llava", .question = "Q?"}, "USER: Q? ASSISTANT:");
    assert_rendered((prompt_request){.template_name = "flags", .question = "Q?"},
                    "USER:Q? Answer in a few words.\nASSISTANT:");
    assert_rendered((prompt_request){.raw = "a <image>\nb"}, "a b");
    assert_rendered((prompt_request){.raw = "a <image>b"}, "a b");
}

static void the_papers_question_ends_with_one_mark(void **state)
{
    (void)state;
    static const char *const asked[] = {"Q", "Q?", "Q??", "Q ", "Q? ", "Q?\n"};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_rendered((prompt_request){.template_name = "paper", .question = asked[i]},
                        "USER: Q? Answer in a few words.\nASSISTANT:");
    assert_rendered((prompt_request){.template_name = "llava", .question = "Q??"}, "USER: Q?? ASSISTANT:");
}

static void a_prefill_is_joined_by_one_space(void **state)
{
    (void)state;
    assert_rendered((prompt_request){.template_name = "plain", .question = "Q", .prefill = "The"}, "Q The");
    assert_rendered((prompt_request){.template_name = "plain", .question = "Q", .prefill = " The"}, "Q The");
    assert_rendered((prompt_request){.template_name = "plain", .question = "Q ", .prefill = "The "}, "Q The ");
    assert_rendered((prompt_request){.template_name = "plain", .question = "Q", .prefill = ""}, "Q");
    assert_rendered((prompt_request){.raw = "Q", .prefill = "The"}, "Q The");
}

static void a_question_may_look_like_a_template(void **state)
{
    (void)state;
    assert_rendered((prompt_request){.template_name = "llava", .question = "{question} %s <image"},
                    "USER: {question} %s <image ASSISTANT:");
}

/* ---- what is refused ---- */

static void refused(prompt_request q, const char *words)
{
    tokenizer *t = open_golden("llama");
    prompt p;
    q.image_rows = 2;
    q.image_token = 2; /* "</s>" */
    assert_fails(prompt_build(&p, t, &q, err), PB_EINVAL, words);
    assert_null(p.text);
    assert_null(p.ids);
    prompt_free(&p);
    tokenizer_free(t);
}

static void requests_that_cannot_be_met_say_why(void **state)
{
    (void)state;
    refused((prompt_request){.template_name = "lava", .question = "Q"},
            "unknown template \"lava\", expected one of paper, llava, vicuna, bunny, flags, plain");
    refused((prompt_request){.question = "Q"}, "unknown template");
    static const char *const blank[] = {NULL, "", " ", "\n\t "};
    for (size_t i = 0; i < 4; i++)
        refused((prompt_request){.template_name = "paper", .question = blank[i]}, "the question is empty");
    refused((prompt_request){.raw = ""}, "the prompt is empty");
    refused((prompt_request){.template_name = "llava", .question = "a <image> b"}, "question \"a <image> b\" contains <image>");
    refused((prompt_request){.template_name = "llava", .question = "a", .prefill = "<image>"}, "prefill \"<image>\" contains");
    refused((prompt_request){.template_name = "vicuna", .question = "a", .has_image = true},
            "the template \"vicuna\" has no <image>, but an image is given");
    refused((prompt_request){.template_name = "plain", .question = "a", .has_image = true},
            "the template \"plain\" has no <image>, but an image is given");
    refused((prompt_request){.raw = "a", .has_image = true}, "the prompt \"a\" has no <image>, but an image is given");
    refused((prompt_request){.raw = "<image><image>", .has_image = true}, "more than one <image>");
    refused((prompt_request){.raw = "<image> <image>"}, "more than one <image>");
    refused((prompt_request){.raw = "a </s>"}, "writes out the token 2, which stands for the image");
    refused((prompt_request){.template_name = "llava", .question = "a\xc3("}, "the prompt is not valid UTF-8 at byte 7");
    refused((prompt_request){.raw = "\xed\xa0\x80"}, "the prompt is not valid UTF-8 at byte 0");
}

static void refused_constraint(const char *template_name, const char *question, const char *constraint,
                               const char *words)
{
    refused((prompt_request){.template_name = template_name, .question = question, .constraints = &constraint,
                             .constraint_count = 1},
            words);
}

static void a_constraint_that_does_not_occur_shows_the_question(void **state)
{
    (void)state;
    refused_constraint("paper", "What is this?", "that", "constraint \"that\" does not occur in the question \"What is this?\"");
    refused_constraint("paper", "What is this?", "USER", "does not occur"); /* the template's word */
    refused_constraint("paper", "What is this", "this?", "does not occur"); /* nor its question mark */
    refused_constraint("plain", "Stra\xc3\x9f" "e", "strasse", "does not occur");
    refused_constraint("plain", "What is this?", "", "a constraint is empty, expected words of the question \"What is this?\"");
    refused_constraint("plain", "What is this?", " ", "a constraint is empty");
    refused_constraint("plain", "What is this?", "\xff", "the constraint is not valid UTF-8");
    refused((prompt_request){.raw = "a <image> b", .has_image = true, .constraints = (const char *[]){"<image>"},
                             .constraint_count = 1},
            "does not occur in the prompt \"a <image> b\"");
    refused((prompt_request){.template_name = "plain", .question = "Q", .prefill = "The capital",
                             .constraints = (const char *[]){"capital"}, .constraint_count = 1},
            "does not occur"); /* the prefill counts only with all occurrences */
}

/* The same words twice: the first place, the second, and places where they do not stand. */
static void a_constraint_may_be_given_by_its_place(void **state)
{
    (void)state;
    static const char *const constraints[] = {"the capital", "country"};
    static const char question[] = "Caf\xc3\xa9: Is the capital of this country the capital?";
    tokenizer *t = open_golden("llama");
    size_t starts[] = {37, CONSTRAINT_ANYWHERE};
    prompt_request q = {.template_name = "llava", .question = question, .constraints = constraints, .constraint_count = 2,
                        .constraint_starts = starts};
    prompt first, second;
    assert_ok(prompt_build(&second, t, &q, err));
    starts[0] = 9;
    q.all_occurrences = true; /* a place is one place all the same */
    assert_ok(prompt_build(&first, t, &q, err));
    assert_int_equal(first.constraints[0].count, second.constraints[0].count);
    assert_true(first.constraints[0].positions[0] < first.constraints[1].positions[0]);
    assert_true(second.constraints[0].positions[0] > second.constraints[1].positions[0]);
    assert_true(prompt_overlaps(&second, second.constraints[0].positions[0], second.question_start + 37,
                                second.question_start + 38));
    prompt_free(&first);
    prompt_free(&second);
    tokenizer_free(t);
    const size_t wrong[] = {8, 10, 38, 48, 49, SIZE_MAX - 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        starts[0] = wrong[i];
        refused(q, "the constraint \"the capital\" does not begin at character ");
    }
    q.raw = question;
    refused(q, "but a whole prompt is given");
}

/* ---- span expressions ---- */

static prompt sample(tokenizer *t)
{
    static const char *const constraints[] = {"this country"};
    prompt_request q = {.template_name = "llava", .question = "What is the capital of this country?", .has_image = true,
                        .image_rows = 3, .image_token = IMAGE_TOKEN, .constraints = constraints, .constraint_count = 1};
    prompt p;
    assert_ok(prompt_build(&p, t, &q, err));
    return p;
}

static void unions_are_ascending_without_repeats(void **state)
{
    (void)state;
    tokenizer *t = open_golden("llama");
    prompt p = sample(t);
    span s;
    assert_ok(prompt_span(&p, "last,1:3,bos,2:4,0:1", &s, err));
    assert_int_equal(s.count, 5);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s.positions[i], i);
    assert_int_equal(s.positions[4], p.length - 1);
    assert_true(span_has(&s, 3) && span_has(&s, p.length - 1));
    assert_false(span_has(&s, 4));
    span_free(&s);
    span_free(NULL);
    span all;
    assert_ok(prompt_span(&p, "text,image", &s, err));
    assert_ok(prompt_span(&p, "all", &all, err));
    assert_int_equal(s.count, all.count);
    span_free(&s);
    span_free(&all);
    prompt_free(&p);
    tokenizer_free(t);
}

static void spans_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "unknown span \"\""},
        {"last,", "unknown span \"\""},
        {"lasts", "unknown span \"lasts\", expected bos, image, text, constraint"},
        {"last ", "unknown span \"last \""},
        {"constraint:", "unknown span \"constraint:\""},
        {"constraint:x", "expected constraint:0"},
        {"constraint:1", "\"constraint:1\" is out of range: constraints given: 1"},
        {"3", "\"3\" is no range, expected a:b"},
        {"3:", "\"3:\" is no range"},
        {"1:2:3", "is no range"},
        {"1:2x", "is no range"},
        {"-1:2", "unknown span \"-1:2\""},
        {"99999999999999999999999:3", "is no range"},
        {"2:2", "\"2:2\" is empty"},
        {"3:2", "\"3:2\" is empty"},
        {"0:1000", "\"0:1000\" is out of range: the prompt has"},
    };
    tokenizer *t = open_golden("llama");
    prompt p = sample(t);
    span s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(prompt_span(&p, bad[i][0], &s, err), PB_EINVAL, bad[i][1]);
    assert_null(s.positions);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) { /* most of it without a prompt; what another one may have is none's fault */
        if (strstr(bad[i][1], "out of range"))
            assert_ok(span_check(bad[i][0], err));
        else
            assert_fails(span_check(bad[i][0], err), PB_EINVAL, bad[i][1]);
    }
    assert_ok(span_check("constraint:7,bos,control,100:200", err));
    assert_ok(span_check(NULL, err));
    prompt_free(&p);
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_spans_and_classes_follow_the_definitions),
        cmocka_unit_test(without_an_image_its_tag_and_newline_drop_out),
        cmocka_unit_test(the_papers_question_ends_with_one_mark),
        cmocka_unit_test(a_prefill_is_joined_by_one_space),
        cmocka_unit_test(a_question_may_look_like_a_template),
        cmocka_unit_test(requests_that_cannot_be_met_say_why),
        cmocka_unit_test(a_constraint_that_does_not_occur_shows_the_question),
        cmocka_unit_test(a_constraint_may_be_given_by_its_place),
        cmocka_unit_test(unions_are_ascending_without_repeats),
        cmocka_unit_test(spans_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
