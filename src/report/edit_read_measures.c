/* edit_read_measures.c: see edit_read_measures.h. */
#include "report/edit_read_measures.h"

static pb_status read_ends(const json_at *ends, interval *i, pb_error *err)
{
    double both[2];
    TRY(json_at_numbers(ends, both, 2, err));
    i->low = both[0];
    i->high = both[1];
    return PB_OK;
}

/* {"mean", "interval"} under key.when. */
static pb_status read_mean(const json_at *success, const char *key, const char *when, size_t questions, size_t subjects,
                           interval *i, pb_error *err)
{
    json_at of = json_at_key(success, key), at = json_at_key(&of, when), ends = json_at_key(&at, "interval");
    TRY(json_at_object(&at, err));
    i->questions = questions;
    i->subjects = subjects;
    TRY(json_at_number_of(&at, "mean", &i->mean, err));
    return read_ends(&ends, i, err);
}

static pb_status read_counts(const json_at *of, size_t *questions, size_t *subjects, pb_error *err)
{
    TRY(json_at_object(of, err));
    TRY(json_at_size_of(of, "questions", SIZE_MAX, questions, err));
    return json_at_size_of(of, "subjects", SIZE_MAX, subjects, err);
}

static pb_status read_success(const json_at *of, const char *key, measure_success *s, pb_error *err)
{
    json_at success = json_at_key(of, key);
    size_t questions, subjects;
    if (!json_at_is_there(&success))
        return PB_OK;
    TRY(read_counts(&success, &questions, &subjects, err));
    TRY(read_mean(&success, "prob", "before", questions, subjects, &s->before_prob, err));
    TRY(read_mean(&success, "prob", "after", questions, subjects, &s->after_prob, err));
    TRY(read_mean(&success, "exact", "before", questions, subjects, &s->before_right, err));
    return read_mean(&success, "exact", "after", questions, subjects, &s->after_right, err);
}

/* A mean under its name, its ends under another. */
static pb_status read_named(const json_at *of, const char *mean, const char *ends_key, size_t questions,
                            size_t subjects, interval *i, pb_error *err)
{
    json_at ends = json_at_key(of, ends_key);
    i->questions = questions;
    i->subjects = subjects;
    TRY(json_at_number_of(of, mean, &i->mean, err));
    return read_ends(&ends, i, err);
}

static pb_status read_neighbourhood(const json_at *root, measure_summary *s, pb_error *err)
{
    json_at of = json_at_key(root, "neighbourhood"), cosine = json_at_key(&of, "key_cosine");
    size_t questions, subjects;
    if (!json_at_is_there(&of))
        return PB_OK;
    TRY(read_counts(&of, &questions, &subjects, err));
    TRY(read_named(&of, "kept", "kept_interval", questions, subjects, &s->neighbourhood.kept, err));
    TRY(read_named(&of, "target_change", "target_change_interval", questions, subjects, &s->neighbourhood.target_change,
                   err));
    if (!json_at_is_there(&cosine))
        return PB_OK;
    s->neighbourhood.key_cosine.questions = 1; /* how many have one is not said, nor asked */
    return json_at_number(&cosine, &s->neighbourhood.key_cosine.mean, err);
}

static pb_status read_specificity(const json_at *root, measure_summary *s, pb_error *err)
{
    json_at of = json_at_key(root, "specificity"), change = json_at_key(&of, "change_interval");
    size_t questions, subjects;
    if (!json_at_is_there(&of))
        return PB_OK;
    TRY(read_counts(&of, &questions, &subjects, err));
    TRY(read_named(&of, "before", "before_interval", questions, subjects, &s->specificity.before, err));
    TRY(read_named(&of, "after", "after_interval", questions, subjects, &s->specificity.after, err));
    TRY(read_named(&of, "kl", "kl_interval", questions, subjects, &s->specificity.kl, err));
    s->specificity.change = (interval){.mean = s->specificity.after.mean - s->specificity.before.mean,
                                       .questions = questions, .subjects = subjects};
    TRY(read_ends(&change, &s->specificity.change, err));
    TRY(json_at_size_of(&of, "gained", SIZE_MAX, &s->specificity.gained_count, err));
    return json_at_size_of(&of, "lost", SIZE_MAX, &s->specificity.lost_count, err);
}

pb_status edit_measures_read(const json_at *of, measure_summary *s, pb_error *err)
{
    json_at general = json_at_key(of, "generalisation");
    TRY(read_success(of, "efficacy", &s->edited, err));
    TRY(json_at_object(&general, err));
    TRY(read_success(&general, "rephrasings", &s->rephrasings, err));
    TRY(read_success(&general, "pictures", &s->pictures, err));
    TRY(read_neighbourhood(of, s, err));
    return read_specificity(of, s, err);
}
