/* SPDX-License-Identifier: Apache-2.0
 *
 * A k-way merge of ascending id lists by a heap of their heads. Lists whose ranges do not touch, as
 * those of commits, cost one comparison a row.
 */
#include "index/merge.h"

typedef struct head {
  uint64_t id;
  size_t list, row;
} head;

struct mgp_merge_rows {
  mgp_alloc *alloc;
  const mgp_id_list *lists;
  mgp_filter live;
  head *heap; /* the lowest id at [0] */
  size_t count;
  uint64_t last;
  bool has_last;
};

static bool is_live(const mgp_merge_rows *m, uint64_t id) {
  return !m->live.allow || m->live.allow(m->live.context, id);
}

static magpie_status fail_order(uint64_t id, magpie_error *err) {
  return mgp_fail(err, MAGPIE_CORRUPT,
                  "merging segments: item %llu comes twice, or not in its order",
                  (unsigned long long)id);
}

static void sift_down(mgp_merge_rows *m, size_t at) {
  for (size_t child = 2 * at + 1; child < m->count; at = child, child = 2 * at + 1) {
    if (child + 1 < m->count && m->heap[child + 1].id < m->heap[child].id) child++;
    if (m->heap[at].id <= m->heap[child].id) return;
    const head moved = m->heap[at];
    m->heap[at] = m->heap[child];
    m->heap[child] = moved;
  }
}

/* Moves to the first living row from h->row on; row == count at the end. */
static magpie_status find_living(const mgp_merge_rows *m, head *h, magpie_error *err) {
  const mgp_id_list *list = &m->lists[h->list];
  for (; h->row < list->count; h->row++) {
    const uint64_t id = list->ids[h->row];
    if (h->row > 0 && list->ids[h->row - 1] >= id) return fail_order(id, err);
    h->id = id;
    if (is_live(m, id)) return MAGPIE_OK;
  }
  return MAGPIE_OK;
}

magpie_status mgp_merge_rows_create(mgp_alloc *a, const mgp_id_list *lists, size_t count,
                                    const mgp_filter *live, mgp_merge_rows **out,
                                    magpie_error *err) {
  *out = NULL;
  mgp_merge_rows *m = mgp_calloc(a, 1, sizeof *m);
  if (m) m->heap = mgp_calloc(a, count ? count : 1, sizeof *m->heap);
  if (!m || !m->heap) {
    mgp_free(a, m);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to merge %zu segments", count);
  }
  m->alloc = a;
  m->lists = lists;
  if (live) m->live = *live;
  for (size_t i = 0; i < count; i++) {
    head h = {.list = i};
    const magpie_status status = find_living(m, &h, err);
    if (status != MAGPIE_OK) {
      mgp_merge_rows_destroy(m);
      return status;
    }
    if (h.row < lists[i].count) m->heap[m->count++] = h;
  }
  for (size_t i = m->count / 2; i-- > 0;) sift_down(m, i);
  *out = m;
  return MAGPIE_OK;
}

magpie_status mgp_merge_rows_next(mgp_merge_rows *m, bool *more, size_t *list, size_t *row,
                                  magpie_error *err) {
  *more = m->count > 0;
  if (!*more) return MAGPIE_OK;
  head *first = &m->heap[0];
  if (m->has_last && first->id <= m->last) return fail_order(first->id, err);
  m->last = first->id;
  m->has_last = true;
  *list = first->list;
  *row = first->row++;
  MGP_FORWARD(find_living(m, first, err));
  if (first->row >= m->lists[first->list].count) *first = m->heap[--m->count];
  sift_down(m, 0);
  return MAGPIE_OK;
}

void mgp_merge_rows_destroy(mgp_merge_rows *m) {
  if (!m) return;
  mgp_free(m->alloc, m->heap);
  mgp_free(m->alloc, m);
}
