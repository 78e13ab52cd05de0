/* subjects.c: see subjects.h. */
#include "method/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct named {
    const char *name;
    size_t question;
} named;

/* By name, those without one first, and among equals the first question first. */
static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = x->name && y->name ? strcmp(x->name, y->name) : (x->name != NULL) - (y->name != NULL);
    return order ? order : (x->question > y->question) - (x->question < y->question);
}

size_t subjects_number(const char *const *subject, size_t count, size_t *number)
{
    named *all = mem_new(count, sizeof *all);
    size_t *first = mem_new(count, sizeof *first), found = 0;
    for (size_t i = 0; i < count; i++)
        all[i] = (named){subject[i], i};
    qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++) {
        bool same = i && all[i].name && all[i - 1].name && strcmp(all[i].name, all[i - 1].name) == 0;
        first[all[i].question] = same ? first[all[i - 1].question] : all[i].question;
    }
    for (size_t i = 0; i < count; i++)
        number[i] = first[i] == i ? found++ : number[first[i]];
    free(all);
    free(first);
    return found;
}
