/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of strangers made fit for a page or a terminal: cut by the columns they take, with what
 * would act instead of being shown replaced.
 */
#include "eval/report.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define REPLACEMENT 0xFFFDu

typedef struct code_range {
  uint32_t first, last;
} code_range;

/* East Asian Wide and Fullwidth (Unicode 15, UAX 11) by blocks, with the common emoji. */
static const code_range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};
static const code_range combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                                       {0x064B, 0x065F}, {0x200B, 0x200F}, {0x20D0, 0x20F0},
                                       {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
/* Controls, direction overrides and isolates, what XML does not take. */
static const code_range acting[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x2028, 0x202E},
                                    {0x2066, 0x2069}, {0xFFFE, 0xFFFF}, {0xFEFF, 0xFEFF},
                                    {0xD800, 0xDFFF}};

static bool is_among(const code_range *ranges, size_t count, uint32_t code) {
  for (size_t i = 0; i < count; i++)
    if (code >= ranges[i].first && code <= ranges[i].last) return true;
  return false;
}
#define IS_AMONG(ranges, code) is_among((ranges), sizeof(ranges) / sizeof *(ranges), (code))

static size_t columns_of(uint32_t code) {
  if (code < 0x300) return 1;
  if (IS_AMONG(combining, code)) return 0;
  return IS_AMONG(wide, code) ? 2 : 1;
}

size_t mgp_text_columns(const char *text) {
  size_t columns = 0;
  const size_t size = strlen(text);
  for (size_t at = 0; at < size;) columns += columns_of(mgp_utf8_next(text, size, &at));
  return columns;
}

static void add_code(mgp_buffer *b, uint32_t code, bool is_escaped) {
  char bytes[4];
  if (code == '\t' || code == '\n' || code == '\r') code = ' ';
  if (IS_AMONG(acting, code)) code = REPLACEMENT;
  const char *entity = NULL;
  if (is_escaped && code < 0x80)
    entity = code == '&'    ? "&amp;"
             : code == '<'  ? "&lt;"
             : code == '>'  ? "&gt;"
             : code == '"'  ? "&quot;"
             : code == '\'' ? "&#39;"
                            : NULL;
  if (entity) mgp_buffer_add_text(b, entity);
  else mgp_buffer_add(b, bytes, mgp_utf8_put(code, bytes));
}

/* Bytes of `text` that fit into `columns`; the whole when it does. Combining characters are
 * bounded too: a row of them would take no column at all. */
static size_t fitting_size(const char *text, size_t size, size_t columns) {
  size_t used = 0, cut = 0;
  for (size_t at = 0; at < size;) {
    used += columns_of(mgp_utf8_next(text, size, &at));
    if (used > columns || at > 8 * columns + 8) return cut;
    if (used + 1 <= columns) cut = at;
  }
  return size;
}

static void add_text(mgp_buffer *b, const char *text, size_t columns, bool is_escaped) {
  /* the reading stops where it must: a text of megabytes is not measured to its end */
  const size_t size = strnlen(text, 8 * columns + 16);
  const size_t keep = columns > 0 ? fitting_size(text, size, columns) : 0;
  for (size_t at = 0; at < keep;) add_code(b, mgp_utf8_next(text, size, &at), is_escaped);
  if (keep < size && columns > 0) mgp_buffer_add_text(b, ELLIPSIS);
}

void mgp_text_plain(mgp_buffer *b, const char *text, size_t columns) {
  add_text(b, text, columns, false);
}

void mgp_text_escaped(mgp_buffer *b, const char *text, size_t columns) {
  add_text(b, text, columns, true);
}

void mgp_report_text(mgp_buffer *b, const char *text, size_t columns) {
  mgp_buffer_add_text(b, "<bdi title=\"");
  mgp_text_escaped(b, text, MGP_TOOLTIP_COLUMNS);
  mgp_buffer_add_text(b, "\">");
  mgp_text_escaped(b, text, columns);
  mgp_buffer_add_text(b, "</bdi>");
}
