/* crew.c: see crew.h. What is said:
 *
 *     worker -> leader   HELLO  the job's identity as JSON        leader -> worker   WORK  questions' numbers, 8 bytes
 *                        RESULT a packed result                                      STOP  no more: say goodbye
 *                        READY  those questions are done
 *                        BYE    a byte that says how, a message
 *
 * A worker says HELLO or READY when it has nothing to do, and is answered with WORK or STOP.
 * STOP may also come while it works. */
#include "sweep/crew.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/process.h"
#include "data/pack.h"

enum { HELLO = 1, RESULT, READY, BYE, WORK, STOP };

/* How a worker ends: at the leader's word or by a signal; or by an error, whose code this is then. */
enum { ENDED = 0, INTERRUPTED = 100 };

#define PATIENCE 0.1 /* seconds between looks at interrupted() */
#define LISTEN 0.01  /* and between looks at messages, while there is work */

/* ---- leading ---- */

typedef struct crew_member {
    bool stopped, gone;  /* it was told to stop; it said goodbye */
    size_t *questions;   /* [count] that it works on, and whose results have not come */
    size_t count;
} crew_member;

typedef struct leading {
    sweep_link *link;
    work_share *work;
    const sweep_sink *sink;
    json_t *identity;
    crew_member *members; /* [link->workers] */
    size_t gone;
    bool stopping, interrupted;
    pb_status status; /* the first failure */
    pb_error *err;
} leading;

static void stop_one(leading *c, size_t worker)
{
    pb_error ignored;
    if (c->members[worker].stopped)
        return;
    c->members[worker].stopped = true;
    c->link->send(c->link, worker, STOP, NULL, 0, &ignored);
}

/* No more work for anybody. */
static void stop_all(leading *c)
{
    c->stopping = true;
    for (size_t i = 0; i < c->link->workers; i++)
        stop_one(c, i);
}

/* The first failure is the one that is told. */
static void note_failure(leading *c, const pb_error *why)
{
    if (!c->status) {
        c->status = why->code;
        if (c->err)
            *c->err = *why;
    }
    stop_all(c);
}

static void give_work(leading *c, size_t worker)
{
    crew_member *m = &c->members[worker];
    pb_error why;
    m->count = c->stopping ? 0 : share_take(c->work, c->link->workers, m->questions);
    if (m->count == 0)
        stop_one(c, worker);
    else if (c->link->send(c->link, worker, WORK, m->questions, m->count * sizeof *m->questions, &why))
        note_failure(c, &why);
}

static void hear_hello(leading *c, const sweep_message *m)
{
    static const char *const parts[] = {"method", "model", "options", "dataset"};
    json_t *theirs = json_loads(m->bytes, 0, NULL);
    pb_error why;
    for (size_t i = 0; i < 4; i++) {
        const json_t *ours = json_object_get(c->identity, parts[i]);
        if (json_equal(ours, json_object_get(theirs, parts[i])))
            continue;
        fail(&why, PB_EINVAL, "process %zu, on host %s, has another %s than the one that leads", m->from,
             json_string_value(json_object_get(theirs, "host")), parts[i]);
        fail_hint(&why, "every machine must find the same checkpoint, data set and patchbay at the paths that are "
                        "given");
        note_failure(c, &why);
        break;
    }
    json_decref(theirs);
    if (!c->status)
        give_work(c, m->from);
}

/* Takes the question off the worker's list; false: it was not on it. */
static bool strike(crew_member *m, size_t question)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->questions[i] == question) {
            memmove(&m->questions[i], &m->questions[i + 1], (--m->count - i) * sizeof *m->questions);
            return true;
        }
    return false;
}

static void hear_result(leading *c, const sweep_message *m)
{
    packed_result r;
    pb_error why;
    pb_status status = result_unpack(&r, m->bytes, m->size, &why);
    if (!status && !strike(&c->members[m->from], r.result.question.number))
        status = fail(&why, PB_EFORMAT, "process %zu sent a result of question %zu, which it does not work on", m->from,
                      r.result.question.number);
    if (!status && !c->status) /* after a failure of the sink nothing more is put in */
        status = c->sink->put(c->sink->context, &r.result, &why);
    if (status)
        note_failure(c, &why);
    packed_result_free(&r);
}

static void hear_bye(leading *c, const sweep_message *m)
{
    int how = m->size > 0 ? (unsigned char)m->bytes[0] : PB_EFORMAT;
    pb_error why;
    c->members[m->from].gone = c->members[m->from].stopped = true;
    c->gone++;
    if (how == INTERRUPTED) {
        c->interrupted = true;
        stop_all(c);
    } else if (how != ENDED) {
        fail(&why, (pb_status)how, "process %zu: %s", m->from, m->size > 1 ? m->bytes + 1 : "");
        note_failure(c, &why);
    }
}

static void hear(leading *c, const sweep_message *m)
{
    if (m->from >= c->link->workers || c->members[m->from].gone)
        return;
    switch (m->kind) {
    case HELLO:
        hear_hello(c, m);
        break;
    case RESULT:
        hear_result(c, m);
        break;
    case READY:
        give_work(c, m->from);
        break;
    case BYE:
        hear_bye(c, m);
        break;
    default:
        break;
    }
}

pb_status crew_lead(sweep_link *l, work_share *work, const store_about *about, const sweep_sink *sink,
                    crew_outcome *outcome, pb_error *err)
{
    leading c = {.link = l, .work = work, .sink = sink, .identity = store_identity(about), .err = err,
                 .members = mem_new(l->workers, sizeof *c.members)};
    for (size_t i = 0; i < l->workers; i++)
        c.members[i].questions = mem_new(share_longest(work), sizeof *c.members[i].questions);
    while (c.gone < l->workers) {
        sweep_message m;
        if (interrupted() && !c.stopping) {
            c.interrupted = true;
            stop_all(&c);
        }
        if (!l->receive(l, PATIENCE, &m))
            continue;
        hear(&c, &m);
        free(m.bytes);
    }
    for (size_t i = 0; i < l->workers; i++)
        free(c.members[i].questions);
    free(c.members);
    json_decref(c.identity);
    outcome->interrupted = c.interrupted;
    return c.status;
}

/* ---- working ---- */

typedef struct working {
    sweep_link *link;
    const crew_worker *worker;
    bool stopped;  /* STOP has come */
    double looked; /* when messages were last looked at */
    buffer packed;
} working;

/* Whether STOP has come: nothing else does while there is work. */
static bool hear_stop(void *context)
{
    working *w = context;
    double now = clock_now();
    sweep_message m;
    if (w->stopped || now - w->looked < LISTEN)
        return w->stopped;
    w->looked = now;
    w->stopped = w->link->receive(w->link, 0, &m);
    if (w->stopped)
        free(m.bytes);
    return w->stopped;
}

static pb_status send_result(void *context, const store_result *r, pb_error *err)
{
    working *w = context;
    w->packed.size = 0;
    result_pack(&w->packed, r);
    return w->link->send(w->link, 0, RESULT, w->packed.data, w->packed.size, err);
}

static pb_status say_hello(const working *w, const store_about *about, pb_error *err)
{
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    json_t *identity = store_identity(about);
    json_object_set_new(identity, "host", json_string(host));
    char *text = json_dumps(identity, JSON_COMPACT | JSON_REAL_PRECISION(17));
    pb_status status = text ? w->link->send(w->link, 0, HELLO, text, strlen(text) + 1, err)
                            : fail(err, PB_EFORMAT, "the sweep's options cannot be written as JSON");
    free(text);
    json_decref(identity);
    return status;
}

/* Runs the questions of a message; a stop on the way is no failure. */
static pb_status work_off(working *w, const sweep_message *m, pb_error *err)
{
    const sweep_sink sink = {send_result, w};
    const stop_listener listener = {hear_stop, w};
    size_t count = m->size / sizeof(size_t), *questions = mem_new(count, sizeof *questions);
    memcpy(questions, m->bytes, count * sizeof *questions);
    stop_listen(&listener);
    pb_status status = w->worker->run(w->worker->context, questions, count, &sink, err);
    stop_listen(NULL);
    free(questions);
    if (w->stopped)
        return PB_OK;
    TRY(status);
    return interrupted() ? PB_OK : w->link->send(w->link, 0, READY, NULL, 0, err);
}

static pb_status work_on(working *w, const store_about *about, pb_error *err)
{
    TRY(say_hello(w, about, err));
    while (!w->stopped && !interrupted()) {
        sweep_message m;
        if (!w->link->receive(w->link, PATIENCE, &m))
            continue;
        w->stopped = m.kind == STOP;
        pb_status status = m.kind == WORK ? work_off(w, &m, err) : PB_OK;
        free(m.bytes);
        TRY(status);
    }
    return PB_OK;
}

pb_status crew_work(sweep_link *l, const store_about *about, const crew_worker *worker, pb_error *err)
{
    working w = {.link = l, .worker = worker};
    pb_error own = {0}, *why = err ? err : &own;
    pb_status status = work_on(&w, about, why);
    char how = (char)(status ? (int)status : w.stopped || !interrupted() ? ENDED : INTERRUPTED);
    buffer bye = {0};
    buffer_add(&bye, &how, 1);
    buffer_add(&bye, status ? why->message : "", status ? strlen(why->message) + 1 : 1);
    pb_error ignored;
    l->send(l, 0, BYE, bye.data, bye.size, &ignored);
    buffer_free(&bye);
    buffer_free(&w.packed);
    return status;
}
