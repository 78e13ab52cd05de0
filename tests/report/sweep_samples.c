/* sweep_samples.c: writes made-up reports over many questions into FOLDER, for check_sweep_page.py and for looking at.
 *
 *     sweep_samples FOLDER [NAME] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/file_set.h"
#include "report/sweep_page.h"
#include "sweep_made_up.h"

#define TRACE .method = "trace", .questions = 200, .layers = 24, .subjects = 31, .seed = 1
#define EDIT .method = "edit", .questions = 60, .layers = 24, .subjects = 40, .seed = 3

enum { MOST = 6 };

typedef struct made_sample {
    const char *name;
    sweep_made_up_request stores[MOST];
    size_t count;
    bool contrast; /* of the first two */
} made_sample;

static const made_sample samples[] = {
    {"trace", {{TRACE, .label = "", .window = 1, .strength = 1, .tokens = 12, .grouped = true}}, 1, false},
    {"windows",
     {{TRACE, .label = "window 1", .window = 1, .strength = 1}, {TRACE, .label = "window 3", .window = 3, .strength = 1.2},
      {TRACE, .label = "window 6", .window = 6, .strength = 1.35}}, 3, true},
    {"flow", {{.method = "flow", .label = "", .questions = 150, .layers = 24, .subjects = 31, .strength = 1, .seed = 2}}, 1, false},
    {"knockout", {{.method = "knockout", .label = "", .questions = 150, .layers = 24, .subjects = 31, .strength = 1, .window = 5,
                   .seed = 2}}, 1, false},
    {"edits",
     {{EDIT, .label = "multedit, layer 2", .edit = "multedit", .edited_layer = 2, .strength = 1},
      {EDIT, .label = "multedit, layer 6", .edit = "multedit", .edited_layer = 6, .strength = 0.8},
      {EDIT, .label = "multedit, layer 12", .edit = "multedit", .edited_layer = 12, .strength = 0.5},
      {EDIT, .label = "ft", .edit = "ft", .edited_layer = 2, .strength = 0.7},
      {EDIT, .label = "ft-constrained", .edit = "ft-constrained", .edited_layer = 2, .strength = 0.6}}, 5, false},
    {"ask", {{.method = "ask", .label = "", .questions = 300, .layers = 24, .subjects = 31, .strength = 1, .seed = 5}}, 1, false},
    {"large", {{.method = "trace", .label = "", .questions = 10000, .layers = 32, .subjects = 200, .window = 1, .strength = 1, .seed = 7}},
     1, false},
};

static pb_status add_files(const sweep_page *p, const file_set *set, pb_error *err)
{
    buffer page = {0};
    sweep_page_html(p, &page);
    pb_status status = file_set_text(set, "report.html", &page, err);
    buffer_free(&page);
    for (size_t i = 0; i < p->figures->count && !status; i++) {
        buffer svg = {0}, name = {0};
        buffer_printf(&name, "%s.svg", p->figures->items[i].file);
        panel_figure_svg(&p->figures->items[i], &svg);
        status = file_set_text(set, name.data, &svg, err);
        buffer_free(&svg);
        buffer_free(&name);
    }
    return status;
}

static pb_status write_page(const char *path, const sweep_made_up *made, size_t count, const sweep_contrast *contrast, pb_error *err)
{
    sweep_summary summaries[MOST];
    question_list lists[MOST];
    sweep_figures figures;
    file_set set;
    pb_status status = file_set_open(&set, path, err);
    for (size_t i = 0; i < count; i++) {
        summaries[i] = made[i].summary;
        question_list_open(&lists[i], &summaries[i], made[i].request.tokens ? QUESTION_LIST_CELLS : QUESTION_LIST_CLASSES);
        if (!status)
            status = sweep_made_up_each(&made[i], question_list_see, &lists[i], err);
    }
    sweep_figures_make(&figures, summaries, count, contrast);
    sweep_page page = {.summaries = summaries, .lists = lists, .count = count, .contrast = contrast, .figures = &figures};
    if (!status)
        status = add_files(&page, &set, err);
    sweep_figures_free(&figures);
    for (size_t i = 0; i < count; i++)
        question_list_free(&lists[i]);
    return file_set_close(&set, status, err);
}

static pb_status write_sample(const char *folder, const made_sample *of, pb_error *err)
{
    sweep_made_up made[MOST];
    char *path = path_join(folder, of->name);
    for (size_t i = 0; i < of->count; i++)
        sweep_made_up_make(&made[i], &of->stores[i]);
    sweep_contrast contrast = {0};
    if (of->contrast)
        contrast = sweep_made_up_contrast(&made[0], &made[1]);
    pb_status status = write_page(path, made, of->count, of->contrast ? &contrast : NULL, err);
    sweep_made_up_contrast_free(&contrast);
    for (size_t i = 0; i < of->count; i++)
        sweep_made_up_free(&made[i]);
    free(path);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err;
    if (argc < 2)
        return fprintf(stderr, "sweep_samples FOLDER [NAME]\n"), 2;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if ((argc < 3 || strcmp(argv[2], samples[i].name) == 0) && write_sample(argv[1], &samples[i], &err)) {
            fprintf(stderr, "sweep_samples: %s\n", err.message);
            return 1;
        }
    return 0;
}
