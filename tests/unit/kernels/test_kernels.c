/* SPDX-License-Identifier: Apache-2.0
 *
 * One harness for all tiers: each kernel against double arithmetic, over lengths, offsets and
 * awkward values, within the bound that kernels.h states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernels.h"

#define LONGEST 2049
#define OFFSETS 4

static uint64_t seed = 88172645463325252ull;

static float random_float(float scale) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return scale * ((float)(seed >> 40) / (float)(1 << 23) - 1.0f);
}

/* Guard values around the vectors: a kernel that reads past its end would sum them up. */
static float *vector_at(float *storage, size_t offset, size_t dim, float scale) {
  for (size_t i = 0; i < LONGEST + 2 * OFFSETS; i++) storage[i] = 1e30f;
  float *v = storage + offset;
  for (size_t i = 0; i < dim; i++) v[i] = random_float(scale);
  return v;
}

typedef struct reference {
  double dot, l2, norm_a, norm_b, magnitude;
} reference;

static reference reference_of(const float *a, const float *b, size_t dim) {
  reference r = {0};
  for (size_t i = 0; i < dim; i++) {
    const double x = a[i], y = b[i];
    r.dot += x * y;
    r.l2 += (x - y) * (x - y);
    r.norm_a += x * x;
    r.norm_b += y * y;
    r.magnitude += fabs(x * y);
  }
  return r;
}

static void check_close(float got, double want, double bound, const char *what, size_t dim) {
  if (!(fabs(got - want) <= bound))
    fail_msg("%s of %zu: got %.9g, want %.9g within %.3g", what, dim, got, want, bound);
}

static void check_pair(const mgp_kernels *k, const float *a, const float *b, size_t dim) {
  const reference r = reference_of(a, b, dim);
  check_close(k->dot_f32(a, b, dim), r.dot, 1e-5 * r.magnitude + 1e-30, "dot", dim);
  check_close(k->l2_squared_f32(a, b, dim), r.l2, 1e-5 * r.l2 + 1e-30, "l2", dim);
  const double length = sqrt(r.norm_a) * sqrt(r.norm_b);
  const double cosine = length > 0 ? r.dot / length : 0;
  check_close(k->cosine_f32(a, b, dim), cosine, 1e-5, "cosine", dim);
}

static void kernels_over_lengths_and_offsets_agree(void **state) {
  (void)state;
  float *sa = malloc(sizeof(float) * (LONGEST + 2 * OFFSETS));
  float *sb = malloc(sizeof(float) * (LONGEST + 2 * OFFSETS));
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    if (!k) {
      print_message("tier %s: not on this machine, NOT checked\n", *name);
      continue;
    }
    assert_string_equal(k->tier, *name);
    for (size_t dim = 0; dim <= LONGEST; dim += dim < 140 ? 1 : 61)
      for (size_t offset = 0; offset < OFFSETS; offset++) {
        const float scale = dim % 3 == 0 ? 1e-3f : dim % 3 == 1 ? 1.0f : 1e4f;
        const float *a = vector_at(sa, offset, dim, scale);
        const float *b = vector_at(sb, (offset + dim) % OFFSETS, dim, scale);
        check_pair(k, a, b, dim);
      }
  }
  free(sa);
  free(sb);
}

static void kernels_over_rows_equal_single_calls(void **state) {
  (void)state;
  enum { ROWS = 37, DIM = 77, STRIDE = 80 };
  float *rows = calloc(ROWS * STRIDE, sizeof *rows);
  float query[DIM], out[ROWS];
  for (size_t i = 0; i < DIM; i++) query[i] = random_float(1);
  for (size_t i = 0; i < ROWS * STRIDE; i++) rows[i] = random_float(1);
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    if (!k) continue;
    k->dot_rows_f32(query, rows, DIM, STRIDE, ROWS, out);
    for (size_t i = 0; i < ROWS; i++)
      assert_true(out[i] == k->dot_f32(query, rows + i * STRIDE, DIM));
    k->l2_squared_rows_f32(query, rows, DIM, STRIDE, ROWS, out);
    for (size_t i = 0; i < ROWS; i++)
      assert_true(out[i] == k->l2_squared_f32(query, rows + i * STRIDE, DIM));
  }
  free(rows);
}

static void kernels_with_nan_give_nan(void **state) {
  (void)state;
  float a[100], b[100];
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    for (size_t at = 0; k && at < 100; at++) {
      for (size_t i = 0; i < 100; i++) a[i] = b[i] = 1;
      a[at] = NAN;
      assert_true(isnan(k->dot_f32(a, b, 100)));
      assert_true(isnan(k->l2_squared_f32(a, b, 100)));
      assert_true(isnan(k->cosine_f32(a, b, 100)));
    }
  }
}

static void cosine_of_a_zero_vector_is_zero(void **state) {
  (void)state;
  const float zero[17] = {0}, one[17] = {1};
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    if (!k) continue;
    assert_true(k->cosine_f32(zero, one, 17) == 0);
    assert_true(k->cosine_f32(one, zero, 17) == 0);
  }
}

/* MAGPIE_CPU is read once, so each value needs a process of its own. */
static const char *tier_under(const char *limit) {
  int ends[2];
  static char name[32];
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    setenv("MAGPIE_CPU", limit, 1);
    const char *tier = mgp_kernels_get()->tier;
    _exit(write(ends[1], tier, strlen(tier) + 1) > 0 ? 0 : 1);
  }
  assert_true(read(ends[0], name, sizeof name) > 0);
  waitpid(child, NULL, 0);
  close(ends[0]);
  close(ends[1]);
  return name;
}

static void masking_a_tier_falls_back_to_a_lower_one(void **state) {
  (void)state;
  assert_string_equal(tier_under("plain"), "plain");
  assert_string_equal(tier_under("no-such-tier"), "plain");
  static const char *const names[] = {"avx2", "avx512", "neon"};
  char chosen[3][32];
  for (size_t i = 0; i < 3; i++) strcpy(chosen[i], tier_under(names[i]));
  /* only now may this process fill its own tables: a fork would inherit them */
  for (size_t i = 0; i < 3; i++)
    if (mgp_kernels_tier(names[i])) assert_string_equal(chosen[i], names[i]);
}

static void normalise_gives_length_one_and_leaves_zero_alone(void **state) {
  (void)state;
  float v[5] = {3, 0, 4, 0, 0}, zero[3] = {0};
  assert_true(fabsf(mgp_normalise_f32(v, 5) - 5) < 1e-6f);
  assert_true(fabsf(v[0] - 0.6f) < 1e-6f && fabsf(v[2] - 0.8f) < 1e-6f);
  assert_true(mgp_normalise_f32(zero, 3) == 0 && zero[0] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      /* the masking test forks before the tables are filled */
      cmocka_unit_test(masking_a_tier_falls_back_to_a_lower_one),
      cmocka_unit_test(kernels_over_lengths_and_offsets_agree),
      cmocka_unit_test(kernels_over_rows_equal_single_calls),
      cmocka_unit_test(kernels_with_nan_give_nan),
      cmocka_unit_test(cosine_of_a_zero_vector_is_zero),
      cmocka_unit_test(normalise_gives_length_one_and_leaves_zero_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
