/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging postings, as Lucene does: a k-way walk over the sorted dictionaries, and for each word
 * the postings of its inputs one after the other, with items renumbered. Ids of commits ascend, so
 * the renumbered items nearly always ascend as they come; else they are sorted.
 */
#include <stdlib.h>

#include "index/lexical_file.h"
#include "index/merge.h"

typedef struct posting {
  uint32_t item, tf;
} posting;

typedef struct input {
  const mgp_lexical_view *view;
  mgp_term_walk walk;
  size_t first; /* of its items in the table of places */
} input;

typedef struct merging {
  mgp_alloc *alloc;
  const mgp_merge_sink *sink;
  input *inputs;
  size_t input_count;
  size_t *heap; /* inputs by their current word, then by number; the lowest at [0] */
  size_t heap_count;
  /* what grows with the items; each may lie in a file */
  mgp_spill places_block, lengths_block, postings_block;
  uint32_t *places;  /* of each item of the inputs in the result; MGP_LEXICAL_END: dead */
  uint32_t *lengths; /* of the result */
  size_t item_count;
  posting *postings; /* of one word: room for one an item */
  size_t posting_count;
  mgp_buffer packed; /* of one word */
  mgp_buffer entry;  /* of the dictionary */
  mgp_buffer last;   /* the last word written */
  mgp_buffer index;  /* of the dictionary: its blocks */
  uint64_t term_count, entries_size, postings_size;
} merging;

static magpie_status no_memory(const merging *m, magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY,
                  "no memory to merge the words of %zu items: raise the memory limit",
                  m->item_count);
}

/* ---- items ------------------------------------------------------------------------------------
 */

static magpie_status walk_items(merging *m, mgp_merge_rows *rows, size_t room, magpie_error *err) {
  bool more = true;
  size_t list = 0, row = 0;
  MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  if (more) MGP_FORWARD(m->sink->section(m->sink->context, MGP_MERGE_IDS, err));
  while (more) {
    const mgp_lexical_view *v = m->inputs[list].view;
    MGP_RETURN_IF(m->item_count == room || m->item_count + 1 >= MGP_LEXICAL_END, err, MAGPIE_LIMIT,
                  "a lexical segment holds at most %u items", MGP_LEXICAL_END - 1);
    m->places[m->inputs[list].first + row] = (uint32_t)m->item_count;
    m->lengths[m->item_count++] = v->lengths[row];
    MGP_FORWARD(m->sink->write(m->sink->context, &v->ids[row], sizeof(uint64_t), err));
    MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  }
  return MAGPIE_OK;
}

/* Numbers the living items and writes ids and lengths. */
static magpie_status place_items(merging *m, const mgp_filter *live, magpie_error *err) {
  mgp_id_list *lists = mgp_calloc(m->alloc, m->input_count ? m->input_count : 1, sizeof *lists);
  if (!lists) return no_memory(m, err);
  size_t total = 0;
  for (size_t i = 0; i < m->input_count; i++) {
    lists[i] = (mgp_id_list){.ids = m->inputs[i].view->ids, .count = m->inputs[i].view->count};
    for (size_t j = 0; live && live->allow && j < lists[i].count; j++)
      total += live->allow(live->context, lists[i].ids[j]);
    if (!live || !live->allow) total += lists[i].count;
  }
  mgp_merge_rows *rows = NULL;
  magpie_status status = mgp_spill_need(&m->lengths_block, (total + 1) * sizeof *m->lengths, err);
  if (status == MAGPIE_OK)
    status = mgp_spill_need(&m->postings_block, (total + 1) * sizeof *m->postings, err);
  m->lengths = m->lengths_block.data;
  m->postings = m->postings_block.data;
  if (status == MAGPIE_OK)
    status = mgp_merge_rows_create(m->alloc, lists, m->input_count, live, &rows, err);
  if (status == MAGPIE_OK) status = walk_items(m, rows, total, err);
  mgp_merge_rows_destroy(rows);
  mgp_free(m->alloc, lists);
  MGP_FORWARD(status);
  if (m->item_count == 0) return MAGPIE_OK;
  MGP_FORWARD(m->sink->section(m->sink->context, MGP_MERGE_LENGTHS, err));
  return m->sink->write(m->sink->context, m->lengths, m->item_count * sizeof *m->lengths, err);
}

/* ---- words in their order ---------------------------------------------------------------------
 */

static int compare_words(const mgp_buffer *a, const mgp_buffer *b) {
  const size_t shorter = a->size < b->size ? a->size : b->size;
  const int order = shorter ? memcmp(a->data, b->data, shorter) : 0;
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static bool comes_first(const merging *m, size_t a, size_t b) {
  const int order = compare_words(&m->inputs[a].walk.text, &m->inputs[b].walk.text);
  return order ? order < 0 : a < b;
}

static void sift_down(merging *m, size_t at) {
  for (size_t child = 2 * at + 1; child < m->heap_count; at = child, child = 2 * at + 1) {
    if (child + 1 < m->heap_count && comes_first(m, m->heap[child + 1], m->heap[child])) child++;
    if (!comes_first(m, m->heap[child], m->heap[at])) return;
    const size_t moved = m->heap[at];
    m->heap[at] = m->heap[child];
    m->heap[child] = moved;
  }
}

static magpie_status fill_heap(merging *m, magpie_error *err) {
  m->heap = mgp_calloc(m->alloc, m->input_count ? m->input_count : 1, sizeof *m->heap);
  if (!m->heap) return no_memory(m, err);
  for (size_t i = 0; i < m->input_count; i++) {
    MGP_FORWARD(mgp_term_walk_next(&m->inputs[i].walk, err));
    if (m->inputs[i].walk.term.df) m->heap[m->heap_count++] = i;
  }
  for (size_t i = m->heap_count / 2; i-- > 0;) sift_down(m, i);
  return MAGPIE_OK;
}

/* ---- one word ---------------------------------------------------------------------------------
 */

/* Adds what one input has of its current word. */
static magpie_status gather(merging *m, const input *in, magpie_error *err) {
  mgp_posting_cursor c;
  MGP_FORWARD(mgp_posting_cursor_init(&c, in->view, &in->walk.term, err));
  while (c.item != MGP_LEXICAL_END) {
    const uint32_t place = m->places[in->first + c.item];
    if (place != MGP_LEXICAL_END) {
      MGP_RETURN_IF(m->posting_count == m->item_count, err, MAGPIE_CORRUPT,
                    "merging segments: a word has more postings than there are items");
      m->postings[m->posting_count++] = (posting){.item = place, .tf = c.tf};
    }
    MGP_FORWARD(mgp_posting_cursor_next(&c, err));
  }
  return MAGPIE_OK;
}

static int by_item(const void *a, const void *b) {
  const uint32_t x = ((const posting *)a)->item, y = ((const posting *)b)->item;
  return (x > y) - (x < y);
}

static magpie_status sort_postings(merging *m, magpie_error *err) {
  bool ascend = true;
  for (size_t i = 1; ascend && i < m->posting_count; i++)
    ascend = m->postings[i - 1].item < m->postings[i].item;
  if (ascend) return MAGPIE_OK;
  qsort(m->postings, m->posting_count, sizeof *m->postings, by_item);
  for (size_t i = 1; i < m->posting_count; i++)
    MGP_RETURN_IF(m->postings[i - 1].item == m->postings[i].item, err, MAGPIE_CORRUPT,
                  "merging segments: a word has two postings of one item");
  return MAGPIE_OK;
}

/* Packs the blocks behind their table, as lexical_build.c does; *all gets the maxima. */
static magpie_status pack_postings(merging *m, mgp_posting_block *all, magpie_error *err) {
  const size_t blocks = m->posting_count / MGP_LEXICAL_BLOCK_POSTINGS +
                        (m->posting_count % MGP_LEXICAL_BLOCK_POSTINGS != 0);
  const size_t table = blocks > 1 ? blocks * sizeof *all : 0;
  uint32_t items[MGP_LEXICAL_BLOCK_POSTINGS], tfs[MGP_LEXICAL_BLOCK_POSTINGS], before = UINT32_MAX;
  *all = (mgp_posting_block){.length_min = UINT32_MAX};
  mgp_buffer_clear(&m->packed);
  for (size_t i = 0; table > 0 && i < blocks; i++) mgp_buffer_add(&m->packed, all, sizeof *all);
  for (size_t i = 0; i < blocks; i++) {
    const posting *first = m->postings + i * MGP_LEXICAL_BLOCK_POSTINGS;
    const size_t left = m->posting_count - i * MGP_LEXICAL_BLOCK_POSTINGS;
    const size_t count = left < MGP_LEXICAL_BLOCK_POSTINGS ? left : MGP_LEXICAL_BLOCK_POSTINGS;
    mgp_posting_block block = {.last = first[count - 1].item, .length_min = UINT32_MAX};
    for (size_t j = 0; j < count; j++) {
      items[j] = first[j].item;
      tfs[j] = first[j].tf;
      if (tfs[j] > block.tf_max) block.tf_max = tfs[j];
      if (m->lengths[items[j]] < block.length_min) block.length_min = m->lengths[items[j]];
    }
    mgp_lexical_pack(&m->packed, items, tfs, count, before);
    if (m->packed.failed) return no_memory(m, err);
    MGP_RETURN_IF(m->packed.size - table > UINT32_MAX, err, MAGPIE_LIMIT,
                  "the postings of one word take more than 4 GiB: this merge is too large");
    block.end = (uint32_t)(m->packed.size - table);
    if (table > 0) memcpy(m->packed.data + i * sizeof block, &block, sizeof block);
    if (block.tf_max > all->tf_max) all->tf_max = block.tf_max;
    if (block.length_min < all->length_min) all->length_min = block.length_min;
    before = block.last;
  }
  return MAGPIE_OK;
}

static size_t shared_prefix(const mgp_buffer *a, const mgp_buffer *b) {
  const size_t limit = a->size < b->size ? a->size : b->size;
  size_t shared = 0;
  while (shared < limit && a->data[shared] == b->data[shared]) shared++;
  return shared;
}

/* Postings to their section, the entry aside. */
static magpie_status write_word(merging *m, const mgp_buffer *word, magpie_error *err) {
  mgp_posting_block all;
  MGP_FORWARD(sort_postings(m, err));
  MGP_FORWARD(pack_postings(m, &all, err));
  const bool is_first = m->term_count % MGP_LEXICAL_BLOCK_TERMS == 0;
  if (is_first) {
    const mgp_dictionary_block block = {.terms = m->entries_size, .postings = m->postings_size};
    mgp_buffer_add(&m->index, &block, sizeof block);
  }
  const size_t shared = is_first ? 0 : shared_prefix(&m->last, word);
  mgp_buffer_clear(&m->entry);
  mgp_lexical_put_varint(&m->entry, shared);
  mgp_lexical_put_varint(&m->entry, word->size - shared);
  mgp_buffer_add(&m->entry, word->data + shared, word->size - shared);
  mgp_lexical_put_varint(&m->entry, m->posting_count);
  mgp_lexical_put_varint(&m->entry, all.tf_max);
  mgp_lexical_put_varint(&m->entry, all.length_min);
  mgp_lexical_put_varint(&m->entry, m->packed.size);
  mgp_buffer_clear(&m->last);
  mgp_buffer_add(&m->last, word->data, word->size);
  if (m->entry.failed || m->index.failed || m->last.failed) return no_memory(m, err);
  m->term_count++;
  m->entries_size += m->entry.size;
  m->postings_size += m->packed.size;
  MGP_FORWARD(m->sink->aside(m->sink->context, m->entry.data, m->entry.size, err));
  return m->sink->write(m->sink->context, m->packed.data, m->packed.size, err);
}

/* Takes the lowest word from all inputs that have it. */
static magpie_status next_word(merging *m, mgp_buffer *word, magpie_error *err) {
  const mgp_buffer *lowest = &m->inputs[m->heap[0]].walk.text;
  mgp_buffer_clear(word);
  mgp_buffer_add(word, lowest->data, lowest->size);
  if (word->failed) return no_memory(m, err);
  m->posting_count = 0;
  while (m->heap_count > 0) {
    input *in = &m->inputs[m->heap[0]];
    if (compare_words(&in->walk.text, word) != 0) break;
    MGP_FORWARD(gather(m, in, err));
    MGP_FORWARD(mgp_term_walk_next(&in->walk, err));
    if (in->walk.term.df == 0) m->heap[0] = m->heap[--m->heap_count];
    sift_down(m, 0);
  }
  return m->posting_count ? write_word(m, word, err) : MAGPIE_OK;
}

static magpie_status write_postings(merging *m, magpie_error *err) {
  static const char padding[MGP_LEXICAL_PADDING];
  const mgp_postings_header header = {.magic = MGP_LEXICAL_POSTINGS_MAGIC,
                                      .version = MGP_LEXICAL_VERSION,
                                      .item_count = m->item_count};
  MGP_FORWARD(m->sink->section(m->sink->context, MGP_MERGE_POSTINGS, err));
  MGP_FORWARD(m->sink->write(m->sink->context, &header, sizeof header, err));
  m->postings_size = sizeof header;
  MGP_FORWARD(fill_heap(m, err));
  mgp_buffer word;
  mgp_buffer_init(&word, m->alloc);
  magpie_status status = MAGPIE_OK;
  while (status == MAGPIE_OK && m->heap_count > 0) status = next_word(m, &word, err);
  mgp_buffer_fini(&word);
  MGP_FORWARD(status);
  return m->sink->write(m->sink->context, padding, sizeof padding, err);
}

static magpie_status write_dictionary(merging *m, magpie_error *err) {
  const size_t blocks = m->index.size / sizeof(mgp_dictionary_block);
  MGP_RETURN_IF(blocks > UINT32_MAX, err, MAGPIE_LIMIT, "a lexical segment has %llu words",
                (unsigned long long)m->term_count);
  const mgp_dictionary_header header = {.magic = MGP_LEXICAL_DICTIONARY_MAGIC,
                                        .version = MGP_LEXICAL_VERSION,
                                        .term_count = m->term_count,
                                        .item_count = m->item_count,
                                        .block_terms = MGP_LEXICAL_BLOCK_TERMS,
                                        .block_count = (uint32_t)blocks};
  MGP_FORWARD(m->sink->section(m->sink->context, MGP_MERGE_DICTIONARY, err));
  MGP_FORWARD(m->sink->write(m->sink->context, &header, sizeof header, err));
  for (size_t i = 0; i < blocks; i++) {
    mgp_dictionary_block block; /* entries are counted from the start of the section */
    memcpy(&block, m->index.data + i * sizeof block, sizeof block);
    block.terms += sizeof header + m->index.size;
    MGP_FORWARD(m->sink->write(m->sink->context, &block, sizeof block, err));
  }
  return m->sink->back(m->sink->context, err);
}

/* ---- all --------------------------------------------------------------------------------------
 */

static magpie_status open_inputs(merging *m, mgp_lexical_view *const *views, size_t view_count,
                                 magpie_error *err) {
  m->inputs = mgp_calloc(m->alloc, view_count ? view_count : 1, sizeof *m->inputs);
  if (!m->inputs) return no_memory(m, err);
  size_t total = 0;
  for (; m->input_count < view_count; m->input_count++) {
    input *in = &m->inputs[m->input_count];
    in->view = views[m->input_count];
    in->first = total;
    total += in->view->count;
    mgp_term_walk_init(&in->walk, m->alloc, in->view);
  }
  MGP_FORWARD(mgp_spill_need(&m->places_block, (total + 1) * sizeof *m->places, err));
  m->places = m->places_block.data;
  for (size_t i = 0; i < total; i++) m->places[i] = MGP_LEXICAL_END;
  return MAGPIE_OK;
}

static void close_inputs(merging *m) {
  for (size_t i = 0; i < m->input_count; i++) mgp_term_walk_fini(&m->inputs[i].walk);
  mgp_free(m->alloc, m->inputs);
  mgp_free(m->alloc, m->heap);
  mgp_spill_fini(&m->places_block);
  mgp_spill_fini(&m->lengths_block);
  mgp_spill_fini(&m->postings_block);
  mgp_buffer_fini(&m->packed);
  mgp_buffer_fini(&m->entry);
  mgp_buffer_fini(&m->last);
  mgp_buffer_fini(&m->index);
}

magpie_status mgp_lexical_merge(mgp_alloc *a, mgp_lexical_view *const *views, size_t view_count,
                                const mgp_filter *live, const mgp_merge_sink *sink, uint64_t *count,
                                magpie_error *err) {
  *count = 0;
  merging m = {.alloc = a, .sink = sink};
  mgp_spill_init(&m.places_block, a, sink->spill_folder);
  mgp_spill_init(&m.lengths_block, a, sink->spill_folder);
  mgp_spill_init(&m.postings_block, a, sink->spill_folder);
  mgp_buffer_init(&m.packed, a);
  mgp_buffer_init(&m.entry, a);
  mgp_buffer_init(&m.last, a);
  mgp_buffer_init(&m.index, a);
  magpie_status status = open_inputs(&m, views, view_count, err);
  if (status == MAGPIE_OK) status = place_items(&m, live, err);
  if (status == MAGPIE_OK && m.item_count > 0) status = write_postings(&m, err);
  if (status == MAGPIE_OK && m.item_count > 0) status = write_dictionary(&m, err);
  if (status == MAGPIE_OK) *count = m.item_count;
  close_inputs(&m);
  return status;
}
