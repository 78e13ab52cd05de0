/* report_samples.c: writes made-up reports of every kind into FOLDER, for check_samples.py and for looking at.
 *
 *     report_samples FOLDER [PICTURE] */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "made_up.h"

static const char *const long_question[] = {
    "<s>", "USER", ":", " ", "<image>", "\n", "Name", " one", " film", " directed", " by", "* the", "* director",
    "* of", "* this", "* movie", " that", " was", " re", "leased", " after", " ", "1", "9", "9", "0", ",", " and",
    " tell", " in", " one", " word", " which", " country", " it", " was", " shot", " in", "?", " Answer", " the",
    " question", " using", " a", " single", " word", " or", " phrase", ".", " A", "SS", "IST", "ANT", ":", NULL,
};
static const char *const awkward[] = {
    "<s>", "<&\"'>]]>", "\n\n", "\t", "   ", " ", "\x01\x1b", "\xff\xfe bad", "* Saint-Vincent-et-les-Grenadines", "* 東京都",
    "\xef\xbf\xbf", "\xe2\x80\xae" "abc", " שלום", "</script><!--", "e\xcc\x81", "👩‍🚀", ":", NULL,
};
static const char *const text_only[] = {"The", " capital", " of", "* France", " is", NULL};
static const char *const demo[] = {
    "<s>", "<image>", "What", " is", " the", " capital", " of", "* this", "* country", "?", "\n", NULL,
};

typedef struct sample {
    const char *name;
    made_up_request request;
} sample;

#define USUAL .layers = 32, .image_rows = 576, .site_count = 3, .window = 5, .samples = 1, .clean = 0.9342, .corrupted = 0.0123

static const sample samples[] = {
    {"long", {USUAL, .tokens = long_question, .asked = {6, 39}, .with_foil = true}},
    {"awkward", {.tokens = awkward, .layers = 12, .site_count = 2, .window = 1, .samples = 10, .clean = 0.31,
                 .corrupted = 0.29}},
    {"text", {.tokens = text_only, .layers = 30, .site_count = 3, .window = 1, .samples = 10, .clean = 0.62,
              .corrupted = 0.004}},
    {"demo", {.tokens = demo, .asked = {2, 10}, .layers = 6, .image_rows = 36, .site_count = 3, .window = 1, .samples = 1,
              .trace_image = true, .clean = 0.98, .corrupted = 0.0004}},
    {"four", {.tokens = text_only, .layers = 80, .site_count = 4, .window = 2, .window_kind = WINDOW_RADIUS,
              .samples = 1, .clean = 0.62, .corrupted = 0.004}},
    {"one", {.tokens = text_only, .layers = 3, .site_count = 1, .window = 1, .samples = 1, .clean = 0.62,
             .corrupted = 3e-6}},
    {"heads", {USUAL, .tokens = long_question, .asked = {6, 39}, .heads = 32, .severed = true}},
    {"few_heads", {.tokens = text_only, .layers = 4, .heads = 2, .window = 1, .samples = 10, .clean = 0.62,
                   .corrupted = 3e-6, .direction = TRACE_NOISE}},
    {"grouped_heads", {.tokens = long_question, .asked = {6, 39}, .layers = 32, .image_rows = 576, .site_count = 1,
                       .window = 5, .samples = 1, .clean = 0.93, .corrupted = 0.01, .heads = 12, .grouped = true}},
    {"estimates", {USUAL, .tokens = long_question, .asked = {6, 39}, .with_foil = true, .estimated = true}},
    {"estimates_all", {.tokens = text_only, .layers = 30, .site_count = 4, .window = 1, .samples = 10, .clean = 0.62,
                       .corrupted = 0.004, .estimated = true, .all_exact = true}},
    {"estimates_heads", {.tokens = awkward, .layers = 12, .site_count = 2, .window = 1, .samples = 1, .clean = 0.31,
                         .corrupted = 0.29, .heads = 4, .direction = TRACE_NOISE, .estimated = true}},
    {"estimates_groups", {USUAL, .tokens = long_question, .asked = {6, 39}, .grouped = true, .estimated = true}},
    {"noise", {USUAL, .tokens = long_question, .asked = {6, 39}, .direction = TRACE_NOISE}},
};

static pb_status write_one(const char *folder, const char *name, made_up_request request, const char *image_path,
                           pb_error *err)
{
    made_up m;
    char *path = path_join(folder, name);
    request.image_path = request.image_rows ? image_path : NULL;
    made_up_make(&m, &request);
    pb_status status = (request.estimated ? report_attribute_write : report_trace_write)(&m.report, path, err);
    made_up_free(&m);
    free(path);
    return status;
}

static pb_status write_all(const char *folder, const char *image_path, pb_error *err)
{
    made_up_request rows = made_up_usual, groups = made_up_usual;
    rows.trace_image = true;
    groups.grouped = true;
    TRY(write_one(folder, "usual", made_up_usual, image_path, err));
    TRY(write_one(folder, "image", rows, image_path, err));
    TRY(write_one(folder, "groups", groups, image_path, err));
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        TRY(write_one(folder, samples[i].name, samples[i].request, image_path, err));
    return PB_OK;
}

int main(int argc, char **argv)
{
    pb_error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: report_samples FOLDER [PICTURE]\n");
        return 2;
    }
    if (write_all(argv[1], argc > 2 ? argv[2] : "missing.png", &err) == PB_OK)
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return 1;
}
