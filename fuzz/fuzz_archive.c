/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: whatever the bytes of an archive are, unpacking them never crashes, gives nothing that
 * the manifest does not announce, and refuses with a sentence. Input: a first byte that says what
 * the rest is (so that checks behind compression and checksums are reached), then the bytes:
 *   0: the archive as it is    1: a tar, which is packed first    2: a manifest, packed as a tar
 *   else: a line of a manifest, read alone
 */
#include <stdlib.h>
#include <zstd.h>

#include "archive/archive_manifest.h"
#include "archive/tar_stream.h"
#include "store/archive_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzzing {
  const char *bytes; /* of the archive */
  size_t size, at;
  mgp_buffer made;
  bool has_head;
  mgp_archive_head head;
  uint64_t files, given; /* finished, and bytes given */
  mgp_archive_file file; /* under way */
  uint64_t left;         /* of it */
} fuzzing;

static void must(bool is_true) {
  if (!is_true) abort();
}

static magpie_status on_read(void *context, void *bytes, size_t size, size_t *got,
                             magpie_error *err) {
  fuzzing *f = context;
  (void)err;
  *got = f->size - f->at < size ? f->size - f->at : size;
  if (*got > 0) memcpy(bytes, f->bytes + f->at, *got);
  f->at += *got;
  return MAGPIE_OK;
}

static magpie_status on_head(void *context, const mgp_archive_head *head, magpie_error *err) {
  fuzzing *f = context;
  (void)err;
  must(!f->has_head && head->bytes <= ARCHIVE_BYTES_MAX);
  f->has_head = true;
  f->head = *head;
  return MAGPIE_OK;
}

static magpie_status on_begin(void *context, const mgp_archive_file *file, magpie_error *err) {
  fuzzing *f = context;
  int64_t number = 0;
  (void)err;
  must(f->has_head && f->files < f->head.files);
  must(mgp_store_file_place(file->name, &number) > 0 && !strstr(file->name, ".."));
  f->file = *file;
  f->left = file->size;
  return MAGPIE_OK;
}

static magpie_status on_write(void *context, const void *bytes, size_t size, magpie_error *err) {
  fuzzing *f = context;
  (void)bytes;
  (void)err;
  must(size <= f->left);
  f->left -= size;
  f->given += size;
  must(f->given <= f->head.bytes);
  return MAGPIE_OK;
}

static magpie_status on_end(void *context, const mgp_archive_file *file, magpie_error *err) {
  fuzzing *f = context;
  (void)err;
  must(f->left == 0 && strcmp(file->name, f->file.name) == 0);
  f->files++;
  return MAGPIE_OK;
}

static void try_archive(fuzzing *f, const void *bytes, size_t size) {
  magpie_error err = {0};
  const mgp_archive_unpacking unpacking = {.name = "fuzz",
                                           .place = mgp_store_file_place,
                                           .context = f,
                                           .read = on_read,
                                           .head = on_head,
                                           .begin = on_begin,
                                           .write = on_write,
                                           .end = on_end};
  f->bytes = bytes;
  f->size = size;
  if (mgp_archive_unpack(&unpacking, &err) == MAGPIE_OK) must(f->files == f->head.files);
  else must(err.message[0] != '\0');
}

static void try_tar(fuzzing *f, const void *bytes, size_t size) {
  const size_t room = ZSTD_compressBound(size);
  char *packed = malloc(room);
  must(packed != NULL);
  try_archive(f, packed, ZSTD_compress(packed, room, bytes, size, 1));
  free(packed);
}

static magpie_status on_made(void *context, const void *bytes, size_t size, magpie_error *err) {
  fuzzing *f = context;
  (void)err;
  mgp_buffer_add(&f->made, bytes, size);
  return MAGPIE_OK;
}

static void try_manifest(fuzzing *f, const void *bytes, size_t size) {
  mgp_tar_writer *w = NULL;
  magpie_error err = {0};
  must(mgp_tar_writer_open(NULL, "fuzz", on_made, f, &w, &err) == MAGPIE_OK);
  must(mgp_tar_writer_begin(w, ARCHIVE_MANIFEST, size, &err) == MAGPIE_OK);
  if (size > 0) must(mgp_tar_writer_add(w, bytes, size, &err) == MAGPIE_OK);
  must(mgp_tar_writer_begin(w, "catalog.sqlite", 0, &err) == MAGPIE_OK);
  must(mgp_tar_writer_end(w, &err) == MAGPIE_OK);
  mgp_tar_writer_close(&w);
  try_archive(f, f->made.data, f->made.size);
  mgp_buffer_fini(&f->made);
}

/* What is read is written to the same again. */
static void try_line(const char *line, size_t size) {
  mgp_archive_head head, head_again;
  mgp_archive_file file, file_again;
  mgp_buffer out;
  magpie_error err = {0};
  mgp_buffer_init(&out, NULL);
  if (mgp_manifest_file("fuzz", 2, line, size, &file, &err) == MAGPIE_OK &&
      !strpbrk(file.name, "\"\\")) {
    mgp_manifest_add_file(&out, &file);
    must(mgp_manifest_file("fuzz", 2, out.data, out.size - 1, &file_again, &err) == MAGPIE_OK);
    must(strcmp(file.name, file_again.name) == 0 && file.size == file_again.size);
    must(strcmp(file.sha256, file_again.sha256) == 0);
  }
  mgp_buffer_clear(&out);
  if (mgp_manifest_head("fuzz", line, size, &head, &err) == MAGPIE_OK &&
      !strpbrk(head.magpie, "\"\\") && !strpbrk(head.created, "\"\\")) {
    mgp_manifest_add_head(&out, &head);
    must(mgp_manifest_head("fuzz", out.data, out.size - 1, &head_again, &err) == MAGPIE_OK);
    must(head.files == head_again.files && head.bytes == head_again.bytes);
    must(head.items == head_again.items && head.generation == head_again.generation);
  }
  mgp_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzzing f = {0};
  if (size == 0) return 0;
  char *copy = malloc(size); /* of the exact size: one byte too far is seen */
  must(copy != NULL);
  memcpy(copy, data + 1, size - 1);
  if (data[0] == 0) try_archive(&f, copy, size - 1);
  else if (data[0] == 1) try_tar(&f, copy, size - 1);
  else if (data[0] == 2) try_manifest(&f, copy, size - 1);
  else try_line(copy, size - 1);
  free(copy);
  return 0;
}
