/* SPDX-License-Identifier: Apache-2.0
 *
 * The label bridge: text finds pictures or sounds through the class names of a classifier. Both
 * sides become vectors whose dot product is the score, so that such a space is searched like any
 * other. docs/decisions/0004-label-bridge.md says what was tried and measured.
 */
#ifndef MGP_LABEL_BRIDGE_H
#define MGP_LABEL_BRIDGE_H

#include "encode/encode.h"

typedef struct mgp_label_bridge mgp_label_bridge;

/* `spec` is one object of pack.json's "bridges"; its "file" lies in `folder`. `text` and what it
 * points to must outlive the bridge; NULL: items can be encoded, queries are UNSUPPORTED. */
magpie_status mgp_label_bridge_open(mgp_alloc *a, const char *folder, const json_t *spec,
                                    const mgp_text_source *text, mgp_label_bridge **out,
                                    magpie_error *err);
/* Floats of an item's or query's vector. */
size_t mgp_label_bridge_dim(const mgp_label_bridge *b);
/* The scores of mgp_space_info. */
void mgp_label_bridge_scale(const mgp_label_bridge *b, double *weak, double *sure);
/* Raw outputs of the classifier (as many as it has classes) -> vector[dim]. Thread-safe. */
magpie_status mgp_label_bridge_item(const mgp_label_bridge *b, const float *outputs, size_t count,
                                    float *vector, magpie_error *err);
/* Makes the label vectors ready now: seconds of work the first time, a file to read afterwards. */
magpie_status mgp_label_bridge_prepare(mgp_label_bridge *b, magpie_error *err);
/* A question -> vector[dim]. The text vectors of the labels are read from a cache file, or computed
 * and cached, on first use. *confidence (may be NULL): 0.05..1, how near the
 * question comes to any class. Thread-safe. */
magpie_status mgp_label_bridge_query(mgp_label_bridge *b, const char *text, float *vector,
                                     float *confidence, magpie_error *err);
void mgp_label_bridge_close(mgp_label_bridge *b);

#endif
