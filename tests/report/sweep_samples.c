/* sweep_samples.c: writes made-up reports over many questions into FOLDER, for check_sweep_page.py and for looking at.
 *
 *     sweep_samples FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/file_set.h"
#include "report/sweep_figures.h"
#include "sweep_made_up.h"

#define TRACE .method = "trace", .questions = 200, .layers = 24, .subjects = 31, .seed = 1
#define EDIT .method = "edit", .questions = 60, .layers = 24, .subjects = 40, .seed = 3

enum { MOST = 6 };

typedef struct made_sample {
    const char *name;
    sweep_made_up_request stores[MOST];
    size_t count;
} made_sample;

static const made_sample samples[] = {
    {"trace", {{TRACE, .label = "", .window = 1, .strength = 1, .tokens = 12, .grouped = true}}, 1},
    {"windows",
     {{TRACE, .label = "window 1", .window = 1, .strength = 1}, {TRACE, .label = "window 3", .window = 3, .strength = 1.2},
      {TRACE, .label = "window 6", .window = 6, .strength = 1.35}}, 3},
    {"flow", {{.method = "flow", .label = "", .questions = 150, .layers = 24, .subjects = 31, .strength = 1, .seed = 2}}, 1},
    {"knockout", {{.method = "knockout", .label = "", .questions = 150, .layers = 24, .subjects = 31, .strength = 1, .window = 5,
                   .seed = 2}}, 1},
    {"edits",
     {{EDIT, .label = "multedit, layer 2", .edit = "multedit", .edited_layer = 2, .strength = 1},
      {EDIT, .label = "multedit, layer 6", .edit = "multedit", .edited_layer = 6, .strength = 0.8},
      {EDIT, .label = "multedit, layer 12", .edit = "multedit", .edited_layer = 12, .strength = 0.5},
      {EDIT, .label = "ft", .edit = "ft", .edited_layer = 2, .strength = 0.7},
      {EDIT, .label = "ft-constrained", .edit = "ft-constrained", .edited_layer = 2, .strength = 0.6}}, 5},
    {"ask", {{.method = "ask", .label = "", .questions = 300, .layers = 24, .subjects = 31, .strength = 1, .seed = 5}}, 1},
};

static pb_status write_sample(const char *folder, const made_sample *of, pb_error *err)
{
    sweep_made_up made[MOST];
    sweep_summary summaries[MOST];
    sweep_figures figures;
    file_set set;
    char *path = path_join(folder, of->name);
    for (size_t i = 0; i < of->count; i++) {
        sweep_made_up_make(&made[i], &of->stores[i]);
        summaries[i] = made[i].summary;
    }
    sweep_figures_make(&figures, summaries, of->count, NULL);
    pb_status status = file_set_open(&set, path, err);
    for (size_t i = 0; i < figures.count && !status; i++) {
        buffer svg = {0}, name = {0};
        buffer_printf(&name, "%s.svg", figures.items[i].file);
        panel_figure_svg(&figures.items[i], &svg);
        status = file_set_text(&set, name.data, &svg, err);
        buffer_free(&svg);
        buffer_free(&name);
    }
    status = file_set_close(&set, status, err);
    sweep_figures_free(&figures);
    for (size_t i = 0; i < of->count; i++)
        sweep_made_up_free(&made[i]);
    free(path);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err;
    if (argc != 2)
        return fprintf(stderr, "sweep_samples FOLDER\n"), 2;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (write_sample(argv[1], &samples[i], &err)) {
            fprintf(stderr, "sweep_samples: %s\n", err.message);
            return 1;
        }
    return 0;
}
