/* pattern.c: see pattern.h.
 *
 * An expression becomes a list of steps. Only single characters repeat, so a step never comes back to an earlier one:
 * the matcher's recursion is as deep as the list is long, whatever the text. */
#include "text/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

enum { MOST_STEPS = 4096, MOST_NESTING = 50 };
static const uint32_t no_limit = UINT32_MAX;

/* ---- sets of code points ---- */
typedef struct range {
    uint32_t low, high; /* both inside */
} range;

typedef struct set {
    uint32_t ascii[4]; /* a bit for each of U+0000 to U+007F, before negation */
    range *ranges;     /* the rest */
    size_t count;
    unsigned any;  /* in when it has one of these classes */
    unsigned lack; /* in when it lacks one of these classes: \S, \P{L} */
    bool negated;
} set;

static bool is_ascii(const set *s, uint32_t c)
{
    return s->ascii[c / 32] >> c % 32 & 1;
}

static void set_add(set *s, uint32_t low, uint32_t high)
{
    for (uint32_t c = low; c < 0x80 && c <= high; c++)
        s->ascii[c / 32] |= 1u << c % 32;
    if (high < 0x80)
        return;
    s->ranges = mem_resize(s->ranges, s->count + 1, sizeof *s->ranges);
    s->ranges[s->count++] = (range){low < 0x80 ? 0x80 : low, high};
}

static bool set_by_class(const set *s, uint32_t c)
{
    if (!s->any && !s->lack)
        return false;
    unsigned classes = unicode_classes(c);
    return classes & s->any || ~classes & s->lack;
}

static bool set_has(const set *s, uint32_t c)
{
    bool in = false;
    if (c < 0x80)
        in = is_ascii(s, c);
    for (size_t i = 0; c >= 0x80 && !in && i < s->count; i++)
        in = c >= s->ranges[i].low && c <= s->ranges[i].high;
    if (!in && c >= 0x80)
        in = set_by_class(s, c);
    return in != s->negated;
}

/* Classes decide about ASCII once and for all. */
static void set_finish(set *s)
{
    for (uint32_t c = 0; c < 0x80; c++)
        if (set_by_class(s, c))
            set_add(s, c, c);
}

/* ---- programs ---- */
typedef enum op {
    OP_SET,       /* least to most characters of set, as many as will do */
    OP_SPLIT,     /* the next step, or else the one `far` ahead */
    OP_JUMP,      /* the step `far` ahead */
    OP_AHEAD,     /* what follows up to its OP_END matches here (negated: does not); goes on `far` ahead */
    OP_END        /* matched */
} op;

typedef struct step {
    op op;
    size_t set;
    uint32_t least, most;
    bool possessive, negated;
    size_t far;
} step;

struct pattern {
    step *steps;
    size_t count;
    set *sets;
    size_t set_count;
};

void pattern_free(pattern *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->set_count; i++)
        free(p->sets[i].ranges);
    free(p->sets);
    free(p->steps);
    free(p);
}

static void insert_step(pattern *p, size_t at, step s)
{
    p->steps = mem_resize(p->steps, p->count + 1, sizeof *p->steps);
    memmove(p->steps + at + 1, p->steps + at, (p->count - at) * sizeof *p->steps);
    p->steps[at] = s;
    p->count++;
}

static void add_step(pattern *p, step s)
{
    insert_step(p, p->count, s);
}

/* Takes the set over. */
static void add_set_step(pattern *p, set s)
{
    set_finish(&s);
    p->sets = mem_resize(p->sets, p->set_count + 1, sizeof *p->sets);
    p->sets[p->set_count] = s;
    add_step(p, (step){.op = OP_SET, .set = p->set_count++, .least = 1, .most = 1});
}

pattern *pattern_literal(const char *text, size_t size)
{
    pattern *p = mem_new(1, sizeof *p);
    for (size_t at = 0; at < size;) {
        uint32_t c = utf8_next(text, &at);
        set s = {0};
        set_add(&s, c, c);
        add_set_step(p, s);
    }
    add_step(p, (step){.op = OP_END});
    return p;
}

pattern *pattern_class(unsigned classes)
{
    pattern *p = mem_new(1, sizeof *p);
    add_set_step(p, (set){.any = classes});
    add_step(p, (step){.op = OP_END});
    return p;
}

/* ---- matching ---- */
typedef struct subject {
    const char *text;
    size_t size;
} subject;

static bool match(const pattern *p, const subject *s, size_t pc, size_t at, size_t *end);

/* How many characters of its set stand at *at, `most` at most; moves *at behind them. */
static uint32_t take(const pattern *p, const subject *s, const step *it, size_t *at)
{
    const set *wanted = &p->sets[it->set];
    uint32_t taken = 0;
    while (taken < it->most && *at < s->size) {
        size_t next = *at;
        if (!set_has(wanted, utf8_next(s->text, &next)))
            break;
        *at = next;
        taken++;
    }
    return taken;
}

/* What follows the set step at pc is tried behind all the characters it took, then behind one fewer, and so on. */
static bool match_repeated(const pattern *p, const subject *s, size_t pc, size_t at, size_t *end)
{
    const step *it = &p->steps[pc];
    uint32_t taken = take(p, s, it, &at);
    if (taken < it->least)
        return false;
    while (!match(p, s, pc + 1, at, end)) {
        if (taken == it->least)
            return false;
        at = utf8_before(s->text, at);
        taken--;
    }
    return true;
}

static bool match(const pattern *p, const subject *s, size_t pc, size_t at, size_t *end)
{
    size_t ignored;
    for (;;) {
        const step *it = &p->steps[pc];
        switch (it->op) {
        case OP_SET:
            if (it->least != it->most && !it->possessive)
                return match_repeated(p, s, pc, at, end);
            if (take(p, s, it, &at) < it->least)
                return false;
            pc++;
            break;
        case OP_SPLIT:
            if (match(p, s, pc + 1, at, end))
                return true;
            pc += it->far;
            break;
        case OP_JUMP: pc += it->far; break;
        case OP_AHEAD:
            if (match(p, s, pc + 1, at, &ignored) == it->negated)
                return false;
            pc += it->far;
            break;
        case OP_END: *end = at; return true;
        }
    }
}

bool pattern_find(const pattern *p, const char *text, size_t size, size_t from, size_t *start, size_t *end)
{
    subject s = {text, size};
    for (size_t at = from; at < size; utf8_next(text, &at)) {
        if (match(p, &s, 0, at, end)) {
            *start = at;
            return true;
        }
    }
    return false;
}

/* ---- parsing ---- */
typedef struct parser {
    pattern *p;
    const char *regex;
    size_t size, at;
    bool fold;        /* inside (?i: */
    size_t fold_from; /* its first step */
    unsigned nesting;
    const char *file, *field;
    pb_error *err;
} parser;

static pb_status refuse(const parser *r, const char *what)
{
    return fail(r->err, PB_EUNSUPPORTED, "%s: %s: the expression \"%.*s\" has, at byte %zu, %s", r->file, r->field,
                r->size > 400 ? 400 : (int)r->size, r->regex, r->at, what);
}

static bool sees(const parser *r, const char *text)
{
    size_t n = strlen(text);
    return r->size - r->at >= n && memcmp(r->regex + r->at, text, n) == 0;
}

static bool accepts(parser *r, const char *text)
{
    if (!sees(r, text))
        return false;
    r->at += strlen(text);
    return true;
}

static pb_status parse_property(parser *r, bool complement, set *s)
{
    static const struct {
        const char *name;
        unsigned classes;
    } properties[] = {{"{L}", CLASS_LETTER},      {"{M}", CLASS_MARK},   {"{N}", CLASS_NUMBER},
                      {"{P}", CLASS_PUNCTUATION}, {"{S}", CLASS_SYMBOL}, {"{Letter}", CLASS_LETTER},
                      {"{Number}", CLASS_NUMBER}};
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        if (accepts(r, properties[i].name)) {
            *(complement ? &s->lack : &s->any) |= properties[i].classes;
            return PB_OK;
        }
    }
    return refuse(r, "a property other than L, M, N, P and S");
}

/* The rest of an escape, after its backslash: a class into *s, or one character (*single set). */
static pb_status parse_escape(parser *r, set *s, uint32_t *single, bool *is_single)
{
    if (r->at == r->size)
        return refuse(r, "a backslash with nothing behind it");
    char c = r->regex[r->at++];
    *is_single = false;
    switch (c) {
    case 's': s->any |= CLASS_SPACE; return PB_OK;
    case 'S': s->lack |= CLASS_SPACE; return PB_OK;
    case 'p':
    case 'P': return parse_property(r, c == 'P', s);
    case 'n': *single = '\n'; break;
    case 'r': *single = '\r'; break;
    case 't': *single = '\t'; break;
    default:
        r->at--;
        if ((unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            return refuse(r, "an escape that is not known here");
        r->at++;
        *single = (unsigned char)c;
    }
    *is_single = true;
    return PB_OK;
}

/* One member of a bracketed set: a class, a character, or a range. */
static pb_status parse_member(parser *r, set *s)
{
    uint32_t low, high;
    bool single = true;
    if (accepts(r, "\\"))
        TRY(parse_escape(r, s, &low, &single));
    else if (sees(r, "[") || sees(r, "&&"))
        return refuse(r, "a set inside a set");
    else
        low = utf8_next(r->regex, &r->at);
    if (!single)
        return PB_OK;
    high = low;
    if (sees(r, "-") && r->at + 1 < r->size && r->regex[r->at + 1] != ']') {
        r->at++;
        if (accepts(r, "\\"))
            TRY(parse_escape(r, s, &high, &single));
        else
            high = utf8_next(r->regex, &r->at);
        if (!single || high < low)
            return refuse(r, "a range that does not ascend from a character to a character");
    }
    set_add(s, low, high);
    return PB_OK;
}

static pb_status parse_bracket(parser *r, set *s)
{
    s->negated = accepts(r, "^");
    if (sees(r, "]"))
        return refuse(r, "an empty set");
    while (!accepts(r, "]")) {
        if (r->at == r->size)
            return refuse(r, "a set that does not end");
        TRY(parse_member(r, s));
    }
    return PB_OK;
}

/* (?i: — ASCII letters in both cases, and the two letters beyond ASCII that fold to one. */
static pb_status fold_set(const parser *r, set *s)
{
    if (s->count || s->any || s->lack || s->negated)
        return refuse(r, "something other than ASCII under (?i:");
    for (uint32_t c = 'a'; c <= 'z'; c++) {
        uint32_t upper = c - 'a' + 'A';
        if (!is_ascii(s, c) && !is_ascii(s, upper))
            continue;
        set_add(s, c, c);
        set_add(s, upper, upper);
        if (c == 's')
            set_add(s, 0x17F, 0x17F); /* long s */
        if (c == 'k')
            set_add(s, 0x212A, 0x212A); /* Kelvin sign */
    }
    return PB_OK;
}

/* Ligatures fold to two letters (U+FB01 to fi, U+00DF to ss): those pairs under (?i: match more than two sets can. */
static pb_status check_ligature(const parser *r)
{
    if (r->p->count < r->fold_from + 2 || r->p->steps[r->p->count - 2].op != OP_SET)
        return PB_OK;
    const set *first = &r->p->sets[r->p->steps[r->p->count - 2].set];
    const set *second = &r->p->sets[r->p->steps[r->p->count - 1].set];
    bool ligature = (set_has(first, 's') && (set_has(second, 's') || set_has(second, 't'))) ||
                    (set_has(first, 'f') && (set_has(second, 'f') || set_has(second, 'i') || set_has(second, 'l')));
    return ligature ? refuse(r, "a pair of letters that has a ligature under (?i:") : PB_OK;
}

static pb_status parse_alternatives(parser *r, uint64_t *width);

/* After "(?=" or "(?!". */
static pb_status parse_look_ahead(parser *r, bool negated)
{
    size_t start = r->p->count;
    uint64_t ignored;
    add_step(r->p, (step){.op = OP_AHEAD, .negated = negated});
    TRY(parse_alternatives(r, &ignored));
    add_step(r->p, (step){.op = OP_END});
    r->p->steps[start].far = r->p->count - start;
    return accepts(r, ")") ? PB_OK : refuse(r, "a group that does not end");
}

/* After "(", "(?:" or "(?i:"; *width: its least length. */
static pb_status parse_group(parser *r, bool fold, uint64_t *width)
{
    size_t start = r->p->count;
    bool outside = r->fold;
    if (++r->nesting > MOST_NESTING)
        return refuse(r, "groups too deep in each other");
    if (fold && !outside)
        r->fold_from = start;
    r->fold = outside || fold;
    TRY(parse_alternatives(r, width));
    r->fold = outside;
    r->nesting--;
    if (!accepts(r, ")"))
        return refuse(r, "a group that does not end");
    if (accepts(r, "?")) {
        insert_step(r->p, start, (step){.op = OP_SPLIT, .far = r->p->count - start + 1});
        *width = 0;
    }
    if (sees(r, "?") || sees(r, "*") || sees(r, "+") || sees(r, "{"))
        return refuse(r, "a repeated group");
    return PB_OK;
}

/* {m}, {m,}, {m,n} after the brace; false when it is none of these. */
static bool parse_counts(parser *r, uint32_t *least, uint32_t *most)
{
    size_t at = r->at, digits = 0;
    uint32_t value[2] = {0, no_limit};
    int part = 0;
    for (; at < r->size && r->regex[at] != '}'; at++) {
        char c = r->regex[at];
        if (c == ',' && part == 0 && digits) {
            part = 1;
            digits = 0;
        } else if (c >= '0' && c <= '9' && digits++ < 4) {
            value[part] = (digits == 1 ? 0 : value[part] * 10) + (uint32_t)(c - '0');
        } else {
            return false;
        }
    }
    if (at == r->size || (part == 0 && !digits))
        return false;
    *least = value[0];
    *most = part ? value[1] : value[0];
    r->at = at + 1;
    return *least <= *most;
}

/* The quantifier behind the set just added, if any; *width: the least length. */
static pb_status parse_quantifier(parser *r, uint64_t *width)
{
    step *last = &r->p->steps[r->p->count - 1];
    if (accepts(r, "{")) {
        if (!parse_counts(r, &last->least, &last->most))
            return refuse(r, "counts in braces that are not {m}, {m,} or {m,n}");
        if (sees(r, "+") || sees(r, "?") || sees(r, "*"))
            return refuse(r, "something behind counts in braces");
    } else if (sees(r, "?") || sees(r, "*") || sees(r, "+")) {
        char c = r->regex[r->at++];
        last->least = c == '+' ? 1 : 0;
        last->most = c == '?' ? 1 : no_limit;
        last->possessive = accepts(r, "+");
        if (sees(r, "?") || sees(r, "*") || sees(r, "+") || sees(r, "{"))
            return refuse(r, "a lazy or repeated quantifier");
    }
    *width = last->least;
    return PB_OK;
}

static pb_status parse_set_atom(parser *r, set *s)
{
    uint32_t single;
    bool is_single = true;
    if (accepts(r, "["))
        return parse_bracket(r, s);
    if (accepts(r, "\\")) {
        TRY(parse_escape(r, s, &single, &is_single));
    } else if (accepts(r, ".")) {
        s->negated = true; /* any but a newline */
        single = '\n';
    } else if (strchr("*+?{}^$]", r->regex[r->at])) {
        return refuse(r, "something that is not known here");
    } else {
        single = utf8_next(r->regex, &r->at);
    }
    if (is_single)
        set_add(s, single, single);
    return PB_OK;
}

static pb_status parse_atom(parser *r, uint64_t *width)
{
    *width = 0;
    if (accepts(r, "(?="))
        return parse_look_ahead(r, false);
    if (accepts(r, "(?!"))
        return parse_look_ahead(r, true);
    if (accepts(r, "(?i:"))
        return parse_group(r, true, width);
    if (accepts(r, "(?:"))
        return parse_group(r, false, width);
    if (sees(r, "(?"))
        return refuse(r, "a group of a kind that is not known here");
    if (accepts(r, "("))
        return parse_group(r, false, width);

    set s = {0};
    pb_status status = parse_set_atom(r, &s);
    if (!status && r->fold)
        status = fold_set(r, &s);
    if (status) {
        free(s.ranges);
        return status;
    }
    add_set_step(r->p, s);
    if (r->fold)
        TRY(check_ligature(r));
    return parse_quantifier(r, width);
}

static pb_status parse_sequence(parser *r, uint64_t *width)
{
    *width = 0;
    while (r->at < r->size && !sees(r, "|") && !sees(r, ")")) {
        uint64_t atom;
        TRY(parse_atom(r, &atom));
        *width += atom;
        if (r->p->count > MOST_STEPS)
            return refuse(r, "too many parts");
    }
    return PB_OK;
}

static pb_status parse_alternatives(parser *r, uint64_t *width)
{
    size_t start = r->p->count;
    TRY(parse_sequence(r, width));
    while (accepts(r, "|")) {
        /* first | second  =  SPLIT to second, first, JUMP behind second, second. What stands before the last bar counts
         * as first: it is tried from left to right all the same. */
        uint64_t second;
        insert_step(r->p, start, (step){.op = OP_SPLIT, .far = r->p->count - start + 2});
        size_t jump = r->p->count;
        add_step(r->p, (step){.op = OP_JUMP});
        TRY(parse_sequence(r, &second));
        r->p->steps[jump].far = r->p->count - jump;
        *width = second < *width ? second : *width;
    }
    return PB_OK;
}

pb_status pattern_regex(pattern **out, const char *regex, size_t size, const char *file, const char *field,
                        pb_error *err)
{
    uint64_t width;
    parser r = {.p = mem_new(1, sizeof *r.p), .regex = regex, .size = size, .file = file, .field = field, .err = err};
    pb_status status = parse_alternatives(&r, &width);
    if (!status && r.at < r.size)
        status = refuse(&r, "a parenthesis that was not opened");
    if (!status && !width)
        status = refuse(&r, "alternatives that match no character at all");
    if (status) {
        pattern_free(r.p);
        return status;
    }
    add_step(r.p, (step){.op = OP_END});
    *out = r.p;
    return PB_OK;
}
