/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs: both layouts, the order of hits, what is refused and where, numbers, failing allocations.
 */
#include <pthread.h>

#include "ranked_fixture.h"

static void run_when_six_columns_then_score_ranks_and_rank_does_not(void **state) {
  (void)state;
  magpie_run *run = run_of("q1 Q0 a 1 0.5 t\nq1 Q0 b 2 9 t\nq2 Q0 a 1 1 t\nq1 Q0 c 3 -2e1 t\n");
  assert_int_equal(magpie_run_query_count(run), 2);
  assert_string_equal(magpie_run_query(run, 0), "q1");
  assert_null(magpie_run_query(run, 2));
  assert_hits(run, "q1", "b a c ");
  assert_hits(run, "q2", "a ");
  assert_hits(run, "q3", "");
  const magpie_run_hit *hits = NULL;
  assert_int_equal(magpie_run_hits(run, "q1", &hits), 3);
  assert_true(hits[2].score == -20.0f);
  assert_true(magpie_run_ms(run, "q1") == -1);
  magpie_run_destroy(run);
}

static void run_when_three_columns_then_is_the_same(void **state) {
  (void)state;
  magpie_run *run = run_of("\xEF\xBB\xBFq1\ta\t1\r\n\r\nq1  b \t 2\r\n");
  assert_hits(run, "q1", "b a ");
  magpie_run_destroy(run);
}

static void run_when_scores_tie_as_floats_then_greater_id_is_first(void **state) {
  (void)state;
  magpie_run *run = run_of("q a 1\nq c 1.000000001\nq B 1\nq b 1\nq z 0.9\nq y -0\nq x 0\n");
  assert_hits(run, "q", "c b a B z y x ");
  magpie_run_destroy(run);
}

static void run_when_added_after_asking_then_ranks_again(void **state) {
  (void)state;
  magpie_run *run = NULL;
  assert_ok(magpie_run_create(&run, NULL));
  assert_ok(magpie_run_add(run, "q", "a", 1, NULL));
  assert_ok(magpie_run_add(run, "q", "b", 2, NULL));
  assert_hits(run, "q", "b a ");
  assert_ok(magpie_run_add(run, "q", "c", 1.5, NULL));
  assert_hits(run, "q", "b c a ");
  assert_ok(magpie_run_add(run, "q", "d", INFINITY, NULL));
  assert_ok(magpie_run_add(run, "q", "e", -INFINITY, NULL));
  assert_ok(magpie_run_add(run, "q", "f", 1e300, NULL));
  assert_hits(run, "q", "f d b c a e ");
  magpie_run_destroy(run);
}

static void run_asked_when_nothing_found_then_query_is_there(void **state) {
  (void)state;
  magpie_run *run = NULL;
  magpie_error err = {0};
  assert_ok(magpie_run_create(&run, NULL));
  assert_ok(magpie_run_asked(run, "q", 2.5, NULL));
  assert_ok(magpie_run_asked(run, "r", -3, NULL));
  assert_ok(magpie_run_asked(run, "q", -1, NULL));
  assert_true(magpie_run_ms(run, "q") == 2.5);
  assert_true(magpie_run_ms(run, "r") == -1);
  assert_true(magpie_run_ms(run, "s") == -1);
  assert_int_equal(magpie_run_query_count(run), 2);
  const magpie_run_hit *hits = (const magpie_run_hit *)1;
  assert_int_equal(magpie_run_hits(run, "q", &hits), 0);
  assert_null(hits);
  assert_int_equal(magpie_run_asked(run, "q", NAN, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_asked(run, "q q", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_asked(NULL, "q", 1, &err), MAGPIE_INVALID);
  magpie_run_destroy(run);
}

static void run_add_when_argument_is_bad_then_is_invalid(void **state) {
  (void)state;
  magpie_run *run = NULL;
  magpie_error err = {0};
  assert_ok(magpie_run_create(&run, NULL));
  assert_int_equal(magpie_run_add(run, "q", "d", NAN, &err), MAGPIE_INVALID);
  assert_says(&err, "score of document d of query q is not a number");
  assert_int_equal(magpie_run_query_count(run), 0);
  assert_ok(magpie_run_add(run, "q", "d", 1, &err));
  assert_int_equal(magpie_run_add(run, "q", "d", 1, &err), MAGPIE_INVALID);
  assert_says(&err, "document d comes twice in the hits of query q");
  assert_int_equal(magpie_run_add(run, "q", "d\te", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_add(run, "", "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_add(run, "q", NULL, 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_add(NULL, "q", "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_create(NULL, &err), MAGPIE_INVALID);
  assert_hits(run, "q", "d ");
  magpie_run_destroy(run);
  magpie_run_destroy(NULL);
}

static void run_when_line_is_bad_then_file_and_line_are_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *place, *says;
  } cases[] = {
      {"q Q0 d 1 0.5 t\nq Q0 e 2 nan t\n", ":2", "score of document e of query q is not a number"},
      {"q Q0 d 1 0.5 t\n\nq Q0 d 2 0.4 t\n", ":3", "document d comes twice in the hits of query q"},
      {"q Q0 my doc 1 0.5 t\n", ":1",
       "7 columns, expected 6 (query Q0 document rank score tag) or "
       "3"},
      {"q Q0 d 1 0.5\n", ":1", "5 columns"},
      {"q d 0.5\nq Q0 d 1 0.5 t\n", ":2", "6 columns, expected 3 (query document score) as on"},
      {"q Q0 d 1 0.5 t\nq e 0.4\n", ":2", "3 columns, expected 6"},
      {"q d high\n", ":1", "the score \"high\" is not a number"},
      {"q d 1.2.3\n", ":1", "not a number"},
      {"q d 0x10\n", ":1", "not a number"},
      {"q d 1e\n", ":1", "not a number"},
      {"q d .\n", ":1", "not a number"},
      {"q d\x02 1\n", ":1", "control character 0x02 in column 2"},
      {"\xC3 d 1\n", ":1", "column 1 is not UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    magpie_run *run = (magpie_run *)1;
    magpie_error err = {0};
    assert_int_equal(read_run(cases[i].text, &run, &err), MAGPIE_FORMAT);
    assert_null(run);
    assert_says(&err, cases[i].says);
    assert_non_null(strstr(err.place, cases[i].place));
    assert_non_null(strstr(err.message, err.place));
  }
  magpie_run *run = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_run_read("/nowhere/run", &run, &err), MAGPIE_NOT_FOUND);
}

static void run_when_empty_file_then_has_no_queries(void **state) {
  (void)state;
  magpie_run *run = run_of("");
  assert_int_equal(magpie_run_query_count(run), 0);
  assert_hits(run, "q", "");
  magpie_run_destroy(run);
}

/* Decimal numbers are read as strtod reads them, whichever way is taken. */
static void number_when_read_then_equals_strtod(void **state) {
  (void)state;
  static const char *const texts[] = {"0",
                                      "-0.0",
                                      "1.",
                                      ".5",
                                      "+12.25",
                                      "1e22",
                                      "1e-22",
                                      "123e-2",
                                      "0.1",
                                      "9007199254740993",
                                      "1e400",
                                      "-1e-400",
                                      "12345678901234567890123.5",
                                      "0.30000000000000004",
                                      "1e23",
                                      "2.2250738585072014e-308"};
  const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  uint64_t seed = 1;
  for (size_t i = 0; i < 20000; i++) {
    char text[64];
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    if (i < sizeof texts / sizeof *texts) snprintf(text, sizeof text, "%s", texts[i]);
    else if (i % 2) snprintf(text, sizeof text, "%.*g", (int)(i % 18) + 1, (double)seed / 1e17);
    else snprintf(text, sizeof text, "%.*f", (int)(i % 15), (double)(seed >> 40) / 1e4);
    double value = -1;
    assert_true(mgp_trec_number(plain, (mgp_trec_field){text, strlen(text)}, &value));
    if (value != strtod(text, NULL)) fail_msg("%s is read as %.17g", text, value);
  }
  freelocale(plain);
  double value = 0;
  assert_true(mgp_trec_number((locale_t)0, (mgp_trec_field){"-Inf", 4}, &value));
  assert_true(value == -INFINITY);
  assert_false(mgp_trec_number((locale_t)0, (mgp_trec_field){"1e99", 4}, &value));
  assert_false(mgp_trec_number((locale_t)0, (mgp_trec_field){"", 0}, &value));
}

static void run_write_when_read_again_then_is_the_same(void **state) {
  (void)state;
  magpie_run *run = run_of("q a 0.1\nq b 0.30000001192092896\nr c -1e-30\n"), *again = NULL;
  const temp_text f = text_file("", 0);
  magpie_error err = {0};
  assert_ok(magpie_run_write(run, f.path, "me", &err));
  char *text = NULL;
  size_t size = 0;
  assert_ok(mgp_file_read(NULL, f.path, 1000, &text, &size, NULL));
  assert_string_equal(text, "q Q0 b 1 0.300000012 me\nq Q0 a 2 0.100000001 me\n"
                            "r Q0 c 1 -1e-30 me\n");
  magpie_free(text);
  assert_ok(magpie_run_read(f.path, &again, &err));
  const magpie_run_hit *first = NULL, *second = NULL;
  assert_int_equal(magpie_run_hits(run, "q", &first), magpie_run_hits(again, "q", &second));
  for (size_t i = 0; i < 2; i++) assert_true(first[i].score == second[i].score);
  assert_int_equal(magpie_run_write(run, f.path, "two words", &err), MAGPIE_INVALID);
  assert_int_equal(magpie_run_write(run, "/nowhere/run", NULL, &err), MAGPIE_NOT_FOUND);
  assert_int_equal(magpie_run_write(NULL, f.path, NULL, &err), MAGPIE_INVALID);
  unlink(f.path);
  magpie_run_destroy(run);
  magpie_run_destroy(again);
}

static int plain_order(const void *a, const void *b) {
  return mgp_hit_before(a, b) ? -1 : mgp_hit_before(b, a);
}

/* Full ranking and selection against qsort with the definition of the order. */
static void ranking_when_any_size_then_equals_qsort(void **state) {
  (void)state;
  static char ids[2000][8];
  static magpie_run_hit hits[2000], plain[2000], best[2000];
  uint32_t seed = 7;
  mgp_rank_scratch scratch = {0};
  assert_true(mgp_rank_reserve(NULL, &scratch, 2000));
  for (size_t count = 0; count <= 2000; count += count < 40 ? 1 : 97) {
    for (size_t i = 0; i < count; i++) {
      seed = seed * 1664525u + 1013904223u;
      snprintf(ids[i], sizeof ids[i], "%zu", i * 37 % count);
      const float value = count % 3 ? (float)(int32_t)seed * 0x1p-20f : (float)(seed >> 30) - 1;
      hits[i] = plain[i] =
          (magpie_run_hit){ids[i], count % 7 == 6 ? -0.0f * (float)(i % 2) : value};
    }
    qsort(plain, count, sizeof *plain, plain_order);
    for (size_t k = 0; k <= count; k += k < 12 ? 1 : 300) {
      mgp_select_hits(hits, count, k, best);
      for (size_t i = 0; i < k; i++) assert_ptr_equal(best[i].document, plain[i].document);
    }
    mgp_rank_hits(hits, count, &scratch);
    for (size_t i = 0; i < count; i++) assert_ptr_equal(hits[i].document, plain[i].document);
  }
  mgp_rank_scratch_fini(NULL, &scratch);
}

/* Queries in turn, so that every set of documents is left and taken up again. */
static void run_when_queries_alternate_then_doubles_are_found(void **state) {
  (void)state;
  magpie_run *run = NULL;
  assert_ok(magpie_run_create(&run, NULL));
  char query[16], document[16];
  for (int i = 0; i < 5000; i++) {
    snprintf(query, sizeof query, "q%d", i % 7);
    snprintf(document, sizeof document, "d%d", i / 7);
    assert_ok(magpie_run_add(run, query, document, i * 0.37 - (i % 13) * 100, NULL));
  }
  for (int i = 0; i < 5000; i += 11) {
    snprintf(query, sizeof query, "q%d", i % 7);
    snprintf(document, sizeof document, "d%d", i / 7);
    assert_int_equal(magpie_run_add(run, query, document, 1, NULL), MAGPIE_INVALID);
  }
  const magpie_run_hit *hits = NULL;
  const size_t count = magpie_run_hits(run, "q3", &hits);
  assert_int_equal(count, 714);
  for (size_t i = 1; i < count; i++) assert_true(hits[i - 1].score >= hits[i].score);
  magpie_run_destroy(run);
}

static void *ask_all(void *context) {
  const magpie_run *run = context;
  size_t total = 0;
  for (size_t q = 0; q < magpie_run_query_count(run); q++) {
    const magpie_run_hit *hits = NULL;
    const size_t count = magpie_run_hits(run, magpie_run_query(run, q), &hits);
    for (size_t i = 1; i < count; i++) total += mgp_hit_before(&hits[i - 1], &hits[i]);
  }
  return (void *)total;
}

static void run_when_many_threads_read_then_each_sees_it_ranked(void **state) {
  (void)state;
  magpie_run *run = NULL;
  assert_ok(magpie_run_create(&run, NULL));
  for (int i = 0; i < 6000; i++) {
    char query[16], document[16];
    snprintf(query, sizeof query, "q%d", i % 60);
    snprintf(document, sizeof document, "d%d", i);
    assert_ok(magpie_run_add(run, query, document, i * 7919 % 501, NULL));
  }
  pthread_t threads[4];
  for (size_t t = 0; t < 4; t++)
    assert_int_equal(pthread_create(&threads[t], NULL, ask_all, run), 0);
  for (size_t t = 0; t < 4; t++) {
    void *total = NULL;
    pthread_join(threads[t], &total);
    assert_int_equal((size_t)total, 6000 - 60);
  }
  magpie_run_destroy(run);
}

static magpie_status read_with(mgp_alloc *a, void *context, magpie_error *err) {
  magpie_run *run = NULL;
  const magpie_status status = mgp_run_read_in(a, context, &run, err);
  assert_true((status == MAGPIE_OK) == (run != NULL));
  magpie_run_destroy(run);
  return status;
}

static void run_read_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (int i = 0; i < 400; i++) mgp_buffer_printf(&b, "q%d d%d %d.5\n", i % 20, i / 3, i * 7 % 31);
  temp_text f = text_file(b.data, b.size);
  each_allocation_fails(read_with, f.path);
  unlink(f.path);
  mgp_buffer_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(run_when_six_columns_then_score_ranks_and_rank_does_not),
      cmocka_unit_test(run_when_three_columns_then_is_the_same),
      cmocka_unit_test(run_when_scores_tie_as_floats_then_greater_id_is_first),
      cmocka_unit_test(run_when_added_after_asking_then_ranks_again),
      cmocka_unit_test(run_asked_when_nothing_found_then_query_is_there),
      cmocka_unit_test(run_add_when_argument_is_bad_then_is_invalid),
      cmocka_unit_test(run_when_line_is_bad_then_file_and_line_are_named),
      cmocka_unit_test(run_when_empty_file_then_has_no_queries),
      cmocka_unit_test(number_when_read_then_equals_strtod),
      cmocka_unit_test(run_write_when_read_again_then_is_the_same),
      cmocka_unit_test(ranking_when_any_size_then_equals_qsort),
      cmocka_unit_test(run_when_queries_alternate_then_doubles_are_found),
      cmocka_unit_test(run_when_many_threads_read_then_each_sees_it_ranked),
      cmocka_unit_test(run_read_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
