/* SPDX-License-Identifier: Apache-2.0
 *
 * What a power cut may leave of the first n calls of a crash_log.h: all that an fsync covered, and
 * any part of the rest. Bytes need an fsync of their file, names one of their folder, and nothing
 * else orders them: the weakest promise of ALICE's models (Pillai et al., OSDI 2014), weaker than
 * that of any Linux file system. A write may be torn at the borders of 512-byte sectors.
 */
#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "crash_log.h"

#define SECTOR 512
#define ENTRIES_MAX 600
#define PENDING_MAX 4000

typedef struct crash_image {
  unsigned char *bytes;
  size_t size, capacity;
} crash_image;

/* node -1: a folder */
typedef struct crash_entry {
  char path[96];
  int node;
} crash_entry;

typedef struct crash_names {
  crash_entry entries[ENTRIES_MAX];
  int count;
} crash_names;

/* The disk after some calls: what is safe, and the calls that are not. */
typedef struct crash_disk {
  crash_image images[CRASH_NODES_MAX];
  crash_names names;
  int pending[PENDING_MAX];
  int pending_count;
} crash_disk;

/* ---- bytes ---- */

static inline void image_resize(crash_image *image, size_t size) {
  if (size > image->capacity) {
    image->capacity = size * 2;
    image->bytes = realloc(image->bytes, image->capacity);
    if (!image->bytes) abort();
  }
  if (size > image->size) memset(image->bytes + image->size, 0, size - image->size);
  image->size = size;
}

/* The first `size` bytes of a write, or a truncation. */
static inline void image_apply(crash_image *image, const crash_op *op, size_t size) {
  if (op->kind == CRASH_TRUNCATE) {
    image_resize(image, op->size);
    return;
  }
  if (size == 0) return;
  const size_t end = (size_t)op->at + size;
  if (end > image->size) image_resize(image, end);
  memcpy(image->bytes + op->at, op->bytes, size);
}

/* ---- names ---- */

static inline int names_find(const crash_names *names, const char *path) {
  for (int i = 0; i < names->count; i++)
    if (strcmp(names->entries[i].path, path) == 0) return i;
  return -1;
}

static inline void names_put(crash_names *names, const char *path, int node) {
  int at = names_find(names, path);
  if (at < 0) at = names->count++;
  if (at == ENTRIES_MAX) abort();
  snprintf(names->entries[at].path, sizeof names->entries[at].path, "%s", path);
  names->entries[at].node = node;
}

/* A folder's name is part of the names of what is in it. */
static inline void names_move_below(crash_names *names, const char *from, const char *to) {
  const size_t size = strlen(from);
  for (int i = 0; i < names->count; i++) {
    char moved[sizeof names->entries[i].path], *path = names->entries[i].path;
    if (strncmp(path, from, size) != 0 || path[size] != '/') continue;
    if (snprintf(moved, sizeof moved, "%s%s", to, path + size) >= (int)sizeof moved) abort();
    memcpy(path, moved, sizeof moved);
  }
}

static inline void names_apply(crash_names *names, const crash_op *op) {
  const int at = names_find(names, op->path);
  const int node = at >= 0 ? names->entries[at].node : -1;
  if (op->kind == CRASH_CREATE || op->kind == CRASH_FOLDER)
    names_put(names, op->path, op->kind == CRASH_FOLDER ? -1 : op->node);
  else if (at >= 0 && (op->kind == CRASH_RENAME || op->kind == CRASH_UNLINK))
    names->entries[at] = names->entries[--names->count];
  if (at >= 0 && (op->kind == CRASH_RENAME || op->kind == CRASH_LINK))
    names_put(names, op->to, node);
  if (at >= 0 && op->kind == CRASH_RENAME && node < 0) names_move_below(names, op->path, op->to);
}

/* ---- the log goes on by one call ---- */

static inline bool is_data(const crash_op *op) {
  return op->kind == CRASH_WRITE || op->kind == CRASH_TRUNCATE;
}

static inline bool is_in_folder(const char *path, const char *folder) {
  const char *slash = strrchr(path, '/');
  const size_t size = slash ? (size_t)(slash - path) : 0;
  return strlen(folder) == size && strncmp(path, folder, size) == 0;
}

/* The folder of a link is that of the new name. */
static inline const char *new_name(const crash_op *op) {
  return op->kind == CRASH_LINK ? op->to : op->path;
}

static inline void disk_sync(crash_disk *d, const crash_op *sync) {
  int kept = 0;
  for (int i = 0; i < d->pending_count; i++) {
    const crash_op *op = &crash_log.ops[d->pending[i]];
    const bool is_covered = sync->kind == CRASH_SYNC
                                ? is_data(op) && op->node == sync->node
                                : !is_data(op) && is_in_folder(new_name(op), sync->path);
    if (!is_covered) d->pending[kept++] = d->pending[i];
    else if (is_data(op)) image_apply(&d->images[op->node], op, op->size);
    else names_apply(&d->names, op);
  }
  d->pending_count = kept;
}

static inline void disk_step(crash_disk *d, int number) {
  const crash_op *op = &crash_log.ops[number];
  if (op->kind == CRASH_MARK) return;
  if (op->kind == CRASH_SYNC || op->kind == CRASH_SYNC_FOLDER) {
    disk_sync(d, op);
    return;
  }
  if (d->pending_count == PENDING_MAX) abort();
  d->pending[d->pending_count++] = number;
}

static inline void disk_free(crash_disk *d) {
  for (int i = 0; i < CRASH_NODES_MAX; i++) free(d->images[i].bytes);
  free(d);
}

/* ---- one state, on the real disk ---- */

/* Which of the pending calls were done: shares[i] of 0 (not) to 256 (wholly); a write in between is
 * torn. */
typedef struct crash_choice {
  int shares[PENDING_MAX];
} crash_choice;

static inline size_t torn_size(const crash_op *op, int share) {
  if (share >= 256) return op->size;
  const size_t at = (size_t)op->at, end = at + op->size * (size_t)share / 256;
  const size_t border = end / SECTOR * SECTOR;
  return border > at ? border - at : 0;
}

static inline void put_file(const char *path, const crash_image *image) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (fd < 0) return; /* its folder was lost, and so is it */
  if (write(fd, image->bytes, image->size) != (ssize_t)image->size) abort();
  close(fd);
}

static inline int compare_entries(const void *a, const void *b) {
  return strcmp(((const crash_entry *)a)->path, ((const crash_entry *)b)->path);
}

/* Writes the state below `folder`, which is empty. Folders come before what is in them. */
static inline void disk_write_out(const crash_disk *d, const crash_choice *choice,
                                  const char *folder) {
  static crash_names names;
  static crash_image copies[CRASH_NODES_MAX];
  static bool is_copied[CRASH_NODES_MAX];
  names = d->names;
  memset(is_copied, 0, sizeof is_copied);
  for (int i = 0; i < d->pending_count; i++) {
    const crash_op *op = &crash_log.ops[d->pending[i]];
    if (choice->shares[i] == 0) continue;
    if (!is_data(op)) {
      names_apply(&names, op);
      continue;
    }
    crash_image *copy = &copies[op->node];
    if (!is_copied[op->node]) {
      copy->size = 0;
      image_resize(copy, d->images[op->node].size);
      if (copy->size > 0) memcpy(copy->bytes, d->images[op->node].bytes, copy->size);
      is_copied[op->node] = true;
    }
    image_apply(copy, op, torn_size(op, choice->shares[i]));
  }
  qsort(names.entries, (size_t)names.count, sizeof *names.entries, compare_entries);
  for (int i = 0; i < names.count; i++) {
    const crash_entry *e = &names.entries[i];
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, e->path);
    if (e->node < 0) mkdir(path, 0777);
    else put_file(path, is_copied[e->node] ? &copies[e->node] : &d->images[e->node]);
  }
}

#endif
