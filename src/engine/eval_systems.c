/* SPDX-License-Identifier: Apache-2.0
 *
 * Systems by their words: "lexical", "dense", "fused" or NAME=SETTING,SETTING… as the command's
 * --system takes them.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/index_evaluation.h"

/* One block: the system a caller sees, and what its pointers point to. */
typedef struct owned_system {
  magpie_system system; /* first: a magpie_system * is an owned_system * */
  mgp_arena *arena;
  const char *names[MGP_ENGINE_SPACES];
  double weights[MGP_ENGINE_SPACES];
  const char *spaces[MGP_ENGINE_SPACES]; /* that the index has */
  size_t space_count;
} owned_system;

static magpie_status list_spaces(magpie *ix, owned_system *s, magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(ix->store, ix->alloc, &rows, &count, err));
  s->spaces[s->space_count++] = MGP_WORDS_SPACE;
  for (size_t i = 0; i < count && s->space_count < MGP_ENGINE_SPACES; i++)
    if (!mgp_text_equal(rows[i].name, MGP_WORDS_SPACE))
      s->spaces[s->space_count++] = mgp_arena_strdup(s->arena, rows[i].name);
  mgp_free(ix->alloc, rows);
  for (size_t i = 0; i < s->space_count; i++)
    MGP_RETURN_IF(!s->spaces[i], err, MAGPIE_NO_MEMORY, "no memory for the system");
  return MAGPIE_OK;
}

static void set_weight(owned_system *s, const char *space, double weight) {
  magpie_query *query = &s->system.query;
  size_t at = 0;
  while (at < query->space_weight_count && !mgp_text_equal(s->names[at], space)) at++;
  if (at == query->space_weight_count) query->space_weight_count++;
  s->names[at] = space;
  s->weights[at] = weight;
}

static bool set_preset(owned_system *s, const char *name) {
  const bool is_lexical = mgp_text_equal(name, "lexical");
  const bool is_dense = mgp_text_equal(name, "dense");
  if (!is_lexical && !is_dense && !mgp_text_equal(name, "fused")) return false;
  s->system.query.space_weight_count = 0;
  if (is_dense) set_weight(s, MGP_WORDS_SPACE, 0);
  for (size_t i = 0; is_lexical && i < s->space_count; i++)
    if (!mgp_text_equal(s->spaces[i], MGP_WORDS_SPACE)) set_weight(s, s->spaces[i], 0);
  return true;
}

static magpie_status unknown_setting(const owned_system *s, const char *name, magpie_error *err) {
  mgp_buffer known;
  mgp_buffer_init(&known, NULL);
  for (size_t i = 0; i < s->space_count; i++) mgp_buffer_printf(&known, " %s=W", s->spaces[i]);
  const magpie_status status =
      mgp_fail(err, MAGPIE_INVALID,
               "the system %s has no setting \"%s\"; there are: lexical dense fused k=N depth=N "
               "rrf_k=X kind=A+B%s",
               s->system.name, name, known.failed ? "" : known.data);
  mgp_buffer_fini(&known);
  return status;
}

static magpie_status set_number(owned_system *s, const char *name, const char *value,
                                magpie_error *err) {
  char *end = NULL;
  const double number = strtod(value, &end);
  MGP_RETURN_IF(end == value || *end || !isfinite(number), err, MAGPIE_INVALID,
                "%s=%s of the system %s is not a number", name, value, s->system.name);
  magpie_query *query = &s->system.query;
  const bool is_count = mgp_text_equal(name, "k") || mgp_text_equal(name, "depth");
  MGP_RETURN_IF(is_count && (number < 1 || number > 1e6 || number != floor(number)), err,
                MAGPIE_INVALID, "%s=%s of the system %s must be a whole number from 1", name, value,
                s->system.name);
  if (mgp_text_equal(name, "k")) query->k = (size_t)number;
  else if (mgp_text_equal(name, "depth")) query->depth = (size_t)number;
  else if (mgp_text_equal(name, "rrf_k")) query->rrf_k = number;
  else {
    size_t i = 0;
    while (i < s->space_count && !mgp_text_equal(s->spaces[i], name)) i++;
    if (i == s->space_count) return unknown_setting(s, name, err);
    set_weight(s, s->spaces[i], number);
  }
  return MAGPIE_OK;
}

/* "kind=image+page": the comma is taken. */
static void set_kinds(owned_system *s, char *value) {
  for (char *c = value; *c; c++)
    if (*c == '+') *c = ',';
  s->system.query.kinds = value;
}

static magpie_status set_one(owned_system *s, char *setting, magpie_error *err) {
  char *value = strchr(setting, '=');
  if (!value) return set_preset(s, setting) ? MAGPIE_OK : unknown_setting(s, setting, err);
  *value++ = '\0';
  if (!mgp_text_equal(setting, "kind")) return set_number(s, setting, value, err);
  set_kinds(s, value);
  return MAGPIE_OK;
}

static magpie_status parse(owned_system *s, char *text, magpie_error *err) {
  s->system.name = text;
  char *settings = strchr(text, '=');
  if (!settings) {
    MGP_RETURN_IF(!set_preset(s, text), err, MAGPIE_INVALID,
                  "there is no system \"%s\"; there are lexical, dense and fused, and "
                  "NAME=SETTING,… makes another",
                  text);
    return MAGPIE_OK;
  }
  *settings++ = '\0';
  MGP_RETURN_IF(!text[0] || !settings[0], err, MAGPIE_INVALID,
                "a system is NAME=SETTING,…, such as mine=fused,text=0.5");
  char *save = NULL;
  for (char *one = strtok_r(settings, ",", &save); one; one = strtok_r(NULL, ",", &save))
    MGP_FORWARD(set_one(s, one, err));
  return MAGPIE_OK;
}

magpie_status magpie_system_parse(magpie *ix, const char *text, size_t k, magpie_system **out,
                                  magpie_error *err) {
  MGP_RETURN_IF(!ix || !text || !out, err, MAGPIE_INVALID, "a system needs an index and a text");
  *out = NULL;
  owned_system *s = mgp_calloc(NULL, 1, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_NO_MEMORY, "no memory for the system");
  magpie_query_defaults(&s->system.query);
  s->system.query.k = k;
  s->system.query.space_names = s->names;
  s->system.query.space_weights = s->weights;
  s->arena = mgp_arena_create(NULL);
  char *copy = s->arena ? mgp_arena_strdup(s->arena, text) : NULL;
  magpie_status status =
      copy ? list_spaces(ix, s, err) : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the system");
  if (status == MAGPIE_OK) status = parse(s, copy, err);
  if (status == MAGPIE_OK) *out = &s->system;
  else magpie_system_destroy(&s->system);
  return status;
}

void magpie_system_destroy(magpie_system *system) {
  if (!system) return;
  owned_system *s = (owned_system *)system;
  mgp_arena_destroy(s->arena);
  mgp_free(NULL, s);
}
