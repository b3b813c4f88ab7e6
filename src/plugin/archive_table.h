/* SPDX-License-Identifier: Apache-2.0
 *
 * What crosses the border between libmagpie and its archive module: the functions of
 * index_archive.h.
 */
#ifndef MGP_ARCHIVE_TABLE_H
#define MGP_ARCHIVE_TABLE_H

#include "archive/index_archive.h"

#define MGP_ARCHIVE_MODULE "libmagpie-archive.so"
#define MGP_ARCHIVE_MODULE_SYMBOL "magpie_archive_module"

typedef struct mgp_archive_table {
  const char *version; /* of magpie: structs are shared, so it must be the same */
  const char *(*library)(void);
  magpie_status (*pack)(const mgp_archive_packing *packing, mgp_archive_head *head,
                        magpie_error *err);
  magpie_status (*unpack)(const mgp_archive_unpacking *unpacking, magpie_error *err);
} mgp_archive_table;

/* The module's one symbol. */
const mgp_archive_table *magpie_archive_module(void);

#endif
