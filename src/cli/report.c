/* report.c: what a sweep's results say together. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

static bool is_result(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

static const char *line_wrong(const settings *s)
{
    if (s->positional.count == 0)
        return "needs a STORE";
    for (size_t i = 0; i < s->positional.count; i++)
        if (is_result(s->positional.items[i]) && (s->positional.count > 1 || s->by || s->contrast))
            return "makes the page of one RESULT.json by itself";
    return s->contrast && s->positional.count != 2 ? "--contrast needs two stores, A.db and B.db" : NULL;
}

static void print_counts(const pb_report_counts *c)
{
    const struct {
        size_t count;
        const char *what;
    } rest[] = {{c->wrong, "answered wrongly"},
                {c->marked, "marked"},
                {c->failed, "failed"},
                {c->pending, "not done yet"}};
    printf("%s: %s of %zu questions about %zu subjects", c->label, c->method, c->done, c->subjects);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i].count)
            printf(", %zu %s", rest[i].count, rest[i].what);
    printf("\n");
}

/* The page of a single result again. */
static int report_result(const settings *s, const char *out)
{
    pb_error err;
    char *notes;
    if (pb_result_report(s->positional.items[0], out, &notes, &err))
        return command_failed("report", &err);
    for (char *line = notes, *end; !s->quiet && (end = strchr(line, '\n')); line = end + 1)
        fprintf(stderr, "patchbay report: %.*s\n", (int)(end - line), line);
    free(notes);
    printf("see %s\n", out);
    return EXIT_DONE;
}

static int run(const settings *s)
{
    pb_error err;
    pb_report *report;
    const char *wrong = line_wrong(s), *out = s->out ? s->out : "patchbay-report";
    const pb_report_options options = {.by = s->by, .contrast = s->contrast,
                                       .threads = s->threads > INT_MAX ? INT_MAX : (int)s->threads};
    if (wrong)
        return command_misused("report", wrong);
    if (is_result(s->positional.items[0]))
        return report_result(s, out);
    if (pb_report_open(&report, s->positional.items, s->positional.count, &options, &err))
        return command_failed("report", &err);
    pb_status status = pb_report_write(report, out, &err);
    for (size_t i = 0; i < s->positional.count && !status; i++) {
        pb_report_counts counts = pb_report_count(report, i);
        print_counts(&counts);
    }
    pb_report_free(report);
    if (status)
        return command_failed("report", &err);
    printf("see %s\n", out);
    return EXIT_DONE;
}

static const char *const options[] = {"contrast", "by", "out", "threads", "quiet", NULL};

const command command_report = {
    "report",
    "report STORE...|RESULT.json [--by FIELD] [--contrast] --out DIR",
    "averages over a sweep's questions: one page, figures, tables",
    "patchbay report results.db --out report",
    options,
    run,
};
