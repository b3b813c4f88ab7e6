/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of an index: name and text, written inside of a transaction or, with the lock held,
 * alone.
 */
#include "store/rows.h"

magpie_status mgp_store_setting_get(mgp_store *s, const char *name, char **out, magpie_error *err) {
  *out = NULL;
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_statement(s, c, SQL_SETTING_GET, &statement, err);
  if (status == MAGPIE_OK) {
    mgp_bind_text(statement, 1, name);
    status = mgp_catalog_step(s, c, statement, &row, err);
  }
  if (status == MAGPIE_OK && row) {
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    *out = mgp_strdup(s->alloc, text ? text : "");
    if (!*out) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the setting %s", name);
  }
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_store_setting_set(mgp_store *s, const char *name, const char *value,
                                    magpie_error *err) {
  MGP_FORWARD(mgp_store_writable(s, false, "changing a setting", err));
  MGP_RETURN_IF(!name || !name[0] || !value, err, MAGPIE_INVALID,
                "a setting needs a name and a text");
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_statement(s, s->writer, SQL_SETTING_SET, &statement, err));
  mgp_bind_text(statement, 1, name);
  mgp_bind_text(statement, 2, value);
  return mgp_catalog_step(s, s->writer, statement, NULL, err);
}
