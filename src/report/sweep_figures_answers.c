/* sweep_figures_answers.c: how sure the model is of answers that are right and of those that are wrong; how many are
 * right, group by group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sweep_figures.h"
#include "report/sweep_words.h"

static size_t sum(const size_t bins[SWEEP_BINS])
{
    size_t total = 0;
    for (size_t i = 0; i < SWEEP_BINS; i++)
        total += bins[i];
    return total;
}

static bar_series series_of(panel_figure *f, const size_t bins[SWEEP_BINS], const char *name, size_t colour)
{
    double *shares = panel_new(f, SWEEP_BINS, sizeof *shares);
    const char **notes = panel_new(f, SWEEP_BINS, sizeof *notes);
    size_t total = sum(bins);
    for (size_t i = 0; i < SWEEP_BINS; i++) {
        shares[i] = total ? 100 * (double)bins[i] / (double)total : 0;
        notes[i] = panel_text(f, "P %.2f to %.2f: %zu of %zu %s answers (%.1f %%)", (double)i / SWEEP_BINS,
                              (double)(i + 1) / SWEEP_BINS, bins[i], total, name, shares[i]);
    }
    return (bar_series){.name = panel_text(f, "%s (%zu)", name, total), .values = shares, .notes = notes,
                        .colour = colour};
}

static void add_distribution(panel_figure *f, const sweep_summary *s, const char *title)
{
    bar_series *series = panel_new(f, 2, sizeof *series);
    size_t count = 0;
    if (sum(s->answers.right))
        series[count++] = series_of(f, s->answers.right, "right", 1);
    if (sum(s->answers.wrong))
        series[count++] = series_of(f, s->answers.wrong, "wrong", 3);
    if (count == 0)
        return;
    panel *p = panel_add(f, PANEL_BARS);
    p->as.bars = (bar_panel){.title = title, .axis = "P(answer)", .bins = SWEEP_BINS, .from = 0, .to = 1,
                             .series = series, .count = count};
    bar_fit(&p->as.bars);
}

static void add_answers(sweep_figures *out, const sweep_summary *s, size_t count)
{
    panel_figure *f = sweep_figure_add(out, "answers", 0);
    for (size_t i = 0; i < count; i++)
        add_distribution(f, &s[i], count > 1 ? s[i].label : "Answers, %");
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->columns = count > 2 ? 3 : 2;
    f->title = "How sure the model is when it is right, and when it is wrong";
    f->caption = "Distribution of the clean model's P(answer) over questions whose answers are known: in % of the "
                 "right ones, and of the wrong ones.";
}

static void add_rates(panel_figure *f, const sweep_summary *s, const char *title)
{
    const char **names = panel_new(f, s->accuracy_count, sizeof *names);
    dot *dots = panel_new(f, s->accuracy_count, sizeof *dots);
    for (size_t i = 0; i < s->accuracy_count; i++) {
        const interval *rate = &s->accuracy[i].rate;
        buffer note = {0};
        names[i] = s->accuracy[i].group ? s->accuracy[i].group : "all";
        buffer_printf(&note, "%s: ", names[i]);
        sweep_interval_words(rate, &note);
        bool sure = rate->subjects > 1;
        dots[i] = (dot){.row = i, .value = rate->questions ? rate->mean : NAN, .low = sure ? rate->low : NAN,
                        .high = sure ? rate->high : NAN, .colour = 1, .note = panel_take(f, &note)};
    }
    panel *p = panel_add(f, PANEL_DOTS);
    p->as.dots = (dot_panel){.title = title, .names = names, .rows = s->accuracy_count, .dots = dots,
                             .count = s->accuracy_count};
    dot_fit(&p->as.dots);
}

static void add_accuracy(sweep_figures *out, const sweep_summary *s, size_t count)
{
    panel_figure *f = sweep_figure_add(out, "accuracy", 0);
    for (size_t i = 0; i < count; i++)
        if (s[i].accuracy_count > 1)
            add_rates(f, &s[i], count > 1 ? s[i].label : "Share of right answers");
    if (f->count == 0) {
        panel_figure_free(f);
        out->count--;
        return;
    }
    f->columns = count > 2 ? 3 : 2;
    f->width = count > 1 ? 260 : 460;
    f->title = "How many answers are right";
    f->caption = "The share of right answers, over questions whose answers are known. Strokes are 95 % intervals, "
                 "bootstrapped over subjects.";
}

void sweep_figures_answers(sweep_figures *out, const sweep_summary *s, size_t count)
{
    add_answers(out, s, count);
    add_accuracy(out, s, count);
}
