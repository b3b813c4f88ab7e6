/* SPDX-License-Identifier: Apache-2.0
 *
 * formats: the one table of what magpie reads. A new format is a new file with a decoder and a line
 * here. The order matters: signatures stand before guesses, and plain text is the last resort.
 */
#include "media/media_job.h"

#include <ctype.h>
#include <pthread.h>

#if MGP_WITH_VIPS
#define PICTURE mgp_picture_file_decode
#else
#define PICTURE NULL
#endif
#if MGP_WITH_POPPLER
#define PDF mgp_pdf_file_decode
#else
#define PDF NULL
#endif
#if MGP_WITH_LIBXML
#define HTML mgp_html_file_decode
#else
#define HTML NULL
#endif
#if MGP_WITH_FFMPEG
#define SOUND mgp_sound_file_decode
#else
#define SOUND NULL
#endif

/* A format is known by a signature at an offset, by the brands of an ISO media file, or by a
 * function; the first that matches wins. */
typedef struct format_entry {
  const char *name, *what, *library;
  const char *(*version)(void);
  const char *magic;
  size_t magic_size, magic_offset;
  const char *magic2; /* four bytes at offset 8, or NULL */
  const char *brands;
  bool (*sniff)(const mgp_sniff *s);
  mgp_media_decoder decode;
  const char *loader; /* of the picture library; it may be built without */
} format_entry;

#define MAGIC(text) .magic = text, .magic_size = sizeof(text) - 1
#define PICTURE_ENTRY .library = "libvips", .version = mgp_picture_library, .decode = PICTURE
#define SOUND_ENTRY .library = "FFmpeg", .version = mgp_sound_library, .decode = SOUND

static const format_entry entries[] = {
    {.name = "pdf",
     .what = "PDF documents: passages with page and box, page pictures",
     .library = "Poppler",
     .version = mgp_pdf_library,
     MAGIC("%PDF-"),
     .decode = PDF},
    {.name = "jpeg",
     .what = "JPEG pictures",
     PICTURE_ENTRY,
     MAGIC("\xFF\xD8\xFF"),
     .loader = "jpegload_source"},
    {.name = "png",
     .what = "PNG pictures",
     PICTURE_ENTRY,
     MAGIC("\x89PNG\r\n\x1A\n"),
     .loader = "pngload_source"},
    {.name = "webp",
     .what = "WebP pictures",
     PICTURE_ENTRY,
     MAGIC("RIFF"),
     .magic2 = "WEBP",
     .loader = "webpload_source"},
    {.name = "gif",
     .what = "GIF pictures: the first frame",
     PICTURE_ENTRY,
     MAGIC("GIF8"),
     .loader = "gifload_source"},
    {.name = "tiff",
     .what = "TIFF pictures: the first page",
     PICTURE_ENTRY,
     MAGIC("II*\0"),
     .loader = "tiffload_source"},
    {.name = "tiff", .what = NULL, PICTURE_ENTRY, MAGIC("MM\0*"), .loader = "tiffload_source"},
    {.name = "tiff", .what = NULL, PICTURE_ENTRY, MAGIC("II+\0"), .loader = "tiffload_source"},
    {.name = "avif",
     .what = "AVIF pictures",
     PICTURE_ENTRY,
     .brands = "avif,avis",
     .loader = "heifload_source"},
    {.name = "heic",
     .what = "HEIC pictures",
     PICTURE_ENTRY,
     .brands = "heic,heix,hevc,hevx,heim,heis,mif1,msf1",
     .loader = "heifload_source"},
    {.name = "svg",
     .what = "SVG drawings",
     PICTURE_ENTRY,
     .sniff = mgp_sniff_svg,
     .loader = "svgload_source"},
    {.name = "wav", .what = "WAV sound", SOUND_ENTRY, MAGIC("RIFF"), .magic2 = "WAVE"},
    {.name = "wav", .what = NULL, SOUND_ENTRY, MAGIC("RF64"), .magic2 = "WAVE"},
    {.name = "ogg", .what = "Ogg sound: Vorbis, Opus, FLAC, Speex", SOUND_ENTRY, MAGIC("OggS")},
    {.name = "flac", .what = "FLAC sound", SOUND_ENTRY, MAGIC("fLaC")},
    {.name = "aiff", .what = "AIFF sound", SOUND_ENTRY, MAGIC("FORM"), .magic2 = "AIFF"},
    {.name = "aiff", .what = NULL, SOUND_ENTRY, MAGIC("FORM"), .magic2 = "AIFC"},
    {.name = "au", .what = "AU sound", SOUND_ENTRY, MAGIC(".snd")},
    {.name = "caf", .what = "Apple CAF sound", SOUND_ENTRY, MAGIC("caff")},
    {.name = "amr", .what = "AMR speech", SOUND_ENTRY, MAGIC("#!AMR")},
    {.name = "wavpack", .what = "WavPack sound", SOUND_ENTRY, MAGIC("wvpk")},
    {.name = "ape", .what = "Monkey's Audio", SOUND_ENTRY, MAGIC("MAC ")},
    {.name = "tta", .what = "True Audio", SOUND_ENTRY, MAGIC("TTA1")},
    {.name = "ac3", .what = "AC-3 sound", SOUND_ENTRY, MAGIC("\x0B\x77")},
    {.name = "wma", .what = "Windows Media sound", SOUND_ENTRY, MAGIC("\x30\x26\xB2\x75\x8E\x66")},
    {.name = "matroska",
     .what = "Matroska and WebM with sound alone",
     SOUND_ENTRY,
     MAGIC("\x1A\x45\xDF\xA3")},
    {.name = "mp4",
     .what = "MP4 and M4A with sound alone",
     SOUND_ENTRY,
     MAGIC("ftyp"),
     .magic_offset = 4},
    {.name = "aac", .what = "AAC sound (ADTS)", SOUND_ENTRY, .sniff = mgp_sniff_aac},
    {.name = "mp3", .what = "MP3 sound", SOUND_ENTRY, .sniff = mgp_sniff_mp3},
    {.name = "markdown",
     .what = "Markdown: passages under their headings",
     .sniff = mgp_sniff_markdown,
     .decode = mgp_markdown_file_decode},
    {.name = "html",
     .what = "web pages: main text by heading, title, links, pictures' descriptions",
     .library = "libxml2",
     .version = mgp_html_library,
     .sniff = mgp_sniff_html,
     .decode = HTML},
    {.name = "jsonl",
     .what = "JSON Lines: one item a record",
     .sniff = mgp_sniff_jsonl,
     .decode = mgp_jsonl_file_decode},
    {.name = "csv",
     .what = "CSV and TSV tables: one item a row",
     .sniff = mgp_sniff_delimited,
     .decode = mgp_delimited_file_decode},
    {.name = "text",
     .what = "plain text and source code in UTF-8, UTF-16 or Latin-1",
     .sniff = mgp_sniff_text,
     .decode = mgp_text_file_decode},
};

enum { ENTRY_COUNT = sizeof entries / sizeof *entries };

static bool matches(const format_entry *e, const mgp_sniff *s) {
  if (e->sniff) return e->sniff(s);
  if (e->brands) return mgp_sniff_brand(s, e->brands);
  return mgp_sniff_magic(s, e->magic_offset, e->magic, e->magic_size) &&
         (!e->magic2 || mgp_sniff_magic(s, 8, e->magic2, 4));
}

static void lower_extension(const char *path, char out[16]) {
  const char *dot = strrchr(mgp_path_name(path), '.');
  size_t i = 0;
  if (dot && dot != mgp_path_name(path) && strlen(dot) < 16)
    for (dot++; *dot; dot++) out[i++] = (char)tolower((unsigned char)*dot);
  out[i] = '\0';
}

const char *mgp_media_sniff(const char *path, const void *head, size_t size) {
  char extension[16];
  lower_extension(path ? path : "", extension);
  const mgp_sniff s = {.head = head, .size = size, .extension = extension};
  if (size == 0 || mgp_sniff_is_video(head, size)) return NULL;
  for (size_t i = 0; i < ENTRY_COUNT; i++)
    if (matches(&entries[i], &s)) return entries[i].name;
  return NULL;
}

static bool is_enabled(const format_entry *e) {
  return e->decode && (!e->loader || mgp_picture_has_loader(e->loader));
}

magpie_status mgp_media_find_decoder(const mgp_media_job *job, mgp_media_decoder *out,
                                     magpie_error *err) {
  if (!job->format) {
    MGP_RETURN_IF(mgp_sniff_is_video(job->head, job->head_size), err, MAGPIE_UNSUPPORTED,
                  "%s: video is not read yet", job->name);
    return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s is not a format magpie reads", job->name);
  }
  for (size_t i = 0; i < ENTRY_COUNT; i++) {
    if (strcmp(entries[i].name, job->format) != 0) continue;
    MGP_RETURN_IF(!is_enabled(&entries[i]), err, MAGPIE_UNSUPPORTED,
                  "%s is %s, which needs %s%s; this magpie was built without it", job->name,
                  job->format, entries[i].library,
                  entries[i].decode ? " with a loader for it" : "");
    *out = entries[i].decode;
    return MAGPIE_OK;
  }
  return mgp_fail(err, MAGPIE_INTERNAL, "%s: no decoder is listed for %s", job->name, job->format);
}

static mgp_media_format faces[ENTRY_COUNT + 1];
static pthread_once_t faces_once = PTHREAD_ONCE_INIT;

static void fill_faces(void) {
  size_t count = 0;
  (void)mgp_media_init(NULL); /* which loaders there are is known after start-up only */
  for (size_t i = 0; i < ENTRY_COUNT; i++) {
    const format_entry *e = &entries[i];
    if (!e->what) continue; /* a second signature of the format above it */
    const bool enabled = is_enabled(e);
    faces[count++] =
        (mgp_media_format){.name = e->name,
                           .what = e->what,
                           .library = enabled && e->version ? e->version() : e->library,
                           .is_enabled = enabled};
  }
}

const mgp_media_format *mgp_media_formats(void) {
  pthread_once(&faces_once, fill_faces);
  return faces;
}
