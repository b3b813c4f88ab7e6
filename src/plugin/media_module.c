/* SPDX-License-Identifier: Apache-2.0
 *
 * The face of libmagpie-media.so.
 */
#include "plugin/media_table.h"

static const mgp_media_table table = {.version = MGP_VERSION_TEXT,
                                      .init = mgp_media_init,
                                      .sniff = mgp_media_sniff,
                                      .decode = mgp_media_decode,
                                      .read_image = mgp_media_read_image,
                                      .read_sound = mgp_media_read_sound,
                                      .read_span = mgp_media_read_span,
                                      .thumbnail = mgp_media_thumbnail,
                                      .wav = mgp_media_wav,
                                      .formats = mgp_media_formats};

__attribute__((visibility("default"))) const mgp_media_table *magpie_media_module(void) {
  return &table;
}
