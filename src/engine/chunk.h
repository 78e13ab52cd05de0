/* chunk.h: the forward form of one layer for some lanes: their rows go through its matrices together. What else they need there
 * (queries, keys, MLP activations) lives in the walk's memory until the next chunk. Of use to replay.c alone. */
#ifndef ENGINE_CHUNK_H
#define ENGINE_CHUNK_H

#include "engine/lane.h"
#include "engine/layer.h"

/* The residual stream of a lane before layer `index`: from the input or the base where the lane starts, then edited, then
 * recorded and shown. index = layers: behind the last. */
pb_status chunk_enter(lane *n, size_t index, size_t layers, size_t D, pb_error *err);

/* Takes the lanes' residual rows through the layer, all that live in it; the lanes enter it first. */
pb_status chunk_run(const layer_walk *k, lane *lanes, size_t count, pb_error *err);

#endif
