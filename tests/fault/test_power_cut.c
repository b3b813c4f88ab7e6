/* SPDX-License-Identifier: Apache-2.0
 *
 * The power fails after each call of a workload of commits, updates, removals, merges, rollbacks,
 * thumbnails, compaction and snapshots: of what was not fsynced none, all, each single call and
 * random parts reach the disk, or the catalog's alone, or all but those, and the last write is
 * torn. Each such disk is opened by a writer, and read wholly:
 *
 *   full     the last acknowledged commit, or the one under way, nothing else; a clean check
 *   batched  one of the commits since the last sync point, whole; a clean check
 *   off      the same catalog; files of segments may be missing, and are named as damaged
 *
 * A snapshot is there whole once it was acknowledged, and before that whole or not at all.
 *
 * MAGPIE_SEED changes what is drawn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crash_states.h"
#include "store/catalog.h"
#include "store/check_store.h"
#include "store/copy_store.h"
#include "store/merge_store.h"
#include "store/segment.h"

#define SEED 20261123
#define TURNS 18
#define STATES_MAX 64
#define SINGLES 4 /* each of so many newest calls, alone */
#define RANDOM_SETS 2
#define SNAPSHOT_EVERY 7 /* turns */
#define SNAPSHOTS_MAX 8
#define GO_ON_EVERY 16 /* states after which a writer commits and looks again */

typedef struct scene {
  char folder[64], work[96], index[112], scratch[96], copy[112];
  magpie_durability durability;
  uint64_t random;
  mgp_store *store;
  mgp_buffer states[STATES_MAX]; /* what the index held after commit i */
  int commits;                   /* done */
  int snapshots[SNAPSHOTS_MAX];  /* of which commit */
  int snapshot_count;
  uint64_t tried, lost_thumbs, damaged, snapshots_seen;
} scene;

#define MARK_SYNCED 1000   /* + commit: all of them are durable */
#define MARK_SNAPSHOT 2000 /* + how many snapshots are there */

static void fail_on(magpie_status status, const magpie_error *err, const char *what) {
  if (status != MAGPIE_OK) fail_msg("%s: %d %s", what, (int)status, err->message);
}
#define OK(call)                                                                                   \
  do {                                                                                             \
    magpie_error err_ = {0};                                                                       \
    magpie_error *const err = &err_;                                                               \
    fail_on((call), err, #call);                                                                   \
  } while (0)

static uint64_t draw(scene *s, uint64_t below) {
  s->random ^= s->random << 13; /* xorshift64 (Marsaglia 2003) */
  s->random ^= s->random >> 7;
  s->random ^= s->random << 17;
  return s->random % below;
}

/* ---- all that an index holds, as text ---------------------------------------------------------
 */

typedef struct dump {
  mgp_store *store;
  mgp_buffer *out;
  mgp_arena *arena;
  uint64_t lost_thumbs;
} dump;

static magpie_status dump_item(dump *d, uint64_t number, magpie_error *err) {
  mgp_item item = {0};
  mgp_source source = {0};
  MGP_FORWARD(mgp_store_item_get(d->store, number, d->arena, &item, &source, err));
  mgp_buffer_printf(d->out, " item %llu %s %s \"%s\" \"%s\" thumb %zu of %s\n",
                    (unsigned long long)number, item.id, item.kind, item.title, item.text,
                    item.thumb_size, source.path);
  if (item.thumb_size == 0) return MAGPIE_OK;
  void *bytes = NULL;
  size_t size = 0;
  const magpie_status status = mgp_store_thumb_read(d->store, item.id, &bytes, &size, err);
  if (status == MAGPIE_NOT_FOUND) {
    d->lost_thumbs++;
    return MAGPIE_OK;
  }
  MGP_FORWARD(status);
  const bool is_right = size > strlen(item.id) && memcmp(bytes, item.id, strlen(item.id)) == 0;
  mgp_free(NULL, bytes);
  MGP_RETURN_IF(!is_right, err, MAGPIE_CORRUPT, "the thumbnail of %s is another's", item.id);
  return MAGPIE_OK;
}

static magpie_status dump_source(void *context, const mgp_source *source) {
  dump *d = context;
  uint64_t *items = NULL;
  size_t count = 0;
  magpie_error err = {0};
  mgp_buffer_printf(d->out, "source %lld %s %llu \"%s\"\n", (long long)source->number, source->path,
                    (unsigned long long)source->size, source->title);
  magpie_status status =
      mgp_store_source_items(d->store, source->number, NULL, &items, &count, &err);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) status = dump_item(d, items[i], &err);
  mgp_free(NULL, items);
  if (status != MAGPIE_OK) print_error("%s\n", err.message);
  return status;
}

static magpie_status dump_failure(void *context, const char *path, const char *stage, int code,
                                  const char *reason, int64_t when_ms, int tries) {
  const dump *d = context;
  (void)when_ms;
  mgp_buffer_printf(d->out, "failure %s %s %d %s %d\n", path, stage, code, reason, tries);
  return MAGPIE_OK;
}

/* *damaged counts segments that cannot be read; in FULL and BATCHED there must be none. */
static magpie_status dump_segments(dump *d, size_t *damaged, magpie_error *err) {
  mgp_snapshot *snap = NULL;
  MGP_FORWARD(mgp_snapshot_get(d->store, &snap, err));
  mgp_buffer_printf(d->out, "generation %llu, %llu items\n",
                    (unsigned long long)mgp_snapshot_generation(snap),
                    (unsigned long long)mgp_snapshot_item_count(snap));
  *damaged = 0;
  while (mgp_snapshot_damage(snap, *damaged)) (*damaged)++;
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; status == MAGPIE_OK && i < mgp_snapshot_segment_count(snap); i++) {
    if (mgp_snapshot_segment_verify(snap, i, NULL) != MAGPIE_OK) {
      ++*damaged;
      continue;
    }
    const mgp_segment_view *view = mgp_snapshot_segment(snap, i);
    mgp_buffer_printf(d->out, "segment %s %s %llu", view->file, view->space,
                      (unsigned long long)view->count);
    for (size_t k = 0; k < view->section_count; k++)
      mgp_buffer_printf(
          d->out, " %016llx",
          (unsigned long long)mgp_hash64(view->sections[k].data, view->sections[k].size));
    mgp_buffer_add_text(d->out, "\n");
  }
  mgp_snapshot_release(snap);
  return status;
}

/* With damage the segments are left out of the text: they stand last. */
static magpie_status dump_all(mgp_store *store, mgp_buffer *out, uint64_t *lost_thumbs,
                              size_t *damaged, magpie_error *err) {
  dump d = {.store = store, .out = out, .arena = mgp_arena_create(NULL)};
  char *turn = NULL;
  out->size = 0;
  magpie_status status = mgp_store_sources_below(store, "/", dump_source, &d, err);
  if (status == MAGPIE_OK) status = mgp_store_failures(store, dump_failure, &d, err);
  if (status == MAGPIE_OK) status = mgp_store_setting_get(store, "turn", &turn, err);
  mgp_buffer_printf(out, "turn %s\n", turn ? turn : "none");
  mgp_free(NULL, turn);
  const size_t size = out->size;
  if (status == MAGPIE_OK) status = dump_segments(&d, damaged, err);
  if (status == MAGPIE_OK && *damaged > 0) out->size = size;
  mgp_arena_destroy(d.arena);
  *lost_thumbs = d.lost_thumbs;
  return status;
}

/* ---- the workload -----------------------------------------------------------------------------
 */

static void open_work(scene *s) {
  OK(mgp_store_open(NULL, s->index, false, &s->store, err));
  OK(mgp_store_durability_set(s->store, s->durability, err));
  OK(mgp_store_lock(s->store, 0, err));
}

static void give_up_lock(scene *s) {
  OK(mgp_store_sync(s->store, err));
  crash_mark(MARK_SYNCED + s->commits);
  mgp_store_unlock(s->store);
}

static void remember(scene *s) {
  uint64_t lost = 0;
  size_t damaged = 0;
  mgp_buffer_init(&s->states[s->commits], NULL);
  OK(dump_all(s->store, &s->states[s->commits], &lost, &damaged, err));
  assert_int_equal(lost + damaged, 0);
}

static void commit(scene *s) {
  OK(mgp_store_commit(s->store, NULL, err));
  s->commits++;
  crash_mark(s->commits);
  if (!s->store->is_behind) crash_mark(MARK_SYNCED + s->commits);
  remember(s);
}

static void add_segment(scene *s, int turn, const uint64_t *ids, size_t count) {
  mgp_space space = {.name = "text", .pack = "p", .pack_hash = "h", .metric = "cosine", .dim = 64};
  static float vectors[8 * 64];
  for (size_t i = 0; i < count * 64; i++) vectors[i] = (float)(turn + (int)i);
  const mgp_section sections[] = {{MGP_SECTION_IDS, ids, count * sizeof *ids},
                                  {MGP_SECTION_VECTORS_F32, vectors, count * 64 * sizeof(float)}};
  OK(mgp_store_space_declare(s->store, &space, err));
  OK(mgp_store_segment_add(s->store, "text", count, sections, 2, err));
}

static void add_source(scene *s, int turn) {
  char path[32], id[32], title[64], thumb[900];
  uint64_t ids[3];
  snprintf(path, sizeof path, "/s/%d", turn);
  snprintf(title, sizeof title, "Title %d", turn);
  mgp_source source = {.path = path, .size = (uint64_t)turn, .format = "text", .title = title};
  source.hash = mgp_hash128_bytes(path, strlen(path));
  OK(mgp_store_source_add(s->store, &source, err));
  for (int i = 0; i < 3; i++) {
    snprintf(id, sizeof id, "%d-%d", turn, i);
    memset(thumb, 't', sizeof thumb);
    memcpy(thumb, id, strlen(id));
    mgp_item item = {.source = source.number,
                     .id = id,
                     .kind = i ? "passage" : "image",
                     .title = title,
                     .text = "some words of it",
                     .thumb = i ? NULL : thumb,
                     .thumb_size = i ? 0 : sizeof thumb};
    OK(mgp_store_item_add(s->store, &item, err));
    ids[i] = item.number;
  }
  add_segment(s, turn, ids, 3);
}

/* A source of before goes, or comes again with other items. */
static void change_source(scene *s, int turn) {
  char path[32];
  snprintf(path, sizeof path, "/s/%d", turn);
  mgp_arena *arena = mgp_arena_create(NULL);
  mgp_source found = {0};
  uint64_t items = 0;
  OK(mgp_store_source_find(s->store, path, arena, &found, err));
  if (found.number > 0 && turn % 2)
    OK(mgp_store_source_remove(s->store, found.number, &items, err));
  if (found.number > 0 && turn % 2 == 0) {
    char id[32];
    snprintf(id, sizeof id, "%d-1", turn);
    OK(mgp_store_item_remove(s->store, id, err));
    found.size += 1000;
    OK(mgp_store_source_update(s->store, &found, err));
  }
  mgp_arena_destroy(arena);
}

/* The two oldest segments become one. */
static void merge(scene *s) {
  mgp_segment_info *infos = NULL;
  size_t count = 0;
  OK(mgp_store_segments(s->store, NULL, false, &infos, &count, err));
  assert_true(count >= 2);
  const int64_t inputs[] = {infos[0].number, infos[1].number};
  mgp_free(NULL, infos);
  mgp_segment_stream *stream = NULL;
  uint64_t ids[600];
  for (uint64_t i = 0; i < 600; i++) ids[i] = i + 1;
  OK(mgp_segment_stream_create(s->store, "text", &stream, err));
  OK(mgp_segment_stream_section(stream, MGP_SECTION_IDS, err));
  OK(mgp_segment_stream_write(stream, ids, sizeof ids, err));
  OK(mgp_segment_stream_finish(stream, 600, err));
  OK(mgp_store_begin(s->store, err));
  OK(mgp_store_segments_replace(s->store, stream, inputs, 2, err));
  commit(s);
  mgp_segment_stream_destroy(stream);
}

/* Of the last commit, beside the index. */
static void take_snapshot(scene *s) {
  char path[128];
  mgp_copy_report report = {0};
  s->snapshots[s->snapshot_count] = s->commits;
  snprintf(path, sizeof path, "%s/snapshot-%d", s->work, s->snapshot_count++);
  OK(mgp_store_copy(s->store, path, NULL, &report, err));
  crash_mark(MARK_SNAPSHOT + s->snapshot_count);
}

static void turn_of(scene *s, int turn) {
  char text[16];
  snprintf(text, sizeof text, "%d", turn);
  *mgp_segment_small_limit() = turn % 3 == 0 ? SEGMENT_SMALL_MAX : 0; /* in the catalog; a file */
  OK(mgp_store_begin(s->store, err));
  OK(mgp_store_setting_set(s->store, "turn", text, err));
  OK(mgp_store_failure_add(s->store, "/bad", "read", MAGPIE_IO, text, err));
  add_source(s, turn);
  if (turn % 3 == 2) change_source(s, turn / 2);
  if (turn % 9 == 7) mgp_store_rollback(s->store);
  else commit(s);
  if (turn % 4 == 3) merge(s);
  if (turn % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1) take_snapshot(s);
  if (turn % 6 == 4) {
    give_up_lock(s);
    OK(mgp_store_lock(s->store, 0, err));
  }
  if (turn % 8 == 5) OK(mgp_store_compact(s->store, true, err));
  if (turn % 5 == 4) {
    give_up_lock(s);
    mgp_store_close(&s->store);
    open_work(s);
  }
}

static void run_workload(scene *s, int turns) {
  mgp_directory_remove(s->work, NULL);
  OK(mgp_directory_make(s->work, err));
  s->commits = s->snapshot_count = 0;
  crash_log_begin(s->work);
  open_work(s);
  crash_mark(MARK_SYNCED);
  remember(s);
  for (int turn = 1; turn <= turns; turn++) turn_of(s, turn);
  give_up_lock(s);
  mgp_store_close(&s->store);
  crash_log.is_on = false;
}

/* ---- a disk is looked at ----------------------------------------------------------------------
 */

typedef struct moment {
  int op;             /* calls that were made */
  int oldest, newest; /* the states that may be found */
  int snapshots;      /* that must be there */
  const char *what;
} moment;

/* A thumbnail that nobody names costs space only; where the text of the dead writer was lost, too,
 * the next one does not look for it. Where the text is there, all must be swept. */
static bool may_have_thumbs;

static magpie_status count_damage(void *context, const mgp_damage *damage) {
  if (may_have_thumbs && mgp_text_starts(damage->file, THUMBS_FOLDER "/")) return MAGPIE_OK;
  print_error("%s %s: %s\n", damage->file, damage->section, damage->what);
  ++*(int *)context;
  return MAGPIE_OK;
}

static void fail_at(const scene *s, const moment *m, const char *what, const char *detail) {
  fail_msg("durability %d, after call %d of %d, %s: %s: %s", (int)s->durability, m->op,
           crash_log.count, m->what, what, detail);
}

static void check_clean(scene *s, const moment *m, mgp_store *store) {
  int problems = 0;
  magpie_error err = {0};
  magpie_status status = mgp_check_catalog(store, draw(s, 8) == 0, count_damage, &problems, &err);
  if (status == MAGPIE_OK) status = mgp_check_live(store, count_damage, &problems, &err);
  if (status == MAGPIE_OK && s->durability != MAGPIE_DURABILITY_OFF)
    status = mgp_check_leftovers(store, NULL, count_damage, &problems, &err);
  if (status != MAGPIE_OK) fail_at(s, m, "the check", err.message);
  if (problems > 0) fail_at(s, m, "the check finds damage", "see above");
}

static int state_of(const scene *s, const moment *m, const mgp_buffer *found, bool is_damaged) {
  for (int i = m->newest; i >= m->oldest; i--) {
    const mgp_buffer *state = &s->states[i];
    if (is_damaged
            ? state->size >= found->size && memcmp(state->data, found->data, found->size) == 0
            : state->size == found->size && memcmp(state->data, found->data, found->size) == 0)
      return i;
  }
  return -1;
}

/* The next writer goes on as if nothing had been. */
static void go_on(scene *s, const moment *m, mgp_store **store) {
  const mgp_source source = {.path = "/after", .format = "text"};
  magpie_error err = {0};
  uint64_t first = 0, second = 0;
  mgp_source added = source;
  mgp_arena *arena = mgp_arena_create(NULL);
  magpie_status status = mgp_store_begin(*store, &err);
  if (status == MAGPIE_OK) status = mgp_store_source_add(*store, &added, &err);
  if (status == MAGPIE_OK) status = mgp_store_commit(*store, &first, &err);
  mgp_store_close(store);
  if (status == MAGPIE_OK) status = mgp_store_open(NULL, s->copy, true, store, &err);
  if (status == MAGPIE_OK) status = mgp_store_source_find(*store, "/after", arena, &added, &err);
  mgp_snapshot *snap = NULL;
  if (status == MAGPIE_OK) status = mgp_snapshot_get(*store, &snap, &err);
  if (snap) second = mgp_snapshot_generation(snap);
  mgp_snapshot_release(snap);
  mgp_arena_destroy(arena);
  if (status != MAGPIE_OK) fail_at(s, m, "going on", err.message);
  if (added.number == 0 || first != second) fail_at(s, m, "going on", "the commit is not there");
}

static void look(scene *s, const moment *m) {
  magpie_error err = {0};
  mgp_store *store = NULL;
  mgp_buffer found;
  uint64_t lost = 0;
  size_t damaged = 0;
  mgp_buffer_init(&found, NULL);
  magpie_status status = mgp_store_open(NULL, s->copy, false, &store, &err);
  if (status == MAGPIE_OK) status = mgp_store_lock(store, 0, &err);
  if (status == MAGPIE_OK) status = dump_all(store, &found, &lost, &damaged, &err);
  if (status != MAGPIE_OK) fail_at(s, m, "it cannot be read", err.message);
  if (damaged > 0 && s->durability != MAGPIE_DURABILITY_OFF)
    fail_at(s, m, "a segment is damaged", found.data);
  if (state_of(s, m, &found, damaged > 0) < 0) fail_at(s, m, "no acknowledged state", found.data);
  check_clean(s, m, store);
  s->tried++;
  s->lost_thumbs += lost;
  s->damaged += damaged > 0;
  if (s->tried % GO_ON_EVERY == 0) go_on(s, m, &store);
  mgp_store_close(&store);
  mgp_buffer_fini(&found);
}

static void look_at_snapshot(scene *s, const moment *m, int number) {
  char path[128];
  mgp_store *store = NULL;
  mgp_buffer found;
  magpie_error err = {0};
  uint64_t lost = 0;
  size_t damaged = 0;
  snprintf(path, sizeof path, "%s/snapshot-%d", s->scratch, number);
  if (access(path, F_OK) != 0) {
    if (number < m->snapshots) fail_at(s, m, "an acknowledged snapshot is gone", path);
    return;
  }
  mgp_buffer_init(&found, NULL);
  magpie_status status = mgp_store_open(NULL, path, true, &store, &err);
  if (status == MAGPIE_OK) status = dump_all(store, &found, &lost, &damaged, &err);
  if (status != MAGPIE_OK) fail_at(s, m, "a snapshot cannot be read", err.message);
  const mgp_buffer *state = &s->states[s->snapshots[number]];
  if (damaged || found.size != state->size || memcmp(found.data, state->data, found.size) != 0)
    fail_at(s, m, "a snapshot is not what it was taken of", found.data);
  s->snapshots_seen++;
  mgp_store_close(&store);
  mgp_buffer_fini(&found);
}

static void try_state(scene *s, const crash_disk *d, const crash_choice *choice, moment *m,
                      const char *what) {
  m->what = what;
  OK(mgp_directory_remove(s->scratch, err));
  OK(mgp_directory_make(s->scratch, err));
  disk_write_out(d, choice, s->scratch);
  /* The text of a writer that died may have reached the disk or not. */
  may_have_thumbs = access(s->copy, F_OK) != 0 || draw(s, 2) == 0;
  if (!may_have_thumbs) {
    char path[160];
    snprintf(path, sizeof path, "%s/lock", s->copy);
    const crash_image text = {.bytes = (unsigned char *)(uintptr_t) "pid 1\n", .size = 6};
    put_file(path, &text);
  }
  look(s, m);
  for (int i = 0; i < s->snapshot_count; i++) look_at_snapshot(s, m, i);
}

static void set_all(crash_choice *choice, const crash_disk *d, int share) {
  for (int i = 0; i < d->pending_count; i++) choice->shares[i] = share;
}

/* Of the catalog, its WAL and its journal, or of all other files. */
static void set_side(crash_choice *choice, const crash_disk *d, bool catalog) {
  for (int i = 0; i < d->pending_count; i++) {
    const crash_op *op = &crash_log.ops[d->pending[i]];
    const char *path = is_data(op) ? crash_log.names[op->node] : op->path;
    choice->shares[i] = (strstr(path, CATALOG_FILE) != NULL) == catalog ? 256 : 0;
  }
}

static void draw_choice(scene *s, crash_choice *choice, const crash_disk *d) {
  const uint64_t odds = 1 + draw(s, 7); /* of 8 */
  for (int i = 0; i < d->pending_count; i++) {
    const bool is_done = draw(s, 8) < odds;
    const bool is_torn = draw(s, 8) == 0;
    choice->shares[i] = !is_done ? 0 : is_torn ? 1 + (int)draw(s, 255) : 256;
  }
}

/* All the disks that a cut after this call may leave, or some of very many. */
static void try_states(scene *s, const crash_disk *d, moment *m) {
  static crash_choice choice;
  const int count = d->pending_count;
  set_all(&choice, d, 0);
  try_state(s, d, &choice, m, "nothing of what waited");
  if (count == 0) return;
  set_all(&choice, d, 256);
  try_state(s, d, &choice, m, "all of what waited");
  const crash_op *last = &crash_log.ops[d->pending[count - 1]];
  if (last->kind == CRASH_WRITE && last->size > SECTOR) {
    choice.shares[count - 1] = 1 + (int)draw(s, 255);
    try_state(s, d, &choice, m, "the last write is torn");
  }
  for (int side = 0; count > 1 && side < 2; side++) {
    set_side(&choice, d, side == 0);
    try_state(s, d, &choice, m,
              side == 0 ? "only the catalog's part" : "all but the catalog's part");
  }
  for (int i = count > SINGLES ? count - SINGLES : 0; count > 1 && i < count; i++) {
    set_all(&choice, d, 0);
    choice.shares[i] = 256;
    try_state(s, d, &choice, m, "one call alone");
  }
  for (int i = 0; count > 1 && i < RANDOM_SETS; i++) {
    draw_choice(s, &choice, d);
    try_state(s, d, &choice, m, "a random part");
  }
}

static void take_mark(const scene *s, const crash_op *op, moment *m) {
  if (op->node >= MARK_SNAPSHOT) {
    m->snapshots = op->node - MARK_SNAPSHOT;
    return;
  }
  const int commit_number = op->node >= MARK_SYNCED ? op->node - MARK_SYNCED : op->node;
  const bool is_durable = op->node >= MARK_SYNCED || s->durability == MAGPIE_DURABILITY_FULL;
  if (is_durable && commit_number > m->oldest) m->oldest = commit_number;
  m->newest = commit_number < s->commits ? commit_number + 1 : commit_number;
}

static void cut_everywhere(scene *s, int turns, const char *name) {
  run_workload(s, turns);
  crash_disk *d = calloc(1, sizeof *d);
  assert_non_null(d);
  moment m = {.newest = 1};
  s->tried = s->lost_thumbs = s->damaged = s->snapshots_seen = 0;
  int calls = 0;
  for (int i = 0; i < crash_log.count; i++) {
    const crash_op *op = &crash_log.ops[i];
    m.op = i + 1;
    disk_step(d, i);
    if (op->kind == CRASH_MARK) take_mark(s, op, &m);
    else calls++;
    try_states(s, d, &m);
  }
  printf("fault: power cut: %llu states of %d operations, seed %llu (durability %s, %d commits, %d "
         "snapshots seen %llu times, %llu with a damaged segment)\n",
         (unsigned long long)s->tried, calls,
         (unsigned long long)(getenv("MAGPIE_SEED") ? strtoull(getenv("MAGPIE_SEED"), NULL, 10)
                                                    : SEED),
         name, s->commits, s->snapshot_count, (unsigned long long)s->snapshots_seen,
         (unsigned long long)s->damaged);
  assert_true(s->snapshots_seen > 0);
  for (int i = 0; i <= s->commits; i++) mgp_buffer_fini(&s->states[i]);
  disk_free(d);
}

/* ---- the tests --------------------------------------------------------------------------------
 */

static int setup(void **state) {
  scene *s = calloc(1, sizeof *s);
  const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  if (!s) return -1;
  snprintf(s->folder, sizeof s->folder, "%s/mgp-cut-XXXXXX", place);
  if (!mkdtemp(s->folder)) return -1;
  snprintf(s->work, sizeof s->work, "%s/work", s->folder);
  snprintf(s->index, sizeof s->index, "%s/t.mgp", s->work);
  snprintf(s->scratch, sizeof s->scratch, "%s/scratch", s->folder);
  snprintf(s->copy, sizeof s->copy, "%s/t.mgp", s->scratch);
  const char *seed = getenv("MAGPIE_SEED");
  s->random = seed ? strtoull(seed, NULL, 10) : SEED;
  if (s->random == 0) s->random = 1; /* xorshift stays at 0 */
  *state = s;
  return 0;
}

static int teardown(void **state) {
  scene *s = *state;
  crash_log.is_on = false;
  mgp_store_close(&s->store);
  mgp_directory_remove(s->folder, NULL);
  free(s);
  return 0;
}

static void power_cut_when_full_then_the_last_acknowledged_commit_is_there(void **state) {
  scene *s = *state;
  s->durability = MAGPIE_DURABILITY_FULL;
  cut_everywhere(s, TURNS, "full");
}

static void power_cut_when_batched_then_an_acknowledged_commit_is_there(void **state) {
  scene *s = *state;
  s->durability = MAGPIE_DURABILITY_BATCHED;
  cut_everywhere(s, TURNS / 2, "batched");
}

static void power_cut_when_off_then_the_catalog_is_whole_and_lost_files_are_named(void **state) {
  scene *s = *state;
  s->durability = MAGPIE_DURABILITY_OFF;
  cut_everywhere(s, TURNS / 2, "off");
  assert_true(s->damaged > 0); /* else it would be as good as batched */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(
          power_cut_when_full_then_the_last_acknowledged_commit_is_there, setup, teardown),
      cmocka_unit_test_setup_teardown(power_cut_when_batched_then_an_acknowledged_commit_is_there,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(
          power_cut_when_off_then_the_catalog_is_whole_and_lost_files_are_named, setup, teardown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
