/* SPDX-License-Identifier: Apache-2.0
 *
 * XXH3 of blocks and files: for change detection and checksums of our own files, not for trust.
 */
#include <unistd.h>
#include <xxhash.h>

#include "base/base.h"
#include "base/file_open.h"

#define READ_SIZE (1u << 20)

uint64_t mgp_hash64(const void *bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}

mgp_hash128 mgp_hash128_bytes(const void *bytes, size_t size) {
  const XXH128_hash_t h = XXH3_128bits(bytes, size);
  return (mgp_hash128){.low = h.low64, .high = h.high64};
}

static magpie_status hash_descriptor(int fd, const char *path, XXH3_state_t *state,
                                     magpie_error *err) {
  unsigned char *block = mgp_malloc(NULL, READ_SIZE);
  MGP_RETURN_IF(!block, err, MAGPIE_NO_MEMORY, "no memory to read %s", path);
  magpie_status status = MAGPIE_OK;
  size_t got = READ_SIZE;
  while (status == MAGPIE_OK && got == READ_SIZE) {
    status = mgp_file_fill(fd, path, block, READ_SIZE, &got, err);
    if (status == MAGPIE_OK) XXH3_128bits_update(state, block, got);
  }
  mgp_free(NULL, block);
  return status;
}

magpie_status mgp_hash128_file(const char *path, mgp_hash128 *out, magpie_error *err) {
  int fd = -1;
  uint64_t size = 0;
  MGP_FORWARD(mgp_file_open(path, &fd, &size, err));
  XXH3_state_t *state = XXH3_createState();
  magpie_status status = MAGPIE_OK;
  if (!state) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to read %s", path);
  } else {
    XXH3_128bits_reset(state);
    status = hash_descriptor(fd, path, state, err);
  }
  if (status == MAGPIE_OK) {
    const XXH128_hash_t h = XXH3_128bits_digest(state);
    *out = (mgp_hash128){.low = h.low64, .high = h.high64};
  }
  XXH3_freeState(state);
  close(fd);
  return status;
}
