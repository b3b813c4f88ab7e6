/* SPDX-License-Identifier: Apache-2.0
 *
 * Spaces: which pack made the vectors of a name. Vectors of two models cannot be compared, so that
 * each has a row of its own, "text", "text~1", "text~2", and the setting "space text" says which of
 * them is the space: without it the one of the plain name. A change of the model is a change of
 * this setting, in one transaction (docs/decisions/0013-model-change.md).
 */
#include <limits.h>
#include <stdlib.h>

#include "store/merge_store.h"
#include "store/rows.h"

#define DIM_MAX (1 << 16) /* of packs and of imported vectors */
#define NO_KEY "~"        /* the setting of a name of which no space is active */

static void column_into(sqlite3_stmt *statement, int column, char *out, size_t size) {
  const char *text = (const char *)sqlite3_column_text(statement, column);
  snprintf(out, size, "%s", text ? text : "");
}

static magpie_status read_space(const mgp_store *s, sqlite3_stmt *statement, mgp_space *out,
                                magpie_error *err) {
  *out = (mgp_space){0};
  column_into(statement, 0, out->key, sizeof out->key);
  snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(out->key, "~"), out->key);
  column_into(statement, 1, out->pack, sizeof out->pack);
  column_into(statement, 2, out->pack_hash, sizeof out->pack_hash);
  column_into(statement, 3, out->metric, sizeof out->metric);
  const int64_t dim = sqlite3_column_int64(statement, 4);
  MGP_RETURN_IF(dim < 0 || dim > DIM_MAX, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: the space %s has %lld dimensions", s->catalog_path,
                out->name, (long long)dim);
  out->dim = (size_t)dim;
  out->is_active = sqlite3_column_int(statement, 5) != 0;
  return MAGPIE_OK;
}

static magpie_status compare_space(const mgp_store *s, const mgp_space *stored,
                                   const mgp_space *wanted, magpie_error *err) {
  MGP_RETURN_IF(strcmp(stored->pack_hash, wanted->pack_hash) != 0 ||
                    strcmp(stored->pack, wanted->pack) != 0,
                err, MAGPIE_INVALID,
                "the space %s of %s holds vectors of the pack \"%s\" (%s), not of \"%s\" (%s): "
                "`magpie models use %s` changes the index to it",
                stored->name, s->path, stored->pack, stored->pack_hash, wanted->pack,
                wanted->pack_hash, wanted->pack);
  MGP_RETURN_IF(stored->dim != wanted->dim || strcmp(stored->metric, wanted->metric) != 0, err,
                MAGPIE_INVALID,
                "the space %s of %s has %zu dimensions and the metric %s; asked for were %zu and "
                "%s",
                stored->name, s->path, stored->dim, stored->metric, wanted->dim, wanted->metric);
  return MAGPIE_OK;
}

static magpie_status find_space(mgp_store *s, const char *name, mgp_space *out, bool *found,
                                magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SPACE_GET, &statement, err));
  mgp_bind_text(statement, 1, name);
  MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, found, err));
  const magpie_status status = *found ? read_space(s, statement, out, err) : MAGPIE_OK;
  sqlite3_reset(statement);
  return status;
}

static magpie_status check_name(const mgp_space *space, magpie_error *err) {
  MGP_RETURN_IF(!space->name[0], err, MAGPIE_INVALID, "a space needs a name");
  MGP_RETURN_IF(strchr(space->name, '~'), err, MAGPIE_INVALID,
                "the name of a space holds no '~': \"%s\"", space->name);
  return MAGPIE_OK;
}

magpie_status mgp_store_space_find(mgp_store *s, const char *name, mgp_space *out,
                                   magpie_error *err) {
  bool found = false;
  *out = (mgp_space){0};
  MGP_FORWARD(mgp_store_writable(s, false, "looking for a space", err));
  return find_space(s, name, out, &found, err);
}

/* ---- lists
 * ----------------------------------------------------------------------------------------- */

static magpie_status read_spaces(mgp_store *s, mgp_connection *c, mgp_alloc *a, mgp_space **out,
                                 size_t *count, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  size_t capacity = 0;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SPACES, &statement, err));
  magpie_status status = mgp_catalog_step(s, c, statement, &row, err);
  while (status == MAGPIE_OK && row) {
    MGP_RETURN_IF(!MGP_GROW(a, *out, capacity, *count + 1), err, MAGPIE_NO_MEMORY,
                  "no memory for the spaces of %s", s->path);
    MGP_FORWARD(read_space(s, statement, &(*out)[(*count)++], err));
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  return status;
}

/* On the writer's connection inside of its transaction, to see what it has done. */
static magpie_status list_spaces(mgp_store *s, mgp_connection *c, mgp_alloc *a, mgp_space **out,
                                 size_t *count, magpie_error *err) {
  *out = NULL;
  *count = 0;
  const magpie_status status = read_spaces(s, c, a, out, count, err);
  if (status != MAGPIE_OK) {
    mgp_free(a, *out);
    *out = NULL;
    *count = 0;
  }
  return status;
}

magpie_status mgp_store_spaces_all(mgp_store *s, mgp_alloc *a, mgp_space **out, size_t *count,
                                   magpie_error *err) {
  mgp_connection *c = NULL;
  *out = NULL;
  *count = 0;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = list_spaces(s, c, a, out, count, err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_spaces(mgp_store *s, mgp_alloc *a, mgp_space **out, size_t *count,
                               magpie_error *err) {
  size_t kept = 0;
  MGP_FORWARD(mgp_store_spaces_all(s, a, out, count, err));
  for (size_t i = 0; i < *count; i++)
    if ((*out)[i].is_active) (*out)[kept++] = (*out)[i];
  *count = kept;
  return MAGPIE_OK;
}

/* ---- changing
 * ---------------------------------------------------------------------------------------- */

/* "text", or if that is taken "text~1", "text~2", … */
static magpie_status free_key(mgp_store *s, mgp_space *space, bool may_be_plain,
                              magpie_error *err) {
  mgp_space *rows = NULL;
  size_t count = 0;
  unsigned long last = 0;
  bool is_taken = !may_be_plain;
  MGP_FORWARD(list_spaces(s, s->writer, s->alloc, &rows, &count, err));
  for (size_t i = 0; i < count; i++) {
    const char *number = strchr(rows[i].key, '~');
    if (!mgp_text_equal(rows[i].name, space->name)) continue;
    const unsigned long n = number ? strtoul(number + 1, NULL, 10) : 0;
    is_taken = is_taken || !number;
    if (n > last && n < ULONG_MAX) last = n;
  }
  mgp_free(s->alloc, rows);
  const int size = is_taken
                       ? snprintf(space->key, sizeof space->key, "%s~%lu", space->name, last + 1)
                       : snprintf(space->key, sizeof space->key, "%s", space->name);
  MGP_RETURN_IF(size < 0 || (size_t)size >= sizeof space->key, err, MAGPIE_LIMIT,
                "the name of the space %s is too long for another model", space->name);
  return MAGPIE_OK;
}

static magpie_status add_row(mgp_store *s, const mgp_space *space, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SPACE_ADD, &statement, err));
  mgp_bind_text(statement, 1, space->key);
  mgp_bind_text(statement, 2, space->pack);
  mgp_bind_text(statement, 3, space->pack_hash);
  mgp_bind_text(statement, 4, space->metric);
  sqlite3_bind_int64(statement, 5, (int64_t)space->dim);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

static magpie_status set_active(mgp_store *s, const char *name, const char *key,
                                magpie_error *err) {
  char setting[sizeof "space " + sizeof((mgp_space *)0)->name];
  snprintf(setting, sizeof setting, "space %s", name);
  return mgp_store_setting_set(s, setting, key, err);
}

magpie_status mgp_store_space_declare(mgp_store *s, const mgp_space *space, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "declaring a space", err));
  MGP_FORWARD(check_name(space, err));
  mgp_space stored;
  bool found = false;
  MGP_FORWARD(find_space(s, space->name, &stored, &found, err));
  if (found) return compare_space(s, &stored, space, err);
  mgp_space row = *space;
  MGP_FORWARD(free_key(s, &row, true, err));
  MGP_FORWARD(add_row(s, &row, err));
  MGP_FORWARD(find_space(s, space->name, &stored, &found, err));
  return found ? MAGPIE_OK : set_active(s, row.name, row.key, err); /* it had been put aside */
}

magpie_status mgp_store_space_add(mgp_store *s, mgp_space *space, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "adding a space", err));
  MGP_FORWARD(check_name(space, err));
  MGP_FORWARD(free_key(s, space, false, err));
  space->is_active = false;
  return add_row(s, space, err);
}

magpie_status mgp_store_space_activate(mgp_store *s, const mgp_space *space, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "changing the model of a space", err));
  return set_active(s, space->name, space->key, err);
}

magpie_status mgp_store_space_put_aside(mgp_store *s, const char *name, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "changing the model of a space", err));
  return set_active(s, name, NO_KEY, err);
}

static magpie_status drop_segments(mgp_store *s, const char *key, magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  do {
    MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SEGMENT_OF_SPACE, &statement, err));
    mgp_bind_text(statement, 1, key);
    MGP_FORWARD(mgp_catalog_step(s, s->writer, statement, &row, err));
    const int64_t number = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (row) MGP_FORWARD(mgp_store_segments_replace(s, NULL, &number, 1, err));
  } while (row);
  return MAGPIE_OK;
}

magpie_status mgp_store_space_drop(mgp_store *s, const mgp_space *space, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, true, "dropping a space", err));
  mgp_space active;
  bool found = false;
  MGP_FORWARD(find_space(s, space->name, &active, &found, err));
  MGP_RETURN_IF(found && mgp_text_equal(active.key, space->key), err, MAGPIE_INVALID,
                "the space %s of %s is in use", space->name, s->path);
  MGP_FORWARD(drop_segments(s, space->key, err));
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SPACE_REMOVE, &statement, err));
  mgp_bind_text(statement, 1, space->key);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}
