/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexical sections read in place: opening checks what is cheap to check (headers, offsets,
 * order of ids), and every later read checks its own borders, so opening costs nothing that grows
 * with the postings. Front-coded dictionary blocks after Witten, Moffat, Bell, "Managing
 * Gigabytes", 4.1; postings in packed blocks of 128 with maxima after Ding, Suel, "Faster Top-k
 * Document Retrieval Using Block-Max Indexes", SIGIR 2011.
 */
#include "index/lexical_file.h"

/* ---- numbers -----------------------------------------------------------------------------------
 */

void mgp_lexical_put_varint(mgp_buffer *out, uint64_t value) {
  unsigned char bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = (unsigned char)(value | 0x80);
  bytes[size++] = (unsigned char)value;
  mgp_buffer_add(out, bytes, size);
}

bool mgp_lexical_get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value) {
  uint64_t sum = 0;
  for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
    const unsigned char byte = *(*at)++;
    if (shift == 63 && byte > 1) return false;
    sum |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = sum;
      return true;
    }
  }
  return false;
}

static unsigned bits_of(uint32_t value) {
  unsigned bits = 0;
  for (; value; value >>= 1) bits++;
  return bits;
}

static size_t packed_size(size_t count, unsigned bits) {
  return (count * bits + 7) / 8;
}

static void pack_bits(mgp_buffer *out, const uint32_t *values, size_t count, unsigned bits) {
  uint64_t waiting = 0;
  unsigned have = 0;
  for (size_t i = 0; i < count; i++) {
    waiting |= (uint64_t)values[i] << have;
    for (have += bits; have >= 8; have -= 8, waiting >>= 8)
      mgp_buffer_add_char(out, (char)(waiting & 0xff));
  }
  if (have > 0) mgp_buffer_add_char(out, (char)(waiting & 0xff));
}

/* May read MGP_LEXICAL_PADDING bytes past the packed ones. bits <= 32. */
static void unpack_bits(const unsigned char *bytes, size_t count, unsigned bits, uint32_t *values) {
  const uint64_t mask = (UINT64_C(1) << bits) - 1;
  for (size_t i = 0; i < count; i++) {
    uint64_t word;
    memcpy(&word, bytes + i * bits / 8, sizeof word);
    values[i] = (uint32_t)(word >> (i * bits % 8) & mask);
  }
}

void mgp_lexical_pack(mgp_buffer *out, const uint32_t *items, const uint32_t *tfs, size_t count,
                      uint32_t before) {
  uint32_t gaps[MGP_LEXICAL_BLOCK_POSTINGS], extra[MGP_LEXICAL_BLOCK_POSTINGS];
  uint32_t all_gaps = 0, all_extra = 0;
  for (size_t i = 0; i < count; i++) {
    gaps[i] = items[i] - before - 1; /* before UINT32_MAX wraps to -1 */
    extra[i] = tfs[i] - 1;
    before = items[i];
    all_gaps |= gaps[i];
    all_extra |= extra[i];
  }
  const unsigned gap_bits = bits_of(all_gaps), extra_bits = bits_of(all_extra);
  mgp_buffer_add_char(out, (char)gap_bits);
  mgp_buffer_add_char(out, (char)extra_bits);
  pack_bits(out, gaps, count, gap_bits);
  pack_bits(out, extra, count, extra_bits);
}

/* ---- the view ----------------------------------------------------------------------------------
 */

static magpie_status check_items(mgp_lexical_view *v, const mgp_bytes *ids,
                                 const mgp_bytes *lengths, magpie_error *err) {
  v->count = ids->size / sizeof(uint64_t);
  MGP_RETURN_IF(ids->size % sizeof(uint64_t) != 0 || lengths->size % sizeof(uint32_t) != 0 ||
                    lengths->size / sizeof(uint32_t) != v->count || v->count >= MGP_LEXICAL_END,
                err, MAGPIE_CORRUPT,
                "lexical segment: %zu bytes of ids and %zu bytes of lengths do not go together",
                ids->size, lengths->size);
  MGP_RETURN_IF((uintptr_t)ids->data % sizeof(uint64_t) != 0 ||
                    (uintptr_t)lengths->data % sizeof(uint32_t) != 0,
                err, MAGPIE_INVALID, "lexical segment: its sections are not aligned");
  v->ids = ids->data;
  v->lengths = lengths->data;
  for (size_t i = 0; i < v->count; i++) {
    MGP_RETURN_IF(i > 0 && v->ids[i] <= v->ids[i - 1], err, MAGPIE_CORRUPT,
                  "lexical segment: id %llu of item %zu does not ascend",
                  (unsigned long long)v->ids[i], i);
    v->tokens += v->lengths[i];
  }
  return MAGPIE_OK;
}

static mgp_dictionary_block dictionary_block(const mgp_lexical_view *v, size_t index) {
  mgp_dictionary_block block;
  memcpy(&block, v->dictionary + sizeof(mgp_dictionary_header) + index * sizeof block,
         sizeof block);
  return block;
}

static magpie_status check_dictionary(mgp_lexical_view *v, magpie_error *err) {
  mgp_dictionary_header head;
  MGP_RETURN_IF(v->dictionary_size < sizeof head, err, MAGPIE_CORRUPT,
                "lexical segment: a dictionary of %zu bytes has no header", v->dictionary_size);
  memcpy(&head, v->dictionary, sizeof head);
  MGP_RETURN_IF(head.magic != MGP_LEXICAL_DICTIONARY_MAGIC, err, MAGPIE_CORRUPT,
                "lexical segment: this is no dictionary");
  MGP_RETURN_IF(head.version != MGP_LEXICAL_VERSION, err, MAGPIE_VERSION,
                "lexical segment: dictionary of version %u, this magpie reads %u: use a newer one",
                head.version, MGP_LEXICAL_VERSION);
  MGP_RETURN_IF(head.item_count != v->count || head.block_terms != MGP_LEXICAL_BLOCK_TERMS ||
                    head.term_count / MGP_LEXICAL_BLOCK_TERMS +
                            (head.term_count % MGP_LEXICAL_BLOCK_TERMS != 0) !=
                        head.block_count ||
                    head.block_count >
                        (v->dictionary_size - sizeof head) / sizeof(mgp_dictionary_block),
                err, MAGPIE_CORRUPT,
                "lexical segment: a dictionary of %zu bytes cannot hold %u blocks of %llu terms",
                v->dictionary_size, head.block_count, (unsigned long long)head.term_count);
  v->block_count = head.block_count;
  uint64_t terms = sizeof head + (uint64_t)head.block_count * sizeof(mgp_dictionary_block);
  uint64_t postings = sizeof(mgp_postings_header);
  for (size_t i = 0; i < v->block_count; i++) {
    const mgp_dictionary_block block = dictionary_block(v, i);
    MGP_RETURN_IF(block.terms < terms || block.terms > v->dictionary_size ||
                      block.postings < postings ||
                      block.postings > v->postings_size - MGP_LEXICAL_PADDING,
                  err, MAGPIE_CORRUPT, "lexical segment: dictionary block %zu lies outside", i);
    terms = block.terms;
    postings = block.postings;
  }
  return MAGPIE_OK;
}

static magpie_status check_postings(const mgp_lexical_view *v, magpie_error *err) {
  mgp_postings_header head;
  MGP_RETURN_IF(v->postings_size < sizeof head + MGP_LEXICAL_PADDING, err, MAGPIE_CORRUPT,
                "lexical segment: postings of %zu bytes have no header", v->postings_size);
  memcpy(&head, v->postings, sizeof head);
  MGP_RETURN_IF(head.magic != MGP_LEXICAL_POSTINGS_MAGIC || head.item_count != v->count, err,
                MAGPIE_CORRUPT, "lexical segment: these are not its postings");
  MGP_RETURN_IF(head.version != MGP_LEXICAL_VERSION, err, MAGPIE_VERSION,
                "lexical segment: postings of version %u, this magpie reads %u: use a newer one",
                head.version, MGP_LEXICAL_VERSION);
  return MAGPIE_OK;
}

magpie_status mgp_lexical_view_open(mgp_alloc *a, const mgp_bytes sections[MGP_LEXICAL_SECTIONS],
                                    mgp_lexical_view **out, magpie_error *err) {
  MGP_RETURN_IF(!sections || !out, err, MAGPIE_INVALID, "lexical view: sections or out is NULL");
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++)
    MGP_RETURN_IF(!sections[i].data && sections[i].size > 0, err, MAGPIE_INVALID,
                  "lexical view: section %zu has %zu bytes but no data", i, sections[i].size);
  mgp_lexical_view *v = mgp_calloc(a, 1, sizeof *v);
  MGP_RETURN_IF(!v, err, MAGPIE_NO_MEMORY, "no memory for a view of a lexical segment");
  v->alloc = a;
  v->dictionary = sections[2].data;
  v->dictionary_size = sections[2].size;
  v->postings = sections[3].data;
  v->postings_size = sections[3].size;
  magpie_status status = check_items(v, &sections[0], &sections[1], err);
  if (status == MAGPIE_OK) status = check_postings(v, err);
  if (status == MAGPIE_OK) status = check_dictionary(v, err);
  if (status != MAGPIE_OK) {
    mgp_free(a, v);
    return status;
  }
  *out = v;
  return MAGPIE_OK;
}

void mgp_lexical_view_close(mgp_lexical_view *v) {
  if (v) mgp_free(v->alloc, v);
}

size_t mgp_lexical_view_count(const mgp_lexical_view *v) {
  return v->count;
}

uint64_t mgp_lexical_view_tokens(const mgp_lexical_view *v) {
  return v->tokens;
}

/* ---- the dictionary ----------------------------------------------------------------------------
 */

typedef struct entry {
  uint64_t shared, suffix_size, df, tf_max, length_min, size;
  const unsigned char *suffix;
} entry;

static bool read_entry(const unsigned char **at, const unsigned char *end, entry *e) {
  if (!mgp_lexical_get_varint(at, end, &e->shared) ||
      !mgp_lexical_get_varint(at, end, &e->suffix_size) || e->suffix_size > (uint64_t)(end - *at))
    return false;
  e->suffix = *at;
  *at += e->suffix_size;
  return mgp_lexical_get_varint(at, end, &e->df) && mgp_lexical_get_varint(at, end, &e->tf_max) &&
         mgp_lexical_get_varint(at, end, &e->length_min) &&
         mgp_lexical_get_varint(at, end, &e->size);
}

static const unsigned char *block_end(const mgp_lexical_view *v, size_t index) {
  return v->dictionary +
         (index + 1 < v->block_count ? dictionary_block(v, index + 1).terms : v->dictionary_size);
}

static int compare_terms(const unsigned char *a, size_t a_size, const unsigned char *b,
                         size_t b_size) {
  const size_t shorter = a_size < b_size ? a_size : b_size;
  const int order = shorter ? memcmp(a, b, shorter) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static magpie_status damaged_block(size_t index, magpie_error *err) {
  return mgp_fail(err, MAGPIE_CORRUPT, "lexical segment: dictionary block %zu is damaged", index);
}

/* The last block whose first term is <= term; -1 when all are greater. */
static magpie_status find_block(const mgp_lexical_view *v, const char *term, size_t size,
                                int64_t *out, magpie_error *err) {
  size_t low = 0, high = v->block_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const unsigned char *at = v->dictionary + dictionary_block(v, middle).terms;
    entry e;
    if (!read_entry(&at, block_end(v, middle), &e) || e.shared != 0)
      return damaged_block(middle, err);
    if (compare_terms(e.suffix, e.suffix_size, (const unsigned char *)term, size) <= 0)
      low = middle + 1;
    else high = middle;
  }
  *out = (int64_t)low - 1;
  return MAGPIE_OK;
}

/* Borders of what the entry names; `from` is where its postings begin. */
static magpie_status take_entry(const mgp_lexical_view *v, const entry *e, uint64_t from,
                                mgp_lexical_term *out, magpie_error *err) {
  const uint64_t end = v->postings_size - MGP_LEXICAL_PADDING;
  MGP_RETURN_IF(
      from > end || e->size > end - from || e->df == 0 || e->df > v->count || e->tf_max == 0 ||
          e->tf_max > MGP_LEXICAL_TF_MAX || e->length_min > UINT32_MAX,
      err, MAGPIE_CORRUPT,
      "lexical segment: a term of %llu items, %llu bytes of postings at %llu lies outside",
      (unsigned long long)e->df, (unsigned long long)e->size, (unsigned long long)from);
  *out = (mgp_lexical_term){.df = (uint32_t)e->df,
                            .tf_max = (uint32_t)e->tf_max,
                            .length_min = (uint32_t)e->length_min,
                            .postings = v->postings + from,
                            .size = (size_t)e->size};
  return MAGPIE_OK;
}

magpie_status mgp_lexical_find(const mgp_lexical_view *v, const char *term, size_t size,
                               mgp_lexical_term *out, magpie_error *err) {
  *out = (mgp_lexical_term){0};
  int64_t found = -1;
  MGP_FORWARD(find_block(v, term, size, &found, err));
  if (found < 0) return MAGPIE_OK;
  const size_t block = (size_t)found;
  const unsigned char *at = v->dictionary + dictionary_block(v, block).terms;
  const unsigned char *end = block_end(v, block);
  uint64_t from = dictionary_block(v, block).postings;
  /* Terms ascend and share prefixes, so the bytes that the last one had in common with `term`
   * decide most entries without looking at them. */
  uint64_t common = 0;
  for (unsigned i = 0; i < MGP_LEXICAL_BLOCK_TERMS && at < end; i++) {
    entry e;
    if (!read_entry(&at, end, &e)) return damaged_block(block, err);
    if (e.shared < common) return MAGPIE_OK;
    if (e.shared == common) {
      uint64_t same = 0;
      while (same < e.suffix_size && common + same < size &&
             e.suffix[same] == (unsigned char)term[common + same])
        same++;
      common += same;
      if (same == e.suffix_size && common == size) return take_entry(v, &e, from, out, err);
      const bool entry_ends = same == e.suffix_size;
      if (!entry_ends && (common == size || e.suffix[same] > (unsigned char)term[common]))
        return MAGPIE_OK;
    }
    if (e.size > v->postings_size - from) return damaged_block(block, err);
    from += e.size;
  }
  return MAGPIE_OK;
}

/* ---- all terms ---------------------------------------------------------------------------------
 */

void mgp_term_walk_init(mgp_term_walk *w, mgp_alloc *a, const mgp_lexical_view *v) {
  *w = (mgp_term_walk){.view = v};
  mgp_buffer_init(&w->text, a);
}

void mgp_term_walk_fini(mgp_term_walk *w) {
  mgp_buffer_fini(&w->text);
}

/* Puts the entry's term into w->text; it must be greater than the one before. */
static magpie_status take_text(mgp_term_walk *w, const entry *e, bool is_first, size_t block,
                               magpie_error *err) {
  if (e->shared > w->text.size || (w->place == 0 && e->shared != 0) ||
      e->shared + e->suffix_size == 0)
    return damaged_block(block, err);
  if (!is_first &&
      compare_terms((const unsigned char *)w->text.data + e->shared,
                    w->text.size - (size_t)e->shared, e->suffix, (size_t)e->suffix_size) >= 0)
    return damaged_block(block, err);
  w->text.size = (size_t)e->shared;
  mgp_buffer_add(&w->text, e->suffix, (size_t)e->suffix_size);
  MGP_RETURN_IF(w->text.failed, err, MAGPIE_NO_MEMORY, "no memory for a word of %llu bytes",
                (unsigned long long)(e->shared + e->suffix_size));
  return MAGPIE_OK;
}

magpie_status mgp_term_walk_next(mgp_term_walk *w, magpie_error *err) {
  const mgp_lexical_view *v = w->view;
  if (w->block < v->block_count && w->at == block_end(v, w->block)) {
    w->block++;
    w->place = 0;
    w->at = NULL;
  }
  w->term = (mgp_lexical_term){0};
  if (w->block >= v->block_count) return MAGPIE_OK;
  const bool is_first = w->block == 0 && w->place == 0;
  if (w->place == 0) {
    w->at = v->dictionary + dictionary_block(v, w->block).terms;
    w->postings = dictionary_block(v, w->block).postings;
  }
  entry e;
  if (w->place == MGP_LEXICAL_BLOCK_TERMS || !read_entry(&w->at, block_end(v, w->block), &e))
    return damaged_block(w->block, err);
  MGP_FORWARD(take_text(w, &e, is_first, w->block, err));
  MGP_FORWARD(take_entry(v, &e, w->postings, &w->term, err));
  w->postings += e.size;
  w->place++;
  return MAGPIE_OK;
}

/* ---- postings ----------------------------------------------------------------------------------
 */

static magpie_status damaged_postings(const mgp_posting_cursor *c, magpie_error *err) {
  return mgp_fail(err, MAGPIE_CORRUPT,
                  "lexical segment: block %u of the postings at byte %zu is damaged", c->block,
                  (size_t)(c->term.postings - c->view->postings));
}

static size_t table_size(const mgp_posting_cursor *c) {
  return c->block_count > 1 ? (size_t)c->block_count * sizeof(mgp_posting_block) : 0;
}

static mgp_posting_block posting_block(const mgp_posting_cursor *c, uint32_t index) {
  mgp_posting_block block;
  memcpy(&block, c->term.postings + (size_t)index * sizeof block, sizeof block);
  return block;
}

mgp_posting_block mgp_posting_cursor_block(const mgp_posting_cursor *c, uint32_t index) {
  if (c->block_count > 1) return posting_block(c, index);
  return (mgp_posting_block){.last = MGP_LEXICAL_END - 1,
                             .tf_max = c->term.tf_max,
                             .length_min = c->term.length_min,
                             .end = (uint32_t)c->term.size};
}

magpie_status mgp_posting_cursor_init(mgp_posting_cursor *c, const mgp_lexical_view *v,
                                      const mgp_lexical_term *term, magpie_error *err) {
  c->view = v;
  c->term = *term;
  c->block = 0;
  c->position = c->size = 0;
  c->tf = 0;
  c->item = MGP_LEXICAL_END;
  c->block_count =
      term->df / MGP_LEXICAL_BLOCK_POSTINGS + (term->df % MGP_LEXICAL_BLOCK_POSTINGS != 0);
  if (c->block_count == 0) return MAGPIE_OK;
  if (table_size(c) > term->size) return damaged_postings(c, err);
  c->item = 0;
  return mgp_posting_cursor_seek(c, 0, err);
}

/* Where the bytes of block c->block lie, and the item before its first. */
static bool locate_block(const mgp_posting_cursor *c, const unsigned char **bytes, size_t *size,
                         uint32_t *before) {
  const size_t room = c->term.size - table_size(c);
  uint32_t start = 0;
  uint64_t end = room;
  *before = UINT32_MAX;
  if (c->block_count > 1) end = posting_block(c, c->block).end;
  if (c->block > 0) {
    const mgp_posting_block last = posting_block(c, c->block - 1);
    start = last.end;
    *before = last.last;
  }
  if (start > end || end > room) return false;
  *bytes = c->term.postings + table_size(c) + start;
  *size = (size_t)(end - start);
  return true;
}

static magpie_status decode_block(mgp_posting_cursor *c, magpie_error *err) {
  const unsigned char *bytes = NULL;
  size_t size = 0;
  uint32_t before = 0;
  if (!locate_block(c, &bytes, &size, &before) || size < 2) return damaged_postings(c, err);
  const uint32_t left = c->term.df - c->block * MGP_LEXICAL_BLOCK_POSTINGS;
  const uint32_t count = left < MGP_LEXICAL_BLOCK_POSTINGS ? left : MGP_LEXICAL_BLOCK_POSTINGS;
  const unsigned gap_bits = bytes[0], extra_bits = bytes[1];
  if (gap_bits > 32 || extra_bits > 31 ||
      size != 2 + packed_size(count, gap_bits) + packed_size(count, extra_bits))
    return damaged_postings(c, err);
  unpack_bits(bytes + 2, count, gap_bits, c->items);
  unpack_bits(bytes + 2 + packed_size(count, gap_bits), count, extra_bits, c->tfs);
  uint64_t item = (uint64_t)before + 1;
  if (before == UINT32_MAX) item = 0;
  for (uint32_t i = 0; i < count; i++, item++) {
    item += c->items[i];
    c->items[i] = (uint32_t)item;
    c->tfs[i]++;
  }
  /* Sums of 128 gaps of 32 bits fit: one check of the last covers them all. */
  if (item > c->view->count) return damaged_postings(c, err);
  if (c->block_count > 1 && posting_block(c, c->block).last != item - 1)
    return damaged_postings(c, err);
  c->position = 0;
  c->size = count;
  return MAGPIE_OK;
}

magpie_status mgp_posting_cursor_seek(mgp_posting_cursor *c, uint32_t target, magpie_error *err) {
  if (c->item == MGP_LEXICAL_END || (c->size > 0 && c->item >= target)) return MAGPIE_OK;
  uint32_t block = c->block;
  if (c->size > 0 && c->items[c->size - 1] < target) block++;
  if (c->block_count > 1)
    while (block < c->block_count && posting_block(c, block).last < target) block++;
  if (block >= c->block_count) {
    c->item = MGP_LEXICAL_END;
    return MAGPIE_OK;
  }
  if (block != c->block || c->size == 0) {
    c->block = block;
    MGP_FORWARD(decode_block(c, err));
  }
  /* The block's last item is >= target by now. The next item is the usual answer. */
  uint32_t low = c->position, high = c->size - 1;
  if (c->items[low] < target) low++;
  if (c->items[low] >= target) high = low;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (c->items[middle] < target) low = middle + 1;
    else high = middle;
  }
  c->position = low;
  c->item = c->items[low];
  c->tf = c->tfs[low];
  return MAGPIE_OK;
}
