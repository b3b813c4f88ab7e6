/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranking: hits in trec_eval's order, score as a float from high to low, then id from high to low.
 * A full ranking is a radix sort of the scores with the index beneath; ids are only compared where
 * scores are equal, which is rare. The best few need no sort: a heap passes over the scores once.
 */
#include <stdlib.h>

#include "eval/ranked.h"

#define RADIX_FROM 128 /* fewer hits are sorted by insertion */

bool mgp_rank_reserve(mgp_alloc *a, mgp_rank_scratch *s, size_t count) {
  if (count <= s->capacity) return true;
  if (count > SIZE_MAX / 4 || !MGP_GROW(a, s->keys, s->key_capacity, count * 2) ||
      !MGP_GROW(a, s->hits, s->hit_capacity, count))
    return false;
  s->capacity = count;
  return true;
}

void mgp_rank_scratch_fini(mgp_alloc *a, mgp_rank_scratch *scratch) {
  mgp_free(a, scratch->keys);
  mgp_free(a, scratch->hits);
  *scratch = (mgp_rank_scratch){0};
}

/* Ascending keys are descending scores; the index below tells where the hit stands. */
static uint64_t key_of(float score, size_t index) {
  const float positive_zero = score + 0.0f; /* -0 and 0 are one score */
  uint32_t bits;
  memcpy(&bits, &positive_zero, sizeof bits);
  bits = bits >> 31 ? bits : ~bits & UINT32_C(0x7fffffff);
  return (uint64_t)bits << 32 | (uint32_t)index;
}

static void insertion_sort(uint64_t *keys, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const uint64_t key = keys[i];
    size_t j = i;
    for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1];
    keys[j] = key;
  }
}

/* By the upper half, eight bits a pass; stable. Yields where the sorted keys are. */
static uint64_t *radix_sort(uint64_t *keys, uint64_t *other, size_t count) {
  uint32_t starts[4][256] = {{0}};
  for (size_t i = 0; i < count; i++)
    for (unsigned pass = 0; pass < 4; pass++) starts[pass][keys[i] >> (32 + 8 * pass) & 255]++;
  for (unsigned pass = 0; pass < 4; pass++) {
    const unsigned shift = 32 + 8 * pass;
    uint32_t *at = starts[pass];
    if (at[keys[0] >> shift & 255] == count) continue; /* all alike */
    for (uint32_t i = 0, sum = 0; i < 256; i++) {
      const uint32_t size = at[i];
      at[i] = sum;
      sum += size;
    }
    for (size_t i = 0; i < count; i++) other[at[keys[i] >> shift & 255]++] = keys[i];
    uint64_t *sorted = other;
    other = keys;
    keys = sorted;
  }
  return keys;
}

static int compare_ids(const void *a, const void *b) {
  return strcmp(((const magpie_run_hit *)b)->document, ((const magpie_run_hit *)a)->document);
}

static void sort_ties(magpie_run_hit *hits, size_t count) {
  if (count > 2) qsort(hits, count, sizeof *hits, compare_ids);
  else if (compare_ids(&hits[0], &hits[1]) > 0) { /* what the fusion of two runs is full of */
    const magpie_run_hit first = hits[0];
    hits[0] = hits[1];
    hits[1] = first;
  }
}

void mgp_rank_hits(magpie_run_hit *hits, size_t count, mgp_rank_scratch *scratch) {
  if (count < 2) return;
  uint64_t *keys = scratch->keys;
  for (size_t i = 0; i < count; i++) keys[i] = key_of(hits[i].score, i);
  if (count < RADIX_FROM) insertion_sort(keys, count);
  else keys = radix_sort(keys, keys + count, count);
  memcpy(scratch->hits, hits, count * sizeof *hits);
  for (size_t i = 0; i < count; i++) hits[i] = scratch->hits[keys[i] & UINT32_MAX];
  for (size_t i = 0, next = 0; i < count; i = next) {
    for (next = i + 1; next < count && hits[next].score == hits[i].score;) next++;
    if (next - i > 1) sort_ties(hits + i, next - i);
  }
}

/* ---- the best few ------------------------------------------------------------------------ */

/* heap[0] is the worst kept: moves the hit at `i` down until its children come before it. */
static void sift_down(magpie_run_hit *heap, size_t count, size_t i) {
  const magpie_run_hit moved = heap[i];
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && mgp_hit_before(&heap[child], &heap[child + 1])) child++;
    if (!mgp_hit_before(&moved, &heap[child])) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = moved;
}

void mgp_select_hits(const magpie_run_hit *hits, size_t count, size_t k, magpie_run_hit *out) {
  if (k > count) k = count;
  if (k == 0) return;
  memcpy(out, hits, k * sizeof *out);
  for (size_t i = k / 2; i-- > 0;) sift_down(out, k, i);
  for (size_t i = k; i < count; i++) {
    if (hits[i].score < out[0].score || !mgp_hit_before(&hits[i], &out[0])) continue;
    out[0] = hits[i];
    sift_down(out, k, 0);
  }
  for (size_t left = k; left-- > 1;) { /* the worst goes to the end, and so on */
    const magpie_run_hit worst = out[0];
    out[0] = out[left];
    out[left] = worst;
    sift_down(out, left, 0);
  }
}
