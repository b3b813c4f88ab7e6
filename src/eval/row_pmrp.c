/* SPDX-License-Identifier: Apache-2.0
 *
 * PMRP from rows: queries {"ranking","labels"} and documents {"document","labels"}, in any order.
 */
#include "eval/row_measures.h"

#define LABEL_CELLS_MAX ((size_t)1 << 32)

static magpie_status push(mgp_numbers *list, uint32_t number, magpie_error *err) {
  MGP_RETURN_IF(list->count >= MGP_VALUES_MAX, err, MAGPIE_LIMIT, "more than %d ids",
                MGP_VALUES_MAX);
  MGP_RETURN_IF(!MGP_GROW(NULL, list->items, list->capacity, list->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for %zu ids", list->count);
  list->items[list->count++] = number;
  return MAGPIE_OK;
}

static magpie_status push_end(mgp_offsets *list, size_t end, magpie_error *err) {
  MGP_RETURN_IF(!MGP_GROW(NULL, list->items, list->capacity, list->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for %zu rows", list->count);
  list->items[list->count++] = end;
  return MAGPIE_OK;
}

/* Appends the ids of a list, and where they end. */
static magpie_status add_ids(mgp_id_table *ids, const mgp_json_lines *at, const json_t *row,
                             const char *field, mgp_numbers *list, mgp_offsets *ends,
                             magpie_error *err) {
  const json_t *items = json_object_get(row, field);
  if (!json_is_array(items))
    return mgp_json_lines_fail(at, err, "\"%s\" is expected to be a list of ids", field);
  for (size_t i = 0; i < json_array_size(items); i++) {
    uint32_t number = 0;
    MGP_FORWARD(mgp_tally_id(ids, at, json_array_get(items, i), field, &number, err));
    MGP_FORWARD(push(list, number, err));
  }
  return push_end(ends, list->count, err);
}

static magpie_status add_document(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                                  magpie_error *err) {
  uint32_t number = 0;
  MGP_FORWARD(
      mgp_tally_id(&m->ids, at, json_object_get(row, "document"), "document", &number, err));
  while (m->documents.count <= number) MGP_FORWARD(push(&m->documents, 0, err));
  if (m->documents.items[number])
    return mgp_json_lines_fail(at, err, "the document comes a second time");
  MGP_FORWARD(
      add_ids(&m->label_ids, at, row, "labels", &m->document_labels, &m->document_label_ends, err));
  m->documents.items[number] = (uint32_t)m->document_label_ends.count; /* its row, from 1 */
  return MAGPIE_OK;
}

magpie_status mgp_tally_pmrp_add(mgp_tally_measure *m, const mgp_json_lines *at, const json_t *row,
                                 magpie_error *err) {
  if (json_object_get(row, "document")) return add_document(m, at, row, err);
  if (!json_object_get(row, "ranking"))
    return mgp_json_lines_fail(at, err, "\"ranking\" (a query) or \"document\" is expected");
  MGP_FORWARD(add_ids(&m->ids, at, row, "ranking", &m->ranking, &m->ranking_ends, err));
  return add_ids(&m->label_ids, at, row, "labels", &m->query_labels, &m->query_label_ends, err);
}

/* Multi-hot rows of the lists of labels. */
static magpie_status spread(const mgp_numbers *labels, const mgp_offsets *ends, size_t bits,
                            unsigned char **out, magpie_error *err) {
  size_t size = 0;
  MGP_FORWARD(mgp_check_product(ends->count, bits, &size, err));
  MGP_RETURN_IF(size > LABEL_CELLS_MAX, err, MAGPIE_LIMIT, "%zu rows x %zu labels are too many",
                ends->count, bits);
  *out = mgp_calloc(NULL, size + 1, 1);
  MGP_RETURN_IF(!*out, err, MAGPIE_NO_MEMORY, "no memory for %zu x %zu labels", ends->count, bits);
  for (size_t row = 0, i = 0; row < ends->count; row++)
    for (; i < ends->items[row]; i++) (*out)[row * bits + labels->items[i]] = 1;
  return MAGPIE_OK;
}

/* From numbers of ids to rows of documents. */
static magpie_status resolve(mgp_tally_measure *m, magpie_error *err) {
  for (size_t i = 0; i < m->ranking.count; i++) {
    const uint32_t number = m->ranking.items[i];
    const uint32_t row = number < m->documents.count ? m->documents.items[number] : 0;
    MGP_RETURN_IF(row == 0, err, MAGPIE_FORMAT,
                  "%s: document \"%.200s\" is ranked, but has no row with its labels", m->file,
                  m->ids.ids[number]->text);
    m->ranking.items[i] = row - 1;
  }
  return MAGPIE_OK;
}

magpie_status mgp_tally_pmrp_finish(mgp_tally_measure *m, json_t *entry, magpie_error *err) {
  const size_t n = m->ranking_ends.count, bits = m->label_ids.count;
  unsigned char *queries = NULL, *documents = NULL;
  size_t *offset = NULL;
  double value = 0;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(resolve(m, err));
  MGP_TRY(spread(&m->query_labels, &m->query_label_ends, bits, &queries, err));
  MGP_TRY(spread(&m->document_labels, &m->document_label_ends, bits, &documents, err));
  offset = mgp_calloc(NULL, n + 1, sizeof *offset);
  if (!offset) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu queries", n));
  for (size_t i = 0; i < n; i++) offset[i + 1] = m->ranking_ends.items[i];
  MGP_TRY(mgp_pmrp_rows(m->ranking.items, offset, n, m->document_label_ends.count, queries,
                        documents, bits, &value, err));
  status = mgp_tally_put_value(entry, value, n, err);
done:
  mgp_free(NULL, offset);
  mgp_free(NULL, queries);
  mgp_free(NULL, documents);
  return status;
}
