/* store_write.c: what is put into a store, a transaction each (store.h). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "data/store_parts.h"

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

/* Steps a statement that puts in one row. */
static pb_status put(store *s, sqlite3_stmt *statement, pb_error *err)
{
    pb_status status = sqlite3_step(statement) == SQLITE_DONE ? PB_OK : store_trouble(s, "be written", err);
    sqlite3_reset(statement);
    return status;
}

/* ---- questions ---- */

static bool same_text(const char *a, sqlite3_stmt *row, int column)
{
    const char *b = (const char *)sqlite3_column_text(row, column);
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* *there: whether the store has a question of that number, which then must be this one. */
static pb_status find_question(store *s, const store_question *q, bool *there, pb_error *err)
{
    static const char *const names[] = {"number", "id", "subject", "source", "relation", "question", "image", "row"};
    const char *const texts[] = {NULL, q->id, q->subject, q->source, q->relation, q->question, q->image, q->row};
    sqlite3_stmt *row;
    pb_status status = PB_OK;
    TRY(store_sql(s, SQL_GET_QUESTION, &row, err));
    sqlite3_bind_int64(row, 1, (sqlite3_int64)q->number);
    int step = sqlite3_step(row);
    *there = step == SQLITE_ROW;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        status = store_trouble(s, "be read", err);
    for (int i = 1; *there && i < 8 && !status; i++)
        if (!same_text(texts[i], row, i)) {
            const char *has = (const char *)sqlite3_column_text(row, i);
            status = fail(err, PB_EINVAL,
                          "%s: question %zu of the data set has the %s \"%.200s\" there, here it is \"%.200s\"",
                          s->path, q->number, names[i], has ? has : "", texts[i] ? texts[i] : "");
        }
    sqlite3_reset(row);
    return status;
}

pb_status store_add_within(store *s, const store_question *q, pb_error *err)
{
    const char *const texts[] = {q->id, q->subject, q->source, q->relation, q->question, q->image, q->row};
    sqlite3_stmt *statement;
    bool there;
    TRY(find_question(s, q, &there, err));
    if (there)
        return PB_OK;
    TRY(store_sql(s, SQL_ADD_QUESTION, &statement, err));
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)q->number);
    for (int i = 0; i < 7; i++)
        bind_text(statement, 2 + i, texts[i]);
    pb_status status = put(s, statement, err);
    if (status == PB_EINVAL)
        return fail(err, PB_EINVAL, "%s: question %zu of the data set cannot be put in: its id \"%s\" is another's too",
                    s->path, q->number, q->id ? q->id : "");
    return status;
}

pb_status store_add_questions(store *s, const store_question *questions, size_t count, pb_error *err)
{
    pb_status status = store_run(s, SQL_BEGIN, err);
    for (size_t i = 0; i < count && !status; i++)
        status = store_add_within(s, &questions[i], err);
    return store_end(s, status, err);
}

/* ---- results ---- */

/* The numbers as JSON, so that reading gives the same bits. */
static void list_text(buffer *out, const double *data, size_t count)
{
    char digits[32];
    out->size = 0;
    buffer_add(out, "[", 1);
    for (size_t i = 0; i < count; i++) {
        int n = isnan(data[i])   ? snprintf(digits, sizeof digits, "null")
                : isinf(data[i]) ? snprintf(digits, sizeof digits, data[i] > 0 ? "1e999" : "-1e999")
                                 : snprintf(digits, sizeof digits, "%.17g", data[i]);
        if (i > 0)
            buffer_add(out, ",", 1);
        buffer_add(out, digits, (size_t)n);
    }
    buffer_add(out, "]", 1);
}

static pb_status put_values(store *s, const store_result *r, pb_error *err)
{
    for (size_t i = 0; i < r->value_count; i++) {
        sqlite3_stmt *statement;
        TRY(store_sql(s, SQL_PUT_VALUE, &statement, err));
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)r->question.number);
        bind_text(statement, 2, r->values[i].name);
        sqlite3_bind_double(statement, 3, r->values[i].value); /* NAN becomes NULL */
        TRY(put(s, statement, err));
    }
    return PB_OK;
}

static pb_status put_curves(store *s, const store_result *r, pb_error *err)
{
    for (size_t i = 0; i < r->curve_count; i++) {
        sqlite3_stmt *statement;
        TRY(store_sql(s, SQL_PUT_CURVE, &statement, err));
        list_text(&s->text, r->curves[i].data, r->curves[i].count);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)r->question.number);
        bind_text(statement, 2, r->curves[i].name);
        bind_text(statement, 3, r->curves[i].class);
        sqlite3_bind_text(statement, 4, s->text.data, (int)s->text.size, SQLITE_STATIC);
        TRY(put(s, statement, err));
    }
    return PB_OK;
}

static pb_status put_grids(store *s, const store_result *r, pb_error *err)
{
    for (size_t i = 0; i < r->grid_count; i++) {
        const store_grid *g = &r->grids[i];
        char shape[80];
        size_t numbers = 1, bytes;
        int n = 0;
        sqlite3_stmt *statement;
        TRY(store_sql(s, SQL_PUT_GRID, &statement, err));
        for (size_t d = 0; d < g->dimensions; d++) {
            n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%zu", d ? "," : "[", g->shape[d]);
            if (!size_mul(numbers, g->shape[d], &numbers))
                numbers = SIZE_MAX;
        }
        snprintf(shape + n, sizeof shape - (size_t)n, "]");
        if (!size_mul(numbers, sizeof *g->data, &bytes) || bytes > 1000000000) /* SQLite's own limit */
            return fail(err, PB_EINVAL, "%s: grid %s of shape %s is too large for a store", s->path, g->name, shape);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)r->question.number);
        bind_text(statement, 2, g->name);
        bind_text(statement, 3, shape);
        sqlite3_bind_blob(statement, 4, bytes ? (const void *)g->data : "", (int)bytes, SQLITE_STATIC);
        TRY(put(s, statement, err));
    }
    return PB_OK;
}

/* *new: whether there was none. */
static pb_status put_result(store *s, const store_result *r, bool *new, pb_error *err)
{
    sqlite3_stmt *statement;
    TRY(store_sql(s, SQL_PUT_RESULT, &statement, err));
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)r->question.number);
    bind_text(statement, 2, r->status);
    bind_text(statement, 3, r->reason);
    bind_text(statement, 4, r->answer);
    if (r->correct >= 0)
        sqlite3_bind_int(statement, 5, r->correct != 0);
    sqlite3_bind_double(statement, 6, r->clean_prob);
    sqlite3_bind_double(statement, 7, r->corrupted_prob);
    bind_text(statement, 8, r->detail);
    sqlite3_bind_double(statement, 9, r->seconds);
    sqlite3_bind_double(statement, 10, r->flop);
    TRY(put(s, statement, err));
    *new = sqlite3_changes(s->db) > 0;
    return PB_OK;
}

pb_status store_put_within(store *s, const store_result *r, bool *new, pb_error *err)
{
    TRY(put_result(s, r, new, err));
    if (!*new)
        return PB_OK;
    locale_t before = uselocale(s->numbers);
    pb_status status = put_values(s, r, err);
    if (!status)
        status = put_curves(s, r, err);
    if (!status)
        status = put_grids(s, r, err);
    uselocale(before);
    return status;
}

pb_status store_put(store *s, const store_result *r, pb_error *err)
{
    bool new;
    pb_status status = store_run(s, SQL_BEGIN, err);
    if (!status)
        status = store_put_within(s, r, &new, err);
    return store_end(s, status, err);
}
