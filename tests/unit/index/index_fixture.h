/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of index: seeded numbers, random corpora, segments built from them, and a
 * BM25 that counts words the slow way.
 */
#ifndef TEST_INDEX_FIXTURE_H
#define TEST_INDEX_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "index/index.h"

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static inline size_t random_below(uint64_t *state, size_t limit) {
  return (size_t)(random_next(state) % limit);
}

static inline double random_unit(uint64_t *state) {
  return (double)(random_next(state) >> 11) * 0x1p-53;
}

typedef struct corpus {
  size_t item_count, word_count;
  uint64_t *ids;
  size_t *starts; /* item i holds tokens[starts[i]..starts[i + 1]) */
  unsigned *tokens;
} corpus;

/* Words follow a power law, so that some have one item and some nearly all. Every 16th item is
 * empty or long. */
static inline corpus corpus_make(uint64_t seed, size_t item_count, size_t word_count) {
  corpus c = {.item_count = item_count, .word_count = word_count};
  uint64_t state = seed;
  c.ids = calloc(item_count, sizeof *c.ids);
  c.starts = calloc(item_count + 1, sizeof *c.starts);
  c.tokens = calloc(item_count * 200, sizeof *c.tokens);
  uint64_t id = random_below(&state, 100);
  for (size_t i = 0; i < item_count; i++) {
    const size_t odd = random_below(&state, 32);
    const size_t size = odd == 0 ? 0 : odd == 1 ? 200 : 1 + random_below(&state, 30);
    c.ids[i] = id;
    id += 1 + random_below(&state, 3);
    c.starts[i + 1] = c.starts[i] + size;
    for (size_t t = c.starts[i]; t < c.starts[i + 1]; t++)
      c.tokens[t] = (unsigned)(pow(random_unit(&state), 4) * (double)word_count);
  }
  return c;
}

static inline void corpus_free(corpus *c) {
  free(c->ids);
  free(c->starts);
  free(c->tokens);
}

/* Words share prefixes, and some are prefixes of others. */
static inline size_t word_text(unsigned word, char out[32]) {
  return (size_t)snprintf(out, 32, "%s%u", word % 3 ? "prefix" : "w", word);
}

/* The items [first, end) of a corpus as one segment. The builder owns the sections. */
typedef struct built_segment {
  mgp_lexical_builder *builder;
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  mgp_lexical_view *view;
} built_segment;

static inline built_segment segment_build(const corpus *c, size_t first, size_t end) {
  built_segment s = {0};
  magpie_error err = {0};
  assert_int_equal(mgp_lexical_builder_create(NULL, &s.builder, &err), MAGPIE_OK);
  for (size_t i = first; i < end; i++) {
    assert_int_equal(mgp_lexical_builder_begin(s.builder, c->ids[i], &err), MAGPIE_OK);
    for (size_t t = c->starts[i]; t < c->starts[i + 1]; t++) {
      char text[32];
      const size_t size = word_text(c->tokens[t], text);
      assert_int_equal(mgp_lexical_builder_term(s.builder, text, size, &err), MAGPIE_OK);
    }
  }
  assert_int_equal(mgp_lexical_builder_finish(s.builder, s.sections, &err), MAGPIE_OK);
  assert_int_equal(mgp_lexical_view_open(NULL, s.sections, &s.view, &err), MAGPIE_OK);
  return s;
}

static inline void segment_free(built_segment *s) {
  mgp_lexical_view_close(s->view);
  mgp_lexical_builder_destroy(s->builder);
}

/* ---- the slow way ------------------------------------------------------------------------------
 */

#define FORMS_OF_A_TERM 3
typedef struct slow_term {
  unsigned words[FORMS_OF_A_TERM];
  size_t form_count;
  double weight;
} slow_term;

static inline size_t tf_in_item(const corpus *c, size_t item, unsigned word) {
  size_t tf = 0;
  for (size_t t = c->starts[item]; t < c->starts[item + 1]; t++) tf += c->tokens[t] == word;
  return tf;
}

static inline double slow_idf(const corpus *c, const slow_term *term) {
  size_t most = 0;
  for (size_t f = 0; f < term->form_count; f++) {
    size_t df = 0;
    for (size_t i = 0; i < c->item_count; i++) df += tf_in_item(c, i, term->words[f]) > 0;
    if (df > most) most = df;
  }
  const double n = (double)most;
  return log(1 + ((double)c->item_count - n + 0.5) / (n + 0.5));
}

/* All items with a score above 0 that the filter allows, best first. The caller frees them. */
static inline mgp_scored *slow_search(const corpus *c, const slow_term *terms, size_t term_count,
                                      const mgp_bm25 *p, const mgp_filter *filter, size_t *count) {
  mgp_scored *hits = calloc(c->item_count + 1, sizeof *hits);
  double *idfs = calloc(term_count + 1, sizeof *idfs);
  const double average = (double)c->starts[c->item_count] / (double)c->item_count;
  for (size_t t = 0; t < term_count; t++) idfs[t] = slow_idf(c, &terms[t]);
  *count = 0;
  for (size_t i = 0; i < c->item_count; i++) {
    const double length = (double)(c->starts[i + 1] - c->starts[i]);
    double score = 0;
    for (size_t t = 0; t < term_count; t++) {
      double tf = 0;
      for (size_t f = 0; f < terms[t].form_count; f++)
        tf += (double)tf_in_item(c, i, terms[t].words[f]);
      if (tf > 0)
        score +=
            terms[t].weight * idfs[t] * tf / (tf + p->k1 * (1 - p->b + p->b * length / average));
    }
    if ((float)score > 0 && (!filter || filter->allow(filter->context, c->ids[i])))
      hits[(*count)++] = (mgp_scored){.score = (float)score, .id = c->ids[i]};
  }
  qsort(hits, *count, sizeof *hits, mgp_scored_compare);
  free(idfs);
  return hits;
}

#endif
