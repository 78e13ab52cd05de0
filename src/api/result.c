/* result.c: results made into pages again (patchbay.h). */
#include "base/memory.h"
#include "patchbay/patchbay.h"
#include "report/result_read.h"

pb_status pb_result_report(const char *json, const char *directory, char **notes, pb_error *err)
{
    buffer text = {0};
    buffer_text(&text, "");
    *notes = NULL;
    pb_status status = result_page_write(json, directory, &text, err);
    if (status)
        buffer_free(&text);
    else
        *notes = text.data;
    return status;
}
