/* tower.h: the kinds of vision tower, their configs, and towers in folders of their own.
 *
 * Sizes come from a config of the tower's class, whose absent keys have that class's defaults in transformers, or, where
 * a model says only which published tower it was made with, from that tower's name. */
#ifndef MODEL_TOWER_H
#define MODEL_TOWER_H

#include <jansson.h>

#include "checkpoint/checkpoint.h"
#include "image/processor.h"
#include "model/vision.h"

/* Fills *v, but for features and projector, from a vision config; `file` stands in errors. Its class is what its
 * "model_type" says, `otherwise` ("clip_vision_model") where it says nothing. NULL counts as an empty config. */
pb_status tower_read(vision_config *v, const json_t *config, const char *otherwise, const char *file, pb_error *err);

/* v->feature_layer = config[key], -2 where it is absent: an index into the tower's hidden states. */
pb_status tower_read_feature_layer(vision_config *v, const json_t *config, const char *key, const char *file,
                                   pb_error *err);

/* The same as tower_read for a published tower, by the last part of its name ("openai/clip-vit-large-patch14-336"); false when
 * patchbay does not know its sizes. */
bool tower_by_name(vision_config *v, const char *name);

/* The prefixes under which transformers has written a tower that stands alone: "vision_model.", or nothing. */
extern const char *const tower_prefixes_alone[];
/* A tensor that every tower has, below its prefix. */
#define TOWER_PROBE "embeddings.patch_embedding.weight"

/* Reads FOLDER/config.json: a vision model's own, or a whole CLIP's or SigLIP's with its vision_config inside. */
pb_status tower_folder_read(vision_config *v, const char *folder, pb_error *err);

/* The picture processor of a tower that comes without one: its class's, at its size. */
image_processor tower_processor(const vision_config *v);

#endif
