/* SPDX-License-Identifier: Apache-2.0
 *
 * metadata: what a file says about itself, cleaned, because it is as untrusted as the rest: tags
 * and EXIF fields carry broken UTF-8, control characters, padding and impossible dates.
 */
#include "media/media_job.h"

#include <ctype.h>
#include <math.h>

enum { NOTE_MAX = 2048 };

char *mgp_clean_text(mgp_alloc *a, const char *text, size_t size, size_t limit) {
  mgp_buffer out;
  mgp_buffer_init(&out, a);
  size_t pos = 0;
  bool space = false;
  while (pos < size && out.size < limit) {
    const uint32_t code = mgp_utf8_next(text, size, &pos);
    if (code == 0) break; /* padding after a C string */
    if (code <= ' ' || code == 0x7F || code == 0xA0) {
      space = out.size > 0;
      continue;
    }
    char bytes[4];
    if (space) mgp_buffer_add_char(&out, ' ');
    space = false;
    mgp_buffer_add(&out, bytes, mgp_utf8_put(code, bytes));
  }
  if (out.size == 0 || out.failed) {
    mgp_buffer_fini(&out);
    return NULL;
  }
  return mgp_buffer_take(&out);
}

void mgp_note_text(mgp_media_job *job, const char *key, const char *text) {
  if (!text) return;
  char *clean = mgp_clean_text(job->alloc, text, strlen(text), NOTE_MAX);
  if (!clean) return;
  (void)json_object_set_new(job->info->metadata, key, json_string(clean));
  mgp_free(job->alloc, clean);
}

void mgp_note_number(mgp_media_job *job, const char *key, double value) {
  if (isfinite(value)) (void)json_object_set_new(job->info->metadata, key, json_real(value));
}

void mgp_note_integer(mgp_media_job *job, const char *key, int64_t value) {
  (void)json_object_set_new(job->info->metadata, key, json_integer(value));
}

void mgp_note_title(mgp_media_job *job, const char *text) {
  if (!text) return;
  char *clean = mgp_clean_text(job->alloc, text, strlen(text), NOTE_MAX);
  if (!clean) return;
  const size_t size = strlen(clean);
  const size_t kept = mgp_utf8_cut(clean, size < MGP_TITLE_SIZE ? size : MGP_TITLE_SIZE - 1);
  memcpy(job->info->title, clean, kept);
  job->info->title[kept] = '\0';
  mgp_free(job->alloc, clean);
}

/* Reads `digits` digits at *p; -1 and *p unmoved when there are fewer. */
static int read_digits(const char **p, int digits) {
  int value = 0;
  for (int i = 0; i < digits; i++) {
    if (!isdigit((unsigned char)(*p)[i])) return -1;
    value = value * 10 + ((*p)[i] - '0');
  }
  *p += digits;
  return value;
}

/* "-07", ":07", "/07" or "07" when the day is written without signs. */
static int read_part(const char **p, const char *separators) {
  const char *q = *p;
  if (*q && strchr(separators, *q)) q++;
  const int value = read_digits(&q, 2);
  if (value >= 0) *p = q;
  return value;
}

/* Time and zone after a whole date: " 15:44:01", "T15:44:01Z", "T154401+0200". */
static int read_time(const char *p, char *out, size_t size) {
  while (*p == ' ' || *p == 'T' || *p == 't') p++;
  const int hour = read_digits(&p, 2);
  const int minute = hour < 0 ? -1 : read_part(&p, ":");
  if (minute < 0 || hour > 23 || minute > 59) return 0;
  int second = read_part(&p, ":");
  if (second < 0 || second > 60) second = 0;
  if (*p == '.') {
    p++;
    while (isdigit((unsigned char)*p)) p++;
  }
  int used = snprintf(out, size, "T%02d:%02d:%02d", hour, minute, second);
  if (*p == 'Z') return used + snprintf(out + used, size - (size_t)used, "Z");
  if (*p != '+' && *p != '-') return used;
  const char sign = *p++;
  const int zone_hour = read_digits(&p, 2);
  const int zone_minute = zone_hour < 0 ? -1 : read_part(&p, ":'");
  if (zone_hour < 0 || zone_hour > 14 || zone_minute > 59) return used;
  return used + snprintf(out + used, size - (size_t)used, "%c%02d:%02d", sign, zone_hour,
                         zone_minute < 0 ? 0 : zone_minute);
}

bool mgp_date_iso(const char *text, char out[32]) {
  const char *p = text;
  while (*p == ' ') p++;
  const int year = read_digits(&p, 4);
  if (year < 1 || (year > 2200)) return false;
  int used = snprintf(out, 32, "%04d", year);
  const int month = read_part(&p, "-:/.");
  if (month < 1 || month > 12) return month < 0 && (*p == '\0' || *p == ' ');
  used += snprintf(out + used, 32 - (size_t)used, "-%02d", month);
  const int day = read_part(&p, "-:/.");
  if (day < 1 || day > 31) return day < 0;
  used += snprintf(out + used, 32 - (size_t)used, "-%02d", day);
  (void)read_time(p, out + used, 32 - (size_t)used);
  return true;
}

void mgp_note_date(mgp_media_job *job, const char *key, const char *text) {
  char iso[32];
  if (text && mgp_date_iso(text, iso)) mgp_note_text(job, key, iso);
}
