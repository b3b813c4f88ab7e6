/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_hash64 of bytes that come in pieces: what is written is hashed on its way, and not read
 * again.
 */
#ifndef MGP_BASE_HASH_STREAM_H
#define MGP_BASE_HASH_STREAM_H

#include "base/base.h"

typedef struct mgp_hash_stream mgp_hash_stream;
/* NULL: no memory. */
mgp_hash_stream *mgp_hash_stream_create(void);
void mgp_hash_stream_reset(mgp_hash_stream *h);
void mgp_hash_stream_add(mgp_hash_stream *h, const void *bytes, size_t size);
uint64_t mgp_hash_stream_value(const mgp_hash_stream *h);
void mgp_hash_stream_destroy(mgp_hash_stream *h); /* NULL is fine */

#endif
