/* tokenize_lines.c: the tokenizer as a filter, which tools/parity/tokenizers_check.py compares with HF's.
 *
 *     tokenize_lines DIRECTORY|FILE.gguf < lines
 *
 * reads one JSON object a line and answers each with one:
 *     {"text": text}  ->  {"ids", "starts", "ends" (without special tokens), "special" (the ids with them),
 *                          "decoded", "skipped" (of "special", with special tokens and without)}
 *     {"ids": [...]}  ->  {"decoded", "skipped", "texts" (each token by itself)} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

static json_t *string_of(buffer *b)
{
    json_t *string = json_stringn(b->data ? b->data : "", b->size);
    buffer_free(b);
    return string;
}

static json_t *decoded(const tokenizer *t, const int32_t *ids, size_t count, bool skip_special)
{
    buffer text = {0};
    tokenizer_decode(t, ids, count, skip_special, &text);
    return string_of(&text);
}

static int32_t *ids_of(const encoding *e)
{
    int32_t *ids = mem_new(e->count, sizeof *ids);
    for (size_t i = 0; i < e->count; i++)
        ids[i] = e->tokens[i].id;
    return ids;
}

static void put_decoded(json_t *answer, const tokenizer *t, const int32_t *ids, size_t count)
{
    json_object_set_new(answer, "decoded", decoded(t, ids, count, false));
    json_object_set_new(answer, "skipped", decoded(t, ids, count, true));
}

static pb_status answer_text(const tokenizer *t, const json_t *text, json_t *answer, pb_error *err)
{
    encoding plain, special;
    json_t *lists[4];
    static const char *const names[4] = {"ids", "starts", "ends", "special"};
    TRY(tokenizer_encode(t, json_string_value(text), json_string_length(text), false, &plain, err));
    TRY(tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &special, err));
    for (size_t i = 0; i < 4; i++)
        json_object_set_new(answer, names[i], lists[i] = json_array());
    for (size_t i = 0; i < plain.count; i++) {
        json_array_append_new(lists[0], json_integer(plain.tokens[i].id));
        json_array_append_new(lists[1], json_integer(plain.tokens[i].start));
        json_array_append_new(lists[2], json_integer(plain.tokens[i].end));
    }
    for (size_t i = 0; i < special.count; i++)
        json_array_append_new(lists[3], json_integer(special.tokens[i].id));
    int32_t *ids = ids_of(&special);
    put_decoded(answer, t, ids, special.count);
    free(ids);
    encoding_free(&plain);
    encoding_free(&special);
    return PB_OK;
}

static void answer_ids(const tokenizer *t, const json_t *list, json_t *answer)
{
    size_t count = json_array_size(list);
    int32_t *ids = mem_new(count, sizeof *ids);
    json_t *texts = json_array();
    for (size_t i = 0; i < count; i++) {
        buffer text = {0};
        ids[i] = (int32_t)json_number_value(json_array_get(list, i));
        tokenizer_token_text(t, ids[i], &text);
        json_array_append_new(texts, string_of(&text));
    }
    put_decoded(answer, t, ids, count);
    json_object_set_new(answer, "texts", texts);
    free(ids);
}

static pb_status answer_line(const tokenizer *t, const char *line, size_t size, pb_error *err)
{
    json_t *question;
    TRY(json_parse_object(&question, line, size, "stdin", err));
    json_t *answer = json_object(), *text = json_object_get(question, "text");
    pb_status status = PB_OK;
    if (json_is_string(text))
        status = answer_text(t, text, answer, err);
    else
        answer_ids(t, json_object_get(question, "ids"), answer);
    if (!status) {
        json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
    }
    json_decref(answer);
    json_decref(question);
    return status;
}

int main(int argc, char **argv)
{
    pb_error err;
    tokenizer *t = NULL;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    if (argc != 2) {
        fprintf(stderr, "usage: tokenize_lines DIRECTORY|FILE.gguf < lines\n");
        return 2;
    }
    checkpoint *weights = NULL; /* a GGUF file's metadata are read with its tensors */
    pb_status status = checkpoint_is_gguf(argv[1]) ? checkpoint_open(&weights, argv[1], &err) : PB_OK;
    if (!status)
        status = weights ? tokenizer_from_gguf(&t, checkpoint_metadata(weights), &err)
                         : tokenizer_open(&t, argv[1], &err);
    checkpoint_free(weights);
    while (!status && (size = getline(&line, &capacity, stdin)) >= 0)
        status = answer_line(t, line, (size_t)size, &err);
    if (status)
        fprintf(stderr, "%s\n", err.message);
    tokenizer_free(t);
    free(line);
    return status != PB_OK;
}
