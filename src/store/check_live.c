/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of living items against the items themselves: what lives without a row would be found
 * by no one, what has a row and does not live is never a hit.
 */
#include "store/check_store.h"
#include "store/live_items.h"

typedef struct live_map {
  unsigned char *kinds;
  int64_t size, living;
} live_map;

static magpie_status take_run(void *context, int64_t number, int64_t count, int kind,
                              magpie_error *err) {
  (void)err;
  live_map *m = context;
  memset(m->kinds + number, kind, (size_t)count);
  m->living += count;
  return MAGPIE_OK;
}

/* The first item whose row and mark differ (0: none) and how many items there are. */
static magpie_status compare_rows(mgp_store *s, mgp_connection *c, const live_map *m,
                                  int64_t *differs, int64_t *items, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_ITEM_KINDS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    const int64_t kind = sqlite3_column_int64(statement, 0);
    const int64_t number = sqlite3_column_int64(statement, 1);
    const bool is_same = number >= 0 && number < m->size && m->kinds[number] == kind;
    if (!is_same && *differs == 0) *differs = number;
    (*items)++;
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

static magpie_status compare(mgp_store *s, mgp_connection *c, live_map *m, char *what, size_t size,
                             magpie_error *err) {
  int64_t differs = 0, items = 0;
  magpie_error why = {0};
  const magpie_status status = mgp_live_read(s, c, 0, m->size, take_run, m, &why);
  if (status == MAGPIE_CORRUPT) snprintf(what, size, "%s", why.message);
  else if (status != MAGPIE_OK && err) *err = why;
  if (status != MAGPIE_OK) return status == MAGPIE_CORRUPT ? MAGPIE_OK : status;
  MGP_FORWARD(compare_rows(s, c, m, &differs, &items, err));
  if (differs != 0)
    snprintf(what, size, "item number %lld has a row that its mark does not fit",
             (long long)differs);
  else if (items != m->living)
    snprintf(what, size, "%lld items are marked as living, %lld have a row", (long long)m->living,
             (long long)items);
  return MAGPIE_OK;
}

/* One read transaction, so that both tables are of one generation. */
static magpie_status compare_in_transaction(mgp_store *s, mgp_connection *c, live_map *m,
                                            char *what, size_t size, magpie_error *err) {
  mgp_head head = {0};
  MGP_FORWARD(mgp_catalog_run(s, c, SQL_READ_BEGIN, err));
  MGP_FORWARD(mgp_catalog_head(s, c, &head, err));
  MGP_RETURN_IF(head.next_item > ITEM_NUMBER_MAX, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: its next item is number %lld", s->catalog_path,
                (long long)head.next_item);
  m->size = head.next_item;
  m->kinds = mgp_calloc(s->alloc, (size_t)m->size, 1);
  MGP_RETURN_IF(!m->kinds, err, MAGPIE_NO_MEMORY, "no memory to check the items of %s", s->path);
  return compare(s, c, m, what, size, err);
}

magpie_status mgp_check_live(mgp_store *s, mgp_damage_fn fn, void *context, magpie_error *err) {
  char what[sizeof((magpie_error){0}.message)] = "";
  live_map m = {0};
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = compare_in_transaction(s, c, &m, what, sizeof what, err);
  mgp_catalog_release(s, c);
  mgp_free(s->alloc, m.kinds);
  MGP_FORWARD(status);
  if (!what[0]) return MAGPIE_OK;
  const mgp_damage damage = {.file = CATALOG_FILE, .section = "live", .what = what};
  return fn(context, &damage);
}
