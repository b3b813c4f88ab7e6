/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_measure_rows inside: a measure gathers what it needs of each row, then says its value.
 */
#ifndef MGP_EVAL_ROW_MEASURES_H
#define MGP_EVAL_ROW_MEASURES_H

#include "eval/measures.h"
#include "eval/ranked.h"

#define MGP_TALLY_MODALITIES_MAX 8
#define MGP_TALLY_SUBSETS_MAX (1 << MGP_TALLY_MODALITIES_MAX)

typedef struct mgp_tally_measure mgp_tally_measure;

typedef struct mgp_tally_kind {
  const char *name;
  const char *parameter; /* what stands behind "@"; NULL: nothing does */
  magpie_status (*add)(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                       magpie_error *err);
  magpie_status (*finish)(mgp_tally_measure *m, json_t *entry, magpie_error *err);
  magpie_status (*answer)(const char *, const char *const *, size_t, double *, magpie_error *);
} mgp_tally_kind;

/* A growing array of numbers of ids or of offsets into one. */
typedef struct mgp_numbers {
  uint32_t *items;
  size_t count, capacity;
} mgp_numbers;
typedef struct mgp_offsets {
  size_t *items;
  size_t count, capacity;
} mgp_offsets;

struct mgp_tally_measure {
  const mgp_tally_kind *kind;
  const char *name, *file;
  size_t parameter;
  double *values; /* value_count of them: one a row, or `width` a row */
  size_t value_count, value_capacity, width;
  unsigned char *labels;
  size_t label_count, label_capacity;
  uint64_t *groups; /* numbers of ids */
  size_t group_count, group_capacity;
  mgp_id_table ids; /* of groups, pairs, choices, modalities or documents */
  /* PMRP */
  mgp_id_table label_ids;
  mgp_numbers ranking, query_labels, document_labels, documents; /* the last: which were given */
  mgp_offsets ranking_ends, query_label_ends, document_label_ends;
};

/* ---- fields of a row (row_fields.c) ------------------------------------------------------ */

/* A list of texts that live as long as the row; *out is to mgp_free. */
magpie_status mgp_tally_texts(const mgp_json_lines *at, const json_t *row, const char *field,
                              size_t least, const char ***out, size_t *count, magpie_error *err);
magpie_status mgp_tally_text(const mgp_json_lines *at, const json_t *row, const char *field,
                             const char **out, magpie_error *err);
magpie_status mgp_tally_number(const mgp_json_lines *at, const json_t *row, const char *field,
                               double *out, magpie_error *err);
/* true, false, 1 or 0 */
magpie_status mgp_tally_label(const mgp_json_lines *at, const json_t *row, const char *field,
                              unsigned char *out, magpie_error *err);
/* The number of an id, which is a text that is not empty or a whole number. */
magpie_status mgp_tally_id(mgp_id_table *ids, const mgp_json_lines *at, const json_t *value,
                           const char *field, uint32_t *out, magpie_error *err);

magpie_status mgp_tally_keep_value(mgp_tally_measure *m, double value, magpie_error *err);
magpie_status mgp_tally_keep_label(mgp_tally_measure *m, unsigned char label, magpie_error *err);
magpie_status mgp_tally_keep_group(mgp_tally_measure *m, uint64_t group, magpie_error *err);

/* "value", "low", "high" and "n" of a mean. */
magpie_status mgp_tally_put_mean(json_t *entry, const double *values, size_t n, magpie_error *err);
magpie_status mgp_tally_put_value(json_t *entry, double value, size_t n, magpie_error *err);

/* ---- PMRP (row_pmrp.c) ------------------------------------------------------------------- */

magpie_status mgp_tally_pmrp_add(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                                 magpie_error *err);
magpie_status mgp_tally_pmrp_finish(mgp_tally_measure *m, json_t *entry, magpie_error *err);

#endif
