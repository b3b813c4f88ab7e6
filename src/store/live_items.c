/* SPDX-License-Identifier: Apache-2.0
 *
 * The table `live`. A row's bytes are runs of three (kind, count - 1 in two bytes), or the 4,096
 * kinds as they are where runs would take more; the sizes tell which, since no multiple of three is
 * 4,096. What lies behind the last run is dead.
 *
 * A transaction holds the blocks it touches in a direct-mapped table, so that deleting at random
 * takes bounded memory: a block that another one displaces is written there and then.
 */
#include "store/live_items.h"

#define RUN_SIZE 3
#define RUNS_MAX ((size_t)LIVE_BLOCK / RUN_SIZE) /* more take the raw form */

_Static_assert(LIVE_BLOCK % RUN_SIZE != 0, "the size tells runs from raw kinds");

static magpie_status damaged(const mgp_store *s, int64_t block, magpie_error *err) {
  return mgp_fail(err, MAGPIE_CORRUPT,
                  "the catalog %s is damaged: row %lld of the living items cannot be read; `magpie "
                  "repair` writes them anew",
                  s->catalog_path, (long long)block);
}

/* ---- the bytes of a row -------------------------------------------------------------------------
 */

static size_t run_length(const unsigned char *kinds, size_t from) {
  size_t end = from + 1;
  while (end < LIVE_BLOCK && kinds[end] == kinds[from]) end++;
  return end - from;
}

/* At most LIVE_BLOCK bytes; 0: nothing lives. */
static size_t encode(const unsigned char *kinds, unsigned char *out) {
  size_t end = LIVE_BLOCK, size = 0;
  while (end > 0 && kinds[end - 1] == 0) end--;
  for (size_t at = 0; at < end;) {
    const size_t count = run_length(kinds, at);
    if (size == RUNS_MAX * RUN_SIZE) {
      memcpy(out, kinds, LIVE_BLOCK);
      return LIVE_BLOCK;
    }
    out[size++] = kinds[at];
    out[size++] = (unsigned char)((count - 1) & 0xFF);
    out[size++] = (unsigned char)((count - 1) >> 8);
    at += count;
  }
  return size;
}

/* False when they are no row's bytes. */
static bool decode(const unsigned char *bytes, size_t size, unsigned char *kinds) {
  if (size == LIVE_BLOCK) {
    memcpy(kinds, bytes, LIVE_BLOCK);
    return true;
  }
  memset(kinds, 0, LIVE_BLOCK);
  if (size % RUN_SIZE != 0) return false;
  size_t at = 0;
  for (size_t i = 0; i < size; i += RUN_SIZE) {
    const size_t count = (size_t)bytes[i + 1] + ((size_t)bytes[i + 2] << 8) + 1;
    if (count > LIVE_BLOCK - at) return false;
    memset(kinds + at, bytes[i], count);
    at += count;
  }
  return true;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static magpie_status load_block(mgp_store *s, mgp_live_block *b, int64_t block, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_LIVE_GET, &statement, err));
  sqlite3_bind_int64(statement, 1, block);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, &row, err));
  bool is_good = true;
  if (row) {
    const void *bytes = sqlite3_column_blob(statement, 0);
    const size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    is_good = bytes && decode(bytes, size, b->kinds);
  } else memset(b->kinds, 0, sizeof b->kinds);
  sqlite3_reset(statement);
  if (!is_good) return damaged(s, block, err);
  b->block = block;
  b->is_changed = false;
  return MAGPIE_OK;
}

static magpie_status store_block(mgp_store *s, mgp_live_block *b, magpie_error *err) {
  unsigned char bytes[LIVE_BLOCK];
  const size_t size = encode(b->kinds, bytes);
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, size > 0 ? SQL_LIVE_SET : SQL_LIVE_REMOVE,
                                    &statement, err));
  sqlite3_bind_int64(statement, 1, b->block);
  if (size > 0) sqlite3_bind_blob(statement, 2, bytes, (int)size, SQLITE_STATIC);
  const magpie_status status = mgp_catalog_step(s, s->writer, statement, NULL, err);
  sqlite3_clear_bindings(statement); /* `bytes` goes away */
  if (status == MAGPIE_OK) b->is_changed = false;
  return status;
}

static magpie_status find_block(mgp_store *s, int64_t block, mgp_live_block **out,
                                magpie_error *err) {
  mgp_live_block **slot = &s->live[block % LIVE_SLOTS];
  if (*slot && (*slot)->block == block) {
    *out = *slot;
    return MAGPIE_OK;
  }
  if (!*slot) *slot = mgp_calloc(s->alloc, 1, sizeof **slot);
  MGP_RETURN_IF(!*slot, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  if ((*slot)->is_changed) MGP_FORWARD(store_block(s, *slot, err));
  (*slot)->block = -1; /* until it is loaded */
  *out = *slot;
  return load_block(s, *slot, block, err);
}

magpie_status mgp_live_set(mgp_store *s, int64_t number, int kind, magpie_error *err) {
  mgp_live_block *b = NULL;
  const magpie_status status = find_block(s, number / LIVE_BLOCK, &b, err);
  if (status != MAGPIE_OK) {
    s->is_spoilt = true; /* the row of the item is written already */
    return status;
  }
  if (kind == 0) s->has_deaths = true;
  b->kinds[number % LIVE_BLOCK] = (unsigned char)kind;
  b->is_changed = true;
  return MAGPIE_OK;
}

magpie_status mgp_live_write(mgp_store *s, magpie_error *err) {
  for (size_t i = 0; i < LIVE_SLOTS; i++)
    if (s->live[i] && s->live[i]->is_changed) MGP_FORWARD(store_block(s, s->live[i], err));
  return MAGPIE_OK;
}

void mgp_live_clear(mgp_store *s) {
  for (size_t i = 0; i < LIVE_SLOTS; i++) {
    mgp_free(s->alloc, s->live[i]);
    s->live[i] = NULL;
  }
}

static magpie_status rebuild_rows(mgp_store *s, sqlite3_stmt *items, magpie_error *err) {
  bool row = false;
  MGP_FORWARD(mgp_catalog_step(s, s->writer, items, &row, err));
  while (row) {
    const int64_t kind = sqlite3_column_int64(items, 0), number = sqlite3_column_int64(items, 1);
    MGP_RETURN_IF(kind < 1 || kind > KINDS_MAX || number < 1 || number >= ITEM_NUMBER_MAX, err,
                  MAGPIE_CORRUPT, "the catalog %s is damaged: item number %lld is of kind %lld",
                  s->catalog_path, (long long)number, (long long)kind);
    MGP_FORWARD(mgp_live_set(s, number, (int)kind, err));
    MGP_FORWARD(mgp_catalog_step(s, s->writer, items, &row, err));
  }
  return mgp_live_write(s, err);
}

magpie_status mgp_live_rebuild(mgp_store *s, magpie_error *err) {
  mgp_live_clear(s);
  s->has_deaths = true; /* who knows what the rows said before */
  MGP_FORWARD(mgp_catalog_run(s, s->writer, SQL_LIVE_REMOVE_ALL, err));
  sqlite3_stmt *items = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_ITEM_KINDS, &items, err));
  const magpie_status status = rebuild_rows(s, items, err);
  sqlite3_reset(items);
  mgp_live_clear(s);
  return status;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

typedef struct live_range {
  int64_t first, end;
  mgp_live_fn fn;
  void *context;
} live_range;

static magpie_status give_runs(const live_range *r, int64_t block, const unsigned char *kinds,
                               magpie_error *err) {
  const int64_t base = block * LIVE_BLOCK;
  for (size_t at = 0; at < LIVE_BLOCK;) {
    const size_t count = run_length(kinds, at);
    int64_t from = base + (int64_t)at, to = from + (int64_t)count;
    if (from < r->first) from = r->first;
    if (to > r->end) to = r->end;
    if (kinds[at] != 0 && from < to)
      MGP_FORWARD(r->fn(r->context, from, to - from, kinds[at], err));
    at += count;
  }
  return MAGPIE_OK;
}

static magpie_status read_blocks(const mgp_store *s, mgp_connection *c, const live_range *r,
                                 magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_LIVE_RANGE, &statement, err));
  sqlite3_bind_int64(statement, 1, r->first / LIVE_BLOCK);
  sqlite3_bind_int64(statement, 2, (r->end - 1) / LIVE_BLOCK);
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    unsigned char kinds[LIVE_BLOCK];
    const int64_t block = sqlite3_column_int64(statement, 0);
    const void *bytes = sqlite3_column_blob(statement, 1);
    const bool is_good = bytes && decode(bytes, (size_t)sqlite3_column_bytes(statement, 1), kinds);
    if (!is_good) return damaged(s, block, err);
    MGP_FORWARD(give_runs(r, block, kinds, err));
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

static magpie_status read_items(const mgp_store *s, mgp_connection *c, const live_range *r,
                                magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_ITEM_RANGE, &statement, err));
  sqlite3_bind_int64(statement, 1, r->first);
  sqlite3_bind_int64(statement, 2, r->end - 1);
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    MGP_FORWARD(r->fn(r->context, sqlite3_column_int64(statement, 1), 1,
                      sqlite3_column_int(statement, 0), err));
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

magpie_status mgp_live_read(const mgp_store *s, mgp_connection *c, int64_t first, int64_t end,
                            mgp_live_fn fn, void *context, magpie_error *err) {
  const live_range r = {.first = first, .end = end, .fn = fn, .context = context};
  if (first >= end) return MAGPIE_OK;
  int64_t format = 0;
  MGP_FORWARD(mgp_catalog_format(s, c, &format, err));
  return format >= 2 ? read_blocks(s, c, &r, err) : read_items(s, c, &r, err);
}
