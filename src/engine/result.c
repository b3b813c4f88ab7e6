/* SPDX-License-Identifier: Apache-2.0
 *
 * A result: hits with their texts, scores by space, highlights; and the same as JSON.
 */
#include "engine/search.h"
#include "store/item_batch.h"

/* ---- filling ----------------------------------------------------------------------------------
 */

static magpie_status fill_scores(mgp_search *s, uint64_t id, magpie_hit *hit, magpie_error *err) {
  magpie_space_score *scores = mgp_arena_calloc(s->arena, s->list_count + 1, sizeof *scores);
  MGP_RETURN_IF(!scores, err, MAGPIE_NO_MEMORY, "no memory for the scores");
  for (size_t i = 0; i < s->list_count; i++) {
    const mgp_search_list *list = &s->lists[i];
    for (size_t j = 0; j < list->count; j++) {
      if (list->hits[j].id != id) continue;
      scores[hit->score_count++] =
          (magpie_space_score){.space = list->label, .score = list->hits[j].score, .rank = j + 1};
      break;
    }
  }
  hit->scores = scores;
  return MAGPIE_OK;
}

static const char *text_or(const char *text, const char *fallback) {
  return text ? text : fallback;
}

static magpie_status fill_hit(mgp_search *s, const mgp_scored *scored, magpie_hit *hit,
                              magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  MGP_FORWARD(mgp_store_item_get(s->ix->store, scored->id, s->arena, &item, &source, err));
  hit->id = item.id;
  hit->score = scored->score;
  hit->kind = item.kind;
  hit->title = text_or(item.title, "");
  hit->text = text_or(item.text, "");
  hit->locator = item.locator;
  char *shown = source.path ? mgp_path_escape(s->ix->alloc, source.path) : NULL;
  const char *name = mgp_source_is_batch(&source) ? text_or(source.title, item.id) : source.record;
  hit->source = mgp_arena_strdup(s->arena, shown ? shown : text_or(name, ""));
  mgp_free(s->ix->alloc, shown);
  hit->record = mgp_source_is_batch(&source) ? item.id
                : source.record              ? source.record
                                : mgp_arena_printf(s->arena, "@%lld", (long long)source.number);
  hit->metadata_json = text_or(item.metadata, text_or(source.metadata, "{}"));
  MGP_RETURN_IF(!hit->source || !hit->record, err, MAGPIE_NO_MEMORY, "no memory for a hit");
  MGP_FORWARD(fill_scores(s, scored->id, hit, err));
  magpie_highlight *highlights = NULL;
  MGP_FORWARD(mgp_engine_highlight(s->ix, s->arena, s->words, s->words_count, hit->text,
                                   item.language, &highlights, &hit->highlight_count, err));
  hit->highlights = highlights;
  return MAGPIE_OK;
}

static magpie_status keep_warnings(mgp_search *s, magpie_result *result, magpie_error *err) {
  result->warnings = mgp_arena_calloc(s->arena, s->warning_count + 1, sizeof *result->warnings);
  MGP_RETURN_IF(!result->warnings, err, MAGPIE_NO_MEMORY, "no memory for the warnings");
  for (size_t i = 0; i < s->warning_count; i++) result->warnings[i] = s->warnings[i];
  result->warning_count = s->warning_count;
  result->query = mgp_query_echo(s->query);
  MGP_RETURN_IF(!result->query, err, MAGPIE_NO_MEMORY, "no memory for the result");
  return MAGPIE_OK;
}

magpie_status mgp_result_fill(mgp_search *s, const mgp_scored *fused, size_t count,
                              magpie_result *result, magpie_error *err) {
  const size_t wanted = count < s->query->k ? count : s->query->k;
  result->hits = mgp_arena_calloc(s->arena, wanted + 1, sizeof *result->hits);
  MGP_RETURN_IF(!result->hits, err, MAGPIE_NO_MEMORY, "no memory for %zu hits", wanted);
  for (size_t i = 0; i < count && result->count < wanted; i++) {
    magpie_hit *hit = &result->hits[result->count];
    magpie_error why = {0};
    const magpie_status status = fill_hit(s, &fused[i], hit, &why);
    if (status == MAGPIE_NOT_FOUND) { /* removed by a writer since the snapshot */
      *hit = (magpie_hit){0};
      s->vanished++;
      continue;
    }
    if (status != MAGPIE_OK) {
      if (err) *err = why;
      return status;
    }
    hit->rank = ++result->count;
  }
  if (s->vanished > 0)
    mgp_search_warn(s, "a writer removes items faster than they are read: some hits are missing");
  return keep_warnings(s, result, err);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

size_t magpie_result_count(const magpie_result *result) {
  return result ? result->count : 0;
}

const magpie_hit *magpie_result_hit(const magpie_result *result, size_t index) {
  return result && index < result->count ? &result->hits[index] : NULL;
}

uint64_t magpie_result_matches(const magpie_result *result) {
  return result ? result->matches : 0;
}

double magpie_result_took_ms(const magpie_result *result) {
  return result ? result->took_ms : 0;
}

uint64_t magpie_result_generation(const magpie_result *result) {
  return result ? result->generation : 0;
}

const char *magpie_result_warning(const magpie_result *result, size_t index) {
  return result && index < result->warning_count ? result->warnings[index] : NULL;
}

void magpie_result_destroy(magpie_result *result) {
  if (!result) return;
  json_decref(result->query);
  json_decref(result->steps);
  mgp_arena_destroy(result->arena);
  mgp_free(result->alloc, result);
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------ */

json_t *mgp_query_echo(const magpie_query *query) {
  json_t *parts = json_array();
  for (size_t i = 0; i < query->part_count; i++) {
    const magpie_part *p = &query->parts[i];
    json_t *part = json_object();
    const struct {
      const char *name, *value;
    } members[] = {{"text", p->text}, {"image", p->image}, {"audio", p->audio}, {"item", p->item}};
    for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
      if (!members[m].value) continue;
      char *shown = mgp_utf8_valid(members[m].value, strlen(members[m].value))
                        ? mgp_strdup(NULL, members[m].value)
                        : mgp_path_escape(NULL, members[m].value);
      json_object_set_new(part, members[m].name, json_string(shown ? shown : ""));
      mgp_free(NULL, shown);
    }
    if (p->space) json_object_set_new(part, "space", json_string(p->space));
    if (p->vector) json_object_set_new(part, "vector", json_integer((json_int_t)p->vector_dim));
    json_object_set_new(part, "weight", json_real(p->weight));
    json_array_append_new(parts, part);
  }
  json_t *echo = json_pack("{s:o,s:I}", "parts", parts, "k", (json_int_t)query->k);
  if (echo && query->has_min_score)
    json_object_set_new(echo, "min_score", json_real(query->min_score));
  if (echo && query->sum) json_object_set_new(echo, "sum", json_true());
  if (echo && query->kinds) json_object_set_new(echo, "kinds", json_string(query->kinds));
  return echo;
}

json_t *mgp_locator_json(const magpie_locator *l) {
  json_t *out = json_object();
  if (l->page > 0) json_object_set_new(out, "page", json_integer(l->page));
  if (l->has_bbox)
    json_object_set_new(out, "bbox",
                        json_pack("[f,f,f,f]", l->bbox[0], l->bbox[1], l->bbox[2], l->bbox[3]));
  if (l->has_span) json_object_set_new(out, "span", json_pack("[f,f]", l->span[0], l->span[1]));
  if (l->has_lines)
    json_object_set_new(out, "lines",
                        json_pack("[I,I]", (json_int_t)l->lines[0], (json_int_t)l->lines[1]));
  return out;
}

json_t *mgp_metadata_json(const char *text) {
  json_t *object = text ? json_loads(text, 0, NULL) : NULL;
  return object ? object : json_object();
}

static json_t *hit_json(const magpie_hit *hit) {
  json_t *scores = json_object();
  for (size_t i = 0; i < hit->score_count; i++)
    json_object_set_new(scores, hit->scores[i].space, json_real(hit->scores[i].score));
  json_t *highlights = json_array();
  for (size_t i = 0; i < hit->highlight_count; i++)
    json_array_append_new(highlights, json_pack("[I,I]", (json_int_t)hit->highlights[i].start,
                                                (json_int_t)hit->highlights[i].size));
  return json_pack("{s:I,s:s,s:s,s:f,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "rank",
                   (json_int_t)hit->rank, "id", hit->id, "record", hit->record, "score", hit->score,
                   "scores", scores, "kind", hit->kind, "source", hit->source, "title", hit->title,
                   "text", hit->text, "locator", mgp_locator_json(&hit->locator), "metadata",
                   mgp_metadata_json(hit->metadata_json), "highlights", highlights);
}

magpie_status magpie_result_json(const magpie_result *result, char **json, magpie_error *err) {
  MGP_RETURN_IF(!result || !json, err, MAGPIE_INVALID, "magpie_result_json: an argument is NULL");
  json_t *hits = json_array(), *warnings = json_array();
  for (size_t i = 0; i < result->count; i++)
    json_array_append_new(hits, hit_json(&result->hits[i]));
  for (size_t i = 0; i < result->warning_count; i++)
    json_array_append_new(warnings, json_string(result->warnings[i]));
  json_t *object =
      json_pack("{s:O,s:f,s:I,s:o,s:o}", "query", result->query, "took_ms", result->took_ms,
                "generation", (json_int_t)result->generation, "hits", hits, "warnings", warnings);
  if (object && result->is_range)
    json_object_set_new(object, "matches", json_integer((json_int_t)result->matches));
  if (object && result->steps) json_object_set(object, "plan", result->steps);
  const magpie_status status = object ? mgp_json_write(object, json, err)
                                      : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the JSON");
  json_decref(object);
  return status;
}
