/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the catalog as the structs of store.h, shared by the files that read them.
 */
#ifndef MGP_STORE_ROWS_H
#define MGP_STORE_ROWS_H

#include "store/catalog.h"

/* Columns 0 to 10 of the statement are those of a source; strings are copied into the arena. */
#define SOURCE_COLUMN_COUNT 11
magpie_status mgp_source_columns(const mgp_store *s, sqlite3_stmt *statement, mgp_arena *arena,
                                 mgp_source *out, magpie_error *err);

#endif
