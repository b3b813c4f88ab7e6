/* SPDX-License-Identifier: Apache-2.0
 *
 * A result as one self-contained HTML file: thumbnails and sounds are embedded, nothing is loaded,
 * no script runs. Everything that comes from files is escaped.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* A section is added before this line. */
#define END_MARK "<!-- magpie: end -->"
#define TEXT_MAX 700

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "media-src data:; style-src 'unsafe-inline'\">\n<title>magpie</title>\n<style>\n"
    ":root{color-scheme:light dark;--line:#8884;--dim:#777;--mark:#ffe28a;--card:#8881}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}\n"
    "h2{margin:2.5rem 0 .2rem;font-size:1.3rem}.meta{color:var(--dim);font-size:.85rem}\n"
    ".hits{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem;"
    "margin-top:1rem;padding:0;list-style:none}\n"
    ".hits li{border:1px solid "
    "var(--line);border-radius:.6rem;padding:.8rem;background:var(--card);"
    "overflow:hidden;overflow-wrap:anywhere}\n"
    ".hits li.text{grid-column:span 2}@media(max-width:40rem){.hits li.text{grid-column:span 1}}\n"
    ".hits img{display:block;max-width:100%;height:11rem;object-fit:contain;margin:0 auto .6rem}\n"
    ".hits audio{width:100%;margin-bottom:.6rem}.title{font-weight:600}\n"
    ".kind{float:right;color:var(--dim);font-size:.8rem}.source{color:var(--dim);font-size:.8rem}\n"
    "mark{background:var(--mark);color:#000;border-radius:.2rem;padding:0 .1rem}\n"
    "p{margin:.5rem 0}</style></head><body>\n<h1>magpie</h1>\n";

static void put_escaped(FILE *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    switch (text[i]) {
    case '&':
      fputs("&amp;", out);
      break;
    case '<':
      fputs("&lt;", out);
      break;
    case '>':
      fputs("&gt;", out);
      break;
    case '"':
      fputs("&quot;", out);
      break;
    default:
      fputc(text[i], out);
    }
  }
}

static void put_base64(FILE *out, const unsigned char *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    const unsigned a = bytes[i], b = i + 1 < size ? bytes[i + 1] : 0,
                   c = i + 2 < size ? bytes[i + 2] : 0;
    fputc(digits[a >> 2], out);
    fputc(digits[(a & 3) << 4 | b >> 4], out);
    fputc(i + 1 < size ? digits[(b & 15) << 2 | c >> 6] : '=', out);
    fputc(i + 2 < size ? digits[c & 63] : '=', out);
  }
}

static void put_preview(FILE *out, magpie *ix, const magpie_hit *hit) {
  void *bytes = NULL;
  size_t size = 0;
  const char *mime = NULL;
  if (magpie_preview(ix, hit->id, &bytes, &size, &mime, NULL)) return;
  const bool is_sound = strncmp(mime, "audio/", 6) == 0;
  fprintf(out,
          is_sound ? "<audio controls preload=\"none\" src=\"data:%s;base64,"
                   : "<img alt=\"\" src=\"data:%s;base64,",
          mime);
  put_base64(out, bytes, size);
  fputs(is_sound ? "\"></audio>\n" : "\">\n", out);
  magpie_free(bytes);
}

static void put_text(FILE *out, const magpie_hit *hit) {
  size_t size = strlen(hit->text), at = 0;
  if (size == 0) return;
  const bool is_cut = size > TEXT_MAX;
  if (is_cut) {
    size = TEXT_MAX;
    while (size > 0 && ((unsigned char)hit->text[size] & 0xC0) == 0x80) size--;
  }
  fputs("<p>", out);
  for (size_t i = 0; i < hit->highlight_count; i++) {
    const size_t from = hit->highlights[i].start, to = from + hit->highlights[i].size;
    if (to > size) break;
    put_escaped(out, hit->text + at, from - at);
    fputs("<mark>", out);
    put_escaped(out, hit->text + from, to - from);
    fputs("</mark>", out);
    at = to;
  }
  put_escaped(out, hit->text + at, size - at);
  fputs(is_cut ? "…</p>\n" : "</p>\n", out);
}

static void put_hit(FILE *out, magpie *ix, const magpie_hit *hit) {
  const char *title = hit->title[0] ? hit->title : hit->id;
  const bool is_text = strlen(hit->text) > 80;
  fprintf(out, "<li%s><span class=\"kind\">", is_text ? " class=\"text\"" : "");
  put_escaped(out, hit->kind, strlen(hit->kind));
  fprintf(out, "</span><div class=\"title\">%zu. ", hit->rank);
  put_escaped(out, title, strlen(title));
  fputs("</div>\n", out);
  put_preview(out, ix, hit);
  put_text(out, hit);
  fputs("<div class=\"source\">", out);
  put_escaped(out, hit->source, strlen(hit->source));
  const magpie_locator *l = &hit->locator;
  if (l->page > 0) fprintf(out, ", page %d", l->page);
  if (l->has_span) fprintf(out, ", %.1f–%.1f s", l->span[0], l->span[1]);
  fputs("</div><div class=\"source\">", out);
  put_escaped(out, hit->id, strlen(hit->id));
  for (size_t i = 0; i < hit->score_count; i++)
    fprintf(out, " · %s %.3f (#%zu)", hit->scores[i].space, hit->scores[i].score,
            hit->scores[i].rank);
  fputs("</div></li>\n", out);
}

static void put_section(FILE *out, magpie *ix, const magpie_result *result, const char *question) {
  const size_t count = magpie_result_count(result);
  fputs("<h2>", out);
  put_escaped(out, question, strlen(question));
  fprintf(out, "</h2>\n<div class=\"meta\">%zu hits in %.0f ms, generation %llu</div>\n", count,
          magpie_result_took_ms(result), (unsigned long long)magpie_result_generation(result));
  fputs("<ol class=\"hits\">\n", out);
  for (size_t i = 0; i < count; i++) put_hit(out, ix, magpie_result_hit(result, i));
  fputs("</ol>\n", out);
}

/* What an existing page holds before its end mark; NULL when it is none of ours. */
static char *read_page(const char *file) {
  FILE *in = fopen(file, "rb");
  if (!in) return NULL;
  char *text = NULL;
  if (fseek(in, 0, SEEK_END) == 0) {
    const long size = ftell(in);
    rewind(in);
    text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
    if (text && fread(text, 1, (size_t)size, in) != (size_t)size) text[0] = '\0';
  }
  fclose(in);
  char *end = text ? strstr(text, END_MARK) : NULL;
  if (end) {
    *end = '\0';
    return text;
  }
  free(text);
  return NULL;
}

int cli_write_page(magpie *ix, const magpie_result *result, const char *question, const char *file,
                   bool add) {
  char *before = add ? read_page(file) : NULL;
  FILE *out = fopen(file, "wb");
  if (!out) {
    fprintf(stderr, "magpie: %s cannot be written\n", file);
    free(before);
    return EXIT_NOTHING;
  }
  fputs(before ? before : page_head, out);
  free(before);
  put_section(out, ix, result, question);
  fputs(END_MARK "\n</body></html>\n", out);
  const bool failed = ferror(out) != 0;
  if (fclose(out) == 0 && !failed) return EXIT_OK;
  fprintf(stderr, "magpie: %s cannot be written\n", file);
  return EXIT_NOTHING;
}
