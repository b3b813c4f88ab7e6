/* SPDX-License-Identifier: Apache-2.0
 *
 * The label bridge on a small made-up text space whose right answers are known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "encode/label_anchors.h"
#include "encode/label_bridge.h"
#include "kernels/kernels.h"

#define DIM 8
#define CLASSES 4

static char place[] = "/tmp/magpie-bridge-XXXXXX";
static int encoded; /* texts that the source was asked for */

/* Each letter a..h is an axis; a constant lifts all texts into one cone, as real encoders do. */
static magpie_status encode(void *context, const char *const *texts, size_t count, float *out,
                            magpie_error *err) {
  (void)context, (void)err;
  for (size_t t = 0; t < count; t++) {
    encoded++;
    float *v = out + t * DIM;
    for (size_t d = 0; d < DIM; d++) v[d] = 3;
    for (const char *c = texts[t]; *c; c++)
      if (*c >= 'a' && *c < 'a' + DIM) v[*c - 'a'] += 1;
    mgp_normalise_f32(v, DIM);
  }
  return MAGPIE_OK;
}

static const mgp_text_source source = {.encode = encode, .dim = DIM, .identity = "letters"};

static void write_table(const char *text) {
  char *path = mgp_path_join(NULL, place, "labels.tsv");
  assert_int_equal(mgp_file_write_durable(path, text, strlen(text), NULL), MAGPIE_OK);
  mgp_free(NULL, path);
}

static mgp_label_bridge *open_bridge(const char *spec_text, const mgp_text_source *text) {
  json_t *spec = json_loads(spec_text, 0, NULL);
  mgp_label_bridge *b = NULL;
  magpie_error err = {0};
  if (mgp_label_bridge_open(NULL, place, spec, text, &b, &err)) print_message("%s\n", err.message);
  json_decref(spec);
  return b;
}

static size_t best(const float *v, size_t count) {
  size_t at = 0;
  for (size_t i = 1; i < count; i++)
    if (v[i] > v[at]) at = i;
  return at;
}

static const char table[] = "aaaa\taab\nbbbb\tbba\ncccc\tccd\ndddd\tddc\n";

static void ridge_gives_the_asked_class_the_largest_weight(void **state) {
  (void)state;
  write_table(table);
  mgp_label_bridge *b = open_bridge("{\"file\":\"labels.tsv\",\"lambda\":0.1}", &source);
  assert_int_equal(mgp_label_bridge_dim(b), CLASSES);
  static const char *const questions[] = {"aaa", "bbb", "ccc", "ddd"};
  for (size_t q = 0; q < CLASSES; q++) {
    float g[CLASSES];
    assert_int_equal(mgp_label_bridge_query(b, questions[q], g, NULL, NULL), MAGPIE_OK);
    assert_int_equal(best(g, CLASSES), q);
  }
  mgp_label_bridge_close(b);
}

/* (K + lambda I) times what is called its inverse is the identity. */
static void the_inverse_is_one(void **state) {
  (void)state;
  char *texts[] = {"ab", "bc", "cd", "de", "efg"};
  const mgp_label_prompts p = {
      .texts = texts, .classes = 5, .columns = 1, .lambda = 0.3, .length = 0.5, .hash = 99};
  mgp_label_anchors anchors;
  assert_int_equal(mgp_label_anchors_load(NULL, place, &p, &source, &anchors, NULL), MAGPIE_OK);
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 5; j++) {
      double sum = 0;
      for (size_t k = 0; k < 5; k++) {
        double cosine = 0;
        for (size_t d = 0; d < DIM; d++)
          cosine += anchors.anchors[i * DIM + d] * anchors.anchors[k * DIM + d];
        const double cell = exp((cosine - 1) / 0.5) + (i == k ? 0.3 : 0);
        sum += cell * anchors.inverse[k * 5 + j];
      }
      assert_true(fabs(sum - (i == j)) < 1e-5);
    }
  mgp_label_anchors_fini(NULL, &anchors);
}

static void nearest_gives_a_softmax_over_the_nearest(void **state) {
  (void)state;
  write_table(table);
  mgp_label_bridge *b =
      open_bridge("{\"file\":\"labels.tsv\",\"question\":\"nearest\",\"nearest\":2,"
                  "\"temperature\":0.1,\"item\":\"scores\"}",
                  &source);
  float g[CLASSES], total = 0;
  size_t used = 0;
  assert_int_equal(mgp_label_bridge_query(b, "cc", g, NULL, NULL), MAGPIE_OK);
  for (size_t i = 0; i < CLASSES; i++) {
    total += g[i];
    used += g[i] > 0;
  }
  assert_int_equal(used, 2);
  assert_true(fabsf(total - 1) < 1e-6f);
  assert_int_equal(best(g, CLASSES), 2);
  mgp_label_bridge_close(b);
}

static void an_item_keeps_the_order_of_its_classes(void **state) {
  (void)state;
  write_table(table);
  mgp_label_bridge *mixed = open_bridge("{\"file\":\"labels.tsv\"}", NULL);
  mgp_label_bridge *raw = open_bridge("{\"file\":\"labels.tsv\",\"item\":\"scores\"}", NULL);
  const float logits[CLASSES] = {-2, 9, 1, 0}, bad[CLASSES] = {0, NAN, 0, 0};
  float v[CLASSES], length = 0;
  magpie_error err;
  assert_int_equal(mgp_label_bridge_item(mixed, logits, CLASSES, v, NULL), MAGPIE_OK);
  assert_true(v[1] > v[2] && v[2] > v[3] && v[3] > v[0]);
  for (size_t i = 0; i < CLASSES; i++) length += v[i] * v[i];
  assert_true(fabsf(length - 1) < 1e-5f);
  assert_int_equal(mgp_label_bridge_item(raw, logits, CLASSES, v, NULL), MAGPIE_OK);
  assert_memory_equal(v, logits, sizeof v);
  assert_int_equal(mgp_label_bridge_item(mixed, logits, 3, v, &err), MAGPIE_MODEL);
  assert_int_equal(mgp_label_bridge_item(mixed, bad, CLASSES, v, &err), MAGPIE_UNSUPPORTED);
  assert_int_equal(mgp_label_bridge_query(mixed, "a", v, NULL, &err), MAGPIE_UNSUPPORTED);
  assert_non_null(strstr(err.message, "text pack"));
  mgp_label_bridge_close(mixed);
  mgp_label_bridge_close(raw);
}

static char *cache_file(void) {
  static char command[256], path[256];
  snprintf(command, sizeof command, "ls %s/labels-letters-*.vec", place);
  FILE *list = popen(command, "r");
  assert_non_null(fgets(path, sizeof path, list));
  pclose(list);
  path[strcspn(path, "\n")] = '\0';
  return path;
}

static void label_vectors_are_cached_and_a_damaged_cache_is_made_anew(void **state) {
  (void)state;
  float first[CLASSES], again[CLASSES];
  char command[256];
  snprintf(command, sizeof command, "rm -f %s/*.vec", place);
  assert_int_equal(system(command), 0);
  write_table(table);
  encoded = 0;
  mgp_label_bridge *b = open_bridge("{\"file\":\"labels.tsv\"}", &source);
  assert_int_equal(mgp_label_bridge_query(b, "ab", first, NULL, NULL), MAGPIE_OK);
  assert_int_equal(encoded, 2 * CLASSES + 1);
  mgp_label_bridge_close(b);
  b = open_bridge("{\"file\":\"labels.tsv\"}", &source);
  assert_int_equal(mgp_label_bridge_query(b, "ab", again, NULL, NULL), MAGPIE_OK);
  assert_int_equal(encoded, 2 * CLASSES + 2);
  assert_memory_equal(first, again, sizeof first);
  mgp_label_bridge_close(b);
  for (int damage = 0; damage < 2; damage++) {
    FILE *file = fopen(cache_file(), "r+b");
    if (damage == 0) assert_int_equal(ftruncate(fileno(file), 50), 0);
    else assert_true(fseek(file, -3, SEEK_END) == 0 && fputc(0x5A, file) == 0x5A);
    fclose(file);
    b = open_bridge("{\"file\":\"labels.tsv\"}", &source);
    encoded = 0;
    assert_int_equal(mgp_label_bridge_query(b, "ab", again, NULL, NULL), MAGPIE_OK);
    assert_int_equal(encoded, 2 * CLASSES + 1);
    assert_memory_equal(first, again, sizeof first);
    mgp_label_bridge_close(b);
  }
}

static void wrong_tables_and_specs_are_refused_by_name(void **state) {
  (void)state;
  static const char *const specs[] = {
      "{}", "{\"file\":\"none.tsv\"}", "{\"file\":\"labels.tsv\",\"item\":\"x\"}",
      "{\"file\":\"labels.tsv\",\"question\":\"x\"}", "{\"file\":\"labels.tsv\",\"lambda\":0}"};
  write_table(table);
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
    assert_null(open_bridge(specs[i], &source));
  write_table("a\tb\nc\n");
  assert_null(open_bridge("{\"file\":\"labels.tsv\"}", &source));
  write_table("");
  assert_null(open_bridge("{\"file\":\"labels.tsv\"}", &source));
}

static int make_place(void **state) {
  (void)state;
  return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state) {
  (void)state;
  return mgp_directory_remove(place, NULL) == MAGPIE_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ridge_gives_the_asked_class_the_largest_weight),
      cmocka_unit_test(the_inverse_is_one),
      cmocka_unit_test(nearest_gives_a_softmax_over_the_nearest),
      cmocka_unit_test(an_item_keeps_the_order_of_its_classes),
      cmocka_unit_test(label_vectors_are_cached_and_a_damaged_cache_is_made_anew),
      cmocka_unit_test(wrong_tables_and_specs_are_refused_by_name),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
