/* SPDX-License-Identifier: Apache-2.0
 *
 * Judgements: by query, in the order given, and one hash table of all pairs, so that the gain of a
 * hit costs one probe.
 */
#include "eval/ranked.h"

#define FIRST_SLOTS 64

magpie_status mgp_qrels_create_in(mgp_alloc *a, magpie_qrels **out, magpie_error *err) {
  magpie_qrels *q = mgp_calloc(a, 1, sizeof *q);
  MGP_RETURN_IF(!q, err, MAGPIE_NO_MEMORY, "no memory for judgements");
  q->alloc = a;
  magpie_status status = mgp_id_table_init(&q->queries, a, err);
  if (status == MAGPIE_OK) status = mgp_id_table_init(&q->documents, a, err);
  if (status == MAGPIE_OK) *out = q;
  else magpie_qrels_destroy(q);
  return status;
}

magpie_status magpie_qrels_create(magpie_qrels **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "qrels: out is NULL");
  *out = NULL;
  return mgp_qrels_create_in(NULL, out, err);
}

void magpie_qrels_destroy(magpie_qrels *qrels) {
  if (!qrels) return;
  mgp_alloc *a = qrels->alloc;
  for (size_t i = 0; i < qrels->queries.count && i < qrels->capacity; i++) {
    mgp_free(a, qrels->items[i].documents);
    mgp_free(a, qrels->items[i].gains);
  }
  mgp_free(a, qrels->items);
  mgp_free(a, qrels->slots);
  mgp_id_table_fini(&qrels->queries);
  mgp_id_table_fini(&qrels->documents);
  mgp_free(a, qrels);
}

/* ---- the table of pairs ------------------------------------------------------------------ */

static uint64_t pair_hash(uint32_t query, uint64_t document_hash) {
  const uint64_t mixed = (document_hash ^ query) * UINT64_C(0x9E3779B97F4A7C15);
  return mixed ^ mixed >> 32;
}

/* NULL: not judged. */
static const mgp_pair_slot *find_pair(const magpie_qrels *q, uint32_t query,
                                      const mgp_id *document) {
  if (q->slot_count == 0) return NULL;
  const uint64_t hash = pair_hash(query, document->hash);
  for (size_t i = hash & (q->slot_count - 1);; i = (i + 1) & (q->slot_count - 1)) {
    const mgp_pair_slot *slot = &q->slots[i];
    if (slot->index_plus_1 == 0) return NULL;
    if (slot->hash == hash && slot->query == query &&
        strcmp(q->items[query].documents[slot->index_plus_1 - 1], document->text) == 0)
      return slot;
  }
}

bool mgp_qrels_find(const magpie_qrels *qrels, uint32_t query, const mgp_id *document,
                    int64_t *gain) {
  const mgp_pair_slot *slot = find_pair(qrels, query, document);
  if (slot) *gain = qrels->items[query].gains[slot->index_plus_1 - 1];
  return slot != NULL;
}

static void place(mgp_pair_slot *slots, size_t slot_count, mgp_pair_slot pair) {
  size_t i = pair.hash & (slot_count - 1);
  while (slots[i].index_plus_1 != 0) i = (i + 1) & (slot_count - 1);
  slots[i] = pair;
}

static bool make_pair_room(magpie_qrels *q) {
  if ((q->judgement_count + 1) * 2 <= q->slot_count) return true;
  const size_t wanted = q->slot_count ? q->slot_count * 2 : FIRST_SLOTS;
  mgp_pair_slot *slots = mgp_calloc(q->alloc, wanted, sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < q->slot_count; i++)
    if (q->slots[i].index_plus_1 != 0) place(slots, wanted, q->slots[i]);
  mgp_free(q->alloc, q->slots);
  q->slots = slots;
  q->slot_count = wanted;
  return true;
}

/* ---- adding ------------------------------------------------------------------------------ */

/* The query's number; its record is there before its id is, so that the two never disagree. */
static magpie_status intern_query(magpie_qrels *q, const char *query, size_t size, uint32_t *number,
                                  magpie_error *err) {
  const size_t before = q->queries.count;
  MGP_RETURN_IF(!MGP_GROW(q->alloc, q->items, q->capacity, before + 1), err, MAGPIE_NO_MEMORY,
                "no memory for the judgements of %zu queries", before + 1);
  const mgp_id *id = NULL;
  MGP_FORWARD(mgp_id_table_intern(&q->queries, query, size, &id, err));
  if (q->queries.count > before) q->items[id->number] = (mgp_judged_query){0};
  *number = id->number;
  return MAGPIE_OK;
}

/* Ids are checked. A pair judged again the same is taken once. */
static magpie_status put(magpie_qrels *q, mgp_trec_field query, mgp_trec_field document,
                         int64_t gain, magpie_error *err) {
  MGP_RETURN_IF(gain < -MGP_GAIN_MAX || gain > MGP_GAIN_MAX, err, MAGPIE_INVALID,
                "the gain %lld is outside %d to %d", (long long)gain, -MGP_GAIN_MAX, MGP_GAIN_MAX);
  uint32_t number = 0;
  const mgp_id *id = NULL;
  MGP_FORWARD(mgp_id_table_intern(&q->documents, document.text, document.size, &id, err));
  const mgp_id *known = mgp_id_table_find(&q->queries, query.text, query.size);
  const mgp_pair_slot *again = known ? find_pair(q, known->number, id) : NULL;
  if (again) {
    const int64_t before = q->items[known->number].gains[again->index_plus_1 - 1];
    MGP_RETURN_IF(before != gain, err, MAGPIE_INVALID,
                  "document %.100s of query %.100s is judged twice: gain %lld, then %lld", id->text,
                  known->text, (long long)before, (long long)gain);
    return MAGPIE_OK;
  }
  MGP_RETURN_IF(!make_pair_room(q), err, MAGPIE_NO_MEMORY, "no memory for %zu judgements",
                q->judgement_count + 1);
  MGP_FORWARD(intern_query(q, query.text, query.size, &number, err));
  mgp_judged_query *item = &q->items[number];
  MGP_RETURN_IF(!MGP_GROW(q->alloc, item->documents, item->capacity, item->count + 1) ||
                    !MGP_GROW(q->alloc, item->gains, item->gain_capacity, item->count + 1),
                err, MAGPIE_NO_MEMORY, "no memory for %zu judgements", q->judgement_count + 1);
  item->documents[item->count] = id->text;
  item->gains[item->count++] = gain;
  q->judgement_count++;
  place(q->slots, q->slot_count,
        (mgp_pair_slot){.hash = pair_hash(number, id->hash),
                        .query = number,
                        .index_plus_1 = (uint32_t)item->count});
  return MAGPIE_OK;
}

magpie_status magpie_qrels_add(magpie_qrels *qrels, const char *query, const char *document,
                               int64_t gain, magpie_error *err) {
  MGP_RETURN_IF(!qrels, err, MAGPIE_INVALID, "qrels: NULL was given");
  mgp_trec_field q = {.text = query}, d = {.text = document};
  MGP_FORWARD(mgp_id_check("query", query, &q.size, err));
  MGP_FORWARD(mgp_id_check("document", document, &d.size, err));
  return put(qrels, q, d, gain, err);
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool is_beir_header(const mgp_trec_lines *lines) {
  static const char *const names[] = {"query-id", "corpus-id", "score"};
  if (lines->count != 3) return false;
  for (size_t i = 0; i < 3; i++) {
    const mgp_trec_field f = lines->fields[i];
    if (f.size != strlen(names[i]) || memcmp(f.text, names[i], f.size) != 0) return false;
  }
  return true;
}

static magpie_status put_line(magpie_qrels *q, const mgp_trec_lines *lines, bool is_beir,
                              magpie_error *err) {
  const size_t wanted = is_beir ? 3 : 4;
  if (lines->count != wanted)
    return mgp_trec_fail(lines, err, "%zu columns, expected %zu (%s); ids have no spaces",
                         lines->count, wanted,
                         is_beir ? "query document gain, after the header of a BEIR file"
                                 : "query iteration document gain; a BEIR file begins with "
                                   "\"query-id corpus-id score\"");
  const mgp_trec_field text = lines->fields[wanted - 1];
  int64_t gain = 0;
  if (!mgp_trec_integer(text, &gain))
    return mgp_trec_fail(lines, err, "the gain \"%.*s\" is not a whole number", MGP_FIELD(text));
  magpie_error said = {0};
  const magpie_status status = put(q, lines->fields[0], lines->fields[wanted - 2], gain, &said);
  return status == MAGPIE_OK ? MAGPIE_OK : mgp_trec_refuse(lines, status, &said, err);
}

magpie_status mgp_qrels_read_in(mgp_alloc *a, const char *file, magpie_qrels **out,
                                magpie_error *err) {
  mgp_trec_lines lines = {0};
  magpie_qrels *q = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_trec_open(file, &lines, err));
  MGP_TRY(mgp_qrels_create_in(a, &q, err));
  bool more = false;
  MGP_TRY(mgp_trec_next(&lines, &more, err));
  const bool is_beir = more && is_beir_header(&lines);
  if (is_beir) MGP_TRY(mgp_trec_next(&lines, &more, err));
  while (more) {
    MGP_TRY(put_line(q, &lines, is_beir, err));
    MGP_TRY(mgp_trec_next(&lines, &more, err));
  }
  *out = q;
done:
  mgp_trec_close(&lines);
  if (status != MAGPIE_OK) magpie_qrels_destroy(q);
  return status;
}

magpie_status magpie_qrels_read(const char *file, magpie_qrels **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "qrels: out is NULL");
  *out = NULL;
  return mgp_qrels_read_in(NULL, file, out, err);
}

/* ---- writing and asking ------------------------------------------------------------------ */

magpie_status magpie_qrels_write(const magpie_qrels *qrels, const char *file, magpie_error *err) {
  MGP_RETURN_IF(!qrels, err, MAGPIE_INVALID, "qrels: NULL was given");
  mgp_buffer text;
  mgp_buffer_init(&text, qrels->alloc);
  for (size_t i = 0; i < qrels->queries.count; i++)
    for (size_t j = 0; j < qrels->items[i].count; j++)
      mgp_buffer_printf(&text, "%s 0 %s %lld\n", qrels->queries.ids[i]->text,
                        qrels->items[i].documents[j], (long long)qrels->items[i].gains[j]);
  return mgp_trec_write(file, &text, err);
}

size_t magpie_qrels_query_count(const magpie_qrels *qrels) {
  return qrels ? qrels->queries.count : 0;
}

size_t magpie_qrels_judgement_count(const magpie_qrels *qrels) {
  return qrels ? qrels->judgement_count : 0;
}

const char *magpie_qrels_query(const magpie_qrels *qrels, size_t index) {
  return qrels && index < qrels->queries.count ? qrels->queries.ids[index]->text : NULL;
}

static const mgp_id *find_query(const magpie_qrels *qrels, const char *query) {
  return qrels && query ? mgp_id_table_find(&qrels->queries, query, strlen(query)) : NULL;
}

size_t magpie_qrels_documents(const magpie_qrels *qrels, const char *query,
                              const char *const **documents, const int64_t **gains) {
  const mgp_id *id = find_query(qrels, query);
  const mgp_judged_query *item = id ? &qrels->items[id->number] : NULL;
  if (documents) *documents = item ? item->documents : NULL;
  if (gains) *gains = item ? item->gains : NULL;
  return item ? item->count : 0;
}

bool magpie_qrels_gain(const magpie_qrels *qrels, const char *query, const char *document,
                       int64_t *gain) {
  const mgp_id *id = find_query(qrels, query);
  if (!id || !document) return false;
  const mgp_id *judged = mgp_id_table_find(&qrels->documents, document, strlen(document));
  int64_t found = 0;
  if (!judged || !mgp_qrels_find(qrels, id->number, judged, &found)) return false;
  if (gain) *gain = found;
  return true;
}
