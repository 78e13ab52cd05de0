/* tokenizer.h: text to token ids and back, equal to Hugging Face's `tokenizers` reading the same files, offsets
 * included.
 *
 *     tokenizer *t;
 *     encoding e;
 *     TRY(tokenizer_open(&t, "llava-1.5-7b-hf", err));
 *     TRY(tokenizer_encode(t, text, strlen(text), true, &e, err));
 *     for (size_t i = 0; i < e.count; i++)
 *         use(e.tokens[i].id);
 *     encoding_free(&e);
 *     tokenizer_free(t);
 *
 * Of a tokenizer.json are read BPE models with byte fallback (Llama's) and byte-level ones (GPT-2's, Llama 3's,
 * Qwen2's), with the normalizers Prepend, Replace and NFC, the pre-tokenizers ByteLevel, Metaspace, Split and Digits,
 * the post-processors ByteLevel and TemplateProcessing, the decoders that go with them, Sequences of all these, and
 * added tokens. Then there are SentencePiece's BPE and Unigram models (tokenizer.model), vocab.json with merges.txt,
 * and the tokenizers inside GGUF files; docs/models.md says how each is used. Everything else is refused by name
 * (PB_EUNSUPPORTED), never approximated. "truncation" and "padding" are ignored, as transformers overrides them in
 * every call.
 *
 * A tokenizer does not change after it is opened: threads may share it. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "checkpoint/gguf.h"

typedef struct tokenizer tokenizer;

typedef struct token {
    int32_t id;
    uint32_t start, end; /* the code points of the text that it covers, half open. Empty (0, 0) for tokens that a
                          * post-processor adds. Neighbours overlap when a character makes several tokens; with
                          * trimmed ranges (CodeGen) a token of spaces alone is empty where it stands */
} token;

typedef struct encoding {
    token *tokens; /* free with encoding_free */
    size_t count;
} encoding;

/* Reads directory/tokenizer.json; where there is none tokenizer.model with the small files beside it, or else
 * vocab.json with merges.txt. A damaged file is PB_EFORMAT, one that asks for something unknown PB_EUNSUPPORTED; both
 * name the file, the field, and what was found. */
pb_status tokenizer_open(tokenizer **out, const char *directory, pb_error *err);
/* The same for a tokenizer.json in memory; `name` stands in errors for the file. */
pb_status tokenizer_read(tokenizer **out, const char *json, size_t size, const char *name, pb_error *err);
/* The tokenizer in a GGUF file's metadata; errors name the file. */
pb_status tokenizer_from_gguf(tokenizer **out, const gguf_metadata *metadata, pb_error *err);
void tokenizer_free(tokenizer *t);

/* Encodes UTF-8 text of `size` bytes (256 MB at most; it may hold NULs). Invalid UTF-8 is an error (PB_EINVAL: HF's API
 * cannot be given any). add_special: run the post-processor's template (BOS), as HF's add_special_tokens=True. */
pb_status tokenizer_encode(const tokenizer *t, const char *text, size_t size, bool add_special, encoding *out,
                           pb_error *err);
void encoding_free(encoding *e);

/* Appends the text of ids, as HF's decode(ids, skip_special_tokens=skip_special) gives it. Ids beyond the vocabulary
 * (padded embedding rows) give nothing. */
void tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special, buffer *out);

/* Appends one token as a reader should see it: its leading space kept, bytes that are no UTF-8 as U+FFFD, special
 * tokens as they are written. Ids beyond the vocabulary give "<ID>" with their number. */
void tokenizer_token_text(const tokenizer *t, int32_t id, buffer *out);

/* The id of a token by its exact content (added tokens first, then the vocabulary), or -1. */
int32_t tokenizer_find(const tokenizer *t, const char *content);

size_t tokenizer_vocab(const tokenizer *t);       /* largest id + 1, added tokens included */
/* "BPE with byte fallback", "byte-level BPE", "BPE" (neither), "SentencePiece BPE", "SentencePiece Unigram", "GGUF
 * SentencePiece BPE", "GGUF byte-level BPE". */
const char *tokenizer_kind(const tokenizer *t);
bool tokenizer_is_special(const tokenizer *t, int32_t id); /* an added token with "special": true */

/* The first id of `text` in mid-sentence, and all of them: encode "a TEXT" without special tokens and take the tokens
 * from the first whose range ends after that space (docs/trace.md, "Answer"). *ids: free(); PB_EINVAL when text makes no
 * token. `what` names the option in the error ("--answer"). */
pb_status tokenizer_mid_sentence(const tokenizer *t, const char *text, const char *what, int32_t **ids, size_t *count,
                                 pb_error *err);

#endif
