/* SPDX-License-Identifier: Apache-2.0
 *
 * Every statement that runs on an open catalog. Columns are named in the order in which the C code
 * binds or reads them.
 */
#include "store/catalog.h"

#define SOURCE_COLUMNS                                                                             \
  "number, path, record, size, mtime_ns, inode, device, hash, format, title, metadata"

/* "text~2" -> "text": the name of a space without the number of its model (space_table.c). */
#define SPACE_NAME                                                                                 \
  "CASE instr(p.name, '~') WHEN 0 THEN p.name ELSE substr(p.name, 1, instr(p.name, '~') - 1) END"
#define SPACE_IS_ACTIVE                                                                            \
  "ifnull((SELECT value FROM setting WHERE name = 'space ' || " SPACE_NAME "), " SPACE_NAME        \
  ") = p.name"

static const char *const statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_READ_BEGIN] = "BEGIN",
    [SQL_FORMAT] = "PRAGMA user_version",
    [SQL_HEAD_READ] = "SELECT generation, next_source, next_item, next_segment FROM head",
    [SQL_HEAD_WRITE] = "UPDATE head SET generation = ?1, next_source = ?2, next_item = ?3, "
                       "next_segment = ?4, writer = ?5, committed_ms = ?6",
    [SQL_HEAD_TOUCH] = "UPDATE head SET sweeps = sweeps + 1",

    [SQL_SOURCE_ADD] = "INSERT INTO source (" SOURCE_COLUMNS ") "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_SOURCE_UPDATE] = "UPDATE source SET path = ?2, record = ?3, size = ?4, mtime_ns = ?5, "
                          "inode = ?6, device = ?7, hash = ?8, format = ?9, title = ?10, "
                          "metadata = ?11 WHERE number = ?1",
    [SQL_SOURCE_REMOVE] = "DELETE FROM source WHERE number = ?1",
    [SQL_SOURCE_FIND] = "SELECT " SOURCE_COLUMNS " FROM source "
                        "WHERE path = ?1 AND record IS NULL",
    [SQL_SOURCE_RECORD] = "SELECT " SOURCE_COLUMNS " FROM source WHERE record = ?1",
    [SQL_SOURCE_RECORD_STATE] = "SELECT number, mtime_ns, hash FROM source WHERE record = ?1",
    [SQL_SOURCE_HASH] = "SELECT " SOURCE_COLUMNS " FROM source WHERE hash = ?1 "
                        "AND record IS NULL ORDER BY number",
    [SQL_SOURCE_BELOW] = "SELECT " SOURCE_COLUMNS " FROM source WHERE record IS NULL "
                         "AND path >= ?1 AND path < ?2 ORDER BY path",
    [SQL_SOURCE_RECORDS_BELOW] = "SELECT " SOURCE_COLUMNS " FROM source WHERE record IS NOT NULL "
                                 "AND path >= ?1 AND path < ?2 ORDER BY path",
    [SQL_SOURCE_ITEMS] = "SELECT number, thumb_size FROM item WHERE source = ?1 ORDER BY number",
    [SQL_SOURCE_ITEMS_REMOVE] = "DELETE FROM item WHERE source = ?1",

    [SQL_ITEM_ADD] =
        "INSERT INTO item (number, source, kind, thumb_size, thumb_hash, id, language, "
        "page, box_x, box_y, box_width, box_height, span_start, span_end, first_line, "
        "last_line, title, context, metadata, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
        "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    [SQL_ITEM_REMOVE] = "DELETE FROM item WHERE id = ?1 RETURNING number, thumb_size",
    [SQL_ITEM_GET] =
        "SELECT s.number, s.path, s.record, s.size, s.mtime_ns, s.inode, s.device, "
        "s.hash, s.format, s.title, s.metadata, i.number, i.source, i.thumb_size, "
        "i.id, k.name, i.language, i.page, i.box_x, i.box_y, i.box_width, "
        "i.box_height, i.span_start, i.span_end, i.first_line, i.last_line, i.title, "
        "i.context, i.metadata, i.text FROM item i JOIN source s ON s.number = i.source "
        "JOIN kind k ON k.number = i.kind WHERE i.number = ?1",
    [SQL_ITEM_FIND] = "SELECT number FROM item WHERE id = ?1",
    [SQL_ITEM_KINDS] = "SELECT kind, number FROM item ORDER BY number",
    [SQL_ITEM_RANGE] = "SELECT kind, number FROM item WHERE number BETWEEN ?1 AND ?2 "
                       "ORDER BY number",
    [SQL_LIVE_GET] = "SELECT kinds FROM live WHERE block = ?1",
    [SQL_LIVE_SET] = "INSERT INTO live (block, kinds) VALUES (?1, ?2) "
                     "ON CONFLICT (block) DO UPDATE SET kinds = ?2",
    [SQL_LIVE_REMOVE] = "DELETE FROM live WHERE block = ?1",
    [SQL_LIVE_REMOVE_ALL] = "DELETE FROM live",
    [SQL_LIVE_RANGE] = "SELECT block, kinds FROM live WHERE block BETWEEN ?1 AND ?2 "
                       "ORDER BY block",
    [SQL_ITEM_THUMB] = "SELECT number, thumb_size, thumb_hash FROM item WHERE id = ?1",
    [SQL_THUMBS] = "SELECT number FROM item WHERE thumb_size > 0 ORDER BY number",
    [SQL_KINDS] = "SELECT number, name FROM kind ORDER BY number",
    [SQL_KIND_ADD] = "INSERT INTO kind (number, name) VALUES (?1, ?2)",

    [SQL_FAILURE_ADD] = "INSERT INTO failure (path, stage, code, reason, first_ms, last_ms, tries) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1) ON CONFLICT (path) DO UPDATE SET "
                        "stage = ?2, code = ?3, reason = ?4, last_ms = ?5, tries = tries + 1",
    [SQL_FAILURE_CLEAR] = "DELETE FROM failure WHERE path = ?1",
    [SQL_FAILURE_CLEAR_BELOW] = "DELETE FROM failure WHERE path >= ?1 AND path < ?2",
    [SQL_FAILURES] = "SELECT path, stage, code, reason, last_ms, tries FROM failure ORDER BY path",

    [SQL_SEGMENT_ADD] = "INSERT INTO segment (number, space, count, size, checksum, generation) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_SEGMENT_REMOVE] = "DELETE FROM segment WHERE number = ?1",
    [SQL_SEGMENT_BYTES_ADD] = "INSERT INTO segment_bytes (number, bytes) VALUES (?1, ?2)",
    [SQL_SEGMENT_BYTES_GET] = "SELECT bytes FROM segment_bytes WHERE number = ?1",
    [SQL_SEGMENT_BYTES_REMOVE] = "DELETE FROM segment_bytes WHERE number = ?1",
    [SQL_SEGMENT_BYTES_TOTAL] = "SELECT ifnull(sum(length(bytes)), 0) FROM segment_bytes",
    [SQL_SEGMENTS] = "SELECT number, space, count, size, checksum, generation FROM segment "
                     "ORDER BY number",
    [SQL_SEGMENT_OF_SPACE] = "SELECT number FROM segment WHERE space = ?1 LIMIT 1",
    [SQL_SPACE_ADD] = "INSERT INTO space (name, pack, pack_hash, metric, dim) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_SPACE_GET] = "SELECT name, pack, pack_hash, metric, dim, 1 FROM space WHERE name = ifnull("
                      "(SELECT value FROM setting WHERE name = 'space ' || ?1), ?1)",
    [SQL_SPACES] = "SELECT p.name, p.pack, p.pack_hash, p.metric, p.dim, " SPACE_IS_ACTIVE
                   " FROM space p ORDER BY p.name",
    [SQL_SPACE_REMOVE] = "DELETE FROM space WHERE name = ?1",
    [SQL_SPACE_TOTALS] =
        "SELECT " SPACE_NAME ", p.pack, p.metric, p.dim, count(s.number), ifnull(sum(s.count), 0), "
        "ifnull(sum(s.size), 0), " SPACE_IS_ACTIVE " FROM space p "
        "LEFT JOIN segment s ON s.space = p.name GROUP BY p.name ORDER BY p.name",
    [SQL_SETTING_GET] = "SELECT value FROM setting WHERE name = ?1",
    [SQL_SETTING_SET] = "INSERT INTO setting (name, value) VALUES (?1, ?2) "
                        "ON CONFLICT (name) DO UPDATE SET value = ?2",
    [SQL_TOTALS] = "SELECT (SELECT count(*) FROM source), (SELECT count(*) FROM failure), "
                   "(SELECT ifnull(sum(thumb_size), 0) FROM item WHERE thumb_size > 0)",
};

const char *mgp_catalog_sql(mgp_sql which) {
  return statements[which];
}
