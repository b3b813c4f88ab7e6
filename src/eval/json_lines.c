/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Lines as objects, one a line, with the line's number in what goes wrong.
 */
#include "eval/measures.h"

void mgp_json_lines_init(mgp_json_lines *lines, const char *file, const char *data, size_t size) {
  *lines = (mgp_json_lines){.file = file, .next = data, .end = data + size};
  if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) lines->next += 3;
}

magpie_status mgp_json_lines_fail(const mgp_json_lines *lines, magpie_error *err,
                                  const char *format, ...) {
  char message[500];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const magpie_status status =
      mgp_fail(err, MAGPIE_FORMAT, "%s:%zu: %s", lines->file, lines->line, message);
  mgp_fail_place(err, "%s:%zu", lines->file, lines->line);
  return status;
}

static bool is_blank(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') return false;
  return true;
}

magpie_status mgp_json_lines_next(mgp_json_lines *lines, json_t **row, magpie_error *err) {
  *row = NULL;
  while (lines->next < lines->end) {
    const char *text = lines->next;
    const char *newline = memchr(text, '\n', (size_t)(lines->end - text));
    const size_t size = (size_t)((newline ? newline : lines->end) - text);
    lines->next = newline ? newline + 1 : lines->end;
    lines->line++;
    if (is_blank(text, size)) continue;
    if (size > MGP_LINE_SIZE_MAX)
      return mgp_json_lines_fail(lines, err, "the line has %zu bytes, more than %u", size,
                                 MGP_LINE_SIZE_MAX);
    magpie_error why = {0};
    const magpie_status status = mgp_json_parse(lines->file, text, size, row, &why);
    if (status == MAGPIE_FORMAT) return mgp_json_lines_fail(lines, err, "%s", why.message);
    if (status != MAGPIE_OK) return mgp_fail(err, status, "%s", why.message);
    if (json_is_object(*row)) return MAGPIE_OK;
    json_decref(*row);
    *row = NULL;
    return mgp_json_lines_fail(lines, err, "an object {…} is expected on each line");
  }
  return MAGPIE_OK;
}
