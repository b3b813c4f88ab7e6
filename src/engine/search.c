/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_search: check, recall, fuse, group, fetch.
 */
#include "engine/search.h"

#include <math.h>

#include "store/item_batch.h"

#define K_MAX 10000
#define DEPTH_MIN 1000
#define RRF_K 60.0 /* of the paper */
#define SETTLE_TRIES 16

static int part_kinds(const magpie_part *p) {
  return (p->text != NULL) + (p->image != NULL) + (p->audio != NULL) + (p->item != NULL) +
         (p->vector != NULL);
}

static magpie_status check_query(const magpie_query *q, magpie_error *err) {
  MGP_RETURN_IF(!q || q->size < sizeof *q, err, MAGPIE_INVALID,
                "the query is not set up; use magpie_query_defaults");
  MGP_RETURN_IF(q->part_count == 0 || !q->parts, err, MAGPIE_INVALID,
                "the query has no part; give a text, a picture, a sound or an item");
  MGP_RETURN_IF(q->k == 0 || q->k > K_MAX, err, MAGPIE_INVALID, "k is %zu; it must be 1 to %d",
                q->k, K_MAX);
  MGP_RETURN_IF(!(q->recall >= 0 && q->recall < 1), err, MAGPIE_INVALID,
                "recall must be 0 (the default, 0.95) or below 1; `exact` is for all of them");
  MGP_RETURN_IF(q->part_count > 64, err, MAGPIE_INVALID, "the query has %zu parts; at most 64",
                q->part_count);
  MGP_RETURN_IF(q->has_min_score && !isfinite(q->min_score), err, MAGPIE_INVALID,
                "min_score is not a number");
  MGP_RETURN_IF(!(q->rrf_k >= 0) || !isfinite(q->rrf_k), err, MAGPIE_INVALID,
                "rrf_k must be 0 (the default, 60) or a positive number");
  size_t vectors = 0;
  for (size_t i = 0; i < q->part_count; i++) {
    vectors += q->parts[i].vector || q->parts[i].item;
    MGP_RETURN_IF(part_kinds(&q->parts[i]) != 1, err, MAGPIE_INVALID,
                  "part %zu of the query must be one text, picture, sound, item or vector", i + 1);
    MGP_RETURN_IF(!isfinite(q->parts[i].weight), err, MAGPIE_INVALID,
                  "the weight of part %zu is not a number", i + 1);
    MGP_RETURN_IF(q->parts[i].text &&
                      strspn(q->parts[i].text, " \t\r\n") == strlen(q->parts[i].text),
                  err, MAGPIE_INVALID, "the text of part %zu is empty", i + 1);
    MGP_RETURN_IF(q->parts[i].text && !mgp_utf8_valid(q->parts[i].text, strlen(q->parts[i].text)),
                  err, MAGPIE_INVALID, "the text of part %zu is not UTF-8", i + 1);
  }
  MGP_RETURN_IF(q->sum && vectors < q->part_count, err, MAGPIE_INVALID,
                "only vectors and items can be summed: ask texts, pictures and sounds without sum");
  MGP_RETURN_IF(q->has_min_score && (vectors < q->part_count || (vectors > 1 && !q->sum)), err,
                MAGPIE_INVALID,
                "a least score needs one vector or item, or their sum: scores of several lists are "
                "not comparable");
  return MAGPIE_OK;
}

/* "image, page" -> kinds allowed; a kind that no item has is a warning, not an error. */
static magpie_status read_kinds(mgp_search *s, magpie_error *err) {
  s->all_kinds = !s->query->kinds || !s->query->kinds[0];
  if (s->all_kinds) return MAGPIE_OK;
  char *copy = mgp_arena_strdup(s->arena, s->query->kinds);
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for the query");
  char *save = NULL;
  for (char *name = strtok_r(copy, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
    const int kind = mgp_snapshot_kind_number(s->view->snapshot, name);
    if (kind > 0 && kind < SEARCH_KINDS) s->kinds[kind] = true;
    else mgp_search_warn(s, mgp_arena_printf(s->arena, "no item is of the kind \"%s\"", name));
  }
  return MAGPIE_OK;
}

/* ---- fusion -------------------------------------------------------------------------------------
 */

static bool list_holds(const mgp_search_list *list, uint64_t id) {
  for (size_t i = 0; i < list->count; i++)
    if (list->hits[i].id == id) return true;
  return false;
}

/* An item's medium is that of the picture or sound list that ranks it, else of its kind, else text.
 */
static int medium_of(void *context, uint64_t id) {
  const mgp_search *s = context;
  const int kind = mgp_snapshot_kind(s->view->snapshot, id);
  const char *name = mgp_snapshot_kind_name(s->view->snapshot, kind);
  if (mgp_text_equal(name, "image")) return 1;
  if (mgp_text_equal(name, "sound")) return 2;
  if (mgp_text_equal(name, "passage") || mgp_text_equal(name, "page")) return 0;
  for (size_t i = 0; i < s->list_count; i++)
    if (s->lists[i].medium != 0 && list_holds(&s->lists[i], id)) return s->lists[i].medium;
  return 0;
}

static magpie_status fuse(mgp_search *s, mgp_scored **out, size_t *count, magpie_error *err) {
  mgp_ranked_list *lists = mgp_arena_calloc(s->arena, s->list_count + 1, sizeof *lists);
  size_t room = 0;
  for (size_t i = 0; lists && i < s->list_count; i++) {
    room += s->lists[i].count;
    lists[i] = (mgp_ranked_list){.hits = s->lists[i].hits,
                                 .count = s->lists[i].count,
                                 .weight = s->lists[i].weight,
                                 .confidence = s->lists[i].confidence,
                                 .beliefs = s->lists[i].beliefs,
                                 .medium = s->lists[i].medium};
  }
  *out = mgp_arena_alloc(s->arena, (room + 1) * sizeof **out);
  MGP_RETURN_IF(!lists || !*out, err, MAGPIE_NO_MEMORY, "no memory to fuse the answers");
  const double k = s->query->rrf_k > 0 ? s->query->rrf_k : RRF_K;
  return mgp_fuse_rrf(s->ix->alloc, lists, s->list_count, k, medium_of, s, *out, room, count, err);
}

/* Keeps the best item of each source. The best comes first, so a source seen before is dropped.
 * Each item of a batch is one of its own. */
static magpie_status group_by_record(mgp_search *s, mgp_scored *fused, size_t *count,
                                     magpie_error *err) {
  const size_t wanted = s->query->k;
  int64_t *sources = mgp_arena_calloc(s->arena, wanted, sizeof *sources);
  mgp_arena *scratch = mgp_arena_create(s->ix->alloc);
  size_t kept = 0;
  magpie_status status =
      sources && scratch ? MAGPIE_OK : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to group");
  for (size_t i = 0; status == MAGPIE_OK && i < *count && kept < wanted; i++) {
    mgp_item item = {0};
    mgp_source source = {0};
    mgp_arena_reset(scratch);
    magpie_error why = {0};
    status = mgp_store_item_get(s->ix->store, fused[i].id, scratch, &item, &source, &why);
    if (status == MAGPIE_NOT_FOUND) { /* removed by a writer since the snapshot */
      s->vanished++;
      status = MAGPIE_OK;
      continue;
    }
    if (status != MAGPIE_OK && err) *err = why;
    bool seen = false;
    const int64_t group = mgp_source_is_batch(&source) ? -(int64_t)item.number : item.source;
    for (size_t j = 0; j < kept && !seen; j++) seen = sources[j] == group;
    if (status != MAGPIE_OK || seen) continue;
    sources[kept] = group;
    fused[kept++] = fused[i];
  }
  mgp_arena_destroy(scratch);
  *count = kept;
  return status;
}

/* ---- the call
 * -------------------------------------------------------------------------------------- */

size_t mgp_search_depth(const magpie_query *query) {
  if (query->depth) return query->depth;
  /* One list is not fused with others: its best are the answer. */
  const bool is_one = query->sum || (query->part_count == 1 && query->parts[0].vector);
  if (is_one && !query->by_record) return query->k;
  return 10 * query->k > DEPTH_MIN ? 10 * query->k : DEPTH_MIN;
}

static magpie_status prepare(mgp_search *s, magpie_error *err) {
  MGP_FORWARD(check_query(s->query, err));
  MGP_FORWARD(mgp_engine_view_get(s->ix, &s->view, err));
  MGP_FORWARD(read_kinds(s, err));
  s->depth = mgp_search_depth(s->query);
  MGP_FORWARD(mgp_search_recall(s, err));
  const char *damage = NULL;
  for (size_t i = 0; (damage = mgp_engine_view_damage(s->view, i)) != NULL; i++)
    mgp_search_warn(s, damage);
  return MAGPIE_OK;
}

magpie_status mgp_search_open(magpie *ix, const magpie_query *query, mgp_pool *pool,
                              mgp_arena *arena, mgp_search **out, magpie_error *err) {
  mgp_search *s = mgp_calloc(ix->alloc, 1, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_NO_MEMORY, "no memory to search");
  *s = (mgp_search){.ix = ix, .query = query, .pool = pool, .arena = arena};
  const magpie_status status = prepare(s, err);
  if (status == MAGPIE_OK) *out = s;
  else mgp_search_close(s);
  return status;
}

magpie_status mgp_search_fuse(mgp_search *s, mgp_scored **fused, size_t *count, magpie_error *err) {
  MGP_FORWARD(fuse(s, fused, count, err));
  return s->query->by_record ? group_by_record(s, *fused, count, err) : MAGPIE_OK;
}

void mgp_search_close(mgp_search *s) {
  if (!s) return;
  if (s->view) mgp_engine_view_release(s->ix, s->view);
  mgp_free(s->ix->alloc, s);
}

static magpie_status search_once(magpie *ix, const magpie_query *query, mgp_pool *pool,
                                 magpie_result *result, size_t *vanished, magpie_error *err) {
  mgp_search *s = NULL;
  MGP_FORWARD(mgp_search_open(ix, query, pool, result->arena, &s, err));
  result->generation = mgp_snapshot_generation(s->view->snapshot);
  mgp_scored *fused = NULL;
  size_t count = 0;
  magpie_status status = mgp_search_fuse(s, &fused, &count, err);
  if (status == MAGPIE_OK) status = mgp_result_fill(s, fused, count, result, err);
  result->is_range = query->has_min_score;
  result->matches = query->has_min_score ? s->matches : result->count;
  if (status == MAGPIE_OK && query->explain) result->steps = mgp_search_steps_json(s);
  *vanished = s->vanished;
  mgp_search_close(s);
  return status;
}

/* Vectors and postings are those of a pinned generation, the rows of items those of the last
 * commit. Where a hit has no row any more, the answer would be of no generation: it is sought anew
 * in the one that took the row. */
static magpie_status run_search(magpie *ix, const magpie_query *query, mgp_pool *pool,
                                magpie_result *result, magpie_error *err) {
  for (int tries = 1;; tries++) {
    size_t vanished = 0;
    MGP_FORWARD(search_once(ix, query, pool, result, &vanished, err));
    if (vanished == 0 || tries == SETTLE_TRIES) return MAGPIE_OK;
    json_decref(result->query);
    json_decref(result->steps);
    mgp_arena_reset(result->arena);
    *result = (magpie_result){.alloc = result->alloc, .arena = result->arena};
  }
}

magpie_status mgp_engine_search(magpie *ix, const magpie_query *query, mgp_pool *pool,
                                magpie_result **out, magpie_error *err) {
  MGP_RETURN_IF(!ix || !out, err, MAGPIE_INVALID, "magpie_search: index or out is NULL");
  *out = NULL;
  const double started = mgp_clock_seconds();
  magpie_result *result = mgp_calloc(ix->alloc, 1, sizeof *result);
  MGP_RETURN_IF(!result, err, MAGPIE_NO_MEMORY, "no memory to search");
  result->alloc = ix->alloc;
  result->arena = mgp_arena_create(ix->alloc);
  const magpie_status status = result->arena
                                   ? run_search(ix, query, pool, result, err)
                                   : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to search");
  if (status != MAGPIE_OK) {
    magpie_result_destroy(result);
    return status;
  }
  result->took_ms = (mgp_clock_seconds() - started) * 1e3;
  *out = result;
  return MAGPIE_OK;
}

magpie_status magpie_search(magpie *ix, const magpie_query *query, magpie_result **out,
                            magpie_error *err) {
  const magpie_status status = mgp_engine_search(ix, query, ix ? ix->pool : NULL, out, err);
  if (ix) mgp_alloc_explain(ix->alloc, err);
  return status;
}
