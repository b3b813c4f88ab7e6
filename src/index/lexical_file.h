/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of index: the lexical sections as bytes, shared by builder, view and search. The layout is
 * drawn in docs/format/lexical.md; what is read here has not been trusted by anybody before.
 */
#ifndef MGP_INDEX_LEXICAL_FILE_H
#define MGP_INDEX_LEXICAL_FILE_H

#include "index/index.h"

#define MGP_LEXICAL_VERSION 1u
#define MGP_LEXICAL_DICTIONARY_MAGIC 0x444c474du /* "MGLD" */
#define MGP_LEXICAL_POSTINGS_MAGIC 0x504c474du   /* "MGLP" */
#define MGP_LEXICAL_BLOCK_TERMS 16u
#define MGP_LEXICAL_BLOCK_POSTINGS 128u
#define MGP_LEXICAL_TF_MAX 0x7fffffffu
/* Bit-unpacking loads eight bytes at once, so this much follows the last posting. */
#define MGP_LEXICAL_PADDING 8u

typedef struct mgp_dictionary_header {
  uint32_t magic, version;
  uint64_t term_count, item_count;
  uint32_t block_terms, block_count;
} mgp_dictionary_header;

typedef struct mgp_dictionary_block {
  uint64_t terms;    /* offset in the dictionary */
  uint64_t postings; /* offset in the postings of the block's first term */
} mgp_dictionary_block;

typedef struct mgp_postings_header {
  uint32_t magic, version;
  uint64_t item_count;
} mgp_postings_header;

/* One a block of a term with more than one block. */
typedef struct mgp_posting_block {
  uint32_t last; /* its last item */
  uint32_t tf_max, length_min;
  uint32_t end; /* of its bytes, counted from the end of the table */
} mgp_posting_block;

_Static_assert(sizeof(mgp_dictionary_header) == 32 && sizeof(mgp_dictionary_block) == 16 &&
                   sizeof(mgp_postings_header) == 16 && sizeof(mgp_posting_block) == 16,
               "these structs are the file format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sections are read in place");

struct mgp_lexical_view {
  mgp_alloc *alloc;
  const uint64_t *ids;
  const uint32_t *lengths;
  size_t count;
  uint64_t tokens;
  const unsigned char *dictionary, *postings;
  size_t dictionary_size, postings_size;
  uint32_t block_count;
};

/* What the dictionary says of one term; df 0: the term is not there. */
typedef struct mgp_lexical_term {
  uint32_t df, tf_max, length_min;
  const unsigned char *postings;
  size_t size;
} mgp_lexical_term;
magpie_status mgp_lexical_find(const mgp_lexical_view *v, const char *term, size_t size,
                               mgp_lexical_term *out, magpie_error *err);

/* Walks all terms upwards; `text` holds the current one, until the next step. */
typedef struct mgp_term_walk {
  const mgp_lexical_view *view;
  mgp_lexical_term term; /* df 0: past the last */
  mgp_buffer text;
  size_t block;
  unsigned place; /* in the block, of the next term */
  const unsigned char *at;
  uint64_t postings; /* where those of the next term begin */
} mgp_term_walk;
void mgp_term_walk_init(mgp_term_walk *w, mgp_alloc *a, const mgp_lexical_view *v);
/* CORRUPT where terms do not ascend. */
magpie_status mgp_term_walk_next(mgp_term_walk *w, magpie_error *err);
void mgp_term_walk_fini(mgp_term_walk *w);

/* Walks the items of one term upwards. `item` is the current one, MGP_LEXICAL_END after the last.
 */
#define MGP_LEXICAL_END UINT32_MAX
typedef struct mgp_posting_cursor {
  uint32_t item, tf;
  const mgp_lexical_view *view;
  mgp_lexical_term term;
  uint32_t block_count, block; /* `block` is decoded when size > 0 */
  uint32_t position, size;     /* in items and tfs */
  uint32_t items[MGP_LEXICAL_BLOCK_POSTINGS], tfs[MGP_LEXICAL_BLOCK_POSTINGS];
} mgp_posting_cursor;
magpie_status mgp_posting_cursor_init(mgp_posting_cursor *c, const mgp_lexical_view *v,
                                      const mgp_lexical_term *term, magpie_error *err);
/* Moves to the first item >= target; never back. */
magpie_status mgp_posting_cursor_seek(mgp_posting_cursor *c, uint32_t target, magpie_error *err);
/* seek(item + 1), quick inside a block. */
static inline magpie_status mgp_posting_cursor_next(mgp_posting_cursor *c, magpie_error *err) {
  if (c->position + 1 >= c->size) return mgp_posting_cursor_seek(c, c->item + 1, err);
  c->position++;
  c->item = c->items[c->position];
  c->tf = c->tfs[c->position];
  return MAGPIE_OK;
}
/* The maxima of one of its blocks: no posting in it has a greater tf or a shorter item. */
mgp_posting_block mgp_posting_cursor_block(const mgp_posting_cursor *c, uint32_t index);

/* Appends one block: packed differences (the first to `before`, UINT32_MAX when there is none),
 * then packed tfs. count <= MGP_LEXICAL_BLOCK_POSTINGS. */
void mgp_lexical_pack(mgp_buffer *out, const uint32_t *items, const uint32_t *tfs, size_t count,
                      uint32_t before);
void mgp_lexical_put_varint(mgp_buffer *out, uint64_t value);
/* False when the bytes end first or the value has more than 64 bits. */
bool mgp_lexical_get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value);

#endif
