/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors from files, and the measures of two such files in one go.
 */
#include <math.h>

#include "eval/measures.h"

void mgp_vectors_fini(mgp_vectors *v) {
  mgp_free(NULL, v->rows);
  *v = (mgp_vectors){0};
}

/* ---- reading ----------------------------------------------------------------------------- */

static magpie_status add_row(const mgp_json_lines *lines, const json_t *row, mgp_vectors *v,
                             size_t *capacity, magpie_error *err) {
  const json_t *vector = json_object_get(row, "vector");
  const size_t dim = json_array_size(vector);
  if (dim == 0 || dim > MGP_DIMENSIONS_MAX)
    return mgp_json_lines_fail(lines, err, "{\"vector\":[numbers]} is expected");
  if (v->n > 0 && dim != v->dim)
    return mgp_json_lines_fail(lines, err, "a vector of %zu numbers after vectors of %zu", dim,
                               v->dim);
  v->dim = dim;
  MGP_RETURN_IF(v->n == MGP_VALUES_MAX, err, MAGPIE_LIMIT, "%s: more than %d vectors", lines->file,
                MGP_VALUES_MAX);
  MGP_RETURN_IF(!MGP_GROW(NULL, v->rows, *capacity, (v->n + 1) * dim), err, MAGPIE_NO_MEMORY,
                "no memory for the vectors of %s", lines->file);
  for (size_t j = 0; j < dim; j++) {
    const json_t *number = json_array_get(vector, j);
    const float value = (float)json_number_value(number);
    if (!json_is_number(number) || !isfinite(value))
      return mgp_json_lines_fail(lines, err, "number %zu of the vector is not a finite float",
                                 j + 1);
    v->rows[v->n * dim + j] = value;
  }
  v->n++;
  return MAGPIE_OK;
}

magpie_status mgp_vector_lines_parse(const char *file, const char *data, size_t size,
                                     mgp_vectors *out, magpie_error *err) {
  *out = (mgp_vectors){0};
  mgp_json_lines lines;
  mgp_json_lines_init(&lines, file, data, size);
  size_t capacity = 0;
  json_t *row = NULL;
  magpie_status status = mgp_json_lines_next(&lines, &row, err);
  while (status == MAGPIE_OK && row) {
    status = add_row(&lines, row, out, &capacity, err);
    json_decref(row);
    row = NULL;
    if (status == MAGPIE_OK) status = mgp_json_lines_next(&lines, &row, err);
  }
  if (status == MAGPIE_OK && out->n == 0)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: there are no vectors in the file", file);
  if (status != MAGPIE_OK) mgp_vectors_fini(out);
  return status;
}

magpie_status mgp_vectors_read(const char *file, mgp_vectors *out, magpie_error *err) {
  *out = (mgp_vectors){0};
  MGP_RETURN_IF(!file || !*file, err, MAGPIE_INVALID, "no file of vectors is named");
  mgp_map map;
  MGP_FORWARD(mgp_map_open(file, &map, err));
  magpie_status status = MAGPIE_OK;
  if (map.size == 0)
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: there are no vectors in the file", file);
  else if (map.data[0] == 0x93) status = mgp_npy_parse(file, map.data, map.size, out, err);
  else status = mgp_vector_lines_parse(file, (const char *)map.data, map.size, out, err);
  mgp_map_close(&map);
  return status;
}

/* ---- measuring --------------------------------------------------------------------------- */

/* {"value":…}, or {"value":null,"reason":…} for what these vectors do not allow. */
static magpie_status put(json_t *measures, const char *name, magpie_status status, double value,
                         const magpie_error *why, magpie_error *err) {
  if (status != MAGPIE_OK && status != MAGPIE_INVALID && status != MAGPIE_LIMIT)
    return mgp_fail(err, status, "%s: %.700s", name, why->message);
  json_t *entry = json_object();
  int failed = entry == NULL;
  failed |=
      json_object_set_new(entry, "value", status == MAGPIE_OK ? json_real(value) : json_null());
  if (status != MAGPIE_OK)
    failed |= json_object_set_new(entry, "reason", json_string(why->message));
  failed |= json_object_set_new(measures, name, entry);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for the measures");
  return MAGPIE_OK;
}

/* What the rows must have in common, said as a reason. */
static magpie_status comparable(const mgp_vectors *x, const mgp_vectors *y, bool needs_dim,
                                bool needs_pairs, magpie_error *why) {
  MGP_RETURN_IF(needs_pairs && x->n != y->n, why, MAGPIE_INVALID,
                "%zu rows in the one and %zu in the other file: there are no pairs", x->n, y->n);
  MGP_RETURN_IF(needs_dim && x->dim != y->dim, why, MAGPIE_INVALID,
                "%zu dimensions in the one and %zu in the other file", x->dim, y->dim);
  return MAGPIE_OK;
}

static magpie_status measure_all(const mgp_vectors *x, const mgp_vectors *y, size_t k, json_t *out,
                                 magpie_error *err) {
  magpie_error why = {0};
  double value = 0;
  magpie_status status = comparable(x, y, true, false, &why);
  if (status == MAGPIE_OK)
    status = magpie_modality_gap(x->rows, x->n, y->rows, y->n, x->dim, &value, &why);
  MGP_FORWARD(put(out, "gap", status, value, &why, err));
  status = comparable(x, y, true, true, &why);
  if (status == MAGPIE_OK)
    status = magpie_alignment(x->rows, y->rows, x->n, x->dim, 0, &value, &why);
  MGP_FORWARD(put(out, "alignment", status, value, &why, err));
  status = magpie_uniformity(x->rows, x->n, x->dim, 0, &value, &why);
  MGP_FORWARD(put(out, "uniformity_x", status, value, &why, err));
  status = magpie_uniformity(y->rows, y->n, y->dim, 0, &value, &why);
  MGP_FORWARD(put(out, "uniformity_y", status, value, &why, err));
  char name[40];
  snprintf(name, sizeof name, "mutual_knn@%zu", k);
  status = comparable(x, y, false, true, &why);
  if (status == MAGPIE_OK)
    status = magpie_mutual_knn(x->rows, x->dim, y->rows, y->dim, x->n, k, &value, &why);
  MGP_FORWARD(put(out, name, status, value, &why, err));
  status = comparable(x, y, false, true, &why);
  if (status == MAGPIE_OK)
    status = magpie_linear_cka(x->rows, x->dim, y->rows, y->dim, x->n, &value, &why);
  return put(out, "linear_cka", status, value, &why, err);
}

static json_t *describe(const mgp_vectors *v) {
  return json_pack("{s:I,s:I}", "rows", (json_int_t)v->n, "dimensions", (json_int_t)v->dim);
}

magpie_status magpie_measure_vectors(const char *x_file, const char *y_file, size_t k, char **json,
                                     magpie_error *err) {
  MGP_RETURN_IF(!json, err, MAGPIE_INVALID, "the measures have nowhere to go");
  *json = NULL;
  if (k == 0) k = 10;
  mgp_vectors x = {0}, y = {0};
  json_t *measures = json_object(), *all = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_vectors_read(x_file, &x, err));
  MGP_TRY(mgp_vectors_read(y_file, &y, err));
  MGP_TRY(measure_all(&x, &y, k, measures, err));
  all = json_pack("{s:o,s:o,s:O}", "x", describe(&x), "y", describe(&y), "measures", measures);
  if (!all) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the measures"));
  status = mgp_json_write(all, json, err);
done:
  json_decref(all);
  json_decref(measures);
  mgp_vectors_fini(&x);
  mgp_vectors_fini(&y);
  return status;
}
