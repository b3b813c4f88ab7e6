/* SPDX-License-Identifier: Apache-2.0
 *
 * heading_path: the chain of open headings above a passage, "Guide > Install > Debian".
 */
#include "media/media_job.h"

void mgp_headings_set(mgp_headings *h, int level, const char *text, size_t size) {
  if (level < 1 || level > MGP_HEADING_LEVELS) return;
  const size_t kept = mgp_utf8_cut(text, size < MGP_HEADING_SIZE ? size : MGP_HEADING_SIZE - 1);
  memcpy(h->text[level - 1], text, kept);
  h->text[level - 1][kept] = '\0';
  for (int i = level; i < MGP_HEADING_LEVELS; i++) h->text[i][0] = '\0';

  size_t used = 0;
  for (int i = 0; i < level; i++) {
    const size_t length = strlen(h->text[i]);
    if (length == 0) continue;
    if (used > 0) {
      memcpy(h->path + used, " > ", 3);
      used += 3;
    }
    memcpy(h->path + used, h->text[i], length);
    used += length;
  }
  h->path[used] = '\0';
}
