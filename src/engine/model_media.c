/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures and sounds encoded again: from their files, or where a file is gone or has changed since
 * it was indexed, pictures from their thumbnails. The items of a file come out of its decoder in
 * the order of their numbers. Files are read side by side; rows are put in order of the numbers.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model_change.h"

#define FILES_AT_ONCE 32

/* One item of a file that is read again. */
typedef struct media_row {
  uint64_t number;
  float *vectors[MODEL_SPACES]; /* by target; NULL: none */
  bool is_wanted, from_thumb;
  const char *lost; /* why it has no vector */
} media_row;

typedef struct media_file {
  mgp_model_change *c;
  mgp_arena *arena;
  mgp_source source;
  media_row *rows;
  size_t count, seen;
  magpie_status status; /* what ends the job */
  magpie_error error;
} media_file;

typedef struct media_round {
  media_file files[FILES_AT_ONCE];
  size_t count;
} media_round;

/* ---- one item ---------------------------------------------------------------------------------
 */

/* Room for the vectors that an item with this input gets, by the pack's order in `outs`. */
static magpie_status take_outputs(media_file *f, media_row *row, unsigned input, float **outs,
                                  magpie_error *err) {
  const mgp_model_change *c = f->c;
  for (size_t i = 0; i < c->target_count; i++) {
    const mgp_model_target *t = &c->targets[i];
    if (!(t->inputs & input) || mgp_bit_get(t->done, row->number)) continue;
    row->vectors[i] = mgp_calloc(c->ix->alloc, t->space.dim, sizeof(float));
    MGP_RETURN_IF(!row->vectors[i], err, MAGPIE_NO_MEMORY, "no memory for a vector");
    outs[t->index] = row->vectors[i];
  }
  return MAGPIE_OK;
}

static void drop_vectors(const media_file *f, media_row *row) {
  for (size_t i = 0; i < MODEL_SPACES; i++) {
    mgp_free(f->c->ix->alloc, row->vectors[i]);
    row->vectors[i] = NULL;
  }
}

static magpie_status encode_row(media_file *f, media_row *row, const mgp_media_item *item,
                                magpie_error *err) {
  const bool is_picture = item->image && !mgp_text_equal(item->kind, "page");
  const unsigned input = item->pcm ? MGP_INPUT_SOUND : is_picture ? MGP_INPUT_IMAGE : 0;
  float *outs[MODEL_SPACES] = {0};
  MGP_FORWARD(take_outputs(f, row, input, outs, err));
  magpie_error why = {0};
  magpie_status status = MAGPIE_OK;
  if (item->pcm) status = mgp_encoder_sound(f->c->encoder, item->pcm, item->pcm_count, outs, &why);
  else if (is_picture)
    status = mgp_encoder_image(f->c->encoder, item->image->rgb, item->image->width,
                               item->image->height, outs, &why);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  drop_vectors(f, row);
  if (status == MAGPIE_UNSUPPORTED) return MAGPIE_OK; /* a silent sound: as when it was indexed */
  if (err) *err = why;
  return status;
}

/* ---- a file -----------------------------------------------------------------------------------
 */

static magpie_status take_item(void *context, const mgp_media_item *item, magpie_error *err) {
  media_file *f = context;
  const size_t at = f->seen++;
  MGP_RETURN_IF(at >= f->count, err, MAGPIE_FORMAT, "it has more items than before");
  if (!f->rows[at].is_wanted) return MAGPIE_OK;
  return encode_row(f, &f->rows[at], item, err);
}

/* The content must be what it was: another one comes with the next `magpie index`. */
static bool is_unchanged(const media_file *f) {
  struct stat st;
  mgp_hash128 hash;
  if (!f->source.path || stat(f->source.path, &st) != 0) return false;
  if (f->source.record) return true; /* its row says nothing of the file; its items are counted */
  const int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
  if ((uint64_t)st.st_size == f->source.size && mtime == f->source.mtime_ns) return true;
  return mgp_hash128_file(f->source.path, &hash, NULL) == MAGPIE_OK &&
         hash.low == f->source.hash.low && hash.high == f->source.hash.high;
}

static bool ends_job(magpie_status status) {
  return status == MAGPIE_NO_MEMORY || status == MAGPIE_CANCELLED || status == MAGPIE_MODEL;
}

/* False when the file cannot serve; what it gave is dropped. */
static bool read_source(media_file *f) {
  if (!is_unchanged(f)) return false;
  mgp_media_info info = {0};
  const mgp_media_sink sink = {.context = f, .item = take_item};
  magpie_error why = {0};
  const magpie_status status =
      mgp_media_decode(f->c->ix->alloc, f->source.path, &f->c->limits, &sink, &info, &why);
  json_decref(info.metadata);
  if (ends_job(status)) {
    f->status = status;
    f->error = why;
  }
  if (f->seen == f->count) return true; /* also of a recording that breaks off where it did */
  for (size_t i = 0; i < f->count; i++) drop_vectors(f, &f->rows[i]);
  return false;
}

/* A file in memory that the picture reader can open by a name. */
static int open_bytes(const void *bytes, size_t size) {
  const int fd = memfd_create("thumbnail", MFD_CLOEXEC);
  const char *at = bytes;
  while (fd >= 0 && size > 0) {
    const ssize_t written = write(fd, at, size);
    if (written <= 0) {
      close(fd);
      return -1;
    }
    at += written;
    size -= (size_t)written;
  }
  return fd;
}

static magpie_status encode_thumb(media_file *f, media_row *row, const void *bytes, size_t size,
                                  magpie_error *err) {
  mgp_image image = {0};
  char path[64];
  const int fd = open_bytes(bytes, size);
  row->lost = "its file is gone or has changed, and its thumbnail cannot be read";
  if (fd < 0) return MAGPIE_OK;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  magpie_status status = mgp_media_read_image(f->c->ix->alloc, path, &f->c->limits, &image, err);
  close(fd);
  if (status == MAGPIE_OK) {
    const mgp_media_item item = {.kind = "image", .image = &image};
    status = encode_row(f, row, &item, err);
    row->from_thumb = status == MAGPIE_OK;
    if (row->from_thumb) row->lost = NULL;
  }
  mgp_image_fini(f->c->ix->alloc, &image);
  return ends_job(status) ? status : MAGPIE_OK;
}

static magpie_status use_thumb(media_file *f, media_row *row, magpie_error *err) {
  mgp_item item = {0};
  void *bytes = NULL;
  size_t size = 0;
  const magpie_status found =
      mgp_store_item_get(f->c->ix->store, row->number, f->arena, &item, NULL, err);
  if (found == MAGPIE_NOT_FOUND) row->is_wanted = false; /* removed meanwhile */
  if (found != MAGPIE_OK) return found == MAGPIE_NOT_FOUND ? MAGPIE_OK : found;
  row->lost = "its file is gone or has changed, and only pictures have a thumbnail to serve";
  if (item.locator.has_span || item.thumb_size == 0 ||
      mgp_store_thumb_read(f->c->ix->store, item.id, &bytes, &size, NULL) != MAGPIE_OK)
    return MAGPIE_OK;
  const magpie_status status = encode_thumb(f, row, bytes, size, err);
  mgp_free(f->c->ix->alloc, bytes);
  return status;
}

static void encode_file(void *context, size_t index) {
  media_file *f = &((media_round *)context)->files[index];
  if (mgp_model_go_on(f->c, NULL) != MAGPIE_OK || read_source(f)) return;
  for (size_t i = 0; f->status == MAGPIE_OK && i < f->count; i++)
    if (f->rows[i].is_wanted) f->status = use_thumb(f, &f->rows[i], &f->error);
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

static void close_round(mgp_model_change *c, media_round *round) {
  for (size_t i = 0; i < round->count; i++) {
    media_file *f = &round->files[i];
    for (size_t j = 0; j < f->count; j++) drop_vectors(f, &f->rows[j]);
    mgp_free(c->ix->alloc, f->rows);
    mgp_arena_destroy(f->arena);
  }
  round->count = 0;
}

static magpie_status put_row(mgp_model_change *c, const media_row *row, magpie_error *err) {
  for (size_t i = 0; i < c->target_count; i++)
    if (row->vectors[i]) MGP_FORWARD(mgp_model_put(c, i, row->number, row->vectors[i], err));
  c->from_thumbs += row->from_thumb;
  mgp_model_pass_over(c, row->number);
  if (!row->lost) return MAGPIE_OK;
  mgp_item item = {0};
  mgp_source source = {0};
  mgp_arena_reset(c->arena);
  const magpie_status status =
      mgp_store_item_get(c->ix->store, row->number, c->arena, &item, &source, err);
  if (status == MAGPIE_NOT_FOUND) return MAGPIE_OK;
  MGP_FORWARD(status);
  return mgp_model_lose(c, &item, &source, row->lost, err);
}

static magpie_status run_round(mgp_model_change *c, media_round *round, magpie_error *err) {
  if (round->count == 0) return MAGPIE_OK;
  mgp_pool_run(c->ix->decode_pool, round->count, encode_file, round);
  magpie_status status = mgp_model_go_on(c, err);
  size_t items = 0;
  for (size_t i = 0; status == MAGPIE_OK && i < round->count; i++) {
    media_file *f = &round->files[i];
    status = f->status;
    if (status != MAGPIE_OK && err) *err = f->error;
    for (size_t j = 0; status == MAGPIE_OK && j < f->count; j++)
      if (f->rows[j].is_wanted) status = put_row(c, &f->rows[j], err);
    items += f->count;
  }
  close_round(c, round);
  if (status == MAGPIE_OK) mgp_model_tell(c, items);
  return status == MAGPIE_OK ? mgp_model_commit_due(c, err) : status;
}

/* The source of an item, with all of its items, into the round. Texts, which are no media, are
 * passed over here. */
static magpie_status add_source(mgp_model_change *c, uint64_t number, media_round *round,
                                magpie_error *err) {
  media_file *f = &round->files[round->count];
  mgp_item item = {0};
  *f = (media_file){.c = c, .arena = mgp_arena_create(c->ix->alloc)};
  MGP_RETURN_IF(!f->arena, err, MAGPIE_NO_MEMORY, "no memory to read a file again");
  magpie_status status = mgp_store_item_get(c->ix->store, number, f->arena, &item, &f->source, err);
  if (status == MAGPIE_NOT_FOUND || (status == MAGPIE_OK && !mgp_engine_is_media(&item))) {
    mgp_model_pass_over(c, number);
    mgp_arena_destroy(f->arena);
    return MAGPIE_OK;
  }
  round->count++; /* from here on it is closed with the round */
  MGP_FORWARD(status);
  uint64_t *numbers = NULL;
  size_t count = 0;
  MGP_FORWARD(
      mgp_store_source_items(c->ix->store, f->source.number, c->ix->alloc, &numbers, &count, err));
  f->rows = mgp_calloc(c->ix->alloc, count + 1, sizeof *f->rows);
  if (f->rows) f->count = count;
  for (size_t i = 0; i < f->count; i++) {
    f->rows[i].number = numbers[i];
    f->rows[i].is_wanted = mgp_model_lacks(c, numbers[i]);
  }
  mgp_free(c->ix->alloc, numbers);
  MGP_RETURN_IF(!f->rows, err, MAGPIE_NO_MEMORY, "no memory for the items of a file");
  return MAGPIE_OK;
}

/* Is its source in the round already? Numbers of a source lie close together. */
static bool is_in_round(const media_round *round, uint64_t number) {
  for (size_t i = round->count; i-- > 0;)
    for (size_t j = 0; j < round->files[i].count; j++)
      if (round->files[i].rows[j].number == number) return true;
  return false;
}

magpie_status mgp_model_media(mgp_model_change *c, magpie_error *err) {
  MGP_FORWARD(mgp_media_init(err));
  if (!c->ix->decode_pool) MGP_FORWARD(mgp_pool_create(c->ix->threads, &c->ix->decode_pool, err));
  media_round *round = mgp_calloc(c->ix->alloc, 1, sizeof *round);
  MGP_RETURN_IF(!round, err, MAGPIE_NO_MEMORY, "no memory to read files again");
  magpie_status status = MAGPIE_OK;
  for (uint64_t i = 1; status == MAGPIE_OK && i < c->end; i++) {
    if (!mgp_model_lacks(c, i) || is_in_round(round, i)) continue;
    status = add_source(c, i, round, err);
    if (status == MAGPIE_OK && round->count == FILES_AT_ONCE) status = run_round(c, round, err);
  }
  if (status == MAGPIE_OK) status = run_round(c, round, err);
  close_round(c, round);
  mgp_free(c->ix->alloc, round);
  return status;
}
