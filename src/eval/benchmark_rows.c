/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of JSON Lines with the strictness that benchmarks need: a member of another type than its
 * layout gives it is an error with file and line, never a guess.
 */
#include "eval/benchmark.h"

magpie_status mgp_rows_each(magpie_benchmark *b, const char *file, mgp_row_read *read,
                            magpie_error *err) {
  mgp_map map = {0};
  mgp_json_lines lines;
  json_t *row = NULL;
  size_t rows = 0;
  MGP_FORWARD(mgp_map_open(file, &map, err));
  mgp_json_lines_init(&lines, file, map.data ? (const char *)map.data : "", map.size);
  magpie_status status = mgp_json_lines_next(&lines, &row, err);
  for (; status == MAGPIE_OK && row; rows++) {
    status = read(b, &lines, row, err);
    json_decref(row);
    row = NULL;
    if (status == MAGPIE_OK) status = mgp_json_lines_next(&lines, &row, err);
  }
  mgp_map_close(&map);
  if (status == MAGPIE_OK && rows == 0)
    return mgp_fail(err, MAGPIE_FORMAT, "%s: no rows; one JSON object a line is expected", file);
  return status;
}

magpie_status mgp_value_id(const mgp_json_lines *lines, const json_t *value, const char *what,
                           char room[MGP_ROW_NUMBER], const char **id, magpie_error *err) {
  if (json_is_integer(value)) {
    snprintf(room, MGP_ROW_NUMBER, "%lld", (long long)json_integer_value(value));
    *id = room;
    return MAGPIE_OK;
  }
  if (!json_is_string(value))
    return mgp_json_lines_fail(lines, err, "\"%s\": an id is a string or a whole number", what);
  size_t size = 0;
  magpie_error said = {0};
  *id = json_string_value(value);
  if (mgp_id_check(what, *id, &size, &said) != MAGPIE_OK)
    return mgp_json_lines_fail(lines, err, "%s", said.message);
  return MAGPIE_OK;
}

magpie_status mgp_row_id(const mgp_json_lines *lines, const json_t *row, const char *name,
                         char room[MGP_ROW_NUMBER], const char **id, magpie_error *err) {
  const json_t *value = json_object_get(row, name);
  if (!value) return mgp_json_lines_fail(lines, err, "the row has no \"%s\"", name);
  return mgp_value_id(lines, value, name, room, id, err);
}

magpie_status mgp_row_text(const mgp_json_lines *lines, const json_t *row, const char *name,
                           const char **text, magpie_error *err) {
  const json_t *value = json_object_get(row, name);
  *text = json_string_value(value);
  if (*text || !value || json_is_null(value)) return MAGPIE_OK;
  return mgp_json_lines_fail(lines, err, "\"%s\" must be a string", name);
}

magpie_status mgp_row_path(const mgp_json_lines *lines, const json_t *row, const char *name,
                           const char **path, magpie_error *err) {
  MGP_FORWARD(mgp_row_text(lines, row, name, path, err));
  if (*path && !**path) *path = NULL;
  return MAGPIE_OK;
}

magpie_status mgp_row_array(const mgp_json_lines *lines, const json_t *row, const char *name,
                            const json_t **array, magpie_error *err) {
  const json_t *value = json_object_get(row, name);
  *array = json_is_array(value) ? value : NULL;
  if (*array || !value || json_is_null(value)) return MAGPIE_OK;
  return mgp_json_lines_fail(lines, err, "\"%s\" must be an array", name);
}

magpie_status mgp_row_metadata(const mgp_json_lines *lines, const json_t *row,
                               const json_t **metadata, magpie_error *err) {
  const json_t *value = json_object_get(row, "metadata");
  *metadata = json_is_object(value) ? value : NULL;
  if (*metadata || !value || json_is_null(value)) return MAGPIE_OK;
  return mgp_json_lines_fail(lines, err, "\"metadata\" must be an object");
}
