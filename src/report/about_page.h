/* about_page.h: what every page about one question shows of it. Each appends HTML. */
#ifndef REPORT_ABOUT_PAGE_H
#define REPORT_ABOUT_PAGE_H

#include "method/score.h"
#include "report/about.h"

/* The file's first lines, up to its title, "Flow: What is ...": a <head> that its own style follows. */
void about_page_open(buffer *out, const report_about *a, const char *method);
/* Opens the <header>: the method, the model and the question; what is said under it follows. */
void about_page_header(buffer *out, const report_about *a, const char *method);
/* "The model answers Lisbon, with probability 0.98"; of an answer that is not its own "The answer FOLLOWED is ...":
 * opens a paragraph, which goes on. */
void about_page_lead(buffer *out, const report_about *a, const int32_t *answer, size_t count, const run_says *clean,
                     const char *followed);
/* The question, the constraints marked in it, each in its colour. */
void about_page_question(buffer *out, const report_about *a);
/* The picture, embedded, and the prompt with its spans: a section. */
void about_page_input(buffer *out, const report_about *a);

#endif
