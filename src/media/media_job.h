/* SPDX-License-Identifier: Apache-2.0
 *
 * media_job: what one decode call carries along, and what all decoders share. Private to src/media.
 * Invariant: job->info is filled before the first item is handed over, as far as the header tells.
 */
#ifndef MGP_MEDIA_JOB_H
#define MGP_MEDIA_JOB_H

#include "media/media.h"

enum {
  MGP_HEAD_SIZE = 65536,   /* bytes that sniffing may look at */
  MGP_PICTURE_SIDE = 1024, /* long side of a picture handed over */
  MGP_TITLE_SIZE = 512,    /* of mgp_media_info.title */
};
#define MGP_TEXT_FILE_MAX (64ULL << 20)

typedef struct mgp_media_job {
  mgp_alloc *alloc;
  const char *name; /* the path, escaped for messages */
  const char *path; /* as given: sniffing looks at its ending */
  int fd;           /* a regular file, at any offset: use pread or seek first */
  uint64_t size;
  const char *format;
  const mgp_media_limits *limits;
  const mgp_media_sink *sink;
  mgp_media_info *info;
  double deadline;
  size_t items;
  const unsigned char *head;
  size_t head_size;
  uint64_t reserved; /* of the budget, for the library that reads it */
} mgp_media_job;

/* Opens, measures and sniffs; init before use, fini in any case. */
magpie_status mgp_job_init(mgp_media_job *job, mgp_alloc *a, const char *path,
                           const mgp_media_limits *limits, magpie_error *err);
void mgp_job_fini(mgp_media_job *job);

/* LIMIT when the time is up, CANCELLED on request: called between pages, blocks and frames. */
magpie_status mgp_job_check(const mgp_media_job *job, magpie_error *err);
/* Counts the item against the limit and hands it over. */
magpie_status mgp_job_emit(mgp_media_job *job, const mgp_media_item *item, magpie_error *err);
/* pread that retries; fewer bytes only at the end of the file. */
magpie_status mgp_job_read(const mgp_media_job *job, uint64_t offset, void *out, size_t size,
                           size_t *got, magpie_error *err);
/* The whole file, at most `limit` bytes (LIMIT above it), NUL-terminated. */
magpie_status mgp_job_read_all(const mgp_media_job *job, uint64_t limit, char **out, size_t *size,
                               magpie_error *err);
/* The whole file as clean UTF-8; notes the charset in the metadata when it is not UTF-8. */
magpie_status mgp_job_read_text(mgp_media_job *job, const char *hint, char **text, size_t *size,
                                magpie_error *err);

/* ---- the budget (memory_need.c) --------------------------------------------------------------
 */

/* Counts `size` bytes that a library is about to take, instead of what was counted before; waits
 * for what other threads read. NO_MEMORY when that is more than the budget has. */
magpie_status mgp_job_reserve(mgp_media_job *job, uint64_t size, magpie_error *err);
void mgp_job_release(mgp_media_job *job);
typedef struct mgp_picture_header {
  const char *format;
  uint64_t width, height, bands, band_bytes;
  bool is_interlaced; /* or progressive */
} mgp_picture_header;
uint64_t mgp_picture_need(const mgp_picture_header *h);
uint64_t mgp_html_need(const char *text, size_t size);
uint64_t mgp_pdf_need(const mgp_media_job *job);
uint64_t mgp_sound_need(const mgp_media_job *job);

/* Where a stretch of an assembled text came from. */
typedef struct mgp_line_mark {
  size_t start; /* byte of the text */
  int64_t line; /* of the source */
} mgp_line_mark;
/* One stretch of text under one heading, to be cut into passages. */
typedef struct mgp_section {
  const char *title, *context, *language;
  const char *text;
  size_t size;
  int64_t first_line;         /* source line of text[0], when there are no marks */
  const mgp_line_mark *marks; /* rising; NULL when lines of the text are lines of the source */
  size_t mark_count;
} mgp_section;
magpie_status mgp_job_emit_section(mgp_media_job *job, const mgp_section *section,
                                   magpie_error *err);

/* ---- headings (heading_path.c) ------------------------------------------------------------- */

enum { MGP_HEADING_LEVELS = 6, MGP_HEADING_SIZE = 120 };
/* The open headings, by level 1..6; "" where there is none. */
typedef struct mgp_headings {
  char text[MGP_HEADING_LEVELS][MGP_HEADING_SIZE];
  char path[MGP_HEADING_LEVELS * (MGP_HEADING_SIZE + 3)]; /* "A > B" */
} mgp_headings;
/* Closes deeper levels and rebuilds the path. Long headings are cut. */
void mgp_headings_set(mgp_headings *h, int level, const char *text, size_t size);

/* ---- metadata (metadata.c) ----------------------------------------------------------------- */

/* Sets info->metadata[key] to cleaned text (valid UTF-8, no controls, at most 2 KB, trimmed); does
 * nothing for NULL or blank text. */
void mgp_note_text(mgp_media_job *job, const char *key, const char *text);
void mgp_note_number(mgp_media_job *job, const char *key, double value);
void mgp_note_integer(mgp_media_job *job, const char *key, int64_t value);
/* Dates of EXIF, tags and HTML to ISO 8601; unreadable ones are left out. */
void mgp_note_date(mgp_media_job *job, const char *key, const char *text);
void mgp_note_title(mgp_media_job *job, const char *text);
bool mgp_date_iso(const char *text, char out[32]);
/* The cleaning above; yours to mgp_free, NULL when nothing is left (or no memory). */
char *mgp_clean_text(mgp_alloc *a, const char *text, size_t size, size_t limit);

/* ---- formats.c ------------------------------------------------------------------------------ */

typedef magpie_status (*mgp_media_decoder)(mgp_media_job *job, magpie_error *err);
/* The decoder of job->format, or UNSUPPORTED with the reason. */
magpie_status mgp_media_find_decoder(const mgp_media_job *job, mgp_media_decoder *out,
                                     magpie_error *err);

/* ---- sniff.c: each says whether the bytes are of one format ---------------------------------- */

typedef struct mgp_sniff {
  const unsigned char *head;
  size_t size;
  const char *extension; /* lower case, without the dot; "" when there is none */
} mgp_sniff;
bool mgp_sniff_magic(const mgp_sniff *s, size_t offset, const char *magic, size_t size);
bool mgp_sniff_brand(const mgp_sniff *s, const char *brands);
bool mgp_sniff_mp3(const mgp_sniff *s);
bool mgp_sniff_aac(const mgp_sniff *s);
bool mgp_sniff_svg(const mgp_sniff *s);
bool mgp_sniff_html(const mgp_sniff *s);
bool mgp_sniff_markdown(const mgp_sniff *s);
bool mgp_sniff_jsonl(const mgp_sniff *s);
bool mgp_sniff_delimited(const mgp_sniff *s);
bool mgp_sniff_text(const mgp_sniff *s);
/* A picture in motion that is no sound either: AVI, FLV, MPEG. */
bool mgp_sniff_is_video(const void *head, size_t size);

/* ---- one decoder a file ---------------------------------------------------------------------- */

magpie_status mgp_text_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_markdown_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_html_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_delimited_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_jsonl_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_pdf_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_picture_file_decode(mgp_media_job *job, magpie_error *err);
magpie_status mgp_sound_file_decode(mgp_media_job *job, magpie_error *err);

/* Pictures without an item, for query parts. */
magpie_status mgp_picture_file_read(mgp_media_job *job, mgp_image *out, magpie_error *err);
/* [start, end) seconds of a sound. */
magpie_status mgp_sound_file_read(mgp_media_job *job, double start, double end, float **pcm,
                                  size_t *count, magpie_error *err);
/* Does the picture library carry this loader? ("heifload_source") */
bool mgp_picture_has_loader(const char *loader);

/* Start-up of each library: quiet, one thread a picture. Called once. */
magpie_status mgp_picture_start(magpie_error *err);
void mgp_sound_start(void);
void mgp_pdf_start(void);
void mgp_html_start(void);
/* "libvips 8.14.1": static. */
const char *mgp_picture_library(void);
const char *mgp_sound_library(void);
const char *mgp_pdf_library(void);
const char *mgp_html_library(void);

#endif
