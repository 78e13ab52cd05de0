/* folder_tokens.h: the added tokens of a folder that has a tokenizer.model (or vocab.json) but no tokenizer.json.
 *
 * They stand in tokenizer_config.json ("added_tokens_decoder", "bos_token" and other names, "extra_special_tokens")
 * and, before there was an "added_tokens_decoder", in added_tokens.json and special_tokens_map.json. Which of them
 * count, and in which order new ones get their ids, is as in transformers 5. */
#ifndef TEXT_FOLDER_TOKENS_H
#define TEXT_FOLDER_TOKENS_H

#include <jansson.h>

#include "text/added.h"
#include "text/pieces.h"

typedef struct folder_files {
    char *config_path, *map_path, *added_path;
    json_t *config; /* tokenizer_config.json, an empty object when there is none */
    json_t *map;    /* special_tokens_map.json, or NULL */
    json_t *added;  /* added_tokens.json, or NULL */
} folder_files;

pb_status folder_files_read(folder_files *f, const char *directory, pb_error *err);
void folder_files_free(folder_files *f);

/* What the tokens depend on beside the files. */
typedef struct folder_tokens {
    const vocab *words;
    const pieces *pieces;     /* their CONTROL pieces are special tokens; NULL: there are none */
    bool user_defined_too;    /* and their USER_DEFINED pieces are added ones */
    bool never_normalized;    /* all that the files list are looked for before normalization */
    const char *bos, *eos, *unknown; /* where the files name none; NULL: none. In return what they name */
} folder_tokens;

/* Fills *a. On return t->bos, t->eos and t->unknown live as long as the files and the vocabulary. */
pb_status folder_tokens_read(added_tokens *a, folder_tokens *t, const folder_files *f, pb_error *err);

#endif
