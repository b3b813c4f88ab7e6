/* SPDX-License-Identifier: Apache-2.0
 *
 * Hits on a terminal: a heading, where it is, and the passage around the matches.
 */
#include <string.h>

#include "cli.h"

#define SNIPPET_LINES 3

static void print_where(const magpie_hit *hit) {
  const magpie_locator *l = &hit->locator;
  if (l->page > 0) printf(", page %d", l->page);
  if (l->has_span) printf(", %.1f–%.1f s", l->span[0], l->span[1]);
  if (l->has_lines) printf(", lines %lld–%lld", (long long)l->lines[0], (long long)l->lines[1]);
}

/* Bytes that fill about `columns` columns, from a character's start. */
static size_t fit(const char *text, size_t size, size_t columns) {
  size_t at = 0, used = 0;
  while (at < size && used < columns) {
    const unsigned char c = (unsigned char)text[at];
    const size_t width = c >= 0xE3 ? 2 : 1; /* CJK takes two columns */
    at += c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    used += width;
  }
  return at < size ? at : size;
}

/* Where the window of the text starts: a little before the first match. */
static size_t window_start(const magpie_hit *hit, size_t columns) {
  const size_t lead = columns / 3;
  if (hit->highlight_count == 0 || hit->highlights[0].start <= columns) return 0;
  size_t start = hit->highlights[0].start - lead;
  const char *text = hit->text;
  while (start > 0 && ((unsigned char)text[start] & 0xC0) == 0x80) start--;
  const char *space = memchr(text + start, ' ', lead);
  return space ? (size_t)(space - text) + 1 : start;
}

static void print_marked(const magpie_hit *hit, size_t start, size_t end) {
  size_t at = start;
  for (size_t i = 0; i < hit->highlight_count && at < end; i++) {
    const size_t from = hit->highlights[i].start, to = from + hit->highlights[i].size;
    if (to <= at) continue;
    if (from >= end) break;
    if (from > at) cli_print_clean(stdout, hit->text + at, from - at);
    const size_t stop = to < end ? to : end;
    const size_t begin = from > at ? from : at;
    fputs(cli_style(stdout, "match"), stdout);
    cli_print_clean(stdout, hit->text + begin, stop - begin);
    fputs(cli_style(stdout, "off"), stdout);
    at = stop;
  }
  if (at < end) cli_print_clean(stdout, hit->text + at, end - at);
}

static void print_snippet(const magpie_hit *hit) {
  const size_t size = strlen(hit->text);
  const int width = cli_width(stdout) - 8;
  if (size == 0) return;
  const size_t columns = (size_t)(width < 120 ? width : 120);
  size_t at = window_start(hit, columns * SNIPPET_LINES);
  for (int line = 0; line < SNIPPET_LINES && at < size; line++) {
    size_t end = at + fit(hit->text + at, size - at, columns);
    if (end < size) { /* break at a space where there is one */
      size_t cut = end;
      while (cut > at && hit->text[cut - 1] != ' ' && hit->text[cut - 1] != '\n') cut--;
      if (cut > at) end = cut;
    }
    fputs("      ", stdout);
    if (line == 0 && at > 0) fputs("…", stdout);
    print_marked(hit, at, end);
    puts(line == SNIPPET_LINES - 1 && end < size ? "…" : "");
    at = end;
  }
}

static void print_hit(const magpie_hit *hit) {
  printf("%s%3zu%s  ", cli_style(stdout, "dim"), hit->rank, cli_style(stdout, "off"));
  printf("%s", cli_style(stdout, "bold"));
  const char *title = hit->title[0] ? hit->title : hit->id;
  cli_print_clean(stdout, title, strlen(title));
  printf("%s  %s%s", cli_style(stdout, "off"), cli_style(stdout, "green"), hit->kind);
  print_where(hit);
  printf("%s\n      %s", cli_style(stdout, "off"), cli_style(stdout, "blue"));
  cli_print_clean(stdout, hit->source, strlen(hit->source));
  printf("%s  %s%s  %.4f", cli_style(stdout, "off"), cli_style(stdout, "dim"), hit->id, hit->score);
  for (size_t i = 0; i < hit->score_count; i++)
    printf(" %s:%.3g#%zu", hit->scores[i].space, hit->scores[i].score, hit->scores[i].rank);
  puts(cli_style(stdout, "off"));
  print_snippet(hit);
}

void cli_print_hits(const magpie_result *result, const char *question) {
  const size_t count = magpie_result_count(result);
  if (count == 0) {
    printf("nothing found for \"%s\"; `magpie status` shows what the index holds\n", question);
    return;
  }
  for (size_t i = 0; i < count; i++) print_hit(magpie_result_hit(result, i));
  printf("%s%zu hits in %.0f ms%s\n", cli_style(stdout, "dim"), count,
         magpie_result_took_ms(result), cli_style(stdout, "off"));
}
