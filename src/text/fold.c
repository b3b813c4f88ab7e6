/* SPDX-License-Identifier: Apache-2.0
 *
 * fold: makes spellings of one word equal. Case and compatibility forms fall by NFKC_Casefold
 * (Unicode chapter 5.18 and UAX #31); accents by decomposition and dropping the marks of scripts
 * where they only modify a letter, plus the letters that Unicode does not decompose (o with
 * stroke).
 */
#include "text/fold.h"

#include <unicode/uscript.h>
#include <unicode/ustring.h>

#include "text/characters.h"

magpie_status mgp_folder_init(mgp_folder *f, magpie_error *err) {
  UErrorCode status = U_ZERO_ERROR;
  f->casefold = unorm2_getNFKCCasefoldInstance(&status);
  f->decompose = unorm2_getNFDInstance(&status);
  MGP_RETURN_IF(U_FAILURE(status), err, MAGPIE_INTERNAL,
                "ICU cannot normalise: %s; is its data installed?", u_errorName(status));
  return MAGPIE_OK;
}

/* UTF-16 to UTF-8; stops before a code point that would not fit. */
static size_t to_utf8(const UChar *units, int32_t count, char *out, size_t capacity) {
  size_t size = 0;
  for (size_t i = 0; i < (size_t)count;) {
    char bytes[4];
    const size_t n = mgp_utf8_put(mgp_utf16_next(units, (size_t)count, &i), bytes);
    if (capacity - size < n) break;
    memcpy(out + size, bytes, n);
    size += n;
  }
  return size;
}

static size_t fold_ascii(const UChar *units, int32_t count, char *out) {
  for (int32_t i = 0; i < count; i++) {
    const UChar c = units[i];
    out[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return (size_t)count;
}

size_t mgp_fold_case(mgp_folder *f, const UChar *units, int32_t count, char *out, size_t capacity,
                     bool *ascii) {
  UChar bits = 0;
  for (int32_t i = 0; i < count; i++) bits = (UChar)(bits | units[i]);
  *ascii = bits < 0x80;
  if (*ascii && (size_t)count <= capacity) return fold_ascii(units, count, out);
  UErrorCode status = U_ZERO_ERROR;
  int32_t n = unorm2_normalize(f->casefold, units, count, f->a, MGP_FOLD_UNITS, &status);
  if (U_FAILURE(status)) {
    u_memcpy(f->a, units, count);
    n = count;
  }
  for (int32_t i = 0; i < n; i++)
    if (f->a[i] == 0x2019 || f->a[i] == 0x2018 || f->a[i] == 0x02BC) f->a[i] = '\'';
  return to_utf8(f->a, n, out, capacity);
}

static bool drops_marks(UScriptCode script) {
  return script == USCRIPT_LATIN || script == USCRIPT_GREEK || script == USCRIPT_CYRILLIC ||
         script == USCRIPT_ARABIC || script == USCRIPT_HEBREW;
}

/* Letters with a stroke or joined letters, which have no decomposition. NULL: as it is. */
static const char *base_letters(uint32_t c) {
  switch (c) {
  case 0x00E6:
    return "ae";
  case 0x0153:
    return "oe";
  case 0x00F8:
    return "o";
  case 0x0142:
    return "l";
  case 0x0111:
  case 0x00F0:
    return "d";
  case 0x00FE:
    return "th";
  case 0x0127:
    return "h";
  case 0x0131:
    return "i";
  case 0x0167:
    return "t";
  case 0x014B:
    return "n";
  default:
    return NULL;
  }
}

size_t mgp_fold_accents(mgp_folder *f, const char *word, size_t size, char *out, size_t capacity) {
  int32_t n = 0;
  for (size_t i = 0; i < size && n < MGP_WORD_UNITS - 1;) {
    const uint32_t c = mgp_utf8_next(word, size, &i);
    U16_APPEND_UNSAFE(f->a, n, c);
  }
  UErrorCode status = U_ZERO_ERROR;
  const int32_t count = unorm2_normalize(f->decompose, f->a, n, f->b, MGP_FOLD_UNITS, &status);
  if (U_FAILURE(status)) return to_utf8(f->a, n, out, capacity);
  int32_t kept = 0;
  bool drop = false;
  for (size_t i = 0; i < (size_t)count;) {
    const uint32_t c = mgp_utf16_next(f->b, (size_t)count, &i);
    if (u_charType((UChar32)c) == U_NON_SPACING_MARK) {
      if (drop) continue;
    } else {
      UErrorCode ignored = U_ZERO_ERROR;
      drop = drops_marks(uscript_getScript((UChar32)c, &ignored));
    }
    if (c == 0x0640) continue; /* Arabic tatweel only stretches the line */
    const char *base = c >= 0xE6 && c <= 0x167 ? base_letters(c) : NULL;
    if (!base) {
      U16_APPEND_UNSAFE(f->a, kept, c);
      continue;
    }
    while (*base) f->a[kept++] = (UChar)*base++;
  }
  /* Back to composed form: Hangul and Devanagari must not stay in pieces. */
  const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
  const int32_t m = unorm2_normalize(nfc, f->a, kept, f->b, MGP_FOLD_UNITS, &status);
  return U_FAILURE(status) ? to_utf8(f->a, kept, out, capacity) : to_utf8(f->b, m, out, capacity);
}
