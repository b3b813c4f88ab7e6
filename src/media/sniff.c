/* SPDX-License-Identifier: Apache-2.0
 *
 * sniff: what are these bytes? Signatures first; text formats, which have none, by how they begin
 * and only then by the file's ending. No function looks beyond the head it was given.
 */
#include "media/media_job.h"

#include <ctype.h>
#include <strings.h>

#include "text/text.h"

bool mgp_sniff_magic(const mgp_sniff *s, size_t offset, const char *magic, size_t size) {
  return s->size >= offset + size && memcmp(s->head + offset, magic, size) == 0;
}

static bool is_in_list(const char *list, const char *word, size_t size) {
  if (size == 0) return false;
  for (const char *p = list; *p;) {
    const size_t length = strcspn(p, ",");
    if (length == size && memcmp(p, word, size) == 0) return true;
    p += length + (p[length] == ',');
  }
  return false;
}

static bool has_extension(const mgp_sniff *s, const char *list) {
  return is_in_list(list, s->extension, strlen(s->extension));
}

/* ISO base media (MP4, HEIF): the brands stand in the first box, "ftyp". */
bool mgp_sniff_brand(const mgp_sniff *s, const char *brands) {
  if (!mgp_sniff_magic(s, 4, "ftyp", 4) || s->size < 16) return false;
  if (is_in_list(brands, (const char *)s->head + 8, 4)) return true;
  /* mif1 and msf1 only say "HEIF": a compatible brand says which one. */
  if (!is_in_list("mif1,msf1,miaf", (const char *)s->head + 8, 4)) return false;
  size_t end = ((size_t)s->head[2] << 8) | s->head[3];
  if (end > s->size) end = s->size;
  for (size_t i = 16; i + 4 <= end; i += 4)
    if (is_in_list(brands, (const char *)s->head + i, 4)) return true;
  return false;
}

/* Bytes of one MPEG audio frame by its header, 0 when it is none (ISO 11172-3, 2.4.1.3). */
static size_t mpeg_frame_size(const unsigned char *h) {
  static const unsigned short rates[2][16] = {
      {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}};
  static const unsigned hertz[3] = {44100, 48000, 32000};
  const unsigned version = (h[1] >> 3) & 3, layer = (h[1] >> 1) & 3;
  const unsigned rate = (h[2] >> 4) & 15, frequency = (h[2] >> 2) & 3, padding = (h[2] >> 1) & 1;
  if (h[0] != 0xFF || (h[1] & 0xE0) != 0xE0) return 0;
  if (version == 1 || layer != 1 || rate == 0 || rate == 15 || frequency == 3) return 0;
  const bool is_mpeg1 = version == 3;
  const unsigned sample_rate = hertz[frequency] >> (is_mpeg1 ? 0 : version == 2 ? 1 : 2);
  const unsigned bits = rates[is_mpeg1 ? 0 : 1][rate] * 1000U;
  return (is_mpeg1 ? 144U : 72U) * bits / sample_rate + padding;
}

bool mgp_sniff_mp3(const mgp_sniff *s) {
  if (mgp_sniff_magic(s, 0, "ID3", 3)) return s->size >= 10 && s->head[3] < 0x10;
  if (s->size < 4) return false;
  /* Eleven set bits alone are in every tenth binary file: two frames in a row must agree. */
  const size_t first = mpeg_frame_size(s->head);
  return first > 0 && first + 4 <= s->size && mpeg_frame_size(s->head + first) > 0;
}

bool mgp_sniff_aac(const mgp_sniff *s) {
  if (s->size < 9 || s->head[0] != 0xFF || (s->head[1] & 0xF6) != 0xF0) return false;
  const size_t frame =
      ((size_t)(s->head[3] & 3) << 11) | ((size_t)s->head[4] << 3) | (size_t)(s->head[5] >> 5);
  return frame >= 7 && frame + 2 <= s->size && s->head[frame] == 0xFF &&
         (s->head[frame + 1] & 0xF6) == 0xF0;
}

bool mgp_sniff_is_video(const void *head, size_t size) {
  const mgp_sniff s = {.head = head, .size = size, .extension = ""};
  return (mgp_sniff_magic(&s, 0, "RIFF", 4) && mgp_sniff_magic(&s, 8, "AVI ", 4)) ||
         mgp_sniff_magic(&s, 0, "FLV\1", 4) || mgp_sniff_magic(&s, 0, "\0\0\1\xBA", 4) ||
         mgp_sniff_magic(&s, 0, "\0\0\1\xB3", 4) ||
         (mgp_sniff_magic(&s, 0, "\x47", 1) && mgp_sniff_magic(&s, 188, "\x47", 1) &&
          mgp_sniff_magic(&s, 376, "\x47", 1));
}

/* Skips what may stand before the first element: mark, blanks, declarations and comments. */
static size_t skip_markup_prologue(const mgp_sniff *s, bool *is_xml) {
  const char *text = (const char *)s->head;
  size_t i = mgp_sniff_magic(s, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
  for (;;) {
    while (i < s->size && isspace((unsigned char)text[i])) i++;
    const char *end = NULL;
    size_t end_size = 0;
    if (mgp_sniff_magic(s, i, "<!--", 4)) {
      end = memmem(text + i, s->size - i, "-->", 3);
      end_size = 3;
    } else if (mgp_sniff_magic(s, i, "<?", 2)) {
      *is_xml = *is_xml || mgp_sniff_magic(s, i, "<?xml", 5);
      end = memmem(text + i, s->size - i, "?>", 2);
      end_size = 2;
    }
    if (!end) return i;
    i = (size_t)(end - text) + end_size;
  }
}

static bool starts_element(const mgp_sniff *s, size_t i, const char *name) {
  const size_t size = strlen(name);
  if (i + size >= s->size || strncasecmp((const char *)s->head + i, name, size) != 0) return false;
  const unsigned char next = s->head[i + size];
  return isspace(next) || next == '>' || next == '/' || next == ':';
}

/* Past "<!DOCTYPE ...>", whose internal subset may hold '>' between brackets. */
static size_t skip_doctype(const mgp_sniff *s, size_t i) {
  int depth = 0;
  for (; i < s->size; i++) {
    if (s->head[i] == '[') depth++;
    if (s->head[i] == ']') depth--;
    if (s->head[i] == '>' && depth <= 0) return i + 1;
  }
  return i;
}

bool mgp_sniff_svg(const mgp_sniff *s) {
  bool is_xml = false;
  size_t i = skip_markup_prologue(s, &is_xml);
  if (starts_element(s, i, "<!DOCTYPE")) {
    const mgp_sniff rest = {.head = s->head + skip_doctype(s, i), .extension = ""};
    mgp_sniff tail = rest;
    tail.size = s->size - (size_t)(rest.head - s->head);
    i = (size_t)(rest.head - s->head) + skip_markup_prologue(&tail, &is_xml);
  }
  return starts_element(s, i, "<svg") || starts_element(s, i, "<svg:svg");
}

bool mgp_sniff_html(const mgp_sniff *s) {
  static const char *const openers[] = {"<html", "<head", "<body", "<title", "<meta"};
  bool is_xml = false;
  size_t i = skip_markup_prologue(s, &is_xml);
  if (starts_element(s, i, "<!DOCTYPE")) {
    size_t name = i + 9;
    while (name < s->size && isspace(s->head[name])) name++;
    return starts_element(s, name, "html");
  }
  for (size_t k = 0; k < sizeof openers / sizeof *openers; k++)
    if (starts_element(s, i, openers[k])) return true;
  if (is_xml || !has_extension(s, "html,htm,xhtml,shtml")) return false;
  return mgp_text_plausible(s->head, s->size);
}

bool mgp_sniff_markdown(const mgp_sniff *s) {
  return has_extension(s, "md,markdown,mkd,mdown,mdwn") && mgp_text_plausible(s->head, s->size);
}

/* One JSON object a line: the first line is one, and so begins the second. */
bool mgp_sniff_jsonl(const mgp_sniff *s) {
  const char *text = (const char *)s->head;
  size_t i = mgp_sniff_magic(s, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
  while (i < s->size && isspace((unsigned char)text[i])) i++;
  const bool is_named = has_extension(s, "jsonl,ndjson,jsonlines");
  if (i == s->size || text[i] != '{') return is_named && mgp_text_plausible(s->head, s->size);
  if (is_named) return true;
  const char *end = memchr(text + i, '\n', s->size - i);
  if (!end) return false;
  const size_t line = (size_t)(end - text) - i;
  const size_t next = i + line + 1;
  if (next >= s->size || text[next] != '{') return false;
  json_t *record = json_loadb(text + i, line, 0, NULL);
  const bool is_record = json_is_object(record);
  json_decref(record);
  return is_record;
}

/* Counts `delimiter` in each whole line; the count when all agree on at least two, else 0. */
static size_t even_columns(const mgp_sniff *s, char delimiter, size_t *lines) {
  size_t columns = 0, start = 0;
  *lines = 0;
  while (start < s->size && *lines < 50) {
    const unsigned char *end = memchr(s->head + start, '\n', s->size - start);
    if (!end) break;
    const size_t stop = (size_t)(end - s->head);
    size_t count = 0;
    for (size_t i = start; i < stop; i++) count += s->head[i] == (unsigned char)delimiter;
    if (*lines > 0 && count != columns) return 0;
    columns = count;
    start = stop + 1;
    ++*lines;
  }
  return columns >= 2 ? columns : 0;
}

bool mgp_sniff_delimited(const mgp_sniff *s) {
  if (has_extension(s, "csv,tsv,tab")) return mgp_text_plausible(s->head, s->size);
  /* Without a telling name, only a table so even that prose and code cannot be meant. */
  if (s->extension[0] != '\0' && !has_extension(s, "txt,dat,data,asc")) return false;
  if (!mgp_text_plausible(s->head, s->size)) return false;
  size_t lines = 0;
  for (const char *d = "\t;,|"; *d; d++)
    if (even_columns(s, *d, &lines) > 0 && lines >= 5) return true;
  return false;
}

bool mgp_sniff_text(const mgp_sniff *s) {
  return mgp_text_plausible(s->head, s->size);
}
