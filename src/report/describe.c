/* describe.c: see describe.h. */
#include "report/describe.h"

#include <math.h>

#include "report/report.h"

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value ? value : json_null());
}

static json_t *count(size_t n)
{
    return json_integer((json_int_t)n);
}

/* ---- info ---- */

static void add_files(json_t *list, const checkpoint *c)
{
    const checkpoint_file *files;
    size_t n = c ? checkpoint_files(c, &files) : 0;
    for (size_t i = 0; i < n; i++) {
        json_t *file = json_object();
        set(file, "path", json_string(files[i].path));
        set(file, "format", json_string(files[i].format));
        set(file, "bytes", count(files[i].bytes));
        json_array_append_new(list, file);
    }
}

/* Tensors per dtype, and all their elements. */
static void add_dtypes(json_t *dtypes, double *parameters, const checkpoint *c)
{
    const tensor *tensors;
    size_t n = c ? checkpoint_tensors(c, &tensors) : 0;
    for (size_t i = 0; i < n; i++) {
        json_int_t before = json_integer_value(json_object_get(dtypes, tensors[i].type_name));
        set(dtypes, tensors[i].type_name, json_integer(before + 1));
        if (tensors[i].type != DTYPE_OTHER)
            *parameters += (double)tensors[i].count;
    }
}

/* What the model's own files hold, and those of a vision side that lies apart. */
static void set_files(json_t *info, const model *m)
{
    const checkpoint *const all[] = {m->weights, m->tower_weights, m->lent_weights};
    json_t *files = json_array(), *dtypes = json_object();
    double parameters = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        add_files(files, all[i]);
        add_dtypes(dtypes, &parameters, all[i]);
    }
    set(info, "parameters", json_integer((json_int_t)parameters));
    set(info, "files", files);
    set(info, "dtypes", dtypes);
}

static json_t *image_json(const model *m)
{
    if (!m->vision)
        return json_null();
    const vision_config *v = vision_settings(m->vision);
    json_t *o = json_object();
    set(o, "tower", json_string(v->tower));
    set(o, "size", count(v->image_size));
    set(o, "patch", count(v->patch_size));
    set(o, "rows", count(vision_rows(m->vision)));
    return o;
}

static json_t *tokenizer_json(const model *m)
{
    json_t *t = json_object();
    set(t, "kind", json_string(tokenizer_kind(m->tokenizer)));
    set(t, "vocab", count(tokenizer_vocab(m->tokenizer)));
    return t;
}

/* What is computed in, and what products then multiply. */
static json_t *compute_json(const model *m)
{
    json_t *o = json_object();
    set(o, "dtype", json_string(weight_form_name(m->decoder.form)));
    set(o, "products", json_string(m->decoder.form == FORM_BF16 ? "bf16" : "f32"));
    return o;
}

static json_t *plan_json(const trace_plan *p)
{
    if (!p)
        return json_null();
    json_t *plan = json_object();
    set(plan, "cells", count(p->cells));
    set(plan, "waves", count(p->waves));
    set(plan, "rows", count(p->rows));
    set(plan, "flop", json_real(p->flop));
    set(plan, "working_bytes", count(p->working_bytes));
    set(plan, "weight_bytes", json_real(p->weight_bytes));
    set(plan, "seconds", json_real(p->seconds));
    return plan;
}

json_t *report_info_json(const model *m, const trace_plan *plan)
{
    const decoder_config *c = &m->decoder.config;
    json_t *info = json_object();
    set(info, "schema", json_string("patchbay.info/1"));
    set(info, "family", json_string(m->family));
    set(info, "layout", m->layout ? json_string(m->layout) : json_null());
    set(info, "layers", count(c->layers));
    set(info, "d_model", count(c->d_model));
    set(info, "d_ff", count(c->d_ff));
    set(info, "heads", count(c->heads));
    set(info, "kv_heads", count(c->kv_heads));
    set(info, "vocab", count(c->vocab));
    set_files(info, m);
    set(info, "image", image_json(m));
    set(info, "tokenizer", tokenizer_json(m));
    set(info, "compute", compute_json(m));
    set(info, "plan", plan_json(plan));
    if (m->change_count)
        set(info, "changes", report_changes_json(m->changes, m->change_count));
    return info;
}

/* ---- ask ---- */

json_t *report_ask_json(const ask_report *r)
{
    const answer *a = r->answer;
    json_t *ask = json_object(), *ids = json_array(), *top = json_array();
    for (size_t i = 0; i < a->count; i++)
        json_array_append_new(ids, json_integer(a->ids[i]));
    for (size_t i = 0; i < a->top_count; i++) {
        json_t *entry = json_object();
        set(entry, "id", json_integer(a->top[i]));
        set(entry, "text", json_stringn(r->top_text[i].data, r->top_text[i].size));
        set(entry, "prob", json_real(a->top_prob[i]));
        set(entry, "logprob", a->top_prob[i] > 0 ? json_real(log(a->top_prob[i])) : json_null());
        json_array_append_new(top, entry);
    }
    set(ask, "schema", json_string("patchbay.ask/1"));
    set(ask, "prompt_tokens", count(r->prompt_tokens));
    set(ask, "answer", json_stringn(r->text->data, r->text->size));
    set(ask, "answer_ids", ids);
    set(ask, "top", top);
    if (r->image_order)
        set(ask, "image_order", json_string(r->image_order));
    return ask;
}
