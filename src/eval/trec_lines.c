/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of TREC files: fields between spaces and tabs, numbers. Strict where trec_eval guesses (it
 * reads "abc" as 0), quick because a run has millions of lines: one pass over the mapped bytes, and
 * numbers of up to 15 digits without strtod.
 */
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "eval/ranked.h"

#define NUMBER_SIZE_MAX 400

magpie_status mgp_trec_open(const char *file, mgp_trec_lines *lines, magpie_error *err) {
  *lines = (mgp_trec_lines){.file = file};
  MGP_RETURN_IF(!file || !*file, err, MAGPIE_INVALID, "no file is named");
  MGP_FORWARD(mgp_map_open(file, &lines->map, err));
  lines->plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!lines->plain_locale) {
    mgp_map_close(&lines->map);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a locale");
  }
  if (lines->map.size == 0) return MAGPIE_OK;
  lines->next = (const char *)lines->map.data;
  lines->end = lines->next + lines->map.size;
  if (mgp_starts_with_mark(lines->next, lines->map.size)) lines->next += 3;
  return MAGPIE_OK;
}

void mgp_trec_close(mgp_trec_lines *lines) {
  mgp_map_close(&lines->map);
  if (lines->plain_locale) freelocale(lines->plain_locale);
  lines->plain_locale = (locale_t)0;
}

magpie_status mgp_trec_fail(const mgp_trec_lines *lines, magpie_error *err, const char *format,
                            ...) {
  char message[600];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const magpie_status status =
      mgp_fail(err, MAGPIE_FORMAT, "%s:%zu: %s", lines->file, lines->line, message);
  mgp_fail_place(err, "%s:%zu", lines->file, lines->line);
  return status;
}

magpie_status mgp_trec_refuse(const mgp_trec_lines *lines, magpie_status code,
                              const magpie_error *said, magpie_error *err) {
  if (code == MAGPIE_INVALID) return mgp_trec_fail(lines, err, "%s", said->message);
  return mgp_fail(err, code, "%s:%zu: %.600s", lines->file, lines->line, said->message);
}

/* One field from `at` to the next blank or line end; *high tells of bytes that are not ASCII. */
static const char *skip_field(const char *at, const char *end, bool *high) {
  unsigned char seen = 0;
  while (at < end && (unsigned char)*at > ' ' && *at != 0x7f) seen |= (unsigned char)*at++;
  *high = seen >= 0x80;
  return at;
}

static magpie_status take_field(mgp_trec_lines *lines, const char *end, magpie_error *err) {
  bool high = false;
  const char *start = lines->next;
  lines->next = skip_field(start, end, &high);
  const size_t size = (size_t)(lines->next - start);
  if (lines->next < end && *lines->next != ' ' && *lines->next != '\t')
    return mgp_trec_fail(lines, err, "control character 0x%02x in column %zu",
                         (unsigned char)*lines->next, lines->count + 1);
  if (size > MGP_ID_SIZE_MAX)
    return mgp_trec_fail(lines, err, "column %zu has %zu bytes, more than %d", lines->count + 1,
                         size, MGP_ID_SIZE_MAX);
  if (high && mgp_starts_with_mark(start, size))
    return mgp_trec_fail(lines, err,
                         "column %zu begins with a byte order mark; is this the start "
                         "of another file?",
                         lines->count + 1);
  if (high && !mgp_utf8_valid(start, size))
    return mgp_trec_fail(lines, err, "column %zu is not UTF-8", lines->count + 1);
  if (lines->count < MGP_TREC_FIELDS)
    lines->fields[lines->count] = (mgp_trec_field){.text = start, .size = size};
  lines->count++;
  return MAGPIE_OK;
}

magpie_status mgp_trec_next(mgp_trec_lines *lines, bool *more, magpie_error *err) {
  lines->count = 0;
  while (lines->count == 0 && lines->next < lines->end) {
    const char *newline = memchr(lines->next, '\n', (size_t)(lines->end - lines->next));
    const char *after = newline ? newline + 1 : lines->end;
    const char *end = newline ? newline : lines->end;
    if (end > lines->next && end[-1] == '\r') end--;
    lines->line++;
    for (;;) {
      while (lines->next < end && (*lines->next == ' ' || *lines->next == '\t')) lines->next++;
      if (lines->next >= end) break;
      MGP_FORWARD(take_field(lines, end, err));
    }
    lines->next = after;
  }
  *more = lines->count > 0;
  return MAGPIE_OK;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* A number as written: digits without the point, and the power of ten that goes with them. */
typedef struct decimal {
  uint64_t digits;
  int exponent;
  bool is_negative, is_exact; /* exact: all digits fit */
} decimal;

/* [+-] digits [. digits] [e [+-] digits]; false if anything is left over. */
static bool scan_decimal(mgp_trec_field field, decimal *out) {
  const char *at = field.text, *end = field.text + field.size;
  *out = (decimal){.is_exact = true};
  if (at < end && (*at == '-' || *at == '+')) out->is_negative = *at++ == '-';
  bool has_digit = false, is_fraction = false;
  for (; at < end && (is_digit(*at) || (*at == '.' && !is_fraction)); at++) {
    if (*at == '.') {
      is_fraction = true;
      continue;
    }
    has_digit = true;
    if (out->digits > (UINT64_MAX - 9) / 10) {
      out->is_exact = false;
      continue;
    }
    out->digits = out->digits * 10 + (uint64_t)(*at - '0');
    out->exponent -= is_fraction;
  }
  if (!has_digit) return false;
  if (at == end) return true;
  if (*at != 'e' && *at != 'E') return false;
  at++;
  bool is_minus = false;
  if (at < end && (*at == '-' || *at == '+')) is_minus = *at++ == '-';
  if (at == end) return false;
  int power = 0;
  for (; at < end && is_digit(*at); at++) power = power < 9999 ? power * 10 + (*at - '0') : power;
  out->exponent += is_minus ? -power : power;
  return at == end;
}

static bool is_word(mgp_trec_field field, const char *word) {
  return field.size == strlen(word) && strncasecmp(field.text, word, field.size) == 0;
}

static bool number_word(mgp_trec_field field, double *out) {
  double sign = 1;
  if (field.size > 0 && (*field.text == '-' || *field.text == '+')) {
    sign = *field.text == '-' ? -1 : 1;
    field.text++, field.size--;
  }
  if (is_word(field, "nan")) *out = NAN;
  else if (is_word(field, "inf") || is_word(field, "infinity")) *out = sign * INFINITY;
  else return false;
  return true;
}

bool mgp_trec_number(locale_t plain, mgp_trec_field field, double *out) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  decimal d;
  if (!scan_decimal(field, &d)) return number_word(field, out);
  /* both factors exact in a double: one operation rounds once (Clinger 1990) */
  if (d.is_exact && d.digits <= UINT64_C(1) << 53 && abs(d.exponent) <= 22) {
    const double digits = (double)d.digits;
    *out = d.exponent < 0 ? digits / powers[-d.exponent] : digits * powers[d.exponent];
    if (d.is_negative) *out = -*out;
    return true;
  }
  char text[NUMBER_SIZE_MAX + 1];
  if (!plain || field.size > NUMBER_SIZE_MAX) return false;
  memcpy(text, field.text, field.size);
  text[field.size] = '\0';
  *out = strtod_l(text, NULL, plain);
  return true;
}

bool mgp_trec_integer(mgp_trec_field field, int64_t *out) {
  const char *at = field.text, *end = field.text + field.size;
  const bool is_negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) at++;
  if (at == end || !is_digit(*at)) return false;
  const int64_t most = 1000000000000000000;
  int64_t value = 0;
  for (; at < end && is_digit(*at); at++)
    value = value >= most / 10 ? most : value * 10 + (*at - '0');
  if (at < end && *at == '.')
    for (at++; at < end && *at == '0';) at++;
  *out = is_negative ? -value : value;
  return at == end;
}

/* ---- writing ----------------------------------------------------------------------------- */

magpie_status mgp_trec_write(const char *file, mgp_buffer *text, magpie_error *err) {
  magpie_status status = MAGPIE_OK;
  if (!file || !*file) {
    status = mgp_fail(err, MAGPIE_INVALID, "no file is named to write to");
  } else if (text->failed) {
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the text of %s", file);
  } else if (strcmp(file, "-") != 0) {
    status = mgp_file_write_durable(file, text->data, text->size, err);
  } else if ((text->size > 0 && fwrite(text->data, 1, text->size, stdout) != text->size) ||
             fflush(stdout) != 0) {
    status = mgp_fail(err, MAGPIE_IO, "standard output cannot be written");
  }
  mgp_buffer_fini(text);
  return status;
}
