/* SPDX-License-Identifier: Apache-2.0
 *
 * Query words. Items are stemmed in their own language; a query is too short to tell its language
 * safely, so each of its words is stemmed in every language that the index holds, and the forms
 * count as one term.
 */
#include <stdlib.h>

#include "engine/engine.h"

#define MAX_LANGUAGES 16
#define MAX_FORMS (MAX_LANGUAGES + 1)
#define MAX_QUERY_TERMS 1024

magpie_status mgp_engine_analyzer_take(magpie *ix, mgp_analyzer **out, magpie_error *err) {
  pthread_mutex_lock(&ix->analyzer_lock);
  *out = ix->analyzer_count ? ix->analyzers[--ix->analyzer_count] : NULL;
  pthread_mutex_unlock(&ix->analyzer_lock);
  return *out ? MAGPIE_OK : mgp_analyzer_create(ix->alloc, out, err);
}

void mgp_engine_analyzer_give(magpie *ix, mgp_analyzer *analyzer) {
  const size_t room = sizeof ix->analyzers / sizeof *ix->analyzers;
  pthread_mutex_lock(&ix->analyzer_lock);
  const bool keep = ix->analyzer_count < room;
  if (keep) ix->analyzers[ix->analyzer_count++] = analyzer;
  pthread_mutex_unlock(&ix->analyzer_lock);
  if (!keep) mgp_analyzer_destroy(analyzer);
}

/* One word of the query at one place, with its forms. */
typedef struct word {
  size_t start;
  const char *forms[MAX_FORMS];
  size_t sizes[MAX_FORMS];
  size_t form_count;
} word;

typedef struct word_list {
  mgp_arena *arena;
  word *words;
  size_t count;
  bool failed;
} word_list;

static word *word_at(word_list *list, size_t start) {
  for (size_t i = 0; i < list->count; i++)
    if (list->words[i].start == start) return &list->words[i];
  if (list->count == MAX_QUERY_TERMS) return NULL;
  word *w = &list->words[list->count++];
  *w = (word){.start = start};
  return w;
}

static void add_form(void *context, const mgp_term *term) {
  word_list *list = context;
  word *w = word_at(list, term->start);
  if (!w || w->form_count == MAX_FORMS) return;
  for (size_t i = 0; i < w->form_count; i++)
    if (w->sizes[i] == term->size && memcmp(w->forms[i], term->text, term->size) == 0) return;
  char *copy = mgp_arena_strndup(list->arena, term->text, term->size);
  if (!copy) {
    list->failed = true;
    return;
  }
  w->forms[w->form_count] = copy;
  w->sizes[w->form_count++] = term->size;
}

static magpie_status analyze_in_languages(magpie *ix, mgp_analyzer *analyzer, const char *text,
                                          word_list *list, magpie_error *err) {
  char *languages = NULL;
  MGP_FORWARD(mgp_store_setting_get(ix->store, "languages", &languages, err));
  const size_t size = strlen(text);
  magpie_status status = mgp_analyzer_run(analyzer, text, size, "", add_form, list, err);
  char *save = NULL;
  char *language = languages ? strtok_r(languages, ",", &save) : NULL;
  for (int n = 0; status == MAGPIE_OK && language && n < MAX_LANGUAGES; n++) {
    status = mgp_analyzer_run(analyzer, text, size, language, add_form, list, err);
    language = strtok_r(NULL, ",", &save);
  }
  mgp_free(ix->alloc, languages);
  return status;
}

static bool same_word(const word *a, const mgp_query_term *b) {
  if (a->form_count != b->form_count) return false;
  for (size_t i = 0; i < a->form_count; i++)
    if (a->sizes[i] != b->sizes[i] || memcmp(a->forms[i], b->forms[i], a->sizes[i]) != 0)
      return false;
  return true;
}

/* A word said twice counts twice, in one term. */
static void terms_of_words(word_list *list, double weight, mgp_query_words *out) {
  for (size_t i = 0; i < list->count; i++) {
    const word *w = &list->words[i];
    size_t seen = 0;
    while (seen < out->count && !same_word(w, &out->terms[seen])) seen++;
    if (seen < out->count) {
      out->terms[seen].weight += weight;
      continue;
    }
    out->terms[out->count++] = (mgp_query_term){
        .forms = w->forms, .sizes = w->sizes, .form_count = w->form_count, .weight = weight};
  }
}

magpie_status mgp_engine_query_words(magpie *ix, mgp_arena *arena, const char *text, double weight,
                                     mgp_query_words *out, magpie_error *err) {
  *out = (mgp_query_words){0};
  word_list list = {.arena = arena};
  const size_t limit = strlen(text) + 1 < MAX_QUERY_TERMS ? strlen(text) + 1 : MAX_QUERY_TERMS;
  list.words = mgp_arena_calloc(arena, limit, sizeof *list.words);
  out->terms = mgp_arena_calloc(arena, limit, sizeof *out->terms);
  MGP_RETURN_IF(!list.words || !out->terms, err, MAGPIE_NO_MEMORY, "no memory for the query");
  mgp_analyzer *analyzer = NULL;
  MGP_FORWARD(mgp_engine_analyzer_take(ix, &analyzer, err));
  const magpie_status status = analyze_in_languages(ix, analyzer, text, &list, err);
  mgp_engine_analyzer_give(ix, analyzer);
  MGP_FORWARD(status);
  MGP_RETURN_IF(list.failed, err, MAGPIE_NO_MEMORY, "no memory for the query");
  terms_of_words(&list, weight, out);
  return MAGPIE_OK;
}

/* ---- highlights --------------------------------------------------------------------------------
 */

#define MAX_HIGHLIGHTS 256

typedef struct highlighter {
  const mgp_query_words *words;
  size_t words_count;
  magpie_highlight *out;
  size_t count;
} highlighter;

static bool is_query_word(const highlighter *h, const mgp_term *term) {
  for (size_t p = 0; p < h->words_count; p++)
    for (size_t t = 0; t < h->words[p].count; t++)
      for (size_t f = 0; f < h->words[p].terms[t].form_count; f++)
        if (h->words[p].terms[t].sizes[f] == term->size &&
            memcmp(h->words[p].terms[t].forms[f], term->text, term->size) == 0)
          return true;
  return false;
}

/* Terms come in text order, so overlapping ones (CJK bigrams) join their predecessor. */
static void add_highlight(void *context, const mgp_term *term) {
  highlighter *h = context;
  if (!is_query_word(h, term)) return;
  if (h->count > 0) {
    magpie_highlight *last = &h->out[h->count - 1];
    if (term->start <= last->start + last->size) {
      const size_t end = term->start + term->length;
      if (end > last->start + last->size) last->size = end - last->start;
      return;
    }
  }
  if (h->count < MAX_HIGHLIGHTS)
    h->out[h->count++] = (magpie_highlight){.start = term->start, .size = term->length};
}

magpie_status mgp_engine_highlight(magpie *ix, mgp_arena *arena, const mgp_query_words *words,
                                   size_t words_count, const char *text, const char *language,
                                   magpie_highlight **out, size_t *count, magpie_error *err) {
  *count = 0;
  *out = NULL;
  if (!text || !*text || words_count == 0) return MAGPIE_OK;
  highlighter h = {.words = words, .words_count = words_count};
  h.out = mgp_arena_calloc(arena, MAX_HIGHLIGHTS, sizeof *h.out);
  MGP_RETURN_IF(!h.out, err, MAGPIE_NO_MEMORY, "no memory for the highlights");
  mgp_analyzer *analyzer = NULL;
  MGP_FORWARD(mgp_engine_analyzer_take(ix, &analyzer, err));
  const magpie_status status = mgp_analyzer_run(analyzer, text, strlen(text),
                                                language ? language : "", add_highlight, &h, err);
  mgp_engine_analyzer_give(ix, analyzer);
  *out = h.out;
  *count = h.count;
  return status;
}
