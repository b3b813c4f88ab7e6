/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a batch of vectors. Its statements are prepared once for the batch and stepped without
 * the checks that mgp_store_item_add does for each item: numbers ascend and are reserved at once,
 * kind and source are there, so foreign keys are not looked up again for each row.
 */
#include "store/item_batch.h"
#include "store/live_items.h"

#define BATCH_FORMAT "vectors"

struct mgp_item_batch {
  mgp_store *s;
  sqlite3_stmt *add, *take;
  int64_t source;
  int kind;
  bool is_committed;
  uint64_t replaced, repeated;
  mgp_numbers emptied; /* sources that lost items: they may have none left */
};

static magpie_status prepare(mgp_item_batch *b, const char *sql, sqlite3_stmt **out,
                             magpie_error *err) {
  sqlite3 *db = b->s->writer->db;
  const int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
  return code == SQLITE_OK ? MAGPIE_OK
                           : mgp_catalog_fail(b->s, db, code, "adding a batch of items", err);
}

/* Only outside of a transaction does it change. It is on again before anyone else writes. */
static magpie_status set_foreign_keys(mgp_store *s, bool on, magpie_error *err) {
  const int code =
      sqlite3_db_config(s->writer->db, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, (int *)NULL);
  return code == SQLITE_OK
             ? MAGPIE_OK
             : mgp_catalog_fail(s, s->writer->db, code, "adding a batch of items", err);
}

static magpie_status find_kind(mgp_item_batch *b, const char *name, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(prepare(b, "SELECT number FROM kind WHERE name = ?1", &statement, err));
  mgp_bind_text(statement, 1, name);
  const magpie_status status = mgp_catalog_step(b->s, b->s->writer, statement, &row, err);
  if (row) b->kind = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return status;
}

static magpie_status add_kind(mgp_item_batch *b, const char *name, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(prepare(b,
                      "INSERT INTO kind (number, name) SELECT ifnull(max(number), 0) + 1, ?1 FROM "
                      "kind RETURNING number",
                      &statement, err));
  mgp_bind_text(statement, 1, name);
  magpie_status status = mgp_catalog_step(b->s, b->s->writer, statement, &row, err);
  if (row) b->kind = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  mgp_store_kinds_clear(b->s); /* what it knew lacks this one */
  MGP_RETURN_IF(status == MAGPIE_OK && b->kind > KINDS_MAX, err, MAGPIE_LIMIT,
                "the index %s has %d kinds of items already: no room for the kind \"%s\"",
                b->s->path, KINDS_MAX, name);
  return status;
}

static magpie_status add_source(mgp_item_batch *b, const char *title, magpie_error *err) {
  char record[48];
  snprintf(record, sizeof record, "@batch-%lld", (long long)b->s->head.next_source);
  mgp_source source = {.record = record, .format = BATCH_FORMAT, .title = title};
  MGP_FORWARD(mgp_store_source_add(b->s, &source, err));
  b->source = source.number;
  return MAGPIE_OK;
}

static magpie_status begin(mgp_item_batch *b, const char *kind, const char *title, uint64_t count,
                           magpie_error *err) {
  mgp_store *s = b->s;
  MGP_FORWARD(set_foreign_keys(s, false, err));
  MGP_FORWARD(mgp_store_begin(s, err));
  MGP_RETURN_IF(count > (uint64_t)(ITEM_NUMBER_MAX - s->head.next_item), err, MAGPIE_LIMIT,
                "the index %s has numbered %lld items of %lld: no room for %llu more; start a new "
                "index",
                s->path, (long long)s->head.next_item - 1, (long long)ITEM_NUMBER_MAX,
                (unsigned long long)count);
  MGP_FORWARD(find_kind(b, kind, err));
  if (b->kind == 0) MGP_FORWARD(add_kind(b, kind, err));
  MGP_FORWARD(add_source(b, title, err));
  MGP_FORWARD(prepare(b,
                      "INSERT INTO item (number, source, kind, thumb_size, id, page) "
                      "VALUES (?1, ?2, ?3, 0, ?4, 0)",
                      &b->add, err));
  MGP_FORWARD(prepare(b,
                      "DELETE FROM item WHERE id = ?1 AND source IN (SELECT number FROM source "
                      "WHERE format = '" BATCH_FORMAT "') RETURNING number, source",
                      &b->take, err));
  sqlite3_bind_int64(b->add, 2, b->source);
  sqlite3_bind_int(b->add, 3, b->kind);
  return MAGPIE_OK;
}

magpie_status mgp_item_batch_begin(mgp_store *s, const char *kind, const char *title,
                                   uint64_t count, mgp_item_batch **out, uint64_t *first,
                                   magpie_error *err) {
  *out = NULL;
  MGP_FORWARD(mgp_store_writable(s, false, "adding a batch of items", err));
  MGP_RETURN_IF(s->in_transaction, err, MAGPIE_INVALID, "a transaction is already open on %s",
                s->path);
  mgp_item_batch *b = mgp_calloc(s->alloc, 1, sizeof *b);
  MGP_RETURN_IF(!b, err, MAGPIE_NO_MEMORY, "no memory to write to %s", s->path);
  b->s = s;
  const magpie_status status = begin(b, kind, title, count, err);
  if (status != MAGPIE_OK) {
    mgp_item_batch_end(b);
    return status;
  }
  *first = (uint64_t)s->head.next_item;
  s->head.next_item += (int64_t)count;
  *out = b;
  return MAGPIE_OK;
}

/* The item that has this id already goes, and its source is looked at again at the end. */
static magpie_status take_old(mgp_item_batch *b, const char *id, size_t size, magpie_error *err) {
  mgp_store *s = b->s;
  bool row = false;
  sqlite3_bind_text64(b->take, 1, id, size, SQLITE_STATIC, SQLITE_UTF8);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, b->take, &row, err));
  MGP_RETURN_IF(!row, err, MAGPIE_INVALID,
                "the id %.*s is that of an item of a record or file in %s", (int)size, id, s->path);
  const int64_t number = sqlite3_column_int64(b->take, 0),
                source = sqlite3_column_int64(b->take, 1);
  sqlite3_reset(b->take);
  MGP_FORWARD(mgp_live_set(s, number, 0, err));
  b->repeated += source == b->source;
  b->replaced += source != b->source;
  if (source == b->source) return MAGPIE_OK;
  const mgp_numbers *known = &b->emptied;
  if (known->count > 0 && known->items[known->count - 1] == source) return MAGPIE_OK;
  for (size_t i = 0; i < known->count; i++)
    if (known->items[i] == source) return MAGPIE_OK;
  return mgp_numbers_add(s, &b->emptied, source, err);
}

magpie_status mgp_item_batch_add(mgp_item_batch *b, uint64_t number, const char *id, size_t size,
                                 magpie_error *err) {
  mgp_store *s = b->s;
  for (int tries = 0; tries < 2; tries++) {
    sqlite3_bind_int64(b->add, 1, (int64_t)number);
    sqlite3_bind_text64(b->add, 4, id, size, SQLITE_STATIC, SQLITE_UTF8);
    const int code = sqlite3_step(b->add);
    sqlite3_reset(b->add);
    if (code == SQLITE_DONE) return mgp_live_set(s, (int64_t)number, b->kind, err);
    if (sqlite3_extended_errcode(s->writer->db) != SQLITE_CONSTRAINT_UNIQUE || tries > 0)
      return mgp_catalog_fail(s, s->writer->db, code, "adding a batch of items", err);
    MGP_FORWARD(take_old(b, id, size, err));
  }
  return MAGPIE_OK;
}

uint64_t mgp_item_batch_replaced(const mgp_item_batch *b) {
  return b->replaced;
}

uint64_t mgp_item_batch_repeated(const mgp_item_batch *b) {
  return b->repeated;
}

/* A batch whose last item went is of no use. */
static magpie_status drop_emptied(mgp_item_batch *b, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  if (b->emptied.count == 0) return MAGPIE_OK;
  MGP_FORWARD(prepare(b,
                      "DELETE FROM source WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM item "
                      "WHERE source = ?1)",
                      &statement, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < b->emptied.count && status == MAGPIE_OK; i++) {
    sqlite3_bind_int64(statement, 1, b->emptied.items[i]);
    status = mgp_catalog_step(b->s, b->s->writer, statement, NULL, err);
  }
  sqlite3_finalize(statement);
  return status;
}

magpie_status mgp_item_batch_commit(mgp_item_batch *b, uint64_t *generation, magpie_error *err) {
  MGP_FORWARD(drop_emptied(b, err));
  sqlite3_clear_bindings(b->add); /* ids are the caller's */
  sqlite3_clear_bindings(b->take);
  MGP_FORWARD(mgp_store_commit(b->s, generation, err));
  b->is_committed = true;
  return MAGPIE_OK;
}

void mgp_item_batch_end(mgp_item_batch *b) {
  if (!b) return;
  sqlite3_finalize(b->add);
  sqlite3_finalize(b->take);
  if (!b->is_committed) mgp_store_rollback(b->s);
  if (set_foreign_keys(b->s, true, NULL) != MAGPIE_OK) b->s->is_lost = true;
  mgp_free(b->s->alloc, b->emptied.items);
  mgp_free(b->s->alloc, b);
}
