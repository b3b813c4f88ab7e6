/* SPDX-License-Identifier: Apache-2.0
 *
 * What a merge reads: the list of segments with the rows that still live, and some of them mapped.
 * Which items live is a bit for each number; an item without a row in the catalog is dead.
 */
#include "store/live_items.h"
#include "store/merge_store.h"
#include "store/rows.h"
#include "store/segment.h"

/* ---- living items -----------------------------------------------------------------------------
 */

/* A bit for each number from `first` on. */
typedef struct live_bits {
  unsigned char *bits;
  uint64_t first, end;
} live_bits;

static bool bit_of(const live_bits *b, uint64_t id) {
  if (id < b->first || id >= b->end) return false;
  const uint64_t at = id - b->first;
  return b->bits[at / 8] >> (at % 8) & 1;
}

static magpie_status set_bits(void *context, int64_t number, int64_t count, int kind,
                              magpie_error *err) {
  (void)kind, (void)err;
  live_bits *b = context;
  for (int64_t i = 0; i < count; i++) {
    const uint64_t at = (uint64_t)(number + i) - b->first;
    b->bits[at / 8] |= (unsigned char)(1u << at % 8);
  }
  return MAGPIE_OK;
}

static magpie_status fill_bits(mgp_store *s, mgp_connection *c, int64_t next_item, live_bits *b,
                               magpie_error *err) {
  MGP_RETURN_IF(next_item < 0 || next_item > ITEM_NUMBER_MAX, err, MAGPIE_CORRUPT,
                "the catalog %s is damaged: its next item has number %lld", s->catalog_path,
                (long long)next_item);
  if (b->end > (uint64_t)next_item) b->end = (uint64_t)next_item; /* no item beyond can live */
  if (b->first > b->end) b->first = b->end;
  const uint64_t numbers = b->end - b->first;
  b->bits = mgp_calloc(s->alloc, (size_t)(numbers / 8 + 1), 1);
  MGP_RETURN_IF(!b->bits, err, MAGPIE_NO_MEMORY, "no memory for the %llu items of a merge",
                (unsigned long long)numbers);
  return mgp_live_read(s, c, (int64_t)b->first, (int64_t)b->end, set_bits, b, err);
}

/* ---- the list ---------------------------------------------------------------------------------
 */

typedef struct segment_list {
  mgp_segment_info *infos;
  uint64_t *checksums;
  bool *is_known; /* counted before */
  size_t count, capacity, checksum_capacity;
} segment_list;

static magpie_status read_list(mgp_store *s, mgp_connection *c, mgp_alloc *a, segment_list *list,
                               magpie_error *err) {
  sqlite3_stmt *statement = NULL;
  bool row = false;
  MGP_FORWARD(mgp_catalog_statement(s, c, SQL_SEGMENTS, &statement, err));
  MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  while (row) {
    MGP_RETURN_IF(!MGP_GROW(a, list->infos, list->capacity, list->count + 1) ||
                      !MGP_GROW(a, list->checksums, list->checksum_capacity, list->count + 1),
                  err, MAGPIE_NO_MEMORY, "no memory for the segments of %s", s->path);
    mgp_segment_info *info = &list->infos[list->count];
    const char *space = (const char *)sqlite3_column_text(statement, 1);
    *info = (mgp_segment_info){.number = sqlite3_column_int64(statement, 0),
                               .count = (uint64_t)sqlite3_column_int64(statement, 2),
                               .bytes = (uint64_t)sqlite3_column_int64(statement, 3)};
    info->live = info->count;
    snprintf(info->space, sizeof info->space, "%s", space ? space : "");
    list->checksums[list->count++] = (uint64_t)sqlite3_column_int64(statement, 4);
    MGP_FORWARD(mgp_catalog_step(s, c, statement, &row, err));
  }
  return MAGPIE_OK;
}

/* NULL when the file has no ids for all of its rows. */
static const uint64_t *ids_of(const mgp_segment_parsed *parsed) {
  for (uint32_t i = 0; i < parsed->header.section_count; i++)
    if (parsed->sections[i].kind == MGP_SECTION_IDS &&
        parsed->sections[i].size / sizeof(uint64_t) == parsed->header.count)
      return parsed->sections[i].data;
  return NULL;
}

/* Only header and ids are read; a search or a merge checks the rest. */
static void count_one(mgp_store *s, const live_bits *bits, uint64_t checksum,
                      mgp_segment_info *info) {
  mgp_segment_bytes bytes;
  if (mgp_segment_bytes_open(s, info->number, info->bytes, &bytes, NULL) != MAGPIE_OK) return;
  mgp_segment_parsed parsed;
  const bool is_good =
      mgp_segment_parse(bytes.name, bytes.map.data, bytes.map.size, &parsed, NULL) == MAGPIE_OK &&
      parsed.header.checksum == checksum && parsed.header.count == info->count;
  const uint64_t *ids = is_good ? ids_of(&parsed) : NULL;
  for (uint64_t i = 0; ids && i < info->count; i++) info->live -= !bit_of(bits, ids[i]);
  for (uint32_t i = 0; is_good && i < parsed.header.section_count; i++)
    info->has_extras = info->has_extras || MGP_SECTION_IS_EXTRA(parsed.sections[i].kind);
  mgp_segment_bytes_close(s->alloc, &bytes);
}

/* What is known already; *all: that is everything. */
static magpie_status take_known(mgp_store *s, mgp_alloc *a, uint64_t generation, segment_list *list,
                                bool *all, magpie_error *err) {
  list->is_known = mgp_calloc(a, list->count + 1, sizeof *list->is_known);
  MGP_RETURN_IF(!list->is_known, err, MAGPIE_NO_MEMORY, "no memory for the segments of %s",
                s->path);
  *all = true;
  for (size_t i = 0; i < list->count; i++) {
    list->is_known[i] = mgp_counts_find(s, generation, list->checksums[i], &list->infos[i]);
    *all = *all && list->is_known[i];
  }
  return MAGPIE_OK;
}

magpie_status mgp_store_segments(mgp_store *s, mgp_alloc *a, bool count_live,
                                 mgp_segment_info **out, size_t *count, magpie_error *err) {
  *out = NULL;
  *count = 0;
  segment_list list = {0};
  live_bits bits = {.end = UINT64_MAX};
  mgp_head head = {0};
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_run(s, c, SQL_READ_BEGIN, err);
  if (status == MAGPIE_OK) status = mgp_catalog_head(s, c, &head, err);
  if (status == MAGPIE_OK) status = read_list(s, c, a, &list, err);
  bool all = !count_live;
  if (status == MAGPIE_OK && count_live)
    status = take_known(s, a, head.generation, &list, &all, err);
  if (status == MAGPIE_OK && !all) status = fill_bits(s, c, head.next_item, &bits, err);
  mgp_catalog_release(s, c);
  for (size_t i = 0; status == MAGPIE_OK && !all && i < list.count; i++)
    if (!list.is_known[i]) count_one(s, &bits, list.checksums[i], &list.infos[i]);
  if (status == MAGPIE_OK && !all)
    mgp_counts_keep(s, head.generation, list.infos, list.checksums, list.count);
  mgp_free(s->alloc, bits.bits);
  mgp_free(a, list.is_known);
  mgp_free(a, list.checksums);
  if (status != MAGPIE_OK) {
    mgp_free(a, list.infos);
    return status;
  }
  *out = list.infos;
  *count = list.count;
  return MAGPIE_OK;
}

/* ---- some of them -----------------------------------------------------------------------------
 */

struct mgp_segment_set {
  mgp_alloc *alloc;
  mgp_segment **segments;
  mgp_segment_view *views;
  size_t count;
  live_bits bits;
};

void mgp_segment_set_close(mgp_segment_set *set) {
  if (!set) return;
  for (size_t i = 0; i < set->count; i++) mgp_segment_release(set->segments[i]);
  mgp_free(set->alloc, set->segments);
  mgp_free(set->alloc, set->views);
  mgp_free(set->alloc, set->bits.bits);
  mgp_free(set->alloc, set);
}

const mgp_segment_view *mgp_segment_set_view(const mgp_segment_set *set, size_t index) {
  return index < set->count ? &set->views[index] : NULL;
}

const mgp_section *mgp_segment_set_section(const mgp_segment_set *set, size_t index,
                                           uint32_t kind) {
  const mgp_segment_view *view = mgp_segment_set_view(set, index);
  for (size_t i = 0; view && i < view->section_count; i++)
    if (view->sections[i].kind == kind &&
        !(atomic_load(&set->segments[index]->bad_extras) >> i & 1))
      return &view->sections[i];
  return NULL;
}

bool mgp_segment_set_is_live(const void *set, uint64_t id) {
  return bit_of(&((const mgp_segment_set *)set)->bits, id);
}

static size_t find_info(const segment_list *list, int64_t number) {
  size_t low = 0, high = list->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (list->infos[middle].number < number) low = middle + 1;
    else high = middle;
  }
  return low < list->count && list->infos[low].number == number ? low : SIZE_MAX;
}

static magpie_status read_now(mgp_store *s, segment_list *list, magpie_error *err) {
  mgp_connection *c = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  const magpie_status status = read_list(s, c, s->alloc, list, err);
  mgp_catalog_release(s, c);
  return status;
}

static void free_list(mgp_store *s, segment_list *list) {
  mgp_free(s->alloc, list->infos);
  mgp_free(s->alloc, list->checksums);
  *list = (segment_list){0};
}

/* Gone since the list was read: not damaged, merged. */
static magpie_status explain_damage(mgp_store *s, int64_t number, const mgp_segment *segment,
                                    magpie_error *err) {
  segment_list list = {0};
  magpie_status status = read_now(s, &list, err);
  if (status == MAGPIE_OK && find_info(&list, number) == SIZE_MAX)
    status = mgp_fail(err, MAGPIE_NOT_FOUND, "segment %lld of %s was merged by another process",
                      (long long)number, s->path);
  else if (status == MAGPIE_OK) status = mgp_fail(err, MAGPIE_CORRUPT, "%s", segment->damage);
  free_list(s, &list);
  return status;
}

static magpie_status open_one(mgp_store *s, const segment_list *list, int64_t number,
                              mgp_segment_set *set, magpie_error *err) {
  const size_t at = find_info(list, number);
  MGP_RETURN_IF(at == SIZE_MAX, err, MAGPIE_NOT_FOUND,
                "segment %lld of %s was merged by another process", (long long)number, s->path);
  const mgp_segment_info *info = &list->infos[at];
  const mgp_segment_row row = {.number = number,
                               .space = info->space,
                               .count = info->count,
                               .size = info->bytes,
                               .checksum = list->checksums[at]};
  mgp_segment *segment = NULL;
  MGP_FORWARD(mgp_segment_open(s, &row, &segment, err));
  set->segments[set->count] = segment;
  set->views[set->count++] =
      (mgp_segment_view){.space = segment->space,
                         .file = segment->file,
                         .count = segment->parsed.header.count,
                         .sections = segment->parsed.sections,
                         .section_count = segment->parsed.header.section_count};
  if (segment->damage) return explain_damage(s, number, segment, err);
  MGP_FORWARD(mgp_segment_verify_once(segment, err));
  const uint64_t *ids = ids_of(&segment->parsed);
  MGP_RETURN_IF(!ids, err, MAGPIE_CORRUPT, "%s: it has no ids for its %llu rows", segment->file,
                (unsigned long long)info->count);
  for (uint64_t i = 0; i < info->count; i++) {
    if (ids[i] < set->bits.first) set->bits.first = ids[i];
    if (ids[i] >= set->bits.end && ids[i] < UINT64_MAX) set->bits.end = ids[i] + 1;
  }
  return MAGPIE_OK;
}

static magpie_status find_living(mgp_store *s, mgp_segment_set *set, magpie_error *err) {
  mgp_connection *c = NULL;
  mgp_head head = {0};
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = mgp_catalog_run(s, c, SQL_READ_BEGIN, err);
  if (status == MAGPIE_OK) status = mgp_catalog_head(s, c, &head, err);
  if (status == MAGPIE_OK) status = fill_bits(s, c, head.next_item, &set->bits, err);
  mgp_catalog_release(s, c);
  return status;
}

magpie_status mgp_segment_set_open(mgp_store *s, const int64_t *numbers, size_t count,
                                   mgp_segment_set **out, size_t *bad, magpie_error *err) {
  *out = NULL;
  *bad = SIZE_MAX;
  mgp_segment_set *set = mgp_calloc(s->alloc, 1, sizeof *set);
  MGP_RETURN_IF(!set, err, MAGPIE_NO_MEMORY, "no memory to merge in %s", s->path);
  set->alloc = s->alloc;
  set->bits.first = UINT64_MAX;
  set->segments = mgp_calloc(s->alloc, count, sizeof(mgp_segment *));
  set->views = mgp_calloc(s->alloc, count, sizeof *set->views);
  segment_list list = {0};
  magpie_status status = set->segments && set->views
                             ? read_now(s, &list, err)
                             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to merge in %s", s->path);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) {
    status = open_one(s, &list, numbers[i], set, err);
    if (status != MAGPIE_OK) *bad = i;
  }
  if (status == MAGPIE_OK) status = find_living(s, set, err);
  free_list(s, &list);
  if (status != MAGPIE_OK) mgp_segment_set_close(set);
  else *out = set;
  return status;
}
