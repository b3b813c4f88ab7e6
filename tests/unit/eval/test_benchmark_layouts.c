/* SPDX-License-Identifier: Apache-2.0
 *
 * Every layout from its fixture: which layout it is told to be, queries, parts, modalities,
 * judgements, candidates, documents, splits.
 */
#include "benchmark_fixture.h"

static void open_when_magpie_then_parts_weights_and_candidates_are_there(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "magpie", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "magpie");
  assert_string_equal(magpie_benchmark_measure(b), "nDCG@10");
  assert_int_equal(magpie_benchmark_query_count(b), 5);
  assert_query(b, 0, "q1 text | text:red bus at night");
  assert_query(b, 1, "q2 text+image | text:the same, but by day | image:media/bus.jpg*0.6");
  assert_query(b, 2, "q3 sound | audio:media/bell.wav | [tram ferry]");
  assert_query(b, 3, "4 text | text:Fähre im Nebel");
  assert_query(b, 4, "q5 text+item | item:ferry#1*-0.5 | text:boats");
  assert_null(magpie_benchmark_query_at(b, 5));
  assert_null(magpie_benchmark_query_at(b, 0)->candidates);
  assert_int_equal(judgement_count(b), 6);
  assert_gain(b, "q2", "bus-day", 2);
  assert_gain(b, "q2", "bus-night", -1);
  assert_int_equal(document_count(b), 4);
  magpie_benchmark_destroy(b);
}

static void open_when_split_is_named_then_its_files_are_read(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "magpie", NULL, "dev");
  assert_int_equal(magpie_benchmark_query_count(b), 1);
  assert_query(b, 0, "d1 text | text:tram stop");
  magpie_benchmark_destroy(b);
}

static void open_when_beir_then_judged_queries_stay_in_order(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "beir", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "beir");
  assert_int_equal(magpie_benchmark_query_count(b), 2);
  assert_query(b, 0, "1 text | text:what does rye need");
  assert_query(b, 1, "2 text | text:Sunday loaf");
  assert_int_equal(judgement_count(b), 4);
  assert_gain(b, "2", "d4", 2);
  assert_gain(b, "1", "d2", 0);
  assert_gain(b, "2", "unknown", 1);
  assert_int_equal(document_count(b), 4);
  magpie_benchmark_destroy(b);
  b = open_set(FIXTURES "beir", "beir", "train");
  assert_int_equal(magpie_benchmark_query_count(b), 1);
  assert_query(b, 0, "3 text | text:only judged in train");
  magpie_benchmark_destroy(b);
}

static void open_when_tevatron_passages_then_each_is_one_document(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "tevatron", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "tevatron");
  assert_int_equal(magpie_benchmark_query_count(b), 3);
  assert_query(b, 0, "1 text | text:how deep is the Öresund");
  assert_query(b, 1, "2 text | text:escapes 🚀 é é");
  assert_int_equal(judgement_count(b), 4);
  assert_gain(b, "1", "p1", 1);
  assert_gain(b, "1", "p2", 0);
  assert_gain(b, "2", "3", 1);
  assert_gain(b, "3", "p1", 1);
  assert_int_equal(document_count(b), 3);
  magpie_benchmark_destroy(b);
}

static void open_when_tevatron_ids_then_corpus_is_beside(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "tevatron-ids", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "tevatron");
  assert_query(b, 0, "a image | image:assets/q.png");
  assert_query(b, 1, "b text | text:rain on a tin roof");
  assert_gain(b, "a", "v2", 0);
  assert_gain(b, "b", "v3", 1);
  assert_int_equal(document_count(b), 3);
  magpie_benchmark_destroy(b);
}

static void open_when_mmeb_then_first_candidate_is_right(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "mmeb", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "mmeb");
  assert_string_equal(magpie_benchmark_measure(b), "Success@1");
  assert_int_equal(magpie_benchmark_query_count(b), 3);
  const magpie_benchmark_query *q1 = magpie_benchmark_query_at(b, 0);
  const magpie_benchmark_query *q2 = magpie_benchmark_query_at(b, 1);
  const magpie_benchmark_query *q3 = magpie_benchmark_query_at(b, 2);
  assert_string_equal(q1->modality, "text+image");
  assert_string_equal(q1->parts[0].text, "What is in the picture?");
  assert_true(mgp_text_ends(q1->parts[1].image, "/mmeb/set/a.jpg"));
  assert_string_equal(q2->modality, "text");
  assert_string_equal(q3->modality, "image");
  assert_int_equal(q1->candidate_count, 3);
  assert_int_equal(q2->candidate_count, 3);
  assert_int_equal(q3->candidate_count, 2); /* the third is the first again */
  assert_string_equal(q1->candidates[0], q3->candidates[1]);
  assert_string_equal(q1->candidates[1], q3->candidates[0]);
  assert_string_equal(q2->candidates[2], q3->candidates[0]);
  assert_gain(b, q1->id, q1->candidates[0], 1);
  assert_gain(b, q3->id, q1->candidates[1], 1);
  assert_int_equal(judgement_count(b), 3);
  assert_int_equal(document_count(b), 5);
  magpie_benchmark_destroy(b);
}

static void open_when_mmeb_is_elsewhere_then_candidate_ids_are_the_same(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  const char *row = "{\"qry_text\":\"x\",\"qry_img_path\":\"\",\"tgt_text\":[\"a kettle\",\"\"],"
                    "\"tgt_img_path\":[\"\",\"set/lamp.jpg\"]}\n";
  magpie_benchmark *here = open_set(put_file(&f, "any.jsonl", row), NULL, NULL);
  magpie_benchmark *there = open_set(FIXTURES "mmeb/test.jsonl", NULL, NULL);
  const magpie_benchmark_query *q = magpie_benchmark_query_at(here, 0);
  assert_string_equal(q->candidates[0], magpie_benchmark_query_at(there, 0)->candidates[0]);
  assert_string_equal(q->candidates[1], magpie_benchmark_query_at(there, 1)->candidates[0]);
  magpie_benchmark_destroy(here);
  magpie_benchmark_destroy(there);
  folder_remove(&f);
}

static void open_when_mixbench_then_mixed_corpus_is_read(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "mixbench", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "mixbench");
  assert_string_equal(magpie_benchmark_measure(b), "nDCG@10");
  assert_query(b, 0, "q1 text | text:a goat on a roof");
  assert_query(b, 1, "q2 text+image | text:which bridge is this | image:images/bridge.jpg");
  assert_query(b, 2, "q3 image | image:images/goat.jpg");
  assert_gain(b, "q3", "c2", 1);
  assert_int_equal(document_count(b), 3);
  magpie_benchmark_destroy(b);
}

static void open_when_mixbench_judgements_are_rows_then_are_read(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  put_file(&f, "query.jsonl", "{\"query_id\":1,\"text\":\"a\"}\n");
  put_file(&f, "corpus.jsonl", "{\"corpus_id\":7,\"text\":\"b\"}\n");
  put_file(&f, "qrel.jsonl", "{\"query_id\":1,\"corpus_id\":7,\"score\":3}\n");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "mixbench");
  assert_gain(b, "1", "7", 3);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
}

static void open_when_mbeir_then_pool_and_qrels_are_found(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "mbeir", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "mbeir");
  assert_string_equal(magpie_benchmark_measure(b), "Success@5");
  assert_query(b, 0, "11:1 text+image | text:the same in blue | image:mbeir_images/toys/1.jpg");
  assert_query(b, 1, "11:2 image | image:mbeir_images/toys/2.jpg");
  assert_query(b, 2, "11:3 text | text:wooden train");
  assert_int_equal(judgement_count(b), 4);
  assert_gain(b, "11:3", "11:1", 1);
  assert_int_equal(document_count(b), 3);
  magpie_benchmark_destroy(b);
}

static void open_when_mbeir_is_a_file_then_its_folder_is_the_split(void **state) {
  (void)state;
  magpie_benchmark *b =
      open_set(FIXTURES "mbeir/query/val/mbeir_fashioniq_task7_val.jsonl", NULL, NULL);
  assert_string_equal(magpie_benchmark_format(b), "mbeir");
  assert_string_equal(magpie_benchmark_measure(b), "Success@10");
  assert_query(b, 0, "12:1 text+image | text:longer sleeves | image:mbeir_images/f/1.jpg");
  assert_gain(b, "12:1", "12:2", 1);
  assert_int_equal(document_count(b), 1);
  magpie_benchmark_destroy(b);
}

static void open_when_mbeir_instructed_then_prompt_comes_first(void **state) {
  (void)state;
  magpie_benchmark *b = open_set(FIXTURES "mbeir", "mbeir-instructed", "test");
  assert_query(b, 0,
               "11:1 text+image | text:Find the toy that the picture and the words describe. "
               "the same in blue | image:mbeir_images/toys/1.jpg");
  assert_query(b, 1, "11:2 text+image | text:Find a similar toy. | image:mbeir_images/toys/2.jpg");
  assert_query(b, 2, "11:3 text | text:Find a toy and its label. wooden train");
  magpie_benchmark_destroy(b);
}

static void open_files_when_no_qrels_then_positives_judge(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  const char *queries =
      put_file(&f, "mine.jsonl",
               "\xEF\xBB\xBF{\"id\":\"a\",\"text\":\"one\",\"positives\":[\"x\",7]}\r\n\r\n"
               "{\"_id\":\"b\",\"parts\":[{\"image\":\"/p/q.jpg\"}],\"positives\":{\"y\":0}}\r\n");
  magpie_benchmark *b = NULL;
  assert_ok(magpie_benchmark_open_files(queries, NULL, &b, NULL));
  assert_query(b, 0, "a text | text:one");
  assert_query(b, 1, "b image | image:/p/q.jpg");
  assert_gain(b, "a", "7", 1);
  assert_gain(b, "b", "y", 0);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
}

static void open_files_when_qrels_then_any_columns_are_read(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  const char *queries = put_file(&f, "q.jsonl",
                                 "{\"_id\":\"a\",\"text\":\"one\"}\n"
                                 "{\"_id\":\"b\",\"text\":\"two\"}");
  static const char *const spellings[] = {"a\tx\t2\nb\ty\t1\n",
                                          "query-id\tcorpus-id\tscore\na\tx\t2\nb\ty\t1\n",
                                          "query_id corpus_id score\r\na x 2\r\nb y 1",
                                          "a 0 x 2\nb Q0 y 1\n", "a 0 x 2 7\nb 0 y 1 7\n"};
  for (size_t i = 0; i < 5; i++) {
    const char *qrels = put_file(&f, "r.tsv", spellings[i]);
    magpie_benchmark *b = NULL;
    magpie_error err = {0};
    if (magpie_benchmark_open_files(queries, qrels, &b, &err) != MAGPIE_OK)
      fail_msg("%zu: %s", i, err.message);
    assert_gain(b, "a", "x", 2);
    assert_gain(b, "b", "y", 1);
    assert_int_equal(magpie_benchmark_query_count(b), 2);
    magpie_benchmark_destroy(b);
  }
  folder_remove(&f);
}

static void open_when_qrels_hold_all_splits_then_only_known_queries_count(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  put_file(&f, "queries.dev.jsonl", "{\"id\":\"a\",\"text\":\"one\"}\n");
  put_file(&f, "queries.train.jsonl", "{\"id\":\"b\",\"text\":\"two\"}\n");
  put_file(&f, "qrels.tsv", "a x 1\nb y 1\n");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  assert_int_equal(magpie_benchmark_query_count(b), 1);
  assert_int_equal(judgement_count(b), 1);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
}

static void open_when_scifact_then_counts_are_published_ones(void **state) {
  (void)state;
  const char *folder = TEST_SOURCE_DIR "/../shared/data/scifact";
  if (!mgp_file_exists(folder)) skip();
  magpie_benchmark *b = open_set(folder, NULL, "dev");
  assert_int_equal(magpie_benchmark_query_count(b), 300);
  assert_int_equal(judgement_count(b), 339);
  assert_int_equal(document_count(b), 5183);
  magpie_benchmark_destroy(b);
}

static magpie_status open_with(mgp_alloc *a, void *context, magpie_error *err) {
  magpie_benchmark *b = NULL;
  const magpie_status status = mgp_benchmark_open_in(a, context, NULL, NULL, &b, err);
  magpie_benchmark_destroy(b);
  return status;
}

static void open_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  static const char *const sets[] = {FIXTURES "magpie",       FIXTURES "beir", FIXTURES "tevatron",
                                     FIXTURES "tevatron-ids", FIXTURES "mmeb", FIXTURES "mixbench",
                                     FIXTURES "mbeir"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    each_allocation_fails(open_with, (void *)(uintptr_t)sets[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_when_magpie_then_parts_weights_and_candidates_are_there),
      cmocka_unit_test(open_when_split_is_named_then_its_files_are_read),
      cmocka_unit_test(open_when_beir_then_judged_queries_stay_in_order),
      cmocka_unit_test(open_when_tevatron_passages_then_each_is_one_document),
      cmocka_unit_test(open_when_tevatron_ids_then_corpus_is_beside),
      cmocka_unit_test(open_when_mmeb_then_first_candidate_is_right),
      cmocka_unit_test(open_when_mmeb_is_elsewhere_then_candidate_ids_are_the_same),
      cmocka_unit_test(open_when_mixbench_then_mixed_corpus_is_read),
      cmocka_unit_test(open_when_mixbench_judgements_are_rows_then_are_read),
      cmocka_unit_test(open_when_mbeir_then_pool_and_qrels_are_found),
      cmocka_unit_test(open_when_mbeir_is_a_file_then_its_folder_is_the_split),
      cmocka_unit_test(open_when_mbeir_instructed_then_prompt_comes_first),
      cmocka_unit_test(open_files_when_no_qrels_then_positives_judge),
      cmocka_unit_test(open_files_when_qrels_then_any_columns_are_read),
      cmocka_unit_test(open_when_qrels_hold_all_splits_then_only_known_queries_count),
      cmocka_unit_test(open_when_scifact_then_counts_are_published_ones),
      cmocka_unit_test(open_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
