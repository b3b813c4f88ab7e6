/* SPDX-License-Identifier: Apache-2.0
 *
 * Judgements: both layouts, what is refused and where, order, writing, failing allocations.
 */
#include "ranked_fixture.h"

static int64_t gain_of(const magpie_qrels *q, const char *query, const char *document) {
  int64_t gain = -77;
  assert_true(magpie_qrels_gain(q, query, document, &gain));
  return gain;
}

static void qrels_when_trec_then_all_is_there_in_order(void **state) {
  (void)state;
  magpie_qrels *q = qrels_of("7 0 b 2\n7 Q0 a 0\n3 0 b -1\n7 0 c 1000000\n");
  assert_int_equal(magpie_qrels_query_count(q), 2);
  assert_int_equal(magpie_qrels_judgement_count(q), 4);
  assert_string_equal(magpie_qrels_query(q, 0), "7");
  assert_string_equal(magpie_qrels_query(q, 1), "3");
  assert_null(magpie_qrels_query(q, 2));
  const char *const *documents = NULL;
  const int64_t *gains = NULL;
  assert_int_equal(magpie_qrels_documents(q, "7", &documents, &gains), 3);
  assert_string_equal(documents[0], "b");
  assert_string_equal(documents[1], "a");
  assert_string_equal(documents[2], "c");
  assert_int_equal(gains[2], 1000000);
  assert_int_equal(gain_of(q, "7", "b"), 2);
  assert_int_equal(gain_of(q, "3", "b"), -1);
  assert_false(magpie_qrels_gain(q, "3", "a", NULL));
  assert_false(magpie_qrels_gain(q, "nobody", "a", NULL));
  assert_int_equal(magpie_qrels_documents(q, "nobody", &documents, &gains), 0);
  assert_null(documents);
  assert_null(gains);
  magpie_qrels_destroy(q);
}

static void qrels_when_beir_then_header_is_known(void **state) {
  (void)state;
  magpie_qrels *q = qrels_of("\xEF\xBB\xBFquery-id\tcorpus-id\tscore\r\n1\t31715818\t1\r\n"
                             "\r\n3\t14717500\t2.0\r\n");
  assert_int_equal(magpie_qrels_judgement_count(q), 2);
  assert_int_equal(gain_of(q, "3", "14717500"), 2);
  magpie_qrels_destroy(q);
}

static void qrels_when_blanks_vary_then_are_the_same(void **state) {
  (void)state;
  magpie_qrels *q = qrels_of("\n  1  0\td  +2 \t\n\n\n1 0 \xC3\xA9t\xC3\xA9 -0\n1 0 last 3");
  assert_int_equal(gain_of(q, "1", "d"), 2);
  assert_int_equal(gain_of(q, "1", "\xC3\xA9t\xC3\xA9"), 0);
  assert_int_equal(gain_of(q, "1", "last"), 3);
  magpie_qrels_destroy(q);
}

static void qrels_when_empty_file_then_nothing_is_judged(void **state) {
  (void)state;
  const char *const texts[] = {"", "\n\r\n \t\n", "query-id corpus-id score\n"};
  for (size_t i = 0; i < 3; i++) {
    magpie_qrels *q = qrels_of(texts[i]);
    assert_int_equal(magpie_qrels_query_count(q), 0);
    assert_false(magpie_qrels_gain(q, "a", "b", NULL));
    magpie_qrels_destroy(q);
  }
}

static void qrels_when_judged_again_the_same_then_counts_once(void **state) {
  (void)state;
  magpie_qrels *q = qrels_of("1 0 d 2\n1 0 e 1\n1 0 d 2\n");
  assert_int_equal(magpie_qrels_judgement_count(q), 2);
  assert_ok(magpie_qrels_add(q, "1", "d", 2, NULL));
  assert_int_equal(magpie_qrels_documents(q, "1", NULL, NULL), 2);
  magpie_error err = {0};
  assert_int_equal(magpie_qrels_add(q, "1", "d", 3, &err), MAGPIE_INVALID);
  assert_says(&err, "judged twice: gain 2, then 3");
  assert_int_equal(gain_of(q, "1", "d"), 2);
  magpie_qrels_destroy(q);
}

static void qrels_when_line_is_bad_then_file_and_line_are_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *place, *says;
  } cases[] = {
      {"1 0 d 1\n1 0 d 2\n", ":2", "judged twice: gain 1, then 2"},
      {"1 0 d\n", ":1", "3 columns, expected 4 (query iteration document gain"},
      {"1 0 d 1\n\n1 0 a b 2\n", ":3", "5 columns, expected 4"},
      {"query-id corpus-id score\n1 a b 2\n", ":2", "4 columns, expected 3"},
      {"1 0 d 1.5\n", ":1", "the gain \"1.5\" is not a whole number"},
      {"1 0 d yes\n", ":1", "the gain \"yes\" is not a whole number"},
      {"1 0 d -\n", ":1", "not a whole number"},
      {"1 0 d 1000001\n", ":1", "outside -1000000 to 1000000"},
      {"1 0 d -99999999999999999999999\n", ":1", "outside -1000000 to 1000000"},
      {"1 0 d\x01x 1\n", ":1", "control character 0x01"},
      {"1 0 d\xFFx 1\n", ":1", "column 3 is not UTF-8"},
      {"1 0 d 1\n\xEF\xBB\xBF"
       "2 0 d 1\n",
       ":2", "column 1 begins with a byte order mark"},
      {"1 0 d\rx 1\n", ":1", "control character 0x0d"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    magpie_qrels *q = (magpie_qrels *)1;
    magpie_error err = {0};
    assert_int_equal(read_qrels(cases[i].text, &q, &err), MAGPIE_FORMAT);
    assert_null(q);
    assert_says(&err, cases[i].says);
    assert_non_null(strstr(err.place, cases[i].place));
    assert_non_null(strstr(err.message, err.place));
  }
}

static void qrels_when_id_is_too_long_then_is_refused(void **state) {
  (void)state;
  static char text[MGP_ID_SIZE_MAX + 40], id[MGP_ID_SIZE_MAX + 2];
  memset(id, 'x', MGP_ID_SIZE_MAX + 1);
  snprintf(text, sizeof text, "1 0 %s 1\n", id);
  magpie_qrels *q = NULL;
  magpie_error err = {0};
  assert_int_equal(read_qrels(text, &q, &err), MAGPIE_FORMAT);
  assert_says(&err, "4097 bytes, more than 4096");
  id[MGP_ID_SIZE_MAX] = '\0';
  assert_ok(magpie_qrels_create(&q, NULL));
  assert_ok(magpie_qrels_add(q, "1", id, 1, NULL));
  id[MGP_ID_SIZE_MAX] = 'x';
  assert_int_equal(magpie_qrels_add(q, "1", id, 1, &err), MAGPIE_INVALID);
  magpie_qrels_destroy(q);
}

static void qrels_add_when_argument_is_bad_then_is_invalid(void **state) {
  (void)state;
  magpie_qrels *q = NULL;
  magpie_error err = {0};
  assert_ok(magpie_qrels_create(&q, &err));
  assert_int_equal(magpie_qrels_add(q, "1", "two words", 1, &err), MAGPIE_INVALID);
  assert_says(&err, "\"two words\" of a document holds white space");
  assert_int_equal(magpie_qrels_add(q, "", "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(q, NULL, "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(q, "1", "\xC3", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(q, "\xEF\xBB\xBF", "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(q, "1", "d", 1000001, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(q, "1", "d", INT64_MIN, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_add(NULL, "1", "d", 1, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_create(NULL, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_query_count(q), 0);
  assert_int_equal(magpie_qrels_judgement_count(q), 0);
  magpie_qrels_destroy(q);
  magpie_qrels_destroy(NULL);
}

static void qrels_read_when_no_file_then_fails(void **state) {
  (void)state;
  magpie_qrels *q = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_qrels_read("/nowhere/qrels", &q, &err), MAGPIE_NOT_FOUND);
  assert_says(&err, "/nowhere/qrels");
  assert_int_equal(magpie_qrels_read("", &q, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_read("/tmp", &q, &err), MAGPIE_UNSUPPORTED);
}

static void qrels_write_when_read_again_then_is_the_same(void **state) {
  (void)state;
  const char text[] = "7 0 b 2\n7 0 a 0\n3 0 b -1\n";
  magpie_qrels *q = qrels_of(text);
  const temp_text f = text_file("", 0);
  assert_ok(magpie_qrels_write(q, f.path, NULL));
  char *written = NULL;
  size_t size = 0;
  assert_ok(mgp_file_read(NULL, f.path, 1000, &written, &size, NULL));
  assert_string_equal(written, text);
  magpie_free(written);
  unlink(f.path);
  magpie_error err = {0};
  assert_int_equal(magpie_qrels_write(q, "/nowhere/qrels", &err), MAGPIE_NOT_FOUND);
  assert_int_equal(magpie_qrels_write(q, NULL, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_qrels_write(NULL, f.path, &err), MAGPIE_INVALID);
  magpie_qrels_destroy(q);
}

static void qrels_when_many_then_every_pair_is_found(void **state) {
  (void)state;
  magpie_qrels *q = NULL;
  assert_ok(magpie_qrels_create(&q, NULL));
  char query[16], document[16];
  for (int i = 0; i < 20000; i++) {
    snprintf(query, sizeof query, "q%d", i % 101);
    snprintf(document, sizeof document, "d%d", i);
    assert_ok(magpie_qrels_add(q, query, document, i % 5 - 1, NULL));
  }
  for (int i = 0; i < 20000; i++) {
    snprintf(query, sizeof query, "q%d", i % 101);
    snprintf(document, sizeof document, "d%d", i);
    assert_int_equal(gain_of(q, query, document), i % 5 - 1);
    snprintf(query, sizeof query, "q%d", (i + 1) % 101);
    assert_false(magpie_qrels_gain(q, query, document, NULL));
  }
  magpie_qrels_destroy(q);
}

static magpie_status read_with(mgp_alloc *a, void *context, magpie_error *err) {
  magpie_qrels *q = NULL;
  const magpie_status status = mgp_qrels_read_in(a, context, &q, err);
  assert_true((status == MAGPIE_OK) == (q != NULL));
  magpie_qrels_destroy(q);
  return status;
}

static void qrels_read_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  for (int i = 0; i < 300; i++) mgp_buffer_printf(&b, "q%d 0 d%d 1\n", i % 80, i);
  temp_text f = text_file(b.data, b.size);
  each_allocation_fails(read_with, f.path);
  unlink(f.path);
  mgp_buffer_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(qrels_when_trec_then_all_is_there_in_order),
      cmocka_unit_test(qrels_when_beir_then_header_is_known),
      cmocka_unit_test(qrels_when_blanks_vary_then_are_the_same),
      cmocka_unit_test(qrels_when_empty_file_then_nothing_is_judged),
      cmocka_unit_test(qrels_when_judged_again_the_same_then_counts_once),
      cmocka_unit_test(qrels_when_line_is_bad_then_file_and_line_are_named),
      cmocka_unit_test(qrels_when_id_is_too_long_then_is_refused),
      cmocka_unit_test(qrels_add_when_argument_is_bad_then_is_invalid),
      cmocka_unit_test(qrels_read_when_no_file_then_fails),
      cmocka_unit_test(qrels_write_when_read_again_then_is_the_same),
      cmocka_unit_test(qrels_when_many_then_every_pair_is_found),
      cmocka_unit_test(qrels_read_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
