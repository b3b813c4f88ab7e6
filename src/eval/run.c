/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs: hits by query in the order of adding, ranked at the first need. Ids are interned, so a
 * query's set of documents is a small table of numbers, and the same document in many queries
 * costs its text once.
 */
#include <math.h>

#include "eval/ranked.h"

#define FIRST_SLOTS 16

magpie_status mgp_run_create_in(mgp_alloc *a, magpie_run **out, magpie_error *err) {
  magpie_run *run = mgp_calloc(a, 1, sizeof *run);
  MGP_RETURN_IF(!run, err, MAGPIE_NO_MEMORY, "no memory for a run");
  run->alloc = a;
  if (pthread_mutex_init(&run->lock, NULL) != 0) {
    mgp_free(a, run);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the lock of a run");
  }
  magpie_status status = mgp_id_table_init(&run->queries, a, err);
  if (status == MAGPIE_OK) status = mgp_id_table_init(&run->documents, a, err);
  if (status == MAGPIE_OK) *out = run;
  else magpie_run_destroy(run);
  return status;
}

magpie_status magpie_run_create(magpie_run **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "run: out is NULL");
  *out = NULL;
  return mgp_run_create_in(NULL, out, err);
}

void magpie_run_destroy(magpie_run *run) {
  if (!run) return;
  mgp_alloc *a = run->alloc;
  for (size_t i = 0; i < run->queries.count && i < run->capacity; i++) {
    mgp_free(a, run->items[i].hits);
    mgp_free(a, run->items[i].slots);
  }
  mgp_free(a, run->items);
  mgp_rank_scratch_fini(a, &run->scratch);
  mgp_id_table_fini(&run->queries);
  mgp_id_table_fini(&run->documents);
  pthread_mutex_destroy(&run->lock);
  mgp_free(a, run);
}

/* ---- adding ------------------------------------------------------------------------------ */

magpie_status mgp_run_query_get(magpie_run *run, const char *query, size_t size,
                                mgp_run_query **out, magpie_error *err) {
  const size_t before = run->queries.count;
  /* room for the record first, so that no id is without one */
  MGP_RETURN_IF(!MGP_GROW(run->alloc, run->items, run->capacity, before + 1), err, MAGPIE_NO_MEMORY,
                "no memory for a run of %zu queries", before + 1);
  const mgp_id *id = NULL;
  MGP_FORWARD(mgp_id_table_intern(&run->queries, query, size, &id, err));
  if (run->queries.count > before)
    run->items[id->number] = (mgp_run_query){.is_ranked = true, .ms = -1};
  *out = &run->items[id->number];
  return MAGPIE_OK;
}

/* The slot that holds the document, or the empty one where it belongs. */
static uint32_t *find_slot(uint32_t *slots, size_t slot_count, uint32_t number_plus_1) {
  const uint64_t mixed = number_plus_1 * UINT64_C(0x9E3779B97F4A7C15);
  size_t i = (size_t)(mixed >> 32) & (slot_count - 1);
  while (slots[i] != 0 && slots[i] != number_plus_1) i = (i + 1) & (slot_count - 1);
  return &slots[i];
}

static bool make_slot_room(mgp_alloc *a, mgp_run_query *query) {
  if ((query->count + 1) * 2 <= query->slot_count) return true;
  size_t wanted = FIRST_SLOTS;
  while (wanted < (query->count + 1) * 2) wanted *= 2;
  uint32_t *slots = mgp_calloc(a, wanted, sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < query->count; i++) {
    const uint32_t number_plus_1 = mgp_id_of(query->hits[i].document)->number + 1;
    *find_slot(slots, wanted, number_plus_1) = number_plus_1;
  }
  mgp_free(a, query->slots);
  query->slots = slots;
  query->slot_count = wanted;
  return true;
}

static magpie_status make_hit_room(magpie_run *run, mgp_run_query *query, size_t count,
                                   magpie_error *err) {
  MGP_RETURN_IF(count >= UINT32_MAX / 4, err, MAGPIE_LIMIT, "a query has too many hits");
  MGP_RETURN_IF(!MGP_GROW(run->alloc, query->hits, query->capacity, count) ||
                    !mgp_rank_reserve(run->alloc, &run->scratch, query->capacity),
                err, MAGPIE_NO_MEMORY, "no memory for %zu hits of a query", count);
  return MAGPIE_OK;
}

magpie_status mgp_run_put_ranked(magpie_run *run, mgp_run_query *query, const magpie_run_hit *hits,
                                 size_t count, magpie_error *err) {
  MGP_FORWARD(make_hit_room(run, query, count, err));
  if (count > 0) memcpy(query->hits, hits, count * sizeof *hits);
  query->count = count;
  return MAGPIE_OK;
}

/* Ids are checked; `number` is the query's. */
static magpie_status put(magpie_run *run, uint32_t number, mgp_trec_field document, double score,
                         magpie_error *err) {
  const mgp_id *id = NULL;
  mgp_run_query *query = &run->items[number];
  MGP_FORWARD(mgp_id_table_intern(&run->documents, document.text, document.size, &id, err));
  MGP_RETURN_IF(isnan(score), err, MAGPIE_INVALID,
                "the score of document %.100s of query %.100s is not a number", id->text,
                run->queries.ids[number]->text);
  MGP_RETURN_IF(!make_slot_room(run->alloc, query), err, MAGPIE_NO_MEMORY,
                "no memory for %zu hits of a query", query->count + 1);
  uint32_t *slot = find_slot(query->slots, query->slot_count, id->number + 1);
  MGP_RETURN_IF(*slot != 0, err, MAGPIE_INVALID,
                "document %.100s comes twice in the hits of query %.100s", id->text,
                run->queries.ids[number]->text);
  MGP_FORWARD(make_hit_room(run, query, query->count + 1, err));
  magpie_run_hit *hit = &query->hits[query->count];
  *hit = (magpie_run_hit){.document = id->text, .score = (float)score};
  if (query->is_ranked && query->count > 0) query->is_ranked = mgp_hit_before(hit - 1, hit);
  query->count++;
  *slot = id->number + 1;
  return MAGPIE_OK;
}

magpie_status magpie_run_add(magpie_run *run, const char *query, const char *document, double score,
                             magpie_error *err) {
  MGP_RETURN_IF(!run, err, MAGPIE_INVALID, "run: NULL was given");
  size_t query_size = 0;
  mgp_trec_field d = {.text = document};
  mgp_run_query *item = NULL;
  MGP_FORWARD(mgp_id_check("query", query, &query_size, err));
  MGP_FORWARD(mgp_id_check("document", document, &d.size, err));
  MGP_RETURN_IF(isnan(score), err, MAGPIE_INVALID,
                "the score of document %.100s of query %.100s is not a number", document, query);
  MGP_FORWARD(mgp_run_query_get(run, query, query_size, &item, err));
  return put(run, (uint32_t)(item - run->items), d, score, err);
}

magpie_status magpie_run_asked(magpie_run *run, const char *query, double ms, magpie_error *err) {
  MGP_RETURN_IF(!run, err, MAGPIE_INVALID, "run: NULL was given");
  MGP_RETURN_IF(!isfinite(ms), err, MAGPIE_INVALID, "the time of a query is not a finite number");
  size_t size = 0;
  mgp_run_query *item = NULL;
  MGP_FORWARD(mgp_id_check("query", query, &size, err));
  MGP_FORWARD(mgp_run_query_get(run, query, size, &item, err));
  if (ms >= 0) item->ms = ms;
  return MAGPIE_OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

static magpie_status put_line(magpie_run *run, const mgp_trec_lines *lines, size_t wanted,
                              uint32_t *last, magpie_error *err) {
  if (lines->count != wanted)
    return mgp_trec_fail(lines, err, "%zu columns, expected %s; ids have no spaces", lines->count,
                         wanted == 3   ? "3 (query document score) as on the first line"
                         : wanted == 6 ? "6 (query Q0 document rank score tag) as on the first line"
                                       : "6 (query Q0 document rank score tag) or 3 (query "
                                         "document score)");
  const mgp_trec_field query = lines->fields[0], text = lines->fields[wanted == 3 ? 2 : 4];
  double score = 0;
  if (!mgp_trec_number(lines->plain_locale, text, &score))
    return mgp_trec_fail(lines, err, "the score \"%.*s\" is not a number", MGP_FIELD(text));
  magpie_error said = {0};
  magpie_status status = MAGPIE_OK;
  /* lines of a query mostly come together */
  const mgp_id *id = *last < run->queries.count ? run->queries.ids[*last] : NULL;
  if (!id || id->size != query.size || memcmp(id->text, query.text, query.size) != 0) {
    mgp_run_query *item = NULL;
    status = mgp_run_query_get(run, query.text, query.size, &item, &said);
    if (status == MAGPIE_OK) *last = (uint32_t)(item - run->items);
  }
  if (status == MAGPIE_OK)
    status = put(run, *last, lines->fields[wanted == 3 ? 1 : 2], score, &said);
  return status == MAGPIE_OK ? MAGPIE_OK : mgp_trec_refuse(lines, status, &said, err);
}

magpie_status mgp_run_read_in(mgp_alloc *a, const char *file, magpie_run **out, magpie_error *err) {
  mgp_trec_lines lines = {0};
  magpie_run *run = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_trec_open(file, &lines, err));
  MGP_TRY(mgp_run_create_in(a, &run, err));
  bool more = false;
  MGP_TRY(mgp_trec_next(&lines, &more, err));
  const size_t wanted = lines.count == 3 || lines.count == 6 ? lines.count : 0;
  uint32_t last = 0;
  while (more) {
    MGP_TRY(put_line(run, &lines, wanted, &last, err));
    MGP_TRY(mgp_trec_next(&lines, &more, err));
  }
  *out = run;
done:
  mgp_trec_close(&lines);
  if (status != MAGPIE_OK) magpie_run_destroy(run);
  return status;
}

magpie_status magpie_run_read(const char *file, magpie_run **out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "run: out is NULL");
  *out = NULL;
  return mgp_run_read_in(NULL, file, out, err);
}

/* ---- writing and asking ------------------------------------------------------------------ */

/* Best first; ranks in place at the first need. Readers see a const run: its hits and their set do
 * not change, only their order, and that under the lock. */
static const mgp_run_query *ranked_query(const magpie_run *run, const char *query) {
  const mgp_id *id = run && query ? mgp_id_table_find(&run->queries, query, strlen(query)) : NULL;
  if (!id) return NULL;
  magpie_run *own = (magpie_run *)(uintptr_t)run;
  mgp_run_query *item = &own->items[id->number];
  pthread_mutex_lock(&own->lock);
  if (!item->is_ranked) mgp_rank_hits(item->hits, item->count, &own->scratch);
  item->is_ranked = true;
  pthread_mutex_unlock(&own->lock);
  return item;
}

size_t magpie_run_hits(const magpie_run *run, const char *query, const magpie_run_hit **hits) {
  const mgp_run_query *item = ranked_query(run, query);
  if (hits) *hits = item && item->count > 0 ? item->hits : NULL;
  return item ? item->count : 0;
}

magpie_status magpie_run_write(const magpie_run *run, const char *file, const char *tag,
                               magpie_error *err) {
  MGP_RETURN_IF(!run, err, MAGPIE_INVALID, "run: NULL was given");
  size_t size = 0;
  if (!tag) tag = "magpie";
  MGP_FORWARD(mgp_id_check("run (its tag)", tag, &size, err));
  /* numbers with a point, whatever the program's locale */
  const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  MGP_RETURN_IF(!plain, err, MAGPIE_NO_MEMORY, "no memory for a locale");
  const locale_t before = uselocale(plain);
  mgp_buffer text;
  mgp_buffer_init(&text, run->alloc);
  for (size_t i = 0; i < run->queries.count; i++) {
    const char *query = run->queries.ids[i]->text;
    const magpie_run_hit *hits = NULL;
    const size_t count = magpie_run_hits(run, query, &hits);
    for (size_t j = 0; j < count; j++)
      mgp_buffer_printf(&text, "%s Q0 %s %zu %.9g %s\n", query, hits[j].document, j + 1,
                        (double)hits[j].score, tag);
  }
  uselocale(before);
  freelocale(plain);
  return mgp_trec_write(file, &text, err);
}

size_t magpie_run_query_count(const magpie_run *run) {
  return run ? run->queries.count : 0;
}

const char *magpie_run_query(const magpie_run *run, size_t index) {
  return run && index < run->queries.count ? run->queries.ids[index]->text : NULL;
}

double magpie_run_ms(const magpie_run *run, const char *query) {
  const mgp_id *id = run && query ? mgp_id_table_find(&run->queries, query, strlen(query)) : NULL;
  return id ? run->items[id->number].ms : -1;
}
