/* SPDX-License-Identifier: Apache-2.0
 *
 * The face of libmagpie-archive.so.
 */
#include "plugin/archive_table.h"

static const mgp_archive_table table = {.version = MGP_VERSION_TEXT,
                                        .library = mgp_archive_library,
                                        .pack = mgp_archive_pack,
                                        .unpack = mgp_archive_unpack};

__attribute__((visibility("default"))) const mgp_archive_table *magpie_archive_module(void) {
  return &table;
}
