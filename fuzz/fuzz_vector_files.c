/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: no matrix in a file, however broken, makes a reader leave the file's bytes; every row
 * that is promised can be read. Input: the first byte chooses .npy, .fvecs, .bvecs or .ivecs; the
 * rest is the file, in a block of its exact size.
 */
#include <stdlib.h>

#include "eval/matrix_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const mgp_matrix *m, const unsigned char *file, size_t size) {
  if (m->n == 0 || m->dim == 0 || m->data < file || m->offset != (size_t)(m->data - file)) abort();
  if ((m->n - 1) * m->pitch + m->dim * mgp_number_size(m->type) > size - m->offset) abort();
  float *row = malloc(m->dim * sizeof *row);
  if (!row) return;
  for (size_t i = 0; i < m->n; i++) mgp_matrix_row(m, i, row);
  free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"x.npy", "x.fvecs", "x.bvecs", "x.ivecs"};
  if (size < 1) return 0;
  unsigned char *file = malloc(size);
  if (!file) return 0;
  for (size_t i = 1; i < size; i++) file[i - 1] = data[i];
  mgp_matrix m;
  magpie_error err;
  if (mgp_matrix_parse(names[data[0] % 4], file, size - 1, &m, &err) == MAGPIE_OK)
    read_all(&m, file, size - 1);
  else if (err.code == MAGPIE_OK || m.data) abort();
  free(file);
  return 0;
}
