/* SPDX-License-Identifier: Apache-2.0
 *
 * SQLite within the budget. sqlite3_config(SQLITE_CONFIG_MALLOC) and the heap limits are global and
 * may be the application's own, so each connection gets a page cache that fits the budget, and the
 * caches are counted as if they were full. Everything else that SQLite holds is the size of a row.
 */
#include "store/catalog_memory.h"

#define READERS 4 /* that are busy at once, as a rule */
#define KILOBYTE UINT64_C(1024)

/* A share of the budget, within bounds; `most` where there is no budget. */
static uint64_t share(const mgp_alloc *a, uint64_t part, uint64_t least, uint64_t most) {
  const uint64_t limit = mgp_alloc_limit(a), size = limit ? limit / part : most;
  return size < least ? least : size > most ? most : size;
}

static uint64_t writer_cache(const mgp_alloc *a) {
  return share(a, 32, 1024 * KILOBYTE, 16 * 1024 * KILOBYTE);
}

static uint64_t reader_cache(const mgp_alloc *a) {
  return share(a, 256, 256 * KILOBYTE, 2 * 1024 * KILOBYTE);
}

int mgp_catalog_cache(const mgp_store *s, sqlite3 *db, bool is_writer) {
  char sql[64];
  const uint64_t size = is_writer ? writer_cache(s->alloc) : reader_cache(s->alloc);
  snprintf(sql, sizeof sql, "PRAGMA cache_size = -%llu", (unsigned long long)(size / KILOBYTE));
  return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static uint64_t counted(const mgp_alloc *a, bool read_only) {
  return (read_only ? 0 : writer_cache(a)) + READERS * reader_cache(a);
}

magpie_status mgp_catalog_memory_take(mgp_alloc *a, bool read_only, const char *path,
                                      magpie_error *err) {
  const uint64_t size = counted(a, read_only);
  return mgp_alloc_reserve(a, size) ? MAGPIE_OK
                                    : mgp_alloc_fail(a, size, err, "the catalog of %s", path);
}

void mgp_catalog_memory_give(mgp_alloc *a, bool read_only) {
  mgp_alloc_release(a, counted(a, read_only));
}
