/* SPDX-License-Identifier: Apache-2.0
 *
 * One generation, pinned. Taking one costs a SELECT while the generation stands; else the rows are
 * read in one read transaction, files mapped before are kept, and new ones are mapped
 * (segment_read.c) after the transaction, so that a slow disk never holds back the WAL.
 *
 * A snapshot needs no store: its files stay mapped when a writer deletes them, and item rows that
 * are gone by then are NOT_FOUND to mgp_store_item_get. It is never changed after it was made; only
 * the reference counts of it and its segments are, atomically.
 */
#include "store/live_items.h"
#include "store/rows.h"
#include "store/segment.h"

#define SETTLE_TRIES 16

struct mgp_snapshot {
  mgp_alloc *alloc;
  atomic_int references;
  uint64_t generation, item_count;

  unsigned char *kinds; /* [kinds_size]: kind of the item with this number; 0: dead */
  size_t kinds_size;
  mgp_kind names[KINDS_MAX + 1]; /* [0] is unused */

  mgp_segment **segments; /* the damaged ones too */
  size_t segment_count;
  mgp_segment_view *views; /* the good ones */
  mgp_segment **viewed;    /* [view_count]: the segments of the views */
  size_t view_count;
  const char **damages;
  size_t damage_count;
};

/* The rows of a generation, before its files are opened. */
typedef struct segment_rows {
  mgp_segment_row *rows;
  size_t count, capacity;
  mgp_arena *arena;
} segment_rows;

void mgp_snapshot_release(mgp_snapshot *snap) {
  if (!snap || atomic_fetch_sub_explicit(&snap->references, 1, memory_order_acq_rel) != 1) return;
  mgp_alloc *a = snap->alloc;
  for (size_t i = 0; i < snap->segment_count; i++) mgp_segment_release(snap->segments[i]);
  for (int i = 0; i <= KINDS_MAX; i++) mgp_free(a, snap->names[i].name);
  mgp_free(a, snap->kinds);
  mgp_free(a, snap->segments);
  mgp_free(a, snap->views);
  mgp_free(a, snap->viewed);
  mgp_free(a, snap->damages);
  mgp_free(a, snap);
}

/* ---- reading the catalog ------------------------------------------------------------------------
 */

static magpie_status damaged_catalog(const mgp_store *s, const char *what, int64_t number,
                                     magpie_error *err) {
  return mgp_fail(
      err, MAGPIE_CORRUPT,
      "the catalog %s is damaged: it has %s number %lld; put a copy of the index in its "
      "place, or delete it and run `magpie index` on its folders again",
      s->catalog_path, what, (long long)number);
}

static magpie_status read_names(mgp_store *s, mgp_connection *c, mgp_snapshot *snap,
                                magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_KINDS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    const int64_t number = sqlite3_column_int64(statement, 0);
    if (number < 1 || number > KINDS_MAX) return damaged_catalog(s, "a kind with", number, err);
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    snap->names[number].number = (int)number;
    snap->names[number].name = mgp_strdup(s->alloc, name ? name : "");
    MGP_RETURN_IF(!snap->names[number].name, err, MAGPIE_NO_MEMORY, "no memory to open %s",
                  s->path);
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

/* What reads the living items into a snapshot. */
typedef struct kinds_reading {
  const mgp_store *store;
  mgp_snapshot *snap;
} kinds_reading;

static magpie_status take_kinds(void *context, int64_t number, int64_t count, int kind,
                                magpie_error *err) {
  const kinds_reading *r = context;
  mgp_snapshot *snap = r->snap;
  if (kind < 1 || kind > KINDS_MAX || !snap->names[kind].name)
    return damaged_catalog(r->store, "an item of an unknown kind with", kind, err);
  if (number < 1) return damaged_catalog(r->store, "an item with", number, err);
  memset(snap->kinds + number, kind, (size_t)count);
  snap->names[kind].count += (uint64_t)count;
  snap->item_count += (uint64_t)count;
  return MAGPIE_OK;
}

static magpie_status read_kinds(mgp_store *s, mgp_connection *c, int64_t next_item,
                                mgp_snapshot *snap, magpie_error *err) {
  if (next_item > ITEM_NUMBER_MAX) return damaged_catalog(s, "a next item with", next_item, err);
  snap->kinds_size = (size_t)next_item;
  snap->kinds = mgp_calloc(s->alloc, snap->kinds_size, 1);
  MGP_RETURN_IF(!snap->kinds, err, MAGPIE_NO_MEMORY, "no memory for the %lld items of %s",
                (long long)next_item, s->path);
  kinds_reading reading = {.store = s, .snap = snap};
  return mgp_live_read(s, c, 0, next_item, take_kinds, &reading, err);
}

static magpie_status read_segments(mgp_store *s, mgp_connection *c, segment_rows *out,
                                   magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false, failed = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SEGMENTS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    failed = !MGP_GROW(s->alloc, out->rows, out->capacity, out->count + 1);
    const char *space = mgp_column_text(statement, 1, out->arena, &failed);
    MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory for the segments of %s", s->path);
    out->rows[out->count++] =
        (mgp_segment_row){.number = sqlite3_column_int64(statement, 0),
                          .space = space ? space : "",
                          .count = (uint64_t)sqlite3_column_int64(statement, 2),
                          .size = (uint64_t)sqlite3_column_int64(statement, 3),
                          .checksum = (uint64_t)sqlite3_column_int64(statement, 4)};
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

/* One read transaction: all of it is of one generation. Release ends it. */
static magpie_status read_catalog(mgp_store *s, mgp_snapshot *snap, segment_rows *rows,
                                  magpie_error *err) {
  mgp_connection *c = NULL;
  mgp_head head = {0};
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_run(s, c, SQL_READ_BEGIN, err);
  if (status == MAGPIE_OK) status = mgp_catalog_head(s, c, &head, err);
  if (status == MAGPIE_OK) status = read_names(s, c, snap, err);
  if (status == MAGPIE_OK) status = read_kinds(s, c, head.next_item, snap, err);
  if (status == MAGPIE_OK) status = read_segments(s, c, rows, err);
  mgp_catalog_release(s, c);
  snap->generation = head.generation;
  return status;
}

/* ---- opening the files --------------------------------------------------------------------------
 */

/* The same file in the last snapshot; both lists ascend, so `*from` only moves on. */
static mgp_segment *find_open(const mgp_snapshot *last, const mgp_segment_row *row, size_t *from) {
  for (; last && *from < last->segment_count; (*from)++) {
    mgp_segment *segment = last->segments[*from];
    if (segment->number == row->number && segment->checksum == row->checksum) return segment;
    if (segment->number >= row->number) return NULL;
  }
  return NULL;
}

static magpie_status open_segments(mgp_store *s, const segment_rows *rows, const mgp_snapshot *last,
                                   mgp_snapshot *snap, magpie_error *err) {
  mgp_alloc *a = s->alloc;
  snap->segments = mgp_calloc(a, rows->count, sizeof(mgp_segment *));
  snap->views = mgp_calloc(a, rows->count, sizeof *snap->views);
  snap->viewed = mgp_calloc(a, rows->count, sizeof(mgp_segment *));
  snap->damages = mgp_calloc(a, rows->count, sizeof(const char *));
  MGP_RETURN_IF(!snap->segments || !snap->views || !snap->viewed || !snap->damages, err,
                MAGPIE_NO_MEMORY, "no memory for the segments of %s", s->path);
  size_t from = 0;
  for (size_t i = 0; i < rows->count; i++) {
    mgp_segment *segment = find_open(last, &rows->rows[i], &from);
    if (segment) mgp_segment_retain(segment);
    else MGP_FORWARD(mgp_segment_open(s, &rows->rows[i], &segment, err));
    snap->segments[snap->segment_count++] = segment;
    if (segment->damage) {
      snap->damages[snap->damage_count++] = segment->damage;
      continue;
    }
    snap->viewed[snap->view_count] = segment;
    snap->views[snap->view_count++] =
        (mgp_segment_view){.space = segment->space,
                           .file = segment->file,
                           .count = segment->parsed.header.count,
                           .sections = segment->parsed.sections,
                           .section_count = segment->parsed.header.section_count};
  }
  return MAGPIE_OK;
}

static magpie_status build(mgp_store *s, const mgp_snapshot *last, mgp_snapshot **out,
                           magpie_error *err) {
  segment_rows rows = {.arena = mgp_arena_create(s->alloc)};
  mgp_snapshot *snap = mgp_calloc(s->alloc, 1, sizeof *snap);
  magpie_status status = MAGPIE_OK;
  if (!snap || !rows.arena) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", s->path);
    mgp_free(s->alloc, snap);
    snap = NULL;
  } else {
    snap->alloc = s->alloc;
    snap->references = 1;
    status = read_catalog(s, snap, &rows, err);
    if (status == MAGPIE_OK) status = open_segments(s, &rows, last, snap, err);
  }
  mgp_free(s->alloc, rows.rows);
  mgp_arena_destroy(rows.arena);
  if (status != MAGPIE_OK) {
    mgp_snapshot_release(snap);
    snap = NULL;
  }
  *out = snap;
  return status;
}

/* ---- the calls ----------------------------------------------------------------------------------
 */

static magpie_status current_generation(mgp_store *s, uint64_t *out, magpie_error *err) {
  mgp_connection *c = NULL;
  mgp_head head = {0};
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = mgp_catalog_head(s, c, &head, err);
  mgp_catalog_release(s, c);
  *out = head.generation;
  return status;
}

/* A merge may delete files between our reading of their names and our opening of them. What is
 * missing then is no damage: the newer generation has the rows elsewhere. */
static magpie_status build_settled(mgp_store *s, const mgp_snapshot *last, mgp_snapshot **out,
                                   magpie_error *err) {
  for (int tries = 0;; tries++) {
    MGP_FORWARD(build(s, last, out, err));
    if ((*out)->damage_count == 0 || tries == SETTLE_TRIES) return MAGPIE_OK;
    uint64_t generation = 0;
    const magpie_status status = current_generation(s, &generation, err);
    if (status == MAGPIE_OK && generation == (*out)->generation) return MAGPIE_OK;
    mgp_snapshot_release(*out);
    *out = NULL;
    MGP_FORWARD(status);
  }
}

magpie_status mgp_snapshot_get(mgp_store *s, mgp_snapshot **out, magpie_error *err) {
  *out = NULL;
  uint64_t generation = 0;
  MGP_FORWARD(current_generation(s, &generation, err));
  pthread_mutex_lock(&s->snapshot_lock);
  magpie_status status = MAGPIE_OK;
  /* Another thread may have gone further meanwhile; back is never right. */
  if (!s->snapshot || s->snapshot->generation < generation) {
    mgp_snapshot *fresh = NULL;
    status = build_settled(s, s->snapshot, &fresh, err);
    if (status == MAGPIE_OK) {
      mgp_snapshot_release(s->snapshot);
      s->snapshot = fresh;
    }
  }
  if (status == MAGPIE_OK) {
    atomic_fetch_add_explicit(&s->snapshot->references, 1, memory_order_relaxed);
    *out = s->snapshot;
  }
  pthread_mutex_unlock(&s->snapshot_lock);
  return status;
}

uint64_t mgp_snapshot_generation(const mgp_snapshot *snap) {
  return snap->generation;
}

uint64_t mgp_snapshot_item_count(const mgp_snapshot *snap) {
  return snap->item_count;
}

size_t mgp_snapshot_segment_count(const mgp_snapshot *snap) {
  return snap->view_count;
}

const mgp_segment_view *mgp_snapshot_segment(const mgp_snapshot *snap, size_t index) {
  return index < snap->view_count ? &snap->views[index] : NULL;
}

magpie_status mgp_snapshot_segment_verify(const mgp_snapshot *snap, size_t index,
                                          magpie_error *err) {
  MGP_RETURN_IF(index >= snap->view_count, err, MAGPIE_INVALID, "there is no segment %zu", index);
  return mgp_segment_verify_once(snap->viewed[index], err);
}

bool mgp_snapshot_section_is_bad(const mgp_snapshot *snap, size_t index, size_t section) {
  return index < snap->view_count && section < SEGMENT_SECTIONS_MAX &&
         (atomic_load(&snap->viewed[index]->bad_extras) >> section & 1);
}

const char *mgp_snapshot_damage(const mgp_snapshot *snap, size_t index) {
  return index < snap->damage_count ? snap->damages[index] : NULL;
}

int mgp_snapshot_kind(const mgp_snapshot *snap, uint64_t item) {
  return item < snap->kinds_size ? snap->kinds[item] : 0;
}

uint64_t mgp_snapshot_item_end(const mgp_snapshot *snap) {
  return snap->kinds_size;
}

int mgp_snapshot_kind_number(const mgp_snapshot *snap, const char *name) {
  for (int i = 1; i <= KINDS_MAX; i++)
    if (snap->names[i].count > 0 && mgp_text_equal(snap->names[i].name, name)) return i;
  return 0;
}

const char *mgp_snapshot_kind_name(const mgp_snapshot *snap, int kind) {
  return kind >= 1 && kind <= KINDS_MAX ? snap->names[kind].name : NULL;
}
