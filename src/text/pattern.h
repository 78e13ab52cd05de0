/* pattern.h: the regular expressions that cut texts into words.
 *
 * Split patterns are Oniguruma expressions in tokenizer.json, run over a Unicode of their own age, so they run here on
 * the same age's classes (unicode.h). Known is what the published patterns use: alternatives, groups ( (?: (?i: ,
 * look-ahead (?= (?! , literals, sets, \s \S \r \n \t \p{L} \p{M} \p{N} \p{P} \p{S} and their complements, ? * + {m,n}
 * on single characters and ? on groups, ?+ *+ ++. Anything else is refused, never approximated. Matching backtracks as
 * Oniguruma's does, with a stack no deeper than the expression is long. */
#ifndef TEXT_PATTERN_H
#define TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct pattern pattern;

/* A regular expression. `file` and `field` ("pre_tokenizer.pattern.Regex") stand in errors: PB_EUNSUPPORTED for
 * expressions beyond the above or that match nothing at all (an empty match), PB_EFORMAT for malformed ones. */
pb_status pattern_regex(pattern **out, const char *regex, size_t size, const char *file, const char *field,
                        pb_error *err);
/* Just this text, which may not be empty. */
pattern *pattern_literal(const char *text, size_t size);
/* One code point of any of these classes. */
pattern *pattern_class(unsigned classes);
void pattern_free(pattern *p);

/* The leftmost match in text[size] (valid UTF-8) that begins at `from` or later: *start, *end; false when none. */
bool pattern_find(const pattern *p, const char *text, size_t size, size_t from, size_t *start, size_t *end);

#endif
