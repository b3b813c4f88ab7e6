/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of a row of JSON Lines, with the line named when they are not what a measure needs.
 */
#include <math.h>

#include "eval/row_measures.h"

#define RESAMPLES 10000
#define RESAMPLES_MIN 1000
#define DRAWS 200000000 /* about half a second; larger n needs fewer resamples */
#define SEED 1

magpie_status mgp_tally_texts(const mgp_json_lines *at, const json_t *row, const char *field,
                              size_t least, const char ***out, size_t *count, magpie_error *err) {
  const json_t *list = json_object_get(row, field);
  *count = json_array_size(list);
  if (!json_is_array(list) || *count < least)
    return mgp_json_lines_fail(at, err, "\"%s\" is expected to be a list of at least %zu texts",
                               field, least);
  *out = mgp_calloc(NULL, *count + 1, sizeof **out);
  MGP_RETURN_IF(!*out, err, MAGPIE_NO_MEMORY, "no memory for %zu texts", *count);
  for (size_t i = 0; i < *count; i++) {
    (*out)[i] = json_string_value(json_array_get(list, i));
    if ((*out)[i]) continue;
    mgp_free(NULL, (void *)*out);
    *out = NULL;
    return mgp_json_lines_fail(at, err, "\"%s\" number %zu is not a text", field, i + 1);
  }
  return MAGPIE_OK;
}

magpie_status mgp_tally_text(const mgp_json_lines *at, const json_t *row, const char *field,
                             const char **out, magpie_error *err) {
  *out = json_string_value(json_object_get(row, field));
  if (*out) return MAGPIE_OK;
  return mgp_json_lines_fail(at, err, "\"%s\" is expected to be a text", field);
}

magpie_status mgp_tally_number(const mgp_json_lines *at, const json_t *row, const char *field,
                               double *out, magpie_error *err) {
  const json_t *value = json_object_get(row, field);
  *out = json_number_value(value);
  if (json_is_boolean(value)) *out = json_is_true(value);
  else if (!json_is_number(value) || !(fabs(*out) <= MGP_VALUE_MAX))
    return mgp_json_lines_fail(at, err, "\"%s\" is expected to be a number of at most %g", field,
                               MGP_VALUE_MAX);
  return MAGPIE_OK;
}

magpie_status mgp_tally_label(const mgp_json_lines *at, const json_t *row, const char *field,
                              unsigned char *out, magpie_error *err) {
  double value = -1;
  MGP_FORWARD(mgp_tally_number(at, row, field, &value, err));
  if (value != 0 && value != 1)
    return mgp_json_lines_fail(at, err, "\"%s\" is expected to be 0 or 1", field);
  *out = value == 1;
  return MAGPIE_OK;
}

magpie_status mgp_tally_id(mgp_id_table *ids, const mgp_json_lines *at, const json_t *value,
                           const char *field, uint32_t *out, magpie_error *err) {
  char digits[32];
  const char *text = json_string_value(value);
  size_t size = json_string_length(value);
  if (json_is_integer(value)) {
    size = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    text = digits;
  }
  if (!text || size == 0 || size > MGP_ID_SIZE_MAX)
    return mgp_json_lines_fail(at, err,
                               "\"%s\" is expected to be an id: a text of 1 to %d bytes or a whole "
                               "number",
                               field, MGP_ID_SIZE_MAX);
  const mgp_id *id = NULL;
  MGP_FORWARD(mgp_id_table_intern(ids, text, size, &id, err));
  *out = id->number;
  return MAGPIE_OK;
}

/* ---- what is kept ------------------------------------------------------------------------ */

static magpie_status no_room(const mgp_tally_measure *m, size_t count, magpie_error *err) {
  MGP_RETURN_IF(count >= MGP_VALUES_MAX, err, MAGPIE_LIMIT, "%s: more than %d values", m->file,
                MGP_VALUES_MAX);
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the values of %s", m->file);
}

magpie_status mgp_tally_keep_value(mgp_tally_measure *m, double value, magpie_error *err) {
  if (m->value_count >= MGP_VALUES_MAX ||
      !MGP_GROW(NULL, m->values, m->value_capacity, m->value_count + 1))
    return no_room(m, m->value_count, err);
  m->values[m->value_count++] = value;
  return MAGPIE_OK;
}

magpie_status mgp_tally_keep_label(mgp_tally_measure *m, unsigned char label, magpie_error *err) {
  if (m->label_count >= MGP_VALUES_MAX ||
      !MGP_GROW(NULL, m->labels, m->label_capacity, m->label_count + 1))
    return no_room(m, m->label_count, err);
  m->labels[m->label_count++] = label;
  return MAGPIE_OK;
}

magpie_status mgp_tally_keep_group(mgp_tally_measure *m, uint64_t group, magpie_error *err) {
  if (m->group_count >= MGP_VALUES_MAX ||
      !MGP_GROW(NULL, m->groups, m->group_capacity, m->group_count + 1))
    return no_room(m, m->group_count, err);
  m->groups[m->group_count++] = group;
  return MAGPIE_OK;
}

/* ---- what is said ------------------------------------------------------------------------ */

magpie_status mgp_tally_put_value(json_t *entry, double value, size_t n, magpie_error *err) {
  const int failed = json_object_set_new(entry, "value", json_real(value)) |
                     json_object_set_new(entry, "n", json_integer((json_int_t)n));
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for a value");
  return MAGPIE_OK;
}

magpie_status mgp_tally_put_mean(json_t *entry, const double *values, size_t n, magpie_error *err) {
  double low = 0, high = 0;
  uint64_t rounds = n > DRAWS / RESAMPLES ? DRAWS / n : RESAMPLES;
  if (rounds < RESAMPLES_MIN) rounds = RESAMPLES_MIN;
  MGP_FORWARD(magpie_bootstrap_mean(values, n, 0, rounds, SEED, &low, &high, err));
  MGP_FORWARD(mgp_tally_put_value(entry, mgp_mean(values, n), n, err));
  const int failed = json_object_set_new(entry, "low", json_real(low)) |
                     json_object_set_new(entry, "high", json_real(high));
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for an interval");
  return MAGPIE_OK;
}
