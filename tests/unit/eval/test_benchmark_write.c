/* SPDX-License-Identifier: Apache-2.0
 *
 * Benchmarks written: opened again they are equal, a Tevatron set keeps its bytes, what a layout
 * cannot hold is refused, media that are not there are named, nothing is left half written.
 */
#include <dirent.h>

#include "benchmark_fixture.h"

static size_t files_in(const char *folder) {
  DIR *open = opendir(folder);
  size_t count = 0;
  if (!open) return 0;
  while (readdir(open)) count++;
  closedir(open);
  return count - 2;
}

/* A copy of a fixture beside which its media are: every path that a set of ours names. */
static void make_media(const temp_folder *f) {
  static const char *const names[] = {"media/bus.jpg",
                                      "media/bell.wav",
                                      "media/ferry.png",
                                      "set/a.jpg",
                                      "set/b.jpg",
                                      "set/lamp.jpg",
                                      "set/desk.jpg",
                                      "images/bridge.jpg",
                                      "images/goat.jpg",
                                      "images/goat2.jpg",
                                      "images/arch.jpg",
                                      "mbeir_images/toys/1.jpg",
                                      "mbeir_images/toys/2.jpg",
                                      "mbeir_images/toys/3.jpg",
                                      "mbeir_images/toys/4.jpg",
                                      "assets/q.png",
                                      "assets/slide.png",
                                      "assets/rain.mp3",
                                      "assets/rain.mp4"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) put_file(f, names[i], "x");
}

static temp_folder copy_fixture(const char *name) {
  const temp_folder f = folder_create();
  char command[400];
  snprintf(command, sizeof command, "cp -r '%s%s/.' '%s'", FIXTURES, name, f.path);
  assert_int_equal(system(command), 0);
  make_media(&f);
  return f;
}

static void write_set(const magpie_benchmark *b, const char *folder, const char *format) {
  magpie_error err = {0};
  if (magpie_benchmark_write(b, folder, format, &err) != MAGPIE_OK) fail_msg("%s", err.message);
}

/* Queries with parts and candidates, judgements, number of documents. */
static void assert_equal_sets(const magpie_benchmark *a, const magpie_benchmark *b) {
  assert_int_equal(magpie_benchmark_query_count(a), magpie_benchmark_query_count(b));
  for (size_t i = 0; i < magpie_benchmark_query_count(a); i++) {
    char left[2000], right[2000];
    const magpie_benchmark_query *x = magpie_benchmark_query_at(a, i);
    const magpie_benchmark_query *y = magpie_benchmark_query_at(b, i);
    query_text(a, i, left, sizeof left);
    assert_int_equal(x->part_count, y->part_count);
    for (size_t j = 0; j < x->part_count; j++) {
      assert_true(mgp_text_equal(x->parts[j].image, y->parts[j].image));
      assert_true(mgp_text_equal(x->parts[j].audio, y->parts[j].audio));
    }
    ((magpie_benchmark *)(uintptr_t)b)->media = a->media; /* only to shorten the same way */
    query_text(b, i, right, sizeof right);
    assert_string_equal(left, right);
  }
  const magpie_qrels *p = magpie_benchmark_qrels(a), *q = magpie_benchmark_qrels(b);
  assert_int_equal(magpie_qrels_judgement_count(p), magpie_qrels_judgement_count(q));
  for (size_t i = 0; i < magpie_qrels_query_count(p); i++) {
    const char *const *documents = NULL;
    const int64_t *gains = NULL;
    const char *query = magpie_qrels_query(p, i);
    const size_t count = magpie_qrels_documents(p, query, &documents, &gains);
    for (size_t j = 0; j < count; j++) assert_gain(b, query, documents[j], gains[j]);
  }
  assert_int_equal(document_count(a), document_count(b));
}

static void write_when_magpie_then_every_layout_opens_equal(void **state) {
  (void)state;
  static const char *const sets[] = {"magpie", "beir",     "tevatron", "tevatron-ids",
                                     "mmeb",   "mixbench", "mbeir"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    const temp_folder from = copy_fixture(sets[i]), to = folder_create();
    magpie_benchmark *b = open_set(from.path, NULL, NULL);
    write_set(b, to.path, "magpie");
    assert_int_equal(files_in(to.path), 4);
    magpie_benchmark *again = open_set(to.path, NULL, NULL);
    assert_string_equal(magpie_benchmark_format(again), "magpie");
    assert_string_equal(magpie_benchmark_measure(again), magpie_benchmark_measure(b));
    assert_equal_sets(b, again);
    magpie_benchmark_destroy(b);
    magpie_benchmark_destroy(again);
    folder_remove(&from);
    folder_remove(&to);
  }
}

static char *read_text(const char *folder, const char *name, size_t *size) {
  char path[300];
  char *text = NULL;
  magpie_error err = {0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (mgp_file_read(NULL, path, 1 << 20, &text, size, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  return text;
}

static void assert_same_bytes(const char *a, const char *b, const char *name) {
  size_t left_size = 0, right_size = 0;
  char *left = read_text(a, name, &left_size), *right = read_text(b, name, &right_size);
  assert_int_equal(left_size, right_size);
  assert_memory_equal(left, right, left_size);
  mgp_free(NULL, left);
  mgp_free(NULL, right);
}

static void write_when_tevatron_is_read_then_bytes_are_the_same(void **state) {
  (void)state;
  const temp_folder to = folder_create();
  magpie_benchmark *b = open_set(FIXTURES "tevatron", NULL, NULL);
  write_set(b, to.path, "tevatron");
  assert_int_equal(files_in(to.path), 1);
  assert_same_bytes(FIXTURES "tevatron", to.path, "train.jsonl");
  magpie_benchmark_destroy(b);
  b = open_set(FIXTURES "tevatron-ids", NULL, NULL);
  write_set(b, to.path, "tevatron");
  assert_same_bytes(FIXTURES "tevatron-ids", to.path, "test.jsonl");
  assert_same_bytes(FIXTURES "tevatron-ids", to.path, "corpus.jsonl");
  magpie_benchmark_destroy(b);
  folder_remove(&to);
}

static void write_when_ids_have_no_corpus_then_bytes_are_the_same(void **state) {
  (void)state;
  const temp_folder from = folder_create(), to = folder_create();
  const char *file = put_file(&from, "train.jsonl",
                              "{\"query_id\" : 1,\"query_text\":\"\\u0061\","
                              "\"positive_document_ids\":[ 2 ]  } ");
  magpie_benchmark *b = open_set(file, NULL, NULL);
  write_set(b, to.path, "tevatron");
  assert_same_bytes(from.path, to.path, "train.jsonl");
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_write(b, to.path, "magpie", &err), MAGPIE_UNSUPPORTED);
  assert_says(&err, "no documents");
  magpie_benchmark_destroy(b);
  folder_remove(&from);
  folder_remove(&to);
}

static void write_when_tevatron_from_others_then_opens_equal(void **state) {
  (void)state;
  const temp_folder from = copy_fixture("mixbench"), to = folder_create(), on = folder_create();
  magpie_benchmark *b = open_set(from.path, NULL, NULL);
  write_set(b, to.path, "tevatron");
  magpie_benchmark *again = open_set(to.path, NULL, NULL);
  assert_string_equal(magpie_benchmark_format(again), "tevatron");
  assert_equal_sets(b, again);
  write_set(again, on.path, "magpie"); /* and on to the third */
  magpie_benchmark *third = open_set(on.path, NULL, NULL);
  assert_equal_sets(b, third);
  magpie_benchmark_destroy(b);
  magpie_benchmark_destroy(again);
  magpie_benchmark_destroy(third);
  folder_remove(&from);
  folder_remove(&to);
  folder_remove(&on);
}

static void write_when_beir_then_opens_equal_with_its_split(void **state) {
  (void)state;
  const temp_folder to = folder_create();
  magpie_benchmark *b = open_set(FIXTURES "beir", NULL, "train");
  write_set(b, to.path, "beir");
  magpie_benchmark *again = open_set(to.path, NULL, NULL);
  assert_string_equal(magpie_benchmark_format(again), "beir");
  assert_equal_sets(b, again);
  assert_true(mgp_file_exists(put_file(&to, "qrels/train.tsv", NULL)));
  magpie_benchmark_destroy(b);
  magpie_benchmark_destroy(again);
  folder_remove(&to);
}

static void write_when_magpie_then_records_are_what_import_reads(void **state) {
  (void)state;
  const temp_folder from = copy_fixture("magpie"), to = folder_create();
  magpie_benchmark *b = open_set(from.path, NULL, NULL);
  write_set(b, to.path, "magpie");
  size_t size = 0;
  char *text = read_text(to.path, "corpus.jsonl", &size), expected[600];
  snprintf(
      expected, sizeof expected,
      "{\"id\":\"bus-night\",\"title\":\"Night bus\",\"text\":\"A red bus waits under a street "
      "lamp.\",\"metadata\":{\"year\":1998}}\n"
      "{\"id\":\"bus-day\",\"text\":\"A bus in the sun.\",\"path\":\"%s/media/bus.jpg\"}\n"
      "{\"id\":\"tram\",\"text\":\"A tram rings its bell.\"}\n"
      "{\"id\":\"ferry\",\"path\":\"%s/media/ferry.png\"}\n",
      from.path, from.path);
  assert_string_equal(text, expected);
  mgp_free(NULL, text);
  text = read_text(to.path, "benchmark.json", &size);
  assert_string_equal(text, "{\"measure\":\"nDCG@10\",\"from\":\"magpie\",\"split\":\"test\"}\n");
  mgp_free(NULL, text);
  magpie_benchmark_destroy(b);
  folder_remove(&from);
  folder_remove(&to);
}

static void write_when_media_are_missing_then_five_are_named(void **state) {
  (void)state;
  const temp_folder f = folder_create(), to = folder_create();
  mgp_buffer text;
  mgp_buffer_init(&text, NULL);
  for (int i = 1; i <= 7; i++)
    mgp_buffer_printf(&text, "{\"id\":\"d%d\",\"path\":\"p%d.png\"}\n", i, i);
  put_file(&f, "corpus.jsonl", text.data);
  put_file(&f, "queries.jsonl", "{\"id\":\"a\",\"text\":\"x\",\"positives\":[\"d1\"]}\n");
  put_file(&f, "p2.png", "x");
  magpie_benchmark *b = open_set(f.path, NULL, NULL); /* opening does not look for them */
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_write(b, to.path, "magpie", &err), MAGPIE_NOT_FOUND);
  assert_says(&err, "6 media files");
  assert_says(&err, "corpus.jsonl:1: ");
  assert_says(&err, "/p1.png");
  assert_null(strstr(err.message, "/p2.png"));
  assert_null(strstr(err.message, "/p7.png"));
  assert_int_equal(files_in(to.path), 0);
  magpie_benchmark_destroy(b);
  mgp_buffer_fini(&text);
  folder_remove(&f);
  folder_remove(&to);
}

static void write_when_query_picture_is_missing_then_its_line_is_named(void **state) {
  (void)state;
  const temp_folder f = folder_create(), to = folder_create();
  put_file(&f, "corpus.jsonl", "{\"id\":\"d1\",\"text\":\"x\"}\n");
  put_file(&f, "queries.jsonl",
           "{\"id\":\"a\",\"text\":\"x\",\"positives\":[\"d1\"]}\n"
           "{\"id\":\"b\",\"parts\":[{\"image\":\"no.png\"}],"
           "\"positives\":[\"d1\"]}\n");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_write(b, to.path, "magpie", &err), MAGPIE_NOT_FOUND);
  assert_says(&err, "queries.jsonl:2: ");
  assert_says(&err, "1 media file cannot");
  assert_int_equal(files_in(to.path), 0);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
  folder_remove(&to);
}

static void write_when_layout_cannot_hold_it_then_is_unsupported(void **state) {
  (void)state;
  static const struct {
    const char *set, *format, *says;
  } cases[] = {
      {"magpie", "beir", "queries"},         {"magpie", "tevatron", "weights"},
      {"mmeb", "tevatron", "candidates"},    {"mmeb", "beir", "only one text"},
      {"mixbench", "beir", "only one text"}, {"tevatron-ids", "beir", "only one text"},
      {"beir", "tevatron", "the gain 2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const temp_folder from = copy_fixture(cases[i].set), to = folder_create();
    magpie_benchmark *b = open_set(from.path, NULL, NULL);
    magpie_error err = {0};
    assert_int_equal(magpie_benchmark_write(b, to.path, cases[i].format, &err), MAGPIE_UNSUPPORTED);
    assert_says(&err, cases[i].says);
    assert_int_equal(files_in(to.path), mgp_file_exists(put_file(&to, "qrels", NULL)) ? 1 : 0);
    magpie_benchmark_destroy(b);
    folder_remove(&from);
    folder_remove(&to);
  }
}

static void write_when_document_has_two_media_then_is_unsupported(void **state) {
  (void)state;
  const temp_folder f = folder_create(), to = folder_create();
  put_file(&f, "train.jsonl",
           "{\"query_id\":1,\"query_text\":\"x\",\"positive_document_ids\":[7]}\n");
  put_file(&f, "corpus.jsonl", "{\"docid\":7,\"image\":\"a.png\",\"audio\":\"a.mp3\"}\n");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_write(b, to.path, "magpie", &err), MAGPIE_UNSUPPORTED);
  assert_says(&err, "corpus.jsonl:1: document 7 has several media files");
  magpie_benchmark_destroy(b);
  folder_remove(&f);
  folder_remove(&to);
}

static void write_when_folder_is_the_source_then_is_refused(void **state) {
  (void)state;
  const temp_folder f = copy_fixture("beir");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_write(b, f.path, "beir", &err), MAGPIE_INVALID);
  assert_says(&err, "choose another folder");
  assert_same_bytes(FIXTURES "beir", f.path, "corpus.jsonl");
  assert_int_equal(magpie_benchmark_write(b, f.path, "mmeb", &err), MAGPIE_INVALID);
  assert_says(&err, "no layout \"mmeb\"");
  assert_int_equal(magpie_benchmark_write(b, "", "beir", &err), MAGPIE_INVALID);
  assert_int_equal(magpie_benchmark_write(NULL, f.path, "beir", &err), MAGPIE_INVALID);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
}

typedef struct two_folders {
  const char *from, *to;
} two_folders;

static magpie_status open_and_write(mgp_alloc *a, void *context, magpie_error *err) {
  const two_folders *f = context;
  magpie_benchmark *b = NULL;
  magpie_status status = mgp_benchmark_open_in(a, f->from, NULL, NULL, &b, err);
  if (status == MAGPIE_OK) {
    status = magpie_benchmark_write(b, f->to, "magpie", err);
    assert_int_equal(files_in(f->to), status == MAGPIE_OK ? 4 : 0);
  }
  magpie_benchmark_destroy(b);
  return status;
}

static void write_when_an_allocation_fails_then_nothing_is_left(void **state) {
  (void)state;
  const temp_folder from = copy_fixture("mmeb"), to = folder_create();
  two_folders both = {from.path, to.path};
  each_allocation_fails(open_and_write, &both);
  folder_remove(&from);
  folder_remove(&to);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(write_when_magpie_then_every_layout_opens_equal),
      cmocka_unit_test(write_when_tevatron_is_read_then_bytes_are_the_same),
      cmocka_unit_test(write_when_ids_have_no_corpus_then_bytes_are_the_same),
      cmocka_unit_test(write_when_tevatron_from_others_then_opens_equal),
      cmocka_unit_test(write_when_beir_then_opens_equal_with_its_split),
      cmocka_unit_test(write_when_magpie_then_records_are_what_import_reads),
      cmocka_unit_test(write_when_media_are_missing_then_five_are_named),
      cmocka_unit_test(write_when_query_picture_is_missing_then_its_line_is_named),
      cmocka_unit_test(write_when_layout_cannot_hold_it_then_is_unsupported),
      cmocka_unit_test(write_when_document_has_two_media_then_is_unsupported),
      cmocka_unit_test(write_when_folder_is_the_source_then_is_refused),
      cmocka_unit_test(write_when_an_allocation_fails_then_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
