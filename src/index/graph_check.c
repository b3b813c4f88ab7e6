/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a graph as a build leaves it? What opening and checksums cannot tell: a file written wrongly
 * is whole, and searches of it stay inside of it, but they find too little.
 */
#include "index/graph_private.h"

static magpie_status check_list(const mgp_graph *g, uint32_t node, uint32_t *last,
                                magpie_error *err) {
  const uint32_t *list = g->edges + (size_t)node * g->degree;
  size_t size = 0;
  while (size < g->degree && list[size] != MGP_GRAPH_NONE) size++;
  for (size_t i = 0; i < g->degree; i++) {
    MGP_RETURN_IF((list[i] == MGP_GRAPH_NONE) != (i >= size), err, MAGPIE_CORRUPT,
                  "the graph's node %u has an edge behind its last", node);
    if (i >= size) continue;
    MGP_RETURN_IF(list[i] == node, err, MAGPIE_CORRUPT, "the graph's node %u has an edge to itself",
                  node);
    MGP_RETURN_IF(last[list[i]] == node + 1, err, MAGPIE_CORRUPT,
                  "the graph's node %u has two edges to node %u", node, list[i]);
    last[list[i]] = node + 1;
  }
  return MAGPIE_OK;
}

/* Breadth first from the entries; `queue` has room for all nodes, `is_met` holds zeros. */
static size_t count_reached(const mgp_graph *g, uint32_t *queue, uint8_t *is_met) {
  size_t head = 0, tail = 0;
  for (size_t i = 0; i < g->entry_count; i++) {
    if (is_met[g->entries[i]]) continue;
    is_met[g->entries[i]] = 1;
    queue[tail++] = g->entries[i];
  }
  while (head < tail) {
    const uint32_t *list = g->edges + (size_t)queue[head++] * g->degree;
    for (size_t i = 0; i < g->degree && list[i] != MGP_GRAPH_NONE; i++) {
      if (is_met[list[i]]) continue;
      is_met[list[i]] = 1;
      queue[tail++] = list[i];
    }
  }
  return tail;
}

static magpie_status check_edges(const mgp_graph *g, mgp_alloc *a, magpie_error *err) {
  const size_t count = g->rows.count;
  uint32_t *numbers = mgp_calloc(a, count + 1, sizeof *numbers);
  uint8_t *is_met = mgp_calloc(a, count + 1, 1);
  magpie_status status =
      numbers && is_met
          ? MAGPIE_OK
          : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to check a graph of %zu nodes", count);
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++)
    status = check_list(g, (uint32_t)i, numbers, err);
  const size_t reached = status == MAGPIE_OK ? count_reached(g, numbers, is_met) : count;
  if (reached < count)
    status = mgp_fail(err, MAGPIE_CORRUPT, "of the graph's %zu nodes no way leads to %zu", count,
                      count - reached);
  mgp_free(a, numbers);
  mgp_free(a, is_met);
  return status;
}

magpie_status mgp_graph_check(const void *data, size_t size, const mgp_graph_rows *rows,
                              mgp_alloc *a, magpie_error *err) {
  mgp_graph *g = NULL;
  MGP_FORWARD(mgp_graph_open(data, size, rows, a, &g, err));
  magpie_status status = mgp_graph_verify(g, err);
  if (status == MAGPIE_OK) status = check_edges(g, a, err);
  mgp_graph_close(g);
  return status;
}
