/* SPDX-License-Identifier: Apache-2.0
 *
 * For those who bring their own vectors: adding many at once, from memory or from the files that
 * vectors come in, and how fast and how exact our indexes would be on them.
 */
#ifndef MAGPIE_VECTORS_H
#define MAGPIE_VECTORS_H

#include "magpie/magpie.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MAGPIE_VECTOR_DIM_MAX 65536

typedef struct magpie_vectors_options {
  size_t size;
  const uint64_t *numbers; /* [n] ids, written in decimal; read where `ids` is NULL */
  uint64_t first;          /* without ids and numbers: they are first, first + 1, ... */
  const char *kind;        /* of the items, up to 32 bytes, no comma; NULL: "vector" */
  const char *title;       /* where they are from: `source` of their hits; or NULL */
  magpie_progress progress;
  void *progress_context;
  const volatile int *cancel; /* becomes non-zero: what was committed stays, CANCELLED */
  const char *metric;         /* of a new space: "cosine" (also NULL), "dot" or "l2" */
} magpie_vectors_options;

MAGPIE_API void magpie_vectors_options_defaults(magpie_vectors_options *options);

/* Adds `n` vectors of `dim` floats, row after row, to a space (NULL: "vectors"), which the first
 * call makes. They are read where they lie. Many times faster than magpie_add_records: they share
 * one source, and have neither text nor metadata.
 *
 * `metric` says what a score is: the cosine (vectors are stored with length 1), the dot product,
 * or, as "l2", minus the squared Euclidean distance; higher is always closer. A space keeps the
 * metric it was made with: NULL takes it, another is INVALID. Only cosine spaces get graphs and
 * clusters, the others are compared row by row.
 *
 * An id is 1 to 512 bytes without control characters, no @ at its start and no # with a number at
 * its end (items of files and records are called so). It names one vector of the index: an id given
 * again, in whatever space, replaces the vector that it named; of one id twice in a call the last
 * counts. Records of magpie_add_records have names of their own.
 *
 * All rows are looked at first: INVALID names the first whose numbers are not finite, whose length
 * is zero (cosine only) or above 1e18, or whose id is wrong, and none is added; so it is when `dim`
 * is not that of the space or not 1 to MAGPIE_VECTOR_DIM_MAX. n == 0 is no error and changes
 * nothing. Up to 2^20 vectors or 1 GiB are one commit. Large merges, and with them the graph that
 * makes searches of many vectors fast, are left to magpie_merge. One writer at a time. */
MAGPIE_API magpie_status magpie_space_add_vectors(magpie *ix, const char *space,
                                                  const char *const *ids, const float *vectors,
                                                  size_t n, size_t dim,
                                                  const magpie_vectors_options *options,
                                                  magpie_report *report, magpie_error *err);

/* Adds the rows of a file: NumPy's .npy (f2, f4, f8, i1, u1, i4; two dimensions, C order), .fvecs,
 * .bvecs or .ivecs, mapped and not read into memory. `ids` names a file with an id on each line;
 * NULL: first, first + 1, ... of the options. Checks and answers as magpie_space_add_vectors;
 * FORMAT says of a broken file at which byte and what is expected. */
MAGPIE_API magpie_status magpie_import_vectors(magpie *ix, const char *file, const char *space,
                                               const char *ids,
                                               const magpie_vectors_options *options,
                                               magpie_report *report, magpie_error *err);
/* How many rows of how many numbers such a file has; n and dim may be NULL. Needs no index. */
MAGPIE_API magpie_status magpie_vectors_look(const char *file, size_t *n, size_t *dim,
                                             magpie_error *err);

/* One row of such a file, from 0, as floats. magpie_free it. NOT_FOUND past the last. */
MAGPIE_API magpie_status magpie_vectors_row(const char *file, size_t row, float **values,
                                            size_t *dim, magpie_error *err);

/* Asks `n` vectors of `dim` floats, row after row, of one space (NULL: "vectors"), side by side on
 * all threads. results[i] is what magpie_search gives for row i alone, to the bit; each is yours to
 * destroy. `query` says all but the parts (NULL: the defaults). One that cannot be asked fails the
 * call: INVALID and others name the first, and every result is NULL. `cancel` may be NULL. */
MAGPIE_API magpie_status magpie_search_vectors(magpie *ix, const char *space, const float *vectors,
                                               size_t n, size_t dim, const magpie_query *query,
                                               const volatile int *cancel, magpie_result **results,
                                               magpie_error *err);

typedef struct magpie_ann_options {
  size_t size;
  const char *base, *queries; /* files as magpie_import_vectors reads them */
  const char *truth;          /* rows of the true neighbours' numbers, or NULL: computed */
  size_t k;                   /* neighbours asked for; 0: 10 */
  const char *space;          /* "cosine" (also NULL), "dot" or "l2" */
  int threads;                /* that ask; 0: 1. Indexes are built by as many */
  int runs;                   /* timed, of which the median counts; 0: 3 */
  double seconds;             /* of one of them, about; 0: 1 */
  magpie_progress progress;   /* files are indexes */
  void *progress_context;
  const volatile int *cancel;
} magpie_ann_options;

MAGPIE_API void magpie_ann_options_defaults(magpie_ann_options *options);

/* Builds our indexes on these vectors, in memory (exact scan; scans of codes, the best scored
 * again; graph), and measures how many queries a second they answer at which recall, for rising
 * search widths. JSON
 * {"base":{"rows","dim"},"queries","k","space","threads","runs","truth":"given"|
 * "computed","systems":[{"name","build_s","bytes","points":[{"width","recall","qps"}]}]}: `bytes`
 * beside the f32 rows, recall as ann-benchmarks counts it (neighbours as near as the k-th true
 * one). magpie_free it. INVALID: rows that are not finite, or zero where the space is cosine. */
MAGPIE_API magpie_status magpie_bench_ann(const magpie_ann_options *options, char **json,
                                          magpie_error *err);
/* That JSON as a picture (SVG) of queries a second over recall. magpie_free it. */
MAGPIE_API magpie_status magpie_ann_svg(const char *json, char **svg, magpie_error *err);

#ifdef __cplusplus
}
#endif
#endif
