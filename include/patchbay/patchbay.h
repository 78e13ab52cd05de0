/* patchbay.h: where does a vision-language model keep the fact it just used, and how did the picture reach it?
 *
 * Open a checkpoint folder, ask it a question, trace the answer:
 *
 *     pb_error err;
 *     pb_model *model;
 *     pb_trace *trace;
 *     const char *constraint = "this country";
 *     pb_question question = {.image = "flag.png", .question = "What is the capital of this country?",
 *                             .constraints = &constraint, .constraint_count = 1};
 *     pb_trace_options options = pb_trace_defaults();
 *     if (pb_model_open(&model, "models/demo", NULL, &err) == PB_OK &&
 *         pb_trace_run(&trace, model, &question, &options, &err) == PB_OK &&
 *         pb_trace_write(trace, "out", &err) == PB_OK)
 *         puts("out/trace.html");
 *
 * Strings handed in are read during the call only; zero means the default throughout. Objects handed out are the
 * caller's: free each with its _free (NULL is fine). A model may be used by one thread at a time; it uses several
 * itself. Nothing is written but what is asked for, and nothing is ever fetched.
 *
 * Two things of the process change. From the first model on SIGBUS goes to patchbay first: a file of weights that another
 * program cuts short makes what runs fail with PB_EIO; a SIGBUS of any other memory goes on to the handler that was there
 * before (one that is set later should pass on what it does not know). And what runs sets, in the calling thread and in its
 * OpenMP threads, that denormal numbers count as zeros, which keeps models that hold them fast. */
#ifndef PATCHBAY_H
#define PATCHBAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patchbay/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- models ---- */

typedef struct pb_model pb_model;

/* What a checkpoint's own folder may leave open, what is computed in, and changes of its weights, which add up
 * (docs/formats.md). */
typedef struct pb_model_options {
    const char *dtype;        /* "f32", or "bf16": numbers of 16 bits in matrix products, summed up in f32; NULL: f32 */
    const char *vision_tower; /* the folder of a tower that lies apart; NULL: the model's own */
    const char *mmproj;       /* the vision side of a decoder alone: llama.cpp's mmproj.gguf, or a folder; NULL: none */
    const char *const *edits; /* "FILE.npz", or "FILE.npz@2" for one request of several: edits that `patchbay edit` found */
    size_t edit_count;
    const char *const *loras; /* folders of PEFT's: LoRA adapters of the decoder */
    size_t lora_count;
} pb_model_options;

/* Opens a checkpoint folder in the Hugging Face layout (config.json, weights, a tokenizer, and a processor config for
 * LLaVA), or a GGUF file of a decoder, which holds all of that itself (docs/models.md). Instant for any size: weights
 * are mapped, and looked at when they are used. */
pb_status pb_model_open(pb_model **out, const char *path, const pb_model_options *options, pb_error *err);
void pb_model_free(pb_model *model);

/* The model's description as JSON (schema patchbay.info/1, docs/formats.md). *json: free(). */
void pb_model_info(const pb_model *model, char **json);

/* "f32" or "bf16": what the model computes in. *widened: bf16 on a processor that has no instructions for it (or with a
 * CBLAS): weights are rounded to bf16 and multiplied in f32, which is right, but no faster than f32. */
const char *pb_model_dtype(const pb_model *model, bool *widened);

/* What multiplies matrices here ("oneDNN 2.6.3"), and whether it gives a row the same bits whatever stands beside it;
 * where it does not, results equal those of full passes within rounding only. */
const char *pb_library(bool *row_invariant);

/* ---- questions ---- */

typedef struct pb_question {
    const char *image;              /* a JPEG, PNG or WebP file; NULL: the decoder alone */
    const char *question;
    const char *const *constraints; /* texts found in the question; [0] is constraint:0 */
    size_t constraint_count;
    const size_t *constraint_starts; /* [constraint_count] where in `question` each begins, in characters (code points);
                                     * SIZE_MAX: wherever it is found first; NULL: so for all */
    bool all_occurrences;           /* every match of a constraint, not only the first */
    const char *prefill;            /* what the answer begins with */
    const char *template_name;      /* NULL: the model's own */
    const char *prompt;             /* a whole prompt with <image> in it, instead of question and template */
    const char *image_order;        /* the picture's rows in another order: "reverse", "shuffle:SEED"; NULL: as they are */
} pb_question;

/* ---- how to run ---- */

typedef struct pb_run_options {
    int threads;     /* 0: OMP_NUM_THREADS, else one per core */
    size_t memory;   /* bytes of working memory; 0: 8 GiB */
    uint64_t seed;
    /* Called now and then with what is being done ("tracing"), and how many of how many (cells, questions, steps); with
     * total 0, `what` is a line to be shown as it is: what all of it will take, which is said first. May be NULL. Cells go
     * through the layers together, so `done` grows in fractions. */
    void (*progress)(void *context, const char *what, double done, double total);
    void *context;
} pb_run_options;

/* The answer that is followed. */
typedef struct pb_answer_choice {
    const char *text; /* NULL: the clean run's most likely next token */
    bool has_id;
    int32_t id;       /* this token instead */
    bool whole;       /* score all of the text's tokens, teacher-forced, instead of the first */
} pb_answer_choice;

/* From which rows to which (docs/trace.md, "Spans"). */
typedef struct pb_span_pair {
    const char *from, *to;
} pb_span_pair;

/* ---- ask ---- */

typedef struct pb_answer pb_answer;

/* The greedy answer of at most max_tokens tokens (0: 16), and the `top` (0: 5) most likely first tokens. */
pb_status pb_ask(pb_answer **out, pb_model *model, const pb_question *question, size_t max_tokens, size_t top,
                 const pb_run_options *run, pb_error *err);
void pb_answer_free(pb_answer *answer);

const char *pb_answer_text(const pb_answer *answer);
/* How many tokens it has, without the one that ended it. */
size_t pb_answer_tokens(const pb_answer *answer);
/* The i-th most likely first token; false when there is none. The text lives as long as the answer. */
bool pb_answer_top(const pb_answer *answer, size_t i, int32_t *id, const char **text, double *prob);
/* Schema patchbay.ask/1. *json: free(). */
void pb_answer_json(const pb_answer *answer, char **json);

/* ---- trace ---- */

typedef struct pb_trace pb_trace;

typedef struct pb_trace_options {
    const char *const *corruptions; /* "swap:TEXT", "noise:s3", ...; none: swap:Paris (docs/trace.md) */
    size_t corruption_count;
    const char *corrupt_span;       /* NULL: constraint */
    const char *noise_file;         /* float32 .npy [samples][constraint tokens][d_model]: the noise itself */
    size_t samples;                 /* draws of random corruptions; 0: 10 */
    bool noise_direction;           /* corrupted activations into the clean run, instead of the reverse */
    const char *sites;              /* NULL: attn_out,mlp_out,resid_post; resid_pre and head_out too, and on the picture's
                                     * side vision.blocks.{l}.hook_resid_pre (_attn_out, _mlp_out, _resid_post), proj.hook_out */
    bool radius;                    /* `window` is R: layers l-R .. l+R; else W layers centred on l */
    size_t window;                  /* W or R; 0 with radius false: 1 */
    size_t first_layer, end_layer;  /* the layers to trace; end 0: all */
    const char *positions;          /* spans; NULL: text, or all when the image is corrupted */
    bool group;                     /* each span of `positions` is one cell */
    size_t blocks;                  /* instead of positions: squares of the picture's patches, so many along a side, each one
                                     * cell; 0: none. The picture must be corrupted */
    const char *freeze;             /* "mlp" or "attn": this output is held, in all layers after the window, at its values */
    const char *freeze_span;        /* in the run that is patched, on these rows (a severed trace); both or neither */
    pb_answer_choice answer;
    const char *foil;               /* also report logit(answer) - logit(foil) */
    size_t verify;                  /* cells to recompute by full, unshared passes */
    bool naive;                     /* compute every cell so */
    pb_run_options run;
} pb_trace_options;

pb_trace_options pb_trace_defaults(void);

pb_status pb_trace_run(pb_trace **out, pb_model *model, const pb_question *question, const pb_trace_options *options,
                       pb_error *err);
void pb_trace_free(pb_trace *trace);

/* What pb_trace_run would take: the model's description with its "plan" filled in (docs/formats.md). The picture is
 * encoded, the decoder is not run. *json: free(). */
pb_status pb_trace_plan(char **json, pb_model *model, const pb_question *question, const pb_trace_options *options,
                        pb_error *err);

/* DIR/trace.json, trace.npz (and its siblings), trace.svg, trace.html. */
pb_status pb_trace_write(const pb_trace *trace, const char *directory, pb_error *err);
/* Schema patchbay.trace/1. *json: free(). */
void pb_trace_json(const pb_trace *trace, char **json);
/* P(answer) in the clean and in the corrupted run. */
void pb_trace_scores(const pb_trace *trace, double *clean, double *corrupted);
/* The answer that is followed, and what the corrupted run says instead: the texts of their tokens. */
const char *pb_trace_answer(const pb_trace *trace);
const char *pb_trace_corrupted_says(const pb_trace *trace);
/* The marks: clean - corrupted is below 0.1, so there is little to bring back; the corrupted run says the very token
 * that was swapped in. */
bool pb_trace_is_weak(const pb_trace *trace);
bool pb_trace_is_primed(const pb_trace *trace);
/* prob[layers][cells] of a site ("attn_out"), inside the trace; NULL when it was not traced. Of head_out
 * prob[layers][cells][pb_trace_heads]. */
const double *pb_trace_prob(const pb_trace *trace, const char *site, size_t *layers, size_t *cells);
/* How many heads a layer has. */
size_t pb_trace_heads(const pb_trace *trace);
/* The i-th of the heads that do most, each by its strongest cell; false when there is none. */
bool pb_trace_top_head(const pb_trace *trace, size_t i, size_t *row, size_t *head, size_t *column, double *prob);
/* A site's highest cell (of head_out whichever head's); false when the site was not traced. The last layer's resid_post is left out: at the last row it
 * is the output itself, elsewhere nothing reads it. */
bool pb_trace_highest(const pb_trace *trace, const char *site, size_t *row, size_t *column);
/* The layer of a row of prob, and the name of a column: its token, or its group. The text lives as long as the trace. */
size_t pb_trace_layer(const pb_trace *trace, size_t row);
const char *pb_trace_cell(const pb_trace *trace, size_t column);
/* The same of any site: those on the picture's side ("vision.blocks.{l}.hook_attn_out", "proj.hook_out") have layers and
 * cells of their own. The projector's has one row, 0. */
size_t pb_trace_site_layer(const pb_trace *trace, const char *site, size_t row);
const char *pb_trace_site_cell(const pb_trace *trace, const char *site, size_t column);

/* ---- attribute ----
 *
 * Every cell of a trace estimated to first order, from its two reference runs and one run backward (docs/attribute.md): where is a
 * trace worth its time? */

typedef struct pb_attribute pb_attribute;

typedef struct pb_attribute_options {
    pb_trace_options trace;  /* the cells; verify is not read */
    size_t exact;            /* run so many cells after all, those of the largest estimates; 0: 10 */
    bool exact_all;          /* or all of them: how good are the estimates? */
    size_t steps;            /* average the gradient over so many runs between the two; 0: take that of the run that is patched */
} pb_attribute_options;

pb_attribute_options pb_attribute_defaults(void);

pb_status pb_attribute_run(pb_attribute **out, pb_model *model, const pb_question *question,
                           const pb_attribute_options *options, pb_error *err);
void pb_attribute_free(pb_attribute *attribute);

/* DIR/attribute.json, attribute.svg, attribute.html. */
pb_status pb_attribute_write(const pb_attribute *attribute, const char *directory, pb_error *err);
/* Schema patchbay.attribute/1. *json: free(). */
void pb_attribute_json(const pb_attribute *attribute, char **json);
/* The trace without its cells: for pb_trace_scores, _answer, _corrupted_says, _is_weak, _is_primed, _layer and _cell. It lives as
 * long as the attribute; its prob is NAN where no exact value was computed. */
const pb_trace *pb_attribute_trace(const pb_attribute *attribute);
/* estimate[layers][cells] of logprob at a site ("attn_out"; of head_out [layers][cells][heads]), inside the attribute; NULL when it was not asked for. */
const double *pb_attribute_estimate(const pb_attribute *attribute, const char *site, size_t *layers, size_t *cells);

/* logprob of the run into which activations are put: the corrupted one, or with noise_direction the clean one. */
double pb_attribute_unpatched(const pb_attribute *attribute);

/* A cell that was run after all. */
typedef struct pb_attribute_cell {
    const char *site, *cell;        /* "mlp_out", and its token or group */
    size_t layer, head;             /* head: of head_out, else 0 */
    double estimate, logprob, prob; /* what was estimated of logprob, and what is so */
} pb_attribute_cell;

/* The i-th largest of them, by |estimate - logprob of the run that is patched|; false when there are no more. */
bool pb_attribute_largest(const pb_attribute *attribute, size_t i, pb_attribute_cell *cell);
/* Spearman's rank correlation of estimated with exact changes of logprob over all cells; NAN where not all were run. */
double pb_attribute_spearman(const pb_attribute *attribute);

/* ---- knockout ----
 *
 * Attention edges cut, layer by layer: does the answer need what these rows give those? docs/knockout.md defines it. */

typedef struct pb_knockout pb_knockout;

typedef struct pb_knockout_options {
    const pb_span_pair *pairs;       /* the edges from rows of one span to rows of another; none: image > constraint and
                                      * constraint > last */
    size_t pair_count;
    bool together;                   /* cut all pairs at once, for one curve */
    bool radius;                     /* `window` is R: cut in layers l-R .. l+R; else in W layers centred on l */
    size_t window;                   /* W or R; 0 with radius false: 1 */
    size_t first_layer, end_layer;   /* the layers around which edges are cut; end 0: all */
    pb_answer_choice answer;
    size_t verify;                   /* points to recompute by full, unshared passes */
    bool naive;                      /* compute every point so */
    pb_run_options run;
} pb_knockout_options;

pb_knockout_options pb_knockout_defaults(void);

/* Fails, before anything runs, where a row would be left without any source, and names it. */
pb_status pb_knockout_run(pb_knockout **out, pb_model *model, const pb_question *question,
                          const pb_knockout_options *options, pb_error *err);
void pb_knockout_free(pb_knockout *knockout);

/* DIR/knockout.json, knockout.svg, knockout.html. */
pb_status pb_knockout_write(const pb_knockout *knockout, const char *directory, pb_error *err);
/* Schema patchbay.knockout/1. *json: free(). */
void pb_knockout_json(const pb_knockout *knockout, char **json);
/* The answer that is followed, and P(answer) when nothing is cut. */
const char *pb_knockout_answer(const pb_knockout *knockout, double *clean);
/* prob[layers] of a curve, and its name ("image > constraint"), inside the knockout; NULL when there is no such curve. */
const double *pb_knockout_prob(const pb_knockout *knockout, size_t curve, const char **name, size_t *layers);
/* The layer of a point. */
size_t pb_knockout_layer(const pb_knockout *knockout, size_t point);

/* ---- flow ----
 *
 *     pb_flow_options options = pb_flow_defaults();
 *     if (pb_flow_run(&flow, model, &question, &options, &err) == PB_OK && pb_flow_write(flow, "out", &err) == PB_OK)
 *         puts("out/flow.html");
 *
 * docs/flow.md defines what is measured. */

typedef struct pb_flow pb_flow;

typedef struct pb_flow_options {
    const pb_span_pair *pairs;       /* [pair_count]; none: image > constraint and constraint > last */
    size_t pair_count;
    bool per_head, per_position;     /* put these into the files too */
    size_t first_layer, end_layer;   /* the layers looked at; end 0: all */
    pb_answer_choice answer;         /* whose probability is reported beside */
    pb_run_options run;
} pb_flow_options;

pb_flow_options pb_flow_defaults(void);

pb_status pb_flow_run(pb_flow **out, pb_model *model, const pb_question *question, const pb_flow_options *options,
                      pb_error *err);
void pb_flow_free(pb_flow *flow);

/* DIR/flow.json, flow.svg, flow.html. */
pb_status pb_flow_write(const pb_flow *flow, const char *directory, pb_error *err);
/* Schema patchbay.flow/1. *json: free(). */
void pb_flow_json(const pb_flow *flow, char **json);
/* P(answer), and the text of its tokens, which lives as long as the flow. */
const char *pb_flow_answer(const pb_flow *flow, double *prob);
/* The i-th pair's measure ("sum_norm", "norm_sum", "share", "relative") per layer, inside the flow, with the pair as it was
 * asked for; NULL when there is no such pair or measure. The first value is layer *first_layer's. */
const double *pb_flow_curve(const pb_flow *flow, size_t i, const char *measure, pb_span_pair *pair, size_t *first_layer,
                            size_t *layers);

/* ---- lens ----
 *
 * What the model's own end, its final norm and its unembedding, makes of rows inside the decoder (docs/lens.md). */

typedef struct pb_lens pb_lens;

typedef struct pb_lens_options {
    const char *site;              /* "resid_pre", "attn_out", "mlp_out"; NULL: resid_post */
    size_t first_layer, end_layer; /* end 0: all */
    const char *positions;         /* spans; NULL: text */
    size_t top;                    /* tokens kept of each cell; 0: 5 */
    pb_answer_choice answer;       /* cells say the probability of its first token, also where it is followed whole */
    pb_run_options run;
} pb_lens_options;

pb_lens_options pb_lens_defaults(void);

pb_status pb_lens_run(pb_lens **out, pb_model *model, const pb_question *question, const pb_lens_options *options,
                      pb_error *err);
void pb_lens_free(pb_lens *lens);

/* DIR/lens.json, lens.html, lens.svg. */
pb_status pb_lens_write(const pb_lens *lens, const char *directory, pb_error *err);
/* Schema patchbay.lens/1. *json: free(). */
void pb_lens_json(const pb_lens *lens, char **json);
/* The last of its rows, layer by layer. *text: free(). */
void pb_lens_text(const pb_lens *lens, char **text);
/* The cells' rows and columns: pb_lens_layer(lens, i) and pb_lens_position(lens, k) are their numbers in the model and in the
 * prompt. */
void pb_lens_size(const pb_lens *lens, size_t *layers, size_t *positions);
size_t pb_lens_layer(const pb_lens *lens, size_t i);
size_t pb_lens_position(const pb_lens *lens, size_t k);
/* P(answer's first token) [layers][positions], inside the lens. */
const double *pb_lens_answer_prob(const pb_lens *lens);
/* The n-th most likely token of a cell; false when so many were not kept. */
bool pb_lens_top(const pb_lens *lens, size_t layer, size_t position, size_t n, int32_t *id, double *prob);

/* ---- dump ----
 *
 * Activations as files that NumPy maps: they go there while the model runs, so they may be larger than memory
 * (docs/dump.md). */

typedef struct pb_dump pb_dump;

typedef struct pb_dump_options {
    const char *sites;             /* "resid_pre,mlp_post"; NULL: attn_out,mlp_out,resid_post */
    size_t first_layer, end_layer; /* of the decoder's sites; end 0: all */
    const char *positions;         /* their rows, as spans; NULL: all */
    pb_run_options run;
} pb_dump_options;

pb_dump_options pb_dump_defaults(void);

/* Runs the question and writes DIR/SITE.npy of each site, and DIR/dump.json, which names them. */
pb_status pb_dump_run(pb_dump **out, pb_model *model, const pb_question *question, const pb_dump_options *options,
                      const char *directory, pb_error *err);
void pb_dump_free(pb_dump *dump);

/* Schema patchbay.dump/1: what dump.json says. *json: free(). */
void pb_dump_json(const pb_dump *dump, char **json);
/* The i-th file: its site, its shape [layers, rows, width], and how many of its numbers are NaN or infinite; false when
 * there are no more. The name lives as long as the dump. */
bool pb_dump_site(const pb_dump *dump, size_t i, const char **site, size_t shape[3], size_t *not_finite);

/* ---- edit ----
 *
 *     pb_edit_request request = {.question = question, .target = "Madrid"};
 *     pb_edit_options options = pb_edit_defaults();
 *     if (pb_edit_run(&edit, model, &request, 1, NULL, 0, &options, &err) == PB_OK &&
 *         pb_edit_write(edit, "out", &err) == PB_OK && pb_edit_save_lora(edit, "adapter", &err) == PB_OK)
 *         puts("out/edit.html");
 *
 * docs/edit.md defines the methods and what is measured. The model that was handed in stays as it is, and must outlive
 * the edit. */

typedef struct pb_edit pb_edit;

/* What an edited model shall answer. */
typedef struct pb_edit_request {
    const char *name;         /* how errors call it ("edits.jsonl: line 37"); NULL: by its number, if there are several */
    const char *id;           /* may be NULL, as subject */
    pb_question question;     /* the key stands at the last token of constraint:0 */
    const char *target;
    const pb_question *rephrasings; /* [rephrasing_count] questions that have the same answer: in other words, or about
                                     * another picture of the same subject */
    size_t rephrasing_count;
    const char *subject;      /* what the picture shows: other subjects' pictures are its neighbours */
    const char *const *answers; /* [answer_count] those accepted without an edit: another request's picture whose answers
                                 * hold the target is none of its neighbours */
    size_t answer_count;
} pb_edit_request;

/* A question that an edit should leave alone. */
typedef struct pb_eval_question {
    const char *name, *id;       /* as above */
    pb_question question;
    const char *const *answers;  /* [answer_count] those accepted as right */
    size_t answer_count;
    const char *subject;
} pb_eval_question;

/* Files of them, JSON lines of the VQA-Constraints form (docs/edit.md): all of a file, or an error that names the line.
 * _all: the questions, inside the file's. */
typedef struct pb_edit_requests pb_edit_requests;
typedef struct pb_eval_questions pb_eval_questions;

pb_status pb_edit_requests_read(pb_edit_requests **out, const char *path, pb_error *err);
const pb_edit_request *pb_edit_requests_all(const pb_edit_requests *requests, size_t *count);
void pb_edit_requests_free(pb_edit_requests *requests);

pb_status pb_eval_questions_read(pb_eval_questions **out, const char *path, pb_error *err);
const pb_eval_question *pb_eval_questions_all(const pb_eval_questions *questions, size_t *count);
/* How many rows were left out because they are marked as lacking something. */
size_t pb_eval_questions_marked(const pb_eval_questions *questions);
void pb_eval_questions_free(pb_eval_questions *questions);

typedef enum pb_edit_method {
    PB_MULTEDIT,      /* a closed-form change of one layer's down projection, or of a range of layers' */
    PB_FT,            /* fine-tuning */
    PB_FT_CONSTRAINED /* fine-tuning that keeps every weight within epsilon of what it was */
} pb_edit_method;

/* What fine-tuning changes: the layer's down projection, all layers', the whole decoder. */
typedef enum pb_ft_scope { PB_FT_MATRIX, PB_FT_DOWN, PB_FT_ALL } pb_ft_scope;

/* Begin with pb_edit_defaults(): a number that is NAN is the preset's. */
typedef struct pb_edit_options {
    pb_edit_method method;
    pb_ft_scope ft_scope;
    const char *preset;             /* "default" (or NULL), "official": the layer and the numbers that are not given */
    size_t first_layer, end_layer;  /* one layer, or a range that the edit is spread over; end 0: the preset's layer */
    size_t steps;                   /* 0: the preset's */
    double lr, weight_decay, clamp, lambda, epsilon;
    const char *key;                /* the span whose last position gives the key (docs/trace.md); NULL: constraint:0 */
    const pb_eval_question *keep;   /* [keep_count] questions that PB_MULTEDIT is to leave alone: what the edited matrix
                                     * makes of one of their rows, the key's, is to stay */
    size_t keep_count;
    const char *keep_rows;          /* of all rows of this span; NULL: of the key's alone */
    double keep_lambda;             /* how much those rows may give */
    bool each_layer;                /* try every layer of the range by itself, and compare them; end 0: all layers */
    bool whole_target;              /* make all of the target's tokens likely, not only the first */
    bool together;                  /* make all requests' edits in one model, instead of each in its own */
    size_t neighbours;              /* other subjects' pictures that each edited question is asked about (10); 0: none */
    const char *template_name;      /* of questions that name none; NULL: the model's own */
    pb_run_options run;
} pb_edit_options;

pb_edit_options pb_edit_defaults(void);

/* Finds the edits, and asks everything before and after. */
pb_status pb_edit_run(pb_edit **out, pb_model *model, const pb_edit_request *requests, size_t request_count,
                      const pb_eval_question *eval, size_t eval_count, const pb_edit_options *options, pb_error *err);
void pb_edit_free(pb_edit *edit);

/* DIR/edit.json, edit.html, edit.svg and, of PB_MULTEDIT, edit.npz, which pb_model_open applies. */
pb_status pb_edit_write(const pb_edit *edit, const char *directory, pb_error *err);
/* Schema patchbay.edit/1. *json: free(). */
void pb_edit_json(const pb_edit *edit, char **json);
/* What happened, in a few lines. *text: free(). */
void pb_edit_text(const pb_edit *edit, char **text);
/* The greedy answers to a request's question before and after its edit, and P(the target's first token); false when
 * there is no such request. The texts live as long as the edit. */
bool pb_edit_answers(const pb_edit *edit, size_t request, const char **before, const char **after, double *prob_before,
                     double *prob_after);
/* The edit as a PEFT adapter (PB_MULTEDIT only), and the edited model as a checkpoint: of one request, or of several
 * made together. The checkpoint holds the changes that the model was opened with too, the adapter and edit.npz do not. */
pb_status pb_edit_save_lora(const pb_edit *edit, const char *directory, pb_error *err);
pb_status pb_edit_save_merged(const pb_edit *edit, const char *directory, pb_error *err);

/* ---- data sets ----
 * Files of questions, one a line (docs/datasets.md). Each of these tells how many rows there are, how many are kept, how many are
 * marked as lacking something, and why; and what is wrong on which line. */

typedef struct pb_dataset pb_dataset;

typedef struct pb_dataset_import_options {
    const char *format;  /* "known", "movies", "okvqa", "okvqa-json", "vqav2", "known1000"; NULL: told from the file */
    const char *answers; /* the file that has the answers; NULL: none */
    const char *images;  /* the folder that has the pictures; NULL: the file's own */
} pb_dataset_import_options;

/* Writes the file's questions as JSON lines to the file `to`. Every record is kept, or kept and marked with what it lacks; marks
 * are no failure. */
pb_status pb_dataset_import(pb_dataset **out, const char *path, const pb_dataset_import_options *options, const char *to,
                            pb_error *err);

/* Opens every picture, finds every span, and, with a model (else NULL), puts every question into its tokens, in this template
 * (NULL: its own). What is wrong is no failure: pb_dataset_problems tells. run: for its progress; may be NULL. */
pb_status pb_dataset_check(pb_dataset **out, const char *path, pb_model *model, const char *template_name,
                           const pb_run_options *run, pb_error *err);
/* Counts constraints per kind and length, answers, duplicates, pictures, subjects, relations. */
pb_status pb_dataset_stats(pb_dataset **out, const char *path, pb_error *err);
/* Makes a data set of this name ("flagqa", docs/flagqa.md) in `folder`, which is not there yet or empty, at the run's seed, from
 * the flags in the folder `flags`: ISO.png each. */
pb_status pb_dataset_generate(pb_dataset **out, const char *name, const char *flags, const char *folder,
                              const pb_run_options *run, pb_error *err);
/* Writes the file's rows to the file `to`, with constraints proposed, and marked so, for questions that have none; tells how good
 * the proposals are for those whose constraints are known. */
pb_status pb_dataset_annotate(pb_dataset **out, const char *path, const char *to, pb_error *err);
void pb_dataset_free(pb_dataset *dataset);

/* How many problems were found. */
size_t pb_dataset_problems(const pb_dataset *dataset);
/* Schema patchbay.dataset/1. *json: free(). */
void pb_dataset_json(const pb_dataset *dataset, char **json);
/* The same in words, with the first problems. *text: free(). */
void pb_dataset_text(const pb_dataset *dataset, char **text);

/* ---- reports of sweeps ----
 *
 *     pb_report_options options = {.by = "relation"};
 *     if (pb_report_open(&report, stores, 2, &options, &err) == PB_OK && pb_report_write(report, "out", &err) == PB_OK)
 *         puts("out/questions.csv");
 *     pb_report_free(report);
 *
 * docs/report.md says what each number and each file is. */

typedef struct pb_report pb_report;

typedef struct pb_report_options {
    const char *by;    /* also apart: by "kind" of the constraints, "relation", "source", or a text field of the rows; NULL:
                        * by kind, where there is more than one */
    bool contrast;     /* the first store less the second, over the subjects that both have: two stores */
    int threads;       /* 0: as many as OpenMP takes */
} pb_report_options;

/* How the work on a store's questions ended. */
typedef struct pb_report_counts {
    const char *label; /* what tells the store from the report's others, inside the report */
    const char *method;
    size_t questions, done, wrong, marked, failed, pending;
    size_t subjects;   /* of those done */
} pb_report_counts;

/* Reads the stores, which are of one method. */
pb_status pb_report_open(pb_report **out, const char *const *stores, size_t count, const pb_report_options *options,
                         pb_error *err);
void pb_report_free(pb_report *report);
pb_report_counts pb_report_count(const pb_report *report, size_t i);
/* All files of docs/report.md, "Files". */
pb_status pb_report_write(const pb_report *report, const char *directory, pb_error *err);

/* ---- results again ---- */

/* Reads the JSON file of a trace, of estimates, a flow, a knockout, a lens or an edit, and writes its page and its figure again:
 * DIR/trace.html, DIR/trace.svg and so on. *notes: a line for each thing that they cannot have (the picture, where its file is
 * gone), or ""; free(). PB_EFORMAT names the field that is not as docs/formats.md has it. */
pb_status pb_result_report(const char *json, const char *directory, char **notes, pb_error *err);

/* ---- sweep ----
 *
 *     pb_sweep_options options = pb_sweep_defaults();
 *     pb_sweep_summary summary;
 *     options.method = PB_SWEEP_TRACE;
 *     options.trace.corruptions = (const char *const[]){"image:@other"};
 *     options.trace.corruption_count = 1;
 *     if (pb_sweep_run(model, "questions.jsonl", &options, &summary, &err) == PB_OK)
 *         printf("%zu of %zu questions are done\n", summary.done, summary.questions);
 *
 * One of the methods above over a data set, into a results store (docs/sweep.md; docs/store.md says what is in it). Run again, it does
 * what is missing. */

typedef enum pb_sweep_method { PB_SWEEP_TRACE, PB_SWEEP_FLOW, PB_SWEEP_KNOCKOUT, PB_SWEEP_EDIT, PB_SWEEP_ASK } pb_sweep_method;

/* Begin with pb_sweep_defaults(). Of the methods' options those of `method` are read, without their `run`. In the texts marked @,
 * "@FIELD" is that field of each row (of a list its first), and "@other" is of another question: in corruptions its picture
 * ("image:@other") or its constraint:0 ("swap-phrase:@other"), elsewhere its first answer. Each question's other is about another
 * subject of the same relation, with other answers: drawn once for the data set, by the seed. */
typedef struct pb_sweep_options {
    pb_sweep_method method;
    pb_trace_options trace;         /* @ corruptions, foil, answer.text */
    pb_flow_options flow;           /* @ answer.text */
    pb_knockout_options knockout;   /* @ answer.text */
    pb_edit_options edit;           /* each row is a request; together and each_layer are refused */
    const char *target;             /* @ of the edits; NULL: each row's own */
    const pb_eval_question *eval;   /* [eval_count] questions that the edits should leave alone */
    size_t eval_count;
    size_t max_tokens, top;         /* of PB_SWEEP_ASK; 0: 16 and 5 */
    const char *template_name;      /* of all questions, as these; NULL: the model's own */
    const char *prefill;            /* @FIELD; NULL: each row's own */
    const char *image_order;
    bool all_occurrences;
    bool include_wrong;             /* go on with questions that the model answers wrongly, too */
    const char *store;              /* NULL: results.db */
    size_t limit;                   /* take only so many rows, the first ones; 0: all */
    size_t shard, shards;           /* do only every shards-th part of the work, from part `shard` on; shards 0: all */
    pb_run_options run;
} pb_sweep_options;

pb_sweep_options pb_sweep_defaults(void);

/* What the store says afterwards. */
typedef struct pb_sweep_summary {
    size_t questions, done, pending;     /* done, whichever way they ended, and those that are not */
    size_t finished, wrong, marked, failed; /* how they ended: with a result, answered wrongly, lacking something, in an error */
    size_t added;                        /* how many of them this call did */
    bool interrupted;                    /* SIGINT, SIGTERM or SIGHUP came: what was in hand was given up */
    bool follower;                       /* of several processes that mpirun started not the first, which alone counts all this */
} pb_sweep_summary;

/* Fails on what is wrong with the data set as a whole, the options or the store; a question that fails is recorded with the reason.
 * While it runs, it watches for SIGINT, SIGTERM and SIGHUP: then it gives up the questions in hand, which stay as if not begun, returns
 * PB_OK with what was finished, and the signal does what it would have done. Other calls that compute in other threads meanwhile end
 * with PB_EINTERRUPTED. Nothing else of this library minds signals, but what writes files (it leaves no half ones). Started by mpirun,
 * the processes share the work (docs/scale.md); each may call it once. */
pb_status pb_sweep_run(pb_model *model, const char *dataset, const pb_sweep_options *options, pb_sweep_summary *summary,
                       pb_error *err);

/* Puts stores of the same work, as shards leave them, together in the store `path`, which is made, or added to; it may be one of
 * them. Refused, before anything is written, where they are of different work; results that several have must be equal. */
pb_status pb_sweep_merge(const char *path, const char *const *stores, size_t count, pb_sweep_summary *summary, pb_error *err);

/* ---- bench ----
 *
 *     if (pb_bench_run(&bench, model, NULL, &err) == PB_OK) {
 *         pb_bench_text(bench, &text);
 *         puts(text);
 *     }
 *
 * What limits the work on a model here (docs/performance.md): the rates at which this machine multiplies and reads, and the
 * phases of an answer, a trace and an edit of the model against them. The question is made up, and the picture too. */

typedef struct pb_bench pb_bench;

/* The trace is one of as many layers as take about half a minute. */
pb_status pb_bench_run(pb_bench **out, pb_model *model, const pb_run_options *run, pb_error *err);
void pb_bench_free(pb_bench *bench);
/* Schema patchbay.bench/1. *json: free(). */
void pb_bench_json(const pb_bench *bench, char **json);
/* The same as a table. *text: free(). */
void pb_bench_text(const pb_bench *bench, char **text);

#ifdef __cplusplus
}
#endif
#endif
