/* SPDX-License-Identifier: Apache-2.0
 *
 * charset: bytes of unknown encoding to clean UTF-8.
 *
 * A rule that a person can predict instead of a statistical guess: a byte order mark decides; then
 * zero bytes at every second place (UTF-16 of mostly Latin text); then UTF-8, if its multi-byte
 * sequences are not drowned by broken ones (Latin-1 text hardly ever forms one by accident); then
 * the caller's hint (a HTML meta tag, say) by ICU's converters; then Windows-1252.
 *
 * Every decoder pushes code points into one sink, which is where controls are cleaned.
 */
#include <unicode/ucnv.h>

#include "text/characters.h"

enum {
  SNIFF_BYTES = 4096,     /* enough to see the pattern of UTF-16 */
  PLAUSIBLE_BYTES = 65536 /* how far mgp_text_plausible looks */
};

typedef struct sink {
  mgp_alloc *alloc;
  char *data;
  size_t size, capacity;
  size_t replaced;
  bool after_return; /* the last code point was \r: a \n that follows is the same line end */
  bool failed;
} sink;

static bool sink_reserve(sink *s, size_t more) {
  if (s->failed || more > SIZE_MAX / 2 - s->size) return !(s->failed = true);
  if (s->capacity - s->size > more) return true;
  if (!MGP_GROW(s->alloc, s->data, s->capacity, s->size + more + 1)) s->failed = true;
  return !s->failed;
}

static void sink_put(sink *s, uint32_t code) {
  if (s->capacity - s->size < 8 && !sink_reserve(s, 8)) return;
  const bool joined = s->after_return && code == '\n';
  s->after_return = code == '\r';
  if (joined) return;
  if (code == '\r') code = '\n';
  if ((code < 0x20 && code != '\t' && code != '\n') || code == 0x7F) code = ' ';
  if (code < 0x80) s->data[s->size++] = (char)code;
  else s->size += mgp_utf8_put(code, s->data + s->size);
}

static void sink_replace(sink *s) {
  s->replaced++;
  sink_put(s, 0xFFFD);
}

/* Bytes 0x80 to 0x9F of Windows-1252; 0: unassigned. */
static const uint16_t cp1252_high[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

static void decode_cp1252(sink *s, const unsigned char *in, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const unsigned char b = in[i];
    if (b < 0x80 || b >= 0xA0) sink_put(s, b);
    else if (cp1252_high[b - 0x80]) sink_put(s, cp1252_high[b - 0x80]);
    else sink_replace(s);
  }
}

/* Length of the well-formed sequence at in[0] (Unicode table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *in, size_t size) {
  const unsigned char b = in[0];
  if (b < 0x80) return 1;
  const size_t length = b >= 0xC2 && b <= 0xDF ? 2 : (b & 0xF0) == 0xE0 ? 3 : b >= 0xF0 ? 4 : 0;
  if (length == 0 || b > 0xF4 || size < length) return 0;
  unsigned char low = 0x80, high = 0xBF;
  if (b == 0xE0) low = 0xA0;
  if (b == 0xED) high = 0x9F;
  if (b == 0xF0) low = 0x90;
  if (b == 0xF4) high = 0x8F;
  if (in[1] < low || in[1] > high) return 0;
  for (size_t k = 2; k < length; k++)
    if ((in[k] & 0xC0) != 0x80) return 0;
  return length;
}

/* Bytes of a broken sequence that one U+FFFD stands for: the lead and its right continuations. */
static size_t utf8_broken(const unsigned char *in, size_t size) {
  const unsigned char b = in[0];
  const size_t want = b >= 0xC2 && b <= 0xDF ? 2
                      : (b & 0xF0) == 0xE0   ? 3
                      : (b & 0xF8) == 0xF0   ? 4
                                             : 1;
  size_t n = 1;
  while (n < want && n < size && (in[n] & 0xC0) == 0x80) n++;
  return n;
}

static void decode_utf8(sink *s, const unsigned char *in, size_t size) {
  for (size_t i = 0; i < size;) {
    if (in[i] < 0x80) {
      sink_put(s, in[i++]);
      continue;
    }
    const size_t length = utf8_sequence(in + i, size - i);
    if (length == 0) {
      i += utf8_broken(in + i, size - i);
      sink_replace(s);
      continue;
    }
    size_t at = 0;
    sink_put(s, mgp_utf8_next((const char *)in + i, length, &at));
    i += length;
  }
}

static void decode_utf16(sink *s, const unsigned char *in, size_t size, bool big) {
  const size_t hi = big ? 0 : 1, lo = big ? 1 : 0;
  size_t i = 0;
  for (; i + 1 < size; i += 2) {
    const uint32_t unit = (uint32_t)in[i + hi] << 8 | in[i + lo];
    if (unit < 0xD800 || unit > 0xDFFF) {
      sink_put(s, unit);
      continue;
    }
    const uint32_t next = i + 3 < size ? (uint32_t)in[i + 2 + hi] << 8 | in[i + 2 + lo] : 0;
    if (unit > 0xDBFF || next < 0xDC00 || next > 0xDFFF) {
      sink_replace(s);
      continue;
    }
    sink_put(s, 0x10000 + ((unit - 0xD800) << 10) + (next - 0xDC00));
    i += 2;
  }
  if (i < size) sink_replace(s); /* half a unit at the end */
}

static void decode_utf32(sink *s, const unsigned char *in, size_t size, bool big) {
  size_t i = 0;
  for (; i + 3 < size; i += 4) {
    const uint32_t c = big ? (uint32_t)in[i] << 24 | (uint32_t)in[i + 1] << 16 |
                                 (uint32_t)in[i + 2] << 8 | in[i + 3]
                           : (uint32_t)in[i + 3] << 24 | (uint32_t)in[i + 2] << 16 |
                                 (uint32_t)in[i + 1] << 8 | in[i];
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) sink_replace(s);
    else sink_put(s, c);
  }
  if (i < size) sink_replace(s);
}

static void put_utf16_units(sink *s, const UChar *units, const UChar *end, UChar *half) {
  for (; units < end; units++) {
    if (U16_IS_LEAD(*units)) {
      *half = *units;
    } else if (U16_IS_TRAIL(*units) && *half) {
      sink_put(s, (uint32_t)U16_GET_SUPPLEMENTARY(*half, *units));
      *half = 0;
    } else if (*units == 0xFFFD) {
      sink_replace(s);
    } else {
      sink_put(s, *units);
    }
  }
}

/* By ICU's converter; false if ICU does not know the name. */
static bool decode_named(sink *s, const unsigned char *in, size_t size, const char *name) {
  UErrorCode status = U_ZERO_ERROR;
  UConverter *converter = ucnv_open(name, &status);
  if (U_FAILURE(status) || !converter) return false;
  const char *source = (const char *)in, *end = source + size;
  UChar units[2048], half = 0;
  do {
    UChar *target = units;
    status = U_ZERO_ERROR;
    ucnv_toUnicode(converter, &target, units + 2048, &source, end, NULL, true, &status);
    put_utf16_units(s, units, target, &half);
  } while (status == U_BUFFER_OVERFLOW_ERROR && !s->failed);
  ucnv_close(converter);
  return true;
}

/* Of the pairs in the sample, how many have a zero first and a zero second byte. */
static void count_zeros(const unsigned char *in, size_t size, size_t *even, size_t *odd) {
  *even = *odd = 0;
  for (size_t i = 0; i + 1 < size; i += 2) {
    *even += in[i] == 0;
    *odd += in[i + 1] == 0;
  }
}

typedef enum encoding { UTF8, UTF16LE, UTF16BE, UTF32LE, UTF32BE, OTHER } encoding;

static encoding by_mark(const unsigned char *in, size_t size, size_t *mark) {
  *mark = 0;
  if (size >= 4 && memcmp(in, "\xFF\xFE\0\0", 4) == 0 && size % 4 == 0) return *mark = 4, UTF32LE;
  if (size >= 4 && memcmp(in, "\0\0\xFE\xFF", 4) == 0) return *mark = 4, UTF32BE;
  if (size >= 3 && memcmp(in, "\xEF\xBB\xBF", 3) == 0) return *mark = 3, UTF8;
  if (size >= 2 && memcmp(in, "\xFF\xFE", 2) == 0) return *mark = 2, UTF16LE;
  if (size >= 2 && memcmp(in, "\xFE\xFF", 2) == 0) return *mark = 2, UTF16BE;
  return OTHER;
}

static encoding by_zeros(const unsigned char *in, size_t size) {
  if (size < 4) return OTHER;
  const size_t sample = size < SNIFF_BYTES ? size & ~(size_t)1 : SNIFF_BYTES;
  size_t even, odd;
  count_zeros(in, sample, &even, &odd);
  const size_t pairs = sample / 2;
  if (odd * 10 >= pairs * 4 && even * 20 <= pairs) return UTF16LE;
  if (even * 10 >= pairs * 4 && odd * 20 <= pairs) return UTF16BE;
  return OTHER;
}

/* UTF-8 when it has no broken sequence, or when there are not four of them for each good one. A
 * sequence that the end of the bytes cuts off is not held against it. */
static encoding by_sequences(const unsigned char *in, size_t size, bool *multi_byte) {
  size_t good = 0, broken = 0;
  for (size_t i = 0; i < size;) {
    if (in[i] < 0x80) {
      i++;
      continue;
    }
    const size_t length = utf8_sequence(in + i, size - i);
    good += length > 0;
    broken += length == 0;
    i += length ? length : utf8_broken(in + i, size - i);
  }
  *multi_byte = good > 0;
  return broken == 0 || good * 4 >= broken ? UTF8 : OTHER;
}

static const char *decode_other(sink *s, const unsigned char *in, size_t size, const char *hint) {
  if (hint && *hint && decode_named(s, in, size, hint)) {
    UErrorCode status = U_ZERO_ERROR;
    const char *name = ucnv_getStandardName(hint, "MIME", &status);
    if (!name) name = ucnv_getStandardName(hint, "IANA", &status);
    return name ? name : "other";
  }
  decode_cp1252(s, in, size);
  return "windows-1252";
}

static const char *decode(sink *s, const unsigned char *in, size_t size, const char *hint) {
  static const char *const names[] = {"UTF-8", "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"};
  size_t mark;
  encoding e = by_mark(in, size, &mark);
  if (e == OTHER) e = by_zeros(in, size);
  if (e == OTHER) {
    bool multi_byte = false;
    e = by_sequences(in, size, &multi_byte);
    /* Plain ASCII says nothing against a hint: ISO-2022-JP is ASCII too. */
    if (e == UTF8 && !multi_byte && hint && *hint) e = OTHER;
  }
  in += mark, size -= mark;
  switch (e) {
  case UTF8:
    decode_utf8(s, in, size);
    break;
  case UTF16LE:
  case UTF16BE:
    decode_utf16(s, in, size, e == UTF16BE);
    break;
  case UTF32LE:
  case UTF32BE:
    decode_utf32(s, in, size, e == UTF32BE);
    break;
  case OTHER:
    return decode_other(s, in, size, hint);
  }
  return names[e];
}

magpie_status mgp_text_to_utf8(mgp_alloc *a, const void *bytes, size_t size, const char *hint,
                               char **out, size_t *out_size, const char **charset, size_t *replaced,
                               magpie_error *err) {
  sink s = {.alloc = a};
  const char *name = "UTF-8";
  if (sink_reserve(&s, size + 8) && size > 0) name = decode(&s, bytes, size, hint);
  if (s.failed) {
    mgp_free(a, s.data);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to convert %zu bytes of text to UTF-8", size);
  }
  s.data[s.size] = '\0';
  *out = s.data;
  *out_size = s.size;
  if (charset) *charset = name;
  if (replaced) *replaced = s.replaced;
  return MAGPIE_OK;
}

static bool is_odd_control(unsigned char b) {
  return (b < 0x20 && !(b >= '\t' && b <= '\r') && b != 0x1B) || b == 0x7F;
}

bool mgp_text_plausible(const void *bytes, size_t size) {
  const unsigned char *in = bytes;
  size_t mark, odd = 0;
  if (size == 0) return true;
  const encoding e = by_mark(in, size, &mark);
  if (e == UTF16LE || e == UTF16BE || e == UTF32LE || e == UTF32BE) return true;
  const size_t sample = size < PLAUSIBLE_BYTES ? size : PLAUSIBLE_BYTES;
  const encoding wide = by_zeros(in, sample);
  if (wide != OTHER) {
    /* The other half of each pair must not be controls either. */
    for (size_t i = 0; i + 1 < sample; i += 2) {
      const unsigned char high = in[i + (wide == UTF16LE)], low = in[i + (wide == UTF16BE)];
      odd += high == 0 && is_odd_control(low);
    }
    return odd * 100 <= sample / 2;
  }
  for (size_t i = 0; i < sample; i++) {
    if (in[i] == 0) return false;
    odd += is_odd_control(in[i]);
  }
  return odd * 200 <= sample;
}
