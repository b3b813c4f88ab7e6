/* SPDX-License-Identifier: Apache-2.0
 *
 * analyzer: text to index terms.
 *
 *   block of text -> UTF-16 with the byte offset of each unit
 *     -> run of CJK characters: overlapping bigrams (Lucene's CJKBigramFilter)
 *     -> other run: words (UAX #29), by ICU where they are not plain ASCII -> per word: case
 *        folding, elision, stemmer of the language, accent folding, cut to 64 bytes
 *
 * ICU never sees the CJK runs, so its slow dictionary for them is not used. Blocks bound the
 * memory; they end at a space where there is one. No stop words are removed: BM25's idf does that
 * softly, and phrases need them.
 */
#include <libstemmer.h>
#include <unicode/ubrk.h>

#include "text/characters.h"
#include "text/fold.h"

enum {
  TERM_BYTES = 64,
  WORD_BYTES = 1024, /* before it is cut to TERM_BYTES */
  BLOCK_BYTES = 1 << 16,
  STEMMERS = 32
};

typedef struct stemmer {
  char language[4];
  struct sb_stemmer *handle;
} stemmer;

struct mgp_analyzer {
  mgp_alloc *alloc;
  UBreakIterator *words;
  stemmer stemmers[STEMMERS];
  size_t stemmer_count;
  mgp_folder folder;
  UChar units[BLOCK_BYTES + 1];
  uint32_t offsets[BLOCK_BYTES + 1]; /* byte of the block where each unit begins */
};

/* What one run carries through. */
typedef struct run {
  mgp_analyzer *an;
  const char *text;
  size_t base; /* byte of the text where the block begins */
  struct sb_stemmer *stem;
  bool elides;
  mgp_term_sink sink;
  void *context;
  uint32_t position;
} run;

magpie_status mgp_analyzer_create(mgp_alloc *a, mgp_analyzer **out, magpie_error *err) {
  mgp_analyzer *an = mgp_calloc(a, 1, sizeof *an);
  MGP_RETURN_IF(!an, err, MAGPIE_NO_MEMORY, "no memory for a text analyzer (%zu bytes)",
                sizeof *an);
  UErrorCode status = U_ZERO_ERROR;
  an->alloc = a;
  an->words = ubrk_open(UBRK_WORD, "en", NULL, 0, &status);
  if (U_FAILURE(status)) {
    mgp_free(a, an);
    return mgp_fail(err, MAGPIE_INTERNAL, "ICU cannot break words: %s; is its data installed?",
                    u_errorName(status));
  }
  const magpie_status folded = mgp_folder_init(&an->folder, err);
  if (folded != MAGPIE_OK) {
    mgp_analyzer_destroy(an);
    return folded;
  }
  *out = an;
  return MAGPIE_OK;
}

void mgp_analyzer_destroy(mgp_analyzer *an) {
  if (!an) return;
  for (size_t i = 0; i < an->stemmer_count; i++) sb_stemmer_delete(an->stemmers[i].handle);
  ubrk_close(an->words);
  mgp_free(an->alloc, an);
}

/* Snowball's handles are made once and kept; NULL: no stemmer for this language. */
static struct sb_stemmer *find_stemmer(mgp_analyzer *an, const char *language) {
  if (!mgp_language_has_stemmer(language)) return NULL;
  for (size_t i = 0; i < an->stemmer_count; i++)
    if (strcmp(an->stemmers[i].language, language) == 0) return an->stemmers[i].handle;
  if (an->stemmer_count == STEMMERS) return NULL;
  const bool norwegian = strcmp(language, "nb") == 0 || strcmp(language, "nn") == 0;
  struct sb_stemmer *handle = sb_stemmer_new(norwegian ? "no" : language, NULL);
  if (!handle) return NULL;
  stemmer *s = &an->stemmers[an->stemmer_count++];
  memcpy(s->language, language, 3);
  s->handle = handle;
  return handle;
}

static void emit(run *r, const char *term, size_t size, size_t from, size_t to) {
  if (size > TERM_BYTES) size = mgp_utf8_cut(term, TERM_BYTES);
  if (size == 0) return;
  const size_t start = r->base + r->an->offsets[from];
  const mgp_term t = {.text = term,
                      .size = size,
                      .start = start,
                      .length = r->base + r->an->offsets[to] - start,
                      .position = r->position++};
  r->sink(r->context, &t);
}

/* French, Italian and Catalan write short words onto the next one: l'eau, dell'arte. Returns the
 * bytes of that prefix; aujourd'hui is one word. */
static size_t elided_prefix(const char *word, size_t size) {
  static const size_t longest = 6;
  const char *mark = memchr(word, '\'', size);
  if (!mark) return 0;
  const size_t prefix = (size_t)(mark - word);
  return prefix <= longest && size - prefix > 2 ? prefix + 1 : 0;
}

static bool elides(const char *language) {
  return language && (strcmp(language, "fr") == 0 || strcmp(language, "it") == 0 ||
                      strcmp(language, "ca") == 0);
}

static bool is_ascii(const char *word, size_t size) {
  unsigned char bits = 0;
  for (size_t i = 0; i < size; i++) bits = (unsigned char)(bits | (unsigned char)word[i]);
  return bits < 0x80;
}

/* One word between two units of the block. */
static void add_word(run *r, size_t from, size_t to) {
  mgp_analyzer *an = r->an;
  char folded[WORD_BYTES], plain[WORD_BYTES];
  size_t count = to - from;
  if (count > MGP_WORD_UNITS) {
    count = MGP_WORD_UNITS;
    if (U16_IS_LEAD(an->units[from + count - 1])) count--;
  }
  bool ascii;
  size_t size =
      mgp_fold_case(&an->folder, an->units + from, (int32_t)count, folded, WORD_BYTES, &ascii);
  const char *word = folded;
  if (r->elides) {
    const size_t skip = elided_prefix(word, size);
    word += skip;
    size -= skip;
  }
  if (r->stem) {
    const sb_symbol *stem = sb_stemmer_stem(r->stem, (const sb_symbol *)word, (int)size);
    if (stem) {
      word = (const char *)stem;
      size = (size_t)sb_stemmer_length(r->stem);
    }
  }
  if (!ascii && !is_ascii(word, size)) {
    size = mgp_fold_accents(&an->folder, word, size, plain, WORD_BYTES);
    word = plain;
  }
  emit(r, word, size, from, to);
}

/* ICU's words between two units. */
static void add_segmented(run *r, size_t from, size_t to) {
  mgp_analyzer *an = r->an;
  UErrorCode status = U_ZERO_ERROR;
  if (from == to) return;
  ubrk_setText(an->words, an->units + from, (int32_t)(to - from), &status);
  if (U_FAILURE(status)) return;
  int32_t start = ubrk_first(an->words);
  for (int32_t end = ubrk_next(an->words); end != UBRK_DONE; end = ubrk_next(an->words)) {
    /* Statuses below NUMBER are spaces, punctuation and signs. */
    if (ubrk_getRuleStatus(an->words) >= UBRK_WORD_NUMBER)
      add_word(r, from + (size_t)start, from + (size_t)end);
    start = end;
  }
}

static bool is_space(UChar c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_ascii_letter_or_digit(UChar c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Signs that belong to no word at its end; an underscore does, and for ICU 72 an @. */
static bool is_sign(UChar c) {
  return c < 0x80 && c != 0 && strchr(".,;:!?()[]{}\"'-/", c) != NULL;
}

/* What stands between spaces: *first to *last are its ASCII letters and digits, if it has no others
 * and no signs but before and behind them. UAX #29 makes that one word. */
static bool is_plain_word(const UChar *units, size_t from, size_t to, size_t *first, size_t *last) {
  while (from < to && is_sign(units[from])) from++;
  while (to > from && is_sign(units[to - 1])) to--;
  *first = from;
  *last = to;
  for (; from < to; from++)
    if (!is_ascii_letter_or_digit(units[from])) return false;
  return true;
}

/* UAX #29 breaks before and behind every ASCII space unless a mark follows it, so what stands
 * between two spaces can be judged alone. Most of it is a plain word, which needs no ICU. */
static void add_words(run *r, size_t from, size_t to) {
  const UChar *units = r->an->units;
  size_t pending = from; /* what ICU has to look at begins here */
  for (size_t at = from; at < to;) {
    size_t end = at, first = 0, last = 0;
    while (end < to && !is_space(units[end])) end++;
    size_t next = end;
    while (next < to && is_space(units[next])) next++;
    const bool is_alone = next == to || units[next] < 0x80; /* no mark upon the space */
    if (is_alone && is_plain_word(units, at, end, &first, &last)) {
      add_segmented(r, pending, at);
      if (first < last) add_word(r, first, last);
      pending = next;
    }
    at = next;
  }
  add_segmented(r, pending, to);
}

static uint32_t unit_at(const mgp_analyzer *an, size_t i, size_t count, size_t *next) {
  *next = i;
  return mgp_utf16_next(an->units, count, next);
}

/* A CJK character with the marks that belong to it (half-width voiced signs too). */
static size_t cjk_end(const mgp_analyzer *an, size_t at, size_t to) {
  size_t next;
  unit_at(an, at, to, &next);
  while (next < to) {
    size_t after;
    const uint32_t c = unit_at(an, next, to, &after);
    if (c != 0xFF9E && c != 0xFF9F && u_charType((UChar32)c) != U_NON_SPACING_MARK) break;
    next = after;
  }
  return next;
}

static void add_cjk(run *r, size_t from, size_t to) {
  mgp_analyzer *an = r->an;
  size_t first = from, second = cjk_end(an, from, to);
  do {
    const size_t end = second < to ? cjk_end(an, second, to) : to;
    const size_t units = end - first < MGP_WORD_UNITS ? end - first : MGP_WORD_UNITS;
    char folded[WORD_BYTES];
    bool ascii;
    const size_t size =
        mgp_fold_case(&an->folder, an->units + first, (int32_t)units, folded, WORD_BYTES, &ascii);
    emit(r, folded, size, first, end);
    first = second;
    second = end;
  } while (second < to);
}

static void add_block(run *r, size_t count) {
  size_t i = 0;
  while (i < count) {
    size_t end = i, next;
    const bool cjk = mgp_char_is_cjk(unit_at(r->an, i, count, &next));
    while (end < count) {
      const uint32_t c = unit_at(r->an, end, count, &next);
      const bool mark = cjk && u_charType((UChar32)c) == U_NON_SPACING_MARK;
      if (!mark && mgp_char_is_cjk(c) != cjk) break;
      end = next;
    }
    if (cjk) add_cjk(r, i, end);
    else add_words(r, i, end);
    i = end;
  }
}

/* Fills the block from the text; *bytes is what it covers. A block that is not the last ends behind
 * a space, so that no word is cut, unless it has none in its second half. */
static size_t fill_block(mgp_analyzer *an, const char *text, size_t size, size_t *bytes) {
  size_t limit = size;
  if (size > BLOCK_BYTES) {
    limit = mgp_utf8_cut(text, BLOCK_BYTES);
    if (limit == 0) limit = BLOCK_BYTES;
    for (size_t cut = limit; cut > BLOCK_BYTES / 2; cut--)
      if (text[cut - 1] == ' ' || text[cut - 1] == '\n') {
        limit = cut;
        break;
      }
  }
  size_t n = 0;
  for (size_t i = 0; i < limit;) {
    const size_t at = i;
    const uint32_t c =
        (unsigned char)text[i] < 0x80 ? (unsigned char)text[i++] : mgp_utf8_next(text, limit, &i);
    an->offsets[n] = (uint32_t)at;
    if (c < 0x10000) {
      an->units[n++] = (UChar)c;
    } else {
      an->units[n++] = U16_LEAD(c);
      an->offsets[n] = (uint32_t)at;
      an->units[n++] = U16_TRAIL(c);
    }
  }
  an->offsets[n] = (uint32_t)limit;
  *bytes = limit;
  return n;
}

magpie_status mgp_analyzer_run(mgp_analyzer *an, const char *text, size_t size,
                               const char *language, mgp_term_sink sink, void *context,
                               magpie_error *err) {
  MGP_RETURN_IF(!an || !sink || (!text && size > 0), err, MAGPIE_INVALID,
                "mgp_analyzer_run needs an analyzer, a text and a sink");
  run r = {.an = an,
           .text = text,
           .stem = find_stemmer(an, language),
           .elides = elides(language),
           .sink = sink,
           .context = context};
  while (r.base < size) {
    size_t bytes;
    const size_t units = fill_block(an, text + r.base, size - r.base, &bytes);
    add_block(&r, units);
    r.base += bytes;
  }
  return MAGPIE_OK;
}
