/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_add_records: records in memory, for programs that have their texts and vectors already. On
 * the caller's thread: what takes time is the text encoder, which has its own, and the commit.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/record_source.h"

typedef struct adding {
  magpie *ix;
  mgp_ingest *in;
  const magpie_record *records;
  size_t count;
  json_t **metadata;        /* [count], parsed; NULL: none */
  size_t *latest;           /* [count] records by id, the later ones first among equals */
  bool *is_outdone;         /* [count] a later record has the same id */
  mgp_record_state *states; /* [LOOK_AHEAD] of the next records, in order */
} adding;

#define LOOK_AHEAD ((size_t)1024) /* records looked up in one read of the catalog */

static mgp_record record_of(const adding *ad, size_t index) {
  const magpie_record *r = &ad->records[index];
  return (mgp_record){.id = r->id,
                      .text = r->text,
                      .title = r->title,
                      .kind = r->kind,
                      .space = r->space,
                      .vector = r->vector,
                      .dim = r->dim,
                      .metadata = ad->metadata[index]};
}

/* ---- before anything is added -------------------------------------------------------------------
 */

static magpie_status check_vector(const magpie_record *r, magpie_error *err) {
  MGP_RETURN_IF(r->dim == 0 || r->dim > MGP_RECORD_VECTOR_MAX, err, MAGPIE_INVALID,
                "its vector has %zu numbers, 1 to %d are possible", r->dim, MGP_RECORD_VECTOR_MAX);
  float norm = 0;
  for (size_t i = 0; i < r->dim; i++) norm += r->vector[i] * r->vector[i];
  MGP_RETURN_IF(
      !(norm > 0) || !(norm <= MGP_VECTOR_LENGTH_MAX * MGP_VECTOR_LENGTH_MAX), err, MAGPIE_INVALID,
      "its vector has no direction: it is zero, longer than %g, or holds a number that is "
      "not finite",
      MGP_VECTOR_LENGTH_MAX);
  return MAGPIE_OK;
}

static magpie_status check_record(adding *ad, size_t index, magpie_error *err) {
  const magpie_record *r = &ad->records[index];
  MGP_RETURN_IF(!r->id, err, MAGPIE_INVALID, "it has no id");
  const mgp_record record = record_of(ad, index);
  MGP_FORWARD(mgp_record_check_names(&record, err));
  MGP_RETURN_IF(!r->text && !r->vector, err, MAGPIE_INVALID, "it has neither a text nor a vector");
  if (r->vector) MGP_FORWARD(check_vector(r, err));
  if (!r->metadata) return MAGPIE_OK;
  MGP_FORWARD(
      mgp_json_parse("its metadata", r->metadata, strlen(r->metadata), &ad->metadata[index], err));
  MGP_RETURN_IF(!json_is_object(ad->metadata[index]), err, MAGPIE_INVALID,
                "its metadata is no JSON object");
  return MAGPIE_OK;
}

static int by_id(const void *a, const void *b, void *context) {
  const magpie_record *records = context;
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  const int order = strcmp(records[x].id, records[y].id);
  return order ? order : (x < y) - (x > y);
}

/* Marks all but the last of records with one id. */
static void find_outdone(adding *ad) {
  for (size_t i = 0; i < ad->count; i++) ad->latest[i] = i;
  qsort_r(ad->latest, ad->count, sizeof *ad->latest, by_id, (void *)(uintptr_t)ad->records);
  for (size_t i = 1; i < ad->count; i++)
    if (strcmp(ad->records[ad->latest[i]].id, ad->records[ad->latest[i - 1]].id) == 0)
      ad->is_outdone[ad->latest[i]] = true;
}

static magpie_status check_all(adding *ad, magpie_error *err) {
  for (size_t i = 0; i < ad->count; i++) {
    magpie_error why = {0};
    if (check_record(ad, i, &why) == MAGPIE_OK) continue;
    const char *id = ad->records[i].id;
    return mgp_fail(err, why.code == MAGPIE_NO_MEMORY ? why.code : MAGPIE_INVALID,
                    "record %zu of %zu (%s): %s", i + 1, ad->count, id ? id : "without id",
                    why.message);
  }
  find_outdone(ad);
  return MAGPIE_OK;
}

/* ---- adding -------------------------------------------------------------------------------------
 */

static void hash_part(mgp_buffer *b, const void *bytes, size_t size) {
  mgp_buffer_add(b, &size, sizeof size); /* so that no two records have the same parts in a row */
  if (size > 0) mgp_buffer_add(b, bytes, size);
}

static void hash_text(mgp_buffer *b, const char *text) {
  hash_part(b, text ? text : "", text ? strlen(text) + 1 : 0);
}

static magpie_status hash_record(mgp_alloc *a, const magpie_record *r, mgp_hash128 *out,
                                 magpie_error *err) {
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  hash_text(&b, r->id);
  hash_text(&b, r->text);
  hash_text(&b, r->title);
  hash_text(&b, r->kind);
  hash_text(&b, r->metadata);
  hash_text(&b, r->space);
  hash_part(&b, r->vector, r->vector ? r->dim * sizeof *r->vector : 0);
  const bool failed = b.failed;
  if (!failed) *out = mgp_hash128_bytes(b.data, b.size);
  mgp_buffer_fini(&b);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for record %s", r->id);
  return MAGPIE_OK;
}

static magpie_status look_up(adding *ad, size_t index, mgp_record_state *out, magpie_error *err) {
  const magpie_record *r = &ad->records[index];
  *out = (mgp_record_state){.record = r->id};
  return hash_record(ad->ix->alloc, r, &out->hash, err);
}

/* Of the next LOOK_AHEAD records. No two that are added have one id, so that none changes what was
 * read of another. */
static magpie_status look_ahead(adding *ad, size_t first, magpie_error *err) {
  const size_t left = ad->count - first, count = left < LOOK_AHEAD ? left : LOOK_AHEAD;
  for (size_t i = 0; i < count; i++)
    if (look_up(ad, first + i, &ad->states[i], NULL) != MAGPIE_OK)
      ad->states[i].record = ""; /* too large for what memory is left: fails alone, in its turn */
  return mgp_store_record_states(ad->ix->store, ad->states, count, err);
}

static magpie_status fill_source(adding *ad, size_t index, mgp_ingest_source *source, bool *is_same,
                                 magpie_error *err) {
  mgp_alloc *a = ad->ix->alloc;
  const mgp_record record = record_of(ad, index);
  source->sequence = index + 1;
  source->ledger_name = mgp_strdup(a, record.id);
  MGP_RETURN_IF(!source->ledger_name, err, MAGPIE_NO_MEMORY, "no memory for record %s", record.id);
  mgp_record_state *state = &ad->states[index % LOOK_AHEAD];
  if (!state->record[0]) {
    MGP_FORWARD(look_up(ad, index, state, err));
    MGP_FORWARD(mgp_store_record_states(ad->ix->store, state, 1, err));
  }
  source->row.hash = state->hash;
  source->replaces = state->number;
  *is_same = state->is_same;
  if (*is_same) return MAGPIE_OK;
  MGP_FORWARD(mgp_record_name_source(a, source, &record, err));
  return mgp_record_add(ad->in, source, &record, err);
}

static magpie_status add_record(adding *ad, size_t index, magpie_error *err) {
  mgp_ingest_source *source = mgp_ingest_source_create(ad->in);
  MGP_RETURN_IF(!source, err, MAGPIE_NO_MEMORY, "no memory for record %s", ad->records[index].id);
  bool is_same = false;
  magpie_error why = {0};
  const magpie_status status = fill_source(ad, index, source, &is_same, &why);
  if (status == MAGPIE_OK && is_same) {
    mgp_ingest_count_unchanged(ad->in, 0);
    mgp_ingest_source_discard(ad->in, source);
    return MAGPIE_OK;
  }
  return mgp_ingest_source_done(ad->in, source, status, &why, err);
}

static magpie_status add_all(adding *ad, const magpie_add_options *options, magpie_report *report,
                             magpie_error *err) {
  MGP_FORWARD(mgp_ingest_open_records(ad->ix, options, report, &ad->in, err));
  mgp_ingest_totals(ad->in, ad->count, 0);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < ad->count && status == MAGPIE_OK && !mgp_ingest_stopped(ad->in); i++) {
    if (i % LOOK_AHEAD == 0) status = look_ahead(ad, i, err);
    if (status == MAGPIE_OK && !ad->is_outdone[i]) status = add_record(ad, i, err);
  }
  mgp_ingest_report(ad->in)->files_seen = ad->count;
  const magpie_status closed = mgp_ingest_close(ad->in, status == MAGPIE_OK ? err : NULL);
  return status == MAGPIE_OK ? closed : status;
}

magpie_status magpie_add_records(magpie *ix, const magpie_record *records, size_t count,
                                 const magpie_add_options *options, magpie_report *report,
                                 magpie_error *err) {
  MGP_RETURN_IF(!ix || (!records && count > 0), err, MAGPIE_INVALID,
                "magpie_add_records: an argument is NULL");
  adding ad = {.ix = ix, .records = records, .count = count};
  ad.metadata = mgp_calloc(ix->alloc, count + 1, sizeof(json_t *));
  ad.latest = mgp_calloc(ix->alloc, count + 1, sizeof *ad.latest);
  ad.is_outdone = mgp_calloc(ix->alloc, count + 1, sizeof *ad.is_outdone);
  ad.states = mgp_calloc(ix->alloc, LOOK_AHEAD, sizeof *ad.states);
  magpie_status status = ad.metadata && ad.latest && ad.is_outdone && ad.states
                             ? check_all(&ad, err)
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu records", count);
  if (status == MAGPIE_OK) status = add_all(&ad, options, report, err);
  for (size_t i = 0; ad.metadata && i < count; i++) json_decref(ad.metadata[i]);
  mgp_free(ix->alloc, ad.metadata);
  mgp_free(ix->alloc, ad.latest);
  mgp_free(ix->alloc, ad.is_outdone);
  mgp_free(ix->alloc, ad.states);
  return status;
}
