/* SPDX-License-Identifier: Apache-2.0
 *
 * sentencepiece: the tokenizer of a SentencePiece Unigram .model: its normaliser, then the Viterbi
 * of unigram.c. Equal to sentencepiece's own encoder id by id.
 *
 * The normaliser's rules come precompiled in the file: the size of a Darts double array (u32), the
 * array, then NUL-terminated replacement texts. The longest rule at a place wins. A unit of the
 * array (Darts-clone): bits 0-7 label, 8 has_leaf, 9 offset is shifted by 8, 10-30 offset; a leaf
 * has bit 31 set and the replacement's place in the rest.
 */
#include <math.h>

#include "text/sentencepiece_file.h"
#include "text/unigram.h"

/* No real rule expands more; a forged one must not fill the memory. */
enum { EXPANSION_MAX = 64 };

#define META_TEXT "\xE2\x96\x81"

typedef struct sentencepiece {
  mgp_map file;
  mgp_piece *pieces, *user_pieces;
  mgp_unigram unigram;
  mgp_trie user_defined; /* are copied as they are */
  int32_t byte_ids[256];
  const unsigned char *units; /* of the double array, little-endian */
  size_t unit_count;
  const char *replacements;
  size_t replacement_size;
  bool dummy_prefix, remove_extra, escape, suffix;
} sentencepiece;

/* ---- normaliser ------------------------------------------------------------------------------ */

static uint32_t unit_at(const sentencepiece *m, uint64_t i) {
  const unsigned char *p = m->units + 4 * i;
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t unit_offset(uint32_t unit) {
  return (uint64_t)(unit >> 10) << ((unit & 0x200) >> 6);
}

/* The longest rule at the start of the text: its bytes (0: none) and what replaces them. */
static size_t find_rule(const sentencepiece *m, const char *text, size_t size, mgp_sp_span *with) {
  size_t longest = 0;
  if (m->unit_count == 0) return 0;
  uint64_t at = unit_offset(unit_at(m, 0));
  for (size_t i = 0; i < size; i++) {
    const unsigned char c = (unsigned char)text[i];
    at ^= c;
    if (at >= m->unit_count) break;
    const uint32_t unit = unit_at(m, at);
    if ((unit & 0x800000FFU) != c) break;
    at ^= unit_offset(unit);
    if (at >= m->unit_count) break;
    if (!(unit & 0x100)) continue;
    const size_t place = unit_at(m, at) & 0x7FFFFFFFU;
    if (place >= m->replacement_size) break;
    longest = i + 1;
    with->text = m->replacements + place;
    with->size = strnlen(with->text, m->replacement_size - place);
  }
  return longest;
}

/* What the text begins with, normalised; returns the bytes it stands for. */
static size_t normalise_prefix(const sentencepiece *m, const char *text, size_t size,
                               mgp_sp_span *out) {
  size_t longest = 0;
  mgp_trie_walk walk = mgp_trie_start(&m->user_defined, text, size);
  for (int32_t p = mgp_trie_next(&walk); p >= 0; p = mgp_trie_next(&walk))
    longest = m->user_pieces[p].size;
  if (longest > 0) {
    *out = (mgp_sp_span){text, longest};
    return longest;
  }
  longest = find_rule(m, text, size, out);
  if (longest > 0) return longest;
  size_t next = 0;
  const uint32_t c = mgp_utf8_next(text, size, &next);
  *out = c == 0xFFFD ? (mgp_sp_span){"\xEF\xBF\xBD", 3} : (mgp_sp_span){text, next};
  return next;
}

static void put_space(const sentencepiece *m, mgp_buffer *out) {
  mgp_buffer_add_text(out, m->escape ? META_TEXT : " ");
}

static void put_span(const sentencepiece *m, mgp_buffer *out, mgp_sp_span span) {
  for (size_t i = 0; i < span.size; i++) {
    if (span.text[i] == ' ') put_space(m, out);
    else mgp_buffer_add_char(out, span.text[i]);
  }
}

static size_t skip_leading(const sentencepiece *m, const char *text, size_t size) {
  size_t i = 0;
  while (m->remove_extra && i < size) {
    mgp_sp_span span;
    const size_t used = normalise_prefix(m, text + i, size - i, &span);
    if (span.size != 1 || span.text[0] != ' ') break;
    i += used;
  }
  return i;
}

static void trim_trailing(const sentencepiece *m, mgp_buffer *out) {
  const char *space = m->escape ? META_TEXT : " ";
  const size_t width = strlen(space);
  while (out->size >= width && memcmp(out->data + out->size - width, space, width) == 0)
    out->size -= width;
}

/* False if the result grows beyond all reason. */
static bool normalise(const sentencepiece *m, const char *text, size_t size, mgp_buffer *out) {
  size_t i = skip_leading(m, text, size);
  if (i == size) return true;
  if (!m->suffix && m->dummy_prefix) put_space(m, out);
  bool after_space = m->remove_extra;
  while (i < size) {
    mgp_sp_span span = {"", 0};
    i += normalise_prefix(m, text + i, size - i, &span);
    while (after_space && span.size > 0 && span.text[0] == ' ') span.text++, span.size--;
    if (span.size > 0) {
      put_span(m, out, span);
      after_space = m->remove_extra && span.text[span.size - 1] == ' ';
    }
    if (out->failed || out->size / EXPANSION_MAX > size + 64) return false;
  }
  if (m->remove_extra) trim_trailing(m, out);
  if (m->suffix && m->dummy_prefix) put_space(m, out);
  return true;
}

static magpie_status encode(const mgp_tokenizer *t, const char *text, size_t size,
                            mgp_token_output *out, magpie_error *err) {
  const sentencepiece *m = t->model;
  mgp_buffer normal = {.alloc = t->alloc};
  magpie_status status = MAGPIE_OK;
  const bool done = normalise(m, text, size, &normal);
  if (normal.failed)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  else if (!done)
    status = mgp_fail(err, MAGPIE_MODEL, "the tokenizer's rules blow %zu bytes up to over %zu",
                      size, normal.size);
  else if (normal.size > 0)
    status = mgp_unigram_encode(&m->unigram, t->alloc, normal.data, normal.size, out, err);
  mgp_buffer_fini(&normal);
  return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void close_model(mgp_tokenizer *t) {
  sentencepiece *m = t->model;
  if (!m) return;
  mgp_trie_fini(&m->unigram.trie);
  mgp_trie_fini(&m->user_defined);
  mgp_free(t->alloc, m->unigram.scores);
  mgp_free(t->alloc, m->pieces);
  mgp_free(t->alloc, m->user_pieces);
  mgp_map_close(&m->file);
  mgp_free(t->alloc, m);
  t->model = NULL;
}

static bool read_charsmap(sentencepiece *m, mgp_sp_span map) {
  if (map.size == 0) return true;
  const unsigned char *p = (const unsigned char *)map.text;
  if (map.size < 8) return false;
  const uint32_t size =
      (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  if (size > map.size - 4 || size % 4 != 0 || size == 0) return false;
  m->units = p + 4;
  m->unit_count = size / 4;
  m->replacements = map.text + 4 + size;
  m->replacement_size = map.size - 4 - size;
  return true;
}

static bool same(mgp_sp_span a, mgp_sp_span b) {
  return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x0A>" -> 10; -1: not such a piece. */
static int byte_of(mgp_sp_span s) {
  if (s.size != 6 || memcmp(s.text, "<0x", 3) != 0 || s.text[5] != '>') return -1;
  const int high = hex_digit(s.text[3]), low = hex_digit(s.text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void take_special(mgp_tokenizer *t, const mgp_sp_file *f, const mgp_sp_piece *p,
                         int32_t id) {
  sentencepiece *m = t->model;
  if (p->type == MGP_SP_UNKNOWN && t->unk < 0) t->unk = id;
  if (p->type == MGP_SP_BYTE && byte_of(p->text) >= 0) m->byte_ids[byte_of(p->text)] = id;
  if (p->type != MGP_SP_CONTROL) return;
  if (same(p->text, f->bos_piece)) t->bos = id;
  if (same(p->text, f->eos_piece)) t->eos = id;
  if (same(p->text, f->pad_piece)) t->pad = id;
}

/* Copies what the segmentation may use; returns how many pieces are user-defined. */
static size_t take_pieces(mgp_tokenizer *t, const mgp_sp_file *f) {
  sentencepiece *m = t->model;
  size_t users = 0;
  float low = INFINITY;
  for (size_t i = 0; i < f->count; i++) {
    const mgp_sp_piece *p = &f->pieces[i];
    const bool normal = p->type == MGP_SP_NORMAL, user = p->type == MGP_SP_USER_DEFINED;
    m->pieces[i] =
        (mgp_piece){p->text.text, normal || user ? (uint32_t)p->text.size : 0, (int32_t)i};
    m->unigram.scores[i] = user ? NAN : p->score;
    if (user) m->user_pieces[users++] = m->pieces[i];
    if (normal) low = p->score < low ? p->score : low;
    take_special(t, f, p, (int32_t)i);
  }
  m->unigram.unk_score = (isfinite(low) ? low : 0) - 10.0F;
  return users;
}

static magpie_status build(mgp_tokenizer *t, const mgp_sp_file *f, const char *name,
                           magpie_error *err) {
  sentencepiece *m = t->model;
  m->pieces = mgp_calloc(t->alloc, f->count, sizeof *m->pieces);
  m->user_pieces = mgp_calloc(t->alloc, f->count, sizeof *m->user_pieces);
  m->unigram.scores = mgp_calloc(t->alloc, f->count, sizeof *m->unigram.scores);
  MGP_RETURN_IF(!m->pieces || !m->user_pieces || !m->unigram.scores, err, MAGPIE_NO_MEMORY,
                "no memory for the %zu pieces of %s", f->count, name);
  for (int b = 0; b < 256; b++) m->byte_ids[b] = -1;
  const size_t users = take_pieces(t, f);
  MGP_RETURN_IF(t->unk < 0, err, MAGPIE_MODEL, "%s has no unknown piece among its %zu", name,
                f->count);
  for (int b = 0; f->byte_fallback && b < 256; b++)
    MGP_RETURN_IF(m->byte_ids[b] < 0, err, MAGPIE_MODEL,
                  "%s wants byte fallback but has no piece <0x%02X>", name, b);
  MGP_RETURN_IF(!read_charsmap(m, f->charsmap), err, MAGPIE_MODEL,
                "%s: its normalisation rules (%zu bytes) are damaged; fetch it again", name,
                f->charsmap.size);
  m->dummy_prefix = f->add_dummy_prefix;
  m->remove_extra = f->remove_extra_whitespaces;
  m->escape = f->escape_whitespaces;
  m->suffix = f->whitespace_as_suffix;
  m->unigram.unk = t->unk;
  m->unigram.fuse_unknown = true;
  m->unigram.rebase = true;
  m->unigram.bytes = f->byte_fallback ? m->byte_ids : NULL;
  t->vocabulary = f->count;
  MGP_RETURN_IF(!mgp_trie_build(t->alloc, m->pieces, f->count, &m->unigram.trie) ||
                    !mgp_trie_build(t->alloc, m->user_pieces, users, &m->user_defined),
                err, MAGPIE_NO_MEMORY, "no memory for the %zu pieces of %s", f->count, name);
  return MAGPIE_OK;
}

static magpie_status open_model(mgp_tokenizer *t, const mgp_tokenizer_options *options,
                                magpie_error *err) {
  sentencepiece *m = mgp_calloc(t->alloc, 1, sizeof *m);
  MGP_RETURN_IF(!m, err, MAGPIE_NO_MEMORY, "no memory for the tokenizer %s", options->file);
  t->model = m;
  mgp_sp_file file = {0};
  magpie_status status = mgp_map_open(options->file, &m->file, err);
  if (status == MAGPIE_OK && m->file.size == 0)
    status = mgp_fail(err, MAGPIE_MODEL, "%s is empty; a SentencePiece .model was expected",
                      options->file);
  if (status == MAGPIE_OK)
    status = mgp_sp_file_parse(t->alloc, options->file, m->file.data, m->file.size, &file, err);
  if (status == MAGPIE_OK) status = build(t, &file, options->file, err);
  mgp_free(t->alloc, file.pieces);
  if (status != MAGPIE_OK) close_model(t);
  return status;
}

const mgp_tokenizer_kind mgp_sentencepiece_kind = {
    .name = "unigram", .open = open_model, .encode = encode, .close = close_model};
