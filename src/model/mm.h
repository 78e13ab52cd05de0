/* mm.h: the vision side of models whose configs say mm_...: LLaVA as its authors save it, and Bunny.
 *
 * The projector lies in the model, as model.mm_projector.0 and .2; the tower in it too, below
 * model.vision_tower.vision_tower., or apart: in the folder that --vision-tower names, or that mm_vision_tower does. */
#ifndef MODEL_MM_H
#define MODEL_MM_H

#include "model/model.h"

/* What stands for a picture among the ids of these models, whose vocabularies have no token for it. */
enum { MM_IMAGE_TOKEN = -200 };

/* What absent keys mean in one family. */
typedef struct mm_defaults {
    const char *tower;      /* mm_vision_tower */
    const char *tower_type; /* the class of a vision_config that does not say it */
    const char *projector;  /* mm_projector_type */
} mm_defaults;

/* Opens the vision side of a model whose weights are c; as family.open_vision. */
pb_status mm_vision_open(model *m, const checkpoint *c, const json_t *config, const mm_defaults *defaults,
                         const char *file, pb_error *err);

#endif
