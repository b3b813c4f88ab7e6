/* SPDX-License-Identifier: Apache-2.0
 *
 * passage: cuts a text into passages of about `target` tokens at the best border in reach.
 *
 * Borders come in strengths: blank line > end of sentence > line end > space. From the start of a
 * passage one scan walks to 1.5 * target estimated tokens and notes, for each strength, the borders
 * worth cutting at; then `choose` takes one. What lies behind the cut is scanned again by the next
 * passage, so each byte is looked at three times at most.
 *
 * Invariants: passages are in order, do not overlap, hold every character that is no space, begin
 * and end with one, and never split a code point.
 */
#include "text/characters.h"
#include "text/sentence.h"

enum {
  DEFAULT_TARGET = 200,
  CJK_COST = 10,   /* all estimates are in tenths of a token */
  WORD_COST = 14,  /* the first WORD_LETTERS letters of a word */
  PIECE_COST = 10, /* each further PIECE_LETTERS: long words fall into many pieces */
  WORD_LETTERS = 12,
  PIECE_LETTERS = 4
};

/* Estimates as it walks; letters counts those of the word it is in. */
typedef struct estimate {
  uint64_t tenths;
  size_t letters;
} estimate;

static void estimate_add(estimate *e, uint32_t c) {
  if (mgp_char_is_space(c)) {
    e->letters = 0;
  } else if (mgp_char_is_cjk(c)) {
    e->letters = 0;
    e->tenths += CJK_COST;
  } else {
    const size_t n = e->letters++;
    if (n == 0) e->tenths += WORD_COST;
    else if (n >= WORD_LETTERS && (n - WORD_LETTERS) % PIECE_LETTERS == 0) e->tenths += PIECE_COST;
  }
}

static uint64_t estimate_tenths(const char *text, size_t size) {
  estimate e = {0, 0};
  for (size_t i = 0; i < size;) estimate_add(&e, mgp_utf8_next(text, size, &i));
  return e.tenths;
}

size_t mgp_token_estimate(const char *text, size_t size) {
  const uint64_t tenths = estimate_tenths(text, size);
  return tenths == 0 ? 0 : tenths < 10 ? 1 : (size_t)(tenths / 10);
}

typedef enum strength { SPACE, LINE, SENTENCE, PARAGRAPH, STRENGTHS } strength;

typedef struct cutter {
  mgp_alloc *alloc;
  const char *text;
  size_t size;
  uint64_t target; /* tenths */
  mgp_sentences sentences;
  size_t *borders; /* those of the text in order, found as far as the scans have come */
  strength *strengths;
  size_t border_count, border_capacity, strength_capacity;
  size_t border; /* the first one behind the start of the passage */
  bool at_end;
  mgp_passage *passages;
  size_t count, capacity;
} cutter;

static bool ends_sentence(uint32_t c) {
  return c == '.' || c == '!' || c == '?' || c == ':' || c == ';' ||
         (c >= 0x80 && u_hasBinaryProperty((UChar32)c, UCHAR_S_TERM));
}

/* How good a cut at `at` (from ICU) is, by the space and the sign before it. A line end alone may
 * only be a wrapped line. */
static strength classify(const char *text, size_t from, size_t at) {
  size_t newlines = 0;
  uint32_t c = 0;
  while (at > from) {
    size_t start;
    c = mgp_char_before(text, at, &start);
    if (!mgp_char_is_space(c)) break;
    newlines += c == '\n';
    at = start;
  }
  if (newlines >= 2) return PARAGRAPH;
  if (newlines == 0) return SENTENCE;
  /* Closing quotes and brackets hide the full stop. */
  for (int k = 0; k < 3 && at > from && !ends_sentence(c) && u_ispunct((UChar32)c); k++) {
    size_t start;
    c = mgp_char_before(text, at, &start);
    at = start;
  }
  return ends_sentence(c) ? SENTENCE : LINE;
}

/* The next border of the text; a blank line counts for the one before it. */
static bool find_border(cutter *k) {
  size_t at;
  if (k->at_end || !mgp_sentences_next(&k->sentences, &at)) {
    k->at_end = true;
    return true;
  }
  if (!MGP_GROW(k->alloc, k->borders, k->border_capacity, k->border_count + 1)) return false;
  if (!MGP_GROW(k->alloc, k->strengths, k->strength_capacity, k->border_count + 1)) return false;
  const size_t from = k->border_count ? k->borders[k->border_count - 1] : 0;
  k->borders[k->border_count] = at;
  k->strengths[k->border_count++] = classify(k->text, from > 8 ? from - 8 : 0, at);
  return true;
}

/* What one scan found: per strength the last cut at or below the target and the first above it,
 * with the tenths that the passage would have. */
typedef struct candidate {
  size_t at;
  uint64_t tenths;
} candidate;

typedef struct scan {
  candidate below[STRENGTHS], above[STRENGTHS];
  size_t end; /* where 1.5 * target or the text ended */
  uint64_t tenths;
  bool reached_end;
} scan;

static void note(scan *s, strength kind, size_t at, uint64_t tenths, uint64_t target) {
  if (tenths == 0) return;
  for (int k = (int)kind; k >= SPACE; k--) {
    if (tenths <= target) s->below[k] = (candidate){at, tenths};
    else if (s->above[k].at == 0) s->above[k] = (candidate){at, tenths};
  }
}

static bool scan_passage(cutter *k, size_t start, scan *s) {
  const uint64_t limit = k->target / 2 * 3;
  estimate e = {0, 0};
  size_t i = start, border = k->border;
  *s = (scan){.end = k->size};
  while (i < k->size) {
    for (; border < k->border_count && k->borders[border] <= i; border++)
      if (k->borders[border] == i) note(s, k->strengths[border], i, e.tenths, k->target);
    if (border == k->border_count && !k->at_end) {
      if (!find_border(k)) return false;
      continue;
    }
    size_t next = i;
    const uint32_t c = mgp_utf8_next(k->text, k->size, &next);
    if (mgp_char_is_space(c)) note(s, SPACE, i, e.tenths, k->target);
    const estimate before = e;
    estimate_add(&e, c);
    if (e.tenths > limit) {
      s->end = i;
      s->tenths = before.tenths;
      return true;
    }
    i = next;
  }
  s->tenths = e.tenths;
  s->reached_end = true;
  return true;
}

/* A blank line in the last third; else the sentence end that leaves a passage of half to one and a
 * half targets; then the same with line ends, with spaces; then wherever the scan stopped. */
static size_t choose(const scan *s, uint64_t target) {
  if (s->reached_end && s->tenths * 4 <= target * 5) return s->end;
  if (s->below[PARAGRAPH].tenths * 3 >= target * 2) return s->below[PARAGRAPH].at;
  for (int kind = SENTENCE; kind >= SPACE; kind--) {
    if (s->below[kind].tenths * 2 >= target) return s->below[kind].at;
    if (s->above[kind].at) return s->above[kind].at;
    if (s->below[kind].tenths * 4 >= target) return s->below[kind].at;
  }
  if (s->below[SPACE].at) return s->below[SPACE].at;
  return s->end;
}

static size_t skip_space(const char *text, size_t size, size_t at) {
  while (at < size) {
    size_t next = at;
    if (!mgp_char_is_space(mgp_utf8_next(text, size, &next))) break;
    at = next;
  }
  return at;
}

static bool push_passage(cutter *k, size_t start, size_t end) {
  while (end > start) {
    size_t before;
    if (!mgp_char_is_space(mgp_char_before(k->text, end, &before))) break;
    end = before;
  }
  if (!MGP_GROW(k->alloc, k->passages, k->capacity, k->count + 1)) return false;
  k->passages[k->count++] = (mgp_passage){.start = start, .size = end - start};
  return true;
}

static int64_t count_lines(const char *text, size_t from, size_t to) {
  int64_t lines = 0;
  for (const char *p = text + from; (p = memchr(p, '\n', (size_t)(text + to - p))); p++) lines++;
  return lines;
}

static void number_lines(cutter *k) {
  size_t at = 0;
  int64_t line = 1;
  for (size_t i = 0; i < k->count; i++) {
    mgp_passage *p = &k->passages[i];
    p->first_line = line + count_lines(k->text, at, p->start);
    p->last_line = p->first_line + count_lines(k->text, p->start, p->start + p->size);
    at = p->start + p->size;
    line = p->last_line;
  }
}

/* Forget the borders that lie behind, so that memory follows the passage, not the text. */
static void drop_borders(cutter *k, size_t start) {
  while (k->border < k->border_count && k->borders[k->border] <= start) k->border++;
  if (k->border < 1024) return;
  k->border_count -= k->border;
  memmove(k->borders, k->borders + k->border, k->border_count * sizeof *k->borders);
  memmove(k->strengths, k->strengths + k->border, k->border_count * sizeof *k->strengths);
  k->border = 0;
}

static bool cut_all(cutter *k) {
  size_t start = skip_space(k->text, k->size, 0);
  while (start < k->size) {
    scan s;
    if (!scan_passage(k, start, &s)) return false;
    size_t end = choose(&s, k->target);
    /* A tail that is too small for a passage of its own stays with this one. */
    if (s.reached_end && end < k->size && s.tenths <= k->target / 2 * 3 &&
        estimate_tenths(k->text + end, k->size - end) * 4 < k->target)
      end = k->size;
    if (!push_passage(k, start, end)) return false;
    start = skip_space(k->text, k->size, end);
    drop_borders(k, start);
  }
  return true;
}

magpie_status mgp_passages_cut(mgp_alloc *a, const char *text, size_t size, size_t target,
                               mgp_passage **out, size_t *count, magpie_error *err) {
  if (target == 0) target = DEFAULT_TARGET;
  MGP_RETURN_IF(target > 1000000, err, MAGPIE_INVALID,
                "a passage target of %zu tokens is beyond the limit of 1000000", target);
  cutter k = {.alloc = a, .text = text, .size = size, .target = (uint64_t)target * 10};
  magpie_status status = mgp_sentences_init(&k.sentences, text, size, err);
  if (status == MAGPIE_OK && (!cut_all(&k) || !MGP_GROW(a, k.passages, k.capacity, 1)))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to cut %zu bytes into passages", size);
  mgp_sentences_fini(&k.sentences);
  mgp_free(a, k.borders);
  mgp_free(a, k.strengths);
  if (status != MAGPIE_OK) {
    mgp_free(a, k.passages);
    return status;
  }
  number_lines(&k);
  *out = k.passages;
  *count = k.count;
  return MAGPIE_OK;
}
