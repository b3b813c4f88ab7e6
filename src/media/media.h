/* SPDX-License-Identifier: Apache-2.0
 *
 * media: bytes -> items. One file a format; the table in formats.c is the only place that lists
 * them. Decoders see untrusted bytes: every size is checked, every loop is bounded, nothing is
 * written.
 */
#ifndef MGP_MEDIA_H
#define MGP_MEDIA_H

#include "base/base.h"

/* 8-bit sRGB, no alpha (composited on white), rows tightly packed, upright (EXIF applied). */
typedef struct mgp_image {
  int width, height;
  unsigned char *rgb;
} mgp_image;

/* What a decoder hands over, one at a time. Everything is borrowed for the duration of the call. */
typedef struct mgp_media_item {
  const char *kind;     /* "passage", "image", "page", "row", "sound" */
  const char *title;    /* of this item, or NULL */
  const char *text;     /* for reading, words and the text encoder; or NULL */
  const char *context;  /* heading path "A > B", encoded before the text; or NULL */
  const char *language; /* declared language, or NULL */
  magpie_locator locator;
  json_t *metadata; /* object or NULL */
  const mgp_image
      *image;       /* kind image: pixels, long side <= 1024; page: rendered for the thumbnail */
  const float *pcm; /* kind sound: this span, 16 kHz mono, -1..1 */
  size_t pcm_count;
} mgp_media_item;

typedef struct mgp_media_sink {
  void *context;
  /* A status other than 0 stops the decoder, which returns it. */
  magpie_status (*item)(void *context, const mgp_media_item *item, magpie_error *err);
} mgp_media_sink;

typedef struct mgp_media_limits {
  uint64_t max_bytes;         /* of the file; default 4 GiB (text formats: 64 MiB) */
  uint64_t max_pixels;        /* default 200 million */
  double max_seconds;         /* wall time of reading one file, the sink apart; default 120 */
  size_t max_items;           /* default 100,000 */
  size_t max_line;            /* bytes of one JSONL/CSV record; default 16 MiB */
  const volatile int *cancel; /* may be NULL */
} mgp_media_limits;
void mgp_media_limits_defaults(mgp_media_limits *limits);

/* What was learned of the whole source. The json is yours to json_decref. */
typedef struct mgp_media_info {
  const char *format; /* "pdf", "jpeg", "html", ... static */
  char title[512];
  json_t *metadata; /* object: author, date (ISO), width, duration_s, place, ... */
} mgp_media_info;

/* Must run once before any thread decodes (libvips needs it). */
magpie_status mgp_media_init(magpie_error *err);

/* The format of the bytes, by content first and by name only to tell text formats apart; NULL if
 * magpie reads no such thing. `head` is the first `size` <= 64 KiB bytes. */
const char *mgp_media_sniff(const char *path, const void *head, size_t size);

/* Reads one file and hands its items to the sink. FORMAT, LIMIT, UNSUPPORTED, IO with a message
 * that says what was expected and where. Items handed over before an error may be kept or dropped
 * by the caller. Thread-safe. An empty file is FORMAT "is empty". */
magpie_status mgp_media_decode(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                               const mgp_media_sink *sink, mgp_media_info *info, magpie_error *err);
/* For query parts: one upright picture (long side <= 1024), or a whole sound (first max_seconds).
 */
magpie_status mgp_media_read_image(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   mgp_image *out, magpie_error *err);
magpie_status mgp_media_read_sound(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                   double max_seconds, float **pcm, size_t *count,
                                   magpie_error *err);
void mgp_image_fini(mgp_alloc *a, mgp_image *image);
/* A JPEG whose long side is <= side. *out is yours to mgp_free. */
magpie_status mgp_media_thumbnail(mgp_alloc *a, const mgp_image *image, int side, void **out,
                                  size_t *size, magpie_error *err);
/* A 16-bit mono WAV. */
magpie_status mgp_media_wav(mgp_alloc *a, const float *pcm, size_t count, int rate, void **out,
                            size_t *size, magpie_error *err);
/* Reads the span [start, end) seconds of a sound file at 16 kHz mono. */
magpie_status mgp_media_read_span(mgp_alloc *a, const char *path, const mgp_media_limits *limits,
                                  double start, double end, float **pcm, size_t *count,
                                  magpie_error *err);

/* The formats, for --help, docs and `version --features`: a NULL-name-ended table. */
typedef struct mgp_media_format {
  const char *name;    /* "pdf" */
  const char *what;    /* "PDF documents: text with page and boxes, page thumbnails" */
  const char *library; /* "Poppler 22.12", or NULL */
  bool is_enabled;
} mgp_media_format;
const mgp_media_format *mgp_media_formats(void);

/* How sounds are cut: spans of 5 s every 4 s; a sound up to 6 s is one span; a tail under 1 s
 * joins. */
#define MGP_SOUND_RATE 16000
#define MGP_SPAN_SECONDS 5.0
#define MGP_SPAN_STEP 4.0

#endif
