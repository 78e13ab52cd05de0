/* json_values.c: see json_values.h. */
#include "report/json_values.h"

#include <math.h>
#include <string.h>

#include "report/markup.h"

json_t *make_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *make_numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, make_number(values[i]));
    return list;
}

json_t *make_count(size_t value)
{
    return json_integer((json_int_t)value);
}

json_t *make_text_n(const char *text, size_t n)
{
    buffer valid = {0};
    text_utf8(&valid, text, n);
    json_t *string = json_stringn(valid.data, valid.size);
    buffer_free(&valid);
    return string;
}

json_t *make_text(const char *string)
{
    return string ? make_text_n(string, strlen(string)) : json_null();
}

json_t *make_positions(const size_t *positions, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, make_count(positions[i]));
    return list;
}
