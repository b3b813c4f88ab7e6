/* SPDX-License-Identifier: Apache-2.0
 *
 * Words and text vectors made again from the titles, headings and texts that the catalog keeps. The
 * items keep their numbers and ids, and no file is needed.
 */
#include "engine/ingest_batch.h"
#include "engine/repair.h"

#define SEGMENT_ROWS ((size_t)4096)
#define TEXTS_AT_ONCE ((size_t)8)

static const char *or_empty(const char *text) {
  return text ? text : "";
}

/* ---- words ------------------------------------------------------------------------------------
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

/* As ingest_item.c: a file's name stands in for a title that nobody gave. */
static char *words_of(mgp_repair *r, const mgp_item *item, const mgp_source *source) {
  const char *name = item->title;
  if (source->path && !source->title) {
    char *shown = mgp_path_escape(NULL, mgp_path_name(source->path));
    if (mgp_text_equal(shown, item->title)) name = mgp_ingest_name_words(r->arena, source->path);
    mgp_free(NULL, shown);
  }
  return mgp_arena_printf(r->arena, "%s\n%s\n%s", or_empty(name), or_empty(item->context),
                          or_empty(item->text));
}

static magpie_status add_words(mgp_repair *r, uint64_t number, mgp_lexical_builder *builder,
                               mgp_analyzer *analyzer, magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(r->arena);
  MGP_FORWARD(mgp_store_item_get(r->ix->store, number, r->arena, &item, &source, err));
  const char *words = words_of(r, &item, &source);
  MGP_RETURN_IF(!words, err, MAGPIE_NO_MEMORY, "no memory for the words of item %s", item.id);
  term_sink sink = {.builder = builder, .err = err};
  MGP_FORWARD(mgp_lexical_builder_begin(builder, number, err));
  MGP_FORWARD(
      mgp_analyzer_run(analyzer, words, strlen(words), item.language, add_term, &sink, err));
  return sink.status;
}

static magpie_status finish_words(mgp_repair *r, mgp_lexical_builder *builder, magpie_error *err) {
  mgp_bytes bytes[MGP_LEXICAL_SECTIONS];
  MGP_FORWARD(mgp_lexical_builder_finish(builder, bytes, err));
  const mgp_section sections[MGP_LEXICAL_SECTIONS] = {
      {MGP_SECTION_IDS, bytes[0].data, bytes[0].size},
      {MGP_SECTION_LENGTHS, bytes[1].data, bytes[1].size},
      {MGP_SECTION_DICTIONARY, bytes[2].data, bytes[2].size},
      {MGP_SECTION_POSTINGS, bytes[3].data, bytes[3].size}};
  r->segments++;
  r->rows += mgp_lexical_builder_count(builder);
  return mgp_store_segment_add(r->ix->store, MGP_WORDS_SPACE, mgp_lexical_builder_count(builder),
                               sections, MGP_LEXICAL_SECTIONS, err);
}

/* One segment with the words of the next items that lack them, from *at on. */
static magpie_status write_words(mgp_repair *r, size_t space, uint64_t *at, mgp_analyzer *analyzer,
                                 magpie_error *err) {
  mgp_lexical_builder *builder = NULL;
  MGP_FORWARD(mgp_lexical_builder_create(r->ix->alloc, &builder, err));
  magpie_status status = MAGPIE_OK;
  const mgp_account *account = &r->check.account;
  for (; status == MAGPIE_OK && *at < account->kinds_size; (*at)++) {
    if (mgp_lexical_builder_count(builder) == SEGMENT_ROWS) break;
    if (account->kinds[*at] && !mgp_check_is_whole(&r->check, space, *at))
      status = add_words(r, *at, builder, analyzer, err);
  }
  if (status == MAGPIE_OK && mgp_lexical_builder_count(builder) > 0)
    status = finish_words(r, builder, err);
  mgp_lexical_builder_destroy(builder);
  return status;
}

magpie_status mgp_repair_words(mgp_repair *r, magpie_error *err) {
  const size_t space = mgp_check_space(&r->check, MGP_WORDS_SPACE);
  if (space == SIZE_MAX) {
    const mgp_space words = {.name = MGP_WORDS_SPACE, .metric = "bm25"};
    MGP_FORWARD(mgp_store_space_declare(r->ix->store, &words, err));
  }
  mgp_analyzer *analyzer = NULL;
  MGP_FORWARD(mgp_engine_analyzer_take(r->ix, &analyzer, err));
  magpie_status status = MAGPIE_OK;
  for (uint64_t at = 1; status == MAGPIE_OK && at < r->check.account.kinds_size;)
    status = write_words(r, space, &at, analyzer, err);
  mgp_engine_analyzer_give(r->ix, analyzer);
  return status;
}

/* ---- text vectors -----------------------------------------------------------------------------
 */

/* A segment of the text space in the making. */
typedef struct text_rows {
  const mgp_space *space;
  size_t stride, count, waiting;
  float *rows;
  uint64_t *ids;
  char *texts[TEXTS_AT_ONCE]; /* of the rows count - waiting .. count - 1 */
} text_rows;

static magpie_status encode_waiting(mgp_repair *r, text_rows *t, magpie_error *err) {
  if (t->waiting == 0) return MAGPIE_OK;
  mgp_alloc *a = r->ix->alloc;
  const size_t dim = t->space->dim;
  float *out = mgp_calloc(a, t->waiting * dim, sizeof *out);
  magpie_status status =
      out ? mgp_encoder_documents(r->text, (const char *const *)t->texts, t->waiting, out, err)
          : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a batch of vectors");
  const size_t first = t->count - t->waiting;
  for (size_t i = 0; i < t->waiting; i++) {
    if (status == MAGPIE_OK)
      memcpy(t->rows + (first + i) * t->stride, out + i * dim, dim * sizeof *out);
    mgp_free(a, t->texts[i]);
  }
  mgp_free(a, out);
  t->waiting = 0;
  return status;
}

static magpie_status write_rows(mgp_repair *r, text_rows *t, magpie_error *err) {
  MGP_FORWARD(encode_waiting(r, t, err));
  if (t->count == 0) return MAGPIE_OK;
  const mgp_section sections[] = {
      {MGP_SECTION_IDS, t->ids, t->count * sizeof *t->ids},
      {MGP_SECTION_VECTORS_F32, t->rows, t->count * t->stride * sizeof(float)}};
  MGP_FORWARD(mgp_store_segment_add(r->ix->store, t->space->key, t->count, sections, 2, err));
  memset(t->rows, 0, t->count * t->stride * sizeof(float));
  r->segments++;
  r->rows += t->count;
  t->count = 0;
  return MAGPIE_OK;
}

static magpie_status add_text(mgp_repair *r, uint64_t number, text_rows *t, magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(r->arena);
  MGP_FORWARD(mgp_store_item_get(r->ix->store, number, r->arena, &item, &source, err));
  if (mgp_engine_is_media(&item))
    return mgp_repair_lose(r, &item, &source, "its vector: the file cannot be read again", err);
  if (!item.text || !item.text[0]) return MAGPIE_OK; /* a guess: it never had one */
  char *prose = mgp_engine_prose(r->ix->alloc, &item, item.text);
  MGP_RETURN_IF(!prose, err, MAGPIE_NO_MEMORY, "no memory for the text of item %s", item.id);
  t->ids[t->count++] = number;
  t->texts[t->waiting++] = prose;
  if (t->waiting == TEXTS_AT_ONCE) MGP_FORWARD(encode_waiting(r, t, err));
  return t->count == SEGMENT_ROWS ? write_rows(r, t, err) : MAGPIE_OK;
}

magpie_status mgp_repair_text_vectors(mgp_repair *r, magpie_error *err) {
  if (r->text_space == SIZE_MAX) return MAGPIE_OK;
  mgp_alloc *a = r->ix->alloc;
  uint64_t *items = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_repair_items(r, r->text_space, &items, &count, err));
  text_rows t = {.space = &r->check.account.spaces[r->text_space]};
  t.stride = mgp_dense_stride(t.space->dim);
  const size_t room = count < SEGMENT_ROWS ? count + 1 : SEGMENT_ROWS;
  t.rows = mgp_calloc(a, room * t.stride, sizeof(float));
  t.ids = mgp_calloc(a, room, sizeof *t.ids);
  magpie_status status =
      t.rows && t.ids ? MAGPIE_OK : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for text vectors");
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) status = add_text(r, items[i], &t, err);
  if (status == MAGPIE_OK) status = write_rows(r, &t, err);
  for (size_t i = 0; i < t.waiting; i++) mgp_free(a, t.texts[i]);
  mgp_free(a, t.rows);
  mgp_free(a, t.ids);
  mgp_free(a, items);
  return status;
}
