/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations of the store's model test. Each is valid anywhere in a list: where the store must
 * refuse it, the refusal is what is expected, so that any shorter list means something, too.
 */
#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "engine/merge_segments.h"
#include "magpie/magpie.h"
#include "store_oracle.h"

#define STORE_VERBS(X)                                                                             \
  X(LOCK, lock)                                                                                    \
  X(UNLOCK, unlock)                                                                                \
  X(BEGIN, begin)                                                                                  \
  X(ADD, add)                                                                                      \
  X(REMOVE, remove)                                                                                \
  X(CLEAR_SOURCE, clear_source)                                                                    \
  X(REMOVE_SOURCE, remove_source)                                                                  \
  X(FLUSH, flush)                                                                                  \
  X(COMMIT, commit)                                                                                \
  X(ROLLBACK, rollback)                                                                            \
  X(MERGE, merge)                                                                                  \
  X(MERGE_ALL, merge_all)                                                                          \
  X(SEARCH, search)                                                                                \
  X(WORDS, words)                                                                                  \
  X(READ, read)                                                                                    \
  X(PIN, pin)                                                                                      \
  X(READ_PIN, read_pin)                                                                            \
  X(UNPIN, unpin)                                                                                  \
  X(REOPEN, reopen)                                                                                \
  X(CHECK, check)                                                                                  \
  X(SECOND, second_writer)                                                                         \
  X(SNAPSHOT, snapshot)                                                                            \
  X(RESTORE, restore)

typedef enum store_verb {
#define STORE_VERB(name, text) STORE_##name,
  STORE_VERBS(STORE_VERB)
#undef STORE_VERB
      STORE_VERB_COUNT
} store_verb;

static const char *const store_verbs[] = {
#define STORE_VERB(name, text) #text,
    STORE_VERBS(STORE_VERB)
#undef STORE_VERB
};

/* Mistakes that the oracle can be told to make, so that the shortening can be tested. */
enum { PLANT_NONE, PLANT_FORGET_REMOVE, PLANT_OLD_VERSION, PLANT_CRASH };

/* What trial.tallies counts. */
enum {
  TALLY_COMMITS,
  TALLY_MERGES,
  TALLY_SEARCHES,
  TALLY_READS,
  TALLY_REOPENS,
  TALLY_SNAPSHOTS,
  TALLY_RESTORES,
  TALLY_COUNT
};

/* ---- handles ---- */

static inline bool open_handle(world *w, magpie **out) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.threads = 1;
  options.pack_path = "/nonexistent/packs";
  EXPECT_OK(magpie_open(w->index, &options, out, err));
  return true;
}

static inline bool open_handles(world *w) {
  if (!open_handle(w, &w->ix) || !open_handle(w, &w->other)) return false;
  w->store = w->ix->store;
  EXPECT_OK(mgp_store_open(NULL, w->index, true, &w->reader, err));
  return true;
}

static inline void close_handles(world *w) {
  for (int i = 0; i < PINS; i++) {
    mgp_snapshot_release(w->pins[i].snapshot);
    w->pins[i].snapshot = NULL;
  }
  mgp_store_close(&w->reader);
  magpie_close(&w->other);
  magpie_close(&w->ix);
  w->is_locked = w->in_transaction = false;
}

/* One of the handles that read, at the last commit. */
static inline bool take_snapshot(world *w, unsigned value, mgp_snapshot **out) {
  EXPECT_OK(mgp_snapshot_get(value & 1 ? w->reader : w->store, out, err));
  const uint64_t generation = mgp_snapshot_generation(*out);
  if (generation == w->generation) return true;
  mgp_snapshot_release(*out);
  return differ(w, "generation %llu, expected %llu", (unsigned long long)generation,
                (unsigned long long)w->generation);
}

/* ---- lock and transaction ---- */

static inline bool do_lock(world *w) {
  EXPECT_STATUS(w->is_locked ? MAGPIE_INVALID : MAGPIE_OK, mgp_store_lock(w->store, 0, err));
  w->is_locked = true;
  return true;
}

static inline void forget_transaction(world *w) {
  w->in_transaction = false;
  w->queue_count = 0;
  w->pending = w->committed;
  w->last_pending = w->last_number;
}

static inline bool do_unlock(world *w) {
  mgp_store_unlock(w->store);
  w->is_locked = false;
  forget_transaction(w);
  return true;
}

static inline bool declare_spaces(world *w) {
  mgp_space vectors = {.name = MGP_VECTORS_SPACE, .metric = "cosine", .dim = DIM};
  mgp_space words = {.name = MGP_WORDS_SPACE, .metric = "bm25"};
  EXPECT_OK(mgp_store_space_declare(w->store, &vectors, err));
  EXPECT_OK(mgp_store_space_declare(w->store, &words, err));
  return true;
}

static inline bool do_begin(world *w) {
  const bool is_right = w->is_locked && !w->in_transaction;
  EXPECT_STATUS(is_right ? MAGPIE_OK : MAGPIE_INVALID, mgp_store_begin(w->store, err));
  if (!is_right) return true;
  w->in_transaction = true;
  w->pending = w->committed;
  return declare_spaces(w);
}

/* ---- items ---- */

static inline bool add_source_of(world *w, unsigned key) {
  int64_t *number = &w->pending.sources[key / KEYS_A_SOURCE];
  if (*number) return true;
  char record[24];
  snprintf(record, sizeof record, "s%u", key / KEYS_A_SOURCE);
  mgp_source source = {.record = record, .size = 1, .format = "record"};
  EXPECT_OK(mgp_store_source_add(w->store, &source, err));
  *number = source.number;
  return true;
}

static inline void note_owner(world *w, uint64_t number, unsigned key, unsigned version) {
  if (number >= w->owner_capacity) {
    const size_t capacity = (size_t)number * 2 + 64;
    w->owners = realloc(w->owners, capacity * sizeof *w->owners);
    if (!w->owners) abort();
    memset(w->owners + w->owner_capacity, 0, (capacity - w->owner_capacity) * sizeof *w->owners);
    w->owner_capacity = capacity;
  }
  w->owners[number] = (owner){.key = key, .version = version};
}

static inline bool add_new(world *w, unsigned key, unsigned version, mgp_item *item) {
  EXPECT_OK(mgp_store_item_add(w->store, item, err));
  EXPECT(item->number > w->last_pending, "%s got the number %llu after %llu", item->id,
         (unsigned long long)item->number, (unsigned long long)w->last_pending);
  w->last_pending = item->number;
  note_owner(w, item->number, key, version);
  w->queue[w->queue_count++] = item->number;
  oracle_item *own = &w->pending.items[key];
  const bool keeps_old = w->plant == PLANT_OLD_VERSION && own->number > 0 && key % 16 == 5;
  if (!keeps_old) *own = (oracle_item){.number = item->number, .version = version};
  return true;
}

static inline bool flush_queue(world *w);

/* Of a known id: it is refused, then the old item goes. */
static inline bool do_add(world *w, unsigned key, unsigned value) {
  char id[24], text[48], thumb[48];
  const unsigned version = value % 10000;
  item_id(key, id);
  item_text(key, version, text);
  item_thumb(key, version, thumb);
  mgp_item item = {.source = 1, .id = id, .kind = item_kind(version), .text = text};
  if (has_thumb(version)) item.thumb = thumb, item.thumb_size = strlen(thumb);
  if (!w->in_transaction) {
    EXPECT_STATUS(MAGPIE_INVALID, mgp_store_item_add(w->store, &item, err));
    return true;
  }
  if (!add_source_of(w, key)) return false;
  item.source = w->pending.sources[key / KEYS_A_SOURCE];
  if (w->pending.items[key].number > 0) {
    if (w->plant == PLANT_CRASH && key % 16 == 5) abort();
    if (value % 4 == 0) EXPECT_STATUS(MAGPIE_INVALID, mgp_store_item_add(w->store, &item, err));
    EXPECT_OK(mgp_store_item_remove(w->store, id, err));
  }
  if (!add_new(w, key, version, &item)) return false;
  return w->queue_count < QUEUE_MAX || flush_queue(w);
}

static inline bool do_remove(world *w, unsigned key) {
  char id[24];
  item_id(key, id);
  const bool is_there = w->pending.items[key].number > 0;
  const magpie_status expected = !w->in_transaction ? MAGPIE_INVALID
                                 : is_there         ? MAGPIE_OK
                                                    : MAGPIE_NOT_FOUND;
  EXPECT_STATUS(expected, mgp_store_item_remove(w->store, id, err));
  const bool forgets = w->plant == PLANT_FORGET_REMOVE && key % 16 == 5;
  if (expected == MAGPIE_OK && !forgets) w->pending.items[key] = (oracle_item){0};
  return true;
}

static inline void drop_items_of(oracle *o, unsigned source) {
  for (unsigned i = 0; i < KEYS_A_SOURCE; i++)
    o->items[source * KEYS_A_SOURCE + i] = (oracle_item){0};
}

static inline bool do_clear_source(world *w, unsigned key) {
  const unsigned source = key / KEYS_A_SOURCE;
  if (w->in_transaction && w->pending.sources[source] == 0) return true;
  EXPECT_STATUS(w->in_transaction ? MAGPIE_OK : MAGPIE_INVALID,
                mgp_store_source_clear(w->store, w->pending.sources[source], err));
  if (w->in_transaction) drop_items_of(&w->pending, source);
  return true;
}

static inline bool do_remove_source(world *w, unsigned key) {
  const unsigned source = key / KEYS_A_SOURCE;
  int64_t *number = &w->pending.sources[source];
  const int64_t asked = *number ? *number : INT64_C(1) << 40;
  const magpie_status expected = !w->in_transaction ? MAGPIE_INVALID
                                 : *number          ? MAGPIE_OK
                                                    : MAGPIE_NOT_FOUND;
  uint64_t items = 0, living = 0;
  EXPECT_STATUS(expected, mgp_store_source_remove(w->store, asked, &items, err));
  if (expected != MAGPIE_OK) return true;
  for (unsigned i = 0; i < KEYS_A_SOURCE; i++)
    living += w->pending.items[source * KEYS_A_SOURCE + i].number > 0;
  EXPECT(items == living, "s%u had %llu items, expected %llu", source, (unsigned long long)items,
         (unsigned long long)living);
  drop_items_of(&w->pending, source);
  *number = 0;
  return true;
}

/* ---- segments ---- */

static inline bool add_vectors(world *w) {
  float *rows = calloc(w->queue_count, STRIDE * sizeof *rows);
  for (size_t i = 0; i < w->queue_count; i++) {
    const owner who = w->owners[w->queue[i]];
    item_vector(who.key, who.version, rows + i * STRIDE);
  }
  const mgp_section sections[] = {
      {MGP_SECTION_IDS, w->queue, w->queue_count * sizeof *w->queue},
      {MGP_SECTION_VECTORS_F32, rows, w->queue_count * STRIDE * sizeof *rows}};
  magpie_error why = {0};
  const magpie_status status =
      mgp_store_segment_add(w->store, MGP_VECTORS_SPACE, w->queue_count, sections, 2, &why);
  free(rows);
  EXPECT(status == MAGPIE_OK, "adding a segment of vectors: %s", why.message);
  return true;
}

static inline bool fill_builder(world *w, mgp_lexical_builder *b) {
  for (size_t i = 0; i < w->queue_count; i++) {
    const owner who = w->owners[w->queue[i]];
    EXPECT_OK(mgp_lexical_builder_begin(b, w->queue[i], err));
    for (int j = 0; j < TERMS_A_ITEM; j++) {
      char term[24];
      item_term(who.key, who.version, j, term);
      EXPECT_OK(mgp_lexical_builder_term(b, term, strlen(term), err));
    }
  }
  return true;
}

static inline bool add_built_words(world *w, mgp_lexical_builder *b) {
  static const uint32_t kinds[MGP_LEXICAL_SECTIONS] = {
      MGP_SECTION_IDS, MGP_SECTION_LENGTHS, MGP_SECTION_DICTIONARY, MGP_SECTION_POSTINGS};
  mgp_bytes bytes[MGP_LEXICAL_SECTIONS];
  mgp_section sections[MGP_LEXICAL_SECTIONS];
  EXPECT_OK(mgp_lexical_builder_finish(b, bytes, err));
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++)
    sections[i] = (mgp_section){.kind = kinds[i], .data = bytes[i].data, .size = bytes[i].size};
  EXPECT_OK(mgp_store_segment_add(w->store, MGP_WORDS_SPACE, w->queue_count, sections,
                                  MGP_LEXICAL_SECTIONS, err));
  return true;
}

/* What was added goes into a segment, and so does what is dead by now. */
static inline bool flush_queue(world *w) {
  if (w->queue_count == 0) return true;
  mgp_lexical_builder *b = NULL;
  EXPECT_OK(mgp_lexical_builder_create(NULL, &b, err));
  const bool is_added = add_vectors(w) && fill_builder(w, b) && add_built_words(w, b);
  mgp_lexical_builder_destroy(b);
  w->queue_count = 0;
  return is_added;
}

static inline bool do_flush(world *w) {
  return !w->in_transaction || flush_queue(w);
}

static inline bool do_commit(world *w) {
  uint64_t generation = 0;
  if (w->in_transaction && !flush_queue(w)) return false;
  EXPECT_STATUS(w->in_transaction ? MAGPIE_OK : MAGPIE_INVALID,
                mgp_store_commit(w->store, &generation, err));
  if (!w->in_transaction) return true;
  EXPECT(generation == w->generation + 1, "the commit gave generation %llu after %llu",
         (unsigned long long)generation, (unsigned long long)w->generation);
  w->generation = generation;
  w->committed = w->pending;
  w->last_number = w->last_pending;
  w->t->tallies[TALLY_COMMITS]++;
  forget_transaction(w);
  return true;
}

static inline bool do_rollback(world *w) {
  mgp_store_rollback(w->store);
  forget_transaction(w);
  return true;
}

/* ---- merges ---- */

/* A merge changes no answer, but gives a generation. */
static inline bool take_generation(world *w, uint64_t least) {
  mgp_snapshot *snap = NULL;
  EXPECT_OK(mgp_snapshot_get(w->store, &snap, err));
  const uint64_t generation = mgp_snapshot_generation(snap);
  mgp_snapshot_release(snap);
  EXPECT(generation >= least, "generation %llu after %llu", (unsigned long long)generation,
         (unsigned long long)least);
  w->generation = generation;
  return true;
}

static inline bool do_merge(world *w, unsigned value, bool all) {
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = all;
  if (!w->is_locked) {
    magpie_merge_report report = {0};
    EXPECT_OK(magpie_merge(value & 1 ? w->other : w->ix, &options, &report, err));
    w->t->tallies[TALLY_MERGES] += report.merges;
    return take_generation(w, w->generation + report.merges);
  }
  EXPECT_STATUS(MAGPIE_LOCKED, magpie_merge(w->other, &options, NULL, err));
  if (w->in_transaction) return true;
  const uint64_t before = w->generation;
  if (value & 1) EXPECT_OK(mgp_engine_merge_due(w->ix, NULL, err));
  else EXPECT_OK(mgp_engine_merge_small(w->ix, NULL, err));
  if (!take_generation(w, before)) return false;
  w->t->tallies[TALLY_MERGES] += w->generation - before;
  return true;
}

/* ---- reading ---- */

static inline bool do_search(world *w, unsigned value, bool is_words) {
  mgp_snapshot *snap = NULL;
  if (!take_snapshot(w, value, &snap)) return false;
  const bool is_same = is_words ? compare_words(w, snap, &w->committed, value / 2)
                                : compare_search(w, snap, &w->committed, value / 2);
  mgp_snapshot_release(snap);
  w->t->tallies[TALLY_SEARCHES]++;
  return is_same;
}

static inline bool do_read(world *w, unsigned value) {
  mgp_snapshot *snap = NULL;
  if (!take_snapshot(w, value, &snap)) return false;
  const bool is_same = compare_snapshot(w, snap, &w->committed) &&
                       compare_catalog(w, value & 1 ? w->reader : w->store);
  mgp_snapshot_release(snap);
  w->t->tallies[TALLY_READS]++;
  return is_same;
}

static inline bool do_unpin(world *w, unsigned key) {
  pinned *pin = &w->pins[key % PINS];
  mgp_snapshot_release(pin->snapshot);
  pin->snapshot = NULL;
  return true;
}

static inline bool do_pin(world *w, unsigned key, unsigned value) {
  pinned *pin = &w->pins[key % PINS];
  do_unpin(w, key);
  if (!take_snapshot(w, value, &pin->snapshot)) {
    pin->snapshot = NULL;
    return false;
  }
  pin->then = w->committed;
  return true;
}

/* What was pinned is as it was, whatever was committed and merged since. */
static inline bool do_read_pin(world *w, unsigned key, unsigned value) {
  const pinned *pin = &w->pins[key % PINS];
  w->t->tallies[TALLY_READS]++;
  return !pin->snapshot || (compare_snapshot(w, pin->snapshot, &pin->then) &&
                            compare_search(w, pin->snapshot, &pin->then, value) &&
                            compare_words(w, pin->snapshot, &pin->then, value));
}

static inline bool do_reopen(world *w) {
  close_handles(w);
  forget_transaction(w);
  w->t->tallies[TALLY_REOPENS]++;
  return open_handles(w);
}

static inline bool do_check(world *w) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  EXPECT_OK(magpie_check(w->index, &options, &json, err));
  const bool is_clean = strstr(json, "\"ok\":true") != NULL;
  if (!is_clean) differ(w, "check --deep: %s", json);
  magpie_free(json);
  return is_clean;
}

/* A second writer is told who writes, or gets the lock. */
static inline bool do_second(world *w) {
  magpie_error why = {0};
  const magpie_status status = mgp_store_lock(w->other->store, 0, &why);
  char pid[32];
  snprintf(pid, sizeof pid, "pid %d", (int)getpid());
  EXPECT(status == (w->is_locked ? MAGPIE_LOCKED : MAGPIE_OK), "a second writer: %d %s",
         (int)status, why.message);
  EXPECT(!w->is_locked || (strstr(why.message, pid) && strstr(why.message, "started ")),
         "a second writer is told \"%s\"", why.message);
  mgp_store_unlock(w->other->store);
  return true;
}

/* ---- snapshots ---- */

static inline bool compare_copy(world *w) {
  mgp_store *copy = NULL;
  mgp_snapshot *snap = NULL;
  EXPECT_OK(mgp_store_open(NULL, w->copy, true, &copy, err));
  EXPECT_OK(mgp_snapshot_get(copy, &snap, err));
  const bool is_same = mgp_snapshot_generation(snap) == w->generation
                           ? compare_snapshot(w, snap, &w->committed)
                           : differ(w, "the snapshot is of another generation");
  mgp_snapshot_release(snap);
  mgp_store_close(&copy);
  return is_same;
}

/* Of the last commit, whether somebody writes or not. */
static inline bool do_snapshot(world *w, unsigned value) {
  magpie_snapshot_report report;
  if (w->copy[0]) EXPECT_OK(mgp_directory_remove(w->copy, err));
  snprintf(w->copy, sizeof w->copy, "%s.copy", w->index);
  EXPECT_OK(magpie_snapshot(value & 1 ? w->other : w->ix, w->copy, NULL, &report, err));
  w->copied = w->committed;
  w->copied_generation = report.generation;
  w->copied_number = w->last_number;
  w->t->tallies[TALLY_SNAPSHOTS]++;
  return compare_copy(w);
}

static inline bool do_restore(world *w) {
  magpie_restore_options options;
  magpie_restore_options_defaults(&options);
  if (!w->copy[0]) return true;
  EXPECT_STATUS(MAGPIE_INVALID, magpie_restore(w->copy, w->index, &options, NULL, err));
  options.replace = true;
  if (w->is_locked) {
    EXPECT_STATUS(MAGPIE_LOCKED, magpie_restore(w->copy, w->index, &options, NULL, err));
    return true;
  }
  close_handles(w);
  EXPECT_OK(magpie_restore(w->copy, w->index, &options, NULL, err));
  w->committed = w->copied;
  w->generation = w->copied_generation;
  w->last_number = w->copied_number;
  forget_transaction(w);
  w->t->tallies[TALLY_RESTORES]++;
  return open_handles(w);
}

/* ---- a list ---- */

static inline bool do_operation(world *w, const operation *op) {
  const unsigned key = op->key % KEYS, value = op->value;
  switch ((store_verb)op->verb) {
  case STORE_LOCK:
    return do_lock(w);
  case STORE_UNLOCK:
    return do_unlock(w);
  case STORE_BEGIN:
    return do_begin(w);
  case STORE_ADD:
    return do_add(w, key, value);
  case STORE_REMOVE:
    return do_remove(w, key);
  case STORE_CLEAR_SOURCE:
    return do_clear_source(w, key);
  case STORE_REMOVE_SOURCE:
    return do_remove_source(w, key);
  case STORE_FLUSH:
    return do_flush(w);
  case STORE_COMMIT:
    return do_commit(w);
  case STORE_ROLLBACK:
    return do_rollback(w);
  case STORE_MERGE:
  case STORE_MERGE_ALL:
    return do_merge(w, value, op->verb == STORE_MERGE_ALL);
  case STORE_SEARCH:
  case STORE_WORDS:
    return do_search(w, value, op->verb == STORE_WORDS);
  case STORE_READ:
    return do_read(w, value);
  case STORE_PIN:
    return do_pin(w, key, value);
  case STORE_READ_PIN:
    return do_read_pin(w, key, value);
  case STORE_UNPIN:
    return do_unpin(w, key);
  case STORE_REOPEN:
    return do_reopen(w);
  case STORE_CHECK:
    return do_check(w);
  case STORE_SECOND:
    return do_second(w);
  case STORE_SNAPSHOT:
    return do_snapshot(w, value);
  case STORE_RESTORE:
    return do_restore(w);
  default:
    return differ(w, "no operation has the number %u", op->verb);
  }
}

static inline bool run_store(const operation_list *list, int plant, trial *t) {
  world *w = calloc(1, sizeof *w);
  w->t = t;
  w->plant = plant;
  if (!make_folder(t)) return differ(w, "cannot make %s", t->folder);
  snprintf(w->index, sizeof w->index, "%s/t.mgp", t->folder);
  *mgp_segment_small_limit() = 2048; /* some lie in the catalog, others in files */
  bool is_same = open_handles(w) && take_generation(w, 0);
  for (t->at = 0; is_same && t->at < list->count; t->at++)
    if (!do_operation(w, &list->items[t->at])) break;
  is_same = is_same && t->at == list->count;
  if (is_same) is_same = do_read(w, 0) && do_read(w, 1) && do_check(w);
  close_handles(w);
  free(w->owners);
  free(w);
  return is_same;
}

static const model store_model = {
    .name = "store", .verbs = store_verbs, .verb_count = STORE_VERB_COUNT, .run = run_store};

/* ---- drawing one ---- */

/* How often an operation is drawn: without the lock, with it, and in a transaction. */
static const unsigned store_weights[3][STORE_VERB_COUNT] = {
    {[STORE_LOCK] = 200,        [STORE_UNLOCK] = 2,    [STORE_BEGIN] = 2,
     [STORE_ADD] = 2,           [STORE_REMOVE] = 2,    [STORE_CLEAR_SOURCE] = 1,
     [STORE_REMOVE_SOURCE] = 1, [STORE_COMMIT] = 2,    [STORE_ROLLBACK] = 2,
     [STORE_MERGE] = 30,        [STORE_MERGE_ALL] = 6, [STORE_SEARCH] = 40,
     [STORE_WORDS] = 20,        [STORE_READ] = 10,     [STORE_PIN] = 10,
     [STORE_READ_PIN] = 6,      [STORE_UNPIN] = 6,     [STORE_REOPEN] = 8,
     [STORE_CHECK] = 2,         [STORE_SECOND] = 30,   [STORE_SNAPSHOT] = 4,
     [STORE_RESTORE] = 3},
    {[STORE_LOCK] = 5,
     [STORE_UNLOCK] = 60,
     [STORE_BEGIN] = 600,
     [STORE_ADD] = 5,
     [STORE_REMOVE] = 5,
     [STORE_COMMIT] = 5,
     [STORE_ROLLBACK] = 5,
     [STORE_MERGE] = 60,
     [STORE_SEARCH] = 150,
     [STORE_WORDS] = 70,
     [STORE_READ] = 40,
     [STORE_PIN] = 20,
     [STORE_READ_PIN] = 10,
     [STORE_UNPIN] = 10,
     [STORE_REOPEN] = 2,
     [STORE_SECOND] = 5,
     [STORE_SNAPSHOT] = 4,
     [STORE_RESTORE] = 1},
    {[STORE_LOCK] = 2,           [STORE_UNLOCK] = 3,   [STORE_BEGIN] = 2,
     [STORE_ADD] = 600,          [STORE_REMOVE] = 200, [STORE_CLEAR_SOURCE] = 10,
     [STORE_REMOVE_SOURCE] = 10, [STORE_FLUSH] = 10,   [STORE_COMMIT] = 35,
     [STORE_ROLLBACK] = 8,       [STORE_MERGE] = 2,    [STORE_SEARCH] = 40,
     [STORE_WORDS] = 20,         [STORE_READ] = 6,     [STORE_PIN] = 4,
     [STORE_READ_PIN] = 4,       [STORE_UNPIN] = 4,    [STORE_REOPEN] = 1,
     [STORE_CHECK] = 2,          [STORE_SECOND] = 4,   [STORE_SNAPSHOT] = 1},
};

/* Follows lock and transaction, so that most of what is drawn can be done. */
static inline operation_list draw_store_list(uint64_t seed, size_t count) {
  operation_list out = {.items = calloc(count, sizeof(operation)), .count = count};
  int state = 0;
  for (size_t i = 0; i < count; i++) {
    const unsigned verb = draw_weighted(&seed, store_weights[state], STORE_VERB_COUNT);
    out.items[i] = (operation){
        .verb = verb, .key = random_below(&seed, KEYS), .value = random_below(&seed, 1000000)};
    if (verb == STORE_UNLOCK || verb == STORE_REOPEN) state = 0;
    else if (verb == STORE_LOCK && state == 0) state = 1;
    else if (verb == STORE_BEGIN && state == 1) state = 2;
    else if ((verb == STORE_COMMIT || verb == STORE_ROLLBACK) && state == 2) state = 1;
  }
  return out;
}

#endif
