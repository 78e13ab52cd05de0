/* edit_samples.c: writes made-up edits of every kind into FOLDER, for check_edit_samples.py and for looking at.
 *
 *     edit_samples FOLDER [PICTURE] */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "edit_made_up.h"

typedef struct written {
    const char *name;
    edit_made_up_request request;
} written;

#define ONE .requests = 1, .first_layer = 2, .end_layer = 3

static const written samples[] = {
    {"alone", {ONE, .steps = 1}},
    {"awkward", {ONE, .steps = 3, .rephrasings = 2, .pictures = 1, .neighbours = 4, .evaluation = 5, .awkward = true}},
    {"failed", {ONE, .steps = 10, .rephrasings = 1, .fails = true}},
    {"many", {.requests = 40, .steps = 25, .rephrasings = 2, .pictures = 1, .neighbours = 3, .evaluation = 6,
              .first_layer = 2, .end_layer = 3}},
    {"spread", {.requests = 3, .steps = 20, .first_layer = 1, .end_layer = 5, .together = true, .evaluation = 4}},
    {"sweep", {.requests = 12, .steps = 20, .rephrasings = 1, .neighbours = 2, .first_layer = 3, .end_layer = 30,
               .sweep = true}},
    {"tuned", {ONE, .steps = 25, .neighbours = 4, .method = EDIT_FT_CONSTRAINED, .scope = EDIT_DOWN}},
};

static pb_status write_one(const char *folder, const char *name, const edit_made_up_request *request, pb_error *err)
{
    edit_made_up m;
    char *path = path_join(folder, name);
    buffer text = {0};
    edit_made_up_make(&m, request);
    pb_status status = report_edit_write(&m.report, path, err);
    report_edit_text(&m.report, &text);
    char *summary = path_join(path, "summary.txt");
    if (!status)
        status = file_write_all(summary, text.data, text.size, err);
    free(summary);
    buffer_free(&text);
    edit_made_up_free(&m);
    free(path);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err = {0};
    if (argc < 2)
        return 2;
    edit_made_up_request usual = edit_made_up_usual;
    usual.image_path = argc > 2 ? argv[2] : usual.image_path;
    pb_status status = write_one(argv[1], "usual", &usual, &err);
    for (size_t i = 0; i < sizeof samples / sizeof *samples && !status; i++)
        status = write_one(argv[1], samples[i].name, &samples[i].request, &err);
    if (status)
        fprintf(stderr, "%s\n", err.message);
    return status ? 1 : 0;
}
