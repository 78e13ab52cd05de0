/* commands.h: ways to run a model through the public interface, as one list: what holds of all of them is tested of each. */
#ifndef TESTS_API_COMMANDS_H
#define TESTS_API_COMMANDS_H

#include "patchbay/patchbay.h"

#include "tests/support.h"

/* Runs the model on a question, and forgets what came of it. memory: the budget in bytes, 0: the default. */
typedef pb_status command(pb_model *m, const pb_question *q, size_t memory, pb_error *err);

static pb_status ask_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_answer *a;
    pb_run_options run = {.memory = memory};
    TRY(pb_ask(&a, m, q, 8, 5, &run, err));
    pb_answer_free(a);
    return PB_OK;
}

static pb_status trace_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_trace *t;
    pb_trace_options o = pb_trace_defaults();
    o.run.memory = memory;
    TRY(pb_trace_run(&t, m, q, &o, err));
    pb_trace_free(t);
    return PB_OK;
}

static pb_status attribute_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_attribute *a;
    pb_attribute_options o = pb_attribute_defaults();
    o.trace.run.memory = memory;
    TRY(pb_attribute_run(&a, m, q, &o, err));
    pb_attribute_free(a);
    return PB_OK;
}

static pb_status knock_out(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_knockout *k;
    pb_knockout_options o = pb_knockout_defaults();
    o.run.memory = memory;
    TRY(pb_knockout_run(&k, m, q, &o, err));
    pb_knockout_free(k);
    return PB_OK;
}

static pb_status flow_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_flow *f;
    pb_flow_options o = pb_flow_defaults();
    o.run.memory = memory;
    TRY(pb_flow_run(&f, m, q, &o, err));
    pb_flow_free(f);
    return PB_OK;
}

static pb_status lens_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_lens *l;
    pb_lens_options o = pb_lens_defaults();
    o.run.memory = memory;
    TRY(pb_lens_run(&l, m, q, &o, err));
    pb_lens_free(l);
    return PB_OK;
}

static pb_status edit_it(pb_model *m, const pb_question *q, size_t memory, pb_error *err)
{
    pb_edit *e;
    pb_edit_options o = pb_edit_defaults();
    pb_edit_request request = {.question = *q, .target = "Paris"};
    o.run.memory = memory;
    TRY(pb_edit_run(&e, m, &request, 1, NULL, 0, &o, err));
    pb_edit_free(e);
    return PB_OK;
}

static const struct {
    const char *name;
    command *run;
} commands[] = {{"ask", ask_it},   {"trace", trace_it}, {"attribute", attribute_it}, {"knockout", knock_out},
                {"flow", flow_it}, {"lens", lens_it},   {"edit", edit_it}};

enum { COMMANDS = sizeof commands / sizeof *commands };

#endif
