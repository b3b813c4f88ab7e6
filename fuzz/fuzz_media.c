/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_media: any bytes, as a file of any format, end in items or an error within tight limits,
 * with no leak. The bytes lie in a memory file, so that decoders read them as they read any other.
 * The first byte chooses the name's ending, which tells the text formats apart.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "media/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static magpie_status drop_item(void *context, const mgp_media_item *item, magpie_error *err) {
  (void)context, (void)err;
  if (item->text && !mgp_utf8_valid(item->text, strlen(item->text))) abort();
  if (item->title && !mgp_utf8_valid(item->title, strlen(item->title))) abort();
  if (item->image && (item->image->width < 1 || item->image->height < 1)) abort();
  if (item->kind[0] == 's' && (item->pcm_count == 0 || !item->pcm)) abort();
  return MAGPIE_OK;
}

/* A path with an ending that leads to the memory file. */
static bool name_file(int fd, unsigned choice, char out[64]) {
  static const char *const endings[] = {"", ".md", ".csv", ".jsonl", ".html", ".txt"};
  char target[32];
  snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
  snprintf(out, 64, "/tmp/mgp-fuzz-%d%s", (int)getpid(), endings[choice % 6]);
  (void)unlink(out);
  return symlink(target, out) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  char path[64];
  if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1) ||
      !name_file(fd, data[0], path))
    abort();
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.max_bytes = 1 << 20;
  limits.max_pixels = 1 << 20;
  limits.max_seconds = 2;
  limits.max_items = 500;
  limits.max_line = 1 << 16;
  const mgp_media_sink sink = {.item = drop_item};
  mgp_media_info info = {0};
  mgp_alloc *a = mgp_alloc_create(256U << 20);
  (void)mgp_media_decode(a, path, &limits, &sink, &info, NULL);
  json_decref(info.metadata);
  if (mgp_alloc_used(a) != 0) abort();
  mgp_alloc_destroy(a);
  unlink(path);
  close(fd);
  return 0;
}
