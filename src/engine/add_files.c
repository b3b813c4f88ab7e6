/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_add: walk, compare with the catalog, read what is new or changed, follow what was moved,
 * and drop what vanished.
 *
 * A file is unchanged when path, size, modification time and inode are as the catalog says.
 * Otherwise its content is hashed: the same content at the same path was only touched, the same
 * content at a path that no longer exists was moved here; both keep their items. A file of the
 * failure ledger is tried again when it changed after its failure or when the caller asks.
 */
#include "engine/engine.h"

#include <stdlib.h>
#include <sys/stat.h>

#define WALK_STAGE "walk"

/* A source or a failure that the catalog knows below the roots, by path. */
typedef struct known {
  const char *path;
  size_t name; /* where the path stands among the names */
  uint64_t size, inode;
  int64_t mtime_ns, number, failed_ms; /* failed_ms: of the ledger, else 0 */
  mgp_hash128 hash;
  bool is_seen, is_moved, is_walk; /* is_walk: the walk could not look at it */
} known;

/* Each may be as long as the collection. */
typedef struct known_list {
  known *items;
  size_t count, names_size;
  mgp_spill item_block, name_block;
} known_list;

typedef struct adding {
  magpie *ix;
  mgp_ingest *in;
  mgp_alloc *alloc;
  mgp_walk walk;
  known_list sources, failures;
  int64_t started_ms; /* Unix time */
  bool no_memory;

  pthread_mutex_t mutex;
  size_t next; /* guarded by mutex: the next file to take */
} adding;

/* ---- what the catalog knows ------------------------------------------------------------------ */

static int compare_known(const void *a, const void *b) {
  return strcmp(((const known *)a)->path, ((const known *)b)->path);
}

static known *find_known(const known_list *list, const char *path) {
  const known key = {.path = path};
  return list->count ? bsearch(&key, list->items, list->count, sizeof key, compare_known) : NULL;
}

static known *add_known(known_list *list, const char *path) {
  const size_t size = strlen(path) + 1;
  if (mgp_spill_need(&list->item_block, (list->count + 1) * sizeof(known), NULL) != MAGPIE_OK ||
      mgp_spill_need(&list->name_block, list->names_size + size, NULL) != MAGPIE_OK)
    return NULL;
  memcpy((char *)list->name_block.data + list->names_size, path, size);
  list->items = list->item_block.data;
  known *k = &list->items[list->count++];
  *k = (known){.name = list->names_size};
  list->names_size += size;
  return k;
}

static void sort_known(known_list *list) {
  for (size_t i = 0; i < list->count; i++)
    list->items[i].path = (char *)list->name_block.data + list->items[i].name;
  mgp_sort_in_place(list->items, list->count, sizeof(known), compare_known);
}

static void known_init(known_list *list, magpie *ix) {
  mgp_spill_init(&list->item_block, ix->alloc, mgp_store_path(ix->store));
  mgp_spill_init(&list->name_block, ix->alloc, mgp_store_path(ix->store));
}

static void known_fini(known_list *list) {
  mgp_spill_fini(&list->item_block);
  mgp_spill_fini(&list->name_block);
}

static magpie_status note_source(void *context, const mgp_source *source) {
  adding *ad = context;
  if (!source->path) return MAGPIE_OK;
  known *k = add_known(&ad->sources, source->path);
  if (!k) return MAGPIE_NO_MEMORY;
  k->size = source->size;
  k->inode = source->inode;
  k->mtime_ns = source->mtime_ns;
  k->number = source->number;
  k->hash = source->hash;
  return MAGPIE_OK;
}

static bool below_roots(const adding *ad, const char *path) {
  for (size_t i = 0; i < ad->walk.root_count; i++) {
    const char *root = ad->walk.roots[i];
    const size_t size = strlen(root);
    if (strncmp(path, root, size) == 0 &&
        (path[size] == '\0' || path[size] == '/' || (size > 0 && root[size - 1] == '/')))
      return true;
  }
  return false;
}

static magpie_status note_failure(void *context, const char *path, const char *stage, int code,
                                  const char *reason, int64_t when_ms, int tries) {
  (void)code, (void)reason, (void)tries;
  adding *ad = context;
  if (!below_roots(ad, path)) return MAGPIE_OK;
  known *k = add_known(&ad->failures, path);
  if (!k) return MAGPIE_NO_MEMORY;
  k->failed_ms = when_ms;
  k->is_walk = mgp_text_equal(stage, WALK_STAGE);
  return MAGPIE_OK;
}

static magpie_status load_known(adding *ad, magpie_error *err) {
  for (size_t i = 0; i < ad->walk.root_count; i++)
    MGP_FORWARD(mgp_store_sources_below(ad->ix->store, ad->walk.roots[i], note_source, ad, err));
  MGP_FORWARD(mgp_store_failures(ad->ix->store, note_failure, ad, err));
  sort_known(&ad->sources);
  sort_known(&ad->failures);
  return MAGPIE_OK;
}

/* ---- one file
 * ------------------------------------------------------------------------------------ */

static bool is_unchanged(const known *k, const mgp_walk_file *file) {
  return k && k->size == file->size && k->mtime_ns == file->mtime_ns && k->inode == file->inode;
}

/* Nothing to do for this file: it is in the index as it is, or failed before and did not change. */
static bool is_settled(const adding *ad, const known *old, const mgp_walk_file *file) {
  const known *failed = find_known(&ad->failures, file->path);
  if (failed && mgp_ingest_options(ad->in)->retry_failed) return false;
  return is_unchanged(old, file) ||
         (!old && failed && !failed->is_walk && file->changed_ms < failed->failed_ms);
}

static mgp_ingest_source *source_of(adding *ad, const mgp_walk_file *file, size_t index) {
  mgp_ingest_source *source = mgp_ingest_source_create(ad->in);
  if (!source) return NULL;
  source->path = mgp_strdup(ad->alloc, file->path);
  source->ledger_name = mgp_strdup(ad->alloc, file->path);
  source->bytes = file->size;
  source->sequence = index;
  source->row = (mgp_source){
      .size = file->size, .mtime_ns = file->mtime_ns, .inode = file->inode, .device = file->device};
  if (!source->path || !source->ledger_name) ad->no_memory = true;
  return source;
}

typedef struct moved_search {
  adding *ad;
  const char *new_path;
  known *known;
  int64_t number;
  const char *format;
  char *title, *metadata, *path; /* path: where it was, if its items show the old name */
} moved_search;

static bool file_is_gone(const char *path) {
  struct stat st;
  return lstat(path, &st) != 0;
}

/* Is the file of a ledger entry gone? FILE:LINE, a line of an import, goes with its file. */
static bool failure_is_gone(mgp_alloc *alloc, const char *name) {
  if (!file_is_gone(name)) return false;
  const char *colon = strrchr(name, ':');
  if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1)) return true;
  char *file = mgp_strndup(alloc, name, (size_t)(colon - name));
  const bool is_gone = !file || file_is_gone(file);
  mgp_free(alloc, file);
  return is_gone;
}

/* An entry of the ledger whose file is gone, or that the walk did not stumble over this time. */
static bool is_stale(const adding *ad, const known *failure) {
  if (failure->is_seen) return false;
  return (failure->is_walk && failure->failed_ms < ad->started_ms) ||
         failure_is_gone(ad->alloc, failure->path);
}

/* A source of the same content whose file is gone, and that no other new file has claimed. */
static magpie_status claim_moved(void *context, const mgp_source *candidate) {
  moved_search *search = context;
  if (search->number || !candidate->path || candidate->record || candidate->mtime_ns < 0)
    return MAGPIE_OK;
  if (!file_is_gone(candidate->path)) return MAGPIE_OK;
  adding *ad = search->ad;
  known *k = find_known(&ad->sources, candidate->path);
  pthread_mutex_lock(&ad->mutex);
  const bool is_free = k && !k->is_moved;
  if (is_free) k->is_moved = true;
  pthread_mutex_unlock(&ad->mutex);
  if (!is_free && k) return MAGPIE_OK;
  search->known = k;
  if (strcmp(mgp_path_name(candidate->path), mgp_path_name(search->new_path)) != 0)
    search->path = mgp_strdup(ad->alloc, candidate->path);
  search->number = candidate->number;
  search->format = candidate->format; /* lives in the caller's arena */
  search->title = candidate->title ? mgp_strdup(ad->alloc, candidate->title) : NULL;
  search->metadata = candidate->metadata ? mgp_strdup(ad->alloc, candidate->metadata) : NULL;
  return MAGPIE_OK;
}

/* Finds the source that has this content already: the same path, or one whose file is gone. */
static void find_content(adding *ad, const known *old, const mgp_ingest_source *source,
                         mgp_arena *arena, moved_search *search) {
  if (!old) {
    mgp_store_sources_by_hash(ad->ix->store, source->row.hash, arena, claim_moved, search, NULL);
    return;
  }
  mgp_source row = {0};
  if (old->mtime_ns < 0 || old->hash.low != source->row.hash.low ||
      old->hash.high != source->row.hash.high ||
      mgp_store_source_find(ad->ix->store, old->path, arena, &row, NULL) != MAGPIE_OK)
    return;
  search->number = row.number;
  search->format = row.format;
  search->title = row.title ? mgp_strdup(ad->alloc, row.title) : NULL;
  search->metadata = row.metadata ? mgp_strdup(ad->alloc, row.metadata) : NULL;
}

/* A renamed source that cannot be carried (it is too large) is read again; its old row goes with
 * what vanished. */
static void give_back(adding *ad, const moved_search *search, mgp_ingest_source *source) {
  pthread_mutex_lock(&ad->mutex);
  if (search->known) search->known->is_moved = false;
  pthread_mutex_unlock(&ad->mutex);
  mgp_free(ad->alloc, source->title);
  mgp_free(ad->alloc, source->metadata);
  mgp_free(ad->alloc, source->format_copy);
  source->title = source->metadata = source->format_copy = NULL;
  source->row.format = NULL;
  source->row.number = 0;
  source->is_moved = false;
}

/* True when the content is known: the source only gets its new place and time, and its items the
 * new name. */
static bool keep_items(adding *ad, const known *old, mgp_ingest_source *source) {
  moved_search search = {.ad = ad, .new_path = source->path};
  mgp_arena *arena = mgp_arena_create(ad->alloc);
  if (!arena) return false;
  find_content(ad, old, source, arena, &search);
  bool is_kept = search.number != 0;
  if (is_kept) { /* all of it before the items: a flush on another thread may write the row */
    source->row.number = search.number;
    source->format_copy = mgp_strdup(ad->alloc, search.format ? search.format : "");
    source->row.format = source->format_copy;
    source->title = search.title;
    source->metadata = search.metadata;
    source->is_moved = !old;
    source->is_update = search.path == NULL;
    if (search.path) is_kept = mgp_ingest_carry(ad->in, source, search.path, NULL) == MAGPIE_OK;
    if (!is_kept) give_back(ad, &search, source);
  }
  mgp_free(ad->alloc, search.path);
  mgp_arena_destroy(arena);
  return is_kept;
}

typedef struct file_sink {
  mgp_ingest *in;
  mgp_ingest_source *source;
  mgp_media_info *info;
} file_sink;

static magpie_status take_item(void *context, const mgp_media_item *item, magpie_error *err) {
  file_sink *sink = context;
  mgp_ingest_source_describe(sink->in, sink->source, sink->info->format, sink->info->title, NULL);
  return mgp_ingest_item(sink->in, sink->source, item, err);
}

magpie_status mgp_ingest_decode(mgp_ingest *in, mgp_ingest_source *source, const char *path,
                                magpie_error *err) {
  magpie *ix = mgp_ingest_index(in);
  mgp_media_info info = {0};
  file_sink sink = {.in = in, .source = source, .info = &info};
  const mgp_media_sink media_sink = {.context = &sink, .item = take_item};
  magpie_status status =
      mgp_media_decode(ix->alloc, path, mgp_ingest_limits(in), &media_sink, &info, err);
  if (status == MAGPIE_NO_MEMORY && source->item_count == 0) { /* what is queued makes room */
    json_decref(info.metadata);
    MGP_FORWARD(mgp_ingest_commit(in, err));
    status = mgp_media_decode(ix->alloc, path, mgp_ingest_limits(in), &media_sink, &info, err);
  }
  char *metadata = NULL;
  if (info.metadata) mgp_json_write(info.metadata, &metadata, NULL);
  mgp_ingest_source_describe(in, source, info.format, info.title, metadata);
  magpie_free(metadata);
  json_decref(info.metadata);
  return status;
}

static void read_file(adding *ad, const mgp_walk_file *file, known *old, size_t index) {
  mgp_ingest_source *source = source_of(ad, file, index);
  if (!source || ad->no_memory) {
    ad->no_memory = true;
    return;
  }
  magpie_error why = {0};
  magpie_status status = mgp_hash128_file(file->path, &source->row.hash, &why);
  const bool is_kept =
      status == MAGPIE_OK && !find_known(&ad->failures, file->path) && keep_items(ad, old, source);
  if (!is_kept && old) source->replaces = old->number; /* kept: another thread may flush it now */
  if (status == MAGPIE_OK && !is_kept) status = mgp_ingest_decode(ad->in, source, file->path, &why);
  mgp_ingest_source_done(ad->in, source, status, &why, NULL);
}

/* One step of a decode thread: false when no file is left. */
static bool take_file(void *context) {
  adding *ad = context;
  pthread_mutex_lock(&ad->mutex);
  const size_t index = ad->next < ad->walk.count && !ad->no_memory ? ad->next++ : SIZE_MAX;
  pthread_mutex_unlock(&ad->mutex);
  if (index == SIZE_MAX) return false;
  const mgp_walk_file *file = &ad->walk.files[index];
  known *old = find_known(&ad->sources, file->path);
  if (is_settled(ad, old, file)) {
    if (find_known(&ad->failures, file->path)) mgp_ingest_count_still_failed(ad->in);
    mgp_ingest_count_unchanged(ad->in, file->size);
  } else {
    read_file(ad, file, old, index);
  }
  return true;
}

/* ---- what vanished
 * ----------------------------------------------------------------------------------- */

static void mark_seen(adding *ad) {
  for (size_t i = 0; i < ad->walk.count; i++) {
    known *k = find_known(&ad->sources, ad->walk.files[i].path);
    if (k) k->is_seen = true;
    k = find_known(&ad->failures, ad->walk.files[i].path);
    if (k) k->is_seen = true;
  }
}

static size_t count_vanished(const adding *ad) {
  size_t count = 0;
  for (size_t i = 0; i < ad->sources.count; i++)
    count += !ad->sources.items[i].is_seen && !ad->sources.items[i].is_moved;
  for (size_t i = 0; i < ad->failures.count; i++) count += is_stale(ad, &ad->failures.items[i]);
  return count;
}

static magpie_status remove_vanished(void *context, magpie_error *err) {
  adding *ad = context;
  magpie_report *report = mgp_ingest_report(ad->in);
  for (size_t i = 0; i < ad->sources.count; i++) {
    const known *k = &ad->sources.items[i];
    if (k->is_seen || k->is_moved) continue;
    uint64_t removed = 0;
    MGP_FORWARD(mgp_store_source_remove(ad->ix->store, k->number, &removed, err));
    report->files_removed++;
    report->items_removed += removed;
  }
  for (size_t i = 0; i < ad->failures.count; i++) {
    const known *k = &ad->failures.items[i];
    if (is_stale(ad, k)) MGP_FORWARD(mgp_store_failure_clear(ad->ix->store, k->path, err));
  }
  return MAGPIE_OK;
}

/* ---- the call
 * ------------------------------------------------------------------------------------------ */

static void walk_problem(void *context, const char *path, const magpie_error *why) {
  adding *ad = context;
  mgp_ingest_note_failure(ad->in, path, WALK_STAGE, why);
}

/* Nobody expects the content of a FIFO to be found, so it is no failure. */
static void walk_special(void *context, const char *path, const char *what) {
  adding *ad = context;
  mgp_ingest_progress(ad->in, MAGPIE_EVENT_WARNING, path, what);
}

static magpie_status add_all(adding *ad, const char *const *paths, size_t count,
                             magpie_error *err) {
  MGP_FORWARD(mgp_walk_run(&ad->walk, paths, count, err));
  MGP_FORWARD(load_known(ad, err));
  mark_seen(ad);
  magpie_report *report = mgp_ingest_report(ad->in);
  report->files_seen = ad->walk.count;
  report->files_skipped = ad->walk.skipped;
  mgp_ingest_totals(ad->in, ad->walk.count, ad->walk.bytes);
  mgp_ingest_run(ad->in, take_file, ad);
  MGP_RETURN_IF(ad->no_memory, err, MAGPIE_NO_MEMORY, "no memory to index");
  if (mgp_ingest_stopped(ad->in) || mgp_ingest_options(ad->in)->keep_vanished) return MAGPIE_OK;
  if (count_vanished(ad) == 0) return MAGPIE_OK;
  return mgp_ingest_transaction(ad->in, remove_vanished, ad, err);
}

magpie_status magpie_add(magpie *ix, const char *const *paths, size_t count,
                         const magpie_add_options *options, magpie_report *report,
                         magpie_error *err) {
  MGP_RETURN_IF(!ix || !paths || count == 0, err, MAGPIE_INVALID,
                "magpie_add: name at least one file or folder");
  mgp_ingest *in = NULL;
  MGP_FORWARD(mgp_ingest_open(ix, options, report, &in, err));
  adding ad = {.ix = ix, .in = in, .alloc = ix->alloc, .started_ms = mgp_clock_unix_ms()};
  known_init(&ad.sources, ix);
  known_init(&ad.failures, ix);
  ad.walk = (mgp_walk){.alloc = ix->alloc,
                       .spill_folder = mgp_store_path(ix->store),
                       .problem = walk_problem,
                       .special = walk_special,
                       .context = &ad,
                       .cancel = options ? options->cancel : NULL};
  pthread_mutex_init(&ad.mutex, NULL);
  magpie_error why = {0};
  const magpie_status status = add_all(&ad, paths, count, &why);
  const magpie_status closed = mgp_ingest_close(in, err);
  pthread_mutex_destroy(&ad.mutex);
  mgp_walk_fini(&ad.walk);
  known_fini(&ad.sources);
  known_fini(&ad.failures);
  mgp_alloc_explain(ix->alloc, &why);
  if (status != MAGPIE_OK && closed == MAGPIE_OK && err) *err = why;
  return closed != MAGPIE_OK ? closed : status;
}
