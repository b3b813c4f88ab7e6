/* SPDX-License-Identifier: Apache-2.0
 *
 * sound_tags: FFmpeg brings ID3, Vorbis comments, iTunes atoms and RIFF INFO under common names;
 * Ogg keeps them at the stream, the others at the container.
 */
#include "media/sound_tags.h"

#if MGP_WITH_FFMPEG

static const char *find_tag(const AVFormatContext *format, int stream, const char *name) {
  const AVDictionaryEntry *e = av_dict_get(format->metadata, name, NULL, 0);
  if (!e && stream >= 0) e = av_dict_get(format->streams[stream]->metadata, name, NULL, 0);
  return e && e->value[0] ? e->value : NULL;
}

char *mgp_sound_note_tags(mgp_media_job *job, const AVFormatContext *format, int stream) {
  static const char *const names[] = {"artist", "album", "genre", "comment"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    mgp_note_text(job, names[i], find_tag(format, stream, names[i]));
  const char *date = find_tag(format, stream, "date");
  mgp_note_date(job, "date", date ? date : find_tag(format, stream, "creation_time"));
  mgp_note_title(job, find_tag(format, stream, "title"));
  if (job->info->title[0]) mgp_note_text(job, "title", job->info->title);

  const char *const parts[] = {job->info->title, mgp_json_text(job->info->metadata, "artist", NULL),
                               mgp_json_text(job->info->metadata, "album", NULL)};
  mgp_buffer text;
  mgp_buffer_init(&text, job->alloc);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i] || !parts[i][0]) continue;
    if (text.size > 0) mgp_buffer_add_text(&text, " - ");
    mgp_buffer_add_text(&text, parts[i]);
  }
  if (text.size > 0 && !text.failed) return mgp_buffer_take(&text);
  mgp_buffer_fini(&text);
  return NULL;
}

#endif
