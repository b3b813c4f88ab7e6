/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads every term and every posting of a lexical segment and compares what is said twice: counts,
 * maxima, lengths and borders. A search trusts these; a checksum only says that the bytes are those
 * that were written.
 */
#include "index/lexical_check.h"

#include "index/lexical_file.h"

#define TERM_MAX (1u << 20)

typedef struct walk {
  const mgp_lexical_view *v;
  uint64_t *sums; /* [v->count]: tf of all terms */
  mgp_buffer term;
  uint64_t from; /* where the next term's postings must begin */
  uint64_t terms;
} walk;

typedef struct dictionary_term {
  uint64_t shared, suffix_size, df, tf_max, length_min, size;
} dictionary_term;

static bool read_numbers(const unsigned char **at, const unsigned char *end, dictionary_term *t,
                         const unsigned char **suffix) {
  if (!mgp_lexical_get_varint(at, end, &t->shared) ||
      !mgp_lexical_get_varint(at, end, &t->suffix_size) || t->suffix_size > (uint64_t)(end - *at))
    return false;
  *suffix = *at;
  *at += t->suffix_size;
  return mgp_lexical_get_varint(at, end, &t->df) && mgp_lexical_get_varint(at, end, &t->tf_max) &&
         mgp_lexical_get_varint(at, end, &t->length_min) &&
         mgp_lexical_get_varint(at, end, &t->size);
}

/* The whole term, which must be greater than the last one. */
static magpie_status take_text(walk *w, const dictionary_term *t, const unsigned char *suffix,
                               magpie_error *err) {
  const size_t before = w->term.size;
  MGP_RETURN_IF(t->shared > before || t->suffix_size > TERM_MAX || t->shared > TERM_MAX, err,
                MAGPIE_CORRUPT, "term %llu shares %llu bytes with one of %zu",
                (unsigned long long)w->terms, (unsigned long long)t->shared, before);
  const bool ascends = t->shared == before ? t->suffix_size > 0
                                           : t->suffix_size > 0 &&
                                                 suffix[0] > (unsigned char)w->term.data[t->shared];
  MGP_RETURN_IF(!ascends, err, MAGPIE_CORRUPT, "term %llu does not ascend",
                (unsigned long long)w->terms);
  w->term.size = (size_t)t->shared;
  mgp_buffer_add(&w->term, suffix, (size_t)t->suffix_size);
  MGP_RETURN_IF(w->term.failed, err, MAGPIE_NO_MEMORY, "no memory for a term");
  return MAGPIE_OK;
}

static magpie_status check_postings(walk *w, const mgp_lexical_term *term, magpie_error *err) {
  const mgp_lexical_view *v = w->v;
  mgp_posting_cursor c;
  uint32_t count = 0, tf_max = 0, length_min = UINT32_MAX;
  MGP_FORWARD(mgp_posting_cursor_init(&c, v, term, err));
  while (c.item != MGP_LEXICAL_END) {
    const mgp_posting_block block = mgp_posting_cursor_block(&c, c.block);
    const uint32_t length = v->lengths[c.item];
    MGP_RETURN_IF(c.tf > block.tf_max || length < block.length_min, err, MAGPIE_CORRUPT,
                  "term %llu: item %u is beyond the maxima of its block",
                  (unsigned long long)w->terms, c.item);
    w->sums[c.item] += c.tf;
    count++;
    if (c.tf > tf_max) tf_max = c.tf;
    if (length < length_min) length_min = length;
    MGP_FORWARD(mgp_posting_cursor_next(&c, err));
  }
  MGP_RETURN_IF(count != term->df || tf_max != term->tf_max || length_min != term->length_min, err,
                MAGPIE_CORRUPT,
                "term %llu is in %u items, up to %u times, the shortest of %u; the dictionary says "
                "%u, %u and %u",
                (unsigned long long)w->terms, count, tf_max, length_min, term->df, term->tf_max,
                term->length_min);
  return MAGPIE_OK;
}

static magpie_status check_term(walk *w, const dictionary_term *t, magpie_error *err) {
  const mgp_lexical_view *v = w->v;
  const uint64_t end = v->postings_size - MGP_LEXICAL_PADDING;
  MGP_RETURN_IF(w->from > end || t->size > end - w->from || t->df == 0 || t->df > v->count ||
                    t->tf_max == 0 || t->tf_max > MGP_LEXICAL_TF_MAX || t->length_min > UINT32_MAX,
                err, MAGPIE_CORRUPT, "term %llu: its numbers are impossible",
                (unsigned long long)w->terms);
  const mgp_lexical_term term = {.df = (uint32_t)t->df,
                                 .tf_max = (uint32_t)t->tf_max,
                                 .length_min = (uint32_t)t->length_min,
                                 .postings = v->postings + w->from,
                                 .size = (size_t)t->size};
  MGP_FORWARD(check_postings(w, &term, err));
  w->from += t->size;
  w->terms++;
  return MAGPIE_OK;
}

static mgp_dictionary_block block_at(const mgp_lexical_view *v, size_t index) {
  mgp_dictionary_block block;
  memcpy(&block, v->dictionary + sizeof(mgp_dictionary_header) + index * sizeof block,
         sizeof block);
  return block;
}

static magpie_status check_block(walk *w, size_t index, uint64_t term_count, magpie_error *err) {
  const mgp_lexical_view *v = w->v;
  const mgp_dictionary_block block = block_at(v, index);
  const unsigned char *at = v->dictionary + block.terms;
  const unsigned char *end =
      v->dictionary +
      (index + 1 < v->block_count ? block_at(v, index + 1).terms : v->dictionary_size);
  MGP_RETURN_IF(block.postings != w->from, err, MAGPIE_CORRUPT,
                "dictionary block %zu: its postings begin at byte %llu, expected %llu", index,
                (unsigned long long)block.postings, (unsigned long long)w->from);
  for (unsigned i = 0; i < MGP_LEXICAL_BLOCK_TERMS && w->terms < term_count; i++) {
    dictionary_term t;
    const unsigned char *suffix = NULL;
    MGP_RETURN_IF(!read_numbers(&at, end, &t, &suffix) || (i == 0 && t.shared != 0), err,
                  MAGPIE_CORRUPT, "dictionary block %zu is damaged", index);
    if (i == 0 && index > 0) { /* "shared" counts from 0 here, the order goes on */
      uint64_t same = 0;
      while (same < t.suffix_size && same < w->term.size &&
             suffix[same] == (unsigned char)w->term.data[same])
        same++;
      t.shared = same;
      t.suffix_size -= same;
      suffix += same;
    }
    MGP_FORWARD(take_text(w, &t, suffix, err));
    MGP_FORWARD(check_term(w, &t, err));
  }
  MGP_RETURN_IF(at != end, err, MAGPIE_CORRUPT, "dictionary block %zu has %td bytes too many",
                index, end - at);
  return MAGPIE_OK;
}

static magpie_status check_all(walk *w, magpie_error *err) {
  const mgp_lexical_view *v = w->v;
  mgp_dictionary_header head;
  memcpy(&head, v->dictionary, sizeof head);
  w->from = sizeof(mgp_postings_header);
  for (size_t i = 0; i < v->block_count; i++) MGP_FORWARD(check_block(w, i, head.term_count, err));
  MGP_RETURN_IF(w->from + MGP_LEXICAL_PADDING != v->postings_size, err, MAGPIE_CORRUPT,
                "the postings end at byte %llu of %zu", (unsigned long long)w->from,
                v->postings_size);
  for (size_t i = 0; i < v->count; i++)
    MGP_RETURN_IF(w->sums[i] != v->lengths[i], err, MAGPIE_CORRUPT,
                  "item %llu has %llu terms, its length says %u", (unsigned long long)v->ids[i],
                  (unsigned long long)w->sums[i], v->lengths[i]);
  return MAGPIE_OK;
}

magpie_status mgp_lexical_check(mgp_alloc *a, const mgp_lexical_view *v, magpie_error *err) {
  walk w = {.v = v, .sums = mgp_calloc(a, v->count + 1, sizeof(uint64_t))};
  mgp_buffer_init(&w.term, a);
  const magpie_status status =
      w.sums ? check_all(&w, err)
             : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to check %zu items", v->count);
  mgp_buffer_fini(&w.term);
  mgp_free(a, w.sums);
  return status;
}
