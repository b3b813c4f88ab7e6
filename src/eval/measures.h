/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files on statistics, answers, scores and spaces share: checks of what comes in, random
 * numbers, special functions, threads over blocks of rows, vectors from files.
 */
#ifndef MGP_EVAL_MEASURES_H
#define MGP_EVAL_MEASURES_H

#include "base/base.h"
#include "magpie/eval.h"

/* ---- checks (input_checks.c) ------------------------------------------------------------- */

#define MGP_VALUES_MAX 100000000 /* numbers in one call: 0.8 GB of doubles */
#define MGP_VALUE_MAX 1e100      /* squares and sums of so many stay in a double's range */
#define MGP_ROUNDS_MAX 10000000
#define MGP_DIMENSIONS_MAX 1000000

/* INVALID unless 1 <= n <= MGP_VALUES_MAX and every value is finite; names the first bad one. */
magpie_status mgp_check_values(const char *name, const double *values, size_t n, magpie_error *err);
magpie_status mgp_check_count(const char *name, size_t n, magpie_error *err);
/* INVALID unless every label is 0 or 1. */
magpie_status mgp_check_labels(const char *name, const unsigned char *labels, size_t n,
                               magpie_error *err);
/* Of n rows of dim floats: sizes, NaN and infinities, with row and column named; with
 * `need_direction` also rows of zeros, which have none. */
magpie_status mgp_check_vectors(const char *name, const float *rows, size_t n, size_t dim,
                                bool need_direction, magpie_error *err);
/* a * b for the size of a block; LIMIT when that overflows. */
magpie_status mgp_check_product(size_t a, size_t b, size_t *out, magpie_error *err);
/* sum of values / n, in order. */
double mgp_mean(const double *values, size_t n);

/* ---- random numbers (random_bits.c) ------------------------------------------------------ */

typedef struct mgp_random {
  uint64_t state[4];
} mgp_random;

void mgp_random_seed(mgp_random *r, uint64_t seed);
uint64_t mgp_random_next(mgp_random *r);

/* ---- special functions (special_functions.c) --------------------------------------------- */

double mgp_normal_cdf(double x);
double mgp_normal_quantile(double p); /* p in (0, 1) */
/* Two-sided p of Student's t with `freedom` > 0 degrees of freedom. */
double mgp_student_p(double t, double freedom);

/* ---- PMRP of ragged rankings (cross_modal.c) -------------------------------------------- */

/* Rows of `ranking` are ragged here: row i holds the documents from offset[i] to offset[i + 1]. */
magpie_status mgp_pmrp_rows(const uint32_t *ranking, const size_t *offset, size_t n, size_t m,
                            const unsigned char *query_labels, const unsigned char *document_labels,
                            size_t bits, double *out, magpie_error *err);

/* ---- vectors from files (npy.c, vector_file.c) ------------------------------------------- */

typedef struct mgp_vectors {
  float *rows; /* n x dim */
  size_t n, dim;
} mgp_vectors;

/* A two-dimensional NumPy array of f4 or f8, C order, from the bytes of a file. */
magpie_status mgp_npy_parse(const char *file, const unsigned char *data, size_t size,
                            mgp_vectors *out, magpie_error *err);
/* JSON Lines {"vector":[…]}, all of the same length. */
magpie_status mgp_vector_lines_parse(const char *file, const char *data, size_t size,
                                     mgp_vectors *out, magpie_error *err);
/* .npy by its first bytes, else JSON Lines. */
magpie_status mgp_vectors_read(const char *file, mgp_vectors *out, magpie_error *err);
void mgp_vectors_fini(mgp_vectors *v);

/* ---- rows from files (json_lines.c, row_measures.c) -------------------------------------- */

#define MGP_LINE_SIZE_MAX (16u << 20)

typedef struct mgp_json_lines {
  const char *file;
  const char *next, *end;
  size_t line; /* of the last row, from 1 */
} mgp_json_lines;

void mgp_json_lines_init(mgp_json_lines *lines, const char *file, const char *data, size_t size);
/* The next line that is not blank, as an object; *row is NULL after the last. */
magpie_status mgp_json_lines_next(mgp_json_lines *lines, json_t **row, magpie_error *err);
/* FORMAT with "FILE:LINE: " before the message, and the place. */
magpie_status mgp_json_lines_fail(const mgp_json_lines *lines, magpie_error *err,
                                  const char *format, ...) MGP_PRINTF(3, 4);

/* magpie_measure_rows of a file in memory. */
magpie_status mgp_rows_measure(const char *file, const char *data, size_t size,
                               const char *const *measures, size_t count, char **json,
                               magpie_error *err);

#endif
