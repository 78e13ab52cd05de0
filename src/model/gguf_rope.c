/* gguf_rope.c: rotary scaling of GGUF files as Hugging Face's "rope_scaling".
 *
 * Linear scaling stands in the metadata. Llama 3's stands nowhere: the converter writes what it makes of it, one factor
 * for each frequency, by which that is to be divided:
 *
 *     1                               where the wavelength is below  original / high
 *     factor                          where it is above              original / low
 *     1 / ((1 - s) / factor + s)      between, s = (original / wavelength - low) / (high - low)
 *
 * Dividing by the middle kind rounds otherwise than transformers' own formula does. So the settings are found again
 * (low 1 and high 4, as in every Llama 3; the factor is the largest; original follows from one of the middle kind), and
 * taken when they give all of the file's factors. When they do not, the factors themselves are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "model/gguf.h"

static const double LOW = 1, HIGH = 4;

typedef struct factors {
    const float *values; /* [count] */
    size_t count;
    double theta;
} factors;

static double wavelength(const factors *f, size_t i)
{
    return 2 * M_PI * pow(f->theta, (double)i / (double)f->count);
}

/* What the converter writes for a wavelength. */
static double llama3_factor(double wave, double factor, double original)
{
    double smooth = (original / wave - LOW) / (HIGH - LOW);
    if (wave < original / HIGH)
        return 1;
    return wave > original / LOW ? factor : 1 / ((1 - smooth) / factor + smooth);
}

/* The original number of positions that the i-th factor, neither 1 nor `factor`, speaks of. */
static double original_from(const factors *f, size_t i, double factor)
{
    double smooth = (1 / (double)f->values[i] - 1 / factor) / (1 - 1 / factor);
    return round((smooth * (HIGH - LOW) + LOW) * wavelength(f, i));
}

static bool explains(const factors *f, double factor, double original)
{
    for (size_t i = 0; i < f->count; i++)
        if (!(fabs(llama3_factor(wavelength(f, i), factor, original) / (double)f->values[i] - 1) < 1e-5))
            return false;
    return true;
}

/* Whether Llama 3's scaling gives these factors, and with which settings. */
static bool find_llama3(const factors *f, double *factor, double *original)
{
    *factor = 1;
    for (size_t i = 0; i < f->count; i++)
        *factor = fmax(*factor, (double)f->values[i]);
    for (size_t i = 0; i < f->count; i++) {
        double value = (double)f->values[i];
        if (value > 1.0001 && value < *factor * 0.9999) {
            *original = original_from(f, i, *factor);
            return explains(f, *factor, *original);
        }
    }
    return false; /* all are 1 or the largest: dividing by them rounds like the formula */
}

static json_t *scaling_of(const factors *f)
{
    double factor, original;
    json_t *scaling = json_object();
    if (find_llama3(f, &factor, &original)) {
        json_object_set_new(scaling, "rope_type", json_string("llama3"));
        json_object_set_new(scaling, "factor", json_real(factor));
        json_object_set_new(scaling, "low_freq_factor", json_real(LOW));
        json_object_set_new(scaling, "high_freq_factor", json_real(HIGH));
        json_object_set_new(scaling, "original_max_position_embeddings", json_real(original));
        return scaling;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < f->count; i++)
        json_array_append_new(list, json_real((double)f->values[i]));
    json_object_set_new(scaling, "rope_type", json_string("factors"));
    json_object_set_new(scaling, "factors", list);
    return scaling;
}

static pb_status read_factors(json_t **scaling, const json_t *config, const tensor *t, pb_error *err)
{
    enum { MOST_FACTORS = 8192 };
    const json_t *theta = json_object_get(config, "rope_theta");
    if (t->type == DTYPE_OTHER || t->rank != 1 || t->count == 0 || t->count > MOST_FACTORS)
        return fail(err, PB_EFORMAT, "%s: tensor %s is no vector of 1 to %d numbers", t->file, t->name, MOST_FACTORS);
    float *values = mem_new(t->count, sizeof *values);
    bool sound = tensor_read(t, 0, t->count, values);
    for (size_t i = 0; i < t->count; i++)
        sound = sound && values[i] > 0;
    if (sound) {
        factors f = {values, t->count, theta ? json_number_value(theta) : 10000};
        *scaling = scaling_of(&f);
    }
    free(values);
    return sound ? PB_OK
                 : fail(err, PB_EFORMAT, "%s: tensor %s holds other than finite numbers above 0", t->file, t->name);
}

static pb_status get_real(double *value, const gguf_metadata *m, const char *arch, const char *key, pb_error *err)
{
    buffer full = {0};
    buffer_printf(&full, "%s.rope.%s", arch, key);
    pb_status status = gguf_get_real(m, full.data, value, err);
    buffer_free(&full);
    return status;
}

static json_t *named_scaling(gguf_text type, double factor)
{
    json_t *scaling = json_object();
    buffer name = {0};
    buffer_printf(&name, "%.*s", (int)(type.size < 100 ? type.size : 100), type.data);
    json_object_set_new(scaling, "rope_type", json_string_nocheck(name.data));
    json_object_set_new(scaling, "factor", json_real(factor));
    buffer_free(&name);
    return scaling;
}

/* What metadata say: a type and a factor; NULL for none. */
static pb_status read_metadata(json_t **scaling, const gguf_metadata *m, const char *arch, pb_error *err)
{
    buffer key = {0};
    gguf_text type = {"linear", 6}; /* as in files from before there was a choice */
    double factor = 0;
    buffer_printf(&key, "%s.rope.scaling.type", arch);
    pb_status status = gguf_get_text(m, key.data, &type, err);
    buffer_free(&key);
    TRY(status);
    TRY(get_real(&factor, m, arch, "scale_linear", err));
    TRY(get_real(&factor, m, arch, "scaling.factor", err));
    if (!gguf_text_is(type, "none") && !(gguf_text_is(type, "linear") && factor == 0))
        *scaling = named_scaling(type, factor);
    return PB_OK;
}

pb_status gguf_rope_scaling(json_t *config, const checkpoint *c, const char *arch, pb_error *err)
{
    json_t *scaling = NULL;
    const tensor *t = checkpoint_find(c, "rope_freqs.weight");
    TRY(read_metadata(&scaling, checkpoint_metadata(c), arch, err));
    if (t && scaling) {
        json_decref(scaling);
        return fail(err, PB_EUNSUPPORTED, "%s: has rotary scaling both in its metadata and in rope_freqs.weight",
                    t->file);
    }
    if (t)
        TRY(read_factors(&scaling, config, t, err));
    if (scaling)
        json_object_set_new(config, "rope_scaling", scaling);
    return PB_OK;
}
