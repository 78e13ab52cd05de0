/* info.c: what a checkpoint is, and with --plan what a trace of it would take. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/trace.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_int_t count_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_files(const json_t *info)
{
    size_t i;
    const json_t *file;
    json_array_foreach(json_object_get(info, "files"), i, file)
        printf("%-12s %s (%s, %.1f MB)\n", i ? "" : "files", text_of(file, "path"), text_of(file, "format"),
               (double)count_of(file, "bytes") / 1e6);
}

static void print_changes(const json_t *info)
{
    size_t i;
    const json_t *change;
    json_array_foreach(json_object_get(info, "changes"), i, change)
        printf("%-12s %s (%s of rank %" JSON_INTEGER_FORMAT " in %" JSON_INTEGER_FORMAT " of the matrices)\n",
               i ? "" : "changes", text_of(change, "file"), text_of(change, "kind"), count_of(change, "rank"),
               count_of(change, "terms"));
}

static void print_dtypes(const json_t *info)
{
    const char *name;
    const json_t *n;
    printf("%-12s", "dtypes");
    json_object_foreach(json_object_get(info, "dtypes"), name, n)
        printf(" %s (%" JSON_INTEGER_FORMAT " tensors)", name, json_integer_value(n));
    printf("\n");
}

static void print_plan(const json_t *plan)
{
    if (!json_is_object(plan))
        return;
    printf("%-12s %" JSON_INTEGER_FORMAT " cells, %" JSON_INTEGER_FORMAT " rows in %" JSON_INTEGER_FORMAT " waves\n",
           "trace", count_of(plan, "cells"), count_of(plan, "rows"), count_of(plan, "waves"));
    printf("%-12s %.3g TFLOP, about %.3g s on this machine; %.3g GB of weights are read; %.1f MB of working memory\n",
           "", json_number_value(json_object_get(plan, "flop")) / 1e12,
           json_number_value(json_object_get(plan, "seconds")),
           json_number_value(json_object_get(plan, "weight_bytes")) / 1e9,
           (double)count_of(plan, "working_bytes") / 1e6);
}

/* f32 is what everybody expects. */
static void print_compute(const json_t *compute)
{
    const char *dtype = text_of(compute, "dtype"), *products = text_of(compute, "products");
    if (strcmp(dtype, "f32") == 0)
        return;
    printf("%-12s %s%s\n", "computes in", dtype,
           strcmp(products, dtype) == 0 ? ""
                                        : ": no products of it here, so weights are rounded, and multiplied in f32");
}

static void print_info(const json_t *info)
{
    const json_t *image = json_object_get(info, "image"), *tokenizer = json_object_get(info, "tokenizer");
    const char *layout = text_of(info, "layout");
    printf("%-12s %s%s%s\n", "family", text_of(info, "family"), *layout ? ", layout " : "", layout);
    printf("%-12s %" JSON_INTEGER_FORMAT " layers, d_model %" JSON_INTEGER_FORMAT ", d_ff %" JSON_INTEGER_FORMAT
           ", %" JSON_INTEGER_FORMAT " heads (%" JSON_INTEGER_FORMAT " for keys and values), %" JSON_INTEGER_FORMAT
           " tokens\n",
           "decoder", count_of(info, "layers"), count_of(info, "d_model"), count_of(info, "d_ff"),
           count_of(info, "heads"), count_of(info, "kv_heads"), count_of(info, "vocab"));
    if (json_is_object(image))
        printf("%-12s %s, %" JSON_INTEGER_FORMAT " pixels in patches of %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
               " rows\n",
               "image", text_of(image, "tower"), count_of(image, "size"), count_of(image, "patch"),
               count_of(image, "rows"));
    printf("%-12s %s, %" JSON_INTEGER_FORMAT " tokens\n", "tokenizer", text_of(tokenizer, "kind"),
           count_of(tokenizer, "vocab"));
    printf("%-12s %.1f million\n", "parameters", (double)count_of(info, "parameters") / 1e6);
    print_dtypes(info);
    print_files(info);
    print_changes(info);
    print_compute(json_object_get(info, "compute"));
    print_plan(json_object_get(info, "plan"));
}

static pb_status describe(char **json, pb_model *model, const settings *s, pb_error *err)
{
    progress p;
    pb_question question = command_question(s);
    pb_trace_options options = trace_options(s, &p);
    if (s->plan)
        return pb_trace_plan(json, model, &question, &options, err);
    pb_model_info(model, json);
    return PB_OK;
}

static const char *wrong_with(const settings *s)
{
    static const char *const plain[] = {MODEL_OPTIONS, "dtype", "json", "quiet", NULL};
    static char foreign[64];
    if (s->plan)
        return trace_wrong(s);
    for (size_t i = 0; i < s->given.count; i++)
        if (!options_hold(plain, s->given.items[i])) {
            snprintf(foreign, sizeof foreign, "--%s is for --plan", s->given.items[i]);
            return foreign;
        }
    return s->positional.count == 1 ? NULL : "needs one MODEL";
}

static void show(const char *json, bool as_it_is)
{
    if (as_it_is) {
        fputs(json, stdout);
        return;
    }
    json_t *info = json_loads(json, 0, NULL);
    print_info(info);
    json_decref(info);
}

static int run(const settings *s)
{
    pb_error err;
    pb_model *model;
    char *json;
    const char *wrong = wrong_with(s);
    if (wrong)
        return command_misused("info", wrong);
    if (command_open(&model, s, &err))
        return command_failed("info", &err);
    pb_status status = describe(&json, model, s, &err);
    if (!status)
        show(json, s->json);
    free(json);
    pb_model_free(model);
    return status ? command_failed("info", &err) : EXIT_DONE;
}

static const char *const options[] = {QUESTION_OPTIONS, TRACE_OPTIONS, "plan", NULL};

const command command_info = {
    "info", "info MODEL [--plan ...]", "architecture, sizes, tensors of a checkpoint; what a trace would take",
    "patchbay info demo", options, run,
};
