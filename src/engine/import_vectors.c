/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_import_vectors: the rows of a mapped file, with ids from the lines of another.
 */
#include "base/base.h"
#include "engine/add_vectors.h"

/* Lines of a text as strings; what they point into is a copy. */
typedef struct id_lines {
  char *text;
  const char **ids;
  size_t count;
} id_lines;

static void id_lines_fini(mgp_alloc *a, id_lines *lines) {
  mgp_free(a, lines->text);
  mgp_free(a, lines->ids);
}

static magpie_status fail_line(const char *file, size_t line, const char *what, magpie_error *err) {
  const magpie_status status = mgp_fail(err, MAGPIE_FORMAT, "%s:%zu: %s", file, line, what);
  mgp_fail_place(err, "%s:%zu", file, line);
  return status;
}

static size_t count_lines(const mgp_map *map) {
  size_t count = 0;
  for (size_t i = 0; i < map->size; i++) count += map->data[i] == '\n';
  return count + (map->size > 0 && map->data[map->size - 1] != '\n');
}

static magpie_status cut_lines(const char *file, size_t size, id_lines *lines, magpie_error *err) {
  char *at = lines->text, *end = lines->text + size;
  for (size_t i = 0; i < lines->count; i++) {
    char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    if (memchr(at, '\0', (size_t)(stop - at)))
      return fail_line(file, i + 1, "a NUL byte in an id", err);
    lines->ids[i] = at;
    *stop = '\0';
    if (stop > at && stop[-1] == '\r') stop[-1] = '\0';
    at = stop + 1;
  }
  return MAGPIE_OK;
}

static magpie_status read_map(mgp_alloc *a, const char *file, const mgp_map *map, size_t expected,
                              id_lines *lines, magpie_error *err) {
  lines->count = count_lines(map);
  MGP_RETURN_IF(lines->count != expected, err, MAGPIE_FORMAT,
                "%s: %zu ids for %zu vectors: one a line is expected", file, lines->count,
                expected);
  lines->text = mgp_malloc(a, map->size + 1);
  lines->ids = mgp_calloc(a, lines->count, sizeof *lines->ids);
  MGP_RETURN_IF(!lines->text || !lines->ids, err, MAGPIE_NO_MEMORY, "no memory for the ids of %s",
                file);
  memcpy(lines->text, map->data, map->size);
  return cut_lines(file, map->size, lines, err);
}

static magpie_status read_ids(mgp_alloc *a, const char *file, size_t expected, id_lines *lines,
                              magpie_error *err) {
  mgp_map map = {0};
  MGP_FORWARD(mgp_map_open(file, &map, err));
  const magpie_status status = read_map(a, file, &map, expected, lines, err);
  mgp_map_close(&map);
  return status;
}

static magpie_status import_matrix(magpie *ix, const mgp_matrix *rows, const char *file,
                                   const char *space, const char *ids_file,
                                   const magpie_vectors_options *options, magpie_report *report,
                                   magpie_error *err) {
  id_lines lines = {0};
  magpie_vectors_options taken;
  magpie_vectors_options_defaults(&taken);
  MGP_RETURN_IF(options && options->size < sizeof taken, err, MAGPIE_INVALID,
                "options.size is %zu, expected %zu; use magpie_vectors_options_defaults",
                options->size, sizeof taken);
  if (options) taken = *options;
  taken.numbers = NULL; /* of how many rows, only the file knows */
  char *shown = taken.title ? NULL : mgp_path_escape(ix->alloc, mgp_path_name(file));
  if (shown) taken.title = shown;
  magpie_status status = ids_file ? read_ids(ix->alloc, ids_file, rows->n, &lines, err) : MAGPIE_OK;
  if (status == MAGPIE_OK)
    status = mgp_vectors_add(ix, space, lines.ids, rows, file, &taken, report, err);
  id_lines_fini(ix->alloc, &lines);
  mgp_free(ix->alloc, shown);
  return status;
}

magpie_status magpie_import_vectors(magpie *ix, const char *file, const char *space,
                                    const char *ids, const magpie_vectors_options *options,
                                    magpie_report *report, magpie_error *err) {
  MGP_RETURN_IF(!ix || !file, err, MAGPIE_INVALID, "magpie_import_vectors: an argument is NULL");
  mgp_matrix_file matrix;
  MGP_FORWARD(mgp_matrix_file_open(file, &matrix, err));
  const magpie_status status =
      import_matrix(ix, &matrix.matrix, file, space, ids, options, report, err);
  mgp_matrix_file_close(&matrix);
  return status;
}

magpie_status magpie_vectors_look(const char *file, size_t *n, size_t *dim, magpie_error *err) {
  MGP_RETURN_IF(!file, err, MAGPIE_INVALID, "magpie_vectors_look: an argument is NULL");
  mgp_matrix_file matrix;
  MGP_FORWARD(mgp_matrix_file_open(file, &matrix, err));
  if (n) *n = matrix.matrix.n;
  if (dim) *dim = matrix.matrix.dim;
  mgp_matrix_file_close(&matrix);
  return MAGPIE_OK;
}

magpie_status magpie_vectors_row(const char *file, size_t row, float **values, size_t *dim,
                                 magpie_error *err) {
  MGP_RETURN_IF(!file || !values || !dim, err, MAGPIE_INVALID,
                "magpie_vectors_row: an argument is NULL");
  *values = NULL;
  mgp_matrix_file f;
  MGP_FORWARD(mgp_matrix_file_open(file, &f, err));
  magpie_status status = MAGPIE_OK;
  if (row >= f.matrix.n)
    status = mgp_fail(err, MAGPIE_NOT_FOUND, "%s has %zu rows: there is no row %zu", file,
                      f.matrix.n, row);
  else *values = mgp_calloc(NULL, f.matrix.dim, sizeof **values);
  if (*values) {
    mgp_matrix_row(&f.matrix, row, *values);
    *dim = f.matrix.dim;
  } else if (status == MAGPIE_OK) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a row of %s", file);
  }
  mgp_matrix_file_close(&f);
  return status;
}
