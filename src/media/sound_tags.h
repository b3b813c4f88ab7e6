/* SPDX-License-Identifier: Apache-2.0
 *
 * sound_tags: title, artist, album and the like, as the container and its stream tell them.
 */
#ifndef MGP_SOUND_TAGS_H
#define MGP_SOUND_TAGS_H

#include "media/media_job.h"

#if MGP_WITH_FFMPEG
#include <libavformat/avformat.h>

/* Fills job->info. Returns "title - artist - album", yours to mgp_free, or NULL. */
char *mgp_sound_note_tags(mgp_media_job *job, const AVFormatContext *format, int stream);
#endif

#endif
