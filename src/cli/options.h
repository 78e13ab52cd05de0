/* options.h: the command line's options, one table for all commands. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text_list {
    const char **items;
    size_t count;
} text_list;

/* What the options of all commands say; a command looks at its own. Texts are argv's. */
typedef struct settings {
    text_list positional; /* MODEL, then QUESTION */
    text_list given;      /* the names of the options on the line */
    const char *vision_tower, *mmproj;
    text_list edits, loras;
    const char *image, *image_order, *question, *prefill, *template_name, *prompt;
    text_list constraints;
    const char *occurrences, *answer_tokens, *dtype;
    const char *answer;
    size_t answer_id;
    bool has_answer_id;
    size_t threads, memory, seed;
    const char *out;
    bool json, quiet, help;
    bool plan;                                          /* info */
    size_t max_tokens, top;                             /* ask */
    text_list corruptions;                              /* trace from here on */
    const char *corrupt_span, *direction, *sites, *site, *positions, *foil, *noise_file, *freeze, *freeze_span;
    size_t window, radius, samples, verify, blocks;
    bool has_window, has_radius, has_samples, group, naive;
    size_t first_layer, end_layer;                      /* edit too */
    size_t exact, ig;                                   /* attribute; exact SIZE_MAX: all */
    text_list from, to;                                 /* flow */
    bool per_head, per_position;
    const char *target, *target_tokens, *requests;      /* edit from here on */
    text_list rephrasings;
    const char *method, *preset, *ft_scope, *key, *keep, *keep_rows, *eval, *save_lora, *save_merged;
    const char *model, *format, *answers, *images, *flags; /* dataset */
    const char *by;                                     /* report */
    bool contrast;
    size_t layer, steps, neighbours;
    double lr, weight_decay, clamp, lambda, keep_lambda, epsilon;
    const char *swept, *store;                          /* sweep from here on; swept: its --method */
    size_t limit, shard, shards;
    bool include_wrong, merge;
    bool has_layer, has_neighbours, has_lr, has_weight_decay, has_clamp, has_lambda, has_keep_lambda, has_epsilon,
        together, each_layer;
} settings;

/* An option that says something else to one command stands in the table,
 * and in that command's list, as "COMMAND:NAME". */

/* Parses argv[0 .. argc-1], of which each option must be in `allowed` (names without dashes, ended by NULL). Prints
 * what is wrong to standard error and returns false. */
bool options_parse(settings *s, int argc, char **argv, const char *const *allowed, const char *command);
void options_free(settings *s);

/* Is the name in the list, which NULL ends? */
bool options_hold(const char *const *list, const char *name);

/* The name as it is typed: without the command before it. */
const char *options_typed(const char *name);

/* Prints the help lines of the allowed options. */
void options_help(const char *const *allowed);

#endif
