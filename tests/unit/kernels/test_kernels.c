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
#include <sys/mman.h>
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

/* A vector of any length whose first or last byte touches a page that cannot be read: a kernel that
 * reads outside, in vain or not, ends the process. */
typedef struct guarded {
  char *base;
  size_t size, page;
} guarded;

static guarded make_guarded(size_t floats) {
  guarded g = {.page = (size_t)sysconf(_SC_PAGESIZE)};
  g.size = (floats * sizeof(float) + g.page - 1) / g.page * g.page;
  g.base = mmap(NULL, g.size + 2 * g.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(g.base != MAP_FAILED);
  assert_int_equal(mprotect(g.base + g.page, g.size, PROT_READ | PROT_WRITE), 0);
  return g;
}

static void free_guarded(guarded *g) {
  munmap(g->base, g->size + 2 * g->page);
}

/* offset 0 stands at the very start; else the vector ends offset - 1 floats before the end. */
static float *vector_in(const guarded *g, size_t offset, size_t dim, float scale) {
  char *end = g->base + g->page + g->size;
  float *v = (float *)(void *)(offset ? end : g->base + g->page);
  if (offset) v -= dim + offset - 1;
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

static void check_length(const mgp_kernels *k, const guarded *ga, const guarded *gb, size_t dim) {
  for (size_t offset = 0; offset < OFFSETS; offset++) {
    const float scale = dim % 3 == 0 ? 1e-3f : dim % 3 == 1 ? 1.0f : 1e4f;
    const float *a = vector_in(ga, offset, dim, scale);
    const float *b = vector_in(gb, (offset + dim) % OFFSETS, dim, scale);
    check_pair(k, a, b, dim);
  }
}

static void kernels_over_lengths_and_offsets_agree(void **state) {
  (void)state;
  guarded ga = make_guarded(LONGEST + OFFSETS), gb = make_guarded(LONGEST + OFFSETS);
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    if (!k) {
      print_message("tier %s: not on this machine, NOT checked\n", *name);
      continue;
    }
    assert_string_equal(k->tier, *name);
    for (size_t dim = 0; dim <= 300; dim++) check_length(k, &ga, &gb, dim);
    for (int i = 0; i < 200; i++)
      check_length(k, &ga, &gb, (size_t)((random_float(0.5f) + 0.5f) * LONGEST));
    check_length(k, &ga, &gb, LONGEST);
  }
  free_guarded(&ga);
  free_guarded(&gb);
}

/* The cosine does not depend on lengths, even where squares leave the range of float. */
static void kernels_over_huge_and_small_values_agree(void **state) {
  (void)state;
  static const float scales[] = {1e-44f, 1e-38f, 1e-25f, 1e-15f, 1e-10f, 1e9f, 1e17f, 1e25f, 3e38f};
  const size_t scale_count = sizeof scales / sizeof *scales;
  float a[130], b[130];
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    for (size_t i = 0; k && i < scale_count * scale_count; i++) {
      const float scale_a = scales[i / scale_count], scale_b = scales[i % scale_count];
      for (size_t j = 0; j < 130; j++) a[j] = random_float(scale_a), b[j] = random_float(scale_b);
      const reference r = reference_of(a, b, 130);
      const double length = sqrt(r.norm_a) * sqrt(r.norm_b);
      check_close(k->cosine_f32(a, b, 130), r.dot / length, 1e-5, "cosine", 130);
      /* dot and l2: wherever no term overflows; underflow costs less than the last bit of 1e-37 */
      if (r.magnitude < 1e38)
        check_close(k->dot_f32(a, b, 130), r.dot, 1e-5 * r.magnitude + 1e-37, "dot", 130);
      if (r.l2 < 1e38)
        check_close(k->l2_squared_f32(a, b, 130), r.l2, 1e-5 * r.l2 + 1e-37, "l2", 130);
      else if (r.l2 > 1e40) assert_true(isinf(k->l2_squared_f32(a, b, 130)));
    }
  }
}

static void check_rows(const mgp_kernels *k, const guarded *gq, const guarded *gr, size_t dim,
                       size_t stride, size_t count) {
  float out[72];
  const float *query = vector_in(gq, 1, dim, 1);
  const size_t size = count ? (count - 1) * stride + dim : 0;
  const float *rows = vector_in(gr, 1, size, 1);
  assert_true(count < 71);
  for (size_t i = 0; i < 72; i++) out[i] = -77;
  k->dot_rows_f32(query, rows, dim, stride, count, out);
  for (size_t i = 0; i < count; i++)
    assert_true(out[i] == k->dot_f32(query, rows + i * stride, dim));
  assert_true(out[count] == -77); /* nothing is written behind the last */
  k->l2_squared_rows_f32(query, rows, dim, stride, count, out);
  for (size_t i = 0; i < count; i++)
    assert_true(out[i] == k->l2_squared_f32(query, rows + i * stride, dim));
  assert_true(out[count] == -77);
}

/* Bitwise: a score must not depend on where its row stands among others. */
static void kernels_over_rows_equal_single_calls(void **state) {
  (void)state;
  static const size_t dims[] = {0, 1, 7, 16, 63, 64, 77, 128, 384, 1000};
  guarded gq = make_guarded(1000), gr = make_guarded(71 * 1016);
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    for (size_t d = 0; k && d < sizeof dims / sizeof *dims; d++)
      for (size_t count = 0; count < 71; count += count < 12 ? 1 : 13) {
        check_rows(k, &gq, &gr, dims[d], dims[d], count);
        check_rows(k, &gq, &gr, dims[d], dims[d] + 13, count);
      }
  }
  free_guarded(&gq);
  free_guarded(&gr);
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
      assert_true(isnan(k->cosine_f32(b, a, 100)));
      memset(b, 0, sizeof b); /* NaN beside all zeros is NaN too */
      assert_true(isnan(k->cosine_f32(a, b, 100)));
      float out[9];
      k->dot_rows_f32(a, a, 11, 11, 9, out);
      for (size_t row = 0; row < 9; row++)
        assert_int_equal(isnan(out[row]) != 0, at < 11 || at / 11 == row);
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

/* The best tier of this machine that stands no higher than the one named. */
static const char *expected_under(const char *limit) {
  const char *best = "plain";
  for (const char *const *name = mgp_kernels_tiers(); *name; name++) {
    if (mgp_kernels_tier(*name)) best = *name;
    if (strcmp(*name, limit) == 0) return best;
  }
  return *limit ? "plain" : best; /* a name that is none allows plain only; "" allows all */
}

static void masking_a_tier_falls_back_to_a_lower_one(void **state) {
  (void)state;
  static const char *const names[] = {"plain", "avx2", "avx512", "neon", "no-such-tier", ""};
  char chosen[6][32];
  for (size_t i = 0; i < 6; i++) strcpy(chosen[i], tier_under(names[i]));
  /* only now may this process fill its own tables: a fork would inherit them */
  for (size_t i = 0; i < 6; i++) assert_string_equal(chosen[i], expected_under(names[i]));
  assert_string_equal(chosen[0], "plain");
  assert_null(mgp_kernels_tier("no-such-tier"));
}

static void normalise_gives_length_one_and_leaves_zero_alone(void **state) {
  (void)state;
  float v[5] = {3, 0, 4, 0, 0}, zero[3] = {0};
  assert_true(fabsf(mgp_normalise_f32(v, 5) - 5) < 1e-6f);
  assert_true(fabsf(v[0] - 0.6f) < 1e-6f && fabsf(v[2] - 0.8f) < 1e-6f);
  assert_true(mgp_normalise_f32(zero, 3) == 0 && zero[0] == 0);
  static const float scales[] = {1e-44f, 1e-30f, 1e30f, 3.4e38f};
  for (size_t i = 0; i < 4; i++) {
    float w[8];
    for (size_t j = 0; j < 8; j++) w[j] = scales[i];
    assert_true(isfinite(mgp_normalise_f32(w, 8)));
    for (size_t j = 0; j < 8; j++) assert_true(fabsf(w[j] - 0.35355339f) < 1e-6f);
  }
  float bad[3] = {1, NAN, 2}, endless[3] = {1, INFINITY, 2};
  assert_true(isnan(mgp_normalise_f32(bad, 3)) && bad[0] == 1 && bad[2] == 2);
  assert_true(isinf(mgp_normalise_f32(endless, 3)) && endless[0] == 1 && endless[2] == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      /* the masking test forks before the tables are filled */
      cmocka_unit_test(masking_a_tier_falls_back_to_a_lower_one),
      cmocka_unit_test(kernels_over_lengths_and_offsets_agree),
      cmocka_unit_test(kernels_over_huge_and_small_values_agree),
      cmocka_unit_test(kernels_over_rows_equal_single_calls),
      cmocka_unit_test(kernels_with_nan_give_nan),
      cmocka_unit_test(cosine_of_a_zero_vector_is_zero),
      cmocka_unit_test(normalise_gives_length_one_and_leaves_zero_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
