/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows and vectors from files: every measure on hand-made rows, every refusal with its line.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "eval/measures.h"

static json_t *measure(const char *name, const char *rows) {
  char *text = NULL;
  magpie_error err = {0};
  if (mgp_rows_measure("rows.jsonl", rows, strlen(rows), &name, 1, &text, &err) != MAGPIE_OK)
    fail_msg("%s", err.message);
  json_t *all = NULL;
  assert_int_equal(mgp_json_parse("json", text, strlen(text), &all, NULL), MAGPIE_OK);
  magpie_free(text);
  return all;
}

/* A member of the measure, or of a part of it. */
static double member(const char *name, const char *rows, const char *part, const char *field) {
  json_t *all = measure(name, rows);
  const json_t *entry = json_object_get(json_object_get(all, "measures"), name);
  if (part) entry = json_object_get(json_object_get(entry, "parts"), part);
  const json_t *value = json_object_get(entry, field);
  if (!json_is_number(value)) fail_msg("%s has no %s", name, field);
  const double out = json_number_value(value);
  json_decref(all);
  return out;
}

static void assert_value(const char *name, const char *rows, double wanted) {
  const double value = member(name, rows, NULL, "value");
  if (!(fabs(value - wanted) <= 1e-12)) fail_msg("%s: %.17g is not %.17g", name, value, wanted);
}

static void assert_refused(const char *name, const char *rows, const char *said) {
  char *text = NULL;
  magpie_error err = {0};
  const magpie_status status =
      mgp_rows_measure("rows.jsonl", rows, strlen(rows), &name, 1, &text, &err);
  assert_null(text);
  assert_true(status == MAGPIE_FORMAT || status == MAGPIE_INVALID);
  if (!strstr(err.message, said)) fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

static void rows_when_answers_then_means(void **state) {
  (void)state;
  const char *rows = "{\"prediction\":\"the red bus\",\"answers\":[\"Red bus\"]}\n\n"
                     "{\"prediction\":\"blue bus\",\"answers\":[\"tram\",\"red bus\"]}\r\n";
  assert_value("em", rows, 0.5);
  assert_value("f1", rows, 0.75);
  assert_value("answer_recall", rows, 0.75);
  assert_value("bleu1", rows, 0.75);
  assert_value("rouge_l", rows, 0.75);
  assert_true(member("f1", rows, NULL, "n") == 2);
  assert_true(member("f1", rows, NULL, "low") == 0.5);
  assert_true(member("f1", rows, NULL, "high") == 1);
}

static void rows_when_passages_and_evidence_then_means(void **state) {
  (void)state;
  const char *passages = "{\"passages\":[\"x\",\"a red bus\"],\"answers\":[\"red\"]}\n"
                         "{\"passages\":[\"red\"],\"answers\":[\"red\"]}";
  assert_value("pseudo_recall@1", passages, 0.5);
  assert_value("pseudo_recall@5", passages, 1);
  assert_value("kept_recall",
               "{\"kept\":[\"a\"],\"needed\":[\"a\",\"b\"]}\n"
               "{\"kept\":[],\"needed\":[]}\n",
               0.75);
}

static void rows_when_scores_then_values(void **state) {
  (void)state;
  assert_value("ece@2", "{\"probability\":0.25,\"label\":1}\n{\"probability\":1,\"label\":true}\n",
               0.375);
  const char *scores = "{\"score\":1,\"label\":0,\"group\":\"a\"}\n"
                       "{\"score\":2,\"label\":1,\"group\":\"a\"}\n"
                       "{\"score\":3,\"label\":0,\"group\":7}\n";
  assert_value("auc", scores, 0.5);
  assert_value("gauc", scores, 1);
  assert_true(member("gauc", scores, NULL, "groups_left_out") == 1);
  assert_value("pair_accuracy",
               "{\"pair\":\"p\",\"right\":true}\n{\"pair\":\"q\",\"right\":true}\n"
               "{\"pair\":\"q\",\"right\":false}\n{\"pair\":\"p\",\"right\":true}\n",
               0.5);
  assert_value("mrv", "{\"ranks\":[1,3]}\n{\"ranks\":[4,4]}\n", 0.5);
  assert_value("interference",
               "{\"clean\":1,\"perturbed\":0}\n{\"clean\":true,\"perturbed\":true}\n", 0.5);
}

static void rows_when_modalities_then_a_part_each(void **state) {
  (void)state;
  const char *rows = "{\"performance\":{\"text\":1,\"image\":0,\"text+image\":1}}\n"
                     "{\"performance\":{\"image+text\":1,\"image\":0,\"text\":0}}\n";
  const double text = member("modality_importance", rows, "text", "value");
  const double image = member("modality_importance", rows, "image", "value");
  assert_true(fabs(text - 0.75) < 1e-12 && fabs(image) < 1e-12);
  const char *choices = "{\"choice\":\"image\"}\n{\"choice\":\"text\"}\n{\"choice\":\"text\"}\n"
                        "{\"choice\":\"text\"}\n";
  assert_true(member("preference", choices, "text", "value") == 0.75);
  assert_true(member("preference", choices, "image", "value") == 0.25);
  assert_true(member("preference", choices, "image", "n") == 4);
}

static void rows_when_pmrp_then_short_rankings_count(void **state) {
  (void)state;
  /* labels of a: 0 away, b: 1, c: 3; the ranking is c a, so R-precision is 0, 1/2, 1/2 */
  assert_value("pmrp",
               "{\"ranking\":[\"c\",\"a\"],\"labels\":[\"cat\",\"dog\"]}\n"
               "{\"document\":\"a\",\"labels\":[\"dog\",\"cat\"]}\n"
               "{\"document\":\"b\",\"labels\":[\"cat\"]}\n"
               "{\"document\":\"c\",\"labels\":[\"bus\"]}\n",
               1.0 / 3);
}

static void rows_when_a_line_is_wrong_then_it_is_named(void **state) {
  (void)state;
  assert_refused("em", "", "no rows");
  assert_refused("em", "{\"prediction\":\"x\",\"answers\":[\"x\"]}\n{\n", "rows.jsonl:2");
  assert_refused("em", "[1]\n", "rows.jsonl:1: an object");
  assert_refused("em", "{\"answers\":[\"x\"]}", "\"prediction\"");
  assert_refused("em", "{\"prediction\":\"x\",\"answers\":[]}", "at least 1");
  assert_refused("em", "{\"prediction\":\"x\",\"answers\":[1]}", "number 1 is not a text");
  assert_refused("ece@5", "\n{\"probability\":1.5,\"label\":1}", "rows.jsonl:2: \"probability\"");
  assert_refused("ece@5", "{\"probability\":0.5,\"label\":2}", "0 or 1");
  assert_refused("ece@5", "{\"probability\":\"0.5\",\"label\":1}", "to be a number");
  assert_refused("auc", "{\"score\":1,\"label\":1}", "rows.jsonl: auc: all 1 labels");
  assert_refused("gauc", "{\"score\":1,\"label\":1,\"group\":\"\"}", "\"group\"");
  assert_refused("pair_accuracy", "{\"pair\":\"p\",\"right\":true}", "\"p\" comes only once");
  assert_refused("pair_accuracy",
                 "{\"pair\":1,\"right\":0}\n{\"pair\":1,\"right\":0}\n{\"pair\":1,\"right\":0}\n",
                 "rows.jsonl:3: pair \"1\" comes a third time");
  assert_refused("mrv", "{\"ranks\":[1,2]}\n{\"ranks\":[1]}", "rows.jsonl:2: \"ranks\"");
  assert_refused("mrv", "{\"ranks\":[0]}", "from 1 on");
  assert_refused("modality_importance", "{\"performance\":{}}", "empty");
  assert_refused("modality_importance", "{\"performance\":{\"a\":1,\"b\":1}}", "2 of the 3 sets");
  assert_refused("modality_importance", "{\"performance\":{\"a\":1,\"a+\":1}}", "joined by +");
  assert_refused("modality_importance", "{\"performance\":{\"a+a\":1}}", "twice");
  assert_refused("modality_importance", "{\"performance\":{\"a\":1}}\n{\"performance\":{\"b\":1}}",
                 "rows.jsonl:2");
  assert_refused("preference", "{\"choice\":null}", "\"choice\"");
  assert_refused("pmrp", "{\"ranking\":[\"a\"],\"labels\":[\"x\"]}", "document \"a\" is ranked");
  assert_refused("pmrp", "{\"labels\":[]}", "\"ranking\"");
  assert_refused("pmrp", "{\"document\":\"a\",\"labels\":[]}\n{\"document\":\"a\",\"labels\":[]}",
                 "rows.jsonl:2: the document comes a second time");
  assert_refused("pmrp",
                 "{\"document\":\"a\",\"labels\":[\"x\"]}\n"
                 "{\"ranking\":[\"a\",\"a\"],\"labels\":[\"x\"]}",
                 "twice");
}

static void rows_when_measure_is_unknown_then_all_are_named(void **state) {
  (void)state;
  const char *row = "{\"score\":1,\"label\":1}";
  assert_refused("nonsense", row, "pseudo_recall@K");
  assert_refused("em@5", row, "not a measure");
  assert_refused("ece", row, "not a measure");
  assert_refused("ece@0", row, "1..");
  assert_refused("ece@99999999999999999999", row, "1..");
  assert_refused("ece@5x", row, "1..");
  const char *twice[] = {"auc", "auc"};
  char *text = NULL;
  assert_int_equal(mgp_rows_measure("f", row, strlen(row), twice, 2, &text, NULL), MAGPIE_INVALID);
  assert_int_equal(mgp_rows_measure("f", row, strlen(row), twice, 0, &text, NULL), MAGPIE_INVALID);
  assert_int_equal(magpie_measure_rows("/does/not/exist", twice, 1, &text, NULL), MAGPIE_NOT_FOUND);
}

/* ---- vectors ----------------------------------------------------------------------------- */

/* A .npy of version 1 with this header and `size` bytes of data behind it. */
static magpie_status parse_npy(const char *header, const void *data, size_t size, mgp_vectors *out,
                               magpie_error *err) {
  unsigned char file[4096] = "\x93NUMPY\x01\x00";
  const size_t length = strlen(header);
  file[8] = (unsigned char)(length & 0xff), file[9] = (unsigned char)(length >> 8);
  memcpy(file + 10, header, length);
  memcpy(file + 10 + length, data, size);
  return mgp_npy_parse("x.npy", file, 10 + length + size, out, err);
}

#define SOUND "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n"

static void npy_when_sound_then_rows(void **state) {
  (void)state;
  const float data[] = {1, 2, 3, 4, 5, 6};
  const double wide[] = {0.5, -2};
  mgp_vectors v;
  assert_int_equal(parse_npy(SOUND, data, sizeof data, &v, NULL), MAGPIE_OK);
  assert_true(v.n == 2 && v.dim == 3 && memcmp(v.rows, data, sizeof data) == 0);
  mgp_vectors_fini(&v);
  assert_int_equal(parse_npy("{'shape': (1, 2),'fortran_order':False,'descr':'<f8'}", wide,
                             sizeof wide, &v, NULL),
                   MAGPIE_OK);
  assert_true(v.n == 1 && v.dim == 2 && v.rows[0] == 0.5f && v.rows[1] == -2);
  mgp_vectors_fini(&v);
}

static void npy_when_broken_then_said(void **state) {
  (void)state;
  static const struct {
    const char *header, *said;
    size_t size;
  } cases[] = {
      {SOUND, "cut short", 20},
      {SOUND, "cut short", 28},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "C order", 24},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "<f4", 24},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", "<f4", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "shape", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "shape", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "shape", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "no vectors", 0},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "shape", 0},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (90000000, 999999), }", "cut short", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000, 2), }", "cut short", 24},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "a key", 24},
      {"{'descr': '<f4', 'fortran_order': False}", "lacks", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", "dictionary", 24},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x", "goes on", 24},
      {"", "dictionary", 24},
  };
  const float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mgp_vectors v;
    magpie_error err = {0};
    assert_int_not_equal(parse_npy(cases[i].header, data, cases[i].size, &v, &err), MAGPIE_OK);
    assert_null(v.rows);
    if (!strstr(err.message, cases[i].said)) fail_msg("%zu: %s", i, err.message);
  }
  const float bad[] = {1, 2, 3, 4, NAN, 6};
  mgp_vectors v;
  magpie_error err = {0};
  assert_int_equal(parse_npy(SOUND, bad, sizeof bad, &v, &err), MAGPIE_FORMAT);
  assert_non_null(strstr(err.message, "row 1, column 1"));
}

static void vector_lines_when_uneven_then_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "no vectors"},
      {"{\"vector\":[]}", "v.jsonl:1"},
      {"{\"vector\":[1,2]}\n{\"vector\":[1]}", "v.jsonl:2: a vector of 1 numbers after"},
      {"{\"vector\":[1,\"2\"]}", "number 2"},
      {"{\"vector\":[1e300]}", "number 1"},
      {"{\"vektor\":[1]}", "is expected"},
  };
  mgp_vectors v;
  magpie_error err = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *text = cases[i][0];
    assert_int_equal(mgp_vector_lines_parse("v.jsonl", text, strlen(text), &v, &err),
                     MAGPIE_FORMAT);
    if (!strstr(err.message, cases[i][1])) fail_msg("%zu: %s", i, err.message);
  }
  const char *good = "{\"vector\":[1,2]}\n{\"vector\":[3,4.5]}\n";
  assert_int_equal(mgp_vector_lines_parse("v.jsonl", good, strlen(good), &v, &err), MAGPIE_OK);
  assert_true(v.n == 2 && v.dim == 2 && v.rows[3] == 4.5f);
  mgp_vectors_fini(&v);
}

static void write_lines(char *name, const char *text) {
  const int file = mkstemp(name);
  assert_true(file >= 0);
  assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
  close(file);
}

static void vectors_when_row_counts_differ_then_null_with_a_reason(void **state) {
  (void)state;
  char x[] = "/tmp/magpie_x_XXXXXX", y[] = "/tmp/magpie_y_XXXXXX";
  write_lines(x, "{\"vector\":[1,0]}\n{\"vector\":[0,1]}\n");
  write_lines(y, "{\"vector\":[1,0]}\n{\"vector\":[0,1]}\n{\"vector\":[0,0]}\n");
  char *text = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_measure_vectors(x, x, 1, &text, &err), MAGPIE_OK);
  assert_non_null(strstr(text, "\"linear_cka\":{\"value\":1"));
  assert_non_null(strstr(text, "\"mutual_knn@1\":{\"value\":1"));
  magpie_free(text);
  assert_int_equal(magpie_measure_vectors(x, y, 0, &text, &err), MAGPIE_OK);
  assert_non_null(strstr(text, "\"mutual_knn@10\":{\"value\":null,\"reason\":\"2 rows in the one"));
  assert_non_null(strstr(text, "\"gap\":{\"value\":null,\"reason\":\"y: row 2 is all zeros"));
  assert_non_null(strstr(text, "\"uniformity_x\":{\"value\":-4"));
  magpie_free(text);
  assert_int_equal(magpie_measure_vectors(x, "/does/not/exist", 0, &text, &err), MAGPIE_NOT_FOUND);
  assert_null(text);
  unlink(x);
  unlink(y);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_when_answers_then_means),
      cmocka_unit_test(rows_when_passages_and_evidence_then_means),
      cmocka_unit_test(rows_when_scores_then_values),
      cmocka_unit_test(rows_when_modalities_then_a_part_each),
      cmocka_unit_test(rows_when_pmrp_then_short_rankings_count),
      cmocka_unit_test(rows_when_a_line_is_wrong_then_it_is_named),
      cmocka_unit_test(rows_when_measure_is_unknown_then_all_are_named),
      cmocka_unit_test(npy_when_sound_then_rows),
      cmocka_unit_test(npy_when_broken_then_said),
      cmocka_unit_test(vector_lines_when_uneven_then_named),
      cmocka_unit_test(vectors_when_row_counts_differ_then_null_with_a_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
