/* SPDX-License-Identifier: Apache-2.0
 *
 * Every precision and shape of every tier: single calls against arithmetic written here, the other
 * shapes bitwise against single calls; lengths 0..1030, any offset, guarded pages on both sides,
 * extreme values, NaN and infinity; conversions over all values; FastScan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/kernels.h"

#define LONGEST 1030
#define ROWS_MAX 23
#define QUERIES_MAX 9
#define ROOM ((size_t)1 << 18)

typedef enum element { F32, F16, BF16, S8, U8S8, U4, U4S8, B1, B1Q4 } element;
typedef struct kind {
  const char *name;
  element element;
  bool l2;
  size_t at; /* of the kernel in the table */
} kind;

#define KIND(name, element, l2)                                                                    \
  { #name, element, l2, offsetof(mgp_kernels, name) }
static const kind kinds[] = {
    KIND(f32_dot, F32, false), KIND(f32_l2, F32, true),     KIND(f16_dot, F16, false),
    KIND(f16_l2, F16, true),   KIND(bf16_dot, BF16, false), KIND(bf16_l2, BF16, true),
    KIND(s8_dot, S8, false),   KIND(s8_l2, S8, true),       KIND(u8s8_dot, U8S8, false),
    KIND(u4_dot, U4, false),   KIND(u4_l2, U4, true),       KIND(u4s8_dot, U4S8, false),
    KIND(b1_dot, B1, false),   KIND(b1_l2, B1, true),       KIND(b1q4_dot, B1Q4, false),
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static uint64_t seed = 88172645463325252ull;

static uint32_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 32);
}

static float random_float(float scale) {
  return scale * ((float)(next_random() >> 8) / (float)(1 << 23) - 1.0f);
}

static bool is_float(const kind *k) {
  return k->element <= BF16;
}

static size_t row_bytes(const kind *k, size_t dim) {
  static const size_t bits[] = {32, 16, 16, 8, 8, 4, 4, 1, 1};
  return (dim * bits[k->element] + 7) / 8;
}

static size_t query_bytes(const kind *k, size_t dim) {
  const size_t planes = k->element == U4S8 ? 2 : k->element == B1Q4 ? 4 : 1;
  return planes * row_bytes(k, dim);
}

/* ---- guarded memory ---- */

typedef struct guarded {
  char *start, *end;
} guarded;

static guarded make_guarded(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *base = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(base != MAP_FAILED);
  assert_int_equal(mprotect(base + page, ROOM, PROT_READ | PROT_WRITE), 0);
  return (guarded){base + page, base + page + ROOM};
}

static void free_guarded(guarded *g) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  munmap(g->start - page, ROOM + 2 * page);
}

/* offset 0: at the very start; else so many bytes less one before the end. */
static char *place(const guarded *g, size_t offset, size_t size) {
  assert_true(size + offset < ROOM);
  return offset ? g->end - size - (offset - 1) : g->start;
}

/* ---- values ---- */

/* Independent of the kernels': by the meaning of the formats. */
static double half_value(uint16_t h) {
  const int exponent = h >> 10 & 31, mantissa = h & 1023;
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24));
}

static double bf16_value(uint16_t b) {
  const uint32_t bits = (uint32_t)b << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void put_random(const kind *k, char *at, size_t dim, float scale) {
  const bool extreme = next_random() % 4 == 0;
  for (size_t i = 0; i < dim; i++) {
    const float value = random_float(scale);
    uint16_t bits;
    if (k->element == F32) memcpy(at + 4 * i, &value, 4);
    if (k->element == BF16) {
      uint32_t whole;
      memcpy(&whole, &value, 4);
      bits = (uint16_t)(whole >> 16);
      memcpy(at + 2 * i, &bits, 2);
    }
    if (k->element == F16) { /* any finite number below 2 */
      bits = (uint16_t)((next_random() & 0x8000u) | next_random() % 0x4000u);
      memcpy(at + 2 * i, &bits, 2);
    }
  }
  if (is_float(k)) return;
  const size_t bytes = row_bytes(k, dim);
  for (size_t i = 0; i < bytes; i++)
    at[i] = (char)(extreme ? (next_random() % 2 ? 0x80 : 0xff) : next_random() & 0xff);
  if ((k->element == U4 || k->element == U4S8) && dim % 2) at[bytes - 1] &= 15;
  if ((k->element == B1 || k->element == B1Q4) && dim % 8)
    at[bytes - 1] &= (char)((1 << dim % 8) - 1);
}

static void put_random_query(const kind *k, char *at, size_t dim, float scale) {
  uint8_t numbers[LONGEST + 1];
  for (size_t i = 0; i < dim; i++) numbers[i] = (uint8_t)next_random();
  if (k->element == U4S8) {
    if (dim % 3 == 0) memset(numbers, 0x80, dim); /* -128 everywhere */
    mgp_split_s8((const int8_t *)numbers, dim, (int8_t *)at);
  } else if (k->element == B1Q4) {
    for (size_t i = 0; i < dim; i++) numbers[i] &= 15;
    mgp_planes_u4(numbers, dim, (uint8_t *)at);
  } else {
    put_random(k, at, dim, scale);
  }
}

static double query_value(const kind *k, const char *at, size_t i, size_t dim) {
  const uint8_t *bytes = (const uint8_t *)at;
  const size_t row = row_bytes(k, dim);
  float value;
  uint16_t bits;
  double sum = 0;
  switch (k->element) {
  case F32:
    memcpy(&value, at + 4 * i, 4);
    return value;
  case F16:
    memcpy(&bits, at + 2 * i, 2);
    return half_value(bits);
  case BF16:
    memcpy(&bits, at + 2 * i, 2);
    return bf16_value(bits);
  case S8:
  case U8S8:
    return (int8_t)bytes[i];
  case U4:
    return bytes[i / 2] >> 4 * (i % 2) & 15;
  case U4S8:
    return (int8_t)bytes[i % 2 * row + i / 2];
  case B1:
    return bytes[i / 8] >> i % 8 & 1;
  case B1Q4:
    for (size_t p = 0; p < 4; p++) sum += (bytes[p * row + i / 8] >> i % 8 & 1) << p;
    return sum;
  }
  return 0;
}

static double row_value(const kind *k, const char *at, size_t i, size_t dim) {
  const uint8_t *bytes = (const uint8_t *)at;
  if (k->element == U8S8) return bytes[i];
  if (k->element == U4S8) return bytes[i / 2] >> 4 * (i % 2) & 15;
  if (k->element == B1Q4) return bytes[i / 8] >> i % 8 & 1;
  return query_value(k, at, i, dim);
}

typedef struct wanted {
  double score, bound;
} wanted;

static wanted score_of(const kind *k, const char *query, const char *row, size_t dim) {
  double sum = 0, size = 0;
  for (size_t i = 0; i < dim; i++) {
    const double x = query_value(k, query, i, dim), y = row_value(k, row, i, dim);
    const double term = k->l2 ? (x - y) * (x - y) : x * y;
    sum += term;
    size += fabs(term);
  }
  return (wanted){sum, is_float(k) ? 1e-5 * size + 1e-30 * (double)(dim + 1) : 0};
}

/* ---- one kind of one tier ---- */

static const mgp_float_kernel *float_of(const mgp_kernels *t, const kind *k) {
  return (const mgp_float_kernel *)(const void *)((const char *)t + k->at);
}

static const mgp_int_kernel *int_of(const mgp_kernels *t, const kind *k) {
  return (const mgp_int_kernel *)(const void *)((const char *)t + k->at);
}

/* The four bytes of a result, as the shapes must agree in each bit. */
static uint32_t pair_bits(const mgp_kernels *t, const kind *k, const char *query, const char *row,
                          size_t dim) {
  uint32_t bits;
  if (is_float(k)) {
    const float score = float_of(t, k)->pair(query, row, dim);
    memcpy(&bits, &score, 4);
  } else {
    const int32_t score = int_of(t, k)->pair(query, row, dim);
    memcpy(&bits, &score, 4);
  }
  return bits;
}

static double pair_score(const mgp_kernels *t, const kind *k, const char *query, const char *row,
                         size_t dim) {
  return is_float(k) ? (double)float_of(t, k)->pair(query, row, dim)
                     : (double)int_of(t, k)->pair(query, row, dim);
}

typedef struct memory {
  guarded query, rows;
} memory;

static void check_pairs(const mgp_kernels *t, const kind *k, const memory *m, size_t dim) {
  for (size_t offset = 0; offset < 5; offset++) {
    const float scale = dim % 3 == 0 ? 1e-3f : dim % 3 == 1 ? 1.0f : 1e4f;
    char *query = place(&m->query, offset, query_bytes(k, dim));
    char *row = place(&m->rows, (offset + dim) % 5, row_bytes(k, dim));
    put_random_query(k, query, dim, scale);
    put_random(k, row, dim, scale);
    const wanted want = score_of(k, query, row, dim);
    const double got = pair_score(t, k, query, row, dim);
    if (!(fabs(got - want.score) <= want.bound))
      fail_msg("%s %s of %zu: %.9g, want %.9g within %.3g", t->tier, k->name, dim, got, want.score,
               want.bound);
  }
}

static void check_bits(const mgp_kernels *t, const kind *k, const char *query, const char *row,
                       size_t dim, const uint32_t *got, const char *shape) {
  const uint32_t want = pair_bits(t, k, query, row, dim);
  if (*got != want)
    fail_msg("%s %s of %zu by %s: %08x, alone %08x", t->tier, k->name, dim, shape, *got, want);
}

static void check_shapes(const mgp_kernels *t, const kind *k, const memory *m, size_t dim,
                         size_t count, size_t query_count, size_t gap) {
  const size_t stride = row_bytes(k, dim) + gap, query_stride = query_bytes(k, dim) + gap;
  char *rows = place(&m->rows, 1, count ? (count - 1) * stride + row_bytes(k, dim) : 0);
  char *queries = place(&m->query, 1, (query_count - 1) * query_stride + query_bytes(k, dim));
  for (size_t i = 0; i < count; i++) put_random(k, rows + i * stride, dim, 1);
  for (size_t i = 0; i < query_count; i++) put_random_query(k, queries + i * query_stride, dim, 1);
  uint32_t at[ROWS_MAX], out[QUERIES_MAX * (ROWS_MAX + 2)];
  for (size_t i = 0; i < count; i++) at[i] = next_random() % (uint32_t)count;

  memset(out, 0xab, sizeof out);
  if (is_float(k)) float_of(t, k)->rows(queries, rows, dim, stride, count, (float *)out);
  else int_of(t, k)->rows(queries, rows, dim, stride, count, (int32_t *)out);
  for (size_t i = 0; i < count; i++)
    check_bits(t, k, queries, rows + i * stride, dim, &out[i], "rows");
  assert_int_equal(out[count], 0xabababab); /* nothing is written behind the last */

  memset(out, 0xab, sizeof out);
  if (is_float(k)) float_of(t, k)->gather(queries, rows, dim, stride, at, count, (float *)out);
  else int_of(t, k)->gather(queries, rows, dim, stride, at, count, (int32_t *)out);
  for (size_t i = 0; i < count; i++)
    check_bits(t, k, queries, rows + at[i] * stride, dim, &out[i], "gather");
  assert_int_equal(out[count], 0xabababab);

  memset(out, 0xab, sizeof out);
  const size_t pitch = count + 1;
  if (is_float(k))
    float_of(t, k)->block(queries, query_stride, query_count, rows, dim, stride, count,
                          (float *)out, pitch);
  else
    int_of(t, k)->block(queries, query_stride, query_count, rows, dim, stride, count,
                        (int32_t *)out, pitch);
  for (size_t q = 0; q < query_count; q++) {
    for (size_t i = 0; i < count; i++)
      check_bits(t, k, queries + q * query_stride, rows + i * stride, dim, &out[q * pitch + i],
                 "block");
    assert_int_equal(out[q * pitch + count], 0xabababab);
  }
}

typedef void (*check_fn)(const mgp_kernels *t, const kind *k, const memory *m);

static void for_each_tier(check_fn check) {
  memory m = {make_guarded(), make_guarded()};
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *t = mgp_kernels_tier(*name);
    if (!t) print_message("tier %s: not on this machine, NOT checked\n", *name);
    for (size_t i = 0; t && i < KIND_COUNT; i++) check(t, &kinds[i], &m);
  }
  free_guarded(&m.query);
  free_guarded(&m.rows);
}

/* The f32 shapes and the older f32 functions are one kernel to their callers. */
static void check_f32(const mgp_kernels *t, const kind *k, const memory *m, size_t dim) {
  float *query = (float *)place(&m->query, 1, 4 * dim), *row = (float *)place(&m->rows, 1, 4 * dim);
  put_random(k, (char *)query, dim, 1);
  put_random(k, (char *)row, dim, 1);
  const float alone = k->l2 ? t->l2_squared_f32(query, row, dim) : t->dot_f32(query, row, dim);
  check_bits(t, k, (char *)query, (char *)row, dim, (const uint32_t *)(const void *)&alone, "f32");
}

static void check_all_lengths(const mgp_kernels *t, const kind *k, const memory *m) {
  for (size_t dim = 0; dim <= LONGEST; dim += dim < 300 ? 1 : 1 + next_random() % 7)
    check_pairs(t, k, m, dim);
  check_pairs(t, k, m, LONGEST);
  for (size_t dim = 0; k->element == F32 && dim <= LONGEST; dim += 3) check_f32(t, k, m, dim);
}

static void pairs_when_any_length_and_offset_then_within_the_bound(void **state) {
  (void)state;
  for_each_tier(check_all_lengths);
}

static void check_all_shapes(const mgp_kernels *t, const kind *k, const memory *m) {
  static const size_t dims[] = {0, 1, 7, 63, 64, 77, 130, 384, 1000};
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
    for (size_t count = 0; count < ROWS_MAX; count += count < 10 ? 1 : 4)
      check_shapes(t, k, m, dims[d], count, 1 + next_random() % QUERIES_MAX,
                   d % 2 ? 0 : next_random() % 9);
}

static void shapes_when_any_place_then_bitwise_the_single_call(void **state) {
  (void)state;
  for_each_tier(check_all_shapes);
}

/* Rows of more than a first-level cache's share, so that a block takes several groups. */
static void check_long_block(const mgp_kernels *t, const kind *k, const memory *m) {
  check_shapes(t, k, m, LONGEST, ROWS_MAX - 1, QUERIES_MAX - 1, 3);
}

static void blocks_when_rows_pass_a_group_then_bitwise_the_single_call(void **state) {
  (void)state;
  for_each_tier(check_long_block);
}

static void put_special(const kind *k, char *at, size_t i, bool nan) {
  const float value = nan ? NAN : INFINITY;
  const uint16_t half = nan ? 0x7e01 : 0x7c00, brain = nan ? 0x7fc1 : 0x7f80;
  if (k->element == F32) memcpy(at + 4 * i, &value, 4);
  if (k->element == F16) memcpy(at + 2 * i, &half, 2);
  if (k->element == BF16) memcpy(at + 2 * i, &brain, 2);
}

static void check_specials(const mgp_kernels *t, const kind *k, const memory *m) {
  if (!is_float(k)) return;
  const size_t dim = 150, bytes = row_bytes(k, dim);
  char *query = place(&m->query, 1, bytes), *row = place(&m->rows, 2, bytes);
  memset(query, 0, bytes);
  memset(row, 0, bytes);
  assert_true(pair_score(t, k, query, row, dim) == 0); /* zero by zero */
  for (size_t at = 0; at < dim; at++) {
    memset(query, 0, bytes);
    put_special(k, query, at, true);
    assert_true(isnan(pair_score(t, k, query, row, dim)));
    assert_true(isnan(pair_score(t, k, row, query, dim)));
    put_special(k, query, at, false); /* infinity less 0 squared; infinity times 0 */
    const double got = pair_score(t, k, query, row, dim);
    assert_true(k->l2 ? isinf(got) : isnan(got));
  }
}

static void floats_when_nan_or_infinite_then_it_shows(void **state) {
  (void)state;
  for_each_tier(check_specials);
}

/* ---- conversions ---- */

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

static void check_sixteen(const mgp_kernels *t, const mgp_kernels *plain) {
  enum { ALL = 65536 };
  uint16_t *in = malloc(ALL * sizeof *in), *back = malloc(ALL * sizeof *back);
  float *out = malloc(ALL * sizeof *out), *want = malloc(ALL * sizeof *want);
  for (size_t i = 0; i < ALL; i++) in[i] = (uint16_t)i;
  t->f16_to_f32(in, out, ALL);
  plain->f16_to_f32(in, want, ALL);
  t->f32_to_f16(out, back, ALL);
  for (size_t i = 0; i < ALL; i++) {
    const double value = half_value(in[i]);
    assert_true(isnan(value) ? isnan(out[i]) : (double)out[i] == value);
    assert_int_equal(bits_of(out[i]), bits_of(want[i]));
    assert_true(isnan(value) ? isnan(half_value(back[i])) : back[i] == in[i]);
  }
  t->bf16_to_f32(in, out, ALL);
  t->f32_to_bf16(out, back, ALL);
  for (size_t i = 0; i < ALL; i++) {
    assert_int_equal(bits_of(out[i]), (uint32_t)in[i] << 16);
    assert_true(isnan(out[i]) ? isnan(bf16_value(back[i])) : back[i] == in[i]);
  }
  free(in), free(back), free(out), free(want);
}

/* The rounded value is one of the two neighbours, and the nearer, or the even one of a tie. */
static void check_rounding(float value, uint16_t got, double (*decode)(uint16_t), double largest) {
  const double v = value, g = decode(got);
  if (isnan(value)) {
    assert_true(isnan(g));
    return;
  }
  if (isinf(g)) {
    assert_true(isinf(value) || fabs(v) >= largest);
    return;
  }
  assert_true(fabs(v) <= largest);
  assert_true((signbit(value) != 0) == (got >> 15 != 0));
  const double up = decode((uint16_t)(got + 1)),
               down = got & 0x7fff ? decode((uint16_t)(got - 1)) : g;
  const double off = fabs(v - g);
  if (!isinf(up)) assert_true(off <= fabs(v - up));
  assert_true((got & 0x7fff) == 0 || off <= fabs(v - down));
  if ((!isinf(up) && off == fabs(v - up)) || ((got & 0x7fff) && off == fabs(v - down)))
    assert_true(got % 2 == 0);
}

static void check_random_floats(const mgp_kernels *t, size_t count) {
  float in[64] = {0};
  uint16_t half[65], brain[65];
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = next_random();
    if (i % 2) bits = (bits & 0x80ffffffu) | (0x30u + next_random() % 24) << 24; /* half's range */
    if (i % 3 == 0) bits &= 0xfffff000u;                                         /* ties */
    memcpy(&in[i], &bits, 4);
  }
  half[count] = brain[count] = 0x1234;
  t->f32_to_f16(in, half, count);
  t->f32_to_bf16(in, brain, count);
  for (size_t i = 0; i < count; i++) {
    check_rounding(in[i], half[i], half_value, 65520);
    check_rounding(in[i], brain[i], bf16_value, ldexp(511.0 / 256, 127));
  }
  assert_true(half[count] == 0x1234 && brain[count] == 0x1234);
}

static void conversions_when_any_value_then_nearest_even_in_every_tier(void **state) {
  (void)state;
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *t = mgp_kernels_tier(*name);
    if (!t) continue;
    check_sixteen(t, mgp_kernels_tier("plain"));
    for (int round = 0; round < 3000; round++) check_random_floats(t, next_random() % 65);
  }
}

/* ---- FastScan ---- */

static void check_fast_scan(const mgp_kernels *t, const memory *m, size_t groups, bool largest) {
  uint8_t *codes = (uint8_t *)place(&m->rows, groups % 4, 16 * groups);
  uint8_t *table = (uint8_t *)place(&m->query, groups % 3, 16 * groups);
  for (size_t i = 0; i < 16 * groups; i++) {
    codes[i] = (uint8_t)next_random();
    table[i] = largest ? 255 : (uint8_t)next_random();
  }
  uint32_t out[MGP_FAST_SCAN_ROWS + 1];
  out[MGP_FAST_SCAN_ROWS] = 77;
  t->fast_scan(codes, table, groups, out);
  for (size_t r = 0; r < MGP_FAST_SCAN_ROWS; r++) {
    uint32_t want = 0;
    for (size_t g = 0; g < groups; g++) {
      const uint8_t both = codes[16 * g + r % 16];
      want += table[16 * g + (r < 16 ? both & 15 : both >> 4)];
    }
    assert_int_equal(out[r], want);
  }
  assert_int_equal(out[MGP_FAST_SCAN_ROWS], 77);
}

static void fast_scan_when_any_groups_then_equals_the_sums(void **state) {
  (void)state;
  memory m = {make_guarded(), make_guarded()};
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *t = mgp_kernels_tier(*name);
    for (size_t groups = 0; t && groups < 1200; groups += groups < 40 ? 1 : 41) {
      check_fast_scan(t, &m, groups, false);
      check_fast_scan(t, &m, groups, true);
    }
  }
  free_guarded(&m.query);
  free_guarded(&m.rows);
}

static void cosine_of_dots_when_zero_nan_or_plain_then_as_defined(void **state) {
  (void)state;
  assert_true(mgp_cosine_of_dots(3, 9, 4) == 0.5f);
  assert_true(mgp_cosine_of_dots(0, 0, 4) == 0 && mgp_cosine_of_dots(0, 4, 0) == 0);
  assert_true(isnan(mgp_cosine_of_dots(NAN, 0, 1)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs_when_any_length_and_offset_then_within_the_bound),
      cmocka_unit_test(shapes_when_any_place_then_bitwise_the_single_call),
      cmocka_unit_test(blocks_when_rows_pass_a_group_then_bitwise_the_single_call),
      cmocka_unit_test(floats_when_nan_or_infinite_then_it_shows),
      cmocka_unit_test(conversions_when_any_value_then_nearest_even_in_every_tier),
      cmocka_unit_test(fast_scan_when_any_groups_then_equals_the_sums),
      cmocka_unit_test(cosine_of_dots_when_zero_nan_or_plain_then_as_defined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
