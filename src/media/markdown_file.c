/* SPDX-License-Identifier: Apache-2.0
 *
 * markdown_file: one stretch of passages a heading, with the headings above it as context
 * (CommonMark 0.30: ATX and setext headings, fenced code; front matter as static site makers write
 * it). Link targets and picture sources are dropped from the text, their words stay. Every source
 * line becomes one line, so line numbers need no map.
 */
#include "media/media_job.h"

#include <ctype.h>

enum { FRONT_MATTER_LINES = 200, LINE_KEEP = 4096 };

typedef struct markdown {
  mgp_media_job *job;
  const char *text;
  size_t size, pos;
  int64_t line; /* of pos, from 1 */
  mgp_headings headings;
  mgp_buffer body;
  int64_t body_line;
  char fence; /* '`' or '~' inside fenced code, else 0 */
  size_t fence_size;
} markdown;

typedef struct line_view {
  const char *text;
  size_t size;
} line_view;

static bool next_line(markdown *m, line_view *out) {
  if (m->pos >= m->size) return false;
  const char *start = m->text + m->pos;
  const char *end = memchr(start, '\n', m->size - m->pos);
  out->text = start;
  out->size = end ? (size_t)(end - start) : m->size - m->pos;
  m->pos += out->size + (end ? 1 : 0);
  m->line++;
  return true;
}

static line_view trimmed(line_view l) {
  while (l.size > 0 && isspace((unsigned char)*l.text)) l.text++, l.size--;
  while (l.size > 0 && isspace((unsigned char)l.text[l.size - 1])) l.size--;
  return l;
}

/* Finds `close` that matches the bracket at text[0]; 0 when it does not close on this line. */
static size_t bracket_end(const char *text, size_t size, char open, char close) {
  int depth = 0;
  const size_t limit = size < LINE_KEEP ? size : LINE_KEEP;
  for (size_t i = 0; i < limit; i++) {
    if (text[i] == '\\') {
      i++;
    } else if (text[i] == open) {
      depth++;
    } else if (text[i] == close && --depth == 0) {
      return i;
    }
  }
  return 0;
}

/* "[words](target)" and "![words](source)" leave their words. */
static void add_line(mgp_buffer *out, line_view l) {
  for (size_t i = 0; i < l.size; i++) {
    const bool is_picture = l.text[i] == '!' && i + 1 < l.size && l.text[i + 1] == '[';
    const size_t open = i + (is_picture ? 1 : 0);
    if (l.text[open] == '[') {
      const size_t close = bracket_end(l.text + open, l.size - open, '[', ']');
      const size_t paren = open + close + 1;
      if (close > 0 && paren < l.size && l.text[paren] == '(') {
        const size_t end = bracket_end(l.text + paren, l.size - paren, '(', ')');
        if (end > 0) {
          mgp_buffer_add(out, l.text + open + 1, close - 1);
          i = paren + end;
          continue;
        }
      }
    }
    mgp_buffer_add_char(out, l.text[i]);
  }
  mgp_buffer_add_char(out, '\n');
}

static magpie_status flush(markdown *m, magpie_error *err) {
  MGP_RETURN_IF(m->body.failed, err, MAGPIE_NO_MEMORY, "no memory for a section of %s",
                m->job->name);
  if (m->body.size == 0) return MAGPIE_OK;
  const char *title = m->job->info->title, *path = m->headings.path;
  const mgp_section section = {.title = title[0] ? title : NULL,
                               .context = path[0] ? path : NULL,
                               .language = mgp_json_text(m->job->info->metadata, "language", NULL),
                               .text = m->body.data,
                               .size = m->body.size,
                               .first_line = m->body_line};
  MGP_FORWARD(mgp_job_emit_section(m->job, &section, err));
  mgp_buffer_clear(&m->body);
  return MAGPIE_OK;
}

/* Level of "## Title ##", its text in *l; 0 when it is none. */
static int atx_level(line_view *l) {
  size_t hashes = 0, indent = 0;
  while (indent < l->size && indent < 4 && l->text[indent] == ' ') indent++;
  if (indent > 3) return 0;
  while (indent + hashes < l->size && l->text[indent + hashes] == '#') hashes++;
  const size_t after = indent + hashes;
  if (hashes < 1 || hashes > 6 || (after < l->size && !isspace((unsigned char)l->text[after])))
    return 0;
  line_view rest = trimmed((line_view){l->text + after, l->size - after});
  size_t end = rest.size;
  while (end > 0 && rest.text[end - 1] == '#') end--;
  if (end == 0 || isspace((unsigned char)rest.text[end - 1])) rest.size = end;
  *l = trimmed(rest);
  return (int)hashes;
}

/* "=====" or "-----" beneath a line of text. */
static int setext_level(line_view l) {
  const line_view t = trimmed(l);
  if (t.size < 2 || (t.text[0] != '=' && t.text[0] != '-')) return 0;
  for (size_t i = 1; i < t.size; i++)
    if (t.text[i] != t.text[0]) return 0;
  return t.text[0] == '=' ? 1 : 2;
}

static magpie_status set_heading(markdown *m, int level, line_view words, magpie_error *err) {
  mgp_buffer plain;
  mgp_buffer_init(&plain, m->job->alloc);
  add_line(&plain, words);
  MGP_RETURN_IF(plain.failed, err, MAGPIE_NO_MEMORY, "no memory for a heading of %s", m->job->name);
  char *clean = mgp_clean_text(m->job->alloc, plain.data, plain.size, MGP_TITLE_SIZE);
  mgp_buffer_fini(&plain);
  mgp_headings_set(&m->headings, level, clean ? clean : "", clean ? strlen(clean) : 0);
  if (level == 1 && clean && !m->job->info->title[0]) mgp_note_title(m->job, clean);
  mgp_free(m->job->alloc, clean);
  m->body_line = m->line;
  return MAGPIE_OK;
}

static bool toggles_fence(markdown *m, line_view l) {
  const line_view t = trimmed(l);
  if (t.size < 3 || (t.text[0] != '`' && t.text[0] != '~')) return false;
  size_t run = 0;
  while (run < t.size && t.text[run] == t.text[0]) run++;
  if (run < 3) return false;
  if (!m->fence) {
    m->fence = t.text[0];
    m->fence_size = run;
    return true;
  }
  if (t.text[0] != m->fence || run < m->fence_size || run != t.size) return false;
  m->fence = 0;
  return true;
}

/* "title: My page" lines between two "---". */
static void read_front_matter(markdown *m) {
  if (m->size < 4 || memcmp(m->text, "---\n", 4) != 0) return;
  const markdown start = *m;
  line_view l;
  (void)next_line(m, &l);
  for (int i = 0; i < FRONT_MATTER_LINES && next_line(m, &l); i++) {
    if (l.size == 3 && (memcmp(l.text, "---", 3) == 0 || memcmp(l.text, "...", 3) == 0)) return;
    const char *colon = memchr(l.text, ':', l.size);
    if (!colon || isspace((unsigned char)*l.text)) continue;
    const line_view key = {l.text, (size_t)(colon - l.text)};
    line_view value = trimmed((line_view){colon + 1, l.size - key.size - 1});
    if (value.size >= 2 && (*value.text == '"' || *value.text == '\''))
      value = (line_view){value.text + 1, value.size - 2};
    char *text = mgp_clean_text(m->job->alloc, value.text, value.size, MGP_TITLE_SIZE);
    if (key.size == 5 && memcmp(key.text, "title", 5) == 0) mgp_note_title(m->job, text);
    if (key.size == 6 && memcmp(key.text, "author", 6) == 0) mgp_note_text(m->job, "author", text);
    if (key.size == 4 && memcmp(key.text, "date", 4) == 0) mgp_note_date(m->job, "date", text);
    if ((key.size == 4 && memcmp(key.text, "lang", 4) == 0) ||
        (key.size == 8 && memcmp(key.text, "language", 8) == 0))
      mgp_note_text(m->job, "language", text);
    mgp_free(m->job->alloc, text);
  }
  m->pos = start.pos; /* it never closed: a rule and prose */
  m->line = start.line;
}

static magpie_status take_line(markdown *m, line_view l, magpie_error *err) {
  if (toggles_fence(m, l)) {
    mgp_buffer_add_char(&m->body, '\n');
    return MAGPIE_OK;
  }
  line_view words = l;
  const int level = m->fence ? 0 : atx_level(&words);
  if (level > 0) {
    MGP_FORWARD(flush(m, err));
    return set_heading(m, level, words, err);
  }
  const markdown here = *m;
  line_view below;
  const bool is_text = trimmed(l).size > 0 && !m->fence && l.text[0] != '|' && l.text[0] != '-';
  if (is_text && next_line(m, &below)) {
    const int under = setext_level(below);
    if (under > 0) {
      MGP_FORWARD(flush(m, err));
      return set_heading(m, under, trimmed(l), err);
    }
    m->pos = here.pos;
    m->line = here.line;
  }
  add_line(&m->body, l);
  return MAGPIE_OK;
}

magpie_status mgp_markdown_file_decode(mgp_media_job *job, magpie_error *err) {
  char *text = NULL;
  markdown m = {.job = job, .line = 1, .body_line = 1};
  line_view l;
  MGP_FORWARD(mgp_job_read_text(job, NULL, &text, &m.size, err));
  m.text = text;
  mgp_buffer_init(&m.body, job->alloc);
  magpie_status status = MAGPIE_OK;
  read_front_matter(&m);
  m.body_line = m.line;
  while (status == MAGPIE_OK && next_line(&m, &l)) status = take_line(&m, l, err);
  if (status == MAGPIE_OK) status = flush(&m, err);
  mgp_buffer_fini(&m.body);
  mgp_free(job->alloc, text);
  return status;
}
