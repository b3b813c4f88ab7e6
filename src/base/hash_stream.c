/* SPDX-License-Identifier: Apache-2.0
 *
 * XXH3 in pieces; xxhash's own type stays in here.
 */
#include "base/hash_stream.h"

#include <xxhash.h>

struct mgp_hash_stream {
  XXH3_state_t *state;
};

mgp_hash_stream *mgp_hash_stream_create(void) {
  mgp_hash_stream *h = mgp_calloc(NULL, 1, sizeof *h);
  if (!h) return NULL;
  h->state = XXH3_createState();
  if (!h->state) {
    mgp_free(NULL, h);
    return NULL;
  }
  mgp_hash_stream_reset(h);
  return h;
}

void mgp_hash_stream_reset(mgp_hash_stream *h) {
  XXH3_64bits_reset(h->state);
}

void mgp_hash_stream_add(mgp_hash_stream *h, const void *bytes, size_t size) {
  if (size > 0) XXH3_64bits_update(h->state, bytes, size);
}

uint64_t mgp_hash_stream_value(const mgp_hash_stream *h) {
  return XXH3_64bits_digest(h->state);
}

void mgp_hash_stream_destroy(mgp_hash_stream *h) {
  if (!h) return;
  XXH3_freeState(h->state);
  mgp_free(NULL, h);
}
