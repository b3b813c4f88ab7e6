/* SPDX-License-Identifier: Apache-2.0
 *
 * Recall: every part of the query asks every space that understands it; each answer is a ranked
 * list.
 *
 *   text   -> words (BM25), the text space, label bridges and text towers
 *   image  -> spaces of packs whose queries may be pictures
 *   audio  -> spaces of packs whose queries may be sounds
 *   item   -> the item's own vectors, in every cosine space that has one
 *   vector -> its named space; summed with others and with items when the query says so
 *
 * A space that cannot take part (its pack is missing, or is not the one that made the vectors) is
 * left out with a warning: the rest of the answer stands.
 */
#include <math.h>

#include "engine/search.h"

#define QUERY_SOUND_SECONDS 30.0
/* The words' list weighs coverage^WORDS_TRUST: docs/decisions/0002-fusion.md has the figures. */
#define WORDS_TRUST 2.0
#define BM25_K1 1.2
#define BM25_B 0.75
#define NAME_MATCH 0.7
#define MEDIA_CONFIDENCE 0.98F
#define LEAST_BELIEF 0.05

void mgp_search_warn(mgp_search *s, const char *message) {
  const size_t room = sizeof s->warnings / sizeof *s->warnings;
  for (size_t i = 0; i < s->warning_count; i++)
    if (mgp_text_equal(s->warnings[i], message)) return;
  char *copy = mgp_arena_strdup(s->arena, message);
  if (copy && s->warning_count < room) s->warnings[s->warning_count++] = copy;
}

/* ---- which items may be hits ---------------------------------------------------------------- */

bool mgp_search_allows(const void *search, uint64_t id) {
  const mgp_search *s = search;
  const int kind = mgp_snapshot_kind(s->view->snapshot, id);
  if (kind <= 0 || (!s->all_kinds && (kind >= SEARCH_KINDS || !s->kinds[kind]))) return false;
  for (size_t i = 0; i < s->like_count; i++)
    if (s->like[i] == id) return false;
  return true;
}

static double space_weight(const mgp_search *s, const char *space, double fallback) {
  for (size_t i = 0; i < s->query->space_weight_count; i++)
    if (mgp_text_equal(s->query->space_names[i], space)) return s->query->space_weights[i];
  return fallback;
}

/* A list to fill, or NULL when this space has weight 0 or the table is full. */
static mgp_search_list *new_list(mgp_search *s, const char *space, size_t part, double weight,
                                 int medium) {
  if (weight == 0 || s->list_count == SEARCH_LISTS) return NULL;
  const char *label = space;
  for (size_t i = 0; i < s->list_count; i++)
    if (mgp_text_equal(s->lists[i].label, space))
      label = mgp_arena_printf(s->arena, "%s@%zu", space, part + 1);
  mgp_search_list *list = &s->lists[s->list_count++];
  *list = (mgp_search_list){.label = mgp_arena_strdup(s->arena, label ? label : space),
                            .weight = weight,
                            .medium = medium};
  return list;
}

/* Room for the best `depth`; no more than there are items. */
static magpie_status topk_open(mgp_search *s, mgp_topk *top, magpie_error *err) {
  size_t k = s->depth;
  const uint64_t items = mgp_snapshot_item_count(s->view->snapshot);
  if (items < k) k = items ? (size_t)items : 1;
  mgp_scored *storage = mgp_arena_alloc(s->arena, k * sizeof *storage);
  MGP_RETURN_IF(!storage, err, MAGPIE_NO_MEMORY, "no memory for %zu candidates", k);
  mgp_topk_init(top, storage, k);
  return MAGPIE_OK;
}

static void keep_list(mgp_search_list *list, mgp_topk *top) {
  mgp_topk_sort(top);
  list->hits = top->heap;
  list->count = top->count;
}

static magpie_status scan_space(mgp_search *s, const mgp_space_view *space, const float *vector,
                                mgp_search_list *list, magpie_error *err) {
  mgp_topk top;
  MGP_FORWARD(topk_open(s, &top, err));
  MGP_FORWARD((s->query->has_min_score ? mgp_search_range : mgp_search_dense)(
      s, space, vector, list->label, &top, err));
  keep_list(list, &top);
  return MAGPIE_OK;
}

/* ---- words --------------------------------------------------------------------------------------
 */

/* A picture's or sound's words are its name and tags, a few at most. That one of them is in the
 * question says little ("a" in "a black cat"): such an item stays in the list only when it matches
 * most of the question, by idf mass. Its labels speak for it otherwise. */
static void drop_weak_names(mgp_search *s, mgp_search_list *list, double mass) {
  const double short_text =
      1.0 / (1.0 + BM25_K1 * (1.0 - BM25_B)); /* tf's part when length is near 0 */
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    const char *kind = mgp_snapshot_kind_name(
        s->view->snapshot, mgp_snapshot_kind(s->view->snapshot, list->hits[i].id));
    const bool is_name = mgp_text_equal(kind, "image") || mgp_text_equal(kind, "sound");
    if (!is_name || list->hits[i].score >= NAME_MATCH * short_text * mass)
      list->hits[kept++] = list->hits[i];
  }
  list->count = kept;
}

static magpie_status recall_words(mgp_search *s, size_t index, const magpie_part *part,
                                  magpie_error *err) {
  mgp_query_words *words = &s->words[s->words_count];
  MGP_FORWARD(mgp_engine_query_words(s->ix, s->arena, part->text, 1.0, words, err));
  s->words_count++;
  const mgp_space_view *space = NULL;
  MGP_FORWARD(mgp_engine_view_space(s->ix, s->view, MGP_WORDS_SPACE, &space, err));
  if (!space || space->count == 0 || words->count == 0) return MAGPIE_OK;
  double coverage = 0, mass = 0;
  MGP_FORWARD(mgp_lexical_coverage(space->lexical, space->count, words->terms, words->count,
                                   &coverage, &mass, err));
  const double trust = pow(coverage, WORDS_TRUST);
  mgp_search_list *list = new_list(s, MGP_WORDS_SPACE, index,
                                   trust * part->weight * space_weight(s, MGP_WORDS_SPACE, 1.0), 0);
  if (!list) return MAGPIE_OK;
  const mgp_filter filter = {.allow = mgp_search_allows, .context = s};
  const mgp_bm25 bm25 = {.k1 = BM25_K1, .b = BM25_B};
  mgp_topk top;
  MGP_FORWARD(topk_open(s, &top, err));
  MGP_FORWARD(mgp_lexical_search(space->lexical, space->count, words->terms, words->count, &bm25,
                                 &filter, s->ix->alloc, &top, err));
  keep_list(list, &top);
  drop_weak_names(s, list, mass);
  return MAGPIE_OK;
}

/* Postings are checked as they are read. What is damaged there costs the list, not the answer. */
static magpie_status ask_words(mgp_search *s, size_t index, const magpie_part *part,
                               magpie_error *err) {
  const size_t lists = s->list_count;
  magpie_error why = {0};
  const magpie_status status = recall_words(s, index, part, &why);
  if (status == MAGPIE_CORRUPT) {
    s->list_count = lists;
    mgp_search_warn(s, mgp_arena_printf(s->arena,
                                        "%s; the space %s is left out of this answer; `magpie "
                                        "repair` rebuilds it",
                                        why.message, MGP_WORDS_SPACE));
    return MAGPIE_OK;
  }
  if (status != MAGPIE_OK && err) *err = why;
  return status;
}

/* ---- encoders
 * ------------------------------------------------------------------------------------- */

static int medium_of_inputs(unsigned inputs) {
  if (inputs & MGP_INPUT_IMAGE) return 1;
  if (inputs & MGP_INPUT_SOUND) return 2;
  return 0;
}

/* What one part needs to ask one pack's space. */
typedef struct asked_space {
  const mgp_space *row;
  const mgp_space_view *view;
  const mgp_space_info *info;
  mgp_encoder *encoder;
  size_t index; /* of the space in its pack */
} asked_space;

/* The encoder that made a space's vectors; false (with a warning) when it cannot be used now. */
static bool find_encoder(mgp_search *s, const mgp_space *row, asked_space *out) {
  magpie_error why = {0};
  *out = (asked_space){.row = row};
  if (!row->pack[0]) return false;
  magpie_status status = mgp_engine_view_space(s->ix, s->view, row->name, &out->view, &why);
  if (status == MAGPIE_OK && (!out->view || out->view->count == 0)) return false;
  if (status == MAGPIE_OK) status = mgp_engine_encoder(s->ix, row->pack, &out->encoder, &why);
  if (status != MAGPIE_OK) {
    mgp_search_warn(s, why.message);
    return false;
  }
  if (!mgp_text_equal(mgp_encoder_hash(out->encoder), row->pack_hash)) {
    mgp_search_warn(s, mgp_arena_printf(s->arena,
                                        "the space %s was made by another version of the pack %s; "
                                        "`magpie models use %s` changes the index to this one",
                                        row->name, row->pack, row->pack));
    return false;
  }
  for (size_t i = 0; i < mgp_encoder_space_count(out->encoder); i++) {
    if (!mgp_text_equal(mgp_encoder_space(out->encoder, i)->name, row->name)) continue;
    out->index = i;
    out->info = mgp_encoder_space(out->encoder, i);
  }
  return out->info != NULL && out->info->dim == out->view->dim;
}

/* A label space ranks whatever there is, a picture of nothing too. What hardly fits the question is
 * hardly believed, so that it comes after the texts that do; in its own medium it stays where it
 * is. */
static magpie_status weigh_labels(mgp_search *s, const mgp_space_info *info, mgp_search_list *list,
                                  magpie_error *err) {
  float *beliefs = mgp_arena_alloc(s->arena, (list->count + 1) * sizeof *beliefs);
  MGP_RETURN_IF(!beliefs, err, MAGPIE_NO_MEMORY, "no memory for the answers of a space");
  for (size_t i = 0; i < list->count; i++) {
    const double x = ((double)list->hits[i].score - info->weak) / (info->sure - info->weak);
    beliefs[i] = (float)(x < LEAST_BELIEF ? LEAST_BELIEF : x > 1 ? 1 : x);
  }
  list->beliefs = beliefs;
  return MAGPIE_OK;
}

static magpie_status ask_text_space(mgp_search *s, size_t index, const magpie_part *part,
                                    const asked_space *space, magpie_error *err) {
  mgp_search_list *list =
      new_list(s, space->row->name, index,
               part->weight * space_weight(s, space->row->name, space->info->weight),
               medium_of_inputs(space->info->item_inputs));
  if (!list) return MAGPIE_OK;
  float *vector = mgp_arena_calloc(s->arena, space->info->dim, sizeof *vector);
  MGP_RETURN_IF(!vector, err, MAGPIE_NO_MEMORY, "no memory for a query vector");
  magpie_error why = {0};
  float confidence = 1;
  const magpie_status status =
      mgp_encoder_question(space->encoder, space->index, part->text, vector, &confidence, &why);
  if (status == MAGPIE_MODEL || status == MAGPIE_UNSUPPORTED) {
    mgp_search_warn(s, why.message);
    return MAGPIE_OK;
  }
  if (status != MAGPIE_OK && err) *err = why;
  MGP_FORWARD(status);
  /* Of equals a text comes first: its words can be checked. */
  list->confidence = list->medium == 0 ? confidence : MEDIA_CONFIDENCE * confidence;
  MGP_FORWARD(scan_space(s, space->view, vector, list, err));
  /* Labels that speak for no class of the question are no evidence at all. */
  const bool is_labels = mgp_text_equal(space->info->metric, "dot");
  while (is_labels && list->count > 0 && !(list->hits[list->count - 1].score > 0)) list->count--;
  return space->info->sure > 0 ? weigh_labels(s, space->info, list, err) : MAGPIE_OK;
}

/* A picture or sound of the query, read once for all packs. */
typedef struct query_media {
  mgp_image image;
  float *pcm;
  size_t pcm_count;
} query_media;

static magpie_status read_media(mgp_search *s, const magpie_part *part, query_media *media,
                                magpie_error *err) {
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  MGP_FORWARD(mgp_media_init(err));
  if (part->image)
    return mgp_media_read_image(s->ix->alloc, part->image, &limits, &media->image, err);
  return mgp_media_read_sound(s->ix->alloc, part->audio, &limits, QUERY_SOUND_SECONDS, &media->pcm,
                              &media->pcm_count, err);
}

static magpie_status ask_media_space(mgp_search *s, size_t index, const magpie_part *part,
                                     const query_media *media, const asked_space *space,
                                     magpie_error *err) {
  mgp_search_list *list =
      new_list(s, space->row->name, index,
               part->weight * space_weight(s, space->row->name, space->info->weight),
               medium_of_inputs(space->info->item_inputs));
  if (!list) return MAGPIE_OK;
  float *outs[MGP_ENGINE_SPACES] = {0};
  float *vector = mgp_arena_calloc(s->arena, space->info->dim, sizeof *vector);
  MGP_RETURN_IF(!vector || space->index >= MGP_ENGINE_SPACES, err, MAGPIE_NO_MEMORY,
                "no memory for a query vector");
  outs[space->index] = vector;
  magpie_error why = {0};
  const magpie_status status =
      part->image ? mgp_encoder_image(space->encoder, media->image.rgb, media->image.width,
                                      media->image.height, outs, &why)
                  : mgp_encoder_sound(space->encoder, media->pcm, media->pcm_count, outs, &why);
  if (status == MAGPIE_OK) return scan_space(s, space->view, vector, list, err);
  s->list_count--;
  if (status == MAGPIE_MODEL) { /* a damaged pack costs its list, not the answer */
    mgp_search_warn(s, why.message);
    return MAGPIE_OK;
  }
  if (err) *err = why;
  return status;
}

static unsigned part_input(const magpie_part *part) {
  return part->text ? MGP_INPUT_TEXT : part->image ? MGP_INPUT_IMAGE : MGP_INPUT_SOUND;
}

/* Asks all encoder spaces of the index that take this part's input. */
static magpie_status ask_encoders(mgp_search *s, size_t index, const magpie_part *part,
                                  const mgp_space *rows, size_t count, magpie_error *err) {
  query_media media = {0};
  if (!part->text) MGP_FORWARD(read_media(s, part, &media, err));
  magpie_status status = MAGPIE_OK;
  size_t asked = 0;
  const size_t warnings = s->warning_count;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    asked_space space;
    if (part->space && !mgp_text_equal(part->space, rows[i].name)) continue;
    if (!find_encoder(s, &rows[i], &space)) continue;
    if (!(space.info->query_inputs & part_input(part))) continue;
    asked++;
    status = part->text ? ask_text_space(s, index, part, &space, err)
                        : ask_media_space(s, index, part, &media, &space, err);
  }
  if (asked == 0 && !part->text && s->warning_count == warnings) /* else the reason is told */
    mgp_search_warn(s, part->image ? "the index holds no vectors that a picture can be compared "
                                     "with; install a picture pack and index again"
                                   : "the index holds no vectors that a sound can be compared "
                                     "with; install a sound pack and index again");
  mgp_image_fini(s->ix->alloc, &media.image);
  mgp_free(s->ix->alloc, media.pcm);
  return status;
}

/* ---- items and vectors
 * ---------------------------------------------------------------------------- */

static magpie_status find_item(mgp_search *s, const char *id, uint64_t *number, magpie_error *err) {
  MGP_FORWARD(mgp_store_item_find(s->ix->store, id, number, err));
  if (*number == 0) {
    char *first = mgp_arena_printf(s->arena, "%s#1", id); /* a record's id names its first item */
    MGP_RETURN_IF(!first, err, MAGPIE_NO_MEMORY, "no memory for an id");
    MGP_FORWARD(mgp_store_item_find(s->ix->store, first, number, err));
  }
  MGP_RETURN_IF(*number == 0, err, MAGPIE_NOT_FOUND,
                "there is no item \"%s\"; ids are shown by `magpie search --json`", id);
  return MAGPIE_OK;
}

/* A label space compares items with questions, not with each other. */
static bool compares_items(const mgp_space *row) {
  return row->dim > 0 && (!row->pack[0] || mgp_text_equal(row->metric, "cosine"));
}

static magpie_status ask_item(mgp_search *s, size_t index, const magpie_part *part,
                              const mgp_space *rows, size_t count, magpie_error *err) {
  uint64_t number = 0;
  MGP_FORWARD(find_item(s, part->item, &number, err));
  for (size_t i = 0; i < count; i++) {
    if (!compares_items(&rows[i])) continue;
    if (part->space && !mgp_text_equal(part->space, rows[i].name)) continue;
    const mgp_space_view *space = NULL;
    MGP_FORWARD(mgp_engine_view_space(s->ix, s->view, rows[i].name, &space, err));
    if (!space || space->is_lexical) continue;
    const float *vector = mgp_dense_find(space->dense, space->count, number);
    if (!vector) continue;
    const int medium = mgp_text_starts(rows[i].name, "sound")  ? 2
                       : mgp_text_starts(rows[i].name, "text") ? 0
                                                               : 1;
    mgp_search_list *list =
        new_list(s, rows[i].name, index, part->weight * space_weight(s, rows[i].name, 1.0), medium);
    if (list) MGP_FORWARD(scan_space(s, space, vector, list, err));
  }
  MGP_RETURN_IF(s->query->has_min_score && s->list_count > 1, err, MAGPIE_INVALID,
                "the item \"%s\" has vectors in %zu spaces: a least score needs the name of one",
                part->item, s->list_count);
  return MAGPIE_OK;
}

static magpie_status find_space(mgp_search *s, const magpie_part *part, const mgp_space_view **out,
                                magpie_error *err) {
  const char *name = part->space ? part->space : MGP_VECTORS_SPACE;
  MGP_FORWARD(mgp_engine_view_space(s->ix, s->view, name, out, err));
  MGP_RETURN_IF(!*out || (*out)->is_lexical, err, MAGPIE_NOT_FOUND,
                "the index has no vector space \"%s\"", name);
  return MAGPIE_OK;
}

/* The vector of a part, as the space compares it; arena-owned. */
static magpie_status read_vector(mgp_search *s, const mgp_space_view *space,
                                 const magpie_part *part, float **out, magpie_error *err) {
  MGP_RETURN_IF(space->dim != part->vector_dim, err, MAGPIE_INVALID,
                "the query vector has %zu numbers, the space %s holds vectors of %zu",
                part->vector_dim, space->name, space->dim);
  float *copy = mgp_arena_alloc(s->arena, space->dim * sizeof *copy);
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a query vector");
  memcpy(copy, part->vector, space->dim * sizeof *copy);
  double square = 0;
  for (size_t i = 0; i < space->dim; i++) square += (double)copy[i] * copy[i];
  MGP_RETURN_IF(!(square <= MGP_VECTOR_LENGTH_MAX * MGP_VECTOR_LENGTH_MAX) ||
                    (space->is_cosine && !(mgp_normalise_f32(copy, space->dim) > 0)),
                err, MAGPIE_INVALID,
                "the query vector is %slonger than %g or holds a number that is not finite",
                space->is_cosine ? "zero, " : "", MGP_VECTOR_LENGTH_MAX);
  *out = copy;
  return MAGPIE_OK;
}

static magpie_status ask_vector(mgp_search *s, size_t index, const magpie_part *part,
                                magpie_error *err) {
  const mgp_space_view *space = NULL;
  float *vector = NULL;
  MGP_FORWARD(find_space(s, part, &space, err));
  MGP_FORWARD(read_vector(s, space, part, &vector, err));
  mgp_search_list *list =
      new_list(s, space->name, index, part->weight * space_weight(s, space->name, 1.0), 0);
  return list ? scan_space(s, space, vector, list, err) : MAGPIE_OK;
}

/* The part's vector: its own, or that of its item. */
static magpie_status part_vector(mgp_search *s, const mgp_space_view *space,
                                 const magpie_part *part, const float **out, magpie_error *err) {
  float *own = NULL;
  uint64_t number = 0;
  if (part->vector) {
    MGP_FORWARD(read_vector(s, space, part, &own, err));
    *out = own;
    return MAGPIE_OK;
  }
  MGP_FORWARD(find_item(s, part->item, &number, err));
  *out = mgp_dense_find(space->dense, space->count, number);
  MGP_RETURN_IF(!*out, err, MAGPIE_NOT_FOUND, "the item \"%s\" has no vector in the space %s",
                part->item, space->name);
  return MAGPIE_OK;
}

/* All parts as one vector: the sum of weight x vector. */
static magpie_status ask_sum(mgp_search *s, magpie_error *err) {
  const magpie_query *q = s->query;
  const mgp_space_view *space = NULL;
  MGP_FORWARD(find_space(s, &q->parts[0], &space, err));
  float *sum = mgp_arena_calloc(s->arena, space->dim, sizeof *sum);
  MGP_RETURN_IF(!sum, err, MAGPIE_NO_MEMORY, "no memory for a query vector");
  for (size_t i = 0; i < q->part_count; i++) {
    const mgp_space_view *other = NULL;
    const float *vector = NULL;
    MGP_FORWARD(find_space(s, &q->parts[i], &other, err));
    MGP_RETURN_IF(other != space, err, MAGPIE_INVALID,
                  "part %zu is of the space %s, part 1 of %s: a sum is of one space", i + 1,
                  other->name, space->name);
    MGP_FORWARD(part_vector(s, space, &q->parts[i], &vector, err));
    for (size_t j = 0; j < space->dim; j++) sum[j] += (float)(q->parts[i].weight * vector[j]);
  }
  const magpie_part whole = {
      .vector = sum, .vector_dim = space->dim, .space = space->name, .weight = 1};
  magpie_error why = {0};
  const magpie_status status = ask_vector(s, 0, &whole, &why);
  MGP_RETURN_IF(status == MAGPIE_INVALID, err, MAGPIE_INVALID,
                "the parts' sum is no vector to search with: their weights cancel out, or are too "
                "large");
  if (status != MAGPIE_OK && err) *err = why;
  return status;
}

/* ---- the query
 * -------------------------------------------------------------------------------------- */

static magpie_status ask_part(mgp_search *s, size_t index, const mgp_space *rows, size_t count,
                              magpie_error *err) {
  const magpie_part *part = &s->query->parts[index];
  if (part->vector) return ask_vector(s, index, part, err);
  if (part->item) return ask_item(s, index, part, rows, count, err);
  const bool wants_words = !part->space || mgp_text_equal(part->space, MGP_WORDS_SPACE);
  if (part->text && wants_words) MGP_FORWARD(ask_words(s, index, part, err));
  return ask_encoders(s, index, part, rows, count, err);
}

static magpie_status note_like(mgp_search *s, magpie_error *err) {
  for (size_t i = 0; i < s->query->part_count; i++) {
    if (!s->query->parts[i].item || s->like_count == sizeof s->like / sizeof *s->like) continue;
    MGP_FORWARD(find_item(s, s->query->parts[i].item, &s->like[s->like_count], err));
    s->like_count++;
  }
  return MAGPIE_OK;
}

magpie_status mgp_search_recall(mgp_search *s, magpie_error *err) {
  s->words = mgp_arena_calloc(s->arena, s->query->part_count + 1, sizeof *s->words);
  MGP_RETURN_IF(!s->words, err, MAGPIE_NO_MEMORY, "no memory for the query");
  MGP_FORWARD(note_like(s, err));
  mgp_space *rows = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(s->ix->store, s->ix->alloc, &rows, &count, err));
  magpie_status status = s->query->sum ? ask_sum(s, err) : MAGPIE_OK;
  for (size_t i = 0; i < s->query->part_count && status == MAGPIE_OK && !s->query->sum; i++)
    status = ask_part(s, i, rows, count, err);
  mgp_free(s->ix->alloc, rows);
  return status;
}
