/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_archive_pack: reads all files once for their checksums, writes the manifest, and reads them
 * again to pack them. The list of files is text that may spill into a nameless file, so that a
 * million thumbnails fit any budget.
 */
#include "archive/archive_manifest.h"
#include "archive/tar_stream.h"

#define PACK_BLOCK ((size_t)256 << 10)

typedef struct packing {
  const mgp_archive_packing *p;
  mgp_archive_head *head;
  mgp_spill list; /* lines of the files */
  size_t list_size;
  mgp_buffer line; /* the head's, in the end */
  char *block;
  mgp_tar_writer *writer;
} packing;

/* ---- the list -----------------------------------------------------------------------------------
 */

static magpie_status add_line(packing *k, const mgp_archive_file *file, magpie_error *err) {
  mgp_buffer_clear(&k->line);
  mgp_manifest_add_file(&k->line, file);
  MGP_RETURN_IF(k->line.failed, err, MAGPIE_NO_MEMORY, "no memory to pack %s", k->p->name);
  MGP_RETURN_IF(k->list_size + k->line.size > ARCHIVE_MANIFEST_MAX - ARCHIVE_LINE_MAX, err,
                MAGPIE_LIMIT, "%s would hold more files than an archive can: %llu", k->p->name,
                (unsigned long long)k->head->files);
  MGP_FORWARD(mgp_spill_need(&k->list, k->list_size + k->line.size, err));
  memcpy((char *)k->list.data + k->list_size, k->line.data, k->line.size);
  k->list_size += k->line.size;
  k->head->files++;
  k->head->bytes += file->size;
  return MAGPIE_OK;
}

static magpie_status hash_file(packing *k, const char *name, magpie_error *err) {
  mgp_archive_file file = {0};
  mgp_sha256 hash;
  int64_t number = 0;
  MGP_RETURN_IF(strlen(name) >= sizeof file.name || k->p->place(name, &number) <= 0, err,
                MAGPIE_INTERNAL, "'%s' is no file of an index and was to be packed", name);
  memcpy(file.name, name, strlen(name) + 1);
  mgp_sha256_init(&hash);
  for (size_t got = 1; got > 0;) {
    MGP_FORWARD(k->p->read(k->p->context, k->block, PACK_BLOCK, &got, err));
    mgp_sha256_add(&hash, k->block, got);
    file.size += got;
    MGP_RETURN_IF(file.size > ARCHIVE_BYTES_MAX - k->head->bytes, err, MAGPIE_LIMIT,
                  "%s would hold more bytes than an archive can", k->p->name);
  }
  mgp_sha256_hex(&hash, file.sha256);
  return add_line(k, &file, err);
}

static magpie_status make_list(packing *k, magpie_error *err) {
  const char *name = NULL;
  MGP_FORWARD(k->p->next(k->p->context, true, &name, err));
  while (name) {
    MGP_FORWARD(hash_file(k, name, err));
    MGP_FORWARD(k->p->next(k->p->context, false, &name, err));
  }
  return MAGPIE_OK;
}

/* ---- members ------------------------------------------------------------------------------------
 */

static magpie_status write_manifest(packing *k, magpie_error *err) {
  mgp_buffer_clear(&k->line);
  mgp_manifest_add_head(&k->line, k->head);
  MGP_RETURN_IF(k->line.failed, err, MAGPIE_NO_MEMORY, "no memory to pack %s", k->p->name);
  MGP_FORWARD(mgp_tar_writer_begin(k->writer, ARCHIVE_MANIFEST, k->line.size + k->list_size, err));
  MGP_FORWARD(mgp_tar_writer_add(k->writer, k->line.data, k->line.size, err));
  return k->list_size ? mgp_tar_writer_add(k->writer, k->list.data, k->list_size, err) : MAGPIE_OK;
}

static magpie_status write_file(packing *k, const mgp_archive_file *file, magpie_error *err) {
  uint64_t left = file->size;
  size_t got = 1;
  MGP_FORWARD(mgp_tar_writer_begin(k->writer, file->name, file->size, err));
  while (got > 0) {
    MGP_FORWARD(k->p->read(k->p->context, k->block, PACK_BLOCK, &got, err));
    if (got > left) break;
    left -= got;
    if (got > 0) MGP_FORWARD(mgp_tar_writer_add(k->writer, k->block, got, err));
  }
  MGP_RETURN_IF(got > 0 || left > 0, err, MAGPIE_IO,
                "%s had %llu bytes and has another size now: it changed while it was packed",
                file->name, (unsigned long long)file->size);
  return MAGPIE_OK;
}

static magpie_status write_files(packing *k, magpie_error *err) {
  mgp_manifest_walk walk = {
      .name = k->p->name, .place = k->p->place, .text = k->list.data, .size = k->list_size};
  mgp_archive_file file;
  const char *name = NULL;
  bool is_end = false;
  MGP_FORWARD(k->p->next(k->p->context, true, &name, err));
  MGP_FORWARD(mgp_manifest_next(&walk, &file, &is_end, err));
  while (!is_end) {
    MGP_RETURN_IF(!name || strcmp(name, file.name) != 0, err, MAGPIE_IO,
                  "%s went away while it was packed", file.name);
    MGP_FORWARD(write_file(k, &file, err));
    MGP_FORWARD(k->p->next(k->p->context, false, &name, err));
    MGP_FORWARD(mgp_manifest_next(&walk, &file, &is_end, err));
  }
  return MAGPIE_OK;
}

static magpie_status pack_all(packing *k, magpie_error *err) {
  const mgp_archive_packing *p = k->p;
  MGP_FORWARD(make_list(k, err));
  MGP_FORWARD(mgp_tar_writer_open(p->alloc, p->name, p->write, p->context, &k->writer, err));
  MGP_FORWARD(write_manifest(k, err));
  MGP_FORWARD(write_files(k, err));
  return mgp_tar_writer_end(k->writer, err);
}

magpie_status mgp_archive_pack(const mgp_archive_packing *p, mgp_archive_head *head,
                               magpie_error *err) {
  packing k = {.p = p, .head = head};
  head->files = head->bytes = 0;
  mgp_spill_init(&k.list, p->alloc, p->folder);
  mgp_buffer_init(&k.line, p->alloc);
  k.block = mgp_malloc(p->alloc, PACK_BLOCK);
  const magpie_status status =
      k.block ? pack_all(&k, err)
              : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to pack %s", p->name);
  mgp_tar_writer_close(&k.writer);
  mgp_free(p->alloc, k.block);
  mgp_buffer_fini(&k.line);
  mgp_spill_fini(&k.list);
  return status;
}
