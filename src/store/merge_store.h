/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store does for a merge of segments. Writing the new file needs no lock, so other
 * processes commit meanwhile; naming it, and un-naming what went into it, is one short transaction.
 *
 *   list --> policy --> set_open (maps the inputs) --> stream: written to merge-PID-N.part
 *     --> lock, begin --> segments_replace: renamed to N.seg, rows --> commit: inputs deleted
 *
 * A crash leaves either the old or the new set of names. A .part file is held by an flock of its
 * writer; the next writer that takes the lock of the index deletes those that nobody holds.
 */
#ifndef MGP_STORE_MERGE_STORE_H
#define MGP_STORE_MERGE_STORE_H

#include "store/store.h"

/* ---- what there is (segment_set.c) ------------------------------------------------------------
 */

typedef struct mgp_segment_info {
  int64_t number;
  char space[64];
  uint64_t count, bytes;
  uint64_t live;   /* rows whose item the catalog has; `count` where nobody counted */
  bool has_extras; /* a graph; false where nobody counted */
} mgp_segment_info;
/* All segments, by number. `count_live` reads the ids of every segment and the numbers of all
 * items: a bit for each number ever given. A file that cannot be read counts as alive. mgp_free. */
magpie_status mgp_store_segments(mgp_store *s, mgp_alloc *a, bool count_live,
                                 mgp_segment_info **out, size_t *count, magpie_error *err);

/* Some segments of one space, mapped and checked, and which of their items live: one generation,
 * pinned. Memory: a bit for each number from the lowest id to the highest. */
typedef struct mgp_segment_set mgp_segment_set;
/* NOT_FOUND: one of them is no longer named. CORRUPT: one is damaged; *bad says which. */
magpie_status mgp_segment_set_open(mgp_store *s, const int64_t *numbers, size_t count,
                                   mgp_segment_set **out, size_t *bad, magpie_error *err);
void mgp_segment_set_close(mgp_segment_set *set);
const mgp_segment_view *mgp_segment_set_view(const mgp_segment_set *set, size_t index);
/* The section of this kind, NULL where there is none or it is an extra one that is damaged. */
const mgp_section *mgp_segment_set_section(const mgp_segment_set *set, size_t index, uint32_t kind);
/* Fits mgp_allow of index.h. */
bool mgp_segment_set_is_live(const void *set, uint64_t id);

/* ---- the new file (segment_stream.c) ----------------------------------------------------------
 */

/* A segment file in pieces, for what is larger than memory. Holds 256 KiB. */
typedef struct mgp_segment_stream mgp_segment_stream;
magpie_status mgp_segment_stream_create(mgp_store *s, const char *space, mgp_segment_stream **out,
                                        magpie_error *err);
/* Begins the next section; what is written after goes into it. */
magpie_status mgp_segment_stream_section(mgp_segment_stream *stream, uint32_t kind,
                                         magpie_error *err);
magpie_status mgp_segment_stream_write(mgp_segment_stream *stream, const void *bytes, size_t size,
                                       magpie_error *err);
/* Puts bytes into a file without a name; `back` adds them all to the section that is open. */
magpie_status mgp_segment_stream_aside(mgp_segment_stream *stream, const void *bytes, size_t size,
                                       magpie_error *err);
magpie_status mgp_segment_stream_back(mgp_segment_stream *stream, magpie_error *err);
/* Reads back the section of this kind, which must have been written before the first such call;
 * good until the stream is destroyed. */
magpie_status mgp_segment_stream_read(mgp_segment_stream *stream, uint32_t kind, const void **data,
                                      size_t *size, magpie_error *err);
/* Writes table and header, fsyncs. */
magpie_status mgp_segment_stream_finish(mgp_segment_stream *stream, uint64_t count,
                                        magpie_error *err);
uint64_t mgp_segment_stream_size(const mgp_segment_stream *stream); /* once finished */
/* Deletes the file unless a transaction took it. NULL is fine. */
void mgp_segment_stream_destroy(mgp_segment_stream *stream);

/* In a transaction: names the finished file (NULL: nothing is left of the inputs) and un-names the
 * inputs, whose files go after the commit; what a reader has mapped stays readable. NOT_FOUND: one
 * of them is no longer named, because another merge was faster: roll back. */
magpie_status mgp_store_segments_replace(mgp_store *s, mgp_segment_stream *stream,
                                         const int64_t *inputs, size_t count, magpie_error *err);

/* Writes the catalog anew without the room of deleted rows: always, or when a 16th of its pages is
 * free. Needs the lock, and room for a second catalog meanwhile. (compact.c) */
magpie_status mgp_store_compact(mgp_store *s, bool always, magpie_error *err);

#endif
