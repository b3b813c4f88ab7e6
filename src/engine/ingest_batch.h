/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an ingest, shared by ingest.c (queue and threads), ingest_item.c (one item in) and
 * ingest_flush.c (encode, write, commit).
 */
#ifndef MGP_INGEST_BATCH_H
#define MGP_INGEST_BATCH_H

#include "engine/engine.h"

/* A batch is committed when it reaches one of these. Texts: enough that sorting by length leaves
 * little padding, few enough that a kill loses some seconds of work. */
#define BATCH_TEXTS 192
#define BATCH_ITEMS 4096
#define BATCH_BYTES (32u << 20) /* or less: mgp_ingest.batch_bytes */
#define BATCH_BYTES_LEAST (256u << 10)
#define BATCH_SECONDS 5.0

typedef struct mgp_ingest_space {
  mgp_space row;
  size_t stride;
  bool is_declared;
} mgp_ingest_space;

/* One vector of a queued item. */
typedef struct mgp_queued_vector {
  size_t space;  /* index into mgp_ingest.spaces */
  float *values; /* heap until the flush, NULL while a text waits for its encoder */
} mgp_queued_vector;

#define QUEUED_VECTORS 8

typedef struct mgp_queued_item {
  mgp_ingest_source *source;
  mgp_item row;         /* strings in the batch arena */
  const char *local_id; /* row.id before the source had its number, or NULL */
  char *words;          /* what the lexical index reads */
  char *prose;          /* what the text encoder reads, or NULL */
  size_t tokens, ordinal;
  mgp_queued_vector vectors[QUEUED_VECTORS];
  size_t vector_count;
} mgp_queued_item;

struct mgp_ingest {
  /* fixed after open */
  magpie *ix;
  bool has_media; /* files may come: their decoders and packs are ready */
  magpie_add_options options;
  mgp_media_limits limits;
  magpie_report *report, own_report;
  mgp_encoder *text;
  mgp_encoder *media[MGP_ENGINE_PACKS];
  unsigned media_inputs[MGP_ENGINE_PACKS];
  size_t media_spaces[MGP_ENGINE_PACKS][QUEUED_VECTORS]; /* pack's space -> ours, or SIZE_MAX */
  size_t media_count;
  size_t text_space, words_space; /* text_space is SIZE_MAX without a text pack */
  uint64_t batch_bytes; /* what may be queued: a share of what the models leave of the budget */
  mgp_space *stored;    /* the spaces of the index at the start */
  size_t stored_count;
  double started;

  /* guarded by mutex */
  pthread_mutex_t mutex;
  mgp_ingest_space spaces[MGP_ENGINE_SPACES];
  size_t space_count;
  mgp_arena *arena; /* the batch */
  mgp_queued_item **items;
  size_t item_count, item_capacity;
  size_t text_count, queued_bytes;
  mgp_ingest_source *sources, *newest; /* newest: put in last, where most belong behind; or NULL */
  char languages[256];                 /* "de,en": what was stemmed in this index */
  bool languages_changed;
  double last_commit;
  atomic_uint_fast64_t flushes; /* read without the mutex */
  bool is_closing;              /* the merges that are due come next */
  bool merge_failed;
  magpie_status status; /* the first error that ends the ingest */
  magpie_error error;
  magpie_event event;
};

/* "big_red-bus.jpg" -> "big red bus": a file's name as words. Arena-owned. */
char *mgp_ingest_name_words(mgp_arena *arena, const char *path);
/* Has the title words enough to go before the text that is encoded? */
bool mgp_ingest_title_counts(const char *title);
/* Index of a space, adding it when new; SIZE_MAX when the table is full. */
size_t mgp_ingest_space_index(mgp_ingest *in, const char *name, const char *pack, const char *hash,
                              const char *metric, size_t dim);
/* Encodes, writes and commits the queue. Under the mutex. Sets in->status on a fatal error. */
void mgp_ingest_flush(mgp_ingest *in);
/* Runs a merge of merge_segments.h; under the mutex. */
void mgp_ingest_merge(mgp_ingest *in, magpie_status (*merge)(magpie *ix, const volatile int *cancel,
                                                             magpie_error *err));
/* Forgets the queue without writing it. Under the mutex. */
void mgp_ingest_drop(mgp_ingest *in);
/* Is it time to commit? Under the mutex. */
bool mgp_ingest_is_full(const mgp_ingest *in);
/* Puts a source into the batch, by its place in the walk; under the mutex. */
void mgp_ingest_queue_source(mgp_ingest *in, mgp_ingest_source *source);
/* Notes the first fatal error; under the mutex. */
void mgp_ingest_stop(mgp_ingest *in, magpie_status status, const magpie_error *err);
/* As mgp_ingest_progress, under the mutex. */
void mgp_ingest_tell(mgp_ingest *in, magpie_event_type type, const char *path, const char *message);

#endif
