/* SPDX-License-Identifier: Apache-2.0
 *
 * A table from the hash of an id to its latest line. It must know the lines that are in hand or in
 * the queue, and no more: what is committed is found in the catalog. So it does not grow with the
 * file: at KEEP ids it notes the oldest line in hand, and after the next commit it forgets the ids
 * of all lines before that one.
 */
#include "engine/import_ids.h"

#define KEEP ((size_t)32768)
#define FIRST_CAPACITY ((size_t)1024)

typedef struct seen_id {
  uint64_t hash; /* 0: empty */
  uint64_t line; /* the latest */
  bool is_busy;  /* a thread has it in hand */
} seen_id;

typedef struct line_in_hand {
  uint64_t line, hash; /* hash 0: none taken */
} line_in_hand;

struct mgp_import_ids {
  mgp_alloc *alloc;
  mgp_ingest *in;
  pthread_mutex_t mutex; /* guards what follows; inside of no other lock but the reader's */
  pthread_cond_t id_free;
  seen_id *seen; /* open-addressed by hash */
  size_t count, capacity;
  line_in_hand *lines;
  size_t line_count, line_capacity;
  uint64_t forget_before, forget_after; /* lines before the first, when there were more commits */
  uint64_t forgotten;                   /* no line before this is remembered */
};

magpie_status mgp_import_ids_create(mgp_ingest *in, mgp_import_ids **out, magpie_error *err) {
  mgp_alloc *a = mgp_ingest_index(in)->alloc;
  mgp_import_ids *ids = mgp_calloc(a, 1, sizeof *ids);
  if (ids) ids->seen = mgp_calloc(a, FIRST_CAPACITY, sizeof *ids->seen);
  if (!ids || !ids->seen) {
    mgp_free(a, ids);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the ids of the records");
  }
  ids->alloc = a;
  ids->in = in;
  ids->capacity = FIRST_CAPACITY;
  pthread_mutex_init(&ids->mutex, NULL);
  pthread_cond_init(&ids->id_free, NULL);
  *out = ids;
  return MAGPIE_OK;
}

void mgp_import_ids_destroy(mgp_import_ids *ids) {
  if (!ids) return;
  mgp_free(ids->alloc, ids->seen);
  mgp_free(ids->alloc, ids->lines);
  pthread_mutex_destroy(&ids->mutex);
  pthread_cond_destroy(&ids->id_free);
  mgp_free(ids->alloc, ids);
}

static uint64_t hash_of(const char *id) {
  return mgp_hash64(id, strlen(id)) | 1;
}

static seen_id *find_slot(seen_id *seen, size_t capacity, uint64_t hash) {
  size_t at = hash & (capacity - 1);
  while (seen[at].hash && seen[at].hash != hash) at = (at + 1) & (capacity - 1);
  return &seen[at];
}

static line_in_hand *find_line(const mgp_import_ids *ids, uint64_t line) {
  for (size_t i = 0; i < ids->line_count; i++)
    if (ids->lines[i].line == line) return &ids->lines[i];
  return NULL;
}

static bool is_kept(const seen_id *id, uint64_t before) {
  return id->hash && (id->is_busy || id->line >= before);
}

/* A table of `capacity` without the lines `before`; the old one stays when there is no memory. */
static bool rebuild(mgp_import_ids *ids, size_t capacity, uint64_t before) {
  seen_id *fresh = mgp_calloc(ids->alloc, capacity, sizeof *fresh);
  if (!fresh) return false;
  ids->count = 0;
  for (size_t i = 0; i < ids->capacity; i++) {
    if (!is_kept(&ids->seen[i], before)) continue;
    *find_slot(fresh, capacity, ids->seen[i].hash) = ids->seen[i];
    ids->count++;
  }
  mgp_free(ids->alloc, ids->seen);
  ids->seen = fresh;
  ids->capacity = capacity;
  return true;
}

static uint64_t oldest_in_hand(const mgp_import_ids *ids) {
  uint64_t oldest = UINT64_MAX;
  for (size_t i = 0; i < ids->line_count; i++)
    if (ids->lines[i].line < oldest) oldest = ids->lines[i].line;
  return oldest;
}

/* Lines before the oldest in hand are in the queue at this moment, so the next commit has them. */
static void forget(mgp_import_ids *ids) {
  if (ids->count < KEEP) return;
  /* Where the lines are as the index has them, nothing is queued and nothing commits. */
  if (ids->count >= 2 * KEEP && ids->forget_before) mgp_ingest_commit(ids->in, NULL);
  const uint64_t flushes = mgp_ingest_flushes(ids->in);
  if (ids->forget_before && flushes > ids->forget_after) {
    if (rebuild(ids, ids->capacity, ids->forget_before)) ids->forgotten = ids->forget_before;
    ids->forget_before = 0;
  }
  const uint64_t oldest = oldest_in_hand(ids);
  if (ids->forget_before || ids->count < KEEP || oldest <= ids->forgotten) return;
  ids->forget_before = oldest;
  ids->forget_after = flushes;
}

bool mgp_import_ids_enter(mgp_import_ids *ids, uint64_t line) {
  pthread_mutex_lock(&ids->mutex);
  const bool has_room = MGP_GROW(ids->alloc, ids->lines, ids->line_capacity, ids->line_count + 1);
  if (has_room) ids->lines[ids->line_count++] = (line_in_hand){.line = line};
  pthread_mutex_unlock(&ids->mutex);
  return has_room;
}

/* Under the mutex. */
static magpie_status take(mgp_import_ids *ids, uint64_t hash, uint64_t line, uint64_t *earlier,
                          bool *is_late, magpie_error *err) {
  forget(ids);
  MGP_RETURN_IF(ids->count * 2 >= ids->capacity && !rebuild(ids, ids->capacity * 2, 0), err,
                MAGPIE_NO_MEMORY, "no memory for the ids of the records");
  seen_id *slot = find_slot(ids->seen, ids->capacity, hash);
  while (slot->hash && slot->line < line && slot->is_busy) { /* the table may change meanwhile */
    pthread_cond_wait(&ids->id_free, &ids->mutex);
    slot = find_slot(ids->seen, ids->capacity, hash);
  }
  *is_late = slot->hash && slot->line > line;
  line_in_hand *own = find_line(ids, line);
  if (*is_late || !own) return MAGPIE_OK;
  ids->count += slot->hash == 0;
  *earlier = slot->line;
  *slot = (seen_id){.hash = hash, .line = line, .is_busy = true};
  own->hash = hash;
  return MAGPIE_OK;
}

magpie_status mgp_import_ids_take(mgp_import_ids *ids, const char *id, uint64_t line,
                                  uint64_t *earlier, bool *is_late, magpie_error *err) {
  *earlier = 0;
  *is_late = false;
  pthread_mutex_lock(&ids->mutex);
  const magpie_status status = take(ids, hash_of(id), line, earlier, is_late, err);
  pthread_mutex_unlock(&ids->mutex);
  return status;
}

void mgp_import_ids_leave(mgp_import_ids *ids, uint64_t line) {
  pthread_mutex_lock(&ids->mutex);
  line_in_hand *own = find_line(ids, line);
  if (own && own->hash) {
    find_slot(ids->seen, ids->capacity, own->hash)->is_busy = false;
    pthread_cond_broadcast(&ids->id_free);
  }
  if (own) *own = ids->lines[--ids->line_count];
  pthread_mutex_unlock(&ids->mutex);
}

size_t mgp_import_ids_count(const mgp_import_ids *ids) {
  return ids->count;
}
