/* SPDX-License-Identifier: Apache-2.0
 *
 * text_file: plain text and source code, as passages with their lines.
 */
#include "media/media_job.h"

magpie_status mgp_text_file_decode(mgp_media_job *job, magpie_error *err) {
  char *text = NULL;
  size_t size = 0;
  MGP_FORWARD(mgp_job_read_text(job, NULL, &text, &size, err));
  const mgp_section section = {.text = text, .size = size, .first_line = 1};
  const magpie_status status = mgp_job_emit_section(job, &section, err);
  mgp_free(job->alloc, text);
  return status;
}
