/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as SQuAD's evaluation script sees them (Rajpurkar et al., EMNLP 2016; evaluate-v1.1.py):
 * str.lower, string.punctuation removed, \b(a|an|the)\b made a space, str.split. What Python calls
 * a space and a word character is told here by Unicode's classes, so that other scripts agree too.
 */
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>

#include "text/text.h"

static bool is_python_space(uint32_t c) {
  return u_isUWhiteSpace((UChar32)c) || (c >= 0x1c && c <= 0x1f);
}

static bool is_word_character(uint32_t c) {
  return (U_GET_GC_MASK((UChar32)c) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

static bool is_ascii_punctuation(uint32_t c) {
  return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) ||
         (c >= 0x7b && c <= 0x7e);
}

/* Full case mapping without a locale, final sigma too, as str.lower has it. */
static char *lower(mgp_alloc *a, const char *text, size_t size, size_t *out_size) {
  UErrorCode code = U_ZERO_ERROR;
  if (size > INT32_MAX / 4) return NULL;
  UCaseMap *map = ucasemap_open("", 0, &code);
  if (U_FAILURE(code)) return NULL;
  const size_t capacity = size * 3 + 1; /* U+0130 grows from 2 bytes to 3, a bad byte from 1 to 3 */
  char *out = mgp_malloc(a, capacity);
  int32_t length = 0;
  if (out) length = ucasemap_utf8ToLower(map, out, (int32_t)capacity, text, (int32_t)size, &code);
  ucasemap_close(map);
  if (out && U_FAILURE(code)) {
    mgp_free(a, out);
    out = NULL;
  }
  *out_size = (size_t)length;
  return out;
}

static size_t drop_punctuation(char *text, size_t size) {
  size_t kept = 0;
  for (size_t i = 0; i < size; i++)
    if (!is_ascii_punctuation((unsigned char)text[i])) text[kept++] = text[i];
  return kept;
}

static bool is_article(const char *text, size_t size) {
  return (size == 1 && text[0] == 'a') || (size == 2 && memcmp(text, "an", 2) == 0) ||
         (size == 3 && memcmp(text, "the", 3) == 0);
}

/* Runs of word characters that are articles become a space. */
static void blank_articles(char *text, size_t size) {
  size_t start = 0;
  for (size_t at = 0; at <= size;) {
    const size_t before = at;
    const bool in_word = at < size && is_word_character(mgp_utf8_next(text, size, &at));
    if (in_word) continue;
    if (is_article(text + start, before - start)) memset(text + start, ' ', before - start);
    start = at;
    if (before == size) break;
  }
}

static size_t squeeze_spaces(char *text, size_t size) {
  size_t kept = 0;
  bool has_gap = false;
  for (size_t at = 0; at < size;) {
    const size_t from = at;
    if (is_python_space(mgp_utf8_next(text, size, &at))) {
      has_gap = kept > 0;
      continue;
    }
    if (has_gap) text[kept++] = ' ';
    has_gap = false;
    memmove(text + kept, text + from, at - from);
    kept += at - from;
  }
  return kept;
}

char *mgp_text_answer(mgp_alloc *a, const char *text, size_t size, size_t *out_size) {
  size_t length = 0;
  char *out = lower(a, text, size, &length);
  if (!out) return NULL;
  length = drop_punctuation(out, length);
  blank_articles(out, length);
  length = squeeze_spaces(out, length);
  out[length] = '\0';
  *out_size = length;
  return out;
}
