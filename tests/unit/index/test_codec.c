/* SPDX-License-Identifier: Apache-2.0
 *
 * Codecs by what they promise: estimates without bias, bounds that hold, decoded vectors near, the
 * right neighbours among clustered data, equal codes from equal states, awkward vectors.
 */
#include "index_fixture.h"

#include <math.h>

#include "index/codec.h"

typedef struct variant {
  mgp_codec_options options;
  double error;  /* of a decoded random vector, relative to its length, at most */
  double recall; /* at 10 of clustered data after re-ranking 40, at least */
} variant;

#define RABITQ(n, e, r)                                                                            \
  { {.kind = MGP_CODEC_RABITQ, .bits = n}, e, r }
static const variant variants[] = {
    {{.kind = MGP_CODEC_INT8}, 0.02, 0.99},
    {{.kind = MGP_CODEC_INT8DIM}, 0.03, 0.99},
    {{.kind = MGP_CODEC_INT4}, 0.2, 0.99},
    RABITQ(1, 0.7, 0.70),
    RABITQ(2, 0.40, 0.93),
    RABITQ(3, 0.22, 0.99),
    RABITQ(4, 0.12, 0.99),
    RABITQ(8, 0.012, 0.99),
    {{.kind = MGP_CODEC_RABITQ, .bits = 4, .exact = true}, 0.12, 0.99},
    {{.kind = MGP_CODEC_RABITQ1}, 0.7, 0.70},
    {{.kind = MGP_CODEC_PQ}, 0.75, 0.60},
    {{.kind = MGP_CODEC_BF16}, 0.003, 0.99},
    {{.kind = MGP_CODEC_F16}, 0.0004, 0.99},
};
#define VARIANT_COUNT (sizeof variants / sizeof *variants)

static float random_normal(uint64_t *state) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += (double)random_below(state, 1 << 24) / (1 << 24);
  return (float)sum;
}

static float *random_rows(uint64_t *state, size_t count, size_t dim) {
  float *rows = malloc((count * dim + 1) * sizeof *rows);
  for (size_t i = 0; i < count * dim; i++) rows[i] = random_normal(state);
  return rows;
}

/* Unit vectors around `centres` points, as embeddings of few topics are. */
static float *clustered_rows(uint64_t *state, size_t count, size_t dim, size_t centres) {
  uint64_t fixed = 99;
  float *points = random_rows(&fixed, centres, dim), *rows = random_rows(state, count, dim);
  for (size_t i = 0; i < count; i++) {
    const float *point = points + random_below(state, centres) * dim;
    for (size_t j = 0; j < dim; j++) rows[i * dim + j] = point[j] + 0.5f + 0.6f * rows[i * dim + j];
    mgp_normalise_f32(rows + i * dim, dim);
  }
  free(points);
  return rows;
}

static double dot_of(const float *a, const float *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += (double)a[i] * b[i];
  return sum;
}

static double l2_of(const float *a, const float *b, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < dim; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  return sum;
}

static mgp_coder *make_coder(mgp_codec_options options, size_t dim, const float *rows,
                             size_t count) {
  magpie_error err = {0};
  mgp_coder *c = NULL;
  options.dim = dim;
  if (mgp_coder_create(NULL, &options, &c, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  if (mgp_coder_train(c, rows, dim, count, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return c;
}

static unsigned char *encode_all(const mgp_coder *c, const float *rows, size_t dim, size_t count) {
  magpie_error err = {0};
  unsigned char *codes = malloc(mgp_coder_size(c, count) + 1);
  if (mgp_coder_encode(c, rows, dim, count, codes, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return codes;
}

static void *prepare(const mgp_coder *c, const float *query) {
  magpie_error err = {0};
  void *prepared = malloc(mgp_coder_query_size(c));
  if (mgp_coder_prepare(c, query, prepared, &err) != MAGPIE_OK) fail_msg("%s", err.message);
  return prepared;
}

/* ---- rotation ---- */

static void rotation_when_any_size_then_orthogonal_and_undone(void **state) {
  (void)state;
  static const size_t dims[] = {1, 64, 65, 100, 384, 768, 1000, 1536, 4096};
  uint64_t seed = 5;
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
    mgp_rotation r = {0};
    assert_int_equal(mgp_rotation_init(&r, NULL, dims[d], 7, NULL), MAGPIE_OK);
    float *x = random_rows(&seed, 2, r.dim), *kept = malloc(2 * r.dim * sizeof *kept);
    memcpy(kept, x, 2 * r.dim * sizeof *kept);
    mgp_rotation_apply(&r, x);
    mgp_rotation_apply(&r, x + r.dim);
    const double scale = dot_of(kept, kept, r.dim);
    assert_true(fabs(dot_of(x, x, r.dim) - scale) < 1e-5 * scale);
    assert_true(fabs(dot_of(x, x + r.dim, r.dim) - dot_of(kept, kept + r.dim, r.dim)) <
                1e-5 * scale);
    assert_true(l2_of(x, kept, r.dim) > 0.1 * scale); /* it does turn */
    mgp_rotation_undo(&r, x);
    assert_true(l2_of(x, kept, r.dim) < 1e-9 * scale);
    mgp_rotation_fini(&r, NULL);
    free(x), free(kept);
  }
}

/* One large number is spread evenly: no number of the result is far above the mean size. */
static void rotation_when_one_number_is_large_then_spread(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 50; seed++) {
    mgp_rotation r = {0};
    assert_int_equal(mgp_rotation_init(&r, NULL, 384, seed, NULL), MAGPIE_OK);
    float x[384] = {0};
    x[seed * 7 % 384] = 1;
    mgp_rotation_apply(&r, x);
    for (size_t i = 0; i < 384; i++) assert_true(fabsf(x[i]) < 6 / sqrtf(384));
    mgp_rotation_fini(&r, NULL);
  }
}

/* ---- estimates ---- */

typedef struct tally {
  double sum, squares, worst;
  size_t count, outside;
} tally;

static void add_errors(const mgp_coder *c, const unsigned char *codes, const float *rows,
                       const float *query, size_t dim, size_t count, bool l2, tally *t) {
  float *scores = malloc(count * sizeof *scores), *bounds = malloc(count * sizeof *bounds);
  void *prepared = prepare(c, query);
  mgp_coder_score(c, prepared, codes, 0, count, scores, bounds);
  for (size_t i = 0; i < count; i++) {
    const float *row = rows + i * dim;
    const double truth = l2 ? -l2_of(query, row, dim) : dot_of(query, row, dim);
    const double size = sqrt(dot_of(row, row, dim) * dot_of(query, query, dim)) * (l2 ? 2 : 1);
    const double error = ((double)scores[i] - truth) / size;
    t->sum += error;
    t->squares += error * error;
    t->worst = fmax(t->worst, fabs(error));
    t->outside += fabs((double)scores[i] - truth) > bounds[i];
    t->count++;
  }
  free(scores), free(bounds), free(prepared);
}

/* The mean over many rotations, as the estimate is unbiased over them: 100 seeds x 20 x 50. */
static tally tally_of(mgp_codec_options options, size_t dim) {
  uint64_t seed = 11;
  const size_t count = 50, queries = 20;
  float *rows = random_rows(&seed, count, dim), *query = random_rows(&seed, queries, dim);
  /* queries correlate with rows, as the ones that matter do */
  for (size_t q = 0; q < queries; q++)
    for (size_t j = 0; j < dim; j++) query[q * dim + j] += rows[q * dim + j];
  tally t = {0};
  for (uint64_t s = 0; s < 100; s++) {
    options.seed = s * 1000 + 1;
    mgp_coder *c = make_coder(options, dim, rows, count);
    unsigned char *codes = encode_all(c, rows, dim, count);
    for (size_t q = 0; q < queries; q++)
      add_errors(c, codes, rows, query + q * dim, dim, count, options.l2, &t);
    mgp_coder_destroy(c);
    free(codes);
  }
  free(rows), free(query);
  return t;
}

static void check_rabitq(unsigned bits, mgp_codec_kind kind, size_t dim, bool l2) {
  const tally t = tally_of((mgp_codec_options){.kind = kind, .bits = bits, .l2 = l2}, dim);
  const double mean = t.sum / (double)t.count, deviation = sqrt(t.squares / (double)t.count);
  /* Pairs that share a rotation are not independent: of each rotation's 1,000 pairs the mean counts
   * as one of 50 queries' and rows' worth. The bias must drown in that. */
  const double three_sigma = 3 * deviation / sqrt((double)t.count / 20);
  if (!(fabs(mean) < three_sigma + 1e-6))
    fail_msg("%u bits of %zu: mean error %.3g, three sigma %.3g", bits, dim, mean, three_sigma);
  const double share = (double)t.outside / (double)t.count;
  if (share > 1e-3) fail_msg("%u bits of %zu: %.3g of the errors pass the bound", bits, dim, share);
  /* of 8 bits the query's rounding adds as much */
  const double wanted = (bits == 8 ? 3 : 1.6) * pow(2, -(double)bits) / sqrt((double)dim);
  if (deviation > wanted)
    fail_msg("%u bits of %zu: deviation %.3g, wanted %.3g", bits, dim, deviation, wanted);
}

static void rabitq_when_many_pairs_then_unbiased_and_bounded(void **state) {
  (void)state;
  static const size_t dims[] = {64, 65, 100, 384};
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
    check_rabitq(1, MGP_CODEC_RABITQ, dims[d], d % 2);
    check_rabitq(1, MGP_CODEC_RABITQ1, dims[d], d % 2 == 0);
  }
  check_rabitq(2, MGP_CODEC_RABITQ, 100, false);
  check_rabitq(3, MGP_CODEC_RABITQ, 128, true);
  check_rabitq(4, MGP_CODEC_RABITQ, 200, false);
  check_rabitq(8, MGP_CODEC_RABITQ, 100, false);
}

/* The test above must be able to fail: an estimate of signs alone, unscaled, is far off. */
static void bound_when_codes_are_of_another_query_then_broken(void **state) {
  (void)state;
  uint64_t seed = 3;
  float *rows = random_rows(&seed, 64, 128), *other = random_rows(&seed, 64, 128);
  mgp_coder *c =
      make_coder((mgp_codec_options){.kind = MGP_CODEC_RABITQ, .bits = 4}, 128, rows, 64);
  unsigned char *codes = encode_all(c, rows, 128, 64);
  tally t = {0};
  add_errors(c, codes, other, other, 128, 64, false, &t); /* truth of other rows */
  assert_true(t.outside > 32);
  mgp_coder_destroy(c);
  free(rows), free(other), free(codes);
}

static void exact_codes_when_compared_then_hardly_better_than_fast_ones(void **state) {
  (void)state;
  uint64_t seed = 9;
  const size_t dim = 256, count = 64;
  float *rows = random_rows(&seed, count, dim), out[256];
  for (unsigned bits = 2; bits <= 8; bits = bits == 4 ? 8 : bits + 1) {
    double errors[2] = {0};
    for (int exact = 0; exact < 2; exact++) {
      mgp_coder *c =
          make_coder((mgp_codec_options){.kind = MGP_CODEC_RABITQ, .bits = bits, .exact = exact},
                     dim, rows, count);
      unsigned char *codes = encode_all(c, rows, dim, count);
      for (size_t i = 0; i < count; i++) {
        assert_int_equal(mgp_coder_decode(c, codes, i, out, NULL), MAGPIE_OK);
        const float *row = rows + i * dim;
        errors[exact] +=
            1 - dot_of(out, row, dim) / sqrt(dot_of(out, out, dim)) / sqrt(dot_of(row, row, dim));
      }
      mgp_coder_destroy(c);
      free(codes);
    }
    assert_true(errors[1] <= errors[0] * 1.0001 + 1e-6);
    assert_true((errors[0] - errors[1]) / (double)count < 0.005);
  }
  free(rows);
}

/* ---- every codec ---- */

static void check_decoded(const variant *v, size_t dim) {
  uint64_t seed = 21;
  const size_t count = 300;
  float *rows = random_rows(&seed, count, dim), *out = malloc(dim * sizeof *out);
  mgp_coder *c = make_coder(v->options, dim, rows, count);
  unsigned char *codes = encode_all(c, rows, dim, count);
  double error = 0, length = 0;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(mgp_coder_decode(c, codes, i, out, NULL), MAGPIE_OK);
    error += l2_of(rows + i * dim, out, dim);
    length += dot_of(rows + i * dim, rows + i * dim, dim);
  }
  if (!(sqrt(error / length) <= v->error))
    fail_msg("%s %u of %zu: decoded with an error of %.3g", mgp_coder_name(c), v->options.bits, dim,
             sqrt(error / length));
  mgp_coder_destroy(c);
  free(rows), free(out), free(codes);
}

static void decode_when_random_vectors_then_near(void **state) {
  (void)state;
  for (size_t i = 0; i < VARIANT_COUNT; i++) {
    check_decoded(&variants[i], 128);
    check_decoded(&variants[i], 97);
  }
}

/* Scores of decoded vectors are the scores, but for the query's rounding. */
static void check_scores_of_decoded(const variant *v, size_t dim, bool l2) {
  uint64_t seed = 22;
  const size_t count = 70;
  float *rows = random_rows(&seed, count, dim), *out = malloc(dim * sizeof *out);
  float *query = random_rows(&seed, 1, dim), scores[70];
  mgp_codec_options options = v->options;
  options.l2 = l2;
  mgp_coder *c = make_coder(options, dim, rows, count);
  unsigned char *codes = encode_all(c, rows, dim, count);
  void *prepared = prepare(c, query);
  mgp_coder_score(c, prepared, codes, 0, count, scores, NULL);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(mgp_coder_decode(c, codes, i, out, NULL), MAGPIE_OK);
    double want = l2 ? -l2_of(query, out, dim) : dot_of(query, out, dim);
    const double size =
        sqrt(dot_of(query, query, dim) * dot_of(rows + i * dim, rows + i * dim, dim)) + (double)dim;
    /* rabitq's estimate is longer than its decoded vector by 1 / cos^2, and int8's norms are exact
     */
    if (!(fabs(scores[i] - want) < (0.1 + 2 * v->error) * size))
      fail_msg("%s %u of %zu: score %.4g, of the decoded %.4g", mgp_coder_name(c), v->options.bits,
               dim, scores[i], want);
  }
  mgp_coder_destroy(c);
  free(rows), free(out), free(query), free(codes), free(prepared);
}

static void scores_when_of_codes_then_near_those_of_decoded_vectors(void **state) {
  (void)state;
  static const size_t dims[] = {1, 2, 5, 33, 128, 700};
  for (size_t i = 0; i < VARIANT_COUNT; i++)
    for (size_t d = 0; d < 6; d++) {
      check_scores_of_decoded(&variants[i], dims[d], false);
      check_scores_of_decoded(&variants[i], dims[d], true);
    }
}

static void check_places(const variant *v) {
  uint64_t seed = 23;
  const size_t dim = 90, count = 601;
  float *rows = random_rows(&seed, count, dim), scores[601], again[601], bounds[601];
  mgp_coder *c = make_coder(v->options, dim, rows, count);
  unsigned char *codes = encode_all(c, rows, dim, count);
  void *prepared = prepare(c, rows);
  mgp_coder_score(c, prepared, codes, 0, count, scores, bounds);
  mgp_coder_score(c, prepared, codes, 320, count - 320, again, NULL);
  assert_memory_equal(scores + 320, again, (count - 320) * sizeof *scores);
  enum { QUERIES = 13 };
  const size_t room = mgp_coder_query_size(c) / 64 * 64 + 64;
  char *many = malloc(QUERIES * room);
  float *all = malloc(QUERIES * count * sizeof *all);
  for (size_t q = 0; q < QUERIES; q++)
    assert_int_equal(mgp_coder_prepare(c, rows + q * dim, many + q * room, NULL), MAGPIE_OK);
  mgp_coder_score_many(c, many, room, QUERIES, codes, 0, count, all, count);
  for (size_t q = 0; q < QUERIES; q++) {
    mgp_coder_score(c, many + q * room, codes, 0, count, again, NULL);
    assert_memory_equal(all + q * count, again, count * sizeof *again);
  }
  free(many), free(all);
  if (mgp_coder_block_rows(c) == 1) {
    uint32_t at[601];
    for (size_t i = 0; i < count; i++) at[i] = (uint32_t)random_below(&seed, count);
    mgp_coder_score_at(c, prepared, codes, at, count, again, NULL);
    for (size_t i = 0; i < count; i++) assert_true(again[i] == scores[at[i]]);
  }
  /* the state alone makes the same codes and scores */
  magpie_error err = {0};
  mgp_codec_options options = v->options;
  options.dim = dim;
  mgp_coder *copy = NULL;
  size_t size;
  const float *kept = mgp_coder_state(c, &size);
  assert_int_equal(mgp_coder_create(NULL, &options, &copy, &err), MAGPIE_OK);
  assert_int_equal(mgp_coder_encode(copy, rows, dim, 1, codes, &err), MAGPIE_INVALID);
  assert_int_equal(mgp_coder_restore(copy, kept, size + 1, &err), MAGPIE_INVALID);
  assert_int_equal(mgp_coder_restore(copy, kept, size, &err), MAGPIE_OK);
  unsigned char *codes_again = encode_all(copy, rows, dim, count);
  assert_memory_equal(codes, codes_again, mgp_coder_size(c, count));
  mgp_coder_destroy(copy);
  mgp_coder_destroy(c);
  free(rows), free(codes), free(codes_again), free(prepared);
}

static void codes_when_moved_or_restored_then_the_same_scores(void **state) {
  (void)state;
  for (size_t i = 0; i < VARIANT_COUNT; i++) check_places(&variants[i]);
}

static void sort_scores(mgp_scored *all, size_t count) {
  qsort(all, count, sizeof *all, mgp_scored_compare);
}

/* Of the ten nearest, how many are among the best 40 by codes (which re-ranking then finds). */
static double recall_of(const variant *v, size_t dim, size_t count, size_t queries) {
  uint64_t seed = 31, query_seed = 32;
  float *rows = clustered_rows(&seed, count, dim, 30);
  float *query = clustered_rows(&query_seed, queries, dim, 30);
  mgp_coder *c = make_coder(v->options, dim, rows, count);
  unsigned char *codes = encode_all(c, rows, dim, count);
  mgp_scored *truth = malloc(count * sizeof *truth), *guess = malloc(count * sizeof *guess);
  float *scores = malloc(count * sizeof *scores);
  size_t found = 0;
  for (size_t q = 0; q < queries; q++) {
    void *prepared = prepare(c, query + q * dim);
    mgp_coder_score(c, prepared, codes, 0, count, scores, NULL);
    for (size_t i = 0; i < count; i++) {
      truth[i] = (mgp_scored){(float)dot_of(query + q * dim, rows + i * dim, dim), i};
      guess[i] = (mgp_scored){scores[i], i};
    }
    sort_scores(truth, count);
    sort_scores(guess, count);
    for (size_t i = 0; i < 10; i++)
      for (size_t j = 0; j < 40; j++) found += truth[i].id == guess[j].id;
    free(prepared);
  }
  mgp_coder_destroy(c);
  free(rows), free(query), free(codes), free(truth), free(guess), free(scores);
  return (double)found / (double)(10 * queries);
}

static void recall_when_reranked_then_above_its_floor(void **state) {
  (void)state;
  for (size_t i = 0; i < VARIANT_COUNT; i++) {
    const variant *v = &variants[i];
    const double recall = recall_of(v, 128, 3000, 30);
    if (recall < v->recall)
      fail_msg("kind %d, %u bits: recall %.3f, wanted %.3f", (int)v->options.kind, v->options.bits,
               recall, v->recall);
  }
}

static void matryoshka_when_truncated_then_the_first_numbers_of_length_one(void **state) {
  (void)state;
  uint64_t seed = 41;
  const size_t dim = 96, keep = 40, count = 60;
  float *rows = random_rows(&seed, count, dim), *query = random_rows(&seed, 1, dim);
  for (size_t i = 0; i < VARIANT_COUNT; i++) {
    mgp_codec_options options = variants[i].options;
    options.keep = keep;
    mgp_coder *whole = make_coder(options, dim, rows, count);
    float *cut = malloc(count * keep * sizeof *cut), cut_query[40];
    for (size_t r = 0; r < count; r++) {
      memcpy(cut + r * keep, rows + r * dim, keep * sizeof *cut);
      mgp_normalise_f32(cut + r * keep, keep);
    }
    memcpy(cut_query, query, sizeof cut_query);
    mgp_normalise_f32(cut_query, keep);
    mgp_coder *part = make_coder(variants[i].options, keep, cut, count);
    unsigned char *a = encode_all(whole, rows, dim, count), *b = encode_all(part, cut, keep, count);
    assert_int_equal(mgp_coder_size(whole, count), mgp_coder_size(part, count));
    assert_memory_equal(a, b, mgp_coder_size(part, count));
    void *x = prepare(whole, query), *y = prepare(part, cut_query);
    float scores[60], again[60];
    mgp_coder_score(whole, x, a, 0, count, scores, NULL);
    mgp_coder_score(part, y, b, 0, count, again, NULL);
    assert_memory_equal(scores, again, sizeof scores);
    mgp_coder_destroy(whole);
    mgp_coder_destroy(part);
    free(cut), free(a), free(b), free(x), free(y);
  }
  free(rows), free(query);
}

/* ---- awkward vectors ---- */

static void scores_when_vectors_are_zero_equal_or_spiked_then_finite(void **state) {
  (void)state;
  enum { DIM = 70, COUNT = 40 };
  float rows[COUNT][DIM] = {{0}}, scores[COUNT], bounds[COUNT];
  for (size_t j = 0; j < DIM; j++) {
    for (size_t i = 4; i < COUNT; i++) rows[i][j] = 1; /* all equal, so the mean is near them */
    rows[2][j] = j == 5 ? 1e6f : 1;                    /* one huge number */
    rows[3][j] = j % 2 ? -1e-30f : 1e-30f;
  }
  for (size_t i = 0; i < VARIANT_COUNT; i++)
    for (int l2 = 0; l2 < 2; l2++) {
      mgp_codec_options options = variants[i].options;
      options.l2 = l2;
      mgp_coder *c = make_coder(options, DIM, &rows[l2 ? 4 : 0][0], l2 ? COUNT - 4 : COUNT);
      unsigned char *codes = encode_all(c, &rows[0][0], DIM, COUNT);
      for (size_t q = 0; q < 5; q++) {
        void *prepared = prepare(c, rows[q]);
        mgp_coder_score(c, prepared, codes, 0, COUNT, scores, bounds);
        for (size_t r = 0; r < COUNT; r++) assert_true(isfinite(scores[r]) && !isnan(bounds[r]));
        free(prepared);
      }
      if (l2) { /* the vector that is the centre: its distance to itself is 0 */
        void *prepared = prepare(c, rows[4]);
        mgp_coder_score(c, prepared, codes, 4 / mgp_coder_block_rows(c), 1, scores, NULL);
        if (mgp_coder_block_rows(c) == 1) assert_true(fabsf(scores[0]) < 1e-3f * DIM);
        free(prepared);
      }
      mgp_coder_destroy(c);
      free(codes);
    }
}

static void numbers_when_not_finite_then_invalid_and_named(void **state) {
  (void)state;
  static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  float rows[3 * 8];
  unsigned char codes[4096], prepared[16384];
  for (size_t i = 0; i < VARIANT_COUNT; i++)
    for (size_t b = 0; b < 4; b++) {
      magpie_error err = {0};
      for (size_t j = 0; j < 24; j++) rows[j] = (float)j;
      mgp_coder *c = make_coder(variants[i].options, 8, rows, 3);
      rows[17] = bad[b];
      assert_true(mgp_coder_size(c, 3) <= sizeof codes);
      assert_true(mgp_coder_query_size(c) <= sizeof prepared);
      assert_int_equal(mgp_coder_encode(c, rows, 8, 3, codes, &err), MAGPIE_INVALID);
      assert_non_null(strstr(err.message, "vector 2 "));
      assert_int_equal(mgp_coder_prepare(c, rows + 16, prepared, &err), MAGPIE_INVALID);
      assert_int_equal(mgp_coder_train(c, rows, 8, 3, &err), MAGPIE_INVALID);
      mgp_coder_destroy(c);
    }
}

static void options_when_out_of_range_then_invalid(void **state) {
  (void)state;
  const mgp_codec_options wrong[] = {
      {.kind = MGP_CODEC_INT8},
      {.kind = MGP_CODEC_INT8, .dim = MGP_CODEC_DIM_MAX + 1},
      {.kind = MGP_CODEC_INT8, .dim = 4, .keep = 5},
      {.kind = MGP_CODEC_COUNT, .dim = 4},
      {.kind = MGP_CODEC_RABITQ, .dim = 4, .bits = 5},
      {.kind = MGP_CODEC_RABITQ1, .dim = 4, .bits = 2},
      {.kind = MGP_CODEC_PQ, .dim = 4, .parts = 5},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mgp_coder *c = NULL;
    magpie_error err = {0};
    assert_int_equal(mgp_coder_create(NULL, &wrong[i], &c, &err), MAGPIE_INVALID);
    assert_null(c);
  }
}

/* Each allocation in turn fails: NO_MEMORY, and nothing leaks or breaks. */
static void memory_when_it_ends_then_no_memory(void **state) {
  (void)state;
  uint64_t seed = 51;
  float *rows = random_rows(&seed, 40, 33), out[33];
  for (size_t i = 0; i < VARIANT_COUNT; i++)
    for (uint64_t at = 1;; at++) {
      mgp_alloc *a = mgp_alloc_create(0);
      mgp_alloc_fail_at(a, at);
      mgp_codec_options options = variants[i].options;
      options.dim = 33;
      mgp_coder *c = NULL;
      magpie_status status = mgp_coder_create(a, &options, &c, NULL);
      if (status == MAGPIE_OK) status = mgp_coder_train(c, rows, 33, 40, NULL);
      unsigned char *codes = c ? malloc(mgp_coder_size(c, 40)) : NULL;
      void *prepared = c ? malloc(mgp_coder_query_size(c)) : NULL;
      if (status == MAGPIE_OK) status = mgp_coder_encode(c, rows, 33, 40, codes, NULL);
      if (status == MAGPIE_OK) status = mgp_coder_prepare(c, rows, prepared, NULL);
      if (status == MAGPIE_OK) status = mgp_coder_decode(c, codes, 39, out, NULL);
      mgp_coder_destroy(c);
      free(codes), free(prepared);
      assert_int_equal(mgp_alloc_used(a), 0);
      mgp_alloc_destroy(a);
      assert_true(status == MAGPIE_OK || status == MAGPIE_NO_MEMORY);
      if (status == MAGPIE_OK) {
        assert_true(at > 4);
        break;
      }
    }
  free(rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rotation_when_any_size_then_orthogonal_and_undone),
      cmocka_unit_test(rotation_when_one_number_is_large_then_spread),
      cmocka_unit_test(rabitq_when_many_pairs_then_unbiased_and_bounded),
      cmocka_unit_test(bound_when_codes_are_of_another_query_then_broken),
      cmocka_unit_test(exact_codes_when_compared_then_hardly_better_than_fast_ones),
      cmocka_unit_test(decode_when_random_vectors_then_near),
      cmocka_unit_test(scores_when_of_codes_then_near_those_of_decoded_vectors),
      cmocka_unit_test(codes_when_moved_or_restored_then_the_same_scores),
      cmocka_unit_test(recall_when_reranked_then_above_its_floor),
      cmocka_unit_test(matryoshka_when_truncated_then_the_first_numbers_of_length_one),
      cmocka_unit_test(scores_when_vectors_are_zero_equal_or_spiked_then_finite),
      cmocka_unit_test(numbers_when_not_finite_then_invalid_and_named),
      cmocka_unit_test(options_when_out_of_range_then_invalid),
      cmocka_unit_test(memory_when_it_ends_then_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
