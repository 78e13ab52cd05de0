/* attention_tile.h: the inner loops of attention, which attention_inner.h includes once for every shape of a tile: HELD
 * queries by two vectors of VECTOR floats are held in registers. Both end the functions' names: score_tile_16x8,
 * mix_tile_8x4. Scores and mixes are functions of their own, not part of who calls them: there the loop's pointers do not
 * fit into registers, which took 5 % longer. */

#define CAT_(name, vector, held) name##_##vector##x##held
#define CAT(name, vector, held) CAT_(name, vector, held)
#define lanes CAT(lanes, VECTOR, HELD)
#define score_tile CAT(score_tile, VECTOR, HELD)
#define mix_tile CAT(mix_tile, VECTOR, HELD)
#define spread_tile CAT(spread_tile, VECTOR, HELD)

/* Aligned like a float: it is loaded from anywhere. */
typedef float lanes __attribute__((vector_size(VECTOR * sizeof(float)), aligned(sizeof(float))));

/* s[query][0 .. COLUMNS-1] = q . k */
MULTIVERSION static inline void score_tile(float *const s[HELD], const float *const q[HELD], const float *k,
                                           size_t stride, size_t head_dim)
{
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes sum[HELD][2];
        for (size_t n = 0; n < HELD; n++)
            sum[n][0] = sum[n][1] = (lanes){0};
        for (size_t i = 0; i < head_dim; i++) {
            const float *from = k + i * stride + c;
            lanes k0 = *(const lanes *)from, k1 = *(const lanes *)(from + VECTOR);
            for (size_t n = 0; n < HELD; n++) {
                sum[n][0] += q[n][i] * k0;
                sum[n][1] += q[n][i] * k1;
            }
        }
        for (size_t n = 0; n < HELD; n++) {
            *(lanes *)(s[n] + c) = sum[n][0];
            *(lanes *)(s[n] + c + VECTOR) = sum[n][1];
        }
    }
}

/* z[query][0 .. COLUMNS-1] = sum over the positions begin .. end-1 of s v, of the values' columns from `column` on; added
 * to what stands there, where begin is not 0 */
MULTIVERSION static inline void mix_tile(float *const z[HELD], float *const s[HELD], const attention_job *job,
                                         size_t column, size_t begin, size_t end)
{
    size_t width = job->kv_heads * job->head_dim;
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes sum[HELD][2];
        for (size_t n = 0; n < HELD; n++) {
            sum[n][0] = begin ? *(const lanes *)(z[n] + c) : (lanes){0};
            sum[n][1] = begin ? *(const lanes *)(z[n] + c + VECTOR) : (lanes){0};
        }
        for (size_t g = 0; g < job->segment_count; g++) {
            const kv_segment *segment = &job->segments[g];
            size_t from = segment->first > begin ? segment->first : begin;
            size_t to = segment->end < end ? segment->end : end;
            if (from >= to)
                continue;
            const float *v = segment->v + (from - segment->first) * width + column + c;
            for (size_t t = from; t < to; t++, v += width) {
                lanes v0 = *(const lanes *)v, v1 = *(const lanes *)(v + VECTOR);
                for (size_t n = 0; n < HELD; n++) {
                    sum[n][0] += s[n][t] * v0;
                    sum[n][1] += s[n][t] * v1;
                }
            }
        }
        for (size_t n = 0; n < HELD; n++) {
            *(lanes *)(z[n] + c) = sum[n][0];
            *(lanes *)(z[n] + c + VECTOR) = sum[n][1];
        }
    }
}

/* Backward of mix_tile's `s v`, for v: to[position][0 .. COLUMNS-1] += sum over queries of s x[query], for positions
 * begin .. end-1, of which `to` is the first one's; the next one's is `width` floats on. */
INLINE void spread_tile(float *to, size_t width, float *const s[HELD], const float *const x[HELD], size_t begin,
                        size_t end)
{
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes from[HELD][2];
        for (size_t n = 0; n < HELD; n++)
            memcpy(from[n], x[n] + c, sizeof from[n]);
        float *at = to + c;
        for (size_t t = begin; t < end; t++, at += width) {
            lanes sum0 = *(const lanes *)at, sum1 = *(const lanes *)(at + VECTOR);
            for (size_t n = 0; n < HELD; n++) {
                sum0 += s[n][t] * from[n][0];
                sum1 += s[n][t] * from[n][1];
            }
            *(lanes *)at = sum0;
            *(lanes *)(at + VECTOR) = sum1;
        }
    }
}

#undef lanes
#undef score_tile
#undef mix_tile
#undef spread_tile
#undef CAT
#undef CAT_
#undef VECTOR
#undef HELD
