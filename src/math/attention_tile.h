/* attention_tile.h: the inner loops of attention.c, which includes this once for every width of vectors: VECTOR floats
 * in each, which end the functions' names: score_tile_16, mix_tile_8. Four queries and two vectors are held in registers. */

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define lanes CAT(lanes_, VECTOR)
#define score_tile CAT(score_tile_, VECTOR)
#define mix_tile CAT(mix_tile_, VECTOR)
#define spread_tile CAT(spread_tile_, VECTOR)

/* Aligned like a float: it is loaded from anywhere. */
typedef float lanes __attribute__((vector_size(VECTOR * sizeof(float)), aligned(sizeof(float))));

/* s[query][0 .. COLUMNS-1] = q . k */
INLINE void score_tile(float *const s[QUERIES], const float *const q[QUERIES], const float *k, size_t stride,
                       size_t head_dim)
{
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes sum[QUERIES][2];
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < head_dim; i++) {
            const float *from = k + i * stride + c;
            lanes k0 = *(const lanes *)from, k1 = *(const lanes *)(from + VECTOR);
            for (size_t n = 0; n < QUERIES; n++) {
                sum[n][0] += q[n][i] * k0;
                sum[n][1] += q[n][i] * k1;
            }
        }
        for (size_t n = 0; n < QUERIES; n++)
            memcpy(s[n] + c, sum[n], sizeof sum[n]);
    }
}

/* z[query][0 .. COLUMNS-1] = sum over positions below `keys` of s v, of the values' columns from `column` on */
INLINE void mix_tile(float *const z[QUERIES], float *const s[QUERIES], const attention_job *job, size_t column,
                     size_t keys)
{
    size_t width = job->kv_heads * job->head_dim;
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes sum[QUERIES][2];
        memset(sum, 0, sizeof sum);
        for (size_t g = 0; g < job->segment_count; g++) {
            const kv_segment *segment = &job->segments[g];
            const float *v = segment->v + column + c;
            size_t end = segment->end < keys ? segment->end : keys;
            for (size_t t = segment->first; t < end; t++, v += width) {
                lanes v0 = *(const lanes *)v, v1 = *(const lanes *)(v + VECTOR);
                for (size_t n = 0; n < QUERIES; n++) {
                    sum[n][0] += s[n][t] * v0;
                    sum[n][1] += s[n][t] * v1;
                }
            }
        }
        for (size_t n = 0; n < QUERIES; n++)
            memcpy(z[n] + c, sum[n], sizeof sum[n]);
    }
}

/* Backward of mix_tile's `s v`, for v: to[position][0 .. COLUMNS-1] += sum over queries of s x[query], for positions
 * begin .. end-1, of which `to` is the first one's; the next one's is `width` floats on. */
INLINE void spread_tile(float *to, size_t width, float *const s[QUERIES], const float *const x[QUERIES], size_t begin,
                        size_t end)
{
    for (size_t c = 0; c < COLUMNS; c += 2 * VECTOR) {
        lanes from[QUERIES][2];
        for (size_t n = 0; n < QUERIES; n++)
            memcpy(from[n], x[n] + c, sizeof from[n]);
        float *at = to + c;
        for (size_t t = begin; t < end; t++, at += width) {
            lanes sum0 = *(const lanes *)at, sum1 = *(const lanes *)(at + VECTOR);
            for (size_t n = 0; n < QUERIES; n++) {
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
