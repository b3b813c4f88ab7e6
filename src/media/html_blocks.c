/* SPDX-License-Identifier: Apache-2.0
 *
 * html_blocks: which text of a page is content. After Kohlschuetter, Fankhauser, Nejdl,
 * "Boilerplate Detection using Shallow Text Features" (WSDM 2010): link density decides, with the
 * neighbours; what the page's own elements and roles say comes first. Kept careful on purpose:
 * documentation is full of short paragraphs and lists, and a lost paragraph is worse than a kept
 * menu.
 */
#include "media/html_blocks.h"

#if MGP_WITH_LIBXML

#include <ctype.h>

enum {
  LINKS_KEPT = 50,
  ATTRIBUTE_SIZE = 512,
  CHECK_EVERY = 4096, /* nodes between two looks at the clock */
  BLOCK_MAX = 1 << 20,
  LINE_MAX_KNOWN = 65535, /* the parser counts no further */
  MENU_RUN = 3,           /* so many blocks of links in a row are a menu */
  BAR_SIZE = 200,         /* "Prev | Up | Next" is shorter than this */
};

typedef struct walk {
  const mgp_media_job *job;
  mgp_html_blocks *out;
  mgp_html_block block; /* being written; start is set, size grows */
  bool is_open, has_space;
  int link_depth, main_depth, pre_depth;
  size_t link_start;
  char href[ATTRIBUTE_SIZE];
} walk;

static bool is_one_of(const xmlNode *node, const char *const *names) {
  for (; *names; names++)
    if (strcmp((const char *)node->name, *names) == 0) return true;
  return false;
}

static bool is_element(const xmlNode *node, const char *name) {
  return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

bool mgp_html_attribute(const xmlNode *node, const char *name, char *out, size_t size) {
  for (const xmlAttr *a = node->properties; a; a = a->next) {
    if (strcmp((const char *)a->name, name) != 0) continue;
    const char *value =
        a->children && a->children->content ? (const char *)a->children->content : "";
    const size_t length = strlen(value);
    const size_t kept = length < size ? length : mgp_utf8_cut(value, size - 1);
    memcpy(out, value, kept);
    out[kept] = '\0';
    return true;
  }
  return false;
}

/* Is one of the words of the attribute in the list? Whole words only: "with-sidebar" is content. */
static bool has_word(const xmlNode *node, const char *attribute, const char *const *words) {
  char value[ATTRIBUTE_SIZE];
  if (!mgp_html_attribute(node, attribute, value, sizeof value)) return false;
  for (char *p = value; *p;) {
    while (isspace((unsigned char)*p)) p++;
    char *end = p;
    while (*end && !isspace((unsigned char)*end)) end++;
    for (const char *const *w = words; end > p && *w; w++)
      if (strlen(*w) == (size_t)(end - p) && strncasecmp(*w, p, (size_t)(end - p)) == 0)
        return true;
    p = end;
  }
  return false;
}

static bool is_hidden(const xmlNode *node) {
  char value[ATTRIBUTE_SIZE];
  if (mgp_html_attribute(node, "hidden", value, sizeof value)) return true;
  if (mgp_html_attribute(node, "aria-hidden", value, sizeof value) && strcmp(value, "true") == 0)
    return true;
  return mgp_html_attribute(node, "style", value, sizeof value) &&
         (strstr(value, "display:none") || strstr(value, "display: none"));
}

/* Never content, whatever the text says. */
static bool is_boilerplate(const walk *w, const xmlNode *node) {
  static const char *const elements[] = {
      "script", "style",  "noscript", "template", "nav",      "aside",  "footer",   "head",
      "button", "select", "option",   "textarea", "datalist", "iframe", "object",   "canvas",
      "svg",    "audio",  "video",    "map",      "dialog",   "applet", "noframes", NULL};
  static const char *const roles[] = {"navigation",    "banner", "contentinfo",
                                      "complementary", "search", "menu",
                                      "menubar",       "dialog", NULL};
  static const char *const classes[] = {
      "nav",           "navbar",     "navigation",    "menu",           "sidebar",
      "footer",        "breadcrumb", "breadcrumbs",   "navheader",      "navfooter",
      "sphinxsidebar", "related",    "headerlink",    "cookie",         "cookies",
      "cookie-banner", "skip-link",  "advertisement", "site-header",    "site-footer",
      "toc-menu",      "noprint",    "mw-jump-link",  "mw-editsection", NULL};
  static const char *const never[] = {"html", "body", "main", "article", NULL};
  if (is_one_of(node, never)) return false;
  if (is_one_of(node, elements)) return true;
  if (is_element(node, "header") && w->main_depth == 0) return true;
  return has_word(node, "role", roles) || has_word(node, "class", classes) ||
         has_word(node, "id", classes) || is_hidden(node);
}

static bool is_block(const xmlNode *node) {
  static const char *const names[] = {
      "p",       "div",    "li",       "tr",      "h1",     "h2",         "h3",      "h4",
      "h5",      "h6",     "section",  "article", "main",   "pre",        "ul",      "ol",
      "dl",      "dt",     "dd",       "table",   "tbody",  "blockquote", "figure",  "figcaption",
      "caption", "hr",     "address",  "header",  "center", "details",    "summary", "form",
      "body",    "legend", "fieldset", "thead",   NULL};
  return is_one_of(node, names);
}

static int heading_level(const xmlNode *node) {
  const char *n = (const char *)node->name;
  return n[0] == 'h' && n[1] >= '1' && n[1] <= '6' && n[2] == '\0' ? n[1] - '0' : 0;
}

/* The block that holds a text, be it inside links and emphasis: its kind and line count. */
static void begin_block(walk *w, const xmlNode *node) {
  static const char *const rows[] = {"li", "tr", "dt", "dd", NULL};
  while (node->parent && node->parent->type == XML_ELEMENT_NODE && !is_block(node))
    node = node->parent;
  const long line = xmlGetLineNo(node);
  w->block = (mgp_html_block){.start = w->out->text.size,
                              .line = line > 0 && line < LINE_MAX_KNOWN ? line : 0,
                              .level = heading_level(node),
                              .is_row = is_one_of(node, rows),
                              .is_in_main = w->main_depth > 0};
  w->is_open = true;
  w->has_space = false;
}

static magpie_status end_block(walk *w, magpie_error *err) {
  mgp_html_blocks *out = w->out;
  if (!w->is_open) return MAGPIE_OK;
  w->is_open = false;
  w->block.size = out->text.size - w->block.start;
  if (w->block.size == 0) return MAGPIE_OK;
  if (out->text.failed || !MGP_GROW(out->alloc, out->blocks, out->capacity, out->count + 1))
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the text of %s", w->job->name);
  out->blocks[out->count++] = w->block;
  mgp_buffer_add_char(&out->text, '\0'); /* keeps blocks apart */
  return MAGPIE_OK;
}

static void add_text(walk *w, const xmlNode *parent, const char *text) {
  mgp_buffer *out = &w->out->text;
  for (size_t i = 0; text[i]; i++) {
    const bool is_space = isspace((unsigned char)text[i]) != 0;
    if (is_space && !(w->pre_depth > 0 && w->is_open)) {
      w->has_space = true;
      continue;
    }
    if (!w->is_open) begin_block(w, parent);
    const size_t before = out->size;
    if (w->has_space && out->size > w->block.start) mgp_buffer_add_char(out, ' ');
    w->has_space = false;
    mgp_buffer_add_char(out, text[i]);
    if (w->link_depth > 0) w->block.link_size += out->size - before;
  }
}

static bool is_web_link(const char *href) {
  if (href[0] == '\0' || href[0] == '#') return false;
  return strncasecmp(href, "javascript:", 11) != 0 && strncasecmp(href, "data:", 5) != 0;
}

static void note_link(walk *w) {
  mgp_buffer *text = &w->out->text;
  if (!is_web_link(w->href) || json_array_size(w->out->links) >= LINKS_KEPT || text->failed ||
      text->size <= w->link_start)
    return;
  char *words = mgp_clean_text(w->out->alloc, text->data + w->link_start,
                               text->size - w->link_start, ATTRIBUTE_SIZE);
  if (words)
    (void)json_array_append_new(w->out->links,
                                json_pack("{s:s,s:s}", "href", w->href, "text", words));
  mgp_free(w->out->alloc, words);
}

static void take_picture(walk *w, const xmlNode *node) {
  char alt[ATTRIBUTE_SIZE], source[ATTRIBUTE_SIZE];
  if (!mgp_html_attribute(node, "alt", alt, sizeof alt) || strlen(alt) < 3) return;
  w->has_space = true;
  add_text(w, node->parent, alt);
  w->has_space = true;
  if (!mgp_html_attribute(node, "src", source, sizeof source) || !is_web_link(source)) return;
  if (json_array_size(w->out->images) < LINKS_KEPT)
    (void)json_array_append_new(w->out->images, json_pack("{s:s,s:s}", "src", source, "alt", alt));
}

static bool opens_main(const xmlNode *node) {
  static const char *const main_role[] = {"main", NULL};
  return is_element(node, "main") || is_element(node, "article") ||
         has_word(node, "role", main_role);
}

/* *descend says whether the children are to be seen. */
static magpie_status enter(walk *w, const xmlNode *node, bool *descend, magpie_error *err) {
  static const char *const cells[] = {"td", "th", NULL};
  *descend = false;
  if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
    if (node->content && w->out->text.size - w->block.start < BLOCK_MAX)
      add_text(w, node->parent, (const char *)node->content);
    return MAGPIE_OK;
  }
  if (node->type != XML_ELEMENT_NODE || is_boilerplate(w, node)) return MAGPIE_OK;
  *descend = true;
  if (is_block(node)) MGP_FORWARD(end_block(w, err));
  if (opens_main(node)) w->main_depth++;
  if (is_element(node, "pre")) w->pre_depth++;
  if (is_one_of(node, cells)) w->has_space = true;
  if (is_element(node, "br") && w->is_open) {
    mgp_buffer_add_char(&w->out->text, '\n');
    w->has_space = false;
  }
  if (is_element(node, "img")) take_picture(w, node);
  if (is_element(node, "a") && mgp_html_attribute(node, "href", w->href, sizeof w->href)) {
    w->link_depth++;
    w->link_start = w->out->text.size;
  }
  return MAGPIE_OK;
}

static magpie_status leave(walk *w, const xmlNode *node, magpie_error *err) {
  if (node->type != XML_ELEMENT_NODE) return MAGPIE_OK;
  if (is_element(node, "a") && w->link_depth > 0 &&
      xmlHasProp((xmlNode *)(uintptr_t)node, (const xmlChar *)"href")) {
    w->link_depth--;
    if (w->is_open) w->block.links++;
    note_link(w);
  }
  if (is_block(node)) MGP_FORWARD(end_block(w, err));
  if (opens_main(node)) w->main_depth--;
  if (is_element(node, "pre")) w->pre_depth--;
  return MAGPIE_OK;
}

/* Depth first without recursion: a hostile page may nest as deep as the parser lets it. */
static magpie_status walk_tree(walk *w, xmlNode *root, magpie_error *err) {
  const xmlNode *node = root;
  for (size_t seen = 1; node; seen++) {
    bool descend = false;
    if (seen % CHECK_EVERY == 0) MGP_FORWARD(mgp_job_check(w->job, err));
    MGP_FORWARD(enter(w, node, &descend, err));
    if (descend && node->children) {
      node = node->children;
      continue;
    }
    if (descend) MGP_FORWARD(leave(w, node, err));
    while (node != root && !node->next) {
      node = node->parent;
      MGP_FORWARD(leave(w, node, err));
    }
    if (node == root) break;
    node = node->next;
  }
  return end_block(w, err);
}

static bool is_linky(const mgp_html_block *b) {
  return b->level == 0 && b->link_size * 10 > b->size * 6;
}

/* Runs of link blocks are menus; a short block of several links is a bar. */
static void drop_menus(mgp_html_blocks *b) {
  for (size_t i = 0; i < b->count;) {
    size_t end = i;
    while (end < b->count && is_linky(&b->blocks[end])) end++;
    for (size_t k = i; k < end; k++) {
      const mgp_html_block *block = &b->blocks[k];
      b->blocks[k].is_dropped =
          end - i >= MENU_RUN || (block->links >= 2 && block->size < BAR_SIZE);
    }
    i = end + 1;
  }
}

static size_t kept_size(const mgp_html_blocks *b, bool in_main_only) {
  size_t size = 0;
  for (size_t i = 0; i < b->count; i++)
    if (!b->blocks[i].is_dropped && (!in_main_only || b->blocks[i].is_in_main))
      size += b->blocks[i].size;
  return size;
}

/* main and article are believed when they hold a fair part of the page; and a page that would lose
 * nearly everything (a list of links) keeps it all. */
static void choose_content(mgp_html_blocks *b) {
  size_t all = 0;
  for (size_t i = 0; i < b->count; i++) all += b->blocks[i].size;
  drop_menus(b);
  const size_t kept = kept_size(b, false), in_main = kept_size(b, true);
  if (in_main * 4 >= kept && in_main > 0)
    for (size_t i = 0; i < b->count; i++)
      b->blocks[i].is_dropped = b->blocks[i].is_dropped || !b->blocks[i].is_in_main;
  if (kept < 200 && kept * 4 < all)
    for (size_t i = 0; i < b->count; i++) b->blocks[i].is_dropped = false;
}

magpie_status mgp_html_blocks_read(const mgp_media_job *job, xmlNode *root, mgp_html_blocks *out,
                                   magpie_error *err) {
  walk w = {.job = job, .out = out};
  mgp_buffer_init(&out->text, out->alloc);
  out->links = json_array();
  out->images = json_array();
  MGP_RETURN_IF(!out->links || !out->images, err, MAGPIE_NO_MEMORY, "no memory to read %s",
                job->name);
  MGP_FORWARD(walk_tree(&w, root, err));
  choose_content(out);
  return MAGPIE_OK;
}

void mgp_html_blocks_fini(mgp_html_blocks *b) {
  mgp_buffer_fini(&b->text);
  mgp_free(b->alloc, b->blocks);
  json_decref(b->links);
  json_decref(b->images);
}

#endif
