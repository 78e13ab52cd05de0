/* sweep_words.c: see sweep_words.h. */
#include "report/sweep_words.h"

#include <math.h>
#include <string.h>

#include "report/html.h"
#include "report/markup.h"

typedef struct word {
    const char *name, *title;
} word;

static const char *title_of(const word *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].name, name) == 0)
            return words[i].title;
    return NULL;
}

#define TITLE_OF(words, name) title_of(words, sizeof(words) / sizeof *(words), name)

/* ---- sites ---- */

static const struct {
    const char *name, *title;
    site site;
} sites[] = {
    {"resid_pre", "Block input", SITE_RESID_PRE},
    {"attn_out", "Attention output", SITE_ATTN_OUT},
    {"mlp_out", "MLP output", SITE_MLP_OUT},
    {"resid_post", "Residual stream", SITE_RESID_POST},
    {"head_out", "Attention heads", SITE_HEAD_OUT},
    {"vision.blocks.{l}.hook_resid_pre", "Tower block input", SITE_RESID_PRE},
    {"vision.blocks.{l}.hook_attn_out", "Tower attention output", SITE_ATTN_OUT},
    {"vision.blocks.{l}.hook_mlp_out", "Tower MLP output", SITE_MLP_OUT},
    {"vision.blocks.{l}.hook_resid_post", "Tower residual stream", SITE_RESID_POST},
    {"proj.hook_out", "Projector output", SITE_RESID_POST},
};

void sweep_site_title(const char *name, buffer *out)
{
    if (strncmp(name, "head_out:", 9) == 0) {
        buffer_printf(out, "Head %s", name + 9);
        return;
    }
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (strcmp(sites[i].name, name) == 0) {
            buffer_text(out, sites[i].title);
            return;
        }
    text_visible(out, name, strlen(name));
}

const palette *sweep_site_palette(const char *name)
{
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (strncmp(sites[i].name, name, strcspn(name, ":/")) == 0)
            return palette_of(sites[i].site);
    return &palette_purples;
}

/* ---- classes ---- */

static const struct {
    const char *name, *title;
    size_t colour;
} classes[] = {
    {"bos", "BOS", 13},
    {"image", "image", 5},
    {"cls", "class row", 6},
    {"before", "text before", 12},
    {"constraint_first", "constraint, first", 3},
    {"constraint_middle", "constraint, middle", 4},
    {"constraint_last", "constraint, last", 0},
    {"after", "text after", 2},
    {"last", "last row", 1},
    {"control", "control", 6},
};

const char *sweep_class_title(const char *class)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].name, class) == 0)
            return classes[i].title;
    return class;
}

size_t sweep_class_colour(const char *class, size_t number)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].name, class) == 0)
            return classes[i].colour;
    return number % (2 * (size_t)CURVE_COLOURS);
}

/* ---- methods and pairs ---- */

void sweep_pair_title(const char *pair, buffer *out)
{
    const char *to = strchr(pair, '>');
    if (!to) {
        text_visible(out, pair, strlen(pair));
        return;
    }
    text_visible(out, pair, (size_t)(to - pair));
    buffer_text(out, " \u2192 ");
    text_visible(out, to + 1, strlen(to + 1));
}

const char *sweep_metric_title(const char *metric)
{
    static const word metrics[] = {
        {"efficacy_exact", "Efficacy: exact"},
        {"efficacy_prob", "Efficacy: P(target)"},
        {"rephrasings_exact", "Rephrased: exact"},
        {"rephrasings_prob", "Rephrased: P(target)"},
        {"pictures_exact", "Other pictures: exact"},
        {"pictures_prob", "Other pictures: P(target)"},
        {"neighbours_kept", "Neighbours: answers kept"},
        {"neighbours_change", "Neighbours: \u0394P(target)"},
        {"key_cosine", "Neighbours: cosine of keys"},
        {"specificity", "Unrelated: right"},
        {"specificity_change", "Unrelated: change"},
        {"specificity_kl", "Unrelated: KL, nats"},
    };
    const char *title = TITLE_OF(metrics, metric);
    return title ? title : metric;
}

const char *sweep_method_title(const char *method)
{
    static const word methods[] = {{"trace", "Causal traces"}, {"flow", "Flows"}, {"knockout", "Knockouts"},
                                   {"edit", "Edits"}, {"ask", "Answers"}};
    const char *title = TITLE_OF(methods, method);
    return title ? title : method;
}

/* ---- numbers ---- */

void sweep_count(buffer *out, size_t n)
{
    html_count(out, n);
}

void sweep_interval_words(const interval *i, buffer *out)
{
    if (i->questions == 0 || !isfinite(i->mean)) {
        buffer_text(out, "no value");
        return;
    }
    if (isfinite(i->low) && isfinite(i->high))
        text_interval(out, i);
    else
        text_prob(out, i->mean);
    buffer_text(out, ", ");
    sweep_count(out, i->questions);
    buffer_text(out, i->questions == 1 ? " question, " : " questions, ");
    sweep_count(out, i->subjects);
    buffer_text(out, i->subjects == 1 ? " subject" : " subjects");
}

/* "; corruption swap:Paris and image-noise:1" */
static void add_corruption(const json_t *options, buffer *out)
{
    const json_t *list = json_object_get(options, "corruption");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
        if (json_is_string(item)) {
            const char *text = json_string_value(item);
            buffer_text(out, i ? " and " : "; corruption ");
            text_visible(out, text, strlen(text));
        }
}

static void add_window(const json_t *options, buffer *out)
{
    const json_t *window = json_object_get(options, "window");
    const json_t *sized = json_is_object(window) ? json_object_get(window, "size") : window;
    const char *kind = json_string_value(json_object_get(window, "kind"));
    if (!json_is_number(sized) || json_number_value(sized) < 1)
        return;
    double size = json_number_value(sized);
    if (kind && strcmp(kind, "radius") == 0)
        buffer_printf(out, "; each layer and %g on either side", size);
    else if (size == 1)
        buffer_text(out, "; one layer at a time");
    else
        buffer_printf(out, "; windows of %g layers", size);
}

void sweep_setting(const sweep_summary *s, buffer *out)
{
    const char *direction = json_string_value(json_object_get(s->about->options, "direction"));
    sweep_count(out, s->done);
    buffer_text(out, s->done == 1 ? " question about " : " questions about ");
    sweep_count(out, s->subjects);
    buffer_text(out, s->subjects == 1 ? " subject" : " subjects");
    add_corruption(s->about->options, out);
    add_window(s->about->options, out);
    if (direction && strcmp(direction, "noise") == 0)
        buffer_text(out, "; corrupted activations put into the clean run");
}

bool sweep_series_moves(const sweep_series *s)
{
    bool effect = strcmp(s->metric, "ie") == 0 || strcmp(s->metric, "recovered") == 0 ||
                  strcmp(s->metric, "ie_control") == 0;
    double least = effect ? SWEEP_LEAST_EFFECT : 1e-6;
    for (size_t l = 0; l < s->layer_count; l++)
        if (s->at[l].questions && fabs(s->at[l].mean) >= least)
            return true;
    return false;
}
