/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog: connections to catalog.sqlite, their cached statements, and the store that owns
 * them. Schema: docs/format/catalog.md.
 */
#ifndef MGP_STORE_CATALOG_H
#define MGP_STORE_CATALOG_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

#define CATALOG_APPLICATION_ID 0x4D475049 /* "MGPI" */
#define CATALOG_FILE "catalog.sqlite"
#define CATALOG_NEW CATALOG_FILE ".new" /* while it is made (catalog_make.c) */
#define SEGMENTS_FOLDER "segments"
#define THUMBS_FOLDER "thumbs"
#define LOCK_FILE "lock"
#define ITEM_NUMBER_MAX ((int64_t)1 << 32) /* a snapshot holds one byte for each number */
#define KINDS_MAX 255
#define BUSY_MS 10000 /* readers wait only for a recovery, writers for another opener */

/* X(NAME, SQL): prepared once for each connection that uses it. (statements.c) */
typedef enum mgp_sql {
  SQL_BEGIN,
  SQL_COMMIT,
  SQL_ROLLBACK,
  SQL_READ_BEGIN,
  SQL_FORMAT,
  SQL_HEAD_READ,
  SQL_HEAD_WRITE,
  SQL_HEAD_TOUCH,
  SQL_SOURCE_ADD,
  SQL_SOURCE_UPDATE,
  SQL_SOURCE_REMOVE,
  SQL_SOURCE_FIND,
  SQL_SOURCE_RECORD,
  SQL_SOURCE_RECORD_STATE,
  SQL_SOURCE_HASH,
  SQL_SOURCE_BELOW,
  SQL_SOURCE_RECORDS_BELOW,
  SQL_SOURCE_ITEMS,
  SQL_SOURCE_ITEMS_REMOVE,
  SQL_ITEM_ADD,
  SQL_ITEM_REMOVE,
  SQL_ITEM_GET,
  SQL_ITEM_FIND,
  SQL_ITEM_KINDS,
  SQL_ITEM_RANGE,
  SQL_LIVE_GET,
  SQL_LIVE_SET,
  SQL_LIVE_REMOVE,
  SQL_LIVE_REMOVE_ALL,
  SQL_LIVE_RANGE,
  SQL_ITEM_THUMB,
  SQL_THUMBS,
  SQL_KINDS,
  SQL_KIND_ADD,
  SQL_FAILURE_ADD,
  SQL_FAILURE_CLEAR,
  SQL_FAILURE_CLEAR_BELOW,
  SQL_FAILURES,
  SQL_SEGMENT_ADD,
  SQL_SEGMENT_REMOVE,
  SQL_SEGMENT_BYTES_ADD,
  SQL_SEGMENT_BYTES_GET,
  SQL_SEGMENT_BYTES_REMOVE,
  SQL_SEGMENT_BYTES_TOTAL,
  SQL_SEGMENTS,
  SQL_SEGMENT_OF_SPACE,
  SQL_SPACE_ADD,
  SQL_SPACE_GET,
  SQL_SPACE_REMOVE,
  SQL_SPACES,
  SQL_SPACE_TOTALS,
  SQL_SETTING_GET,
  SQL_SETTING_SET,
  SQL_TOTALS,
  SQL_COUNT
} mgp_sql;
const char *mgp_catalog_sql(mgp_sql which);

/* Used by one thread at a time. */
typedef struct mgp_connection {
  struct mgp_connection *next; /* in the pool of idle ones */
  sqlite3 *db;
  sqlite3_stmt *statements[SQL_COUNT];
  bool is_immutable;               /* read-only media: SQLite takes no lock and reads no WAL */
  int64_t seen_size, seen_time_ns; /* of an immutable catalog when it was opened */
} mgp_connection;

typedef struct mgp_head {
  uint64_t generation;
  int64_t next_source, next_item, next_segment;
} mgp_head;

/* Numbers in a growing array. */
typedef struct mgp_numbers {
  int64_t *items;
  size_t count, capacity;
} mgp_numbers;

/* A segment's file, written but not yet durable. */
typedef struct mgp_written_file {
  int64_t number;
  int fd;
} mgp_written_file;
#define WRITTEN_MAX 16 /* open at once */

typedef struct mgp_kind {
  int number; /* 1 .. KINDS_MAX */
  char *name;
  uint64_t count;
} mgp_kind;

struct mgp_store {
  /* fixed after opening */
  mgp_alloc *alloc;
  char *path, *catalog_path;
  bool read_only;

  /* the writer's thread only */
  mgp_connection *writer; /* NULL when read_only */
  int lock_fd;            /* -1: not locked */
  bool in_transaction;
  bool has_deaths;      /* an item died in this transaction */
  bool is_spoilt;       /* a file of this transaction is not whole: it can only be rolled back */
  mgp_head head;        /* as the transaction will write it */
  mgp_numbers segments; /* files written by this transaction */
  mgp_written_file written[WRITTEN_MAX]; /* of these, what COMMIT must wait for (not in OFF) */
  size_t written_count;
  mgp_numbers thumbs;        /* thumbnails written by this transaction */
  mgp_numbers dead_thumbs;   /* of items that this transaction removed */
  mgp_numbers dead_segments; /* that a merge put others in the place of */
  magpie_durability durability;
  bool is_behind;              /* a commit is not durable yet (not in FULL) */
  bool is_lost;                /* making it durable failed: no write is tried again */
  double synced_at;            /* mgp_clock_seconds() of the last sync point */
  int wal_frames;              /* in the WAL after the last commit of this handle */
  mgp_numbers unsynced;        /* OFF: files to fsync at the next sync point */
  mgp_numbers doomed_segments; /* files to delete at the next sync point: a power cut may bring */
  mgp_numbers doomed_thumbs;   /* ... back a catalog that names them */
  mgp_kind *kinds;             /* of the transaction */
  struct mgp_live_block *live[64]; /* blocks that the transaction touches (live_items.h) */
  size_t kind_count, kind_capacity;

  /* guarded by pool_lock */
  pthread_mutex_t pool_lock;
  mgp_connection *idle;
  int idle_count;
  struct mgp_counted *counted; /* the segments as last counted (live_counts.c) */
  size_t counted_count;
  uint64_t counted_at; /* the generation of which that is true */

  /* guarded by snapshot_lock */
  pthread_mutex_t snapshot_lock;
  mgp_snapshot *snapshot; /* the newest, retained; NULL before the first */
};

/* ---- connections (catalog.c, catalog_pool.c) ----------------------------------------------------
 */

/* Makes the catalog of a new index, durable but for its name. Waits for another that is at it. */
magpie_status mgp_catalog_make(mgp_store *s, magpie_error *err);
/* Opens the catalog for writing; one that was left empty gets its tables. */
magpie_status mgp_catalog_open_writer(mgp_store *s, magpie_error *err);
/* Creates the tables in one transaction; checks an old catalog's version. (schema.c) */
magpie_status mgp_catalog_create(mgp_store *s, mgp_connection *c, magpie_error *err);
magpie_status mgp_catalog_check(const mgp_store *s, mgp_connection *c, magpie_error *err);
/* The format that the catalog has now: an older one stays as it is until a writer takes the lock.
 */
magpie_status mgp_catalog_format(const mgp_store *s, mgp_connection *c, int64_t *format,
                                 magpie_error *err);
/* Makes an older catalog one of this format, in one transaction, by the holder of the lock. */
magpie_status mgp_catalog_upgrade(mgp_store *s, magpie_error *err);
void mgp_catalog_close(mgp_store *s, mgp_connection *c);
/* A connection for reading, of the pool or new. Give it back with _release in any case. */
magpie_status mgp_catalog_acquire(mgp_store *s, mgp_connection **out, magpie_error *err);
void mgp_catalog_release(mgp_store *s, mgp_connection *c);

/* The status and the message for an SQLite code: CORRUPT, IO, LOCKED, NO_MEMORY ... */
magpie_status mgp_catalog_fail(const mgp_store *s, sqlite3 *db, int code, const char *doing,
                               magpie_error *err);
/* The cached statement, reset and without bindings. */
magpie_status mgp_catalog_statement(const mgp_store *s, mgp_connection *c, mgp_sql which,
                                    sqlite3_stmt **out, magpie_error *err);
/* One step. *row says if there is one; without, or on failure, the statement is reset. */
magpie_status mgp_catalog_step(const mgp_store *s, mgp_connection *c, sqlite3_stmt *statement,
                               bool *row, magpie_error *err);
/* A statement without parameters and rows. */
magpie_status mgp_catalog_run(const mgp_store *s, mgp_connection *c, mgp_sql which,
                              magpie_error *err);
magpie_status mgp_catalog_head(const mgp_store *s, mgp_connection *c, mgp_head *out,
                               magpie_error *err);

/* NULL binds NULL. The text or path lives until the statement is reset. */
void mgp_bind_text(sqlite3_stmt *statement, int index, const char *text);
void mgp_bind_path(sqlite3_stmt *statement, int index, const char *path);
/* Copies a column into the arena; NULL stays NULL. *failed is set for want of memory. */
char *mgp_column_text(sqlite3_stmt *statement, int column, mgp_arena *arena, bool *failed);

/* ---- writing ------------------------------------------------------------------------------------
 */

/* INVALID unless a transaction is open (needs_transaction) or at least the lock is held. */
magpie_status mgp_store_writable(const mgp_store *s, bool needs_transaction, const char *doing,
                                 magpie_error *err);
/* The row of a small segment's bytes (column 0), stepped to; *found is false when its bytes lie in
 * a file. (segment_bytes.c) */
magpie_status mgp_segment_find_bytes(const mgp_store *s, mgp_connection *c, int64_t number,
                                     sqlite3_stmt **out, bool *found, magpie_error *err);
/* Kinds are numbered as they come; the writer knows them for the length of a transaction. */
void mgp_store_kinds_clear(mgp_store *s);
magpie_status mgp_numbers_add(mgp_store *s, mgp_numbers *numbers, int64_t number,
                              magpie_error *err);
/* Deletes what no catalog names; thumbnails too if the last writer died. (sweep.c) */
magpie_status mgp_store_sweep(mgp_store *s, bool was_unclean, magpie_error *err);

/* ---- what is durable (sync_point.c, lock.c) -----------------------------------------------------
 */

#define WAL_FRAMES_MAX 1000      /* 4 MiB: a commit that finds more takes them into the catalog */
#define WAL_FRAMES_MAX_OFF 16000 /* each such moment is a sync point */
#define BATCH_SECONDS 1.0        /* BATCHED: how long commits wait for a sync point */

/* No connection checkpoints of its own; all of them are opened so. */
int mgp_catalog_forbid_checkpoints(mgp_store *s, sqlite3 *db, bool is_writer);
/* Takes the WAL into the catalog as far as readers allow, and never waits. The holder of the
 * writer's lock alone may, or SQLite before 3.51.3 can lose pages (docs/decisions/0011). */
void mgp_catalog_checkpoint(mgp_store *s, bool truncate);
/* After each commit: a sync point or a checkpoint where one is due, and the files that died. */
void mgp_store_committed(mgp_store *s);
void mgp_segments_delete(mgp_store *s, mgp_numbers *numbers); /* and empties the list */
/* Takes the descriptor of a written file; it is closed in any case. */
magpie_status mgp_written_add(mgp_store *s, int64_t number, int fd, magpie_error *err);
/* fsyncs the files of this transaction and the folder of their names. */
magpie_status mgp_written_sync(mgp_store *s, magpie_error *err);
void mgp_written_drop(mgp_store *s); /* closes what is left, of a transaction that failed */
/* After a writer that died: what it named may not be on the disk. */
magpie_status mgp_store_adopt(mgp_store *s, const mgp_numbers *segments, magpie_error *err);
/* Does another index, or none, lie where this one was opened? Then its files are not to be touched:
 * all that goes by a path would hit the other. (lock.c) */
bool mgp_store_is_replaced(const mgp_store *s);
/* The lock for a moment, without a word in it: LOCKED at once if another has it. */
magpie_status mgp_store_hold(const mgp_store *s, int *fd, magpie_error *err);

/* ---- thumbnails (thumb_file.c) ------------------------------------------------------------------
 */

#define THUMB_NAME_SIZE 48
void mgp_thumb_name(int64_t item, char out[THUMB_NAME_SIZE]); /* "thumbs/2a/42.jpg" */
magpie_status mgp_thumb_write(mgp_store *s, int64_t item, const void *bytes, size_t size,
                              magpie_error *err);
void mgp_thumbs_remove(mgp_store *s, mgp_numbers *numbers); /* and empties the list */

#endif
