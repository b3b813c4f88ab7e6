/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading: the caller --> one Zstandard frame --libzstd--> tar --libarchive--> members. The bytes
 * are not trusted: only the tar format is switched on, the window is bounded, and the frame may
 * give no more bytes than were allowed.
 */
#include <archive.h>
#include <archive_entry.h>
#include <zstd.h>

#include "archive/tar_stream.h"

#define WINDOW_LOG_MAX 23                   /* 8 MiB; ours have 2 */
#define MEMORY_NEED ((uint64_t)12 << 20)    /* of libzstd for that, and what libarchive holds */
#define MEMBER_OVERHEAD 4096                /* headers and padding of one member */
#define FIRST_ALLOWED ((uint64_t)512 << 10) /* of headers, and what is unpacked ahead */
static const unsigned char zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

struct mgp_tar_reader {
  mgp_alloc *alloc;
  const char *name;
  mgp_archive_read read;
  void *context;
  struct archive *tar;
  ZSTD_DCtx *zstd;
  char *packed, *plain; /* [packed_size], [plain_size] */
  size_t packed_size, plain_size;
  ZSTD_inBuffer in;
  uint64_t got, given, allowed; /* packed bytes so far, and unpacked ones */
  bool is_begun, is_frame_done, is_input_done;
  char member[ARCHIVE_NAME_SIZE]; /* for messages */
  magpie_error failure;           /* of the caller's function or libzstd */
};

/* ---- unpacking ----------------------------------------------------------------------------------
 */

static magpie_status refill(mgp_tar_reader *r) {
  size_t got = 0;
  MGP_FORWARD(r->read(r->context, r->packed, r->packed_size, &got, &r->failure));
  r->in = (ZSTD_inBuffer){.src = r->packed, .size = got};
  r->got += got;
  r->is_input_done = got == 0;
  if (r->is_begun) return MAGPIE_OK;
  r->is_begun = true;
  MGP_RETURN_IF(got < sizeof zstd_magic || memcmp(r->packed, zstd_magic, sizeof zstd_magic) != 0,
                &r->failure, MAGPIE_FORMAT,
                "%s is no archive of magpie: it does not begin as a .tar.zst file does", r->name);
  return MAGPIE_OK;
}

static magpie_status cut_off(mgp_tar_reader *r) {
  return mgp_fail(&r->failure, MAGPIE_CORRUPT,
                  "%s is cut off: it ends after %llu bytes%s%s, in the middle of what it packs; "
                  "copy or export it again",
                  r->name, (unsigned long long)r->got, r->member[0] ? ", within or before " : "",
                  r->member);
}

/* Of the packed bytes: how far libzstd has come. */
static unsigned long long position(const mgp_tar_reader *r) {
  return r->got - r->in.size + r->in.pos;
}

/* The next unpacked bytes, from 0 at the end of the frame on. */
static magpie_status unpack(mgp_tar_reader *r, size_t *size) {
  *size = 0;
  while (*size == 0 && !r->is_frame_done) {
    if (r->in.pos == r->in.size) MGP_FORWARD(refill(r));
    if (r->is_input_done) return cut_off(r);
    ZSTD_outBuffer out = {.dst = r->plain, .size = r->plain_size};
    const size_t left = ZSTD_decompressStream(r->zstd, &out, &r->in);
    if (ZSTD_isError(left))
      return mgp_fail(&r->failure, MAGPIE_CORRUPT,
                      "%s is damaged near its byte %llu%s%s: %s; copy or export it again", r->name,
                      position(r), r->member[0] ? ", within or before " : "", r->member,
                      ZSTD_getErrorName(left));
    r->is_frame_done = left == 0;
    r->given += out.pos;
    MGP_RETURN_IF(r->given > r->allowed, &r->failure, MAGPIE_FORMAT,
                  "%s unpacks to more than the %llu bytes that its manifest allows; it was refused",
                  r->name, (unsigned long long)r->allowed);
    *size = out.pos;
  }
  return MAGPIE_OK;
}

static la_ssize_t on_read(struct archive *tar, void *context, const void **bytes) {
  mgp_tar_reader *r = context;
  size_t size = 0;
  *bytes = r->plain;
  if (unpack(r, &size) == MAGPIE_OK) return (la_ssize_t)size;
  archive_set_error(tar, -1, "stopped");
  return -1;
}

static magpie_status fail(mgp_tar_reader *r, magpie_error *err) {
  if (r->failure.code == MAGPIE_OK) {
    const char *why = archive_error_string(r->tar);
    return mgp_fail(err, MAGPIE_FORMAT, "%s is no archive of magpie, or damaged%s%s: %s", r->name,
                    r->member[0] ? " behind " : "", r->member, why ? why : "not a tar inside");
  }
  if (err) *err = r->failure;
  return r->failure.code;
}

/* ---- members ------------------------------------------------------------------------------------
 */

magpie_status mgp_tar_reader_open(mgp_alloc *a, const char *name, mgp_archive_read read,
                                  void *context, mgp_tar_reader **out, magpie_error *err) {
  *out = NULL;
  if (!mgp_alloc_reserve(a, MEMORY_NEED))
    return mgp_alloc_fail(a, MEMORY_NEED, err, "unpacking %s", name);
  mgp_tar_reader *r = mgp_calloc(a, 1, sizeof *r);
  if (!r) {
    mgp_alloc_release(a, MEMORY_NEED);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to read %s", name);
  }
  *r = (mgp_tar_reader){.alloc = a,
                        .name = name,
                        .read = read,
                        .context = context,
                        .tar = archive_read_new(),
                        .zstd = ZSTD_createDCtx(),
                        .packed_size = ZSTD_DStreamInSize(),
                        .plain_size = ZSTD_DStreamOutSize(),
                        .allowed = FIRST_ALLOWED};
  r->packed = mgp_malloc(a, r->packed_size);
  r->plain = mgp_malloc(a, r->plain_size);
  magpie_status status = MAGPIE_OK;
  if (!r->tar || !r->zstd || !r->packed || !r->plain ||
      archive_read_support_format_tar(r->tar) != ARCHIVE_OK ||
      ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to read %s", name);
  else if (archive_read_open(r->tar, r, NULL, on_read, NULL) != ARCHIVE_OK) status = fail(r, err);
  if (status != MAGPIE_OK) mgp_tar_reader_close(&r);
  *out = r;
  return status;
}

void mgp_tar_reader_allow(mgp_tar_reader *r, uint64_t files, uint64_t bytes) {
  r->allowed += files * MEMBER_OVERHEAD + bytes;
}

static const char *odd_kind(struct archive_entry *entry) {
  if (archive_entry_hardlink(entry)) return "a hard link";
  switch (archive_entry_filetype(entry)) {
  case AE_IFREG:
    return archive_entry_sparse_count(entry) > 0 ? "a file with holes"
           : !archive_entry_size_is_set(entry)   ? "a file of unknown size"
           : archive_entry_size(entry) < 0       ? "a file of negative size"
                                                 : NULL;
  case AE_IFLNK:
    return "a symbolic link";
  case AE_IFDIR:
    return "a folder";
  default:
    return "no regular file";
  }
}

magpie_status mgp_tar_reader_next(mgp_tar_reader *r, const char **member, uint64_t *size,
                                  magpie_error *err) {
  struct archive_entry *entry = NULL;
  *member = NULL;
  *size = 0;
  const int code = archive_read_next_header(r->tar, &entry);
  if (code == ARCHIVE_EOF) return MAGPIE_OK;
  if (code != ARCHIVE_OK) return fail(r, err);
  const char *name = archive_entry_pathname(entry);
  const char *odd = odd_kind(entry);
  snprintf(r->member, sizeof r->member, "%s", name ? name : "?");
  MGP_RETURN_IF(odd, err, MAGPIE_FORMAT,
                "%s: its member '%s' is %s; an archive of magpie holds regular files only", r->name,
                r->member, odd);
  *size = (uint64_t)archive_entry_size(entry);
  *member = name ? name : "?";
  return MAGPIE_OK;
}

magpie_status mgp_tar_reader_get(mgp_tar_reader *r, void *bytes, size_t size, size_t *got,
                                 magpie_error *err) {
  *got = 0;
  const la_ssize_t count = archive_read_data(r->tar, bytes, size);
  if (count < 0) return fail(r, err);
  *got = (size_t)count;
  return MAGPIE_OK;
}

magpie_status mgp_tar_reader_end(mgp_tar_reader *r, magpie_error *err) {
  size_t size = 1;
  magpie_status status = MAGPIE_OK;
  while (status == MAGPIE_OK && size > 0) status = unpack(r, &size);
  if (status == MAGPIE_OK && r->in.pos == r->in.size) status = refill(r);
  if (status != MAGPIE_OK) return fail(r, err);
  MGP_RETURN_IF(!r->is_input_done, err, MAGPIE_FORMAT,
                "%s has bytes behind its end (from byte %llu on): something was added to it",
                r->name, position(r));
  return MAGPIE_OK;
}

void mgp_tar_reader_close(mgp_tar_reader **reader) {
  mgp_tar_reader *r = *reader;
  *reader = NULL;
  if (!r) return;
  if (r->tar) archive_read_free(r->tar);
  ZSTD_freeDCtx(r->zstd);
  mgp_free(r->alloc, r->packed);
  mgp_free(r->alloc, r->plain);
  mgp_alloc_release(r->alloc, MEMORY_NEED);
  mgp_free(r->alloc, r);
}
