/* rope.c: see rope.h. */
#include "model/rope.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

typedef struct scaling {
    const char *type;
    double theta, factor, low_freq_factor, high_freq_factor, original_positions;
    json_t *factors; /* of "factors": what each frequency is divided by */
} scaling;

/* The object that holds rotary settings; NULL where none does. transformers takes the older one where both are. */
static pb_status find_settings(json_t **settings, const json_t *config, const char *file, pb_error *err)
{
    json_t *older;
    TRY(json_get_object(config, "rope_parameters", settings, file, err));
    TRY(json_get_object(config, "rope_scaling", &older, file, err));
    if (json_object_size(older) > 0)
        *settings = older;
    return PB_OK;
}

static pb_status read_scaling(scaling *s, const json_t *config, const char *file, pb_error *err)
{
    json_t *from;
    *s = (scaling){"default", 10000, 1, 1, 4, 8192, NULL};
    TRY(find_settings(&from, config, file, err));
    TRY(json_get_real(config, "rope_theta", &s->theta, file, err));
    TRY(json_get_real(config, "max_position_embeddings", &s->original_positions, file, err));
    if (!from)
        return PB_OK;
    TRY(json_get_real(from, "rope_theta", &s->theta, file, err));
    TRY(json_get_text(from, "type", &s->type, file, err));
    TRY(json_get_text(from, "rope_type", &s->type, file, err));
    TRY(json_get_real(from, "factor", &s->factor, file, err));
    TRY(json_get_real(from, "low_freq_factor", &s->low_freq_factor, file, err));
    TRY(json_get_real(from, "high_freq_factor", &s->high_freq_factor, file, err));
    TRY(json_get_array(from, "factors", &s->factors, file, err));
    TRY(json_get_real(from, "original_max_position_embeddings", &s->original_positions, file, err));
    return json_get_real(config, "original_max_position_embeddings", &s->original_positions, file, err);
}

/* Llama 3.1: long wavelengths are stretched by the factor, short ones kept, those between blended: in float32, with
 * torch's roundings. */
static float llama3_frequency(float f, const scaling *s)
{
    float wavelength = (float)(2 * M_PI) / f, factor = (float)s->factor;
    double low_wavelength = s->original_positions / s->low_freq_factor;
    double high_wavelength = s->original_positions / s->high_freq_factor;
    if ((double)wavelength > low_wavelength)
        return f / factor;
    if ((double)wavelength < high_wavelength)
        return f;
    float smooth = ((float)s->original_positions / wavelength - (float)s->low_freq_factor) /
                   (float)(s->high_freq_factor - s->low_freq_factor);
    return (1 - smooth) * f / factor + smooth * f;
}

static bool is(const scaling *s, const char *type)
{
    return strcmp(s->type, type) == 0;
}

static pb_status check_scaling(const scaling *s, size_t d, const char *file, pb_error *err)
{
    if (!is(s, "default") && !is(s, "linear") && !is(s, "llama3") && !is(s, "factors"))
        return fail(err, PB_EUNSUPPORTED, "%s: rotary scaling \"%s\" is not supported (default, linear, llama3 are)",
                    file, s->type);
    if (!(s->theta > 0) || !(s->factor > 0))
        return fail(err, PB_EFORMAT, "%s: rope theta %g and factor %g, expected numbers above 0", file, s->theta,
                    s->factor);
    if (is(s, "factors") && json_array_size(s->factors) != d / 2)
        return fail(err, PB_EFORMAT, "%s: %zu factors of rotary frequencies, expected %zu", file,
                    json_array_size(s->factors), d / 2);
    return PB_OK;
}

/* The i-th frequency, of which `f` is what it would be without scaling. */
static float scaled(const scaling *s, float f, size_t i)
{
    if (is(s, "linear"))
        return f / (float)s->factor;
    if (is(s, "llama3"))
        return llama3_frequency(f, s);
    if (is(s, "factors"))
        return f / (float)json_number_value(json_array_get(s->factors, i));
    return f;
}

pb_status rope_frequencies(float **frequency, size_t d, const json_t *config, const char *file, pb_error *err)
{
    scaling s;
    *frequency = NULL;
    TRY(read_scaling(&s, config, file, err));
    TRY(check_scaling(&s, d, file, err));
    float *f = mem_new(d / 2, sizeof *f);
    for (size_t i = 0; i < d / 2; i++) {
        /* float32 at the same places as torch, whose roundings later angles magnify */
        float power = powf((float)s.theta, (float)(2 * i) / (float)d);
        f[i] = scaled(&s, 1.0f / power, i);
    }
    *frequency = f;
    return PB_OK;
}

pb_status rope_width(size_t *width, size_t head_dim, double share, const json_t *config, const char *file,
                     pb_error *err)
{
    json_t *settings;
    TRY(find_settings(&settings, config, file, err));
    TRY(json_get_real(config, "partial_rotary_factor", &share, file, err));
    TRY(json_get_real(settings, "partial_rotary_factor", &share, file, err));
    if (!(share > 0 && share <= 1))
        return fail(err, PB_EFORMAT, "%s: \"partial_rotary_factor\" is %g, expected above 0 and at most 1", file,
                    share);
    *width = (size_t)((double)head_dim * share);
    if (*width == 0 || *width % 2)
        return fail(err, PB_EFORMAT,
                    "%s: \"partial_rotary_factor\" %g of head_dim %zu rotates %zu elements, expected an "
                    "even number", file, share, head_dim, *width);
    return PB_OK;
}
