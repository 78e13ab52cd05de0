/* edit_choice.c: see edit_choice.h. */
#include "method/edit_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* *value = wanted, unless that is NAN. */
static pb_status choose_number(double *value, double wanted, const char *name, pb_error *err)
{
    if (isnan(wanted))
        return PB_OK;
    if (!isfinite(wanted) || wanted < 0)
        return fail(err, PB_EINVAL, "%s is %g, expected a number of at least 0", name, wanted);
    *value = wanted;
    return PB_OK;
}

static void choose_layers(edit_settings *s, const pb_edit_options *o, const model *m)
{
    if (o->end_layer || o->each_layer) {
        s->first_layer = o->first_layer;
        s->end_layer = o->end_layer ? o->end_layer : m->decoder.config.layers;
    }
}

pb_status edit_choose_settings(edit_settings *s, const pb_edit_options *o, const model *m, pb_error *err)
{
    static const edit_method methods[] = {[PB_MULTEDIT] = EDIT_MULTEDIT, [PB_FT] = EDIT_FT,
                                          [PB_FT_CONSTRAINED] = EDIT_FT_CONSTRAINED};
    static const edit_scope scopes[] = {[PB_FT_MATRIX] = EDIT_MATRIX, [PB_FT_DOWN] = EDIT_DOWN, [PB_FT_ALL] = EDIT_ALL};
    *s = (edit_settings){0};
    if (!edit_preset(o->preset, methods[o->method], s))
        return fail(err, PB_EINVAL, "there is no preset \"%s\" of this method; known are %s", o->preset,
                    edit_preset_names());
    choose_layers(s, o, m);
    s->scope = scopes[o->ft_scope];
    s->steps = o->steps ? o->steps : s->steps;
    s->together = o->together;
    s->key = o->key;
    s->memory = o->run.memory;
    s->progress = o->run.progress;
    s->context = o->run.context;
    TRY(choose_number(&s->lr, o->lr, "lr", err));
    TRY(choose_number(&s->weight_decay, o->weight_decay, "weight_decay", err));
    TRY(choose_number(&s->clamp, o->clamp, "clamp", err));
    TRY(choose_number(&s->lambda, o->lambda, "lambda", err));
    TRY(choose_number(&s->keep_lambda, o->keep_lambda, "keep_lambda", err));
    return choose_number(&s->epsilon, o->epsilon, "epsilon", err);
}

pb_status edit_check_target(const model *m, const char *target, size_t *tokens, pb_error *err)
{
    int32_t *ids;
    size_t V = m->decoder.config.vocab;
    if (!target || target[strspn(target, " \t\r\n")] == '\0')
        return fail(err, PB_EINVAL, "the target is empty");
    TRY(tokenizer_mid_sentence(m->tokenizer, target, "target", &ids, tokens, err));
    pb_status status = PB_OK;
    for (size_t i = 0; i < *tokens && !status; i++)
        if ((size_t)ids[i] >= V)
            status = fail(err, PB_EINVAL, "token %d of the target \"%s\" is outside the model's vocabulary of %zu",
                          ids[i], target, V);
    free(ids);
    return status;
}
