/* SPDX-License-Identifier: Apache-2.0
 *
 * Small facts about code points that several files of this folder need, cheaper than a look-up in
 * ICU's property tables for the ASCII that most text is.
 */
#ifndef MGP_CHARACTERS_H
#define MGP_CHARACTERS_H

#include <unicode/uchar.h>
#include <unicode/utf16.h>

#include "text/text.h"

static inline bool mgp_char_is_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c >= 0x85 && u_isUWhiteSpace((UChar32)c);
}

/* Han, Kana, Bopomofo, Hangul: scripts without (useful) spaces that we index as bigrams. */
static inline bool mgp_char_is_cjk(uint32_t c) {
  if (c < 0x1100) return false;
  if (c <= 0x11FF) return true;
  if (c < 0x2E80) return false;
  if (c <= 0x2FDF) return true;
  if (c < 0x3040) return c == 0x3005 || c == 0x3006 || c == 0x3007;
  if (c <= 0x318F) return c != 0x30FB && c != 0x30A0;
  if (c >= 0x31A0 && c <= 0x31FF) return true;
  if (c >= 0x3400 && c <= 0x9FFF) return true;
  if ((c >= 0xA960 && c <= 0xA97F) || (c >= 0xAC00 && c <= 0xD7FF)) return true;
  if ((c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF66 && c <= 0xFFDC)) return true;
  return (c >= 0x1B000 && c <= 0x1B16F) || (c >= 0x20000 && c <= 0x3FFFD);
}

/* The code point at units[*i], *i < count, without the sign trouble of ICU's U16_NEXT; half a pair
 * is U+FFFD. */
static inline uint32_t mgp_utf16_next(const UChar *units, size_t count, size_t *i) {
  const uint32_t c = units[(*i)++];
  if (!U16_IS_SURROGATE(c)) return c;
  if (!U16_IS_SURROGATE_LEAD(c) || *i == count || !U16_IS_TRAIL(units[*i])) return 0xFFFD;
  return 0x10000 + ((c - 0xD800) << 10) + (uint32_t)(units[(*i)++] - 0xDC00);
}

/* The code point that ends just before text[pos], 0 < pos; *start becomes where it begins. */
static inline uint32_t mgp_char_before(const char *text, size_t pos, size_t *start) {
  size_t i = pos - 1;
  while (i > 0 && pos - i < 4 && ((unsigned char)text[i] & 0xC0) == 0x80) i--;
  size_t at = i;
  const uint32_t c = mgp_utf8_next(text, pos, &at);
  if (at != pos) i = pos - 1; /* broken bytes: one at a time */
  *start = i;
  return at == pos ? c : 0xFFFD;
}

#endif
