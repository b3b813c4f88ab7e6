/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog's WAL before SQLite has recovered it: of a frame that is damaged SQLite makes the end
 * of the log, and commits behind it would be gone in silence. How far the log was committed is in
 * the wal-index (-shm), which is written after the frames were synced; what it does not count may
 * be torn. Formats: sqlite.org/walformat.html.
 */
#include <stdio.h>

#include "store/catalog.h"
#include "store/check_store.h"

#define WAL_HEADER 32
#define FRAME_HEADER 24
#define INDEX_HEADER 48 /* of the wal-index; written twice */
#define WAL_MAGIC 0x377F0682u
#define TRIES 8

typedef struct wal_index {
  uint32_t frames, page_size;
  unsigned char salt[8];
} wal_index;

static uint32_t big_endian(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Bit 0 of the magic says in which order the words of the sum are. */
static void add_words(bool is_big, const unsigned char *bytes, size_t size, uint32_t sums[2]) {
  for (size_t at = 0; at < size; at += 8) {
    uint32_t a, b;
    memcpy(&a, bytes + at, sizeof a);
    memcpy(&b, bytes + at + 4, sizeof b);
    if (is_big) {
      a = big_endian(bytes + at);
      b = big_endian(bytes + at + 4);
    }
    sums[0] += a + sums[1];
    sums[1] += b + sums[0];
  }
}

static FILE *open_beside(const char *index, const char *name) {
  char *path = mgp_path_join(NULL, index, name);
  FILE *file = path ? fopen(path, "rb") : NULL;
  mgp_free(NULL, path);
  return file;
}

/* False: nothing is known, as after a restart of the machine or a copy. */
static bool read_index(const char *index, wal_index *out) {
  unsigned char bytes[2 * INDEX_HEADER];
  FILE *file = open_beside(index, CATALOG_FILE "-shm");
  const bool is_read = file && fread(bytes, 1, sizeof bytes, file) == sizeof bytes;
  if (file) fclose(file);
  if (!is_read || memcmp(bytes, bytes + INDEX_HEADER, INDEX_HEADER) != 0) return false;
  uint32_t sums[2] = {0, 0}, version, stored[2];
  uint16_t size;
  add_words(false, bytes, INDEX_HEADER - 8, sums);
  memcpy(&version, bytes, sizeof version);
  memcpy(&size, bytes + 14, sizeof size);
  memcpy(&out->frames, bytes + 16, sizeof out->frames);
  memcpy(out->salt, bytes + 32, sizeof out->salt);
  memcpy(stored, bytes + INDEX_HEADER - 8, sizeof stored);
  out->page_size = size == 1 ? 65536 : size;
  return version == 3007000 && bytes[12] == 1 && memcmp(sums, stored, sizeof sums) == 0 &&
         out->page_size >= 512 && (out->page_size & (out->page_size - 1)) == 0;
}

/* Is the header whole? *is_ours: the wal-index is about this log, and not, after a power cut, about
 * the one before. */
static bool check_header(FILE *file, const wal_index *x, bool *is_ours, bool *is_big,
                         uint32_t sums[2]) {
  unsigned char h[WAL_HEADER];
  if (fread(h, 1, sizeof h, file) != sizeof h) return false;
  *is_big = h[3] & 1;
  *is_ours = memcmp(h + 16, x->salt, sizeof x->salt) == 0 && big_endian(h + 8) == x->page_size;
  add_words(*is_big, h, WAL_HEADER - 8, sums);
  return (big_endian(h) & ~1u) == WAL_MAGIC && big_endian(h + 24) == sums[0] &&
         big_endian(h + 28) == sums[1];
}

/* The number of the first frame that is not what was written, from 1; 0: all are. */
static uint32_t first_bad_frame(FILE *file, const wal_index *x, bool is_big, uint32_t sums[2],
                                unsigned char *frame) {
  const size_t size = FRAME_HEADER + x->page_size;
  for (uint32_t i = 1; i <= x->frames; i++) {
    if (fread(frame, 1, size, file) != size) return i;
    add_words(is_big, frame, 8, sums);
    add_words(is_big, frame + FRAME_HEADER, x->page_size, sums);
    if (memcmp(frame + 8, x->salt, sizeof x->salt) != 0 || big_endian(frame + 16) != sums[0] ||
        big_endian(frame + 20) != sums[1])
      return i;
  }
  return 0;
}

static void look(FILE *file, const wal_index *x, unsigned char *frame, char *what, size_t size) {
  uint32_t sums[2] = {0, 0};
  bool is_big = false, is_ours = false;
  what[0] = '\0';
  if (!check_header(file, x, &is_ours, &is_big, sums)) {
    snprintf(what, size, "its header is damaged; %u pages were committed to it",
             (unsigned)x->frames);
    return;
  }
  if (!is_ours) return;
  const uint32_t bad = first_bad_frame(file, x, is_big, sums, frame);
  if (bad)
    snprintf(what, size, "page %u of the %u that were committed to it is not what was written",
             (unsigned)bad, (unsigned)x->frames);
}

/* A writer may begin the log anew while it is read: a fault counts when the wal-index is the same
 * before and after. */
magpie_status mgp_check_wal(const char *index, char *what, size_t size, magpie_error *err) {
  what[0] = '\0';
  for (int i = 0; i < TRIES; i++) {
    wal_index before, after;
    if (!read_index(index, &before) || before.frames == 0) return MAGPIE_OK;
    unsigned char *frame = mgp_malloc(NULL, FRAME_HEADER + before.page_size);
    MGP_RETURN_IF(!frame, err, MAGPIE_NO_MEMORY, "no memory to check %s", index);
    FILE *file = open_beside(index, CATALOG_FILE "-wal");
    if (file) look(file, &before, frame, what, size);
    if (file) fclose(file);
    mgp_free(NULL, frame);
    if (!what[0]) return MAGPIE_OK;
    const bool is_same = read_index(index, &after) && after.frames == before.frames &&
                         memcmp(after.salt, before.salt, sizeof after.salt) == 0;
    if (is_same) return MAGPIE_OK;
  }
  what[0] = '\0'; /* it changes all the time, so it is in use and was read by its writer */
  return MAGPIE_OK;
}
