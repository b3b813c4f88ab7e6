/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_archive_unpack: the manifest first, checked as a whole, and then exactly the members that it
 * lists, in its order, each with its size and its checksum.
 */
#include <archive.h>
#include <zstd.h>

#include "archive/archive_manifest.h"
#include "archive/tar_stream.h"

#define UNPACK_BLOCK ((size_t)256 << 10)
#define LIST_STEP ((size_t)1 << 20) /* by which the manifest's room grows */

typedef struct unpacking {
  const mgp_archive_unpacking *u;
  mgp_tar_reader *reader;
  mgp_spill list; /* the manifest's text */
  mgp_manifest_walk walk;
  char *block;
} unpacking;

const char *mgp_archive_library(void) {
  static char text[64];
  if (!text[0])
    snprintf(text, sizeof text, "%s, zstd %s", archive_version_string(), ZSTD_versionString());
  return text;
}

/* ---- the manifest -------------------------------------------------------------------------------
 */

/* Grows with what really comes, not with what the header of the member claims. */
static magpie_status read_list(unpacking *k, uint64_t size, magpie_error *err) {
  size_t have = 0, got = 1;
  while (got > 0 && have < size) {
    const size_t left = (size_t)size - have;
    const size_t step = left < LIST_STEP ? left : LIST_STEP;
    MGP_FORWARD(mgp_spill_need(&k->list, have + step, err));
    MGP_FORWARD(mgp_tar_reader_get(k->reader, (char *)k->list.data + have, step, &got, err));
    have += got;
  }
  MGP_RETURN_IF(have != size, err, MAGPIE_CORRUPT, "%s: its %s ends after %zu of %llu bytes",
                k->u->name, ARCHIVE_MANIFEST, have, (unsigned long long)size);
  k->walk.text = k->list.data;
  k->walk.size = have;
  return MAGPIE_OK;
}

static magpie_status read_manifest(unpacking *k, mgp_archive_head *head, magpie_error *err) {
  const char *member = NULL;
  uint64_t size = 0;
  MGP_FORWARD(mgp_tar_reader_next(k->reader, &member, &size, err));
  MGP_RETURN_IF(!mgp_text_equal(member, ARCHIVE_MANIFEST), err, MAGPIE_FORMAT,
                "%s is no archive of magpie: its first member is '%.64s', expected %s", k->u->name,
                member ? member : "none", ARCHIVE_MANIFEST);
  MGP_RETURN_IF(size == 0 || size > ARCHIVE_MANIFEST_MAX, err, MAGPIE_FORMAT,
                "%s: its %s has %llu bytes, expected 1 to %llu", k->u->name, ARCHIVE_MANIFEST,
                (unsigned long long)size, (unsigned long long)ARCHIVE_MANIFEST_MAX);
  mgp_tar_reader_allow(k->reader, 1, size);
  MGP_FORWARD(read_list(k, size, err));
  MGP_FORWARD(mgp_manifest_check(&k->walk, head, err));
  mgp_tar_reader_allow(k->reader, head->files, head->bytes);
  return MAGPIE_OK;
}

/* ---- files --------------------------------------------------------------------------------------
 */

static magpie_status expect_member(unpacking *k, const mgp_archive_file *file, magpie_error *err) {
  const char *member = NULL;
  uint64_t size = 0;
  MGP_FORWARD(mgp_tar_reader_next(k->reader, &member, &size, err));
  MGP_RETURN_IF(!member, err, MAGPIE_CORRUPT,
                "%s ends before its member %s, which its manifest lists; copy or export it again",
                k->u->name, file->name);
  MGP_RETURN_IF(strcmp(member, file->name) != 0, err, MAGPIE_FORMAT,
                "%s: its member '%.64s' comes where its manifest expects %s", k->u->name, member,
                file->name);
  MGP_RETURN_IF(size != file->size, err, MAGPIE_FORMAT,
                "%s: its member %s has %llu bytes, its manifest expects %llu", k->u->name,
                file->name, (unsigned long long)size, (unsigned long long)file->size);
  return MAGPIE_OK;
}

static magpie_status take_bytes(unpacking *k, const mgp_archive_file *file, char sha256[65],
                                magpie_error *err) {
  mgp_sha256 hash;
  uint64_t left = file->size;
  mgp_sha256_init(&hash);
  for (size_t got = 1; got > 0;) {
    MGP_FORWARD(mgp_tar_reader_get(k->reader, k->block, UNPACK_BLOCK, &got, err));
    MGP_RETURN_IF(got > left, err, MAGPIE_FORMAT, "%s: its member %s is longer than %llu bytes",
                  k->u->name, file->name, (unsigned long long)file->size);
    left -= got;
    mgp_sha256_add(&hash, k->block, got);
    if (got > 0) MGP_FORWARD(k->u->write(k->u->context, k->block, got, err));
  }
  MGP_RETURN_IF(left > 0, err, MAGPIE_CORRUPT, "%s: its member %s ends %llu bytes early",
                k->u->name, file->name, (unsigned long long)left);
  mgp_sha256_hex(&hash, sha256);
  return MAGPIE_OK;
}

static magpie_status take_file(unpacking *k, const mgp_archive_file *file, magpie_error *err) {
  char sha256[65];
  MGP_FORWARD(expect_member(k, file, err));
  MGP_FORWARD(k->u->begin(k->u->context, file, err));
  MGP_FORWARD(take_bytes(k, file, sha256, err));
  MGP_RETURN_IF(strcmp(sha256, file->sha256) != 0, err, MAGPIE_CORRUPT,
                "%s: its member %s is damaged: SHA-256 is %s, its manifest expects %s; copy or "
                "export it again",
                k->u->name, file->name, sha256, file->sha256);
  return k->u->end(k->u->context, file, err);
}

static magpie_status take_files(unpacking *k, magpie_error *err) {
  mgp_archive_head head;
  mgp_archive_file file;
  const char *member = NULL;
  uint64_t size = 0;
  bool is_end = false;
  MGP_FORWARD(mgp_manifest_begin(&k->walk, &head, err));
  MGP_FORWARD(mgp_manifest_next(&k->walk, &file, &is_end, err));
  while (!is_end) {
    MGP_FORWARD(take_file(k, &file, err));
    MGP_FORWARD(mgp_manifest_next(&k->walk, &file, &is_end, err));
  }
  MGP_FORWARD(mgp_tar_reader_next(k->reader, &member, &size, err));
  MGP_RETURN_IF(member, err, MAGPIE_FORMAT, "%s: its manifest does not list its member '%.64s'",
                k->u->name, member);
  return MAGPIE_OK;
}

static magpie_status unpack_all(unpacking *k, magpie_error *err) {
  const mgp_archive_unpacking *u = k->u;
  mgp_archive_head head;
  MGP_FORWARD(mgp_tar_reader_open(u->alloc, u->name, u->read, u->context, &k->reader, err));
  MGP_FORWARD(read_manifest(k, &head, err));
  MGP_FORWARD(u->head(u->context, &head, err));
  MGP_FORWARD(take_files(k, err));
  return mgp_tar_reader_end(k->reader, err);
}

magpie_status mgp_archive_unpack(const mgp_archive_unpacking *u, magpie_error *err) {
  unpacking k = {.u = u, .walk = {.name = u->name, .place = u->place}};
  mgp_spill_init(&k.list, u->alloc, u->folder);
  k.block = mgp_malloc(u->alloc, UNPACK_BLOCK);
  const magpie_status status =
      k.block ? unpack_all(&k, err)
              : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to unpack %s", u->name);
  mgp_tar_reader_close(&k.reader);
  mgp_free(u->alloc, k.block);
  mgp_spill_fini(&k.list);
  return status;
}
