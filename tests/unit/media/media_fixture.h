/* SPDX-License-Identifier: Apache-2.0
 *
 * media_fixture: files that the media tests make for themselves, and a sink that keeps what was
 * decoded. Nothing here is committed media: every byte is written by the test.
 */
#ifndef MGP_MEDIA_FIXTURE_H
#define MGP_MEDIA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/media.h"

#define FIXTURE __attribute__((unused)) static

/* What the decoders' libraries keep until the process ends: fontconfig's configuration, and x265's
 * encoder, which only the tests use (to write HEIC). */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
  return "leak:libfontconfig\nleak:libx265\n";
}

/* ---- files ------------------------------------------------------------------------------------
 */

static char folder[256];

FIXTURE int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/mgp-media-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

FIXTURE int remove_folder(void **state) {
  (void)state;
  return mgp_directory_remove(folder, NULL) == MAGPIE_OK ? 0 : -1;
}

/* The path of a name in the test's folder; a few live at once. */
FIXTURE const char *at(const char *name) {
  static char paths[8][512];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

FIXTURE const char *write_bytes(const char *name, const void *bytes, size_t size) {
  const char *path = at(name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
  return path;
}

FIXTURE const char *write_text(const char *name, const char *text) {
  return write_bytes(name, text, strlen(text));
}

FIXTURE unsigned char *read_bytes(const char *path, size_t *size) {
  char *data = NULL;
  assert_int_equal(mgp_file_read(NULL, path, 1 << 30, &data, size, NULL), MAGPIE_OK);
  return (unsigned char *)data;
}

/* ---- decoding -----------------------------------------------------------------------------------
 */

typedef struct kept_item {
  char kind[16], title[256], text[4096], context[512], language[16];
  bool has_text, has_title;
  size_t text_size;
  magpie_locator locator;
  json_t *metadata;
  int width, height;
  unsigned char *rgb;
  float *pcm;
  size_t pcm_count;
} kept_item;

typedef struct decoded {
  magpie_status status;
  magpie_error err;
  mgp_media_info info;
  kept_item *items;
  size_t count;
  size_t stop_at; /* the sink fails at this item; 0: never */
} decoded;

static void keep_text(char *out, size_t size, const char *text) {
  snprintf(out, size, "%s", text ? text : "");
}

static magpie_status keep_item(void *context, const mgp_media_item *item, magpie_error *err) {
  decoded *d = context;
  if (d->stop_at && d->count + 1 == d->stop_at)
    return mgp_fail(err, MAGPIE_CANCELLED, "the sink has enough");
  d->items = realloc(d->items, (d->count + 1) * sizeof *d->items);
  kept_item *k = &d->items[d->count++];
  *k = (kept_item){.locator = item->locator,
                   .has_text = item->text != NULL,
                   .has_title = item->title != NULL,
                   .text_size = item->text ? strlen(item->text) : 0,
                   .pcm_count = item->pcm_count};
  keep_text(k->kind, sizeof k->kind, item->kind);
  keep_text(k->title, sizeof k->title, item->title);
  keep_text(k->text, sizeof k->text, item->text);
  keep_text(k->context, sizeof k->context, item->context);
  keep_text(k->language, sizeof k->language, item->language);
  if (item->text) assert_true(mgp_utf8_valid(item->text, strlen(item->text)));
  if (item->title) assert_true(mgp_utf8_valid(item->title, strlen(item->title)));
  k->metadata = json_incref(item->metadata);
  if (item->image) {
    const size_t size = (size_t)item->image->width * (size_t)item->image->height * 3;
    k->width = item->image->width;
    k->height = item->image->height;
    k->rgb = malloc(size);
    memcpy(k->rgb, item->image->rgb, size);
  }
  if (item->pcm) {
    k->pcm = malloc(item->pcm_count * sizeof *k->pcm);
    memcpy(k->pcm, item->pcm, item->pcm_count * sizeof *k->pcm);
  }
  return MAGPIE_OK;
}

FIXTURE decoded *decode_with(const char *path, const mgp_media_limits *limits, size_t stop_at) {
  decoded *d = calloc(1, sizeof *d);
  d->stop_at = stop_at;
  const mgp_media_sink sink = {.context = d, .item = keep_item};
  mgp_alloc *a = mgp_alloc_create(0);
  d->status = mgp_media_decode(a, path, limits, &sink, &d->info, &d->err);
  assert_int_equal(mgp_alloc_used(a), 0); /* no decoder leaks, however it ends */
  mgp_alloc_destroy(a);
  if (d->status != MAGPIE_OK) {
    assert_int_equal(d->err.code, d->status);
    assert_true(d->err.message[0] != '\0');
    assert_true(mgp_utf8_valid(d->err.message, strlen(d->err.message)));
  }
  return d;
}

FIXTURE decoded *decode(const char *path) {
  return decode_with(path, NULL, 0);
}

/* Decodes what must succeed, with the reason in the test's output when it does not. */
FIXTURE decoded *decode_well(const char *path) {
  decoded *d = decode(path);
  if (d->status != MAGPIE_OK) print_error("%s\n", d->err.message);
  assert_int_equal(d->status, MAGPIE_OK);
  return d;
}

FIXTURE void forget(decoded *d) {
  for (size_t i = 0; i < d->count; i++) {
    json_decref(d->items[i].metadata);
    free(d->items[i].rgb);
    free(d->items[i].pcm);
  }
  free(d->items);
  json_decref(d->info.metadata);
  free(d);
}

/* The file must fail so, with words that the message holds. */
FIXTURE void assert_fails(const char *path, magpie_status status, const char *words) {
  decoded *d = decode(path);
  if (d->status != status || !strstr(d->err.message, words))
    print_error("status %d, message \"%s\", wanted %d with \"%s\"\n", d->status, d->err.message,
                status, words);
  assert_int_equal(d->status, status);
  assert_non_null(strstr(d->err.message, words));
  assert_true(d->err.place[0] != '\0');
  forget(d);
}

FIXTURE const char *meta(const decoded *d, const char *name) {
  return mgp_json_text(d->info.metadata, name, "");
}

FIXTURE bool is_enabled(const char *format) {
  for (const mgp_media_format *f = mgp_media_formats(); f->name; f++)
    if (strcmp(f->name, format) == 0) return f->is_enabled;
  return false;
}

#define NEEDS(format)                                                                              \
  do {                                                                                             \
    if (!is_enabled(format)) {                                                                     \
      print_message("%s is not built in: skipped\n", format);                                      \
      skip();                                                                                      \
    }                                                                                              \
  } while (0)

/* ---- sound by hand: a WAV of a sine -------------------------------------------------------------
 */

FIXTURE float *make_sine(double seconds, int rate, double hertz, size_t *count) {
  *count = (size_t)(seconds * rate);
  float *pcm = malloc(*count * sizeof *pcm);
  for (size_t i = 0; i < *count; i++)
    pcm[i] = (float)(0.5 * sin(2 * M_PI * hertz * (double)i / rate));
  return pcm;
}

FIXTURE const char *write_wav(const char *name, double seconds, int rate) {
  size_t count = 0, size = 0;
  void *bytes = NULL;
  float *pcm = make_sine(seconds, rate, 440, &count);
  assert_int_equal(mgp_media_wav(NULL, pcm, count, rate, &bytes, &size, NULL), MAGPIE_OK);
  const char *path = write_bytes(name, bytes, size);
  mgp_free(NULL, bytes);
  free(pcm);
  return path;
}

/* ---- PDF by hand --------------------------------------------------------------------------------
 */

/* Objects with their table. `trailer` goes into the trailer dictionary. */
FIXTURE const char *write_pdf_objects(const char *name, const char *const *objects, size_t count,
                                      const char *trailer) {
  mgp_buffer b;
  size_t offsets[64];
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add_text(&b, "%PDF-1.4\n%\xE2\xE3\xCF\xD3\n");
  for (size_t i = 0; i < count; i++) {
    offsets[i] = b.size;
    mgp_buffer_printf(&b, "%zu 0 obj\n%s\nendobj\n", i + 1, objects[i]);
  }
  const size_t table = b.size;
  mgp_buffer_printf(&b, "xref\n0 %zu\n0000000000 65535 f \n", count + 1);
  for (size_t i = 0; i < count; i++) mgp_buffer_printf(&b, "%010zu 00000 n \n", offsets[i]);
  mgp_buffer_printf(&b, "trailer\n<< /Size %zu /Root 1 0 R %s >>\nstartxref\n%zu\n%%%%EOF\n",
                    count + 1, trailer, table);
  const char *path = write_bytes(name, b.data, b.size);
  mgp_buffer_fini(&b);
  return path;
}

/* Two pages of 612 x 792 points in Helvetica, with title, author, date and two bookmarks. */
FIXTURE const char *write_pdf(const char *name) {
  char page1[600], page2[300];
  const char *text1 = "BT /F1 12 Tf 72 720 Td (The magpie collects shiny things for its nest.) Tj "
                      "0 -14 Td (It is among the most intel-) Tj 0 -14 Td (ligent of all birds.) "
                      "Tj 0 -60 Td (A second paragraph stands below.) Tj ET";
  const char *text2 = "BT /F1 12 Tf 100 400 Td (Owls hunt at night.) Tj ET "
                      "1 0 0 rg 0 0 306 792 re f";
  snprintf(page1, sizeof page1, "<< /Length %zu >>\nstream\n%s\nendstream", strlen(text1), text1);
  snprintf(page2, sizeof page2, "<< /Length %zu >>\nstream\n%s\nendstream", strlen(text2), text2);
  const char *const objects[] = {
      "<< /Type /Catalog /Pages 2 0 R /Outlines 9 0 R >>",
      "<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
      "/Resources << /Font << /F1 7 0 R >> >> >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 6 0 R "
      "/Resources << /Font << /F1 7 0 R >> >> >>",
      page1,
      page2,
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
      "<< /Title (On Birds) /Author (Ada Finch) /CreationDate (D:20230405060708Z) >>",
      "<< /Type /Outlines /First 10 0 R /Last 11 0 R /Count 2 >>",
      "<< /Title (Magpies) /Parent 9 0 R /Dest [3 0 R /Fit] /Next 11 0 R >>",
      "<< /Title (Owls) /Parent 9 0 R /Dest [4 0 R /Fit] /Prev 10 0 R >>"};
  return write_pdf_objects(name, objects, 11, "/Info 8 0 R");
}

#endif
