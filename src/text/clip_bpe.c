/* SPDX-License-Identifier: Apache-2.0
 *
 * clip_bpe: CLIP's tokenizer from vocab.json and merges.txt (or a tokenizer.json that holds both).
 * Equal to Hugging Face's CLIPTokenizerFast without its added tokens, id by id:
 *
 *   NFC, spaces made one, lower-case -> words by
 *       's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 *   -> the UTF-8 bytes of the word as symbols, the last one marked </w> -> merges by rank
 *
 * "<|endoftext|>" written in a text is text here: the end token's place carries CLIP's meaning, and
 * a file must not be able to set it.
 */
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "text/characters.h"
#include "text/merges.h"
#include "text/tokenizer.h"

typedef struct clip_bpe {
  const UNormalizer2 *compose;
  int32_t inner[256], last[256]; /* ids of a byte within and at the end of a word; -1: none */
  mgp_merges merges;
} clip_bpe;

/* ---- encoding ----------------------------------------------------------------------------------
 */

typedef struct coder {
  const mgp_tokenizer *t;
  mgp_token_output *out;
  mgp_merger merger;
  int32_t *ids;
  size_t capacity;
} coder;

static bool encode_word(coder *k, const char *word, size_t size) {
  const clip_bpe *m = k->t->model;
  if (!MGP_GROW(k->t->alloc, k->ids, k->capacity, size)) return false;
  size_t count = 0;
  for (size_t i = 0; i < size; i++) {
    const unsigned char b = (unsigned char)word[i];
    const int32_t id = i + 1 == size ? m->last[b] : m->inner[b];
    if (id >= 0) k->ids[count++] = id;
    else if (k->t->unk >= 0) k->ids[count++] = k->t->unk;
  }
  if (!mgp_merger_run(&k->merger, &m->merges, k->ids, &count)) return false;
  for (size_t i = 0; i < count; i++) mgp_token_put(k->out, k->ids[i]);
  return true;
}

typedef enum kind { SPACE, LETTER, NUMBER, OTHER } kind;

static kind kind_of(uint32_t c) {
  if (c < 0x80) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return LETTER;
    if (c >= '0' && c <= '9') return NUMBER;
    return mgp_char_is_space(c) ? SPACE : OTHER;
  }
  if (mgp_char_is_space(c)) return SPACE;
  const uint32_t mask = U_MASK(u_charType((UChar32)c));
  return mask & U_GC_L_MASK ? LETTER : mask & U_GC_N_MASK ? NUMBER : OTHER;
}

/* 's, 't, 're and so on; 0: none here. */
static size_t contraction(const char *text, size_t size) {
  static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const size_t n = strlen(endings[i]);
    if (size >= n && memcmp(text, endings[i], n) == 0) return n;
  }
  return 0;
}

/* Where the word that begins at `at` ends; *is_word is false for a space. */
static size_t word_end(const char *text, size_t size, size_t at, bool *is_word) {
  const size_t short_form = contraction(text + at, size - at);
  *is_word = true;
  if (short_form > 0) return at + short_form;
  size_t end = at;
  const kind k = kind_of(mgp_utf8_next(text, size, &end));
  *is_word = k != SPACE;
  while (end < size && (k == LETTER || k == OTHER)) {
    size_t next = end;
    if (kind_of(mgp_utf8_next(text, size, &next)) != k) break;
    end = next;
  }
  return end;
}

static void put_lowered(mgp_buffer *out, uint32_t c) {
  char bytes[4];
  if (c < 0x80) {
    mgp_buffer_add_char(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
  } else if (c == 0x130) { /* the one letter whose lower case is two */
    mgp_buffer_add_text(out, "i\xCC\x87");
  } else {
    mgp_buffer_add(out, bytes, mgp_utf8_put((uint32_t)u_tolower((UChar32)c), bytes));
  }
}

/* The text composed (NFC) and lower-cased; spaces need no cleaning, as they only split. */
static magpie_status clean(const mgp_tokenizer *t, const char *text, size_t size, mgp_buffer *out,
                           magpie_error *err) {
  const clip_bpe *m = t->model;
  size_t count = 0;
  const size_t room = size * 3 + 16; /* NFC grows UTF-16 threefold at most (UAX #15) */
  UChar *units = mgp_malloc(t->alloc, (size + 1) * sizeof *units);
  UChar *composed = mgp_malloc(t->alloc, room * sizeof *composed);
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; units && i < size;) {
    const uint32_t c = mgp_utf8_next(text, size, &i);
    U16_APPEND_UNSAFE(units, count, c);
  }
  UErrorCode icu = U_ZERO_ERROR;
  int32_t n = 0;
  if (units && composed)
    n = unorm2_normalize(m->compose, units, (int32_t)count, composed, (int32_t)room, &icu);
  if (!units || !composed)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  else if (U_FAILURE(icu))
    status = mgp_fail(err, MAGPIE_INTERNAL, "ICU cannot normalise the text: %s", u_errorName(icu));
  for (size_t i = 0; status == MAGPIE_OK && i < (size_t)n;)
    put_lowered(out, mgp_utf16_next(composed, (size_t)n, &i));
  mgp_free(t->alloc, units);
  mgp_free(t->alloc, composed);
  return status;
}

static magpie_status encode(const mgp_tokenizer *t, const char *text, size_t size,
                            mgp_token_output *out, magpie_error *err) {
  if (size == 0) return MAGPIE_OK;
  coder k = {.t = t, .out = out, .merger = {.alloc = t->alloc}};
  mgp_buffer normal = {.alloc = t->alloc};
  magpie_status status = clean(t, text, size, &normal, err);
  bool done = !normal.failed;
  for (size_t i = 0; status == MAGPIE_OK && done && i < normal.size && !out->cut;) {
    bool is_word;
    const size_t end = word_end(normal.data, normal.size, i, &is_word);
    if (is_word) done = encode_word(&k, normal.data + i, end - i);
    i = end;
  }
  if (status == MAGPIE_OK && !done)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  mgp_merger_fini(&k.merger);
  mgp_free(t->alloc, k.ids);
  mgp_buffer_fini(&normal);
  return status;
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static void close_model(mgp_tokenizer *t) {
  clip_bpe *m = t->model;
  if (!m) return;
  mgp_merges_fini(&m->merges);
  mgp_free(t->alloc, m);
  t->model = NULL;
}

static int32_t find_id(const json_t *vocab, const char *token, size_t size) {
  const json_t *id = json_object_getn(vocab, token, size);
  const json_int_t n = json_integer_value(id);
  return json_is_integer(id) && n >= 0 && n < MGP_VOCABULARY_MAX ? (int32_t)n : -1;
}

/* GPT-2's printable stand-ins: bytes that print stand for themselves, the others for 256 and up. */
static void find_bytes(clip_bpe *m, const json_t *vocab) {
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; b++) {
    const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    char token[16];
    const size_t size = mgp_utf8_put(prints ? b : next++, token);
    m->inner[b] = find_id(vocab, token, size);
    memcpy(token + size, "</w>", 4);
    m->last[b] = find_id(vocab, token, size + 4);
  }
}

/* One rule "left right". A rule whose parts the vocabulary lacks cannot apply and is left out. */
static bool add_merge(mgp_tokenizer *t, const json_t *vocab, const char *left, size_t left_size,
                      const char *right, size_t right_size, uint32_t rank) {
  clip_bpe *m = t->model;
  enum { LONGEST = 4096 };
  char both[LONGEST];
  if (left_size + right_size > LONGEST) return false;
  memcpy(both, left, left_size);
  memcpy(both + left_size, right, right_size);
  const int32_t a = find_id(vocab, left, left_size), b = find_id(vocab, right, right_size);
  const int32_t id = find_id(vocab, both, left_size + right_size);
  if (a < 0 || b < 0 || id < 0) return false;
  mgp_merges_add(&m->merges, a, b, rank, id);
  return true;
}

static magpie_status bad_merge(magpie_error *err, const char *file, size_t line) {
  return mgp_fail(err, MAGPIE_MODEL,
                  "%s:%zu is no merge of two tokens of the vocabulary; the merges.txt that belongs "
                  "to this vocab.json was expected",
                  file, line);
}

static magpie_status read_merges_text(mgp_tokenizer *t, const json_t *vocab, const char *file,
                                      magpie_error *err) {
  clip_bpe *m = t->model;
  char *text = NULL;
  size_t size = 0, line = 0;
  MGP_FORWARD(mgp_file_read(t->alloc, file, MGP_TOKENIZER_FILE_MAX, &text, &size, err));
  size_t lines = 1;
  for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
  magpie_status status = MAGPIE_OK;
  if (!mgp_merges_init(&m->merges, t->alloc, lines))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the %zu merges of %s", lines, file);
  for (char *at = text, *end = text + size; status == MAGPIE_OK && at < end;) {
    char *newline = memchr(at, '\n', (size_t)(end - at));
    char *stop = newline ? newline : end;
    size_t length = (size_t)(stop - at);
    if (length > 0 && at[length - 1] == '\r') length--;
    char *space = memchr(at, ' ', length);
    line++;
    const bool comment = line == 1 && length >= 8 && memcmp(at, "#version", 8) == 0;
    if (length > 0 && !comment &&
        (!space || !add_merge(t, vocab, at, (size_t)(space - at), space + 1,
                              length - (size_t)(space + 1 - at), (uint32_t)line)))
      status = bad_merge(err, file, line);
    at = stop + 1;
  }
  mgp_free(t->alloc, text);
  return status;
}

/* tokenizer.json: "a b" or ["a", "b"]. */
static magpie_status read_merges_json(mgp_tokenizer *t, const json_t *vocab, const json_t *merges,
                                      const char *file, magpie_error *err) {
  clip_bpe *m = t->model;
  MGP_RETURN_IF(!mgp_merges_init(&m->merges, t->alloc, json_array_size(merges)), err,
                MAGPIE_NO_MEMORY, "no memory for the merges of %s", file);
  for (size_t i = 0; i < json_array_size(merges); i++) {
    const json_t *item = json_array_get(merges, i);
    const char *left = json_string_value(json_is_array(item) ? json_array_get(item, 0) : item);
    const char *right = json_string_value(json_array_get(item, 1));
    size_t left_size = left ? strlen(left) : 0;
    if (left && !json_is_array(item)) {
      right = strchr(left, ' ');
      left_size = right ? (size_t)(right - left) : 0;
      right = right ? right + 1 : NULL;
    }
    if (!left || !right || !add_merge(t, vocab, left, left_size, right, strlen(right), (uint32_t)i))
      return bad_merge(err, file, i + 1);
  }
  return MAGPIE_OK;
}

static magpie_status read_model(mgp_tokenizer *t, const mgp_tokenizer_options *options,
                                const json_t *root, magpie_error *err) {
  clip_bpe *m = t->model;
  const json_t *model = json_object_get(root, "model");
  const json_t *merges = json_object_get(model, "merges");
  /* "model" is also a word of the bare vocabulary. */
  const json_t *vocab = json_is_object(model) ? json_object_get(model, "vocab") : root;
  MGP_RETURN_IF(!json_is_object(vocab), err, MAGPIE_MODEL,
                "%s holds no vocabulary; an object {token: id} was expected", options->file);
  MGP_RETURN_IF(!options->file2 && !json_is_array(merges), err, MAGPIE_MODEL,
                "%s needs its merges.txt beside it (tokenizer.file2 of the pack)", options->file);
  find_bytes(m, vocab);
  t->bos = find_id(vocab, "<|startoftext|>", 15);
  t->eos = find_id(vocab, "<|endoftext|>", 13);
  t->unk = t->eos;
  t->pad = t->eos;
  t->vocabulary = json_object_size(vocab);
  MGP_RETURN_IF(
      t->bos < 0 || t->eos < 0 || m->inner['a'] < 0 || m->last['a'] < 0, err, MAGPIE_MODEL,
      "%s is not CLIP's vocabulary: <|startoftext|>, <|endoftext|>, a or a</w> is missing "
      "among its %zu tokens",
      options->file, t->vocabulary);
  if (options->file2) return read_merges_text(t, vocab, options->file2, err);
  return read_merges_json(t, vocab, merges, options->file, err);
}

static magpie_status open_model(mgp_tokenizer *t, const mgp_tokenizer_options *options,
                                magpie_error *err) {
  clip_bpe *m = mgp_calloc(t->alloc, 1, sizeof *m);
  MGP_RETURN_IF(!m, err, MAGPIE_NO_MEMORY, "no memory for the tokenizer %s", options->file);
  t->model = m;
  m->merges.alloc = t->alloc;
  UErrorCode icu = U_ZERO_ERROR;
  m->compose = unorm2_getNFCInstance(&icu);
  json_t *root = NULL;
  magpie_status status = MAGPIE_OK;
  if (U_FAILURE(icu))
    status = mgp_fail(err, MAGPIE_INTERNAL, "ICU cannot normalise: %s", u_errorName(icu));
  if (status == MAGPIE_OK)
    status = mgp_json_read(options->file, MGP_TOKENIZER_FILE_MAX, &root, err);
  if (status == MAGPIE_OK) status = read_model(t, options, root, err);
  json_decref(root);
  if (status != MAGPIE_OK) close_model(t);
  return status;
}

const mgp_tokenizer_kind mgp_clip_bpe_kind = {
    .name = "clip-bpe", .open = open_model, .encode = encode, .close = close_model};
