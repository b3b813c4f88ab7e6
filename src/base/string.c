/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing strings, UTF-8, and paths as text.
 */
#include "base/base.h"

void mgp_buffer_init(mgp_buffer *b, mgp_alloc *a) {
  *b = (mgp_buffer){.alloc = a};
}

void mgp_buffer_add(mgp_buffer *b, const void *bytes, size_t size) {
  if (b->failed) return;
  if (size > SIZE_MAX - b->size - 1 ||
      !MGP_GROW(b->alloc, b->data, b->capacity, b->size + size + 1)) {
    b->failed = true;
    return;
  }
  if (size) memcpy(b->data + b->size, bytes, size);
  b->size += size;
  b->data[b->size] = '\0';
}

void mgp_buffer_add_text(mgp_buffer *b, const char *text) {
  mgp_buffer_add(b, text, strlen(text));
}

void mgp_buffer_add_char(mgp_buffer *b, char c) {
  mgp_buffer_add(b, &c, 1);
}

void mgp_buffer_printf(mgp_buffer *b, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (size < 0 || b->failed ||
      !MGP_GROW(b->alloc, b->data, b->capacity, b->size + (size_t)size + 1)) {
    b->failed = true;
  } else {
    vsnprintf(b->data + b->size, (size_t)size + 1, format, again);
    b->size += (size_t)size;
  }
  va_end(again);
}

void mgp_buffer_clear(mgp_buffer *b) {
  b->size = 0;
  b->failed = false;
  if (b->data) b->data[0] = '\0';
}

char *mgp_buffer_take(mgp_buffer *b) {
  if (!b->data && !b->failed) mgp_buffer_add(b, "", 0);
  char *text = b->failed ? NULL : b->data;
  if (b->failed) mgp_free(b->alloc, b->data);
  mgp_buffer_init(b, b->alloc);
  return text;
}

void mgp_buffer_fini(mgp_buffer *b) {
  mgp_free(b->alloc, b->data);
  mgp_buffer_init(b, b->alloc);
}

bool mgp_text_equal(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

bool mgp_text_starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool mgp_text_ends(const char *text, const char *suffix) {
  const size_t size = strlen(text), tail = strlen(suffix);
  return size >= tail && memcmp(text + size - tail, suffix, tail) == 0;
}

/* ---- UTF-8 (Unicode 15, table 3-7: well-formed byte sequences) --------------------------------
 */

/* Bytes of the well-formed sequence at text, 0 when there is none. */
static size_t sequence_size(const unsigned char *text, size_t size, uint32_t *code) {
  const unsigned char lead = text[0];
  if (lead < 0x80) {
    *code = lead;
    return 1;
  }
  const size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size < want) return 0;
  uint32_t value = lead & (0xFFu >> (want + 1));
  for (size_t i = 1; i < want; i++) {
    if ((text[i] & 0xC0) != 0x80) return 0;
    value = value << 6 | (text[i] & 0x3Fu);
  }
  const bool is_overlong = (want == 3 && value < 0x800) || (want == 4 && value < 0x10000);
  if (is_overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *code = value;
  return want;
}

uint32_t mgp_utf8_next(const char *text, size_t size, size_t *pos) {
  uint32_t code = 0xFFFD;
  const size_t used = sequence_size((const unsigned char *)text + *pos, size - *pos, &code);
  *pos += used ? used : 1;
  return code;
}

bool mgp_utf8_valid(const char *text, size_t size) {
  uint32_t code;
  for (size_t i = 0; i < size;) {
    const size_t used = sequence_size((const unsigned char *)text + i, size - i, &code);
    if (!used) return false;
    i += used;
  }
  return true;
}

size_t mgp_utf8_put(uint32_t code, char out[4]) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = 0xFFFD;
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3F));
    code >>= 6;
  }
  out[0] = (char)((0xF00u >> size & 0xFF) | code);
  return size;
}

size_t mgp_utf8_cut(const char *text, size_t size) {
  size_t cut = size;
  for (size_t back = 1; back <= 4 && back <= size; back++) {
    const unsigned char c = (unsigned char)text[size - back];
    if ((c & 0xC0) == 0x80) continue;
    const size_t want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    if (want > back) cut = size - back;
    break;
  }
  return cut;
}

/* ---- paths -------------------------------------------------------------------------------------
 */

char *mgp_path_escape(mgp_alloc *a, const char *path) {
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  const size_t size = strlen(path);
  for (size_t i = 0; i < size;) {
    uint32_t code = 0;
    const size_t used = sequence_size((const unsigned char *)path + i, size - i, &code);
    const bool is_plain = used > 1 ? code >= 0xA0 : used == 1 && code >= 0x20 && code != 0x7F;
    if (is_plain && code != '%') mgp_buffer_add(&b, path + i, used);
    else
      for (size_t j = 0; j < (used ? used : 1); j++)
        mgp_buffer_printf(&b, "%%%02X", (unsigned char)path[i + j]);
    i += used ? used : 1;
  }
  return mgp_buffer_take(&b);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

char *mgp_path_unescape(mgp_alloc *a, const char *text) {
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  while (*text) {
    const int high = text[0] == '%' ? hex_digit(text[1]) : -1;
    const int low = high >= 0 ? hex_digit(text[2]) : -1;
    if (low >= 0 && (high | low) != 0) {
      mgp_buffer_add_char(&b, (char)(high * 16 + low));
      text += 3;
    } else {
      mgp_buffer_add_char(&b, *text++);
    }
  }
  return mgp_buffer_take(&b);
}
