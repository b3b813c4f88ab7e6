/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: no file of rows or vectors, however broken, makes the readers of `magpie eval rows` and
 * `magpie eval vectors` leave it; what is read is finite.
 * Input: the first byte chooses the reader: 0 .npy, 1 vectors as JSON Lines, above that a measure.
 * The rest is the file, in a block of its exact size.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const measures[] = {"em",
                                       "f1",
                                       "answer_recall",
                                       "bleu1",
                                       "rouge_l",
                                       "pseudo_recall@2",
                                       "kept_recall",
                                       "ece@3",
                                       "auc",
                                       "gauc",
                                       "pair_accuracy",
                                       "mrv",
                                       "modality_importance",
                                       "interference",
                                       "preference",
                                       "pmrp"};

static void check_vectors(magpie_status status, mgp_vectors *v) {
  if ((status == MAGPIE_OK) != (v->rows != NULL)) abort();
  for (size_t i = 0; v->rows && i < v->n * v->dim; i++)
    if (!isfinite(v->rows[i])) abort();
  mgp_vectors_fini(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  const size_t length = size - 1, count = sizeof measures / sizeof *measures;
  char *file = malloc(length ? length : 1);
  if (!file) abort();
  memcpy(file, data + 1, length);
  mgp_vectors v;
  magpie_error err;
  if (data[0] == 0) {
    check_vectors(mgp_npy_parse("x", (const unsigned char *)file, length, &v, &err), &v);
  } else if (data[0] == 1) {
    check_vectors(mgp_vector_lines_parse("x", file, length, &v, &err), &v);
  } else {
    char *json = NULL;
    const magpie_status status =
        mgp_rows_measure("x", file, length, &measures[data[0] % count], 1, &json, &err);
    if ((status == MAGPIE_OK) != (json != NULL)) abort();
    magpie_free(json);
  }
  free(file);
  return 0;
}
