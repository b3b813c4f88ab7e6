/* SPDX-License-Identifier: Apache-2.0
 *
 * Spaces: which pack made the vectors of a name. One index holds one pack for each space, since
 * vectors of two models cannot be compared.
 */
#include "store/rows.h"

#define DIM_MAX (1 << 16) /* of packs and of imported vectors */

static void column_into(sqlite3_stmt *statement, int column, char *out, size_t size) {
  const char *text = (const char *)sqlite3_column_text(statement, column);
  snprintf(out, size, "%s", text ? text : "");
}

static magpie_status read_space(const mgp_store *s, sqlite3_stmt *statement, mgp_space *out,
                                magpie_error *err) {
  *out = (mgp_space){0};
  column_into(statement, 0, out->name, sizeof out->name);
  column_into(statement, 1, out->pack, sizeof out->pack);
  column_into(statement, 2, out->pack_hash, sizeof out->pack_hash);
  column_into(statement, 3, out->metric, sizeof out->metric);
  const int64_t dim = sqlite3_column_int64(statement, 4);
  MGP_RETURN_IF(dim < 0 || dim > DIM_MAX, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: the space %s has %lld dimensions", s->catalog_path,
                out->name, (long long)dim);
  out->dim = (size_t)dim;
  return MAGPIE_OK;
}

static magpie_status compare_space(const mgp_store *s, const mgp_space *stored,
                                   const mgp_space *wanted, magpie_error *err) {
  MGP_RETURN_IF(
      strcmp(stored->pack_hash, wanted->pack_hash) != 0 || strcmp(stored->pack, wanted->pack) != 0,
      err, MAGPIE_INVALID,
      "the space %s of %s holds vectors of the pack \"%s\" (%s), not of \"%s\" (%s): use "
      "that pack, or start a new index",
      stored->name, s->path, stored->pack, stored->pack_hash, wanted->pack, wanted->pack_hash);
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

magpie_status mgp_store_space_declare(mgp_store *s, const mgp_space *space, magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "declaring a space", err));
  MGP_RETURN_IF(!space->name[0], err, MAGPIE_INVALID, "a space needs a name");
  mgp_space stored;
  bool found = false;
  MGP_FORWARD(find_space(s, space->name, &stored, &found, err));
  if (found) return compare_space(s, &stored, space, err);
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SPACE_ADD, &statement, err));
  mgp_bind_text(statement, 1, space->name);
  mgp_bind_text(statement, 2, space->pack);
  mgp_bind_text(statement, 3, space->pack_hash);
  mgp_bind_text(statement, 4, space->metric);
  sqlite3_bind_int64(statement, 5, (int64_t)space->dim);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}

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

magpie_status mgp_store_spaces(mgp_store *s, mgp_alloc *a, mgp_space **out, size_t *count,
                               magpie_error *err) {
  *out = NULL;
  *count = 0;
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = read_spaces(s, c, a, out, count, err);
  mgp_catalog_release(s, c);
  if (status != MAGPIE_OK) {
    mgp_free(a, *out);
    *out = NULL;
    *count = 0;
  }
  return status;
}
