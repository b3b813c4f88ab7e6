/* SPDX-License-Identifier: Apache-2.0
 *
 * What SQLite may hold: see catalog_memory.c.
 */
#ifndef MGP_STORE_CATALOG_MEMORY_H
#define MGP_STORE_CATALOG_MEMORY_H

#include "store/catalog.h"

/* Sets the page cache of a connection; an SQLite code. */
int mgp_catalog_cache(const mgp_store *s, sqlite3 *db, bool is_writer);
/* Counts the caches of a store that is being opened; give takes them back when it is closed. */
magpie_status mgp_catalog_memory_take(mgp_alloc *a, bool read_only, const char *path,
                                      magpie_error *err);
void mgp_catalog_memory_give(mgp_alloc *a, bool read_only);

#endif
