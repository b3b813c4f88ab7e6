/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing: member --libarchive--> tar --libzstd--> one frame with a checksum --> the caller.
 */
#include <archive.h>
#include <archive_entry.h>
#include <zstd.h>

#include "archive/tar_stream.h"

#define LEVEL 3
#define WINDOW_LOG 21                    /* 2 MiB: what a reader must hold */
#define MEMORY_NEED ((uint64_t)16 << 20) /* of libzstd at this level, and libarchive's block */

struct mgp_tar_writer {
  mgp_alloc *alloc;
  const char *name;
  mgp_archive_write write;
  void *context;
  struct archive *tar;
  ZSTD_CCtx *zstd;
  char *packed; /* [packed_size] */
  size_t packed_size;
  uint64_t reserved;
  magpie_error failure; /* of the caller's function or libzstd: libarchive only hears that it was */
};

/* ---- packing ------------------------------------------------------------------------------------
 */

static magpie_status pack(mgp_tar_writer *w, const void *bytes, size_t size,
                          ZSTD_EndDirective how) {
  ZSTD_inBuffer in = {.src = bytes, .size = size};
  for (size_t left = 1; left != 0;) {
    ZSTD_outBuffer out = {.dst = w->packed, .size = w->packed_size};
    left = ZSTD_compressStream2(w->zstd, &out, &in, how);
    if (ZSTD_isError(left))
      return mgp_fail(&w->failure, MAGPIE_INTERNAL, "packing %s: %s", w->name,
                      ZSTD_getErrorName(left));
    if (out.pos > 0) MGP_FORWARD(w->write(w->context, w->packed, out.pos, &w->failure));
    if (how == ZSTD_e_continue) left = in.pos < in.size;
  }
  return MAGPIE_OK;
}

static la_ssize_t on_block(struct archive *tar, void *context, const void *bytes, size_t size) {
  mgp_tar_writer *w = context;
  if (pack(w, bytes, size, ZSTD_e_continue) == MAGPIE_OK) return (la_ssize_t)size;
  archive_set_error(tar, -1, "stopped");
  return -1;
}

static magpie_status fail(mgp_tar_writer *w, magpie_error *err) {
  if (w->failure.code == MAGPIE_OK)
    return mgp_fail(err, MAGPIE_INTERNAL, "writing %s: %s", w->name, archive_error_string(w->tar));
  if (err) *err = w->failure;
  return w->failure.code;
}

/* ---- members ------------------------------------------------------------------------------------
 */

static bool set_up(mgp_tar_writer *w) {
  return archive_write_set_format_pax_restricted(w->tar) == ARCHIVE_OK &&
         archive_write_add_filter_none(w->tar) == ARCHIVE_OK &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_windowLog, WINDOW_LOG)) &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1)) &&
         archive_write_open(w->tar, w, NULL, on_block, NULL) == ARCHIVE_OK;
}

magpie_status mgp_tar_writer_open(mgp_alloc *a, const char *name, mgp_archive_write write,
                                  void *context, mgp_tar_writer **out, magpie_error *err) {
  *out = NULL;
  if (!mgp_alloc_reserve(a, MEMORY_NEED))
    return mgp_alloc_fail(a, MEMORY_NEED, err, "packing %s", name);
  mgp_tar_writer *w = mgp_calloc(a, 1, sizeof *w);
  if (!w) {
    mgp_alloc_release(a, MEMORY_NEED);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write %s", name);
  }
  *w = (mgp_tar_writer){.alloc = a,
                        .name = name,
                        .write = write,
                        .context = context,
                        .tar = archive_write_new(),
                        .zstd = ZSTD_createCCtx(),
                        .packed_size = ZSTD_CStreamOutSize(),
                        .reserved = MEMORY_NEED};
  w->packed = mgp_malloc(a, w->packed_size);
  if (w->tar && w->zstd && w->packed && set_up(w)) {
    *out = w;
    return MAGPIE_OK;
  }
  mgp_tar_writer_close(&w);
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write %s", name);
}

magpie_status mgp_tar_writer_begin(mgp_tar_writer *w, const char *member, uint64_t size,
                                   magpie_error *err) {
  struct archive_entry *entry = archive_entry_new();
  MGP_RETURN_IF(!entry, err, MAGPIE_NO_MEMORY, "no memory to write %s", w->name);
  archive_entry_set_pathname(entry, member);
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_mtime(entry, 0, 0); /* the same index gives the same bytes */
  archive_entry_set_size(entry, (la_int64_t)size);
  const int code = archive_write_header(w->tar, entry);
  archive_entry_free(entry);
  return code == ARCHIVE_OK ? MAGPIE_OK : fail(w, err);
}

magpie_status mgp_tar_writer_add(mgp_tar_writer *w, const void *bytes, size_t size,
                                 magpie_error *err) {
  const la_ssize_t wrote = archive_write_data(w->tar, bytes, size);
  return wrote >= 0 && (size_t)wrote == size ? MAGPIE_OK : fail(w, err);
}

magpie_status mgp_tar_writer_end(mgp_tar_writer *w, magpie_error *err) {
  if (archive_write_close(w->tar) != ARCHIVE_OK) return fail(w, err);
  return pack(w, NULL, 0, ZSTD_e_end) == MAGPIE_OK ? MAGPIE_OK : fail(w, err);
}

void mgp_tar_writer_close(mgp_tar_writer **writer) {
  mgp_tar_writer *w = *writer;
  *writer = NULL;
  if (!w) return;
  if (w->tar) {
    archive_write_fail(w->tar); /* else it would write its end now */
    archive_write_free(w->tar);
  }
  ZSTD_freeCCtx(w->zstd);
  mgp_free(w->alloc, w->packed);
  mgp_alloc_release(w->alloc, w->reserved);
  mgp_free(w->alloc, w);
}
