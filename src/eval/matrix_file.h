/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices of numbers in files, read where they lie: NumPy's .npy, and the .fvecs, .bvecs and
 * .ivecs of the TEXMEX corpora (http://corpus-texmex.irisa.fr), in which each row is its own length
 * as an int32 and then that many floats, bytes or int32.
 */
#ifndef MGP_EVAL_MATRIX_FILE_H
#define MGP_EVAL_MATRIX_FILE_H

#include "base/base.h"

typedef enum mgp_number { MGP_F32, MGP_F64, MGP_F16, MGP_U8, MGP_S8, MGP_S32 } mgp_number;

/* Little endian. `data` is borrowed; rows lie `pitch` bytes apart, at any address. */
typedef struct mgp_matrix {
  const unsigned char *data; /* of row 0 */
  size_t pitch, n, dim;
  mgp_number type;
  size_t offset; /* of `data` in its file, for messages */
} mgp_matrix;

#define MGP_MATRIX_DIM_MAX 1000000
#define MGP_MATRIX_ROWS_MAX ((size_t)1 << 40) /* so that no size overflows */

/* The header of a .npy file, and whether its size follows from it. */
magpie_status mgp_npy_matrix(const char *file, const unsigned char *data, size_t size,
                             mgp_matrix *out, magpie_error *err);
/* A file of rows that begin with their length. Each is looked at: FORMAT names the first byte that
 * is wrong. `type` is MGP_F32, MGP_U8 or MGP_S32. */
magpie_status mgp_vecs_matrix(const char *file, mgp_number type, const unsigned char *data,
                              size_t size, mgp_matrix *out, magpie_error *err);
/* By the first bytes, else by the ending of the name. FORMAT says what is expected. */
magpie_status mgp_matrix_parse(const char *file, const unsigned char *data, size_t size,
                               mgp_matrix *out, magpie_error *err);

/* Does its name end as that of such a file? */
bool mgp_matrix_is_file(const char *file);

size_t mgp_number_size(mgp_number type);
/* Row `row` as floats, whatever they are in the file: what is not finite stays so. */
void mgp_matrix_row(const mgp_matrix *m, size_t row, float *out);
/* The rows as floats in place, or NULL where they have to be read by mgp_matrix_row. */
const float *mgp_matrix_floats(const mgp_matrix *m);

/* A matrix and the mapping of its file. */
typedef struct mgp_matrix_file {
  mgp_map map;
  mgp_matrix matrix;
} mgp_matrix_file;
magpie_status mgp_matrix_file_open(const char *file, mgp_matrix_file *out, magpie_error *err);
void mgp_matrix_file_close(mgp_matrix_file *f);

#endif
