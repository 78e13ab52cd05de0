/* test_propose.c: which phrases are taken for constraints, in questions as VQA, OK-VQA and people have them. */
#include "tests/support.h"

#include "base/memory.h"
#include "data/phrase.h"
#include "data/propose.h"

/* The proposals with bars between, textual ones in quotes. */
static void assert_proposed(const char *question, bool has_image, const char *wanted)
{
    proposal *found;
    buffer b = {0};
    size_t count = propose(question, has_image, &found);
    for (size_t i = 0; i < count; i++) {
        const char *from = phrase_at(question, found[i].start), *end = phrase_at(question, found[i].end);
        const char *quote = found[i].textual ? "\"" : "";
        buffer_printf(&b, "%s%s%.*s%s", i ? "|" : "", quote, (int)(end - from), from, quote);
    }
    if (strcmp(b.data ? b.data : "", wanted) != 0)
        test_stop(__FILE__, __LINE__, "\"%s\": %s, expected %s", question, b.data ? b.data : "nothing", wanted);
    free(found);
    buffer_free(&b);
}

static void demonstratives_take_their_noun_phrase(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"What is the capital of this country?", "this country"},
        {"What sport can you use this for?", "this"},
        {"Name the type of plant this is?", "this"},
        {"Which part of this meal has the most carbs?", "this meal"},
        {"Could this photo be from a zoo?", "this photo"},
        {"What is this?", "this"},
        {"How fast can this animal run?", "this animal"},
        {"Where does this river originate?", "this river"},
        {"What does this sign mean", "this sign"},
        {"What do these animals eat?", "these animals"},
        {"In which year was this building built?", "this building"},
        {"Is this animal dangerous?", "this animal"},
        {"Is this a wild animal?", "this"},
        {"How tall is this famous tower?", "this famous tower"},
        {"What fabric are these jeans made out of?", "these jeans"},
        {"When was this type of transportation invented?", "this type of transportation"},
        {"What country are these men from?", "these men"},
        {"What is this building located in Paris called?", "this building|\"Paris\""},
        {"Who lives in that house?", "that house"},
        {"Which animal that eats grass is this?", "this"},
        {"Is that tower taller than those trees?", "that tower|those trees"},
        {"What color is this man's shirt?", "this man's shirt"},
        {"THIS COUNTRY HAS WHICH CAPITAL?", "THIS COUNTRY"},
        {"What bird, this one or that?", "this one"},
        {"Who is thisbe?", ""},
        {"How many people are there?", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_proposed(cases[i][0], true, cases[i][1]);
}

static void what_is_in_the_picture(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"What is the name of the animal in the picture?", "the animal in the picture"},
        {"What breed is the dog in this photo?", "the dog in this photo"},
        {"Who wrote the book shown in the image?", "the book shown in the image"},
        {"What is the color of the top of the bus in the photograph?", "the bus in the photograph"},
        {"Where was the man pictured here born?", "the man pictured here"},
        {"How old is the car pictured?", "the car pictured"},
        {"Which animals are in the picture?", ""},
        {"Who took the picture?", ""},
        {"Who is in this picture?", "this picture"},
        {"the in the picture", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_proposed(cases[i][0], true, cases[i][1]);
}

static void names_and_quotations_are_textual(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Which movie directed by Christopher Nolan is this?", "this|\"Christopher Nolan\""},
        {"Who wrote The Lord of the Rings?", "\"The Lord of the Rings\""},
        {"Barack Obama was born where?", "\"Barack Obama\""},
        {"Portugal borders which country?", ""},
        {"Name Spain's capital. Then name Oslo.", "\"Spain's\"|\"Oslo\""},
        {"Which band sang \"Yellow Submarine\"?", "\"Yellow Submarine\""},
        {"Who said \u201cveni, vidi, vici\u201d and 'alea iacta est'?", "\"veni, vidi, vici\"|\"alea iacta est\""},
        {"What's the dogs' colour and the cat's?", ""},
        {"What Is The Capital Of This Country?", "This Country"},
        {"Am I or I'm not in Paris, London or \u00c5land?", "\"Paris\"|\"London\"|\"\u00c5land\""},
        {"\u041a\u0442\u043e \u043d\u0430\u043f\u0438\u0441\u0430\u043b \u00ab\u0412\u043e\u0439\u043d\u0443 \u0438 \u043c\u0438\u0440\u00bb?",
         "\"\u0412\u043e\u0439\u043d\u0443 \u0438 \u043c\u0438\u0440\""},
        {"An open \"quote is none", ""},
        {"\"\" and '' are empty", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_proposed(cases[i][0], true, cases[i][1]);
}

static void without_a_picture_nothing_is_visual(void **state)
{
    (void)state;
    assert_proposed("What is this country's capital, Lisbon or the city in the picture?", false, "\"Lisbon\"");
    assert_proposed("", true, "");
    assert_proposed("this", true, "this");
    assert_proposed("???", true, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demonstratives_take_their_noun_phrase),
        cmocka_unit_test(what_is_in_the_picture),
        cmocka_unit_test(names_and_quotations_are_textual),
        cmocka_unit_test(without_a_picture_nothing_is_visual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
