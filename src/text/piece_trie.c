/* SPDX-License-Identifier: Apache-2.0
 *
 * piece_trie: builds the trie of piece_trie.h breadth first. Each node owns a range of the order;
 * partitioning that range by the byte at its depth gives its children (one step of a radix sort),
 * so the build is linear in the bytes of the vocabulary.
 */
#include "text/piece_trie.h"

typedef struct range {
  uint32_t low, high, depth;
} range;

typedef struct builder {
  mgp_alloc *alloc;
  const mgp_piece *pieces;
  uint32_t *order, *scratch;
  mgp_trie_node *nodes;
  unsigned char *labels;
  range *ranges;
  size_t count, node_capacity, label_capacity, range_capacity;
} builder;

static bool add_node(builder *b, range r, unsigned char label) {
  if (!MGP_GROW(b->alloc, b->nodes, b->node_capacity, b->count + 1)) return false;
  if (!MGP_GROW(b->alloc, b->labels, b->label_capacity, b->count + 1)) return false;
  if (!MGP_GROW(b->alloc, b->ranges, b->range_capacity, b->count + 1)) return false;
  b->nodes[b->count] = (mgp_trie_node){.piece = -1};
  b->labels[b->count] = label;
  b->ranges[b->count++] = r;
  return true;
}

static unsigned char byte_at(const builder *b, uint32_t piece, uint32_t depth) {
  return (unsigned char)b->pieces[piece].text[depth];
}

/* Moves the pieces that end at this depth to the front; the first of them in the vocabulary wins.
 */
static uint32_t take_ended(builder *b, range r, int32_t *piece) {
  uint32_t ended = r.low;
  for (uint32_t i = r.low; i < r.high; i++) {
    const uint32_t p = b->order[i];
    if (b->pieces[p].size != r.depth) continue;
    if (*piece < 0 || p < (uint32_t)*piece) *piece = (int32_t)p;
    b->order[i] = b->order[ended];
    b->order[ended++] = p;
  }
  return ended;
}

static void sort_small(builder *b, range r) {
  for (uint32_t i = r.low + 1; i < r.high; i++) {
    const uint32_t p = b->order[i];
    const unsigned char key = byte_at(b, p, r.depth);
    uint32_t k = i;
    for (; k > r.low && byte_at(b, b->order[k - 1], r.depth) > key; k--)
      b->order[k] = b->order[k - 1];
    b->order[k] = p;
  }
}

static void sort_counting(builder *b, range r) {
  uint32_t starts[257] = {0};
  for (uint32_t i = r.low; i < r.high; i++) starts[byte_at(b, b->order[i], r.depth) + 1]++;
  for (int c = 0; c < 256; c++) starts[c + 1] += starts[c];
  for (uint32_t i = r.low; i < r.high; i++) {
    const uint32_t p = b->order[i];
    b->scratch[starts[byte_at(b, p, r.depth)]++] = p;
  }
  memcpy(b->order + r.low, b->scratch, (r.high - r.low) * sizeof *b->order);
}

static bool split_node(builder *b, size_t node) {
  range r = b->ranges[node];
  if (r.high - r.low == 1) {
    b->nodes[node].piece = (int32_t)b->order[r.low];
    b->nodes[node].count = MGP_TRIE_TAIL;
    return true;
  }
  int32_t piece = -1;
  r.low = take_ended(b, r, &piece);
  if (r.high - r.low <= 24) sort_small(b, r);
  else sort_counting(b, r);
  const size_t first = b->count;
  for (uint32_t i = r.low; i < r.high;) {
    const unsigned char label = byte_at(b, b->order[i], r.depth);
    uint32_t end = i + 1;
    while (end < r.high && byte_at(b, b->order[end], r.depth) == label) end++;
    if (!add_node(b, (range){i, end, r.depth + 1}, label)) return false;
    i = end;
  }
  b->nodes[node] = (mgp_trie_node){
      .first = (uint32_t)first, .count = (uint32_t)(b->count - first), .piece = piece};
  return true;
}

bool mgp_trie_build(mgp_alloc *a, const mgp_piece *pieces, size_t count, mgp_trie *out) {
  *out = (mgp_trie){.alloc = a, .pieces = pieces};
  builder b = {.alloc = a, .pieces = pieces};
  b.order = mgp_malloc(a, (count + 1) * sizeof *b.order);
  b.scratch = mgp_malloc(a, (count + 1) * sizeof *b.scratch);
  bool done = b.order && b.scratch;
  uint32_t used = 0;
  for (size_t i = 0; done && i < count; i++)
    if (pieces[i].size > 0) b.order[used++] = (uint32_t)i;
  if (done && used > 0) {
    done = add_node(&b, (range){0, used, 0}, 0);
    for (size_t n = 0; done && n < b.count; n++) done = split_node(&b, n);
  }
  mgp_free(a, b.order);
  mgp_free(a, b.scratch);
  mgp_free(a, b.ranges);
  if (!done) {
    mgp_free(a, b.nodes);
    mgp_free(a, b.labels);
    return false;
  }
  out->nodes = b.nodes;
  out->labels = b.labels;
  return true;
}

void mgp_trie_fini(mgp_trie *trie) {
  mgp_free(trie->alloc, trie->nodes);
  mgp_free(trie->alloc, trie->labels);
  trie->nodes = NULL;
  trie->labels = NULL;
}
