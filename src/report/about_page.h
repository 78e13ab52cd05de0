/* about_page.h: what every page about one question shows of it. Each appends HTML. */
#ifndef REPORT_ABOUT_PAGE_H
#define REPORT_ABOUT_PAGE_H

#include "report/about.h"

/* The file's first lines, up to its title, "Flow: What is ...": a <head> that its own style follows. */
void about_page_open(buffer *out, const report_about *a, const char *method);
/* Opens the <header>: the method, the model and the question; what is said under it follows. */
void about_page_header(buffer *out, const report_about *a, const char *method);
/* The question, the constraints marked in it, each in its colour. */
void about_page_question(buffer *out, const report_about *a);
/* The picture, embedded, and the prompt with its spans: a section. */
void about_page_input(buffer *out, const report_about *a);

#endif
