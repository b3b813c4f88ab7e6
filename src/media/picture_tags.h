/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_tags: what a picture says about itself: EXIF, PNG text, the title of a drawing.
 */
#ifndef MGP_PICTURE_TAGS_H
#define MGP_PICTURE_TAGS_H

#include "media/media_job.h"

#if MGP_WITH_VIPS
#include <vips/vips.h>

/* Fills job->info. Returns the description as text to search by, yours to mgp_free, or NULL. */
char *mgp_picture_note_tags(mgp_media_job *job, VipsImage *image);
#endif

#endif
