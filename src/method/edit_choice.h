/* edit_choice.h: how an edit is to be made, and what it is to say: what the public options ask for, checked. */
#ifndef METHOD_EDIT_CHOICE_H
#define METHOD_EDIT_CHOICE_H

#include "method/edit.h"

/* The preset's settings, and what the options say otherwise. Texts are the options'; questions to keep are not set. Fails on a preset
 * that is not there, and on numbers that are none. */
pb_status edit_choose_settings(edit_settings *s, const pb_edit_options *o, const model *m, pb_error *err);

/* Whether a target can be one: it says something, in tokens that the model has rows for; *tokens: how many they are. */
pb_status edit_check_target(const model *m, const char *target, size_t *tokens, pb_error *err);

#endif
