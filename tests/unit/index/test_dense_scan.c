/* SPDX-License-Identifier: Apache-2.0
 *
 * The scan against scoring every row and sorting: sizes around the block, filters, views, threads.
 */
#include "index_fixture.h"

typedef struct rows {
  mgp_dense_view view;
  float *values;
  uint64_t *ids;
} rows;

static rows rows_make(uint64_t *state, size_t count, size_t dim, uint64_t first_id) {
  rows r = {0};
  const size_t stride = mgp_dense_stride(dim);
  r.values = calloc(count * stride + 1, sizeof(float));
  r.ids = calloc(count + 1, sizeof(uint64_t));
  for (size_t i = 0; i < count; i++) {
    r.ids[i] = first_id + 2 * i;
    /* Few values: many equal scores. */
    for (size_t j = 0; j < dim; j++)
      r.values[i * stride + j] = (float)random_below(state, 4) - 1.5f;
  }
  r.view = (mgp_dense_view){
      .rows = r.values, .ids = r.ids, .count = count, .dim = dim, .stride = stride};
  return r;
}

static void rows_free(rows *r) {
  free(r->values);
  free(r->ids);
}

static bool allow_thirds(const void *context, uint64_t id) {
  return id % 3 == *(const uint64_t *)context;
}

static size_t sort_all(const mgp_dense_view *views, size_t view_count, const float *query,
                       const mgp_filter *filter, mgp_scored *out) {
  size_t count = 0;
  for (size_t v = 0; v < view_count; v++) {
    for (size_t i = 0; i < views[v].count; i++) {
      float score;
      mgp_kernels_get()->dot_rows_f32(query, views[v].rows + i * views[v].stride, views[v].dim,
                                      views[v].stride, 1, &score);
      if (isnan(score) || (filter && !filter->allow(filter->context, views[v].ids[i]))) continue;
      out[count++] = (mgp_scored){.score = score, .id = views[v].ids[i]};
    }
  }
  qsort(out, count, sizeof *out, mgp_scored_compare);
  return count;
}

static void check_against_sort(const mgp_dense_view *views, size_t view_count, const float *query,
                               const mgp_filter *filter, mgp_pool *pool, size_t k) {
  size_t total = 1;
  for (size_t v = 0; v < view_count; v++) total += views[v].count;
  mgp_scored *wanted = calloc(total, sizeof *wanted), *storage = calloc(k, sizeof *storage);
  size_t count = sort_all(views, view_count, query, filter, wanted);
  if (count > k) count = k;
  mgp_topk top;
  mgp_topk_init(&top, storage, k);
  magpie_error err = {0};
  assert_int_equal(mgp_dense_search(views, view_count, query, filter, pool, NULL, &top, &err),
                   MAGPIE_OK);
  mgp_topk_sort(&top);
  assert_int_equal(top.count, count);
  for (size_t i = 0; i < count; i++) {
    assert_true(storage[i].id == wanted[i].id);
    assert_true(storage[i].score == wanted[i].score);
  }
  free(wanted);
  free(storage);
}

/* Against counting and sorting, at a score that rows have, so that equal ones must be in. */
static void check_range(const mgp_dense_view *views, size_t view_count, const float *query,
                        const mgp_filter *filter, mgp_pool *pool, size_t k, size_t rank) {
  size_t total = 1;
  for (size_t v = 0; v < view_count; v++) total += views[v].count;
  mgp_scored *wanted = calloc(total, sizeof *wanted), *storage = calloc(k + 1, sizeof *storage);
  const size_t all = sort_all(views, view_count, query, filter, wanted);
  const float least = all ? wanted[rank % all].score : 0;
  size_t count = 0, matches = 77;
  while (count < all && wanted[count].score >= least) count++;
  mgp_topk top;
  mgp_topk_init(&top, storage, k);
  assert_int_equal(
      mgp_dense_range(views, view_count, query, least, filter, pool, NULL, &top, &matches, NULL),
      MAGPIE_OK);
  assert_int_equal(matches, count);
  mgp_topk_sort(&top);
  assert_int_equal(top.count, count < k ? count : k);
  for (size_t i = 0; i < top.count; i++) {
    assert_true(storage[i].id == wanted[i].id);
    assert_true(storage[i].score == wanted[i].score);
  }
  free(wanted);
  free(storage);
}

static void stride_when_padded_then_multiple_of_sixteen(void **state) {
  (void)state;
  assert_int_equal(mgp_dense_stride(0), 0);
  assert_int_equal(mgp_dense_stride(1), 16);
  assert_int_equal(mgp_dense_stride(16), 16);
  assert_int_equal(mgp_dense_stride(384), 384);
  assert_int_equal(mgp_dense_stride(385), 400);
}

static void search_when_random_views_then_equals_sorting(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 7, 1023, 1024, 1025, 3000};
  uint64_t seed = 7;
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(3, &pool, NULL), MAGPIE_OK);
  for (int round = 0; round < 60; round++) {
    const size_t view_count = random_below(&seed, 5), dim = 1 + random_below(&seed, 40);
    rows data[5] = {0};
    mgp_dense_view views[5] = {0};
    for (size_t v = 0; v < view_count; v++) {
      const size_t count = round % 10 == 0 ? 9000 : counts[random_below(&seed, 7)];
      data[v] = rows_make(&seed, count, dim, 100000 * (view_count - v));
      views[v] = data[v].view;
    }
    float query[40];
    for (size_t j = 0; j < dim; j++) query[j] = (float)random_below(&seed, 5) - 2;
    const uint64_t remainder = random_below(&seed, 3);
    const mgp_filter filter = {.allow = allow_thirds, .context = &remainder};
    const size_t k = 1 + random_below(&seed, round % 4 ? 20 : 20000);
    check_against_sort(views, view_count, query, round % 2 ? &filter : NULL,
                       round % 3 ? pool : NULL, k);
    check_range(views, view_count, query, round % 2 ? &filter : NULL, round % 3 ? pool : NULL,
                round % 5 ? k : 0, random_below(&seed, 4000));
    for (size_t v = 0; v < view_count; v++) rows_free(&data[v]);
  }
  mgp_pool_destroy(pool);
}

static void search_when_rows_are_nan_then_they_are_no_hits(void **state) {
  (void)state;
  uint64_t seed = 3;
  rows data = rows_make(&seed, 50, 4, 0);
  for (size_t i = 0; i < 50; i += 2) data.values[i * data.view.stride + 1] = NAN;
  const float query[4] = {1, 1, 1, 1};
  mgp_scored storage[60];
  mgp_topk top;
  mgp_topk_init(&top, storage, 60);
  assert_int_equal(mgp_dense_search(&data.view, 1, query, NULL, NULL, NULL, &top, NULL), MAGPIE_OK);
  assert_int_equal(top.count, 25);
  check_against_sort(&data.view, 1, query, NULL, NULL, 60);
  const float bad[4] = {NAN, 0, 0, 0};
  mgp_topk_init(&top, storage, 60);
  assert_int_equal(mgp_dense_search(&data.view, 1, bad, NULL, NULL, NULL, &top, NULL), MAGPIE_OK);
  assert_int_equal(top.count, 0);
  rows_free(&data);
}

static void range_when_rows_or_bounds_are_odd_then_defined(void **state) {
  (void)state;
  uint64_t seed = 3;
  rows data = rows_make(&seed, 50, 4, 0);
  for (size_t i = 0; i < 50; i += 2) data.values[i * data.view.stride + 1] = NAN;
  const float query[4] = {1, 1, 1, 1};
  mgp_scored storage[60];
  mgp_topk top;
  size_t matches = 7;
  mgp_topk_init(&top, storage, 60);
  assert_int_equal(
      mgp_dense_range(&data.view, 1, query, -INFINITY, NULL, NULL, NULL, &top, &matches, NULL),
      MAGPIE_OK);
  assert_int_equal(matches, 25); /* rows of NaN match nothing */
  assert_int_equal(top.count, 25);
  mgp_topk_init(&top, storage, 60);
  assert_int_equal(
      mgp_dense_range(&data.view, 1, query, INFINITY, NULL, NULL, NULL, &top, &matches, NULL),
      MAGPIE_OK);
  assert_int_equal(matches, 0);
  magpie_error err = {0};
  assert_int_equal(
      mgp_dense_range(&data.view, 1, query, NAN, NULL, NULL, NULL, &top, &matches, &err),
      MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "NaN"));
  assert_int_equal(mgp_dense_range(NULL, 0, query, 0, NULL, NULL, NULL, &top, &matches, NULL),
                   MAGPIE_OK);
  assert_int_equal(matches, 0);
  rows_free(&data);
}

static void search_when_all_scores_tie_then_lowest_ids_win(void **state) {
  (void)state;
  rows data[2] = {0};
  uint64_t seed = 1;
  mgp_dense_view views[2];
  for (size_t v = 0; v < 2; v++) {
    data[v] = rows_make(&seed, 6000, 3, v ? 0 : 50000); /* the higher ids first */
    views[v] = data[v].view;
  }
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(2, &pool, NULL), MAGPIE_OK);
  const float query[3] = {0};
  mgp_scored storage[10];
  mgp_topk top;
  mgp_topk_init(&top, storage, 10);
  assert_int_equal(mgp_dense_search(views, 2, query, NULL, pool, NULL, &top, NULL), MAGPIE_OK);
  mgp_topk_sort(&top);
  for (size_t i = 0; i < 10; i++) assert_int_equal(storage[i].id, 2 * i);
  mgp_pool_destroy(pool);
  for (size_t v = 0; v < 2; v++) rows_free(&data[v]);
}

static void search_when_views_disagree_then_invalid(void **state) {
  (void)state;
  uint64_t seed = 1;
  rows a = rows_make(&seed, 2, 3, 0), b = rows_make(&seed, 2, 4, 10);
  const mgp_dense_view views[2] = {a.view, b.view};
  const float query[4] = {1, 0, 0, 0};
  mgp_scored storage[2];
  mgp_topk top;
  mgp_topk_init(&top, storage, 2);
  magpie_error err = {0};
  assert_int_equal(mgp_dense_search(views, 2, query, NULL, NULL, NULL, &top, &err), MAGPIE_INVALID);
  assert_non_null(strstr(err.message, "4"));
  rows_free(&a);
  rows_free(&b);
}

static void search_when_memory_is_short_then_says_so(void **state) {
  (void)state;
  uint64_t seed = 1;
  rows data = rows_make(&seed, 20000, 2, 0);
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(2, &pool, NULL), MAGPIE_OK);
  mgp_alloc *a = mgp_alloc_create(1000);
  const float query[2] = {1, 1};
  mgp_scored storage[200];
  mgp_topk top;
  mgp_topk_init(&top, storage, 200);
  assert_int_equal(mgp_dense_search(&data.view, 1, query, NULL, pool, a, &top, NULL),
                   MAGPIE_NO_MEMORY);
  assert_int_equal(mgp_alloc_used(a), 0);
  mgp_alloc_destroy(a);
  mgp_pool_destroy(pool);
  rows_free(&data);
}

static void find_when_id_is_in_any_view_then_its_row(void **state) {
  (void)state;
  uint64_t seed = 1;
  rows a = rows_make(&seed, 9, 3, 0), b = rows_make(&seed, 5, 3, 100);
  const mgp_dense_view views[3] = {a.view, {.dim = 3, .stride = 16}, b.view};
  for (size_t i = 0; i < 9; i++)
    assert_ptr_equal(mgp_dense_find(views, 3, 2 * i), a.values + 16 * i);
  for (size_t i = 0; i < 5; i++)
    assert_ptr_equal(mgp_dense_find(views, 3, 100 + 2 * i), b.values + 16 * i);
  assert_null(mgp_dense_find(views, 3, 1));
  assert_null(mgp_dense_find(views, 3, 99));
  assert_null(mgp_dense_find(views, 3, UINT64_MAX));
  assert_null(mgp_dense_find(NULL, 0, 0));
  rows_free(&a);
  rows_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stride_when_padded_then_multiple_of_sixteen),
      cmocka_unit_test(search_when_random_views_then_equals_sorting),
      cmocka_unit_test(search_when_rows_are_nan_then_they_are_no_hits),
      cmocka_unit_test(range_when_rows_or_bounds_are_odd_then_defined),
      cmocka_unit_test(search_when_all_scores_tie_then_lowest_ids_win),
      cmocka_unit_test(search_when_views_disagree_then_invalid),
      cmocka_unit_test(search_when_memory_is_short_then_says_so),
      cmocka_unit_test(find_when_id_is_in_any_view_then_its_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
