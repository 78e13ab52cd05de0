/* store_read.c: what a store says, question by question (store.h). */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/store_parts.h"

/* What is shown of one question: the lists grow to the largest question's, the texts and numbers are in the arena. */
typedef struct reader {
    store *s;
    unsigned what;
    store_result shown;
    store_value *values;
    store_curve *curves;
    store_grid *grids;
    size_t values_room, curves_room, grids_room;
    arena memory;
} reader;

/* list[count] is there afterwards. */
static void *room_for_one(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room ? 2 * *room : 16;
    return mem_resize(list, *room, size);
}

static pb_status copy_text(reader *r, sqlite3_stmt *row, int column, const char **out, pb_error *err)
{
    *out = NULL;
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return PB_OK;
    const void *text = sqlite3_column_text(row, column);
    size_t n = (size_t)sqlite3_column_bytes(row, column);
    char *copy;
    if (!text)
        return store_trouble(r->s, "be read", err);
    TRY(arena_try(&r->memory, &copy, n + 1, 1, "a text of the store", err));
    memcpy(copy, text, n);
    copy[n] = '\0';
    *out = copy;
    return PB_OK;
}

static double number_in(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN : sqlite3_column_double(row, column);
}

/* ---- lists of numbers: [0.25,null,-1e999] ---- */

#if LDBL_MANT_DIG == 64
/* The number that eight digits in a row make: neighbours are put together, then pairs, then fours. */
static bool eight_digits(const char *p, uint64_t *value)
{
    uint64_t v;
    for (size_t i = 0; i < 8; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    memcpy(&v, p, sizeof v); /* the first digit in the lowest byte */
    v -= 0x3030303030303030u;
    v = 10 * v + (v >> 8);
    *value = ((v & 0xff000000ff) * 0xf424000000064 + (v >> 16 & 0xff000000ff) * 0x271000000001) >> 32;
    return true;
}
#endif

/* Exactly what strtod gives, several times faster, of the numbers that list_text usually writes; false: not one of
 * them. With a significand of 64 bits, one division (or product) of whole numbers that are exact in it is rounded once;
 * rounding that to a double gives the double nearest to the quotient unless it lies just between two. */
static bool read_plain(const char **at, double *out)
{
#if LDBL_MANT_DIG == 64
    static const long double tens[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                       1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                       1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    const char *p = *at + (**at == '-'), *point = NULL;
    uint64_t digits = 0, eight;
    int exponent, count = 0; /* of digits from the first that is not 0 */
    if (*p < '0' || *p > '9')
        return false;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = p;
            continue;
        }
        digits = 10 * digits + (uint64_t)(*p - '0');
        count += digits != 0;
        for (; digits != 0 && count <= 11 && eight_digits(p + 1, &eight); p += 8, count += 8)
            digits = 100000000 * digits + eight;
    }
    if (count > 19) /* more than fit */
        return false;
    exponent = point ? (int)(point + 1 - p) : 0;
    if (*p == 'e') {
        bool negative = p[1] == '-';
        int given = 0;
        const char *q = p + 1 + (p[1] == '-' || p[1] == '+');
        for (p = q; *p >= '0' && *p <= '9' && p - q < 4; p++)
            given = 10 * given + (*p - '0');
        exponent += negative ? -given : given;
    }
    if (exponent < -27 || exponent > 27)
        return false;
    long double x = exponent < 0 ? (long double)digits / tens[-exponent] : (long double)digits * tens[exponent];
    uint64_t significand;
    memcpy(&significand, &x, sizeof significand);
    if ((significand & 0x7ff) == 0x400)
        return false;
    *out = **at == '-' ? -(double)x : (double)x;
    *at = p;
    return true;
#else
    (void)at;
    (void)out;
    return false;
#endif
}

/* One number or null, behind which *at moves. 1e999 is how infinity is written. */
static bool read_item(const char **at, double *out)
{
    const char *p = *at;
    char *end;
    if (*p == 'n' && strncmp(p, "null", 4) == 0) {
        *out = NAN;
        *at = p + 4;
        return true;
    }
    if ((*p != '-' && (*p < '0' || *p > '9')) || p[1] == 'i' || p[1] == 'n' || p[1] == 'x' || p[1] == 'X')
        return false; /* -inf, 0x1p3: strtod takes them, JSON does not */
    if (read_plain(at, out))
        return true;
    *out = strtod(p, &end);
    *at = end;
    return end != p;
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

/* *out[*count], in the arena. */
static bool read_list(const char *text, double *out, size_t *count)
{
    const char *at = text;
    *count = 0;
    if (*at++ != '[')
        return false;
    if (at[0] == ']')
        return at[1] == '\0';
    for (;;) {
        at = skip_blanks(at);
        if (!read_item(&at, &out[*count]))
            return false;
        ++*count;
        at = skip_blanks(at);
        if (*at == ']')
            return at[1] == '\0';
        if (*at++ != ',')
            return false;
    }
}

static size_t count_commas(const char *text)
{
    size_t n = 0, size = strlen(text); /* with the size known, the loop is done in vectors */
    for (size_t i = 0; i < size; i++)
        n += text[i] == ',';
    return n;
}

static pb_status damaged(const reader *r, const char *what, const char *name, pb_error *err)
{
    return fail(err, PB_EFORMAT, "%s: is damaged: %s %s of question %s cannot be read", r->s->path, what,
                name ? name : "(no name)", r->shown.question.id ? r->shown.question.id : "(no id)");
}

/* ---- the parts of a result ---- */

/* Steps through the rows of a statement for this question; `add` takes each. */
static pb_status each_row(reader *r, int which, pb_status (*add)(reader *r, sqlite3_stmt *row, pb_error *err),
                          pb_error *err)
{
    sqlite3_stmt *row;
    pb_status status = PB_OK;
    int step = SQLITE_DONE;
    TRY(store_sql(r->s, which, &row, err));
    sqlite3_bind_int64(row, 1, (sqlite3_int64)r->shown.question.number);
    while (!status && (step = sqlite3_step(row)) == SQLITE_ROW)
        status = add(r, row, err);
    if (!status && step != SQLITE_DONE)
        status = store_trouble(r->s, "be read", err);
    sqlite3_reset(row);
    return status;
}

static pb_status add_value(reader *r, sqlite3_stmt *row, pb_error *err)
{
    r->values = room_for_one(r->values, r->shown.value_count, &r->values_room, sizeof *r->values);
    store_value *v = &r->values[r->shown.value_count++];
    v->value = number_in(row, 1);
    TRY(copy_text(r, row, 0, &v->name, err));
    return v->name ? PB_OK : damaged(r, "value", NULL, err);
}

static pb_status add_curve(reader *r, sqlite3_stmt *row, pb_error *err)
{
    r->curves = room_for_one(r->curves, r->shown.curve_count, &r->curves_room, sizeof *r->curves);
    store_curve *c = &r->curves[r->shown.curve_count++];
    double *data;
    TRY(copy_text(r, row, 0, &c->name, err));
    TRY(copy_text(r, row, 1, &c->class, err));
    const char *text = (const char *)sqlite3_column_text(row, 2);
    if (!c->name || !c->class || !text)
        return damaged(r, "curve", c->name, err);
    TRY(arena_try(&r->memory, &data, count_commas(text) + 1, sizeof *data, "a curve", err));
    c->data = data;
    return read_list(text, data, &c->count) ? PB_OK : damaged(r, "curve", c->name, err);
}

/* The shape, of 1 to 3 dimensions that are whole numbers and multiply to the array's size. */
static bool read_shape(const char *text, store_grid *g, size_t numbers)
{
    double sizes[3] = {0};
    size_t product = 1;
    if (count_commas(text) > 2 || !read_list(text, sizes, &g->dimensions) || g->dimensions == 0)
        return false;
    for (size_t i = 0; i < g->dimensions; i++) {
        if (!(sizes[i] >= 0 && sizes[i] < 9e15) || sizes[i] != floor(sizes[i]))
            return false;
        g->shape[i] = (size_t)sizes[i];
        if (!size_mul(product, g->shape[i], &product))
            return false;
    }
    return product == numbers;
}

static pb_status add_grid(reader *r, sqlite3_stmt *row, pb_error *err)
{
    r->grids = room_for_one(r->grids, r->shown.grid_count, &r->grids_room, sizeof *r->grids);
    store_grid *g = &r->grids[r->shown.grid_count++];
    *g = (store_grid){0};
    double *data;
    TRY(copy_text(r, row, 0, &g->name, err));
    const char *shape = (const char *)sqlite3_column_text(row, 1);
    const void *bytes = sqlite3_column_blob(row, 2);
    size_t size = (size_t)sqlite3_column_bytes(row, 2);
    if (!g->name || !shape || size % sizeof *data || !read_shape(shape, g, size / sizeof *data))
        return damaged(r, "grid", g->name, err);
    TRY(arena_try(&r->memory, &data, size / sizeof *data + 1, sizeof *data, "a grid", err));
    if (size > 0)
        memcpy(data, bytes, size); /* little-endian, as the library is throughout */
    g->data = data;
    return PB_OK;
}

/* ---- a question ---- */

static pb_status read_question(reader *r, sqlite3_stmt *row, pb_error *err)
{
    store_question *q = &r->shown.question;
    const char **const texts[] = {&q->id, &q->subject, &q->source, &q->relation, &q->question, &q->image};
    q->number = (size_t)sqlite3_column_int64(row, 0);
    for (int i = 0; i < 6; i++)
        TRY(copy_text(r, row, 1 + i, texts[i], err));
    return copy_text(r, row, 15, &q->row, err);
}

static pb_status read_result(reader *r, sqlite3_stmt *row, pb_error *err)
{
    store_result *x = &r->shown;
    TRY(copy_text(r, row, 7, &x->status, err));
    TRY(copy_text(r, row, 8, &x->reason, err));
    TRY(copy_text(r, row, 9, &x->answer, err));
    x->correct = sqlite3_column_type(row, 10) == SQLITE_NULL ? -1 : sqlite3_column_int(row, 10) != 0;
    x->clean_prob = number_in(row, 11);
    x->corrupted_prob = number_in(row, 12);
    x->seconds = sqlite3_column_double(row, 13);
    x->flop = sqlite3_column_double(row, 14);
    return copy_text(r, row, 16, &x->detail, err);
}

static pb_status read_wanted(reader *r, pb_error *err)
{
    if (r->what & STORE_VALUES)
        TRY(each_row(r, SQL_VALUES, add_value, err));
    if (r->what & STORE_CURVES)
        TRY(each_row(r, SQL_CURVES, add_curve, err));
    if (r->what & STORE_GRIDS)
        TRY(each_row(r, SQL_GRIDS, add_grid, err));
    return PB_OK;
}

static pb_status read_parts(reader *r, pb_error *err)
{
    if (!r->shown.status)
        return PB_OK;
    locale_t before = uselocale(r->s->numbers);
    pb_status status = read_wanted(r, err);
    uselocale(before);
    return status;
}

static pb_status read_all(reader *r, sqlite3_stmt *row, pb_error *err)
{
    arena_reset(&r->memory);
    r->shown = (store_result){0};
    TRY(read_question(r, row, err));
    TRY(read_result(r, row, err));
    TRY(read_parts(r, err));
    r->shown.values = r->values;
    r->shown.curves = r->curves;
    r->shown.grids = r->grids;
    return PB_OK;
}

/* Shows the rows of a statement of questions, whose ?3, if any, is bound. While it is at work SQLite keeps the moment
 * that its first row is of, for the other statements too. */
static pb_status show(store *s, sqlite3_stmt *row, unsigned what, size_t *count,
                      pb_status (*see)(void *context, const store_result *r, pb_error *err), void *context,
                      pb_error *err)
{
    reader r = {.s = s, .what = what};
    pb_status status = PB_OK;
    int step = SQLITE_DONE;
    *count = 0;
    sqlite3_bind_int(row, 1, (what & STORE_ROWS) != 0);
    sqlite3_bind_int(row, 2, (what & STORE_DETAILS) != 0);
    while (!status && (step = sqlite3_step(row)) == SQLITE_ROW) {
        ++*count;
        status = read_all(&r, row, err);
        if (!status)
            status = see(context, &r.shown, err);
    }
    if (!status && step != SQLITE_DONE)
        status = store_trouble(s, "be read", err);
    sqlite3_reset(row);
    arena_free(&r.memory);
    free(r.values);
    free(r.curves);
    free(r.grids);
    return status;
}

pb_status store_each(store *s, unsigned what, pb_status (*see)(void *context, const store_result *r, pb_error *err),
                     void *context, pb_error *err)
{
    sqlite3_stmt *row;
    size_t count;
    TRY(store_sql(s, SQL_ALL, &row, err));
    return show(s, row, what, &count, see, context, err);
}

pb_status store_find(store *s, const char *id, unsigned what,
                     pb_status (*see)(void *context, const store_result *r, pb_error *err), void *context,
                     pb_error *err)
{
    sqlite3_stmt *row;
    size_t count;
    TRY(store_sql(s, SQL_BY_ID, &row, err));
    sqlite3_bind_text(row, 3, id, -1, SQLITE_TRANSIENT);
    TRY(show(s, row, what, &count, see, context, err));
    return count ? PB_OK : fail(err, PB_EINVAL, "%s: there is no question %s", s->path, id);
}

pb_status store_show_number(store *s, size_t number, unsigned what, bool *found,
                            pb_status (*see)(void *context, const store_result *r, pb_error *err), void *context,
                            pb_error *err)
{
    sqlite3_stmt *row;
    size_t count;
    TRY(store_sql(s, SQL_BY_NUMBER, &row, err));
    sqlite3_bind_int64(row, 3, (sqlite3_int64)number);
    pb_status status = show(s, row, what, &count, see, context, err);
    *found = count > 0;
    return status;
}

/* ---- counts ---- */

pb_status store_count(store *s, size_t *questions, size_t *done, pb_error *err)
{
    sqlite3_stmt *row;
    TRY(store_sql(s, SQL_COUNT, &row, err));
    if (sqlite3_step(row) != SQLITE_ROW) {
        sqlite3_reset(row);
        return store_trouble(s, "be read", err);
    }
    *questions = (size_t)sqlite3_column_int64(row, 0);
    *done = (size_t)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    return PB_OK;
}

pb_status store_done(store *s, bool *done, size_t count, pb_error *err)
{
    sqlite3_stmt *row;
    int step;
    TRY(store_sql(s, SQL_DONE, &row, err));
    memset(done, 0, count * sizeof *done);
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        sqlite3_int64 number = sqlite3_column_int64(row, 0);
        if (number >= 0 && (size_t)number < count)
            done[number] = true;
    }
    pb_status status = step == SQLITE_DONE ? PB_OK : store_trouble(s, "be read", err);
    sqlite3_reset(row);
    return status;
}
