/* SPDX-License-Identifier: Apache-2.0
 *
 * A collection whose content is a function of a seed and the number of changes made so far, so that
 * any process knows what a generation must hold. Vectors have length 1 and dot products that floats
 * hold exactly.
 */
#ifndef GENERATIONS_H
#define GENERATIONS_H

#include "engine/engine.h"
#include "operation_list.h"

#define KEYS 240
#define VECTOR_DIM 8
#define ADD_MAX 12

/* Adds records first, first + 1, ... modulo KEYS in this version, or removes `first`. */
typedef struct change {
  bool is_removal;
  unsigned first, count, version;
} change;

/* What the collection holds after `epoch` changes. */
typedef struct content {
  uint64_t seed;
  unsigned epoch;
  unsigned versions[KEYS]; /* 0: not there */
  uint64_t ages[KEYS];     /* the order in which they came */
  uint64_t next_age;
} content;

static inline change next_change(const content *c) {
  uint64_t random = c->seed ^ (uint64_t)c->epoch << 24;
  change out = {.first = random_below(&random, KEYS), .version = c->epoch + 1};
  out.is_removal = random_below(&random, 100) < 40 && c->versions[out.first] > 0;
  out.count = out.is_removal ? 1 : 1 + random_below(&random, ADD_MAX);
  return out;
}

static inline void make_change(content *c) {
  const change next = next_change(c);
  for (unsigned i = 0; i < next.count; i++) {
    const unsigned key = (next.first + i) % KEYS;
    c->versions[key] = next.is_removal ? 0 : next.version;
    c->ages[key] = c->next_age++;
  }
  c->epoch++;
}

static inline void record_vector(unsigned key, unsigned version, float out[VECTOR_DIM]) {
  uint64_t random = (uint64_t)key << 40 ^ version;
  memset(out, 0, VECTOR_DIM * sizeof *out);
  for (int placed = 0; placed < 4;) {
    const uint64_t x = next_random(&random);
    if (out[x % VECTOR_DIM] != 0) continue;
    out[x % VECTOR_DIM] = x >> 63 ? 0.5F : -0.5F;
    placed++;
  }
}

static inline void record_text(unsigned key, unsigned version, char out[64]) {
  snprintf(out, 64, "Record key%u as of version %u.", key, version);
}

/* Adds or removes what next_change says, in one commit. */
static inline magpie_status do_change(magpie *ix, const change *c, uint64_t *generation,
                                      magpie_error *err) {
  magpie_report report = {0};
  magpie_record records[ADD_MAX];
  char ids[ADD_MAX][24], texts[ADD_MAX][64];
  float vectors[ADD_MAX][VECTOR_DIM];
  for (unsigned i = 0; i < c->count; i++) {
    const unsigned key = (c->first + i) % KEYS;
    snprintf(ids[i], sizeof ids[i], "r%u", key);
    record_text(key, c->version, texts[i]);
    record_vector(key, c->version, vectors[i]);
    records[i] =
        (magpie_record){.id = ids[i], .text = texts[i], .vector = vectors[i], .dim = VECTOR_DIM};
  }
  const magpie_status status = c->is_removal
                                   ? magpie_remove(ix, ids[0], &report, err)
                                   : magpie_add_records(ix, records, c->count, NULL, &report, err);
  *generation = report.generation;
  return status;
}

typedef struct ranked {
  unsigned key;
  float score;
  uint64_t age;
} ranked;

static inline int compare_ranked(const void *a, const void *b) {
  const ranked x = *(const ranked *)a, y = *(const ranked *)b;
  if (x.score != y.score) return x.score < y.score ? 1 : -1;
  return (x.age > y.age) - (x.age < y.age);
}

/* All that is there, nearest first, and of equals the oldest. */
static inline size_t rank_all(const content *c, const float query[VECTOR_DIM], ranked out[KEYS]) {
  size_t count = 0;
  for (unsigned key = 0; key < KEYS; key++) {
    if (c->versions[key] == 0) continue;
    float v[VECTOR_DIM], dot = 0;
    record_vector(key, c->versions[key], v);
    for (int i = 0; i < VECTOR_DIM; i++) dot += v[i] * query[i];
    out[count++] = (ranked){.key = key, .score = dot, .age = c->ages[key]};
  }
  qsort(out, count, sizeof *out, compare_ranked);
  return count;
}

#endif
