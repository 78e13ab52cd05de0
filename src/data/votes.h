/* votes.h: which of the answers that people gave to a question are accepted.
 *
 * VQAv2 and OK-VQA have ten answers a question (OK-VQA: five people's, each counted twice). VQA's evaluation gives an
 * answer min(votes / 3, 1); here, where an answer is right or not (docs/datasets.md, "Accepted answers"), those of at
 * least three votes are accepted, and where none has three, those with the most. Votes are counted over answers
 * normalised as that evaluation does (method/vqa.h); what is accepted keeps the form in which it was given most
 * often. */
#ifndef DATA_VOTES_H
#define DATA_VOTES_H

#include <jansson.h>

/* given: a list of {"answer": TEXT, "raw_answer": TEXT (OK-VQA: as it was typed), ...}. *accepted: a list of texts,
 * most votes first, ties as they were given, each followed by its raw forms that differ from it when normalised.
 * *votes: {normalised: n}. What has no answer, or one of which nothing remains when normalised, has no vote.
 * json_decref both. */
void votes_count(const json_t *given, json_t **accepted, json_t **votes);

/* Texts without those that are the same when normalised as one before, and those of which nothing remains;
 * a new list. */
json_t *votes_distinct(const json_t *texts);

#endif
