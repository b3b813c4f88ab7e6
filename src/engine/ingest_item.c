/* SPDX-License-Identifier: Apache-2.0
 *
 * One decoded item on its way into the queue: pictures and sounds become vectors here, on the
 * decoding thread; texts are copied and wait for their batch.
 */
#include <math.h>

#include "engine/ingest_batch.h"

#define THUMB_SIDE 256
#define TITLE_MAX 300
#define ITEM_STRINGS 128 /* id, kind and the like, about */
/* A source of so many items may be cut over several commits. */
#define LARGE_SOURCE 64
/* A title of fewer words is a name that many passages share: in their vectors it drowns what tells
 * them apart (docs/decisions/0001-text-space.md). It is always among the words. */
#define TITLE_WORDS 6

/* What is made of an item before the lock is taken. */
typedef struct prepared {
  mgp_queued_vector vectors[QUEUED_VECTORS];
  size_t vector_count;
  void *thumb;
  size_t thumb_size;
} prepared;

static void prepared_fini(mgp_alloc *a, prepared *p) {
  for (size_t i = 0; i < p->vector_count; i++) mgp_free(a, p->vectors[i].values);
  mgp_free(a, p->thumb);
}

/* Room for the vectors of one pack, by the pack's own space order. */
static magpie_status take_outputs(mgp_ingest *in, size_t pack, unsigned input, prepared *p,
                                  float **outs, magpie_error *err) {
  const mgp_encoder *e = in->media[pack];
  for (size_t i = 0; i < QUEUED_VECTORS; i++) outs[i] = NULL;
  for (size_t i = 0; i < mgp_encoder_space_count(e) && i < QUEUED_VECTORS; i++) {
    const mgp_space_info *info = mgp_encoder_space(e, i);
    const size_t space = in->media_spaces[pack][i];
    if (!(info->item_inputs & input) || space == SIZE_MAX || p->vector_count == QUEUED_VECTORS)
      continue;
    outs[i] = mgp_malloc(in->ix->alloc, info->dim * sizeof(float));
    MGP_RETURN_IF(!outs[i], err, MAGPIE_NO_MEMORY, "no memory for a vector");
    p->vectors[p->vector_count++] = (mgp_queued_vector){.space = space, .values = outs[i]};
  }
  return MAGPIE_OK;
}

static magpie_status run_pack(mgp_ingest *in, size_t pack, const mgp_media_item *item, float **outs,
                              magpie_error *err) {
  if (item->pcm) return mgp_encoder_sound(in->media[pack], item->pcm, item->pcm_count, outs, err);
  return mgp_encoder_image(in->media[pack], item->image->rgb, item->image->width,
                           item->image->height, outs, err);
}

/* Vectors of a picture or sound in every pack that takes it. UNSUPPORTED from a model (a silent
 * sound) leaves the item without those vectors: it can still be found by its words. */
static magpie_status encode_media(mgp_ingest *in, const mgp_media_item *item, prepared *p,
                                  magpie_error *err) {
  const bool is_picture = item->image && !mgp_text_equal(item->kind, "page");
  const unsigned input = item->pcm ? MGP_INPUT_SOUND : is_picture ? MGP_INPUT_IMAGE : 0;
  for (size_t pack = 0; input && pack < in->media_count; pack++) {
    if (!(in->media_inputs[pack] & input)) continue;
    const size_t before = p->vector_count;
    float *outs[QUEUED_VECTORS];
    MGP_FORWARD(take_outputs(in, pack, input, p, outs, err));
    const magpie_status status = run_pack(in, pack, item, outs, err);
    if (status == MAGPIE_UNSUPPORTED) {
      while (p->vector_count > before)
        mgp_free(in->ix->alloc, p->vectors[--p->vector_count].values);
    } else if (status != MAGPIE_OK) {
      return status;
    }
  }
  return MAGPIE_OK;
}

char *mgp_ingest_name_words(mgp_arena *arena, const char *path) {
  const char *name = mgp_path_name(path);
  const char *dot = strrchr(name, '.');
  char *words =
      mgp_arena_strndup(arena, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
  for (char *c = words; c && *c; c++)
    if (*c == '_' || *c == '-' || *c == '.') *c = ' ';
  return words;
}

static const char *or_empty(const char *text) {
  return text ? text : "";
}

/* NULL for none. False for want of memory. */
static bool metadata_text(mgp_arena *arena, const json_t *metadata, const char **out) {
  if (!json_is_object(metadata) || json_object_size(metadata) == 0) return true;
  char *text = NULL;
  if (mgp_json_write(metadata, &text, NULL) != MAGPIE_OK) return false;
  *out = mgp_arena_strdup(arena, text);
  magpie_free(text);
  return *out != NULL;
}

/* What the item's row says. The file's name stands in for a missing title. False for want of
 * memory: an item that lost a part must not look whole. Under the mutex. */
static bool fill_row(mgp_ingest *in, mgp_ingest_source *source, const mgp_media_item *item,
                     mgp_queued_item *q) {
  mgp_arena *arena = in->arena;
  const char *title = item->title && item->title[0] ? item->title : source->title;
  char *shown = NULL;
  if (!title && source->path) {
    shown = mgp_path_escape(in->ix->alloc, mgp_path_name(source->path));
    if (!shown) return false;
    title = shown;
  }
  q->row.title = mgp_arena_strndup(arena, or_empty(title),
                                   mgp_utf8_cut(or_empty(title), title && strlen(title) > TITLE_MAX
                                                                     ? TITLE_MAX
                                                                     : strlen(or_empty(title))));
  mgp_free(in->ix->alloc, shown);
  q->row.kind = mgp_arena_strdup(arena, source->forced_kind ? source->forced_kind : item->kind);
  q->ordinal = ++source->item_count;
  const char *own = item->text && item->text[0] ? item->text : NULL;
  if (source->caption && q->ordinal == 1)
    q->row.text =
        mgp_arena_printf(arena, "%s%s%s", source->caption, own ? "\n\n" : "", own ? own : "");
  else q->row.text = item->text ? mgp_arena_strdup(arena, item->text) : NULL;
  q->row.context = item->context ? mgp_arena_strdup(arena, item->context) : NULL;
  const bool has_metadata = metadata_text(arena, item->metadata, &q->row.metadata);
  q->row.locator = item->locator;
  if (source->record) /* else the flush makes the id, when the source has its number */
    q->row.id = mgp_arena_printf(arena, "%s#%zu", source->record, source->item_count);
  else q->row.id = mgp_arena_printf(arena, "#%zu", source->item_count);
  const bool wants_text = item->text || (source->caption && q->ordinal == 1);
  return has_metadata && q->row.title && q->row.kind && q->row.id && (q->row.text || !wants_text) &&
         (q->row.context || !item->context);
}

static size_t count_words(const char *text) {
  size_t count = 0;
  for (bool inside = false; *text; text++) {
    const bool is_space = *text == ' ' || *text == '\t' || *text == '\n';
    count += !is_space && !inside;
    inside = !is_space;
  }
  return count;
}

bool mgp_ingest_title_counts(const char *title) {
  return title && count_words(title) >= TITLE_WORDS;
}

/* What the two text indexes read: title, heading path, text. False for want of memory. Under the
 * mutex. */
static bool fill_texts(mgp_ingest *in, const mgp_ingest_source *source, const mgp_media_item *item,
                       mgp_queued_item *q) {
  const char *name = source->path && (!item->title || !item->title[0]) && !source->title
                         ? mgp_ingest_name_words(in->arena, source->path)
                         : q->row.title;
  q->words = mgp_arena_printf(in->arena, "%s\n%s\n%s", or_empty(name), or_empty(item->context),
                              or_empty(q->row.text));
  if (!name || !q->words) return false;
  const bool has_language = item->language && item->language[0]; /* else the flush finds it */
  if (has_language) q->row.language = mgp_arena_strdup(in->arena, item->language);
  if (has_language && !q->row.language) return false;
  /* The tags of a picture or sound are words. As vectors they would be a list of their own, so
   * short that each of them ranks high whatever is asked. A caption is prose. */
  const bool is_media = item->pcm || (item->image && !mgp_text_equal(item->kind, "page"));
  const bool is_captioned = source->caption && q->ordinal == 1;
  const char *prose = is_media ? is_captioned ? source->caption : NULL : q->row.text;
  if (!prose || !prose[0] || in->text_space == SIZE_MAX) return true;
  const bool is_named = mgp_ingest_title_counts(q->row.title);
  q->prose =
      mgp_arena_printf(in->arena, "%s%s%s%s%s", is_named ? q->row.title : "", is_named ? " " : "",
                       or_empty(item->context), item->context ? " " : "", prose);
  if (!q->prose) return false;
  q->vectors[q->vector_count++] = (mgp_queued_vector){.space = in->text_space};
  in->text_count++;
  return true;
}

/* Under the mutex. */
static magpie_status queue_item(mgp_ingest *in, mgp_ingest_source *source,
                                const mgp_media_item *item, prepared *p, magpie_error *err) {
  mgp_queued_item *q = mgp_arena_calloc(in->arena, 1, sizeof *q);
  MGP_RETURN_IF(!q || !MGP_GROW(in->ix->alloc, in->items, in->item_capacity, in->item_count + 1),
                err, MAGPIE_NO_MEMORY, "no memory for the items of %s", source->ledger_name);
  q->source = source;
  MGP_RETURN_IF(!fill_row(in, source, item, q) || !fill_texts(in, source, item, q), err,
                MAGPIE_NO_MEMORY, "no memory for the items of %s", source->ledger_name);
  if (p->thumb) {
    void *copy = mgp_arena_alloc(in->arena, p->thumb_size);
    if (copy) memcpy(copy, p->thumb, p->thumb_size);
    q->row.thumb = copy;
    q->row.thumb_size = copy ? p->thumb_size : 0;
  }
  for (size_t i = 0; i < p->vector_count && q->vector_count < QUEUED_VECTORS; i++) {
    q->vectors[q->vector_count++] = p->vectors[i];
    p->vectors[i].values = NULL;
    in->queued_bytes += in->spaces[p->vectors[i].space].row.dim * sizeof(float);
  }
  in->items[in->item_count++] = q;
  in->queued_bytes += sizeof *q + p->thumb_size + 3 * strlen(q->words) + ITEM_STRINGS;
  return MAGPIE_OK;
}

bool mgp_ingest_is_full(const mgp_ingest *in) {
  return in->text_count >= BATCH_TEXTS || in->item_count >= BATCH_ITEMS ||
         in->queued_bytes >= in->batch_bytes;
}

static magpie_status queue_prepared(mgp_ingest *in, mgp_ingest_source *source,
                                    const mgp_media_item *item, prepared *p, magpie_error *err) {
  pthread_mutex_lock(&in->mutex);
  magpie_status status = in->status;
  if (status != MAGPIE_OK && err) *err = in->error;
  if (status == MAGPIE_OK) status = queue_item(in, source, item, p, err);
  /* Small sources are better committed whole, when they are done. */
  const bool is_large = source->item_count % LARGE_SOURCE == 0;
  if (status == MAGPIE_OK && is_large && mgp_ingest_is_full(in)) {
    mgp_ingest_flush(in);
    status = in->status;
    if (status != MAGPIE_OK && err) *err = in->error;
  }
  pthread_mutex_unlock(&in->mutex);
  prepared_fini(in->ix->alloc, p);
  mgp_heap_settle(in->ix->alloc);
  return status;
}

magpie_status mgp_ingest_item(mgp_ingest *in, mgp_ingest_source *source, const mgp_media_item *item,
                              magpie_error *err) {
  prepared p = {0};
  MGP_RETURN_IF(mgp_ingest_cancelled(in), err, MAGPIE_CANCELLED, "stopped on request");
  const magpie_status status = encode_media(in, item, &p, err);
  if (status != MAGPIE_OK) {
    prepared_fini(in->ix->alloc, &p);
    return status;
  }
  if (item->image) /* a missing thumbnail costs a picture in the results, not the item */
    mgp_media_thumbnail(in->ix->alloc, item->image, THUMB_SIDE, &p.thumb, &p.thumb_size, NULL);
  return queue_prepared(in, source, item, &p, err);
}

/* The space of imported vectors, its dimension fixed by the first one. */
static magpie_status vector_space(mgp_ingest *in, const char *name, size_t dim, size_t *out,
                                  bool *is_cosine, magpie_error *err) {
  pthread_mutex_lock(&in->mutex);
  const size_t space = mgp_ingest_space_index(in, name, "", "", "cosine", dim);
  const size_t have = space == SIZE_MAX ? 0 : in->spaces[space].row.dim;
  *is_cosine = space != SIZE_MAX && mgp_text_equal(in->spaces[space].row.metric, "cosine");
  pthread_mutex_unlock(&in->mutex);
  MGP_RETURN_IF(space == SIZE_MAX, err, MAGPIE_LIMIT, "the index has %d spaces already",
                MGP_ENGINE_SPACES);
  MGP_RETURN_IF(have != dim, err, MAGPIE_FORMAT,
                "the vector has %zu numbers, the space %s holds vectors of %zu", dim, name, have);
  *out = space;
  return MAGPIE_OK;
}

magpie_status mgp_ingest_vector(mgp_ingest *in, mgp_ingest_source *source, const char *space_name,
                                const mgp_media_item *item, const float *vector, size_t dim,
                                magpie_error *err) {
  float norm = 0;
  for (size_t i = 0; i < dim; i++) {
    MGP_RETURN_IF(!isfinite(vector[i]), err, MAGPIE_FORMAT,
                  "number %zu of the vector is not finite", i + 1);
    norm += vector[i] * vector[i];
  }
  MGP_RETURN_IF(!(norm > 0) || !(norm <= MGP_VECTOR_LENGTH_MAX * MGP_VECTOR_LENGTH_MAX), err,
                MAGPIE_FORMAT, "the vector has no direction (its length is zero or above %g)",
                MGP_VECTOR_LENGTH_MAX);
  size_t space = 0;
  bool is_cosine = false;
  MGP_FORWARD(vector_space(in, space_name, dim, &space, &is_cosine, err));
  prepared p = {0};
  float *copy = mgp_malloc(in->ix->alloc, dim * sizeof(float));
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a vector");
  memcpy(copy, vector, dim * sizeof(float));
  if (is_cosine) mgp_normalise_f32(copy, dim);
  p.vectors[p.vector_count++] = (mgp_queued_vector){.space = space, .values = copy};
  return queue_prepared(in, source, item, &p, err);
}
