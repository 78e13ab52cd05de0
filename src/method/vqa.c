/* vqa.c: see vqa.h. The steps are vqaEval.py's processPunctuation and processDigitArticle, with the lists of its common
 * version; digits are ASCII's. */
#include "method/vqa.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "text/unicode.h"

static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";

static const char *const articles[] = {"a", "an", "the"};

/* A word, and what stands for it. */
typedef struct word_pair {
    const char *from, *to;
} word_pair;

static const word_pair numbers[] = {
    {"none", "0"}, {"zero", "0"}, {"one", "1"}, {"two", "2"}, {"three", "3"}, {"four", "4"},
    {"five", "5"}, {"six", "6"}, {"seven", "7"}, {"eight", "8"}, {"nine", "9"}, {"ten", "10"},
};

/* Without those that have capitals, which no small word is, and those that change nothing. "somebody'd" is as there. */
static const word_pair contractions[] = {
    {"aint", "ain't"}, {"arent", "aren't"}, {"cant", "can't"}, {"couldve", "could've"}, {"couldnt", "couldn't"},
    {"couldn'tve", "couldn't've"}, {"couldnt've", "couldn't've"}, {"didnt", "didn't"}, {"doesnt", "doesn't"},
    {"dont", "don't"}, {"hadnt", "hadn't"}, {"hadnt've", "hadn't've"}, {"hadn'tve", "hadn't've"}, {"hasnt", "hasn't"},
    {"havent", "haven't"}, {"hed", "he'd"}, {"hed've", "he'd've"}, {"he'dve", "he'd've"}, {"hes", "he's"},
    {"howd", "how'd"}, {"howll", "how'll"}, {"hows", "how's"}, {"isnt", "isn't"}, {"itd", "it'd"},
    {"itd've", "it'd've"}, {"it'dve", "it'd've"}, {"itll", "it'll"}, {"maam", "ma'am"}, {"mightnt", "mightn't"},
    {"mightnt've", "mightn't've"}, {"mightn'tve", "mightn't've"}, {"mightve", "might've"}, {"mustnt", "mustn't"},
    {"mustve", "must've"}, {"neednt", "needn't"}, {"notve", "not've"}, {"oclock", "o'clock"}, {"oughtnt", "oughtn't"},
    {"ow's'at", "'ow's'at"}, {"'ows'at", "'ow's'at"}, {"'ow'sat", "'ow's'at"}, {"shant", "shan't"},
    {"shed've", "she'd've"}, {"she'dve", "she'd've"}, {"shouldve", "should've"}, {"shouldnt", "shouldn't"},
    {"shouldnt've", "shouldn't've"}, {"shouldn'tve", "shouldn't've"}, {"somebody'd", "somebodyd"},
    {"somebodyd've", "somebody'd've"}, {"somebody'dve", "somebody'd've"}, {"somebodyll", "somebody'll"},
    {"somebodys", "somebody's"}, {"someoned", "someone'd"}, {"someoned've", "someone'd've"},
    {"someone'dve", "someone'd've"}, {"someonell", "someone'll"}, {"someones", "someone's"},
    {"somethingd", "something'd"}, {"somethingd've", "something'd've"}, {"something'dve", "something'd've"},
    {"somethingll", "something'll"}, {"thats", "that's"}, {"thered", "there'd"}, {"thered've", "there'd've"},
    {"there'dve", "there'd've"}, {"therere", "there're"}, {"theres", "there's"}, {"theyd", "they'd"},
    {"theyd've", "they'd've"}, {"they'dve", "they'd've"}, {"theyll", "they'll"}, {"theyre", "they're"},
    {"theyve", "they've"}, {"twas", "'twas"}, {"wasnt", "wasn't"}, {"wed've", "we'd've"}, {"we'dve", "we'd've"},
    {"weve", "we've"}, {"werent", "weren't"}, {"whatll", "what'll"}, {"whatre", "what're"}, {"whats", "what's"},
    {"whatve", "what've"}, {"whens", "when's"}, {"whered", "where'd"}, {"wheres", "where's"}, {"whereve", "where've"},
    {"whod", "who'd"}, {"whod've", "who'd've"}, {"who'dve", "who'd've"}, {"wholl", "who'll"}, {"whos", "who's"},
    {"whove", "who've"}, {"whyll", "why'll"}, {"whyre", "why're"}, {"whys", "why's"}, {"wont", "won't"},
    {"wouldve", "would've"}, {"wouldnt", "wouldn't"}, {"wouldnt've", "wouldn't've"}, {"wouldn'tve", "wouldn't've"},
    {"yall", "y'all"}, {"yall'll", "y'all'll"}, {"y'allll", "y'all'll"}, {"yall'd've", "y'all'd've"},
    {"y'alld've", "y'all'd've"}, {"y'all'dve", "y'all'd've"}, {"youd", "you'd"}, {"youd've", "you'd've"},
    {"you'dve", "you'd've"}, {"youll", "you'll"}, {"youre", "you're"}, {"youve", "you've"},
};

#define COUNT(table) (sizeof table / sizeof *table)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- punctuation ---- */

static bool has_comma_between_digits(const char *text)
{
    for (const char *at = text; *at; at++)
        if (is_digit(at[0]) && at[1] == ',' && is_digit(at[2]))
            return true;
    return false;
}

/* Whether the mark stands beside a space anywhere. */
static bool beside_space(const char *text, char mark)
{
    for (size_t i = 0; text[i]; i++)
        if (text[i] == mark && (text[i + 1] == ' ' || (i && text[i - 1] == ' ')))
            return true;
    return false;
}

static void drop_marks(const char *text, buffer *out)
{
    bool vanish[sizeof marks], comma = has_comma_between_digits(text);
    for (size_t i = 0; marks[i]; i++)
        vanish[i] = comma || beside_space(text, marks[i]);
    for (const char *at = text; *at; at++) {
        const char *mark = strchr(marks, *at);
        if (!mark)
            buffer_add(out, at, 1);
        else if (!vanish[mark - marks])
            buffer_text(out, " ");
    }
}

/* In place. The original hands a flag where the number of replacements stands, so 32 are made at most. */
static void drop_full_stops(buffer *b)
{
    enum { MOST = 32 };
    size_t n = 0, dropped = 0;
    for (size_t i = 0; i < b->size; i++) {
        if (b->data[i] == '.' && !is_digit(b->data[i + 1]) && dropped < MOST)
            dropped++;
        else
            b->data[n++] = b->data[i];
    }
    b->size = n;
    if (b->data)
        b->data[n] = '\0';
}

/* ---- words ---- */

static const char *look_up(const word_pair *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].from, word) == 0)
            return table[i].to;
    return word;
}

static void add_word(const char *word, buffer *out)
{
    word = look_up(numbers, COUNT(numbers), word);
    for (size_t i = 0; i < COUNT(articles); i++)
        if (strcmp(articles[i], word) == 0)
            return;
    if (out->size)
        buffer_text(out, " ");
    buffer_text(out, look_up(contractions, COUNT(contractions), word));
}

/* Where Python's split() parts words: at spaces, and at the information separators U+001C to U+001F. */
static bool parts_words(uint32_t point)
{
    return (unicode_classes(point) & CLASS_SPACE) || (point >= 0x1c && point <= 0x1f);
}

/* Adds the words of text[size], in small letters; what is no UTF-8 stays as it is. */
static void add_words(const char *text, size_t size, buffer *out)
{
    buffer word = {0};
    for (size_t at = 0, n; at < size; at += n) {
        uint32_t point;
        char small[4];
        n = utf8_read(text + at, size - at, &point);
        if (n && parts_words(point)) {
            if (word.size)
                add_word(word.data, out);
            buffer_free(&word);
        } else if (n) {
            buffer_add(&word, small, utf8_write((uint32_t)utf8proc_tolower((utf8proc_int32_t)point), small));
        } else {
            n = 1;
            buffer_add(&word, text + at, n);
        }
    }
    if (word.size)
        add_word(word.data, out);
    buffer_free(&word);
}

/* ---- the whole ---- */

/* A copy without the blanks at its ends, newlines and tabs as spaces. free() */
static char *stripped(const char *text)
{
    size_t first = 0, end = strlen(text);
    while (is_blank(text[first]))
        first++;
    while (end > first && is_blank(text[end - 1]))
        end--;
    char *copy = mem_text_n(text + first, end - first);
    for (char *at = copy; *at; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    return copy;
}

void vqa_normalise(const char *text, buffer *out)
{
    buffer plain = {0}, words = {0};
    char *copy = stripped(text);
    drop_marks(copy, &plain);
    drop_full_stops(&plain);
    if (plain.size)
        add_words(plain.data, plain.size, &words);
    buffer_text(out, words.size ? words.data : "");
    buffer_free(&plain);
    buffer_free(&words);
    free(copy);
}

/* The normalised first line. */
static buffer first_line(const char *answer)
{
    buffer b = {0};
    char *line = mem_text_n(answer, strcspn(answer, "\n"));
    vqa_normalise(line, &b);
    free(line);
    return b;
}

bool vqa_contains(const char *answer, const char *accepted)
{
    buffer line = first_line(answer), wanted = {0}, words = {0};
    vqa_normalise(accepted, &wanted);
    buffer_printf(&words, " %s ", line.data);
    buffer found = {0};
    buffer_printf(&found, " %s ", wanted.data);
    bool contains = wanted.size && strstr(words.data, found.data);
    buffer_free(&line);
    buffer_free(&wanted);
    buffer_free(&words);
    buffer_free(&found);
    return contains;
}

bool vqa_same(const char *a, const char *b)
{
    buffer x = first_line(a), y = first_line(b);
    bool same = strcmp(x.data, y.data) == 0;
    buffer_free(&x);
    buffer_free(&y);
    return same;
}
