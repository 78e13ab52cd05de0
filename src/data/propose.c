/* propose.c: see propose.h. The question becomes a list of words; rules look at words and at what
 * stands between them. */
#include "data/propose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

/* ---- words ---- */

typedef struct word {
    size_t start, end;     /* code points */
    char small[24];        /* folded, what goes beyond is cut off */
    bool capital, letters; /* begins with a capital; has letters */
    bool joined;           /* nothing but blanks lies between the word before and this */
    bool first;            /* of a sentence */
} word;

typedef struct words {
    word *items;
    size_t count;
} words;

static bool is_word_point(uint32_t point)
{
    return unicode_classes(point) & (CLASS_LETTER | CLASS_MARK | CLASS_NUMBER);
}

/* Apostrophes and hyphens belong to the word that they stand inside of. */
static bool is_inner_point(const char *text, size_t at)
{
    uint32_t point = utf8_next(text, &at);
    return (point == '\'' || point == 0x2019 || point == '-') && text[at] && is_word_point(utf8_next(text, &at));
}

static bool is_capital(uint32_t point)
{
    return unicode_fold((int32_t)point) != (int32_t)point;
}

/* Reads the word at *at, whose first code point is number *count. */
static void read_word(word *w, const char *text, size_t *at, size_t *count)
{
    size_t size = 0, first = *at;
    uint32_t point = utf8_next(text, &first);
    w->start = *count;
    w->capital = is_capital(point);
    for (;;) {
        size_t next = *at;
        char bytes[4];
        if (!text[next])
            break;
        point = utf8_next(text, &next);
        if (!is_word_point(point) && !(*count > w->start && is_inner_point(text, *at)))
            break;
        w->letters |= (unicode_classes(point) & CLASS_LETTER) != 0;
        size_t n = utf8_write((uint32_t)unicode_fold((int32_t)(point == 0x2019 ? '\'' : point)), bytes);
        if (size + n < sizeof w->small) {
            memcpy(w->small + size, bytes, n);
            size += n;
        }
        *at = next;
        ++*count;
    }
    w->small[size] = '\0';
    w->end = *count;
}

static words split(const char *text)
{
    words all = {0};
    bool blank = true, sentence = true;
    size_t at = 0, count = 0;
    while (text[at]) {
        size_t next = at;
        uint32_t point = utf8_next(text, &next);
        if (is_word_point(point)) {
            word w = {.joined = blank && all.count, .first = sentence};
            read_word(&w, text, &at, &count);
            all.items = mem_resize(all.items, all.count + 1, sizeof *all.items);
            all.items[all.count++] = w;
            blank = true;
            sentence = false;
            continue;
        }
        blank = blank && (unicode_classes(point) & CLASS_SPACE);
        sentence = sentence || point == '.' || point == '?' || point == '!' || point == ':';
        at = next;
        count++;
    }
    return all;
}

/* ---- lists ---- */

/* Whether the word stands in a list with blanks around each. */
static bool in(const char *small, const char *list)
{
    char key[32];
    snprintf(key, sizeof key, " %s ", small);
    return strstr(list, key) != NULL;
}

static const char be[] = " is are was were be been being isn't aren't wasn't weren't ";
static const char helpers[] =
    " do does did can could will would should may might must shall don't doesn't didn't can't couldn't "
    "won't wouldn't ";
static const char small_words[] =
    " a an the and or but nor so yet if then than as at by for from in into inside of off on onto over out outside up "
    "down to toward towards with within without under above below behind beside between near next about across after "
    "against along among around before during since through throughout until upon via per like unlike "
    "i you he she it we they me him her us them my your his its our their mine yours hers theirs who whom whose what "
    "which when where why how this that these those there here some any no none each every both all either neither "
    "much many more most less least few several other another such same own "
    "not n't also too very just only even still already ever never always often usually sometimes now today currently "
    "then originally first last once again else away back together apart ago "
    "have has had having haven't hasn't hadn't ";

/* Verbs as questions have them behind a noun, in the forms that the endings do not tell. */
static const char verbs[] =
    " say says said mean means meant stand stands stood play plays come comes came go goes went gone make makes made "
    "get gets got take takes took taken give gives gave given use uses need needs eat eats ate eaten drink drinks "
    "drank live lives grow grows grew grown find finds found see sees saw seen show shows shown wear wears wore worn "
    "hold holds held keep keeps kept sell sells sold buy buys bought build builds built begin begins began begun "
    "become becomes became know knows knew known think thinks thought look looks seem seems belong belongs represent "
    "represents contain contains consist consists include includes occur occurs happen happens originate originates "
    "die dies win wins won lose loses lost run runs ran sit sits sat sleep sleeps fly flies flew flown swim swims swam "
    "travel travels weigh weighs cost costs last lasts serve serves work works fall falls fell fallen lead leads led "
    "write writes wrote written draw draws drew drawn sing sings sang sung speak speaks spoke spoken tell tells told "
    "feel feels felt cut cuts put puts set sets let lets hit hits meet meets met pay pays paid read reads ride rides "
    "rode ridden rise rises rose risen send sends sent spend spends spent teach teaches taught throw throws threw "
    "thrown border borders share shares hunt hunts migrate migrates flow flows reach reaches cross crosses turn turns "
    "move moves help helps cause causes provide provides produce produces require requires function functions operate "
    "operates appear appears exist exists depict depicts symbolize symbolizes symbolise symbolises bear bears bore "
    "born hang hangs hung lie lies lay feed feeds fed breed breeds bred ";

static const char picture_words[] =
    " picture pictures image images photo photos photograph photographs pic snapshot scene ";
static const char kinds[] =
    " type kind sort style breed species brand make piece pair group set kinds types breeds variety form "
    "model bunch number part ";
static const char shown_words[] = " shown seen pictured depicted displayed featured visible ";

static bool is_small(const word *w)
{
    return in(w->small, small_words) || in(w->small, be) || in(w->small, helpers);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* A word behind a noun that looks like a verb or an adverb. */
static bool looks_verbal(const word *w)
{
    return in(w->small, verbs) || (strlen(w->small) > 4 && (ends_with(w->small, "ed") || ends_with(w->small, "ing") ||
                                                             ends_with(w->small, "ly")));
}

static bool looks_plural(const word *w)
{
    return strlen(w->small) > 3 && ends_with(w->small, "s") && !ends_with(w->small, "ss") &&
           !ends_with(w->small, "us") && !ends_with(w->small, "is") && !ends_with(w->small, "'s");
}

/* ---- demonstratives ---- */

/* The last word of the noun phrase whose first is number i: nouns go on up to a small word, a verb, punctuation. In the
 * singular a second word in -s is taken for a verb (this animal eats), in the plural the first one in -s is the noun
 * (these animals eat). */
static size_t noun_phrase_end(const words *all, size_t i, bool plural, bool *at_verb)
{
    enum { MOST = 4 };
    size_t last = i;
    *at_verb = false;
    for (size_t k = i + 1; k < all->count && k < i + MOST && all->items[k].joined && !is_small(&all->items[k]); k++) {
        if (plural && looks_plural(&all->items[last]))
            break;
        *at_verb = looks_verbal(&all->items[k]) || (!plural && looks_plural(&all->items[k]));
        if (*at_verb)
            break;
        last = k;
    }
    return last;
}

/* "this type of plane" goes on behind `of`. */
static size_t with_kind(const words *all, size_t last, bool plural, bool *at_verb)
{
    size_t noun = last + 2;
    if (!in(all->items[last].small, kinds) || noun >= all->count || strcmp(all->items[last + 1].small, "of") != 0 ||
        !all->items[last + 1].joined || !all->items[noun].joined || is_small(&all->items[noun]))
        return last;
    return noun_phrase_end(all, noun, plural, at_verb);
}

/* Behind "does this sign", and at the beginning behind "is this animal", what ends the sentence is no noun any more. */
static bool wants_more(const words *all, size_t i)
{
    const word *before = i ? &all->items[i - 1] : NULL;
    return before && (in(before->small, helpers) || (in(before->small, be) && before->first));
}

/* The noun phrase of the demonstrative i: its last word, or SIZE_MAX where it is none. */
static size_t demonstrative_end(const words *all, size_t i)
{
    const word *w = &all->items[i];
    bool near = in(w->small, " this these "), plural = in(w->small, " these those "), at_verb;
    if (!near && !in(w->small, " that those "))
        return SIZE_MAX;
    if (!near && i && !is_small(&all->items[i - 1])) /* the animal that eats: no demonstrative */
        return SIZE_MAX;
    if (i + 1 == all->count || !all->items[i + 1].joined || is_small(&all->items[i + 1]))
        return near ? i : SIZE_MAX; /* What is this? */
    size_t last = noun_phrase_end(all, i + 1, plural, &at_verb), first = last;
    last = with_kind(all, last, plural, &at_verb);
    if (!at_verb && last == first && last > i + 1 && wants_more(all, i))
        last--;
    return last;
}

/* ---- the ... in the picture ---- */

/* Where "the" stands before a noun phrase that ends with word i; SIZE_MAX: nowhere. */
static size_t find_the(const words *all, size_t i)
{
    enum { MOST = 5 };
    for (size_t k = i, n = 0; n < MOST; k--, n++) {
        if (strcmp(all->items[k].small, "the") == 0)
            return n ? k : SIZE_MAX;
        if ((is_small(&all->items[k]) && strcmp(all->items[k].small, "of") != 0) || !all->items[k].joined || k == 0)
            return SIZE_MAX;
    }
    return SIZE_MAX;
}

/* The first word of "the ... in the picture" or "the ... shown here" that ends with word i; SIZE_MAX: it is none. */
static size_t shown_start(const words *all, size_t i)
{
    const word *w = all->items;
    if (in(w[i].small, picture_words) && i >= 4 && w[i].joined && w[i - 1].joined &&
        in(w[i - 1].small, " the this that these ") && in(w[i - 2].small, " in on of from within inside ") &&
        w[i - 2].joined) {
        size_t noun = i - 3;
        noun -= in(w[noun].small, shown_words) && noun > 0 && w[noun].joined;
        return find_the(all, noun);
    }
    if (in(w[i].small, " here above below ") && i >= 3 && w[i].joined && in(w[i - 1].small, shown_words) &&
        w[i - 1].joined)
        return find_the(all, i - 2);
    if (in(w[i].small, " pictured shown depicted ") && i >= 2 && w[i].joined &&
        (i + 1 == all->count || !w[i + 1].joined))
        return find_the(all, i - 1);
    return SIZE_MAX;
}

/* ---- proposals ---- */

typedef struct list {
    proposal *items;
    size_t count;
} list;

/* Of two that overlap the one that was there stays. */
static void add(list *l, bool textual, size_t start, size_t end)
{
    for (size_t i = 0; i < l->count; i++)
        if (start < l->items[i].end && l->items[i].start < end)
            return;
    l->items = mem_resize(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count++] = (proposal){textual, start, end};
}

static void add_visual(list *l, const words *all)
{
    for (size_t i = 0; i < all->count; i++) {
        size_t first = shown_start(all, i);
        if (first != SIZE_MAX)
            add(l, false, all->items[first].start, all->items[i].end);
    }
    for (size_t i = 0; i < all->count; i++) {
        size_t last = demonstrative_end(all, i);
        if (last != SIZE_MAX)
            add(l, false, all->items[i].start, all->items[last].end);
    }
}

/* ---- quoted and capitalised phrases ---- */

/* The mark that closes what this one opens; 0: it opens nothing. */
static uint32_t closing(uint32_t point)
{
    static const uint32_t pairs[][2] = {{'"', '"'}, {0x201c, 0x201d}, {0x201e, 0x201c}, {0xab, 0xbb}, {0x2018, 0x2019},
                                        {0x300c, 0x300d}, {0x300a, 0x300b}, {'\'', '\''}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][0] == point)
            return pairs[i][1];
    return 0;
}

/* Single quotes open behind a blank and close before what is no letter, as apostrophes do neither. */
static void add_quoted(list *l, const char *text)
{
    uint32_t close = 0, before = ' ';
    size_t start = 0;
    for (size_t at = 0, count = 0; text[at]; count++) {
        uint32_t point = utf8_next(text, &at);
        size_t next = at;
        bool letter = text[at] && is_word_point(utf8_next(text, &next));
        if (close && point == close && !((close == '\'' || close == 0x2019) && letter)) {
            if (count > start)
                add(l, true, start, count);
            close = 0;
        } else if (!close && closing(point) && !is_word_point(before)) {
            close = closing(point);
            start = count + 1;
        }
        before = point;
    }
}

static bool is_name(const word *w)
{
    return w->capital && w->letters && strcmp(w->small, "i") != 0 && strncmp(w->small, "i'", 2) != 0;
}

/* A question in capitals, or with a capital at each word, does not tell names by them. */
static bool capitals_tell(const words *all)
{
    size_t capitals = 0, others = 0;
    for (size_t i = 0; i < all->count; i++) {
        bool inner = is_small(&all->items[i]) && !all->items[i].first;
        capitals += inner && all->items[i].capital;
        others += inner;
    }
    return others == 0 || 2 * capitals < others;
}

/* The last word of a name that begins with word i: capitals, with small words between two of them (Lord
 * of the Rings). */
static size_t name_end(const words *all, size_t i)
{
    static const char inner[] = " of the and de la le du des von van der den di da del y e al el & ";
    size_t last = i;
    for (size_t k = i + 1; k < all->count && k <= last + 3 && all->items[k].joined; k++) {
        if (is_name(&all->items[k]) && !all->items[k].first)
            last = k;
        else if (!in(all->items[k].small, inner))
            break;
    }
    return last;
}

/* What begins a sentence has a capital anyway: it is a name only with another one behind it. */
static void add_capitalised(list *l, const words *all)
{
    static const char orders[] = " name identify tell give describe list guess say find can please according ";
    if (!capitals_tell(all))
        return;
    for (size_t i = 0; i < all->count; i++) {
        const word *w = &all->items[i];
        size_t last = is_name(w) ? name_end(all, i) : i;
        bool begins = w->first && (last == i || is_small(w) || in(w->small, orders));
        if (!is_name(w) || begins || (is_small(w) && last == i))
            continue;
        add(l, true, w->start, all->items[last].end);
        i = last;
    }
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
    const proposal *x = a, *y = b;
    if (x->textual != y->textual)
        return x->textual ? 1 : -1;
    return x->start < y->start ? -1 : x->start > y->start;
}

size_t propose(const char *question, bool has_image, proposal **out)
{
    list l = {0};
    words all = split(question);
    if (has_image)
        add_visual(&l, &all);
    add_quoted(&l, question);
    add_capitalised(&l, &all);
    if (l.count)
        qsort(l.items, l.count, sizeof *l.items, compare);
    free(all.items);
    *out = l.items;
    return l.count;
}
