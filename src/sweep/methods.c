/* methods.c: which methods a sweep knows. See job.h. */
#include "sweep/methods.h"

static const sweep_method methods[] = {
    [PB_SWEEP_TRACE] = {"trace", true, false, sweep_trace_options, sweep_trace, sweep_trace_work, sweep_trace_foresee},
    [PB_SWEEP_FLOW] = {"flow", true, false, sweep_flow_options, sweep_flow, sweep_flow_work, sweep_flow_foresee},
    [PB_SWEEP_KNOCKOUT] = {"knockout", true, false, sweep_knockout_options, sweep_knockout, sweep_knockout_work,
                           sweep_knockout_foresee},
    [PB_SWEEP_EDIT] = {"edit", false, true, sweep_edit_options, sweep_edit, sweep_edit_work, sweep_edit_foresee},
    [PB_SWEEP_ASK] = {"ask", false, false, sweep_ask_options, sweep_ask_question, sweep_ask_work, NULL},
};

const sweep_method *sweep_method_of(const pb_sweep_options *o)
{
    return &methods[o->method];
}
