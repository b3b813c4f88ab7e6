/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the directory NAME.mgp/: catalog.sqlite (the truth), segments/ (immutable files), thumbs/
 * and lock. Commit protocol: segment files are written, fsynced and renamed, their directory is
 * fsynced, and then one SQLite transaction names them: that is the moment of truth. What no catalog
 * names is deleted by the next writer that opens. Formats: docs/format/.
 */
#ifndef MGP_STORE_H
#define MGP_STORE_H

#include "base/base.h"

#define MGP_STORE_FORMAT 2

typedef struct mgp_store mgp_store;

/* ---- opening (store.c, lock.c) -----------------------------------------------------------------
 */

magpie_status mgp_store_open(mgp_alloc *a, const char *path, bool read_only, mgp_store **out,
                             magpie_error *err);
void mgp_store_close(mgp_store **s);
const char *mgp_store_path(const mgp_store *s);
/* Of this handle's commits; FULL until set. Not while the lock is held. (sync_point.c) */
magpie_status mgp_store_durability_set(mgp_store *s, magpie_durability durability,
                                       magpie_error *err);
/* Makes all commits of this handle durable; at once back in FULL. Unlocking does it too, but cannot
 * tell of a failure. */
magpie_status mgp_store_sync(mgp_store *s, magpie_error *err);
/* The writer's lock: `lock` holds pid, host, command and start. LOCKED names the holder. A lock
 * whose holder died is taken over (flock dies with its process). Deletes unnamed files. */
magpie_status mgp_store_lock(mgp_store *s, int wait_ms, magpie_error *err);
void mgp_store_unlock(mgp_store *s);

/* ---- what a commit adds (catalog.c, commit.c)
 * ---------------------------------------------------- */

/* A source: what was added. Paths are bytes, not text. */
typedef struct mgp_source {
  int64_t number;     /* catalog key; 0: new */
  const char *path;   /* absolute path, or NULL for a record */
  const char *record; /* record id of an import, or NULL */
  uint64_t size;
  int64_t mtime_ns;
  uint64_t inode, device;
  mgp_hash128 hash; /* of the content */
  const char *format, *title;
  const char *metadata; /* JSON object text or NULL */
} mgp_source;

typedef struct mgp_item {
  uint64_t number; /* catalog key; given by mgp_store_item_add, ascending */
  int64_t source;
  const char *id; /* unique, for people: "X#n" for a record's item, "k3f9…" (hash) for a file's */
  const char *kind, *title, *text, *context, *language;
  const char *metadata; /* JSON object text or NULL */
  magpie_locator locator;
  const void *thumb; /* JPEG or NULL; lies in thumbs/ */
  size_t thumb_size;
} mgp_item;

/* All between begin and commit is one transaction; nothing is seen by readers before. Needs the
 * lock. */
magpie_status mgp_store_begin(mgp_store *s, magpie_error *err);
magpie_status mgp_store_source_add(mgp_store *s, mgp_source *source, magpie_error *err);
magpie_status mgp_store_source_update(mgp_store *s, const mgp_source *source, magpie_error *err);
magpie_status mgp_store_source_remove(mgp_store *s, int64_t number, uint64_t *items,
                                      magpie_error *err);
/* Removes a source's items and keeps its row: they come again under a new name. */
magpie_status mgp_store_source_clear(mgp_store *s, int64_t number, magpie_error *err);
/* The number that the next item gets, within a transaction. */
uint64_t mgp_store_next_item(const mgp_store *s);
magpie_status mgp_store_item_add(mgp_store *s, mgp_item *item, magpie_error *err);
magpie_status mgp_store_item_remove(mgp_store *s, const char *id, magpie_error *err);
magpie_status mgp_store_failure_add(mgp_store *s, const char *path, const char *stage,
                                    magpie_status code, const char *reason, magpie_error *err);
magpie_status mgp_store_failure_clear(mgp_store *s, const char *path, magpie_error *err);
/* The entries of a path and of all below it; *count says how many there were. */
magpie_status mgp_store_failures_clear_below(mgp_store *s, const char *path, uint64_t *count,
                                             magpie_error *err);

/* Segments: sections of bytes, written to a new file now, named by the next commit. `space` is the
 * key of one that has been declared or added. (segment_write.c) */
#define MGP_SECTION_IDS 1
#define MGP_SECTION_VECTORS_F32 2
#define MGP_SECTION_LENGTHS 3
#define MGP_SECTION_DICTIONARY 4
#define MGP_SECTION_POSTINGS 5
/* What only speed depends on: damage there costs no answer. */
#define MGP_SECTION_GRAPH 6
#define MGP_SECTION_CLUSTERS 7
#define MGP_SECTION_IS_EXTRA(kind) ((kind) == MGP_SECTION_GRAPH || (kind) == MGP_SECTION_CLUSTERS)
typedef struct mgp_section {
  uint32_t kind;
  const void *data;
  size_t size;
} mgp_section;
magpie_status mgp_store_segment_add(mgp_store *s, const char *space, uint64_t count,
                                    const mgp_section *sections, size_t section_count,
                                    magpie_error *err);
magpie_status mgp_store_commit(mgp_store *s, uint64_t *generation, magpie_error *err);
void mgp_store_rollback(mgp_store *s);

/* ---- spaces
 * ---------------------------------------------------------------------------------------- */

/* One index may hold a space several times, each time with the vectors of another model: one of
 * them is active, the others are in the making or kept from before. `key` tells them apart: it is
 * what segments are named by, "text", and after a change of the model "text~1", "text~2", … */
typedef struct mgp_space {
  char name[64], key[64], pack[128], pack_hash[65], metric[16];
  size_t dim; /* 0: lexical */
  bool is_active;
} mgp_space;
/* Declares or checks the active space of a name: INVALID with both hashes when the index holds
 * another pack in it. `key` of the argument is not read. */
magpie_status mgp_store_space_declare(mgp_store *s, const mgp_space *space, magpie_error *err);
/* The active space of a name, as the writer sees it: dim 0 and an empty key when there is none. */
magpie_status mgp_store_space_find(mgp_store *s, const char *name, mgp_space *out,
                                   magpie_error *err);
/* A new one that is not active, beside those of the same name; fills space->key. In a transaction,
 * as those after it. */
magpie_status mgp_store_space_add(mgp_store *s, mgp_space *space, magpie_error *err);
/* From this commit on `space` is the active one of its name, and the one before is not. */
magpie_status mgp_store_space_activate(mgp_store *s, const mgp_space *space, magpie_error *err);
/* No space of this name is active any more. */
magpie_status mgp_store_space_put_aside(mgp_store *s, const char *name, magpie_error *err);
/* With its segments. INVALID for an active one. */
magpie_status mgp_store_space_drop(mgp_store *s, const mgp_space *space, magpie_error *err);
/* The active ones, by name. mgp_free. */
magpie_status mgp_store_spaces(mgp_store *s, mgp_alloc *a, mgp_space **out, size_t *count,
                               magpie_error *err);
/* All of them, by key. mgp_free. */
magpie_status mgp_store_spaces_all(mgp_store *s, mgp_alloc *a, mgp_space **out, size_t *count,
                                   magpie_error *err);
/* Settings of the index: name -> text. *out NULL when absent; mgp_free. */
magpie_status mgp_store_setting_get(mgp_store *s, const char *name, char **out, magpie_error *err);
magpie_status mgp_store_setting_set(mgp_store *s, const char *name, const char *value,
                                    magpie_error *err);

/* ---- reading (snapshot.c, catalog_read.c)
 * ------------------------------------------------------------ */

/* One generation, pinned: the segments of every space, mapped, with headers checked, and the live
 * items with kind. What opening costs grows with the segments, hardly with the items. Shared by
 * reader threads; destroyed by the last release. */
typedef struct mgp_snapshot mgp_snapshot;
magpie_status mgp_snapshot_get(mgp_store *s, mgp_snapshot **out, magpie_error *err);
void mgp_snapshot_release(mgp_snapshot *snap);
uint64_t mgp_snapshot_generation(const mgp_snapshot *snap);
typedef struct mgp_segment_view {
  const char *space, *file;
  uint64_t count;
  const mgp_section *sections;
  size_t section_count;
} mgp_segment_view;
size_t mgp_snapshot_segment_count(const mgp_snapshot *snap);
const mgp_segment_view *mgp_snapshot_segment(const mgp_snapshot *snap, size_t index);
/* Compares every byte of the segment with its checksums, once for all snapshots that have it: to be
 * called before its sections are used. CORRUPT names the section; extra sections may be damaged.
 * Thread-safe. */
magpie_status mgp_snapshot_segment_verify(const mgp_snapshot *snap, size_t index,
                                          magpie_error *err);
/* Is this section of a verified segment damaged? Only extra ones can be. */
bool mgp_snapshot_section_is_bad(const mgp_snapshot *snap, size_t index, size_t section);
/* Segments left out because their header is damaged or they are missing, for a warning; NULL past
 * the last. */
const char *mgp_snapshot_damage(const mgp_snapshot *snap, size_t index);
/* Is this item alive, and of what kind? Kind is a small number; 0: dead. */
int mgp_snapshot_kind(const mgp_snapshot *snap, uint64_t item);
/* No item has this number or a higher one. */
uint64_t mgp_snapshot_item_end(const mgp_snapshot *snap);
/* The number of a kind's name, 0 if no item has it. */
int mgp_snapshot_kind_number(const mgp_snapshot *snap, const char *name);
const char *mgp_snapshot_kind_name(const mgp_snapshot *snap, int kind);
uint64_t mgp_snapshot_item_count(const mgp_snapshot *snap);

/* Copies into the arena; item and source (may be NULL) of one hit. NOT_FOUND. Thread-safe. `thumb`
 * is NULL; `thumb_size` says whether there is one. Like all reads here it sees the last commit. */
magpie_status mgp_store_item_get(mgp_store *s, uint64_t number, mgp_arena *arena, mgp_item *item,
                                 mgp_source *source, magpie_error *err);
/* By id; 0 in *number when absent. */
magpie_status mgp_store_item_find(mgp_store *s, const char *id, uint64_t *number,
                                  magpie_error *err);
/* The numbers of a source's items, ascending; mgp_free. */
magpie_status mgp_store_source_items(mgp_store *s, int64_t source, mgp_alloc *a, uint64_t **out,
                                     size_t *count, magpie_error *err);
/* The source of a record id; number 0 when absent. */
magpie_status mgp_store_record_find(mgp_store *s, const char *record, mgp_arena *arena,
                                    mgp_source *out, magpie_error *err);
/* What the index has of a record. */
typedef struct mgp_record_state {
  const char *record;
  mgp_hash128 hash; /* of the content that it would have */
  int64_t number;   /* out: of its source; 0 when absent */
  bool is_same;     /* out: it has this content and was read to its end */
} mgp_record_state;
/* All in one read of the catalog. */
magpie_status mgp_store_record_states(mgp_store *s, mgp_record_state *states, size_t count,
                                      magpie_error *err);
magpie_status mgp_store_source_find(mgp_store *s, const char *path, mgp_arena *arena,
                                    mgp_source *out, magpie_error *err); /* number 0: absent */
/* Files of this content, which may have moved away; calls fn for each. */
magpie_status mgp_store_sources_by_hash(mgp_store *s, mgp_hash128 hash, mgp_arena *arena,
                                        magpie_status (*fn)(void *context, const mgp_source *src),
                                        void *context, magpie_error *err);
/* All file sources below a folder (or that file itself); byte order of path. */
magpie_status mgp_store_sources_below(mgp_store *s, const char *path,
                                      magpie_status (*fn)(void *context, const mgp_source *src),
                                      void *context, magpie_error *err);
/* The same for records that name a file. Reads the paths of all sources: for rare calls. */
magpie_status mgp_store_records_below(mgp_store *s, const char *path,
                                      magpie_status (*fn)(void *context, const mgp_source *src),
                                      void *context, magpie_error *err);
magpie_status
mgp_store_failures(mgp_store *s,
                   magpie_status (*fn)(void *context, const char *path, const char *stage, int code,
                                       const char *reason, int64_t when_ms, int tries),
                   void *context, magpie_error *err);
/* Reads the thumbnail; NOT_FOUND. mgp_free. */
magpie_status mgp_store_thumb_read(mgp_store *s, const char *id, void **bytes, size_t *size,
                                   magpie_error *err);
/* {"items":{kind:n},"sources":n,"failures":n,"generation":n,"bytes":n,
 *  "spaces":[{"name","pack","metric","dim","segments","vectors","bytes","active"}],
 *  "segments":[{"file","space","count","bytes","generation"}]} */
magpie_status mgp_store_describe(mgp_store *s, json_t **out, magpie_error *err);

#endif
