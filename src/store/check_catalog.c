/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog against itself: SQLite's check and the numbers that the tables give each other. The
 * deep check reads every page that is in use, and each
 * that is read is compared with its checksum (catalog_checksum.c).
 */
#include <inttypes.h>

#include "store/catalog.h"
#include "store/catalog_checksum.h"
#include "store/check_store.h"

#define ROWS_TOLD 20 /* of SQLite's own list */

typedef struct checking {
  mgp_store *s;
  mgp_connection *c;
  mgp_damage_fn fn;
  void *context;
} checking;

static magpie_status tell(const checking *k, const char *section, const char *what) {
  const mgp_damage damage = {.file = CATALOG_FILE, .section = section, .what = what};
  return k->fn(k->context, &damage);
}

/* ---- the account ------------------------------------------------------------------------------
 */

static magpie_status read_kind_names(mgp_store *s, mgp_connection *c, mgp_account *out,
                                     magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_KINDS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    const int64_t number = sqlite3_column_int64(statement, 0);
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    if (number >= 1 && number <= KINDS_MAX) {
      out->kind_names[number] = mgp_strdup(out->alloc, name ? name : "");
      MGP_RETURN_IF(!out->kind_names[number], err, MAGPIE_NO_MEMORY, "no memory to check %s",
                    s->path);
    }
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

/* Rows outside of the numbers are mgp_check_catalog's business. */
static magpie_status read_items(mgp_store *s, mgp_connection *c, int64_t next_item,
                                mgp_account *out, magpie_error *err) {
  MGP_RETURN_IF(next_item > ITEM_NUMBER_MAX, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: its next item is number %" PRId64, s->catalog_path,
                next_item);
  out->kinds_size = (uint64_t)next_item;
  out->kinds = mgp_calloc(out->alloc, (size_t)next_item, 1);
  MGP_RETURN_IF(!out->kinds, err, MAGPIE_NO_MEMORY, "no memory for the items of %s", s->path);
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_ITEM_KINDS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    const int64_t kind = sqlite3_column_int64(statement, 0);
    const int64_t number = sqlite3_column_int64(statement, 1);
    if (kind >= 1 && kind <= KINDS_MAX && number >= 1 && number < next_item) {
      out->kinds[number] = (unsigned char)kind;
      out->item_count++;
    }
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

static magpie_status read_claims(mgp_store *s, mgp_connection *c, mgp_account *out,
                                 magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SEGMENTS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    MGP_RETURN_IF(!MGP_GROW(out->alloc, out->claims, out->claim_capacity, out->claim_count + 1),
                  err, MAGPIE_NO_MEMORY, "no memory for the segments of %s", s->path);
    mgp_claim *claim = &out->claims[out->claim_count++];
    const char *space = (const char *)sqlite3_column_text(statement, 1);
    *claim = (mgp_claim){.number = sqlite3_column_int64(statement, 0),
                         .count = (uint64_t)sqlite3_column_int64(statement, 2),
                         .size = (uint64_t)sqlite3_column_int64(statement, 3),
                         .checksum = (uint64_t)sqlite3_column_int64(statement, 4),
                         .generation = (uint64_t)sqlite3_column_int64(statement, 5)};
    snprintf(claim->space, sizeof claim->space, "%s", space ? space : "");
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

/* Where the bytes of each segment lie; in the same transaction. */
static magpie_status name_claims(mgp_store *s, mgp_connection *c, mgp_account *out,
                                 magpie_error *err) {
  for (size_t i = 0; i < out->claim_count; i++) {
    sqlite3_stmt *statement = NULL;
    bool is_small = false;
    mgp_claim *claim = &out->claims[i];
    MGP_FORWARD(mgp_segment_find_bytes(s, c, claim->number, &statement, &is_small, err));
    if (is_small) sqlite3_reset(statement);
    mgp_segment_shown_name(claim->number, is_small, claim->file);
  }
  return MAGPIE_OK;
}

static magpie_status read_account(mgp_store *s, mgp_connection *c, mgp_account *out,
                                  magpie_error *err) {
  mgp_head head = {0};
  MGP_FORWARD(mgp_catalog_run(s, c, SQL_READ_BEGIN, err));
  MGP_FORWARD(mgp_catalog_head(s, c, &head, err));
  out->generation = head.generation;
  MGP_FORWARD(read_kind_names(s, c, out, err));
  MGP_FORWARD(read_items(s, c, head.next_item, out, err));
  MGP_FORWARD(read_claims(s, c, out, err));
  return name_claims(s, c, out, err);
}

magpie_status mgp_account_read(mgp_store *s, mgp_alloc *a, mgp_account *out, magpie_error *err) {
  *out = (mgp_account){.alloc = a};
  mgp_connection *c = NULL;
  magpie_status status = mgp_catalog_acquire(s, &c, err);
  if (status == MAGPIE_OK) status = read_account(s, c, out, err);
  mgp_catalog_release(s, c);
  if (status == MAGPIE_OK)
    status = mgp_store_spaces_all(s, a, &out->spaces, &out->space_count, err);
  if (status != MAGPIE_OK) mgp_account_fini(out);
  return status;
}

void mgp_account_fini(mgp_account *account) {
  mgp_alloc *a = account->alloc;
  for (int i = 0; i <= KINDS_MAX; i++) mgp_free(a, account->kind_names[i]);
  mgp_free(a, account->kinds);
  mgp_free(a, account->claims);
  mgp_free(a, account->spaces);
  *account = (mgp_account){.alloc = a};
}

magpie_status mgp_check_is_named(mgp_store *s, int64_t number, bool *out, magpie_error *err) {
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  *out = false;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SEGMENTS, &statement, err);
  if (status == MAGPIE_OK) status = mgp_catalog_step(s, c, statement, &row, err);
  while (status == MAGPIE_OK && row && !*out) {
    *out = sqlite3_column_int64(statement, 0) == number;
    if (!*out) status = mgp_catalog_step(s, c, statement, &row, err);
  }
  mgp_catalog_release(s, c);
  return status;
}

/* ---- the header ---------------------------------------------------------------------------------
 */

#define HEADER_SIZE 64
#define HEADER_RESERVED 20 /* one byte: room at the end of each page */
#define HEADER_FORMAT 63   /* the low byte of user_version */

/* The one byte that checksums hang on: were it another, no page would be compared. Catalogs of
 * format 1 have none, and their pages lie in the file until an upgrade leaves the WAL. */
static magpie_status check_header(const checking *k) {
  for (int turn = 0; turn < 2; turn++) { /* a checkpoint may write the page at this moment */
    unsigned char head[HEADER_SIZE] = {0};
    FILE *file = fopen(k->s->catalog_path, "rb");
    const size_t got = file ? fread(head, 1, sizeof head, file) : 0;
    if (file) fclose(file);
    const bool is_old = head[HEADER_RESERVED] == 0 && head[HEADER_FORMAT] == 1;
    if (got == sizeof head && (head[HEADER_RESERVED] == PAGE_CHECKSUM_SIZE || is_old))
      return MAGPIE_OK;
  }
  return tell(k, "header", "its pages have no room for checksums");
}

/* ---- the tables -------------------------------------------------------------------------------
 */

/* Every row of the statement is a complaint; none, or the one text "ok", is fine. */
static magpie_status tell_rows(const checking *k, const char *section, const char *sql,
                               magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2(k->c->db, sql, -1, &statement, NULL);
  magpie_status status = MAGPIE_OK;
  for (int told = 0; code == SQLITE_OK && status == MAGPIE_OK && told < ROWS_TOLD; told++) {
    const int step = sqlite3_step(statement);
    if (step != SQLITE_ROW) {
      if (step != SQLITE_DONE) code = step;
      break;
    }
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    if (text && strcmp(text, "ok") != 0) status = tell(k, section, text);
  }
  if (code != SQLITE_OK) {
    magpie_error why = {0};
    status = mgp_catalog_fail(k->s, k->c->db, sqlite3_extended_errcode(k->c->db),
                              "checking the index", &why);
    if (status == MAGPIE_CORRUPT) status = tell(k, section, why.message);
    else if (err) *err = why;
  }
  sqlite3_finalize(statement);
  return status;
}

static magpie_status check_tables(const checking *k, bool deep, magpie_error *err) {
  static const struct {
    const char *section, *sql;
  } rules[] = {
      {"head", "SELECT printf('item number %d is not below the next one, %d', max(number), "
               "next_item) FROM item, head HAVING max(number) >= next_item OR min(number) < 1"},
      {"head", "SELECT printf('source number %d is not below the next one, %d', max(number), "
               "next_source) FROM source, head HAVING max(number) >= next_source"},
      {"head", "SELECT printf('segment number %d is not below the next one, %d', max(number), "
               "next_segment) FROM segment, head HAVING max(number) >= next_segment"},
      {"segment", "SELECT printf('segment %d is of generation %d, the index of %d', s.number, "
                  "s.generation, h.generation) FROM segment s, head h "
                  "WHERE s.generation > h.generation OR s.count < 0 OR s.size < 0"},
      {"segment", "SELECT printf('segment %d is of the space %s, which is not there', number, "
                  "space) FROM segment WHERE space NOT IN (SELECT name FROM space)"},
      {"space", "SELECT printf('the space %s has %d dimensions', name, dim) FROM space "
                "WHERE dim < 0 OR dim > 1000000"},
      {"kind", "SELECT printf('kind number %d', number) FROM kind "
               "WHERE number < 1 OR number > 255"}};
  static const struct {
    const char *section, *sql;
  } deep_rules[] = {
      {"item", "SELECT printf('item %s names source %d, which is not there', id, source) FROM "
               "item WHERE source NOT IN (SELECT number FROM source)"},
      {"item", "SELECT printf('item %s names kind %d, which is not there', id, kind) FROM item "
               "WHERE kind NOT IN (SELECT number FROM kind)"},
      {"source", "SELECT printf('source %d has neither a path nor a record', number) FROM source "
                 "WHERE path IS NULL AND record IS NULL OR length(hash) <> 16"}};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    MGP_FORWARD(tell_rows(k, rules[i].section, rules[i].sql, err));
  for (size_t i = 0; deep && i < sizeof deep_rules / sizeof *deep_rules; i++)
    MGP_FORWARD(tell_rows(k, deep_rules[i].section, deep_rules[i].sql, err));
  return MAGPIE_OK;
}

magpie_status mgp_check_catalog(mgp_store *s, bool deep, mgp_damage_fn fn, void *context,
                                magpie_error *err) {
  checking k = {.s = s, .fn = fn, .context = context};
  MGP_FORWARD(check_header(&k));
  MGP_FORWARD(mgp_catalog_acquire(s, &k.c, err));
  magpie_status status =
      tell_rows(&k, "pages", deep ? "PRAGMA integrity_check(20)" : "PRAGMA quick_check(20)", err);
  if (status == MAGPIE_OK) status = check_tables(&k, deep, err);
  mgp_catalog_release(s, k.c);
  return status;
}
