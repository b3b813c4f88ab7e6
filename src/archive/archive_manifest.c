/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing and reading the lines of a manifest. Sizes are checked here, before anybody adds to them.
 */
#include "archive/archive_manifest.h"

/* ---- writing ------------------------------------------------------------------------------------
 */

void mgp_manifest_add_head(mgp_buffer *out, const mgp_archive_head *head) {
  mgp_buffer_printf(out,
                    "{\"format\":%d,\"magpie\":\"%s\",\"created\":\"%s\",\"generation\":%llu,"
                    "\"items\":%llu,\"files\":%llu,\"bytes\":%llu}\n",
                    ARCHIVE_FORMAT, head->magpie, head->created,
                    (unsigned long long)head->generation, (unsigned long long)head->items,
                    (unsigned long long)head->files, (unsigned long long)head->bytes);
}

/* Names are of the layout of an index: no character of theirs needs an escape. */
void mgp_manifest_add_file(mgp_buffer *out, const mgp_archive_file *file) {
  mgp_buffer_printf(out, "{\"name\":\"%s\",\"size\":%llu,\"sha256\":\"%s\"}\n", file->name,
                    (unsigned long long)file->size, file->sha256);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static bool take_text(const json_t *object, const char *member, char *out, size_t size) {
  const char *text = mgp_json_text(object, member, NULL);
  if (!text || strlen(text) >= size) return false;
  for (const char *c = text; *c; c++)
    if (*c < ' ' || *c > '~') return false; /* it is shown to people */
  memcpy(out, text, strlen(text) + 1);
  return true;
}

static bool take_count(const json_t *object, const char *member, uint64_t max, uint64_t *out) {
  const int64_t value = mgp_json_integer(object, member, -1);
  if (value < 0 || (uint64_t)value > max) return false;
  *out = (uint64_t)value;
  return true;
}

static magpie_status parse(const char *name, uint64_t number, const char *line, size_t size,
                           json_t **out, magpie_error *err) {
  magpie_error why = {0};
  const magpie_status status = mgp_json_parse(ARCHIVE_MANIFEST, line, size, out, &why);
  if (status == MAGPIE_NO_MEMORY && err) *err = why;
  if (status == MAGPIE_OK || status == MAGPIE_NO_MEMORY) return status;
  return mgp_fail(err, MAGPIE_FORMAT, "%s: line %llu of %s is no JSON object: %s", name,
                  (unsigned long long)number, ARCHIVE_MANIFEST, why.message);
}

static magpie_status take_head(const char *name, const json_t *object, mgp_archive_head *out,
                               magpie_error *err) {
  const int64_t format = mgp_json_integer(object, "format", 0);
  MGP_RETURN_IF(format < 1, err, MAGPIE_FORMAT,
                "%s: the first line of %s has no \"format\": not an archive of magpie", name,
                ARCHIVE_MANIFEST);
  take_text(object, "magpie", out->magpie, sizeof out->magpie);
  MGP_RETURN_IF(format > ARCHIVE_FORMAT, err, MAGPIE_VERSION,
                "%s has archive format %lld, written by magpie %s; this magpie (%s) reads up to "
                "format %d: use a newer one",
                name, (long long)format, out->magpie[0] ? out->magpie : "of an unknown version",
                MGP_VERSION_TEXT, ARCHIVE_FORMAT);
  const char *missing = NULL;
  if (!out->magpie[0]) missing = "magpie";
  else if (!take_text(object, "created", out->created, sizeof out->created)) missing = "created";
  else if (!take_count(object, "generation", INT64_MAX, &out->generation)) missing = "generation";
  else if (!take_count(object, "items", INT64_MAX, &out->items)) missing = "items";
  else if (!take_count(object, "files", ARCHIVE_MANIFEST_MAX, &out->files)) missing = "files";
  else if (!take_count(object, "bytes", ARCHIVE_BYTES_MAX, &out->bytes)) missing = "bytes";
  MGP_RETURN_IF(missing, err, MAGPIE_FORMAT,
                "%s: the first line of %s has no \"%s\" of the expected type and size", name,
                ARCHIVE_MANIFEST, missing);
  return MAGPIE_OK;
}

magpie_status mgp_manifest_head(const char *name, const char *line, size_t size,
                                mgp_archive_head *out, magpie_error *err) {
  json_t *object = NULL;
  *out = (mgp_archive_head){0};
  MGP_FORWARD(parse(name, 1, line, size, &object, err));
  const magpie_status status = take_head(name, object, out, err);
  json_decref(object);
  return status;
}

static bool is_sha256(const char *text) {
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

magpie_status mgp_manifest_file(const char *name, uint64_t number, const char *line, size_t size,
                                mgp_archive_file *out, magpie_error *err) {
  json_t *object = NULL;
  *out = (mgp_archive_file){0};
  MGP_FORWARD(parse(name, number, line, size, &object, err));
  const bool is_whole = take_text(object, "name", out->name, sizeof out->name) &&
                        take_count(object, "size", ARCHIVE_BYTES_MAX, &out->size) &&
                        take_text(object, "sha256", out->sha256, sizeof out->sha256) &&
                        is_sha256(out->sha256);
  json_decref(object);
  MGP_RETURN_IF(!is_whole, err, MAGPIE_FORMAT,
                "%s: line %llu of %s is not {\"name\",\"size\",\"sha256\"} of a file", name,
                (unsigned long long)number, ARCHIVE_MANIFEST);
  return MAGPIE_OK;
}

/* ---- walking ------------------------------------------------------------------------------------
 */

static magpie_status next_line(mgp_manifest_walk *w, const char **line, size_t *size,
                               magpie_error *err) {
  const size_t left = w->size - w->at;
  const size_t most = left < ARCHIVE_LINE_MAX ? left : ARCHIVE_LINE_MAX;
  *line = w->text + w->at;
  const char *end = memchr(*line, '\n', most);
  w->line++;
  MGP_RETURN_IF(!end, err, MAGPIE_FORMAT,
                "%s: line %llu of %s does not end within %d bytes; not an archive of magpie, or "
                "damaged",
                w->name, (unsigned long long)w->line, ARCHIVE_MANIFEST, ARCHIVE_LINE_MAX);
  *size = (size_t)(end - *line);
  w->at += *size + 1;
  return MAGPIE_OK;
}

magpie_status mgp_manifest_begin(mgp_manifest_walk *w, mgp_archive_head *head, magpie_error *err) {
  const char *line = NULL;
  size_t size = 0;
  w->at = 0;
  w->line = 0;
  w->kind = 0;
  w->number = 0;
  MGP_FORWARD(next_line(w, &line, &size, err));
  return mgp_manifest_head(w->name, line, size, head, err);
}

magpie_status mgp_manifest_next(mgp_manifest_walk *w, mgp_archive_file *file, bool *is_end,
                                magpie_error *err) {
  const char *line = NULL;
  size_t size = 0;
  int64_t number = 0;
  *is_end = w->at >= w->size;
  if (*is_end) return MAGPIE_OK;
  MGP_FORWARD(next_line(w, &line, &size, err));
  MGP_FORWARD(mgp_manifest_file(w->name, w->line, line, size, file, err));
  const int kind = w->place(file->name, &number);
  MGP_RETURN_IF(kind <= 0, err, MAGPIE_FORMAT,
                "%s: its manifest names '%s', which is no file of an index; nothing was taken",
                w->name, file->name);
  MGP_RETURN_IF(kind < w->kind || (kind == w->kind && number <= w->number), err, MAGPIE_FORMAT,
                "%s: its manifest names '%s' twice or out of order; nothing was taken", w->name,
                file->name);
  w->kind = kind;
  w->number = number;
  return MAGPIE_OK;
}

magpie_status mgp_manifest_check(mgp_manifest_walk *w, mgp_archive_head *head, magpie_error *err) {
  mgp_archive_file file;
  uint64_t files = 0, bytes = 0;
  bool is_end = false;
  MGP_FORWARD(mgp_manifest_begin(w, head, err));
  MGP_FORWARD(mgp_manifest_next(w, &file, &is_end, err));
  while (!is_end) {
    files++;
    MGP_RETURN_IF(file.size > head->bytes - bytes, err, MAGPIE_FORMAT,
                  "%s: the files of its manifest are larger than the %llu bytes that its first "
                  "line tells",
                  w->name, (unsigned long long)head->bytes);
    bytes += file.size;
    MGP_FORWARD(mgp_manifest_next(w, &file, &is_end, err));
  }
  MGP_RETURN_IF(files != head->files || bytes != head->bytes, err, MAGPIE_FORMAT,
                "%s: its manifest tells %llu files with %llu bytes, and lists %llu with %llu",
                w->name, (unsigned long long)head->files, (unsigned long long)head->bytes,
                (unsigned long long)files, (unsigned long long)bytes);
  return MAGPIE_OK;
}
