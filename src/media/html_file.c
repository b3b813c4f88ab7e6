/* SPDX-License-Identifier: Apache-2.0
 *
 * html_file: web pages through libxml2's forgiving parser: title, author, date, language, and the
 * main text in sections by heading. What is content is decided in html_blocks.c.
 */
#include "media/html_blocks.h"

#if MGP_WITH_LIBXML

#include <ctype.h>
#include <libxml/xmlversion.h>
#include <strings.h>

enum { CHARSET_WINDOW = 4096, VALUE_SIZE = 1024 };
/* A tree takes some thirty times the page at worst, so pages are held shorter than other text. */
#define HTML_MAX (16ULL << 20)

typedef struct html_page {
  mgp_media_job *job;
  char language[8];
  mgp_html_blocks blocks;
  mgp_headings headings;
  mgp_buffer section;
  mgp_line_mark *marks;
  size_t mark_count, mark_capacity;
} html_page;

void mgp_html_start(void) {
  xmlInitParser();
}

const char *mgp_html_library(void) {
  return "libxml2 " LIBXML_DOTTED_VERSION;
}

/* The name after "charset=" in the first bytes, as <meta> or an XML declaration has it. */
static bool find_charset(const mgp_media_job *job, char out[40]) {
  const char *text = (const char *)job->head;
  const size_t size = job->head_size < CHARSET_WINDOW ? job->head_size : CHARSET_WINDOW;
  for (size_t i = 0; i + 9 < size; i++) {
    size_t skip = strncasecmp(text + i, "charset=", 8) == 0 ? 8 : 0;
    if (strncmp(text + i, "encoding=", 9) == 0) skip = 9;
    if (skip == 0) continue;
    size_t start = i + skip, end = 0;
    while (start < size && (text[start] == '"' || text[start] == '\'' || text[start] == ' '))
      start++;
    end = start;
    while (end < size && end - start < 39 &&
           (isalnum((unsigned char)text[end]) || strchr("-_:.", text[end])))
      end++;
    if (end == start || text[end - 1] == '\0') continue;
    memcpy(out, text + start, end - start);
    out[end - start] = '\0';
    return true;
  }
  return false;
}

/* "de-AT" -> "de". */
static void take_language(html_page *p, const char *value) {
  size_t size = 0;
  while (isalpha((unsigned char)value[size])) size++;
  if (p->language[0] || size < 2 || size > 3) return;
  for (size_t i = 0; i < size; i++) p->language[i] = (char)tolower((unsigned char)value[i]);
}

static void take_meta(html_page *p, const xmlNode *node) {
  char name[64], value[VALUE_SIZE];
  if (!mgp_html_attribute(node, "content", value, sizeof value)) return;
  if (!mgp_html_attribute(node, "name", name, sizeof name) &&
      !mgp_html_attribute(node, "property", name, sizeof name) &&
      !mgp_html_attribute(node, "http-equiv", name, sizeof name))
    return;
  if (!strcasecmp(name, "author") || !strcasecmp(name, "dc.creator"))
    mgp_note_text(p->job, "author", value);
  if (!strcasecmp(name, "description") || !strcasecmp(name, "og:description"))
    mgp_note_text(p->job, "description", value);
  if (!strcasecmp(name, "keywords")) mgp_note_text(p->job, "keywords", value);
  if (!strcasecmp(name, "date") || !strcasecmp(name, "dc.date") ||
      !strcasecmp(name, "article:published_time"))
    mgp_note_date(p->job, "date", value);
  if (!strcasecmp(name, "og:title") && !p->job->info->title[0]) mgp_note_title(p->job, value);
  if (!strcasecmp(name, "content-language") || !strcasecmp(name, "dc.language"))
    take_language(p, value);
}

static void take_head(html_page *p, const xmlNode *head) {
  for (const xmlNode *n = head->children; n; n = n->next) {
    if (n->type != XML_ELEMENT_NODE) continue;
    if (strcmp((const char *)n->name, "meta") == 0) take_meta(p, n);
    if (strcmp((const char *)n->name, "title") == 0 && n->children && n->children->content)
      mgp_note_title(p->job, (const char *)n->children->content);
  }
}

static void take_document(html_page *p, const xmlNode *root) {
  char value[64];
  if (mgp_html_attribute(root, "lang", value, sizeof value) ||
      mgp_html_attribute(root, "xml:lang", value, sizeof value))
    take_language(p, value);
  for (const xmlNode *n = root->children; n; n = n->next) {
    if (n->type != XML_ELEMENT_NODE) continue;
    if (strcmp((const char *)n->name, "head") == 0) take_head(p, n);
    if (strcmp((const char *)n->name, "body") == 0 &&
        mgp_html_attribute(n, "lang", value, sizeof value))
      take_language(p, value);
  }
  if (p->language[0]) mgp_note_text(p->job, "language", p->language);
}

static magpie_status flush(html_page *p, magpie_error *err) {
  const char *title = p->job->info->title;
  const mgp_section section = {.title = title[0] ? title : NULL,
                               .context = p->headings.path[0] ? p->headings.path : NULL,
                               .language = p->language[0] ? p->language : NULL,
                               .text = p->section.data,
                               .size = p->section.size,
                               .marks = p->marks,
                               .mark_count = p->mark_count};
  MGP_RETURN_IF(p->section.failed, err, MAGPIE_NO_MEMORY, "no memory for a section of %s",
                p->job->name);
  if (p->section.size > 0) MGP_FORWARD(mgp_job_emit_section(p->job, &section, err));
  mgp_buffer_clear(&p->section);
  p->mark_count = 0;
  return MAGPIE_OK;
}

static magpie_status add_block(html_page *p, const mgp_html_block *b, bool is_close,
                               magpie_error *err) {
  if (p->section.size > 0) mgp_buffer_add_text(&p->section, is_close ? "\n" : "\n\n");
  MGP_RETURN_IF(!MGP_GROW(p->job->alloc, p->marks, p->mark_capacity, p->mark_count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for a section of %s", p->job->name);
  p->marks[p->mark_count++] = (mgp_line_mark){.start = p->section.size, .line = b->line};
  mgp_buffer_add(&p->section, p->blocks.text.data + b->start, b->size);
  return MAGPIE_OK;
}

static magpie_status emit_blocks(html_page *p, magpie_error *err) {
  bool was_row = false;
  for (size_t i = 0; i < p->blocks.count; i++) {
    const mgp_html_block *b = &p->blocks.blocks[i];
    if (b->is_dropped) continue;
    if (b->level > 0) {
      MGP_FORWARD(flush(p, err));
      mgp_headings_set(&p->headings, b->level, p->blocks.text.data + b->start, b->size);
      if (!p->job->info->title[0]) mgp_note_title(p->job, p->blocks.text.data + b->start);
      continue;
    }
    MGP_FORWARD(add_block(p, b, b->is_row && was_row, err));
    was_row = b->is_row;
  }
  return flush(p, err);
}

/* A page of pictures or frames still has a name to be found by. */
static magpie_status emit_title(html_page *p, magpie_error *err) {
  if (p->job->items > 0 || !p->job->info->title[0]) return MAGPIE_OK;
  const mgp_media_item item = {
      .kind = "passage",
      .title = p->job->info->title,
      .text = mgp_json_text(p->job->info->metadata, "description", p->job->info->title),
      .language = p->language[0] ? p->language : NULL};
  return mgp_job_emit(p->job, &item, err);
}

static magpie_status read_page(html_page *p, xmlNode *root, magpie_error *err) {
  take_document(p, root);
  p->blocks.alloc = p->job->alloc;
  MGP_FORWARD(mgp_html_blocks_read(p->job, root, &p->blocks, err));
  if (json_array_size(p->blocks.links) > 0)
    (void)json_object_set(p->job->info->metadata, "links", p->blocks.links);
  if (json_array_size(p->blocks.images) > 0)
    (void)json_object_set(p->job->info->metadata, "images", p->blocks.images);
  MGP_FORWARD(emit_blocks(p, err));
  return emit_title(p, err);
}

magpie_status mgp_html_file_decode(mgp_media_job *job, magpie_error *err) {
  char charset[40], *text = NULL;
  size_t size = 0;
  MGP_RETURN_IF(job->size > HTML_MAX, err, MAGPIE_LIMIT,
                "%s has %llu bytes; of a web page at most %llu are read", job->name,
                (unsigned long long)job->size, HTML_MAX);
  const bool has_charset = find_charset(job, charset);
  MGP_FORWARD(mgp_job_read_text(job, has_charset ? charset : NULL, &text, &size, err));
  magpie_status status = mgp_job_reserve(job, mgp_html_need(text, size), err);
  if (status != MAGPIE_OK) {
    mgp_free(job->alloc, text);
    return status;
  }
  html_page p = {.job = job};
  mgp_buffer_init(&p.section, job->alloc);
  xmlDoc *document = htmlReadMemory(text, (int)size, NULL, "UTF-8",
                                    HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                        HTML_PARSE_NONET | HTML_PARSE_COMPACT);
  mgp_free(job->alloc, text);
  xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
  status =
      root ? read_page(&p, root, err)
           : mgp_fail(err, MAGPIE_FORMAT, "%s: no element could be read of the page", job->name);
  mgp_html_blocks_fini(&p.blocks);
  mgp_buffer_fini(&p.section);
  mgp_free(job->alloc, p.marks);
  if (document) xmlFreeDoc(document);
  return status;
}

#else

void mgp_html_start(void) {}

const char *mgp_html_library(void) {
  return "libxml2";
}

magpie_status mgp_html_file_decode(mgp_media_job *job, magpie_error *err) {
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this magpie was built without libxml2", job->name);
}

#endif
