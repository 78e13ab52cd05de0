/* together.c: see together.h. */
#include "method/together.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/process.h"

static together_list *list_new(const together_method *m, size_t most)
{
    together_list *l = mem_new(1, m->list_size);
    l->method = m;
    l->of = mem_new(most, sizeof *l->of);
    l->owners = mem_new(most, sizeof *l->owners);
    l->began = clock_now();
    m->open(l, most);
    return l;
}

static void list_free(const together_method *m, together_list *l)
{
    m->close(l);
    free(l->of);
    free(l->owners);
    free(l);
}

static void drop(const together_method *m, together_list *l, size_t job)
{
    m->release(l, job);
    m->forget(l, job);
}

/* Takes a question on, or finds that nothing can be said of it; false: it has to wait. */
static bool take_on(const together_method *m, together_list *l, together_one *one)
{
    if (l->count && !m->has_room(l, one))
        return false;
    one->status = m->prepare(l, one, &one->why);
    bool prepared = !one->status;
    if (prepared)
        one->status = m->join(l, &one->why);
    if (!one->status) {
        l->of[l->count++] = one;
        return true;
    }
    drop(m, l, l->count);
    return !prepared || l->count == 0;
}

static void run_all(const together_method *m, together_list *l)
{
    pb_error why = {0};
    pb_status status = m->run(l, &why);
    for (size_t i = 0; i < l->count; i++)
        status ? drop(m, l, i) : m->release(l, i);
    bool apart = l->count > 1 && status != PB_EINTERRUPTED;
    for (size_t i = 0; status && i < l->count; i++) {
        l->of[i]->status = status;
        l->of[i]->why = why;
        if (apart)
            together_some(m, l->of[i], 1);
    }
}

size_t together_some(const together_method *m, together_one *first, size_t n)
{
    together_list *l = list_new(m, n);
    size_t taken = 0;
    while (taken < n && take_on(m, l, (together_one *)((char *)first + taken * m->one_size)))
        taken++;
    if (l->count)
        run_all(m, l);
    list_free(m, l);
    return taken;
}

pb_status together_status(const together_one *one, pb_error *err)
{
    if (one->status && err)
        *err = one->why;
    return one->status;
}

pb_status together_foresee(const together_method *m, together_one *one, run_plan *plan, pb_error *err)
{
    together_list *l = list_new(m, 1);
    *plan = (run_plan){.question = one->q};
    if (take_on(m, l, one) && l->count) {
        m->foresee(l, plan);
        drop(m, l, 0);
    }
    list_free(m, l);
    return together_status(one, err);
}

pb_status together_announce(together_list *l, const pb_run_options *run, pb_error *err)
{
    run_plan plan;
    if (!run->progress)
        return PB_OK;
    size_t count = l->method->foresee(l, &plan);
    pb_status status = run_plan_announce(&plan, count, l->method->unit, run, err);
    run_plan_free(&plan);
    return status;
}

double together_seconds(const together_list *l, size_t i)
{
    double alone = l->began - l->of[i]->q->began;
    return alone + (clock_now() - l->began) * fork_owner_part(l->owners, l->count, i);
}
