/* SPDX-License-Identifier: Apache-2.0
 *
 * wordpiece: BERT's tokenizer, from a vocab.txt or the "vocab" of a tokenizer.json. Equal to the
 * BertNormalizer + BertPreTokenizer + WordPiece of Hugging Face's tokenizers id by id.
 *
 *   drop controls -> spaces round Han -> (uncased: decompose, drop marks, lower-case)
 *     -> split at spaces and punctuation -> longest piece first, "##" for what follows
 *
 * Everything streams: the state is one run of non-ASCII text (for the decomposition) and one word.
 * The reference's property tables are those of Unicode 8, ours are ICU's; `type_of` shows ICU
 * through that old window, because ids must be equal and models were trained that way.
 */
#include <unicode/unorm2.h>

#include "text/characters.h"
#include "text/piece_trie.h"
#include "text/tokenizer.h"

enum {
  WORD_CHARS = 100, /* a longer word is one unknown token */
  WORD_BYTES = WORD_CHARS * 4,
  RUN_UNITS = 2048,
  PROPERTIES_VERSION = 8
};

typedef struct wordpiece {
  char *blob;
  mgp_piece *heads, *tails; /* "token" and "##token" without its sign */
  mgp_trie head_trie, tail_trie;
  const UNormalizer2 *decompose;
  bool lowercase;
} wordpiece;

typedef struct state {
  const mgp_tokenizer *t;
  const wordpiece *m;
  mgp_token_output *out;
  char word[WORD_BYTES];
  size_t word_size, word_chars;
  UChar run[RUN_UNITS + 2], decomposed[RUN_UNITS * 4];
  int32_t run_units;
} state;

/* ---- characters ------------------------------------------------------------------------------ */

/* Characters whose category changed after Unicode 8. */
static int8_t changed_type(uint32_t c) {
  switch (c) {
  case 0x166D:
  case 0x111C9:
    return U_OTHER_PUNCTUATION;
  case 0x1734:
    return U_NON_SPACING_MARK;
  case 0x1885:
  case 0x1886:
    return U_OTHER_LETTER;
  case 0xA9BD:
    return U_COMBINING_SPACING_MARK;
  default:
    return -1;
  }
}

static int8_t type_of(uint32_t c) {
  const int8_t changed = changed_type(c);
  if (changed >= 0) return changed;
  const int8_t type = u_charType((UChar32)c);
  const uint32_t asked = U_MASK(type) & (U_GC_MN_MASK | U_GC_CF_MASK | U_GC_P_MASK);
  if (asked == 0) return type;
  UVersionInfo age;
  u_charAge((UChar32)c, age);
  return age[0] > PROPERTIES_VERSION ? U_UNASSIGNED : type;
}

static bool is_dropped(uint32_t c) {
  if (c < 0x80) return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
  if (c < 0xA0 || c == 0xFFFD) return true;
  return (U_MASK(type_of(c)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

/* BERT's own list of ideograph blocks. */
static bool is_ideograph(uint32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool is_punctuation(uint32_t c) {
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  return (U_MASK(type_of(c)) & U_GC_P_MASK) != 0;
}

/* ---- words to pieces ---------------------------------------------------------------------------
 */

static int32_t longest(const mgp_trie *trie, const char *text, size_t size) {
  mgp_trie_walk walk = mgp_trie_start(trie, text, size);
  int32_t best = -1;
  for (int32_t p = mgp_trie_next(&walk); p >= 0; p = mgp_trie_next(&walk)) best = p;
  return best;
}

static void end_word(state *s) {
  const size_t size = s->word_size, before = s->out->count;
  const bool was_cut = s->out->cut;
  bool unknown = s->word_chars > WORD_CHARS;
  s->word_size = s->word_chars = 0;
  if (size == 0) return;
  const mgp_trie *trie = &s->m->head_trie;
  for (size_t at = 0; at < size && !unknown; trie = &s->m->tail_trie) {
    const int32_t p = longest(trie, s->word + at, size - at);
    unknown = p < 0;
    if (unknown) break;
    mgp_token_put(s->out, trie->pieces[p].id);
    at += trie->pieces[p].size;
  }
  if (!unknown) return;
  /* One unknown part makes the whole word unknown. */
  s->out->count = before;
  s->out->cut = was_cut;
  mgp_token_put(s->out, s->t->unk);
}

static void add_to_word(state *s, uint32_t c) {
  if (++s->word_chars > WORD_CHARS) {
    s->word_chars = WORD_CHARS + 1;
    return;
  }
  s->word_size += mgp_utf8_put(c, s->word + s->word_size);
}

static void take_char(state *s, uint32_t c) {
  if (mgp_char_is_space(c)) {
    end_word(s);
  } else if (is_punctuation(c)) {
    end_word(s);
    add_to_word(s, c);
    end_word(s);
  } else {
    add_to_word(s, c);
  }
}

/* ---- normalisation -----------------------------------------------------------------------------
 */

static void take_lowered(state *s, uint32_t c) {
  if (c == 0x130) { /* the one letter whose lower case is two */
    take_char(s, 'i');
    take_char(s, 0x307);
  } else {
    take_char(s, (uint32_t)u_tolower((UChar32)c));
  }
}

static void flush_run(state *s) {
  UErrorCode status = U_ZERO_ERROR;
  const UChar *units = s->decomposed;
  int32_t count = unorm2_normalize(s->m->decompose, s->run, s->run_units, s->decomposed,
                                   RUN_UNITS * 4, &status);
  if (U_FAILURE(status)) {
    units = s->run;
    count = s->run_units;
  }
  s->run_units = 0;
  for (size_t i = 0; i < (size_t)count;) {
    const uint32_t c = mgp_utf16_next(units, (size_t)count, &i);
    if (c < 0x300 || type_of(c) != U_NON_SPACING_MARK) take_lowered(s, c);
  }
}

/* Marks are put in order across a run of non-ASCII text, so the run is collected first. */
static void take_uncased(state *s, uint32_t c) {
  if (c < 0x80) {
    if (s->run_units > 0) flush_run(s);
    take_char(s, c >= 'A' && c <= 'Z' ? c + 32 : c);
    return;
  }
  if (s->run_units >= RUN_UNITS ||
      (s->run_units >= RUN_UNITS / 2 && unorm2_hasBoundaryBefore(s->m->decompose, (UChar32)c)))
    flush_run(s);
  U16_APPEND_UNSAFE(s->run, s->run_units, c);
}

static void take_clean(state *s, uint32_t c) {
  if (s->m->lowercase) take_uncased(s, c);
  else take_char(s, c);
}

static magpie_status encode(const mgp_tokenizer *t, const char *text, size_t size,
                            mgp_token_output *out, magpie_error *err) {
  state *s = mgp_malloc(t->alloc, sizeof *s);
  MGP_RETURN_IF(!s, err, MAGPIE_NO_MEMORY, "no memory to tokenize %zu bytes of text", size);
  s->t = t;
  s->m = t->model;
  s->out = out;
  s->word_size = s->word_chars = 0;
  s->run_units = 0;
  for (size_t i = 0; i < size && !out->cut;) {
    const uint32_t c = mgp_utf8_next(text, size, &i);
    if (is_dropped(c)) continue;
    const bool alone = is_ideograph(c);
    if (alone) take_clean(s, ' ');
    take_clean(s, mgp_char_is_space(c) ? ' ' : c);
    if (alone) take_clean(s, ' ');
  }
  if (s->run_units > 0) flush_run(s);
  end_word(s);
  mgp_free(t->alloc, s);
  return MAGPIE_OK;
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static void close_model(mgp_tokenizer *t) {
  wordpiece *m = t->model;
  if (!m) return;
  mgp_trie_fini(&m->head_trie);
  mgp_trie_fini(&m->tail_trie);
  mgp_free(t->alloc, m->heads);
  mgp_free(t->alloc, m->tails);
  mgp_free(t->alloc, m->blob);
  mgp_free(t->alloc, m);
  t->model = NULL;
}

/* A list of tokens on its way into the tries. */
typedef struct vocabulary {
  size_t heads, tails, heads_capacity, tails_capacity;
} vocabulary;

static bool add_token(mgp_tokenizer *t, vocabulary *v, const char *text, size_t size, int32_t id) {
  static const struct {
    const char *token;
    size_t place;
  } specials[] = {{"[CLS]", offsetof(mgp_tokenizer, bos)},
                  {"[SEP]", offsetof(mgp_tokenizer, eos)},
                  {"[PAD]", offsetof(mgp_tokenizer, pad)},
                  {"[UNK]", offsetof(mgp_tokenizer, unk)}};
  wordpiece *m = t->model;
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
    if (size == 5 && memcmp(text, specials[i].token, 5) == 0)
      memcpy((char *)t + specials[i].place, &id, sizeof id);
  if (size > WORD_BYTES) return true; /* no word is that long */
  if (size > 2 && memcmp(text, "##", 2) == 0) {
    if (!MGP_GROW(t->alloc, m->tails, v->tails_capacity, v->tails + 1)) return false;
    m->tails[v->tails++] = (mgp_piece){text + 2, (uint32_t)size - 2, id};
  }
  if (!MGP_GROW(t->alloc, m->heads, v->heads_capacity, v->heads + 1)) return false;
  m->heads[v->heads++] = (mgp_piece){text, (uint32_t)size, id};
  return true;
}

static bool read_lines(mgp_tokenizer *t, vocabulary *v, char *text, size_t size) {
  int32_t id = 0;
  for (char *at = text, *end = text + size; at < end; id++) {
    char *newline = memchr(at, '\n', (size_t)(end - at));
    char *stop = newline ? newline : end;
    size_t length = (size_t)(stop - at);
    if (length > 0 && at[length - 1] == '\r') length--;
    if (!add_token(t, v, at, length, id)) return false;
    at = stop + 1;
  }
  t->vocabulary = (size_t)id;
  return true;
}

/* Copies the tokens of model.vocab behind one another into the blob; the JSON goes away after. */
static bool read_object(mgp_tokenizer *t, vocabulary *v, json_t *tokens, size_t room) {
  wordpiece *m = t->model;
  m->blob = mgp_malloc(t->alloc, room);
  if (!m->blob) return false;
  size_t used = 0;
  const char *token;
  json_t *id;
  json_object_foreach(tokens, token, id) {
    const size_t size = strlen(token);
    const json_int_t number = json_integer_value(id);
    if (size > room - used || number < 0 || number >= MGP_VOCABULARY_MAX) continue;
    memcpy(m->blob + used, token, size);
    if (!add_token(t, v, m->blob + used, size, (int32_t)number)) return false;
    used += size;
    if ((size_t)number >= t->vocabulary) t->vocabulary = (size_t)number + 1;
  }
  return true;
}

static magpie_status read_json(mgp_tokenizer *t, vocabulary *v, const char *file, const char *text,
                               size_t size, magpie_error *err) {
  json_t *root = NULL;
  magpie_error why = {0};
  if (mgp_json_parse(file, text, size, &root, &why) != MAGPIE_OK)
    return mgp_fail(err, MAGPIE_MODEL, "%s: %s; a whole tokenizer.json was expected", file,
                    why.message);
  json_t *model = json_object_get(root, "model");
  json_t *tokens = json_object_get(model, "vocab");
  magpie_status status = MAGPIE_OK;
  if (strcmp(mgp_json_text(model, "type", "WordPiece"), "WordPiece") != 0 ||
      !json_is_object(tokens))
    status = mgp_fail(err, MAGPIE_MODEL,
                      "%s holds no WordPiece vocabulary: model.type WordPiece and an object "
                      "model.vocab were expected",
                      file);
  else if (!read_object(t, v, tokens, size + 1))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the vocabulary of %s", file);
  json_decref(root);
  return status;
}

static magpie_status read_vocabulary(mgp_tokenizer *t, const char *file, magpie_error *err) {
  wordpiece *m = t->model;
  vocabulary v = {0};
  char *text = NULL;
  size_t size = 0;
  MGP_FORWARD(mgp_file_read(t->alloc, file, MGP_TOKENIZER_FILE_MAX, &text, &size, err));
  magpie_status status = MAGPIE_OK;
  if (size > 0 && text[0] == '{') {
    status = read_json(t, &v, file, text, size, err);
    mgp_free(t->alloc, text);
  } else {
    m->blob = text;
    if (!read_lines(t, &v, text, size))
      status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the vocabulary of %s", file);
  }
  MGP_FORWARD(status);
  MGP_RETURN_IF(t->unk < 0, err, MAGPIE_MODEL,
                "%s has no [UNK] among its %zu tokens; a BERT vocab.txt or tokenizer.json was "
                "expected",
                file, t->vocabulary);
  MGP_RETURN_IF(!mgp_trie_build(t->alloc, m->heads, v.heads, &m->head_trie) ||
                    !mgp_trie_build(t->alloc, m->tails, v.tails, &m->tail_trie),
                err, MAGPIE_NO_MEMORY, "no memory for the vocabulary of %s", file);
  return MAGPIE_OK;
}

static magpie_status open_model(mgp_tokenizer *t, const mgp_tokenizer_options *options,
                                magpie_error *err) {
  wordpiece *m = mgp_calloc(t->alloc, 1, sizeof *m);
  MGP_RETURN_IF(!m, err, MAGPIE_NO_MEMORY, "no memory for the tokenizer %s", options->file);
  t->model = m;
  m->lowercase = options->lowercase;
  UErrorCode icu = U_ZERO_ERROR;
  m->decompose = unorm2_getNFDInstance(&icu);
  magpie_status status = MAGPIE_OK;
  if (U_FAILURE(icu))
    status = mgp_fail(err, MAGPIE_INTERNAL, "ICU cannot normalise: %s", u_errorName(icu));
  else status = read_vocabulary(t, options->file, err);
  if (status != MAGPIE_OK) close_model(t);
  return status;
}

const mgp_tokenizer_kind mgp_wordpiece_kind = {
    .name = "wordpiece", .open = open_model, .encode = encode, .close = close_model};
