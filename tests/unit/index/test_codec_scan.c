/* SPDX-License-Identifier: Apache-2.0
 *
 * Scans of many queries and of codes: batches against one query at a time (bitwise), codes against
 * scoring everything, bounds that lose no neighbour, selection against sorting; filters, views,
 * threads, odd sizes, memory that ends.
 */
#include "index_fixture.h"

#include "index/scan.h"

enum { K_MAX = 300 };

typedef struct set {
  float *values;
  uint64_t *ids;
  mgp_dense_view view;
} set;

/* Around a few centres; `levels` few: many equal scores. */
static set make_set(uint64_t *state, size_t count, size_t dim, size_t levels, uint64_t first_id) {
  set s = {0};
  const size_t stride = mgp_dense_stride(dim);
  s.values = calloc(count * stride + 1, sizeof *s.values);
  s.ids = calloc(count + 1, sizeof *s.ids);
  for (size_t i = 0; i < count; i++) {
    const size_t centre = random_below(state, 7);
    s.ids[i] = first_id + 3 * i;
    for (size_t j = 0; j < dim; j++) {
      uint64_t at = centre * 1000 + j;
      s.values[i * stride + j] = levels
                                     ? (float)random_below(state, levels) - 1.5f
                                     : (float)(random_unit(&at) + 0.5 * random_unit(state) - 0.75);
    }
  }
  s.view = (mgp_dense_view){
      .rows = s.values, .ids = s.ids, .count = count, .dim = dim, .stride = stride};
  return s;
}

static void free_set(set *s) {
  free(s->values);
  free(s->ids);
}

static bool allow_thirds(const void *context, uint64_t id) {
  return id / 3 % 3 == *(const uint64_t *)context;
}

static void check_equal(mgp_topk *got, mgp_topk *want) {
  mgp_topk_sort(got);
  mgp_topk_sort(want);
  assert_int_equal(got->count, want->count);
  for (size_t i = 0; i < got->count; i++) {
    assert_true(got->heap[i].id == want->heap[i].id);
    assert_memory_equal(&got->heap[i].score, &want->heap[i].score, sizeof(float));
  }
}

/* ---- selection ---- */

static void selection_when_random_then_equals_sorting(void **state) {
  (void)state;
  uint64_t seed = 3;
  for (int round = 0; round < 400; round++) {
    const size_t count = random_below(&seed, 3000), k = random_below(&seed, K_MAX);
    const size_t levels = 1 + random_below(&seed, round % 2 ? 5 : 100000);
    mgp_scored *all = malloc((count + 1) * sizeof *all);
    mgp_scored *room = malloc(mgp_select_capacity(k) * sizeof *room);
    float *scores = malloc((count + 1) * sizeof *scores);
    for (size_t i = 0; i < count; i++) {
      scores[i] = round % 5 == 0 ? (float)i : (float)random_below(&seed, levels);
      if (random_below(&seed, 50) == 0) scores[i] = NAN;
      if (random_below(&seed, 50) == 0) scores[i] = -INFINITY;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
      if (!isnan(scores[i])) all[kept++] = (mgp_scored){.score = scores[i], .id = 70 + i};
    mgp_select s;
    mgp_select_init(&s, room, k);
    const size_t half = count / 2;
    mgp_select_offer(&s, scores, NULL, 70, half, NULL);
    mgp_select_offer(&s, scores + half, NULL, 70 + half, count - half, NULL);
    mgp_select_cut(&s);
    qsort(all, kept, sizeof *all, mgp_scored_compare);
    qsort(room, s.count, sizeof *room, mgp_scored_compare);
    assert_int_equal(s.count, k < kept ? k : kept);
    for (size_t i = 0; i < s.count; i++)
      assert_true(room[i].id == all[i].id && room[i].score == all[i].score);
    free(all), free(room), free(scores);
  }
}

/* ---- batches ---- */

static void check_batch(const mgp_dense_view *views, size_t view_count, const float *queries,
                        size_t query_stride, size_t query_count, const mgp_filter *filter,
                        mgp_pool *pool, size_t k) {
  mgp_scored *storage = calloc((query_count + 1) * (k + 1), sizeof *storage);
  mgp_scored *single = calloc(k + 1, sizeof *single);
  mgp_topk *tops = calloc(query_count + 1, sizeof *tops);
  magpie_error err = {0};
  for (size_t q = 0; q < query_count; q++) mgp_topk_init(&tops[q], storage + q * (k + 1), k);
  if (mgp_dense_search_batch(views, view_count, queries, query_stride, query_count, filter, pool,
                             NULL, tops, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  for (size_t q = 0; q < query_count; q++) {
    mgp_topk one;
    mgp_topk_init(&one, single, k);
    assert_int_equal(mgp_dense_search(views, view_count, queries + q * query_stride, filter, NULL,
                                      NULL, &one, &err),
                     MAGPIE_OK);
    check_equal(&tops[q], &one);
  }
  free(storage), free(single), free(tops);
}

static void batch_when_any_sizes_then_bitwise_one_query_at_a_time(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 3, 255, 256, 257, 1000};
  static const size_t query_counts[] = {0, 1, 2, 4, 5, 63, 64, 65, 130};
  uint64_t seed = 17;
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(3, &pool, NULL), MAGPIE_OK);
  for (int round = 0; round < 60; round++) {
    const size_t view_count = random_below(&seed, 4), dim = 1 + random_below(&seed, 70);
    const size_t query_count = query_counts[random_below(&seed, 9)];
    const size_t levels = round % 3 == 0 ? 3 : 0;
    set sets[4] = {{0}};
    mgp_dense_view views[4] = {{0}};
    for (size_t v = 0; v < view_count; v++) {
      sets[v] = make_set(&seed, round % 8 == 0 ? 9000 : counts[random_below(&seed, 7)], dim, levels,
                         100000 * (view_count - v));
      views[v] = sets[v].view;
    }
    set queries = make_set(&seed, query_count + 1, dim, levels, 0);
    const uint64_t third = random_below(&seed, 3);
    const mgp_filter filter = {.allow = allow_thirds, .context = &third};
    check_batch(views, view_count, queries.values, queries.view.stride, query_count,
                round % 2 ? &filter : NULL, round % 4 < 2 ? pool : NULL,
                round % 5 == 0 ? 0 : 1 + random_below(&seed, K_MAX));
    for (size_t v = 0; v < view_count; v++) free_set(&sets[v]);
    free_set(&queries);
  }
  mgp_pool_destroy(pool);
}

static void batch_when_queries_hold_nan_then_no_hits_for_them_alone(void **state) {
  (void)state;
  uint64_t seed = 18;
  set rows = make_set(&seed, 600, 20, 0, 1), queries = make_set(&seed, 6, 20, 0, 1);
  queries.values[2 * 32 + 7] = NAN;
  mgp_scored storage[6][5];
  mgp_topk tops[6];
  for (size_t q = 0; q < 6; q++) mgp_topk_init(&tops[q], storage[q], 5);
  assert_int_equal(
      mgp_dense_search_batch(&rows.view, 1, queries.values, 32, 6, NULL, NULL, NULL, tops, NULL),
      MAGPIE_OK);
  for (size_t q = 0; q < 6; q++) assert_int_equal(tops[q].count, q == 2 ? 0 : 5);
  free_set(&rows);
  free_set(&queries);
}

static void batch_when_views_differ_or_are_empty_then_invalid(void **state) {
  (void)state;
  uint64_t seed = 19;
  set a = make_set(&seed, 5, 20, 0, 1), b = make_set(&seed, 5, 21, 0, 1);
  mgp_dense_view views[2] = {a.view, b.view};
  mgp_scored storage[4];
  mgp_topk top;
  mgp_topk_init(&top, storage, 4);
  assert_int_equal(mgp_dense_search_batch(views, 2, a.values, 32, 1, NULL, NULL, NULL, &top, NULL),
                   MAGPIE_INVALID);
  views[1] = (mgp_dense_view){.count = 1, .dim = 20, .stride = 32};
  assert_int_equal(mgp_dense_search_batch(views, 2, a.values, 32, 1, NULL, NULL, NULL, &top, NULL),
                   MAGPIE_INVALID);
  assert_int_equal(mgp_dense_search_batch(views, 1, a.values, 19, 1, NULL, NULL, NULL, &top, NULL),
                   MAGPIE_INVALID);
  free_set(&a);
  free_set(&b);
}

/* ---- codes ---- */

typedef struct coded {
  set rows;
  mgp_coder *coder;
  unsigned char *codes;
  mgp_code_view view;
} coded;

static coded make_coded(uint64_t *state, mgp_codec_kind kind, unsigned bits, size_t count,
                        size_t dim, bool l2) {
  coded c = {.rows = make_set(state, count, dim, 0, 50)};
  const mgp_codec_options options = {.kind = kind, .bits = bits, .dim = dim, .l2 = l2};
  magpie_error err = {0};
  assert_int_equal(mgp_coder_create(NULL, &options, &c.coder, &err), MAGPIE_OK);
  if (mgp_coder_train(c.coder, c.rows.values, c.rows.view.stride, count, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  c.codes = malloc(mgp_coder_size(c.coder, count));
  assert_int_equal(
      mgp_coder_encode(c.coder, c.rows.values, c.rows.view.stride, count, c.codes, &err),
      MAGPIE_OK);
  c.view = (mgp_code_view){.coder = c.coder,
                           .codes = c.codes,
                           .ids = c.rows.ids,
                           .count = count,
                           .rows = c.rows.values,
                           .dim = dim,
                           .stride = c.rows.view.stride,
                           .l2 = l2};
  return c;
}

static void free_coded(coded *c) {
  mgp_coder_destroy(c->coder);
  free(c->codes);
  free_set(&c->rows);
}

/* The answer by scoring all full vectors. */
static void exact_top(const coded *c, const float *query, const mgp_filter *filter, mgp_topk *out) {
  const mgp_kernels *k = mgp_kernels_get();
  for (size_t i = 0; i < c->view.count; i++) {
    const float *row = c->view.rows + i * c->view.stride;
    const float score = c->view.l2 ? -k->l2_squared_f32(query, row, c->view.dim)
                                   : k->dot_f32(query, row, c->view.dim);
    if (!filter || filter->allow(filter->context, c->view.ids[i]))
      mgp_topk_push(out, score, c->view.ids[i]);
  }
}

static size_t count_common(const mgp_topk *a, const mgp_topk *b) {
  size_t common = 0;
  for (size_t i = 0; i < a->count; i++)
    for (size_t j = 0; j < b->count; j++)
      common +=
          a->heap[i].id == b->heap[j].id && memcmp(&a->heap[i].score, &b->heap[j].score, 4) == 0;
  return common;
}

enum { QUERIES = 70, K = 10, DIM = 60 };

typedef struct answers {
  mgp_scored storage[QUERIES][K];
  mgp_topk tops[QUERIES];
} answers;

static void init_answers(answers *a) {
  for (size_t q = 0; q < QUERIES; q++) mgp_topk_init(&a->tops[q], a->storage[q], K);
}

static double recall_of(const coded *c, const float *queries, size_t stride, answers *got,
                        const mgp_filter *filter) {
  size_t found = 0, all = 0;
  for (size_t q = 0; q < QUERIES; q++) {
    mgp_scored storage[K];
    mgp_topk want;
    mgp_topk_init(&want, storage, K);
    exact_top(c, queries + q * stride, filter, &want);
    found += count_common(&got->tops[q], &want); /* scores of hits are exact, to the bit */
    all += want.count;
  }
  return all ? (double)found / (double)all : 1;
}

static void check_codes(mgp_codec_kind kind, unsigned bits, bool l2, double floor, mgp_pool *pool) {
  uint64_t seed = 23;
  coded c = make_coded(&seed, kind, bits, 2500, DIM, l2);
  set queries = make_set(&seed, QUERIES, DIM, 0, 0);
  const uint64_t third = 1;
  const mgp_filter filter = {.allow = allow_thirds, .context = &third};
  static answers got, threaded;
  for (int filtered = 0; filtered < 2; filtered++) {
    const mgp_filter *used = filtered ? &filter : NULL;
    init_answers(&got);
    init_answers(&threaded);
    assert_int_equal(mgp_code_search(&c.view, queries.values, queries.view.stride, QUERIES, 0, used,
                                     NULL, NULL, got.tops, NULL),
                     MAGPIE_OK);
    assert_int_equal(mgp_code_search(&c.view, queries.values, queries.view.stride, QUERIES, 0, used,
                                     pool, NULL, threaded.tops, NULL),
                     MAGPIE_OK);
    const double recall = recall_of(&c, queries.values, queries.view.stride, &got, used);
    if (recall < floor)
      fail_msg("kind %d, %u bits, l2 %d: recall %.3f, wanted %.3f", (int)kind, bits, l2, recall,
               floor);
    for (size_t q = 0; q < QUERIES; q++) check_equal(&got.tops[q], &threaded.tops[q]);
  }
  /* rows all re-scored: the exact answer, whatever the codes are worth */
  init_answers(&got);
  assert_int_equal(mgp_code_search(&c.view, queries.values, queries.view.stride, QUERIES, 2500,
                                   NULL, NULL, NULL, got.tops, NULL),
                   MAGPIE_OK);
  assert_true(recall_of(&c, queries.values, queries.view.stride, &got, NULL) == 1);
  free_set(&queries);
  free_coded(&c);
}

static void codes_when_rescored_then_the_exact_neighbours_and_scores(void **state) {
  (void)state;
  mgp_pool *pool = NULL;
  assert_int_equal(mgp_pool_create(3, &pool, NULL), MAGPIE_OK);
  for (int l2 = 0; l2 < 2; l2++) {
    check_codes(MGP_CODEC_BF16, 0, l2, 1, pool);
    check_codes(MGP_CODEC_F16, 0, l2, 1, pool);
    check_codes(MGP_CODEC_INT8, 0, l2, 1, pool);
    check_codes(MGP_CODEC_INT8DIM, 0, l2, 1, pool);
    check_codes(MGP_CODEC_INT4, 0, l2, 0.99, pool);
    check_codes(MGP_CODEC_RABITQ, 1, l2, 0.75, pool);
    check_codes(MGP_CODEC_RABITQ, 4, l2, 0.99, pool);
    check_codes(MGP_CODEC_RABITQ1, 0, l2, 0.75, pool);
    check_codes(MGP_CODEC_PQ, 0, l2, 0.6, pool);
  }
  mgp_pool_destroy(pool);
}

static void bounded_search_when_rabitq_then_no_neighbour_is_lost(void **state) {
  (void)state;
  static answers got;
  for (int l2 = 0; l2 < 2; l2++)
    for (unsigned bits = 1; bits <= 4; bits *= 2) {
      uint64_t seed = 29;
      coded c =
          make_coded(&seed, bits == 1 ? MGP_CODEC_RABITQ1 : MGP_CODEC_RABITQ, bits, 3000, DIM, l2);
      set queries = make_set(&seed, QUERIES, DIM, 0, 0);
      size_t rescored = 0;
      init_answers(&got);
      assert_int_equal(mgp_code_search_bounded(&c.view, queries.values, queries.view.stride,
                                               QUERIES, NULL, NULL, NULL, got.tops, &rescored,
                                               NULL),
                       MAGPIE_OK);
      const double recall = recall_of(&c, queries.values, queries.view.stride, &got, NULL);
      if (recall < 0.999) fail_msg("%u bits, l2 %d: recall %.4f", bits, l2, recall);
      /* of few bits the bounds of so short vectors are wide; of more they exclude nearly all */
      if (bits == 4) assert_true(rescored < (size_t)QUERIES * 3000 / 8);
      assert_true(rescored >= QUERIES * K);
      free_set(&queries);
      free_coded(&c);
    }
}

static void codes_when_vectors_are_dropped_then_estimates_are_the_scores(void **state) {
  (void)state;
  uint64_t seed = 37;
  coded c = make_coded(&seed, MGP_CODEC_RABITQ, 4, 500, DIM, false);
  set query = make_set(&seed, 1, DIM, 0, 0);
  mgp_scored storage[K], all[500];
  float scores[500];
  mgp_topk top;
  mgp_topk_init(&top, storage, K);
  c.view.rows = NULL;
  assert_int_equal(mgp_code_search(&c.view, query.values, query.view.stride, 1, 100, NULL, NULL,
                                   NULL, &top, NULL),
                   MAGPIE_OK);
  void *prepared = malloc(mgp_coder_query_size(c.coder));
  assert_int_equal(mgp_coder_prepare(c.coder, query.values, prepared, NULL), MAGPIE_OK);
  mgp_coder_score(c.coder, prepared, c.codes, 0, 500, scores, NULL);
  for (size_t i = 0; i < 500; i++) all[i] = (mgp_scored){.score = scores[i], .id = c.view.ids[i]};
  qsort(all, 500, sizeof *all, mgp_scored_compare);
  mgp_topk_sort(&top);
  for (size_t i = 0; i < K; i++)
    assert_true(storage[i].id == all[i].id && storage[i].score == all[i].score);
  assert_int_equal(mgp_code_search_bounded(&c.view, query.values, query.view.stride, 1, NULL, NULL,
                                           NULL, &top, NULL, NULL),
                   MAGPIE_INVALID);
  free(prepared);
  free_set(&query);
  free_coded(&c);
}

static void codes_when_few_rows_then_all_of_them(void **state) {
  (void)state;
  for (size_t count = 1; count < 4; count++) {
    uint64_t seed = 41;
    coded c = make_coded(&seed, MGP_CODEC_RABITQ1, 0, count, DIM, true);
    mgp_scored storage[K];
    mgp_topk top;
    for (int bounded = 0; bounded < 2; bounded++) {
      mgp_topk_init(&top, storage, K);
      const magpie_status status =
          bounded ? mgp_code_search_bounded(&c.view, c.rows.values, c.rows.view.stride, 1, NULL,
                                            NULL, NULL, &top, NULL, NULL)
                  : mgp_code_search(&c.view, c.rows.values, c.rows.view.stride, 1, 0, NULL, NULL,
                                    NULL, &top, NULL);
      assert_int_equal(status, MAGPIE_OK);
      assert_int_equal(top.count, count);
      mgp_topk_sort(&top);
      assert_true(storage[0].id == c.view.ids[0] && storage[0].score == 0);
    }
    c.view.count = 0;
    mgp_topk_init(&top, storage, K);
    assert_int_equal(mgp_code_search(&c.view, c.rows.values, c.rows.view.stride, 1, 0, NULL, NULL,
                                     NULL, &top, NULL),
                     MAGPIE_OK);
    assert_int_equal(top.count, 0);
    free_coded(&c);
  }
}

static void scans_when_memory_ends_then_no_memory(void **state) {
  (void)state;
  uint64_t seed = 43;
  coded c = make_coded(&seed, MGP_CODEC_INT8, 0, 300, DIM, false);
  mgp_scored storage[K];
  mgp_topk top;
  for (int which = 0; which < 3; which++)
    for (uint64_t at = 1;; at++) {
      mgp_alloc *a = mgp_alloc_create(0);
      mgp_alloc_fail_at(a, at);
      mgp_topk_init(&top, storage, K);
      magpie_status status;
      if (which == 0)
        status = mgp_dense_search_batch(&c.rows.view, 1, c.rows.values, c.rows.view.stride, 1, NULL,
                                        NULL, a, &top, NULL);
      else if (which == 1)
        status = mgp_code_search(&c.view, c.rows.values, c.rows.view.stride, 1, 0, NULL, NULL, a,
                                 &top, NULL);
      else
        status = mgp_code_search_bounded(&c.view, c.rows.values, c.rows.view.stride, 1, NULL, NULL,
                                         a, &top, NULL, NULL);
      assert_int_equal(mgp_alloc_used(a), 0);
      mgp_alloc_destroy(a);
      if (status == MAGPIE_OK) {
        assert_true(at > 1);
        break;
      }
      assert_int_equal(status, MAGPIE_NO_MEMORY);
    }
  free_coded(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selection_when_random_then_equals_sorting),
      cmocka_unit_test(batch_when_any_sizes_then_bitwise_one_query_at_a_time),
      cmocka_unit_test(batch_when_queries_hold_nan_then_no_hits_for_them_alone),
      cmocka_unit_test(batch_when_views_differ_or_are_empty_then_invalid),
      cmocka_unit_test(codes_when_rescored_then_the_exact_neighbours_and_scores),
      cmocka_unit_test(bounded_search_when_rabitq_then_no_neighbour_is_lost),
      cmocka_unit_test(codes_when_vectors_are_dropped_then_estimates_are_the_scores),
      cmocka_unit_test(codes_when_few_rows_then_all_of_them),
      cmocka_unit_test(scans_when_memory_ends_then_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
