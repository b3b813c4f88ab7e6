/* SPDX-License-Identifier: Apache-2.0
 *
 * Languages and words of a batch. Both cost more than the rows in the catalog do, and neither needs
 * the store: languages are found on all cores, and the segment is built beside the inserts.
 */
#include "engine/ingest_words.h"

/* ---- languages ----------------------------------------------------------------------------------
 */

#define DETECT_ITEMS ((size_t)16) /* taken by a thread at a time */

static void detect_some(void *context, size_t index) {
  mgp_ingest *in = context;
  const size_t first = index * DETECT_ITEMS, left = in->item_count - first;
  const size_t end = first + (left < DETECT_ITEMS ? left : DETECT_ITEMS);
  for (size_t i = first; i < end; i++) {
    mgp_queued_item *q = in->items[i];
    if (!q->row.language) q->row.language = mgp_language_detect(q->words, strlen(q->words));
  }
}

/* Its stemmer is among those that a query tries. */
static void note_language(mgp_ingest *in, const char *language) {
  char wanted[16], have[sizeof in->languages + 2];
  snprintf(wanted, sizeof wanted, ",%.8s,", language);
  snprintf(have, sizeof have, ",%s,", in->languages);
  const size_t size = strlen(in->languages);
  if (strstr(have, wanted) || size + 12 >= sizeof in->languages) return;
  snprintf(in->languages + size, sizeof in->languages - size, "%s%.8s", size ? "," : "", language);
  in->languages_changed = true;
}

void mgp_ingest_detect_languages(mgp_ingest *in) {
  const size_t parts = (in->item_count + DETECT_ITEMS - 1) / DETECT_ITEMS;
  mgp_pool_run(in->ix->pool, parts, detect_some, in);
  const char *last = "";
  for (size_t i = 0; i < in->item_count; i++) {
    const char *language = in->items[i]->row.language;
    if (strcmp(language, last) == 0) continue; /* most follow one of their own */
    last = language;
    if (mgp_language_has_stemmer(language)) note_language(in, language);
  }
}

/* ---- the segment --------------------------------------------------------------------------------
 */

typedef struct term_sink {
  mgp_lexical_builder *builder;
  magpie_status status;
  magpie_error *err;
} term_sink;

static void add_term(void *context, const mgp_term *term) {
  term_sink *sink = context;
  if (sink->status == MAGPIE_OK)
    sink->status = mgp_lexical_builder_term(sink->builder, term->text, term->size, sink->err);
}

static magpie_status add_items(mgp_batch_words *w, mgp_analyzer *analyzer, magpie_error *err) {
  for (size_t i = 0; i < w->in->item_count; i++) {
    const mgp_queued_item *q = w->in->items[i];
    term_sink sink = {.builder = w->builder, .err = err};
    MGP_FORWARD(mgp_lexical_builder_begin(w->builder, w->first + i, err));
    MGP_FORWARD(mgp_analyzer_run(analyzer, q->words, strlen(q->words), q->row.language, add_term,
                                 &sink, err));
    MGP_FORWARD(sink.status);
  }
  return MAGPIE_OK;
}

void mgp_batch_words_build(mgp_batch_words *w) {
  magpie *ix = w->in->ix;
  magpie_error *err = &w->error;
  mgp_analyzer *analyzer = NULL;
  w->status = mgp_lexical_builder_create(ix->alloc, &w->builder, err);
  if (w->status == MAGPIE_OK) w->status = mgp_engine_analyzer_take(ix, &analyzer, err);
  if (w->status == MAGPIE_OK) w->status = add_items(w, analyzer, err);
  if (w->status == MAGPIE_OK) w->status = mgp_lexical_builder_finish(w->builder, w->sections, err);
  if (analyzer) mgp_engine_analyzer_give(ix, analyzer);
}

magpie_status mgp_batch_words_add(mgp_batch_words *w, magpie_error *err) {
  if (w->status != MAGPIE_OK && err) *err = w->error;
  if (w->status != MAGPIE_OK) return w->status;
  const mgp_bytes *b = w->sections;
  const mgp_section sections[MGP_LEXICAL_SECTIONS] = {
      {MGP_SECTION_IDS, b[0].data, b[0].size},
      {MGP_SECTION_LENGTHS, b[1].data, b[1].size},
      {MGP_SECTION_DICTIONARY, b[2].data, b[2].size},
      {MGP_SECTION_POSTINGS, b[3].data, b[3].size}};
  return mgp_store_segment_add(w->in->ix->store, MGP_WORDS_SPACE,
                               mgp_lexical_builder_count(w->builder), sections,
                               MGP_LEXICAL_SECTIONS, err);
}

void mgp_batch_words_fini(mgp_batch_words *w) {
  mgp_lexical_builder_destroy(w->builder);
  w->builder = NULL;
}
