/* SPDX-License-Identifier: Apache-2.0
 *
 * What a label bridge knows of its classes in a text space: one anchor a class and the kernel's
 * inverse. Computed from the prompts once a text encoder, then read from a cache file.
 */
#ifndef MGP_LABEL_ANCHORS_H
#define MGP_LABEL_ANCHORS_H

#include "encode/encode.h"

typedef struct mgp_label_anchors {
  size_t classes, dim;
  float *anchors; /* [classes][dim] */
  float *centre;  /* [dim]: the mean of all prompts, taken off a question too */
  float *inverse; /* [classes][classes]: (K + lambda I)^-1, symmetric */
} mgp_label_anchors;

/* prompts[class][column], all of them texts. */
typedef struct mgp_label_prompts {
  char **texts; /* classes * columns */
  size_t classes, columns;
  double lambda, length; /* of the kernel exp((cos - 1) / length) */
  uint64_t hash;         /* of all the above */
} mgp_label_prompts;

/* Reads the cache of this text encoder and these prompts, or computes and writes it. */
magpie_status mgp_label_anchors_load(mgp_alloc *a, const char *folder,
                                     const mgp_label_prompts *prompts, const mgp_text_source *text,
                                     mgp_label_anchors *out, magpie_error *err);
void mgp_label_anchors_fini(mgp_alloc *a, mgp_label_anchors *anchors);
/* exp((cos - 1) / length), the kernel of both the inverse and the question. */
float mgp_label_kernel(float cosine, double length);

#endif
