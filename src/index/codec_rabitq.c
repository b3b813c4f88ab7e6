/* SPDX-License-Identifier: Apache-2.0
 *
 * RaBitQ (arXiv 2405.12497) and its extension to more bits (2409.09913). A vector o less the mean
 * is rotated at random: o'. Its code u is a vector of half-integers of nearly the same direction:
 * the signs, or with more bits the point of a grid nearest in angle. For a query's r (centred and
 * rotated alike), <o', r> is estimated without bias by |o'|^2 <u, r> / <o', u>; the error's
 * deviation is |o'| |r| sqrt((1 / cos^2(o', u) - 1) / (D - 1)). The query is rounded to 4 or 8
 * bits, so <u, r> is a sum of counted bits or one integer dot product.
 */
#include <math.h>
#include <stdlib.h>

#include "index/codec_private.h"

/* Factors. scale: |o'|^2 / <o', u>. err: deviations of the estimate for |r| = 1. reach: |o'| /
 * cos(o', u), by which the rounding of the query counts. sum: of u. */
typedef struct row_factors {
  float add, scale, err, reach, sum;
} row_factors;

typedef struct rabitq_query {
  float base, mult;         /* score = base + add + mult * scale * <u, r> */
  float step, least, shift; /* <u, r> = step * (integers - shift) + least * sum of u */
  float length, noise;      /* |r|; deviation of a rounded number of r */
} rabitq_query;

#define SQRT_12 3.46410162f
#define TRAINING_VECTORS 16 /* random ones, whose best scales hardly differ */

/* Of each number of bits beside the sign: scales below this share of the largest cannot win. */
static const float tight[] = {0, .10f, .12f, .25f, .40f, .55f, .65f, .70f};

static unsigned bits_of(const mgp_coder *c) {
  return c->options.bits ? c->options.bits : 1;
}

static unsigned levels_of(const mgp_coder *c) { /* the highest code of a size */
  return (1u << (bits_of(c) - 1)) - 1;
}

static float half_range(const mgp_coder *c) { /* u = code - half_range */
  return (float)((1u << bits_of(c)) - 1) / 2;
}

static bool has_planes(const mgp_coder *c) {
  return bits_of(c) <= 3;
}

static size_t plane_size(const mgp_coder *c) {
  return c->padded / 8;
}

static magpie_status init_common(mgp_coder *c, magpie_error *err) {
  const unsigned bits = bits_of(c);
  MGP_RETURN_IF(bits != 1 && bits != 2 && bits != 3 && bits != 4 && bits != 8, err, MAGPIE_INVALID,
                "codec %s has 1, 2, 3, 4 or 8 bits a number, not %u", c->codec->name, bits);
  c->padded = mgp_rotation_pad(c->dim);
  c->body = c->padded * bits / 8;
  c->state_count = c->dim + 1; /* the mean, and the scale of codes of more than one bit */
  c->scratch = c->padded;
  if (c->options.exact && bits > 1) c->scratch += 2 * c->padded * levels_of(c);
  return mgp_rotation_init(&c->rotation, c->alloc, c->dim, c->options.seed, err);
}

static magpie_status init_rabitq(mgp_coder *c, magpie_error *err) {
  MGP_FORWARD(init_common(c, err));
  const unsigned bits = bits_of(c);
  c->factors = bits == 2 || bits == 3 ? 5 : 4;
  c->query_size = sizeof(rabitq_query) + 2 * c->padded; /* one set of planes or two, or bytes */
  return MAGPIE_OK;
}

static magpie_status init_rabitq1(mgp_coder *c, magpie_error *err) {
  MGP_RETURN_IF(bits_of(c) != 1, err, MAGPIE_INVALID, "codec rabitq1 has 1 bit a number, not %u",
                bits_of(c));
  MGP_FORWARD(init_common(c, err));
  c->groups = c->padded / 4;
  c->factors = 3;
  c->query_size = sizeof(rabitq_query) + 16 * c->groups * (sizeof(float) + 1);
  return MAGPIE_OK;
}

/* ---- the code of more bits: a scale for |o'|, then whole numbers below ---- */

typedef struct event {
  float scale;
  uint32_t at;
} event;

static int compare_events(const void *a, const void *b) {
  const event *x = a, *y = b;
  if (x->scale != y->scale) return x->scale < y->scale ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

static unsigned level_at(float size, float scale, unsigned levels) {
  const float level = floorf(size * scale * 1.000001f); /* an event's own scale counts it */
  return level < (float)levels ? (unsigned)level : levels;
}

/* The scales at which one number's code grows, sorted; `sizes` are |o'|. */
static size_t list_events(const float *sizes, size_t dim, unsigned levels, float from,
                          event *events) {
  size_t count = 0;
  for (size_t i = 0; i < dim; i++)
    for (unsigned k = 1; k <= levels && sizes[i] > 0; k++) {
      const float scale = (float)k / sizes[i];
      if (scale > from) events[count++] = (event){scale, (uint32_t)i};
    }
  qsort(events, count, sizeof *events, compare_events);
  return count;
}

/* The scale of the code whose direction is nearest: all codes along the way are tried. */
static float best_scale(const float *sizes, size_t dim, unsigned bits, unsigned levels,
                        event *events) {
  float largest = 0;
  for (size_t i = 0; i < dim; i++) largest = fmaxf(largest, sizes[i]);
  if (!(largest > 0)) return 0;
  const float from = tight[bits - 1] * ((float)levels + 10) / largest;
  double along = 0, length = 0;
  for (size_t i = 0; i < dim; i++) {
    const double u = level_at(sizes[i], from, levels) + 0.5;
    along += u * sizes[i];
    length += u * u;
  }
  double best = along * along / length;
  float scale = from;
  const size_t count = list_events(sizes, dim, levels, from, events);
  for (size_t e = 0; e < count; e++) {
    const float size = sizes[events[e].at];
    const double level = rint((double)events[e].scale * size);
    along += size;
    length += 2 * level;
    if (along * along / length > best) {
      best = along * along / length;
      scale = events[e].scale;
    }
  }
  return scale;
}

static float random_normal(uint64_t *state) { /* near enough: a sum of twelve */
  double sum = -6;
  for (int i = 0; i < 12; i++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    sum += (double)(*state >> 11) * 0x1p-53;
  }
  return (float)sum;
}

/* The mean best scale of random directions; after the rotation every vector is like one. */
static magpie_status train_scale(mgp_coder *c, magpie_error *err) {
  const unsigned levels = levels_of(c);
  float *sizes = mgp_malloc(c->alloc, c->padded * sizeof *sizes);
  event *events = mgp_malloc(c->alloc, c->padded * levels * sizeof *events);
  if (!sizes || !events) {
    mgp_free(c->alloc, events);
    mgp_free(c->alloc, sizes);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to train %s", c->codec->name);
  }
  uint64_t state = 42;
  double sum = 0;
  for (int v = 0; v < TRAINING_VECTORS; v++) {
    for (size_t i = 0; i < c->padded; i++) sizes[i] = random_normal(&state);
    mgp_normalise_f32(sizes, c->padded);
    for (size_t i = 0; i < c->padded; i++) sizes[i] = fabsf(sizes[i]);
    sum += best_scale(sizes, c->padded, bits_of(c), levels, events);
  }
  c->state[c->dim] = (float)(sum / TRAINING_VECTORS);
  mgp_free(c->alloc, events);
  mgp_free(c->alloc, sizes);
  return MAGPIE_OK;
}

static magpie_status train_rabitq(mgp_coder *c, const float *rows, size_t count,
                                  magpie_error *err) {
  mgp_mean_of(rows, c->dim, count, c->state);
  return bits_of(c) > 1 ? train_scale(c, err) : MAGPIE_OK;
}

/* ---- encode ---- */

static void centre_and_rotate(const mgp_coder *c, float *work) {
  for (size_t i = 0; i < c->dim; i++) work[i] -= c->state[i];
  mgp_rotation_apply(&c->rotation, work);
}

static void put_code(const mgp_coder *c, unsigned char *body, size_t i, unsigned code) {
  const unsigned bits = bits_of(c);
  if (bits == 8) body[i] = (unsigned char)code;
  else if (bits == 4) body[i / 2] |= (unsigned char)(code << 4 * (i % 2));
  else
    for (unsigned p = 0; p < bits; p++)
      body[p * plane_size(c) + i / 8] |= (unsigned char)((code >> p & 1) << (i % 8));
}

static unsigned get_code(const mgp_coder *c, const unsigned char *body, size_t i) {
  const unsigned bits = bits_of(c);
  if (bits == 8) return body[i];
  if (bits == 4) return body[i / 2] >> 4 * (i % 2) & 15;
  unsigned code = 0;
  for (unsigned p = 0; p < bits; p++)
    code |= (unsigned)(body[p * plane_size(c) + i / 8] >> i % 8 & 1) << p;
  return code;
}

/* cos^2, but for the vector's length, of the code at a scale. */
static double gain_of(const float *work, size_t dim, float scale, unsigned levels) {
  double along = 0, u2 = 0;
  for (size_t i = 0; i < dim; i++) {
    const double size = fabsf(work[i]), u = level_at((float)size, scale, levels) + 0.5;
    along += u * size;
    u2 += u * u;
  }
  return along * along / u2;
}

/* The best of few scales around the mean one: that alone cuts off the largest numbers of some
 * vectors, which of many bits costs more than the rounding. */
static float near_scale(const mgp_coder *c, const float *work, float length) {
  static const float factors[] = {0.6f, 0.7f, 0.8f, 0.9f, 1.0f, 1.1f, 1.2f};
  const unsigned levels = levels_of(c);
  float best = 0;
  double most = -1;
  for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
    const float scale = factors[i] * c->state[c->dim] / length;
    const double gain = gain_of(work, c->padded, scale, levels);
    if (gain > most) {
      most = gain;
      best = scale;
    }
  }
  return best;
}

/* By which the sizes of `work` are multiplied to be codes. */
static float scale_of(const mgp_coder *c, const float *work, float length, float *scratch) {
  const unsigned levels = levels_of(c);
  if (levels == 0 || !(length > 0)) return 0;
  if (!c->options.exact) return near_scale(c, work, length);
  for (size_t i = 0; i < c->padded; i++) scratch[i] = fabsf(work[i]) / length;
  return best_scale(scratch, c->padded, bits_of(c), levels,
                    (event *)(void *)(scratch + c->padded)) /
         length;
}

static void put_factors(const mgp_coder *c, const row_factors *f, float *factors) {
  factors[0] = f->add;
  factors[1] = f->scale;
  factors[2] = f->err;
  if (c->factors == 4) factors[3] = bits_of(c) == 1 ? f->sum : f->reach;
  if (c->factors == 5) {
    factors[3] = f->reach;
    factors[4] = f->sum;
  }
}

/* Of one bit the reach follows from the scale, as |u|^2 is D / 4. */
static row_factors get_factors(const mgp_coder *c, const float *factors) {
  row_factors f = {.add = factors[0], .scale = factors[1], .err = factors[2]};
  if (bits_of(c) == 1) f.reach = f.scale * sqrtf((float)c->padded) / 2;
  else f.reach = factors[3];
  if (c->factors == 4 && bits_of(c) == 1) f.sum = factors[3];
  if (c->factors == 5) f.sum = factors[4];
  return f;
}

static void encode_rabitq(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                          float *scratch) {
  const double along_mean = mgp_dot_double(work, c->state, c->dim);
  const unsigned levels = levels_of(c), half = 1u << (bits_of(c) - 1);
  centre_and_rotate(c, work);
  const double length2 = mgp_dot_double(work, work, c->padded), length = sqrt(length2);
  const float t = scale_of(c, work, (float)length, scratch);
  double along = 0, u2 = 0, sum = 0;
  memset(body, 0, c->body);
  for (size_t i = 0; i < c->padded; i++) {
    const unsigned level = levels ? level_at(fabsf(work[i]), t, levels) : 0;
    const unsigned code = work[i] > 0 ? half + level : half - 1 - level;
    const double u = (double)code - half_range(c);
    put_code(c, body, i, code);
    along += u * work[i];
    u2 += u * u;
    sum += u;
  }
  row_factors f = {.add = (float)(c->options.l2 ? -length2 : along_mean), .sum = (float)sum};
  if (along > 0) {
    const double tangent2 = fmax(0, length2 * u2 / (along * along) - 1);
    f.scale = (float)(length2 / along);
    f.err = (float)(MGP_RABITQ_SIGMAS * length * sqrt(tangent2 / (double)(c->padded - 1)));
    f.reach = (float)(length2 * sqrt(u2) / along);
  }
  put_factors(c, &f, factors);
}

static void decode_rabitq(const mgp_coder *c, const unsigned char *body, const float *factors,
                          float *work) {
  const row_factors f = get_factors(c, factors);
  /* o' = |o'| u / |u| on the mean; |o'|^2 / <o', u> = |o'| / (|u| cos), so that reach * cos = |o'|
   */
  double u2 = 0;
  for (size_t i = 0; i < c->padded; i++) {
    work[i] = (float)get_code(c, body, i) - half_range(c);
    u2 += (double)work[i] * work[i];
  }
  const double err = f.err / MGP_RABITQ_SIGMAS;
  const double length2 = fmax(0, (double)f.reach * f.reach - err * err * (double)(c->padded - 1));
  const float scale = (float)sqrt(length2 / u2);
  for (size_t i = 0; i < c->padded; i++) work[i] *= scale;
  mgp_rotation_undo(&c->rotation, work);
  for (size_t i = 0; i < c->dim; i++) work[i] += c->state[i];
}

/* ---- queries ---- */

/* For dots: <q, o> = <q - m, o - m> + <m, o> + <q, m> - |m|^2, the second kept with the row. */
static rabitq_query begin_query(const mgp_coder *c, float *work) {
  const double mean2 = mgp_dot_double(c->state, c->state, c->dim);
  rabitq_query q = {.mult = c->options.l2 ? 2 : 1};
  q.base = (float)(mgp_dot_double(work, c->state, c->dim) - mean2);
  centre_and_rotate(c, work);
  const double length2 = mgp_dot_double(work, work, c->padded);
  if (c->options.l2) q.base = (float)-length2;
  q.length = (float)sqrt(length2);
  return q;
}

/* r = least + step * number, number <= most; the planes of its low and, of 8 bits, high halves. */
static void round_to_planes(const mgp_coder *c, float *work, unsigned most, rabitq_query *q) {
  uint8_t *to = (uint8_t *)(q + 1);
  float least = work[0], highest = work[0];
  for (size_t i = 1; i < c->padded; i++) {
    least = fminf(least, work[i]);
    highest = fmaxf(highest, work[i]);
  }
  q->least = least;
  q->step = (highest - least) / (float)most;
  double sum = 0;
  uint8_t numbers[64];
  for (size_t i = 0; i < c->padded; i += 64) {
    for (size_t half = 0; half < (most > 15 ? 2 : 1); half++) {
      uint8_t planes[32];
      for (size_t j = 0; j < 64; j++) {
        const float number = q->step > 0 ? rintf((work[i + j] - least) / q->step) : 0;
        const unsigned whole = (unsigned)fminf((float)most, number);
        if (half == 0) sum += whole;
        numbers[j] = (uint8_t)(half ? whole >> 4 : whole & 15);
      }
      mgp_planes_u4(numbers, 64, planes);
      for (size_t p = 0; p < 4; p++)
        memcpy(to + (4 * half + p) * plane_size(c) + i / 8, planes + 8 * p, 8);
    }
  }
  q->shift = (float)(half_range(c) * sum);
}

static void round_to_bytes(const mgp_coder *c, float *work, rabitq_query *q) {
  int8_t *to = (int8_t *)(q + 1);
  const bool split = bits_of(c) == 4;
  int8_t *bytes = split ? to + c->padded : to;
  q->step = mgp_quantise_s8(work, c->padded, bytes);
  double sum = 0;
  for (size_t i = 0; i < c->padded; i++) sum += bytes[i];
  q->shift = (float)(half_range(c) * sum);
  if (split) mgp_split_s8(bytes, c->padded, to);
}

static void prepare_rabitq(const mgp_coder *c, float *work, void *prepared) {
  rabitq_query *q = prepared;
  *q = begin_query(c, work);
  if (has_planes(c)) round_to_planes(c, work, bits_of(c) == 1 ? 15 : 255, q);
  else round_to_bytes(c, work, q);
  q->noise = q->step / SQRT_12;
}

static void prepare_rabitq1(const mgp_coder *c, float *work, void *prepared) {
  rabitq_query *q = prepared;
  float *entries = (float *)(void *)(q + 1);
  *q = begin_query(c, work);
  double sum = 0;
  for (size_t g = 0; g < c->groups; g++) {
    const float *r = work + 4 * g;
    for (unsigned code = 0; code < 16; code++)
      entries[16 * g + code] = (float)(code & 1) * r[0] + (float)(code >> 1 & 1) * r[1] +
                               (float)(code >> 2 & 1) * r[2] + (float)(code >> 3 & 1) * r[3];
    sum += (double)r[0] + r[1] + r[2] + r[3];
  }
  const mgp_fast_query table =
      mgp_fast_table(entries, c->groups, (uint8_t *)(entries + 16 * c->groups));
  q->step = table.step;
  q->least = table.least - (float)(sum / 2);
  q->noise = q->step / SQRT_12;
}

/* ---- scores ---- */

/* Of `count` rows, <u, r> in `scores` becomes the score. */
static void finish(const rabitq_query *q, const float *restrict add, const float *restrict scale,
                   size_t count, float *restrict scores) {
  const float base = q->base, mult = q->mult;
  for (size_t i = 0; i < count; i++) scores[i] = base + add[i] + mult * scale[i] * scores[i];
}

static float bound_of(const rabitq_query *q, float add, float err, float reach) {
  const float code = err * q->length, query = MGP_RABITQ_SIGMAS * reach * q->noise;
  return q->mult * sqrtf(code * code + query * query) + 1e-6f * (fabsf(q->base) + fabsf(add));
}

/* <code, numbers of the query> for codes in planes. */
static void sum_planes(const mgp_coder *c, const uint8_t *planes, const mgp_code_rows *rows,
                       int32_t *ints) {
  const mgp_int_kernel *kernel = &mgp_kernels_get()->b1q4_dot;
  const unsigned bits = bits_of(c);
  int32_t part[MGP_SCORE_CHUNK];
  mgp_code_ints(c, kernel, planes, c->padded, 0, rows, ints);
  if (bits == 1) return;
  for (unsigned p = 0; p < bits; p++)
    for (unsigned half = 0; half < 2; half++) {
      if (p == 0 && half == 0) continue;
      mgp_code_ints(c, kernel, planes + half * 4 * plane_size(c), c->padded, p * plane_size(c),
                    rows, part);
      for (size_t i = 0; i < rows->count; i++) ints[i] += part[i] * (1 << (p + 4 * half));
    }
}

static const mgp_int_kernel *whole_kernel(const mgp_coder *c) {
  return bits_of(c) == 4 ? &mgp_kernels_get()->u4s8_dot : &mgp_kernels_get()->u8s8_dot;
}

static void finish_ints(const mgp_coder *c, const rabitq_query *q, const mgp_code_columns *f,
                        const int32_t *restrict ints, size_t count, float *restrict scores) {
  const float step = q->step, shift = q->shift, least = q->least;
  const float *restrict sum = bits_of(c) == 1 ? f->of[3] : f->of[4];
  for (size_t i = 0; i < count; i++) scores[i] = step * ((float)ints[i] - shift);
  if (has_planes(c))
    for (size_t i = 0; i < count; i++) scores[i] += least * sum[i];
  finish(q, f->of[0], f->of[1], count, scores);
}

static void score_rabitq(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows,
                         float *scores, float *bounds) {
  const rabitq_query *q = prepared;
  int32_t ints[MGP_SCORE_CHUNK];
  mgp_code_columns f;
  if (has_planes(c)) sum_planes(c, (const uint8_t *)(q + 1), rows, ints);
  else mgp_code_ints(c, whole_kernel(c), q + 1, c->padded, 0, rows, ints);
  mgp_code_take_columns(c, rows, &f);
  finish_ints(c, q, &f, ints, rows->count, scores);
  const float width = sqrtf((float)c->padded) / 2;
  for (size_t i = 0; bounds && i < rows->count; i++)
    bounds[i] =
        bound_of(q, f.of[0][i], f.of[2][i], bits_of(c) == 1 ? f.of[1][i] * width : f.of[3][i]);
}

/* A few queries at a time, whose integers stay in the first-level cache; planes have no tiles. */
static void score_many_rabitq(const mgp_coder *c, const mgp_code_queries *queries,
                              const mgp_code_rows *rows, float *scores, size_t pitch) {
  int32_t ints[8 * MGP_SCORE_CHUNK];
  mgp_code_columns f;
  const size_t step = has_planes(c) ? 1 : 8;
  mgp_code_take_columns(c, rows, &f);
  for (size_t first = 0; first < queries->count; first += step) {
    const size_t n = queries->count - first < step ? queries->count - first : step;
    const char *some = queries->prepared + first * queries->size, *at = some + sizeof(rabitq_query);
    if (has_planes(c)) sum_planes(c, (const uint8_t *)at, rows, ints);
    else
      whole_kernel(c)->block(at, queries->size, n, rows->codes, c->padded, mgp_code_stride(c),
                             rows->count, ints, MGP_SCORE_CHUNK);
    for (size_t q = 0; q < n; q++)
      finish_ints(c, (const rabitq_query *)(const void *)(some + q * queries->size), &f,
                  ints + q * MGP_SCORE_CHUNK, rows->count, scores + (first + q) * pitch);
  }
}

static void score_rabitq1(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows,
                          float *scores, float *bounds) {
  const rabitq_query *q = prepared;
  const float *entries = (const float *)(const void *)(q + 1);
  const uint8_t *table = (const uint8_t *)(entries + 16 * c->groups);
  uint32_t sums[MGP_FAST_SCAN_ROWS];
  float factors[3 * MGP_FAST_SCAN_ROWS];
  mgp_kernels_get()->fast_scan(rows->codes, table, c->groups, sums);
  memcpy(factors, rows->codes + 16 * c->groups, sizeof factors);
  for (size_t i = 0; i < rows->count; i++) scores[i] = q->step * (float)(int32_t)sums[i] + q->least;
  finish(q, factors, factors + MGP_FAST_SCAN_ROWS, rows->count, scores);
  const float width = sqrtf((float)c->padded) / 2;
  const float *scale = factors + MGP_FAST_SCAN_ROWS, *err = scale + MGP_FAST_SCAN_ROWS;
  for (size_t i = 0; bounds && i < rows->count; i++)
    bounds[i] = bound_of(q, factors[i], err[i], scale[i] * width);
}

const mgp_codec mgp_codec_rabitq = {.name = "rabitq",
                                    .block_rows = 1,
                                    .init = init_rabitq,
                                    .train = train_rabitq,
                                    .encode = encode_rabitq,
                                    .decode = decode_rabitq,
                                    .prepare = prepare_rabitq,
                                    .score = score_rabitq,
                                    .score_many = score_many_rabitq};

const mgp_codec mgp_codec_rabitq1 = {.name = "rabitq1",
                                     .block_rows = MGP_FAST_SCAN_ROWS,
                                     .init = init_rabitq1,
                                     .train = train_rabitq,
                                     .encode = encode_rabitq,
                                     .decode = decode_rabitq,
                                     .prepare = prepare_rabitq1,
                                     .score = score_rabitq1};
