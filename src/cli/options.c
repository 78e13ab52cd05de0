/* options.c: see options.h. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What an option's value is, and so how it is read into its field of the settings. */
typedef enum value_kind {
    VALUE_NONE,   /* bool */
    VALUE_TEXT,   /* const char * */
    VALUE_LIST,   /* text_list: may be repeated */
    VALUE_CHOICE, /* const char *, one of `choices` */
    VALUE_COUNT,  /* size_t; `given` is set too */
    VALUE_COUNT_OR_ALL, /* size_t; "all" is SIZE_MAX */
    VALUE_REAL,   /* double, finite, at least 0; `given` is set too */
    VALUE_BYTES,  /* size_t: 512M, 8G */
    VALUE_RANGE,  /* two size_t: a:b, a < b */
    VALUE_PART    /* two size_t: i/n, i < n */
} value_kind;

typedef struct option {
    const char *name;
    value_kind kind;
    size_t field, given;  /* offsets into settings; given 0: none */
    size_t least;         /* VALUE_COUNT: the smallest that makes sense */
    const char *argument; /* as the help shows it; for VALUE_CHOICE the choices, with bars between */
    const char *help;
} option;

#define FIELD(name) offsetof(settings, name)

static const option table[] = {
    {"sweep:method", VALUE_CHOICE, FIELD(swept), 0, 0, "trace|flow|knockout|edit|ask",
     "what is done with each question"},
    {"store", VALUE_TEXT, FIELD(store), 0, 0, "FILE.db",
     "where results are kept; what it has already is not done again [results.db]"},
    {"limit", VALUE_COUNT, FIELD(limit), 0, 1, "N", "take only the first N rows [all]"},
    {"include-wrong", VALUE_NONE, FIELD(include_wrong), 0, 0, NULL,
     "go on with questions that the model answers wrongly, too"},
    {"shard", VALUE_PART, FIELD(shard), 0, 0, "i/n", "do only the i-th of n parts of the work, from 0 on"},
    {"merge", VALUE_NONE, FIELD(merge), 0, 0, NULL,
     "put the stores that follow, such as shards leave, together in --store"},
    {"mmproj", VALUE_TEXT, FIELD(mmproj), 0, 0, "FILE|DIR",
     "the vision side of a decoder alone: llama.cpp's mmproj file, or the "
     "folder of a model that has one"},
    {"vision-tower", VALUE_TEXT, FIELD(vision_tower), 0, 0, "DIR",
     "the folder of a vision tower that lies apart from its model"},
    {"edit", VALUE_LIST, FIELD(edits), 0, 0, "FILE[@N]",
     "change the weights as an edit.npz says; @N: as its request N says"},
    {"lora", VALUE_LIST, FIELD(loras), 0, 0, "DIR", "change the weights as a LoRA adapter of PEFT says"},
    {"image", VALUE_TEXT, FIELD(image), 0, 0, "FILE", "the picture: JPEG, PNG or WebP"},
    {"image-order", VALUE_TEXT, FIELD(image_order), 0, 0, "ORDER",
     "the picture's rows in another order: reverse, or "
     "shuffle:SEED"},
    {"question", VALUE_TEXT, FIELD(question), 0, 0, "TEXT", "the question"},
    {"constraint", VALUE_LIST, FIELD(constraints), 0, 0, "TEXT",
     "what the question hangs on; repeat for more than one"},
    {"occurrences", VALUE_CHOICE, FIELD(occurrences), 0, 0, "first|all", "which matches of a constraint count [first]"},
    {"prefill", VALUE_TEXT, FIELD(prefill), 0, 0, "TEXT", "what the answer begins with"},
    {"template", VALUE_TEXT, FIELD(template_name), 0, 0, "NAME",
     "paper, llava, vicuna, bunny, flags, plain [the model's own]"},
    {"prompt", VALUE_TEXT, FIELD(prompt), 0, 0, "TEXT", "a whole prompt with <image> in it, instead of a template"},
    {"answer", VALUE_TEXT, FIELD(answer), 0, 0, "TEXT", "the answer to follow [the clean run's most likely token]"},
    {"answer-id", VALUE_COUNT, FIELD(answer_id), FIELD(has_answer_id), 0, "N", "the same, as a token id"},
    {"answer-tokens", VALUE_CHOICE, FIELD(answer_tokens), 0, 0, "first|all",
     "score its first token, or all of them [first]"},
    {"corrupt", VALUE_LIST, FIELD(corruptions), 0, 0, "SPEC",
     "what is made wrong [swap:Paris]; repeat to combine: swap:TEXT, "
     "swap-phrase:TEXT, noise:X, noise:sX, noise:sX@FILE.jsonl, image:FILE, image-noise:S, image-mean:DIR, "
     "image-rowmean"},
    {"corrupt-span", VALUE_TEXT, FIELD(corrupt_span), 0, 0, "SPAN", "where text is made wrong [constraint]"},
    {"direction", VALUE_CHOICE, FIELD(direction), 0, 0, "denoise|noise",
     "clean activations into the corrupted run, or the reverse [denoise]"},
    {"sites", VALUE_TEXT, FIELD(sites), 0, 0, "LIST",
     "attn_out, mlp_out, resid_pre, resid_post, head_out (each head by itself) "
     "[attn_out,mlp_out,resid_post]; of the tower vision.blocks.{l}.hook_attn_out (or vision.attn_out) and so on, of "
     "the projector proj.hook_out; a dump takes mlp_post too"},
    {"site", VALUE_TEXT, FIELD(site), 0, 0, "SITE",
     "read these rows out: resid_pre, attn_out, mlp_out, resid_post [resid_post]"},
    {"window", VALUE_COUNT, FIELD(window), FIELD(has_window), 1, "W",
     "restore, or cut edges in, W layers centred on each [1]"},
    {"radius", VALUE_COUNT, FIELD(radius), FIELD(has_radius), 0, "R", "in layers l-R to l+R instead"},
    {"layers", VALUE_RANGE, FIELD(first_layer), 0, 0, "a:b",
     "layers a to b-1: those looked at [all], or those that an edit is "
     "spread over"},
    {"positions", VALUE_TEXT, FIELD(positions), 0, 0, "SPANS",
     "look at these rows: bos, image, text, constraint, constraint:N, question, "
     "last, control, all, a:b [text; all when the picture is corrupted, and in a dump]"},
    {"group", VALUE_NONE, FIELD(group), 0, 0, NULL, "restore each span of --positions as a whole"},
    {"blocks", VALUE_COUNT, FIELD(blocks), 0, 1, "N",
     "restore the picture in squares of its patches, N along a side, instead of "
     "--positions; the picture must be corrupted"},
    {"freeze", VALUE_CHOICE, FIELD(freeze), 0, 0, "mlp|attn",
     "a severed trace: hold this output, in all layers after the window, at "
     "what it is in the run that is patched"},
    {"freeze-span", VALUE_TEXT, FIELD(freeze_span), 0, 0, "SPAN", "on these rows"},
    {"samples", VALUE_COUNT, FIELD(samples), FIELD(has_samples), 1, "N", "draws of random corruptions [10]"},
    {"noise-file", VALUE_TEXT, FIELD(noise_file), 0, 0, "F.npy",
     "the noise itself, float32 [samples, constraint tokens, d_model]"},
    {"foil", VALUE_TEXT, FIELD(foil), 0, 0, "TEXT", "report logit(answer) - logit(this) too"},
    {"verify", VALUE_COUNT, FIELD(verify), 0, 0, "N",
     "recompute N random cells, or points of curves, by full forward passes"},
    {"naive", VALUE_NONE, FIELD(naive), 0, 0, NULL, "compute every one so (slow: for proofs and benchmarks)"},
    {"exact", VALUE_COUNT_OR_ALL, FIELD(exact), 0, 1, "N|all",
     "run the N cells of the largest estimates too, or all of them [10]"},
    {"ig", VALUE_COUNT, FIELD(ig), 0, 1, "N",
     "average the gradient over N runs between the corrupted and the clean one [the corrupted run's own]"},
    {"from", VALUE_LIST, FIELD(from), 0, 0, "SPANS",
     "what gives, and, with --to, what takes [image > constraint and constraint > last]; "
     "repeat both for more pairs"},
    {"to", VALUE_LIST, FIELD(to), 0, 0, "SPANS", "what takes: the n-th --to belongs to the n-th --from"},
    {"per-head", VALUE_NONE, FIELD(per_head), 0, 0, NULL, "each head by itself too, in flow.json"},
    {"per-position", VALUE_NONE, FIELD(per_position), 0, 0, NULL, "each source position by itself too, in flow.json"},
    {"target", VALUE_TEXT, FIELD(target), 0, 0, "TEXT", "what the edited model shall answer"},
    {"target-tokens", VALUE_CHOICE, FIELD(target_tokens), 0, 0, "first|all",
     "make its first token likely, or all of them [first]"},
    {"rephrase", VALUE_LIST, FIELD(rephrasings), 0, 0, "TEXT",
     "the question in other words, asked before and after; may be repeated"},
    {"requests", VALUE_TEXT, FIELD(requests), 0, 0, "FILE.jsonl", "many edits, one a line: a question with its target"},
    {"together", VALUE_NONE, FIELD(together), 0, 0, NULL,
     "make all edits in one model, instead of each in its own; cut the edges of all pairs at once"},
    {"method", VALUE_CHOICE, FIELD(method), 0, 0, "multedit|ft|ft-constrained",
     "the closed-form edit, or fine-tuning [multedit]"},
    {"edit-method", VALUE_CHOICE, FIELD(method), 0, 0, "multedit|ft|ft-constrained", "how edits are made [multedit]"},
    {"preset", VALUE_CHOICE, FIELD(preset), 0, 0, "official|default",
     "where the layer and the numbers below are from [default]"},
    {"layer", VALUE_COUNT, FIELD(layer), FIELD(has_layer), 0, "L", "the layer that is edited"},
    {"each-layer", VALUE_NONE, FIELD(each_layer), 0, 0, NULL,
     "edit every layer of --layers [all] by itself, and compare them"},
    {"key", VALUE_TEXT, FIELD(key), 0, 0, "SPAN", "take the key at this span's last position [constraint:0]"},
    {"keep", VALUE_TEXT, FIELD(keep), 0, 0, "FILE.jsonl",
     "questions that the edit is to leave alone, in its closed form"},
    {"keep-rows", VALUE_TEXT, FIELD(keep_rows), 0, 0, "SPAN", "keep these rows of them [the key's]"},
    {"keep-lambda", VALUE_REAL, FIELD(keep_lambda), FIELD(has_keep_lambda), 0, "X", "how much they may give"},
    {"lr", VALUE_REAL, FIELD(lr), FIELD(has_lr), 0, "X", "Adam's step"},
    {"steps", VALUE_COUNT, FIELD(steps), 0, 1, "N", "how many of them"},
    {"weight-decay", VALUE_REAL, FIELD(weight_decay), FIELD(has_weight_decay), 0, "X",
     "weight of |delta| / |v0|^2 in the loss"},
    {"clamp", VALUE_REAL, FIELD(clamp), FIELD(has_clamp), 0, "X", "|delta| is at most X |v0|"},
    {"lambda", VALUE_REAL, FIELD(lambda), FIELD(has_lambda), 0, "X", "the ridge that holds the matrix to what it was"},
    {"ft-scope", VALUE_CHOICE, FIELD(ft_scope), 0, 0, "matrix|down|all",
     "fine-tune the layer's down projection, all layers', or the "
     "whole decoder [matrix]"},
    {"epsilon", VALUE_REAL, FIELD(epsilon), FIELD(has_epsilon), 0, "X",
     "ft-constrained: no weight moves farther than X"},
    {"eval", VALUE_TEXT, FIELD(eval), 0, 0, "FILE.jsonl",
     "questions with answers, asked before and after: what else changed?"},
    {"neighbours", VALUE_COUNT, FIELD(neighbours), FIELD(has_neighbours), 0, "N",
     "ask the edited question about N other subjects' pictures "
     "in these files [10]"},
    {"save-lora", VALUE_TEXT, FIELD(save_lora), 0, 0, "DIR", "keep the edit as an adapter that PEFT loads"},
    {"save-merged", VALUE_TEXT, FIELD(save_merged), 0, 0, "DIR", "keep the edited model as a checkpoint"},
    {"format", VALUE_CHOICE, FIELD(format), 0, 0, "known|movies|okvqa|okvqa-json|vqav2|known1000",
     "what kind of file it is [told "
     "from its header]"},
    {"answers", VALUE_TEXT, FIELD(answers), 0, 0, "FILE",
     "where the answers are: the annotations, or a CSV or JSON lines file of them"},
    {"images", VALUE_TEXT, FIELD(images), 0, 0, "DIR", "where the pictures are [the file's folder]"},
    {"flags", VALUE_TEXT, FIELD(flags), 0, 0, "DIR",
     "where the flags are: ISO.png each, as in /usr/share/iso-flags-png-320x240"},
    {"model", VALUE_TEXT, FIELD(model), 0, 0, "MODEL", "put each question into this model's tokens too"},
    {"plan", VALUE_NONE, FIELD(plan), 0, 0, NULL, "say what a trace with these options would take"},
    {"max-tokens", VALUE_COUNT, FIELD(max_tokens), 0, 1, "N", "length of the answer [16]"},
    {"top", VALUE_COUNT, FIELD(top), 0, 1, "K", "most likely tokens to show [5]"},
    {"dtype", VALUE_CHOICE, FIELD(dtype), 0, 0, "f32|bf16", "what matrix products multiply; sums are f32 [f32]"},
    {"threads", VALUE_COUNT, FIELD(threads), 0, 1, "N", "[OMP_NUM_THREADS, or one per core]"},
    {"memory", VALUE_BYTES, FIELD(memory), 0, 0, "SIZE", "budget for working memory [8G]"},
    {"seed", VALUE_COUNT, FIELD(seed), 0, 0, "N", "of everything that is drawn [0]"},
    {"contrast", VALUE_NONE, FIELD(contrast), 0, 0, NULL,
     "the first store less the second, over the subjects that both have"},
    {"by", VALUE_TEXT, FIELD(by), 0, 0, "FIELD",
     "groups of questions apart too: kind (of constraints), relation, source, or a text "
     "field of the rows [kind, where there is more than one]"},
    {"out", VALUE_TEXT, FIELD(out), 0, 0, "DIR|FILE",
     "folder for the results [patchbay-COMMAND]; of dataset import and "
     "annotate the new file"},
    {"json", VALUE_NONE, FIELD(json), 0, 0, NULL,
     "the result as JSON on standard output (files only with --out; a dump's always)"},
    {"quiet", VALUE_NONE, FIELD(quiet), 0, 0, NULL, "no progress, no remarks"},
    {"help", VALUE_NONE, FIELD(help), 0, 0, NULL, "this text"},
};

const char *options_typed(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

static bool is_allowed(const option *o, const char *const *allowed)
{
    return strcmp(o->name, "help") == 0 || options_hold(allowed, o->name);
}

/* The allowed option that is typed so. */
static const option *find(const char *name, size_t length, const char *const *allowed)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *typed = options_typed(table[i].name);
        if (strlen(typed) == length && strncmp(typed, name, length) == 0 && is_allowed(&table[i], allowed))
            return &table[i];
    }
    return NULL;
}

bool options_hold(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* ---- values ---- */

static bool read_count(const char *text, const char **end, size_t *value)
{
    char *stop;
    errno = 0;
    unsigned long long n = strtoull(text, &stop, 10);
    *end = stop;
    *value = (size_t)n;
    return isdigit((unsigned char)text[0]) && errno == 0 && n <= SIZE_MAX / 2;
}

/* What strtod takes beyond decimals (hexadecimals, inf, nan, blanks before them) is no number here. */
static bool read_real(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text && strspn(text, "0123456789.eE+-") == strlen(text) && *end == '\0' && isfinite(*value) && *value >= 0;
}

static bool read_bytes(const char *text, size_t *value)
{
    static const char units[] = "KMGT";
    const char *end;
    if (!read_count(text, &end, value))
        return false;
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    size_t factor = unit ? (size_t)1 << (10 * (unit - units + 1)) : 1;
    end += unit != NULL;
    return *end == '\0' && *value <= SIZE_MAX / factor && (*value *= factor) > 0;
}

static bool read_range(const char *text, size_t *first, size_t *end_value)
{
    const char *end;
    return read_count(text, &end, first) && *end == ':' && read_count(end + 1, &end, end_value) && *end == '\0' &&
           *first < *end_value;
}

static bool read_part(const char *text, size_t *part, size_t *parts)
{
    const char *end;
    return read_count(text, &end, part) && *end == '/' && read_count(end + 1, &end, parts) && *end == '\0' &&
           *part < *parts;
}

static bool is_choice(const char *text, const char *choices)
{
    size_t n = strlen(text);
    for (const char *at = choices; n; at += strcspn(at, "|") + 1) {
        if (strcspn(at, "|") == n && strncmp(at, text, n) == 0)
            return true;
        if (!strchr(at, '|'))
            break;
    }
    return false;
}

static void add_text(text_list *list, const char *text)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = text;
}

static bool set_value(settings *s, const option *o, const char *text)
{
    void *field = (char *)s + o->field;
    const char *end;
    switch (o->kind) {
    case VALUE_NONE: *(bool *)field = true; return true;
    case VALUE_LIST: add_text(field, text); return true;
    case VALUE_TEXT: *(const char **)field = text; return true;
    case VALUE_CHOICE: *(const char **)field = text; return is_choice(text, o->argument);
    case VALUE_BYTES: return read_bytes(text, field);
    case VALUE_RANGE: return read_range(text, field, (size_t *)field + 1);
    case VALUE_PART: return read_part(text, field, (size_t *)field + 1);
    case VALUE_REAL:
        *(bool *)((char *)s + o->given) = true;
        return read_real(text, field);
    case VALUE_COUNT_OR_ALL:
        if (strcmp(text, "all") == 0) {
            *(size_t *)field = SIZE_MAX;
            return true;
        }
        return read_count(text, &end, field) && *end == '\0' && *(size_t *)field >= o->least;
    case VALUE_COUNT:
        if (o->given)
            *(bool *)((char *)s + o->given) = true;
        return read_count(text, &end, field) && *end == '\0' && *(size_t *)field >= o->least;
    }
    return false;
}

/* ---- the line ---- */

static bool complain(const char *command, const char *what, const char *subject)
{
    fprintf(stderr, "patchbay %s: %s%s\nTry: patchbay %s --help\n", command, what, subject, command);
    return false;
}

static bool bad_value(const char *command, const option *o, const char *value)
{
    fprintf(stderr, "patchbay %s: --%s %s: expected %s%s\nTry: patchbay %s --help\n", command, options_typed(o->name),
            value, o->kind == VALUE_CHOICE ? "" : o->argument,
            o->kind == VALUE_CHOICE  ? o->argument
            : o->kind == VALUE_COUNT_OR_ALL ? ", a whole number of at least 1 or all"
            : o->kind == VALUE_COUNT ? o->least ? ", a whole number of at least 1" : ", a whole number"
            : o->kind == VALUE_RANGE ? ", whole numbers, a below b"
            : o->kind == VALUE_PART  ? ", whole numbers, i below n"
            : o->kind == VALUE_REAL  ? ", a number of at least 0"
            : o->kind == VALUE_BYTES ? ", like 512M or 8G"
                                     : "",
            command);
    return false;
}

/* One option at argv[*i]; takes the next argument as its value where it needs one. */
static bool parse_option(settings *s, int argc, char **argv, int *i, const char *const *allowed, const char *command)
{
    const char *name = argv[*i] + 2, *value = strchr(name, '=');
    const option *o = find(name, value ? (size_t)(value - name) : strlen(name), allowed);
    if (!o)
        return complain(command, "there is no option ", argv[*i]);
    add_text(&s->given, o->name);
    if (o->kind == VALUE_NONE)
        return value ? complain(command, "takes no value: --", options_typed(o->name)) : set_value(s, o, NULL);
    if (value)
        value++;
    else if (*i + 1 < argc)
        value = argv[++*i];
    else
        return complain(command, "needs a value: --", options_typed(o->name));
    return set_value(s, o, value) || bad_value(command, o, value);
}

bool options_parse(settings *s, int argc, char **argv, const char *const *allowed, const char *command)
{
    bool options_end = false;
    *s = (settings){0};
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            if (!parse_option(s, argc, argv, &i, allowed, command))
                return false;
        } else if (!options_end && strcmp(argv[i], "-h") == 0)
            s->help = true;
        else if (!options_end && argv[i][0] == '-' && argv[i][1])
            return complain(command, "there is no option ", argv[i]);
        else
            add_text(&s->positional, argv[i]);
    }
    return true;
}

void options_free(settings *s)
{
    free(s->positional.items);
    free(s->given.items);
    free(s->edits.items);
    free(s->loras.items);
    free(s->constraints.items);
    free(s->corruptions.items);
    free(s->rephrasings.items);
    free(s->from.items);
    free(s->to.items);
}

enum { HELP_COLUMN = 31, WIDTH = 118 };

/* Prints text from column HELP_COLUMN on, broken between words. */
static void print_folded(const char *text)
{
    while (strlen(text) > WIDTH - HELP_COLUMN) {
        size_t n = WIDTH - HELP_COLUMN;
        while (n > 1 && text[n] != ' ')
            n--;
        printf("%.*s\n%*s", (int)n, text, HELP_COLUMN, "");
        text += n + (text[n] == ' ');
    }
    printf("%s\n", text);
}

void options_help(const char *const *allowed)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const option *o = &table[i];
        if (!is_allowed(o, allowed))
            continue;
        int n = printf("  --%s %s", options_typed(o->name), o->argument ? o->argument : "");
        if (n >= HELP_COLUMN)
            printf("\n");
        printf("%*s", n < HELP_COLUMN ? HELP_COLUMN - n : HELP_COLUMN, "");
        print_folded(o->help);
    }
}
