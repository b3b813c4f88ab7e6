/* SPDX-License-Identifier: Apache-2.0
 *
 * pdf_file: PDF through Poppler. Each page gives a "page" item (its picture and the beginning of
 * its text) and passages with the box of their characters, in points from the upper left corner.
 *
 * Poppler gives the text of a page in reading order with one box a character (code point); lines
 * end in '\n'. Lines are joined into paragraphs before passages are cut, so each byte of the joined
 * text remembers which character it came from.
 */
#include "media/media_job.h"

#if MGP_WITH_POPPLER

#include <cairo.h>
#include <math.h>
#include <poppler.h>
#include <unistd.h>

#include "text/text.h"

enum {
  RENDER_SIDE = 640,
  PAGE_TEXT_MAX = 1500,
  PAGE_CHARACTERS_MAX = 2000000,
  CONTEXT_ENTRIES = 20000,
  TAIL_SIZE = 8192, /* where the end mark must be; some programs append to it */
};
#define POINTS_MAX 20000.0
#define PARAGRAPH_GAP 1.6 /* of a line's height, from top to top, that starts a new paragraph */

/* One page's text, joined. */
typedef struct page_text {
  mgp_buffer text;
  uint32_t *source; /* for each byte: the character it came from */
  size_t capacity;
  const PopplerRectangle *boxes;
  size_t box_count;
} page_text;

static void drop_log(const gchar *domain, GLogLevelFlags level, const gchar *message,
                     gpointer data) {
  (void)domain, (void)level, (void)message, (void)data;
}

void mgp_pdf_start(void) {
  g_log_set_handler("Poppler",
                    (GLogLevelFlags)(G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR & ~G_LOG_FLAG_FATAL),
                    drop_log, NULL);
}

const char *mgp_pdf_library(void) {
  static char text[48];
  if (text[0] == '\0') snprintf(text, sizeof text, "Poppler %s", poppler_get_version());
  return text;
}

static magpie_status open_document(mgp_media_job *job, PopplerDocument **out, magpie_error *err) {
  GError *error = NULL;
  const int fd = dup(job->fd); /* Poppler closes what it is given */
  MGP_RETURN_IF(fd < 0 || lseek(fd, 0, SEEK_SET) != 0, err, MAGPIE_IO, "%s cannot be read",
                job->name);
  *out = poppler_document_new_from_fd(fd, NULL, &error);
  if (*out) return MAGPIE_OK;
  const bool is_locked = g_error_matches(error, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED);
  g_clear_error(&error);
  MGP_RETURN_IF(is_locked, err, MAGPIE_UNSUPPORTED,
                "%s is protected by a password; save it without one to have it read", job->name);
  return mgp_fail(err, MAGPIE_FORMAT, "%s: the PDF is damaged or ends early", job->name);
}

static void note_owned(mgp_media_job *job, const char *key, char *text) {
  if (text && strcmp(key, "title") == 0) {
    mgp_note_title(job, text);
  } else {
    mgp_note_text(job, key, text);
  }
  g_free(text);
}

static void note_date(mgp_media_job *job, GDateTime *date, const char *key) {
  if (!date) return;
  gchar *text = g_date_time_format(date, "%Y-%m-%dT%H:%M:%S%:z");
  mgp_note_date(job, key, text);
  g_free(text);
  g_date_time_unref(date);
}

static void note_document(mgp_media_job *job, PopplerDocument *document) {
  note_owned(job, "title", poppler_document_get_title(document));
  note_owned(job, "author", poppler_document_get_author(document));
  note_owned(job, "subject", poppler_document_get_subject(document));
  note_owned(job, "keywords", poppler_document_get_keywords(document));
  note_date(job, poppler_document_get_creation_date_time(document), "date");
  mgp_note_integer(job, "pages", poppler_document_get_n_pages(document));
}

/* ---- text -------------------------------------------------------------------------------------
 */

static bool add_character(page_text *p, uint32_t code, uint32_t source) {
  char bytes[4];
  const size_t size = mgp_utf8_put(code, bytes), at = p->text.size;
  mgp_buffer_add(&p->text, bytes, size);
  if (p->text.failed || !MGP_GROW(p->text.alloc, p->source, p->capacity, at + size)) return false;
  for (size_t i = 0; i < size; i++) p->source[at + i] = source;
  return true;
}

static bool is_lower_letter(uint32_t code) {
  return (code >= 'a' && code <= 'z') || (code >= 0xDF && code <= 0xFF);
}

static bool starts_paragraph(const page_text *p, size_t before, size_t after) {
  if (before >= p->box_count || after >= p->box_count) return false;
  const PopplerRectangle *a = &p->boxes[before], *b = &p->boxes[after];
  const double height = fmax(1.0, a->y2 - a->y1);
  return b->y1 - a->y1 > PARAGRAPH_GAP * height || b->y1 < a->y1 - height;
}

/* What stands at a line's end: a hyphen that splits a word, a paragraph border, or a blank. */
static bool join_line(page_text *p, const uint32_t *codes, size_t count, size_t at) {
  const bool has_next = at + 1 < count;
  if (!has_next || p->text.size == 0) return true;
  const bool is_split = at >= 2 && codes[at - 1] == '-' && is_lower_letter(codes[at - 2]) &&
                        is_lower_letter(codes[at + 1]);
  if (is_split && p->text.data[p->text.size - 1] == '-') {
    p->text.data[--p->text.size] = '\0';
    return true;
  }
  if (codes[at + 1] == '\n' || p->text.data[p->text.size - 1] == '\n') return true;
  if (at > 0 && starts_paragraph(p, at - 1, at + 1))
    return add_character(p, '\n', (uint32_t)at) && add_character(p, '\n', (uint32_t)at);
  return add_character(p, ' ', (uint32_t)at);
}

static magpie_status join_lines(mgp_media_job *job, page_text *p, const char *raw,
                                magpie_error *err) {
  const size_t size = strlen(raw);
  uint32_t *codes = mgp_calloc(job->alloc, size + 1, sizeof *codes);
  bool ok = codes != NULL;
  size_t count = 0;
  for (size_t pos = 0; ok && pos < size;) codes[count++] = mgp_utf8_next(raw, size, &pos);
  for (size_t i = 0; ok && i < count; i++) {
    if (codes[i] == '\n') {
      ok = join_line(p, codes, count, i);
    } else {
      const bool is_control = codes[i] < ' ' || codes[i] == 0x7F;
      ok = add_character(p, is_control ? ' ' : codes[i], (uint32_t)i);
    }
  }
  mgp_free(job->alloc, codes);
  MGP_RETURN_IF(!ok, err, MAGPIE_NO_MEMORY, "no memory for the text of a page of %s", job->name);
  return MAGPIE_OK;
}

static void find_box(const page_text *p, size_t start, size_t size, magpie_locator *locator) {
  double x1 = INFINITY, y1 = INFINITY, x2 = -INFINITY, y2 = -INFINITY;
  for (size_t i = start; i < start + size && i < p->text.size; i++) {
    if (p->source[i] >= p->box_count) continue;
    const PopplerRectangle *b = &p->boxes[p->source[i]];
    if (!(b->x2 > b->x1) || !(b->y2 > b->y1)) continue; /* blanks and line ends have none */
    x1 = fmin(x1, b->x1);
    y1 = fmin(y1, b->y1);
    x2 = fmax(x2, b->x2);
    y2 = fmax(y2, b->y2);
  }
  if (!(x2 > x1) || !(y2 > y1)) return;
  locator->has_bbox = true;
  locator->bbox[0] = x1;
  locator->bbox[1] = y1;
  locator->bbox[2] = x2 - x1;
  locator->bbox[3] = y2 - y1;
}

static magpie_status emit_passages(mgp_media_job *job, const page_text *p, int number,
                                   const char *context, magpie_error *err) {
  mgp_passage *passages = NULL;
  size_t count = 0;
  if (p->text.size == 0) return MAGPIE_OK;
  MGP_FORWARD(mgp_passages_cut(job->alloc, p->text.data, p->text.size, 0, &passages, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++) {
    char *text = mgp_strndup(job->alloc, p->text.data + passages[i].start, passages[i].size);
    if (!text) {
      status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a passage of %s", job->name);
      break;
    }
    mgp_media_item item = {.kind = "passage",
                           .title = job->info->title[0] ? job->info->title : NULL,
                           .text = text,
                           .context = context,
                           .locator = {.page = number}};
    find_box(p, passages[i].start, passages[i].size, &item.locator);
    status = mgp_job_emit(job, &item, err);
    mgp_free(job->alloc, text);
  }
  mgp_free(job->alloc, passages);
  return status;
}

/* ---- page pictures ------------------------------------------------------------------------------
 */

/* cairo keeps 32-bit pixels in the machine's order, blue lowest. */
static bool copy_surface(mgp_alloc *a, cairo_surface_t *surface, mgp_image *out) {
  const int width = cairo_image_surface_get_width(surface);
  const int height = cairo_image_surface_get_height(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  const unsigned char *data = cairo_image_surface_get_data(surface);
  unsigned char *rgb = mgp_malloc(a, (size_t)width * (size_t)height * 3);
  if (!rgb || !data) {
    mgp_free(a, rgb);
    return false;
  }
  unsigned char *to = rgb;
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++) {
      uint32_t pixel;
      memcpy(&pixel, data + (size_t)y * (size_t)stride + (size_t)x * 4, sizeof pixel);
      *to++ = (unsigned char)(pixel >> 16);
      *to++ = (unsigned char)(pixel >> 8);
      *to++ = (unsigned char)pixel;
    }
  }
  *out = (mgp_image){.width = width, .height = height, .rgb = rgb};
  return true;
}

/* False when the page cannot be drawn: then it has no picture, and its text still counts. */
static bool render_page(mgp_alloc *a, PopplerPage *page, mgp_image *out) {
  double width = 0, height = 0;
  poppler_page_get_size(page, &width, &height);
  if (!(width >= 1) || !(height >= 1) || width > POINTS_MAX || height > POINTS_MAX) return false;
  const double scale = RENDER_SIDE / fmax(width, height);
  const int w = (int)fmax(1, round(width * scale)), h = (int)fmax(1, round(height * scale));
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
  cairo_t *cr = cairo_create(surface);
  cairo_set_source_rgb(cr, 1, 1, 1);
  cairo_paint(cr);
  cairo_scale(cr, scale, scale);
  poppler_page_render(page, cr);
  const bool ok = cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS;
  cairo_destroy(cr);
  cairo_surface_flush(surface);
  const bool is_copied = ok && copy_surface(a, surface, out);
  cairo_surface_destroy(surface);
  return is_copied;
}

static magpie_status emit_page(mgp_media_job *job, PopplerPage *page, const page_text *p,
                               int number, magpie_error *err) {
  char title[32];
  mgp_image image = {0};
  snprintf(title, sizeof title, "page %d", number);
  const bool is_drawn = render_page(job->alloc, page, &image);
  const size_t cut =
      p->text.size < PAGE_TEXT_MAX ? p->text.size : mgp_utf8_cut(p->text.data, PAGE_TEXT_MAX);
  char *text = cut > 0 ? mgp_strndup(job->alloc, p->text.data, cut) : NULL;
  const mgp_media_item item = {.kind = "page",
                               .title = title,
                               .text = text,
                               .locator = {.page = number},
                               .image = is_drawn ? &image : NULL};
  const magpie_status status = mgp_job_emit(job, &item, err);
  mgp_free(job->alloc, text);
  mgp_image_fini(job->alloc, &image);
  return status;
}

/* ---- outline ------------------------------------------------------------------------------------
 */

/* The heading path of each page, from the document's bookmarks: the last one at or before it. */
typedef struct outline {
  char **paths; /* by page, NULL where none begins */
  int pages;
  size_t entries;
  mgp_headings headings;
} outline;

static int destination_page(PopplerDocument *document, const PopplerAction *action) {
  if (action->type != POPPLER_ACTION_GOTO_DEST || !action->goto_dest.dest) return 0;
  const PopplerDest *dest = action->goto_dest.dest;
  if (dest->type != POPPLER_DEST_NAMED) return dest->page_num;
  PopplerDest *found = poppler_document_find_dest(document, dest->named_dest);
  const int page = found ? found->page_num : 0;
  if (found) poppler_dest_free(found);
  return page;
}

static void read_outline(mgp_media_job *job, PopplerDocument *document, PopplerIndexIter *iter,
                         int level, outline *o) {
  do {
    if (o->entries++ >= CONTEXT_ENTRIES || mgp_job_check(job, NULL) != MAGPIE_OK) return;
    PopplerAction *action = poppler_index_iter_get_action(iter);
    if (!action) continue;
    const char *raw = action->any.title;
    char *title = raw ? mgp_clean_text(job->alloc, raw, strlen(raw), MGP_HEADING_SIZE) : NULL;
    const int page = destination_page(document, action);
    mgp_headings_set(&o->headings, level, title ? title : "", title ? strlen(title) : 0);
    /* The first bookmark of a page names it: later ones begin further down. */
    if (title && page >= 1 && page <= o->pages && !o->paths[page - 1])
      o->paths[page - 1] = mgp_strdup(job->alloc, o->headings.path);
    mgp_free(job->alloc, title);
    poppler_action_free(action);
    PopplerIndexIter *child =
        level < MGP_HEADING_LEVELS ? poppler_index_iter_get_child(iter) : NULL;
    if (child) {
      read_outline(job, document, child, level + 1, o);
      poppler_index_iter_free(child);
    }
  } while (poppler_index_iter_next(iter));
}

static void outline_init(mgp_media_job *job, PopplerDocument *document, int pages, outline *o) {
  *o = (outline){.pages = pages};
  o->paths = mgp_calloc(job->alloc, (size_t)pages, sizeof *o->paths);
  PopplerIndexIter *iter = o->paths ? poppler_index_iter_new(document) : NULL;
  if (!iter) return;
  read_outline(job, document, iter, 1, o);
  poppler_index_iter_free(iter);
}

static void outline_fini(mgp_media_job *job, outline *o) {
  for (int i = 0; o->paths && i < o->pages; i++) mgp_free(job->alloc, o->paths[i]);
  mgp_free(job->alloc, o->paths);
}

/* ---- pages --------------------------------------------------------------------------------------
 */

static magpie_status read_page(mgp_media_job *job, PopplerPage *page, int number,
                               const char *context, magpie_error *err) {
  PopplerRectangle *boxes = NULL;
  guint box_count = 0;
  char *raw = poppler_page_get_text(page);
  page_text p = {0};
  magpie_status status = MAGPIE_OK;
  mgp_buffer_init(&p.text, job->alloc);
  if (raw && strlen(raw) > PAGE_CHARACTERS_MAX) raw[PAGE_CHARACTERS_MAX] = '\0';
  if (raw && poppler_page_get_text_layout(page, &boxes, &box_count)) {
    p.boxes = boxes;
    p.box_count = box_count;
  }
  if (raw) MGP_TRY(join_lines(job, &p, raw, err));
  MGP_TRY(emit_page(job, page, &p, number, err));
  MGP_TRY(emit_passages(job, &p, number, context, err));
done:
  mgp_buffer_fini(&p.text);
  mgp_free(job->alloc, p.source);
  g_free(boxes);
  g_free(raw);
  return status;
}

static magpie_status read_pages(mgp_media_job *job, PopplerDocument *document, outline *o,
                                magpie_error *err) {
  const char *context = NULL;
  int unreadable = 0;
  for (int i = 0; i < o->pages; i++) {
    MGP_FORWARD(mgp_job_check(job, err));
    if (o->paths && o->paths[i]) context = o->paths[i];
    PopplerPage *page = poppler_document_get_page(document, i);
    if (!page) {
      unreadable++;
      continue;
    }
    const magpie_status status = read_page(job, page, i + 1, context, err);
    g_object_unref(page);
    if (status != MAGPIE_OK && err && !err->place[0])
      mgp_fail_place(err, "%s page %d", job->name, i + 1);
    MGP_FORWARD(status);
  }
  MGP_RETURN_IF(unreadable > 0, err, MAGPIE_FORMAT,
                "%s: %d of %d pages could not be read: the PDF is damaged or ends early", job->name,
                unreadable, o->pages);
  return MAGPIE_OK;
}

/* Poppler rebuilds the table of a cut file from what is left and reports nothing, so that lost
 * pages would go unnoticed: a whole file has its end mark near the end. */
static magpie_status check_end(const mgp_media_job *job, magpie_error *err) {
  char tail[TAIL_SIZE];
  const uint64_t from = job->size > TAIL_SIZE ? job->size - TAIL_SIZE : 0;
  size_t size = 0;
  MGP_FORWARD(mgp_job_read(job, from, tail, TAIL_SIZE, &size, err));
  MGP_RETURN_IF(!memmem(tail, size, "%%EOF", 5), err, MAGPIE_FORMAT,
                "%s ends early: the PDF's end mark is missing (%zu items could be read)", job->name,
                job->items);
  return MAGPIE_OK;
}

magpie_status mgp_pdf_file_decode(mgp_media_job *job, magpie_error *err) {
  PopplerDocument *document = NULL;
  outline o = {0};
  MGP_FORWARD(mgp_job_reserve(job, mgp_pdf_need(job), err));
  MGP_FORWARD(open_document(job, &document, err));
  const int pages = poppler_document_get_n_pages(document);
  magpie_status status = MAGPIE_OK;
  if (pages < 1) {
    status = mgp_fail(err, MAGPIE_FORMAT, "%s: the PDF has no pages; it is damaged or ends early",
                      job->name);
  } else {
    note_document(job, document);
    outline_init(job, document, pages, &o);
    status = read_pages(job, document, &o, err);
    outline_fini(job, &o);
  }
  if (status == MAGPIE_OK) status = check_end(job, err);
  g_object_unref(document);
  return status;
}

#else

void mgp_pdf_start(void) {}

const char *mgp_pdf_library(void) {
  return "Poppler";
}

magpie_status mgp_pdf_file_decode(mgp_media_job *job, magpie_error *err) {
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this magpie was built without Poppler", job->name);
}

#endif
