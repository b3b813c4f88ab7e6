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

/* Bounds of all that lies below a folder, or of a path alone: "/a/b/" to "/a/b0", since '0' follows
 * '/'; "/a/b" to "/a/b\0", since a path holds no NUL. Bound to ?1 and ?2: keep the range until the
 * statement is reset. */
typedef struct mgp_path_range {
  mgp_buffer first, end;
} mgp_path_range;
magpie_status mgp_path_range_bind(const mgp_store *s, sqlite3_stmt *statement, const char *path,
                                  bool is_folder, mgp_path_range *range, magpie_error *err);
void mgp_path_range_fini(mgp_path_range *range);

#endif
