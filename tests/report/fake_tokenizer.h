/* fake_tokenizer.h: a tokenizer that is a list of texts: what the reports ask a tokenizer for, and nothing else.
 * The tests of reports link it in the real one's place. */
#ifndef TESTS_REPORT_FAKE_TOKENIZER_H
#define TESTS_REPORT_FAKE_TOKENIZER_H

#include "text/tokenizer.h"

tokenizer *fake_tokenizer(const char *const *texts, size_t count); /* token i reads texts[i] */
void fake_tokenizer_free(tokenizer *t);

#endif
