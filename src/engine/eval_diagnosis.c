/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a miss was lost: each relevant document that a system does not show among its first k is
 * looked up in the index and in the full, exact ranking of every space that the system asks.
 */
#include <stdlib.h>

#include "engine/index_evaluation.h"

#define K_FALLBACK 10
#define ITEMS_MAX 100000 /* of one document */

typedef struct diagnosis {
  mgp_index_evaluation *e;
  const magpie_system *systems;
  size_t system;
  const magpie_run *run;
  size_t k;      /* a relevant document is found when it is among the first k */
  json_t *names; /* of files: path and name -> source number */
  json_t *counts, *queries;
  mgp_arena *arena; /* of one query */
} diagnosis;

/* "nDCG@10" -> 10; measures without a cut look at ten. */
static size_t cut_of(const magpie_index_evaluation_options *options) {
  const char *measure = options && options->evaluation.measure_count > 0
                            ? options->evaluation.measures[0]
                            : "nDCG@10";
  const char *at = strrchr(measure, '@');
  const long k = at ? strtol(at + 1, NULL, 10) : 0;
  return k > 0 ? (size_t)k : K_FALLBACK;
}

/* ---- the document in the index -------------------------------------------------------------- */

static magpie_status note_name(void *context, const mgp_source *source) {
  diagnosis *d = context;
  char *shown = mgp_path_escape(NULL, source->path);
  const char *names[] = {shown, shown ? mgp_path_name(shown) : NULL};
  for (size_t i = 0; i < sizeof names / sizeof *names && names[i]; i++)
    if (!json_object_get(d->names, names[i]))
      json_object_set_new(d->names, names[i], json_integer((json_int_t)source->number));
  mgp_free(NULL, shown);
  return MAGPIE_OK;
}

/* The record whose items are "RECORD#n": a record id, or "@N" of a file judged by path or name. */
static const char *record_of(diagnosis *d, const char *document) {
  const json_t *number = json_object_get(d->names, document);
  return number ? mgp_arena_printf(d->arena, "@%lld", (long long)json_integer_value(number))
                : document;
}

static int compare_numbers(const void *a, const void *b) {
  const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

/* The numbers of the document's items, ascending; none: it is not indexed. */
static magpie_status items_of(diagnosis *d, const char *document, uint64_t **items, size_t *count,
                              magpie_error *err) {
  const char *record = record_of(d, document);
  size_t capacity = 0;
  *items = NULL;
  *count = 0;
  for (size_t n = 1; record && n <= ITEMS_MAX; n++) {
    uint64_t number = 0;
    const char *id = mgp_arena_printf(d->arena, "%s#%zu", record, n);
    MGP_RETURN_IF(!id || !MGP_GROW(NULL, *items, capacity, n), err, MAGPIE_NO_MEMORY,
                  "no memory for the items of %s", document);
    MGP_FORWARD(mgp_store_item_find(d->e->ix->store, id, &number, err));
    if (number == 0) break;
    (*items)[(*count)++] = number;
  }
  qsort(*items, *count, sizeof **items, compare_numbers);
  return MAGPIE_OK;
}

/* ---- one miss ------------------------------------------------------------------------------- */

static bool has_kind(const mgp_search *s, const uint64_t *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const int kind = mgp_snapshot_kind(s->view->snapshot, items[i]);
    if (kind > 0 && (s->all_kinds || (kind < SEARCH_KINDS && s->kinds[kind]))) return true;
  }
  return false;
}

/* The best rank of the items in any list, and that list's space; 0: in none. */
static size_t best_rank(const mgp_search *s, const uint64_t *items, size_t count,
                        const char **space) {
  size_t best = 0;
  for (size_t l = 0; l < s->list_count; l++) {
    const mgp_search_list *list = &s->lists[l];
    const size_t until = best ? best - 1 : list->count;
    for (size_t i = 0; i < list->count && i < until; i++) {
      if (!bsearch(&list->hits[i].id, items, count, sizeof *items, compare_numbers)) continue;
      best = i + 1;
      *space = list->label;
      break;
    }
  }
  return best;
}

static void count_cause(diagnosis *d, const char *cause) {
  const json_int_t so_far = json_integer_value(json_object_get(d->counts, cause));
  json_object_set_new(d->counts, cause, json_integer(so_far + 1));
}

/* A space recalls what it ranks among the first k of what it gives (`reach`); ranks are of items.
 */
static magpie_status explain_miss(diagnosis *d, const mgp_search *s, size_t reach,
                                  const char *query, const char *document, magpie_error *err) {
  uint64_t *items = NULL;
  size_t count = 0;
  magpie_status status = items_of(d, document, &items, &count, err);
  if (status == MAGPIE_OK) {
    const char *space = NULL;
    const size_t rank = best_rank(s, items, count, &space);
    const char *cause = count == 0                   ? "not_indexed"
                        : !has_kind(s, items, count) ? "filtered"
                        : rank == 0 || rank > reach  ? "not_recalled"
                                                     : "lost_in_fusion";
    count_cause(d, cause);
    json_t *entry =
        json_pack("{s:s,s:s,s:s}", "query", query, "document", document, "cause", cause);
    json_object_set_new(entry, "best_rank", rank ? json_integer((json_int_t)rank) : json_null());
    json_object_set_new(entry, "space", space ? json_string(space) : json_null());
    if (json_array_append_new(d->queries, entry) != 0)
      status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the diagnosis");
  }
  mgp_free(NULL, items);
  return status;
}

/* ---- one query ------------------------------------------------------------------------------ */

static bool is_found(const diagnosis *d, const char *query, const char *document) {
  const magpie_run_hit *hits = NULL;
  const size_t count = magpie_run_hits(d->run, query, &hits);
  for (size_t i = 0; i < count && i < d->k; i++)
    if (strcmp(hits[i].document, document) == 0) return true;
  return false;
}

static bool is_relevant(const diagnosis *d, int64_t gain) {
  const int64_t level = d->e->options ? d->e->options->evaluation.level : 0;
  return gain >= (level > 0 ? level : 1);
}

/* The same question to the same spaces, to their very ends. */
static magpie_status open_full(diagnosis *d, magpie_query *query, mgp_search **out,
                               magpie_error *err) {
  mgp_index_view *view = NULL;
  MGP_FORWARD(mgp_engine_view_get(d->e->ix, &view, err));
  const uint64_t items = mgp_snapshot_item_count(view->snapshot);
  mgp_engine_view_release(d->e->ix, view);
  query->depth = items ? (size_t)items : 1;
  return mgp_search_open(d->e->ix, query, d->e->ix->pool, d->arena, out, err);
}

static magpie_status explain_query(diagnosis *d, size_t index, magpie_error *err) {
  const magpie_benchmark_query *asked = magpie_benchmark_query_at(d->e->benchmark, index);
  const char *const *documents = NULL;
  const int64_t *gains = NULL;
  const size_t count = magpie_qrels_documents(d->e->qrels, asked->id, &documents, &gains);
  magpie_query query = mgp_evaluation_question(d->e, d->systems, d->system, index);
  const size_t depth = mgp_search_depth(&query);
  mgp_search *search = NULL;
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    if (!is_relevant(d, gains[i])) continue;
    if (is_found(d, asked->id, documents[i])) {
      count_cause(d, "found");
      continue;
    }
    if (!search && open_full(d, &query, &search, NULL) != MAGPIE_OK)
      break; /* it failed before and is listed as failed */
    status = explain_miss(d, search, depth < d->k ? depth : d->k, asked->id, documents[i], err);
  }
  mgp_search_close(search);
  return status;
}

magpie_status mgp_evaluation_diagnose(mgp_index_evaluation *e, const magpie_system *systems,
                                      size_t system, const magpie_run *run, json_t **out,
                                      magpie_error *err) {
  /* a plan has no rerank stage yet: nothing can be lost there */
  diagnosis d = {.e = e,
                 .systems = systems,
                 .system = system,
                 .run = run,
                 .k = cut_of(e->options),
                 .names = json_object(),
                 .counts = json_pack("{s:i,s:i,s:i,s:i,s:i,s:i}", "found", 0, "not_indexed", 0,
                                     "not_recalled", 0, "lost_in_fusion", 0, "lost_in_rerank", 0,
                                     "filtered", 0),
                 .queries = json_array(),
                 .arena = mgp_arena_create(NULL)};
  magpie_status status = d.names && d.counts && d.queries && d.arena
                             ? MAGPIE_OK
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the diagnosis");
  if (status == MAGPIE_OK) status = mgp_store_sources_below(e->ix->store, "/", note_name, &d, err);
  for (size_t i = 0; i < e->count && status == MAGPIE_OK; i++) {
    mgp_arena_reset(d.arena);
    if (mgp_evaluation_is_judged(e, magpie_benchmark_query_at(e->benchmark, i)))
      status = explain_query(&d, i, err);
  }
  if (status == MAGPIE_OK)
    *out =
        json_pack("{s:I,s:O,s:O}", "k", (json_int_t)d.k, "counts", d.counts, "queries", d.queries);
  json_decref(d.counts);
  json_decref(d.queries);
  json_decref(d.names);
  mgp_arena_destroy(d.arena);
  return status;
}
