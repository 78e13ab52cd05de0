/* sweep_page_write.c: from stores to the page and its figures, as files (sweep_page.h). */
#include <stdlib.h>
#include <string.h>

#include "report/sweep_page.h"
#include "report/sweep_walk.h"

/* Whether a store of so many questions is small enough for every cell to go into the page: of a question that is done
 * the cells are counted, and the others taken to be like it. */
enum { MOST_CELLS = 6000000 };

static pb_status count_cells(void *context, const store_result *r, pb_error *err)
{
    size_t *cells = context;
    (void)err;
    for (size_t i = 0; i < r->grid_count; i++)
        if (r->grids[i].dimensions == 2 && strstr(r->grids[i].name, "/prob"))
            *cells += r->grids[i].shape[0] * r->grids[i].shape[1];
    return PB_OK;
}

static pb_status choose_kind(const sweep_summary *s, store *from, question_list_kind *kind, pb_error *err)
{
    size_t cells = 0, i = 0;
    *kind = QUESTION_LIST_CLASSES;
    while (i < s->questions && strcmp(s->list[i].status, STORE_DONE) != 0)
        i++;
    if (strcmp(s->about->method, "trace") != 0 || i == s->questions)
        return PB_OK;
    TRY(store_find(from, s->list[i].id, STORE_GRIDS, count_cells, &cells, err));
    if (cells && cells <= MOST_CELLS / s->done)
        *kind = QUESTION_LIST_CELLS;
    return PB_OK;
}

typedef struct filling {
    question_list *list;
    sweep_walk walk;
} filling;

static pb_status see(void *context, const store_result *r, pb_error *err)
{
    filling *f = context;
    store_result whole = *r;
    whole.curves = sweep_walk_next(&f->walk, &whole.curve_count);
    return question_list_see(f->list, &whole, err);
}

static pb_status fill_list(question_list *l, const sweep_summary *s, store *from, pb_error *err)
{
    question_list_kind kind;
    TRY(choose_kind(s, from, &kind, err));
    question_list_open(l, s, kind);
    filling f = {l, sweep_walk_new(s)};
    pb_status status = store_each(from, question_list_reads(l), see, &f, err);
    sweep_walk_free(&f.walk);
    return status;
}

static pb_status fill_lists(question_list *lists, const sweep_summary *s, size_t count, store *const *stores,
                            pb_error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(fill_list(&lists[i], &s[i], stores[i], err));
    return PB_OK;
}

static pb_status add_files(const sweep_page *p, const file_set *set, pb_error *err)
{
    buffer page = {0};
    sweep_page_html(p, &page);
    pb_status status = file_set_text(set, "report.html", &page, err);
    buffer_free(&page);
    for (size_t i = 0; i < p->figures->count && !status; i++) {
        buffer svg = {0}, name = {0};
        panel_figure_svg(&p->figures->items[i], &svg);
        buffer_printf(&name, "%s.svg", p->figures->items[i].file);
        status = file_set_text(set, name.data, &svg, err);
        buffer_free(&svg);
        buffer_free(&name);
    }
    return status;
}

pb_status sweep_page_write(const sweep_summary *s, size_t count, store *const *stores, const sweep_contrast *c,
                           const failure_report *f, const file_set *set, pb_error *err)
{
    question_list *lists = mem_new(count, sizeof *lists);
    sweep_figures figures;
    sweep_figures_make(&figures, s, count, c);
    sweep_page page = {.summaries = s, .lists = lists, .count = count, .contrast = c, .figures = &figures,
                       .failures = f};
    pb_status status = fill_lists(lists, s, count, stores, err);
    if (!status)
        status = add_files(&page, set, err);
    sweep_figures_free(&figures);
    for (size_t i = 0; i < count; i++)
        question_list_free(&lists[i]);
    free(lists);
    return status;
}
