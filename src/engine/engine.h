/* SPDX-License-Identifier: Apache-2.0
 *
 * engine: opens all other folders together and implements include/magpie/.
 *
 * Locks, outermost first: ingest.mutex (one writer at a time), magpie.encoder_lock,
 * magpie.view_lock, magpie.analyzer_lock. The store and the snapshot have their own.
 */
#ifndef MGP_ENGINE_H
#define MGP_ENGINE_H

#include <pthread.h>

#include "base/base.h"
#include "encode/encode.h"
#include "index/index.h"
#include "media/media.h"
#include "rank/rank.h"
#include "store/store.h"
#include "text/text.h"

#define MGP_ENGINE_PACKS 16
#define MGP_ENGINE_SPACES 32
#define MGP_WORDS_SPACE "words"
#define MGP_VECTORS_SPACE "vectors"
#define MGP_DEFAULT_TEXT_PACK "multilingual-e5-small"

/* A pack of the pack path and, once used, its encoder. */
typedef struct mgp_pack_slot {
  char name[128];
  unsigned inputs; /* mgp_input bits that its items may have */
  mgp_encoder *encoder;
  magpie_error failure; /* why it could not be opened; code 0: not tried or fine */
  bool is_tried;
} mgp_pack_slot;

/* The segments of one generation, ready to be searched. Shared by searches, counted. */
/* Of stored and of query vectors: squares of distances between them are floats. */
#define MGP_VECTOR_LENGTH_MAX 1e18

typedef struct mgp_space_view {
  char name[64], key[64];    /* key: as its segments are named */
  bool is_lexical, is_ready; /* what follows is filled when the space is first asked */
  size_t dim;
  bool is_cosine, is_l2;
  mgp_dense_view *dense;
  struct mgp_dense_extra **extras; /* beside `dense`; NULL where a segment has none */
  mgp_lexical_view **lexical;
  size_t count, capacity, extras_capacity;
} mgp_space_view;

typedef struct mgp_index_view {
  mgp_snapshot *snapshot;
  size_t space_count;

  /* guarded by lock */
  pthread_mutex_t lock;
  mgp_space_view spaces[MGP_ENGINE_SPACES];
  char **damages; /* of segments with a good header that cannot be used */
  size_t damage_count, damage_capacity;
  atomic_int users;
} mgp_index_view;

struct magpie {
  /* fixed after open */
  mgp_alloc *alloc;
  mgp_store *store;
  mgp_pool *pool;        /* search and text encoding */
  mgp_pool *decode_pool; /* reading files; created by the first add */
  char *pack_path;
  char *wanted_text_pack; /* of the open options, or NULL */
  int threads, lock_wait_ms;
  bool read_only;

  /* guarded by encoder_lock */
  pthread_mutex_t encoder_lock;
  mgp_pack_slot packs[MGP_ENGINE_PACKS];
  size_t pack_count;
  bool packs_listed;
  char text_pack[128];
  char text_identity[200];
  mgp_text_source text_source;

  /* guarded by view_lock */
  pthread_mutex_t view_lock;
  mgp_index_view *view;

  /* guarded by analyzer_lock: analyzers not in use */
  pthread_mutex_t analyzer_lock;
  mgp_analyzer *analyzers[16];
  size_t analyzer_count;
};

/* ---- encoders (engine_encoders.c) ---------------------------------------------------------- */

/* The pack that encodes passages: the index's own, else the wanted one, else the default. */
magpie_status mgp_engine_text_encoder(magpie *ix, mgp_encoder **out, magpie_error *err);
/* The encoder of one pack by name, opened on first use and kept. Borrowed. */
magpie_status mgp_engine_encoder(magpie *ix, const char *pack, mgp_encoder **out,
                                 magpie_error *err);
/* Names of the packs whose items may have one of `inputs`; at most MGP_ENGINE_PACKS. */
magpie_status mgp_engine_packs(magpie *ix, unsigned inputs, const char **names, size_t *count,
                               magpie_error *err);
void mgp_engine_encoders_close(magpie *ix);

/* A text on its way to its vector. */
typedef struct mgp_prose {
  const char *text;
  float *vector;   /* out: of space 0 of the pack; mgp_free, after a failure too */
  uint64_t number; /* the caller's; of equally long texts the lower comes first */
  size_t tokens;   /* out */
} mgp_prose;
/* Of a stored item: is it a picture or a sound, whose vectors come from its file? (encode_texts.c)
 */
bool mgp_engine_is_media(const mgp_item *item);
/* What the text encoder reads of a stored item: title, heading path, `text`. mgp_free. */
char *mgp_engine_prose(mgp_alloc *a, const mgp_item *item, const char *text);
/* Sorts `texts` and fills them. */
magpie_status mgp_engine_encode_texts(magpie *ix, mgp_encoder *encoder, mgp_prose *texts,
                                      size_t count, magpie_error *err);

/* ---- views (engine_view.c) ------------------------------------------------------------------- */

magpie_status mgp_engine_view_get(magpie *ix, mgp_index_view **out, magpie_error *err);
void mgp_engine_view_release(magpie *ix, mgp_index_view *view);
/* Segments left out of this generation, for a warning; NULL past the last. */
const char *mgp_engine_view_damage(mgp_index_view *view, size_t index);
/* A space with its segments verified and opened, which the first caller does; it does not change
 * any more. *out is NULL for a space that the index has not. */
magpie_status mgp_engine_view_space(magpie *ix, mgp_index_view *view, const char *name,
                                    const mgp_space_view **out, magpie_error *err);

/* ---- words (engine_words.c) -------------------------------------------------------------------
 */

magpie_status mgp_engine_analyzer_take(magpie *ix, mgp_analyzer **out, magpie_error *err);
void mgp_engine_analyzer_give(magpie *ix, mgp_analyzer *analyzer);

/* The words of a query in every stemming language of the index; arena-owned. */
typedef struct mgp_query_words {
  mgp_query_term *terms;
  size_t count;
} mgp_query_words;
magpie_status mgp_engine_query_words(magpie *ix, mgp_arena *arena, const char *text, double weight,
                                     mgp_query_words *out, magpie_error *err);
/* Where the words stand in `text`; merged into `out`, sorted by start. Arena-owned. */
magpie_status mgp_engine_highlight(magpie *ix, mgp_arena *arena, const mgp_query_words *words,
                                   size_t words_count, const char *text, const char *language,
                                   magpie_highlight **out, size_t *count, magpie_error *err);
/* ---- ingest (ingest*.c) ------------------------------------------------------------------------
 */

typedef struct mgp_ingest mgp_ingest;

/* One source on its way in: a file or a record. Lives in the ingest until it is committed. */
typedef struct mgp_ingest_source {
  mgp_source row;   /* strings owned by this struct's strings below */
  int64_t replaces; /* number of the source it replaces, or 0 */
  char *path, *record, *title, *metadata, *format_copy;
  char *forced_kind; /* the kind its items get whatever they are, or NULL */
  char *caption;     /* what a record says of its file: text of the first item, or NULL */
  size_t item_count; /* items handed over so far: the next ordinal */
  uint64_t bytes;    /* for progress */
  uint64_t sequence; /* place in the walk or in the file: items are numbered in this order */
  bool is_added, is_done, is_failed, is_cancelled;
  bool is_partial; /* failed at the end, but what came before is good: items and a ledger entry */
  bool is_update, is_moved; /* only the row changes: row.number says which */
  bool is_carried; /* renamed: the row changes, and its items are written anew as they were */
  magpie_error failure;
  char *ledger_name; /* path or FILE:LINE for the failure ledger */
  struct {           /* as the last commit left it: a batch may be tried again */
    int64_t replaces, number;
    bool is_added;
  } before;
  struct mgp_ingest_source *next; /* in the batch */
  bool in_batch;
} mgp_ingest_source;

magpie_status mgp_ingest_open(magpie *ix, const magpie_add_options *options, magpie_report *report,
                              mgp_ingest **out, magpie_error *err);
/* For records without files: no media library and no pack for pictures or sounds is loaded. */
magpie_status mgp_ingest_open_records(magpie *ix, const magpie_add_options *options,
                                      magpie_report *report, mgp_ingest **out, magpie_error *err);
/* Flushes what is left, gives the last event, unlocks; returns the first error. */
magpie_status mgp_ingest_close(mgp_ingest *in, magpie_error *err);
bool mgp_ingest_stopped(const mgp_ingest *in);
bool mgp_ingest_cancelled(const mgp_ingest *in);

/* Moves ownership of a heap source in; it is freed after its commit. Once an item of it is queued,
 * a flush on another thread may write its row: only _describe may change it then. */
mgp_ingest_source *mgp_ingest_source_create(mgp_ingest *in);
/* Adds one decoded item of `source`: encodes pictures and sounds at once, queues its text; commits
 * a batch when enough is queued. Called from decode threads. */
magpie_status mgp_ingest_item(mgp_ingest *in, mgp_ingest_source *source, const mgp_media_item *item,
                              magpie_error *err);
/* A record's own vector. */
magpie_status mgp_ingest_vector(mgp_ingest *in, mgp_ingest_source *source, const char *space,
                                const mgp_media_item *item, const float *vector, size_t dim,
                                magpie_error *err);
/* What reading the file told: its format (a constant), title and metadata; what is NULL or empty,
 * and a title or metadata that the source has already, changes nothing. The texts are copied. */
void mgp_ingest_source_describe(mgp_ingest *in, mgp_ingest_source *source, const char *format,
                                const char *title, const char *metadata);
/* The source is whole, or failed (status != 0 with *failure). Hands it over. */
magpie_status mgp_ingest_source_done(mgp_ingest *in, mgp_ingest_source *source,
                                     magpie_status status, const magpie_error *failure,
                                     magpie_error *err);
/* Commits what is queued. */
magpie_status mgp_ingest_commit(mgp_ingest *in, magpie_error *err);
/* How often the queue was committed. */
uint64_t mgp_ingest_flushes(const mgp_ingest *in);
/* A later record has the id of a whole source: if that is still queued, it goes unwritten. */
void mgp_ingest_supersede(mgp_ingest *in, uint64_t sequence);
/* Frees a source that came to nothing. */
void mgp_ingest_source_discard(mgp_ingest *in, mgp_ingest_source *source);
/* Decodes a file into items of `source` and notes what was learned of the whole. (add_files.c) */
magpie_status mgp_ingest_decode(mgp_ingest *in, mgp_ingest_source *source, const char *path,
                                magpie_error *err);
/* Queues the items that a renamed source has, with the new name; row.number is the source's. On
 * failure (LIMIT: too many of them) nothing is queued. (ingest_carry.c) */
magpie_status mgp_ingest_carry(mgp_ingest *in, mgp_ingest_source *source, const char *old_path,
                               magpie_error *err);
/* Something happened that concerns no batch: a failure without a source, a moved file. */
magpie_status mgp_ingest_note_failure(mgp_ingest *in, const char *name, const char *stage,
                                      const magpie_error *failure);
/* Runs take(context, ...) on the decode pool until it says there is no more. */
void mgp_ingest_run(mgp_ingest *in, bool (*step)(void *context), void *context);
/* A transaction on the store from outside of a batch (moves, removals): begin, fn, commit. */
magpie_status mgp_ingest_transaction(mgp_ingest *in,
                                     magpie_status (*fn)(void *context, magpie_error *err),
                                     void *context, magpie_error *err);
void mgp_ingest_progress(mgp_ingest *in, magpie_event_type type, const char *path,
                         const char *message);
void mgp_ingest_totals(mgp_ingest *in, uint64_t files, uint64_t bytes);
void mgp_ingest_count_unchanged(mgp_ingest *in, uint64_t bytes);
/* An unchanged file of the failure ledger. */
void mgp_ingest_count_still_failed(mgp_ingest *in);
magpie_report *mgp_ingest_report(mgp_ingest *in);
magpie *mgp_ingest_index(mgp_ingest *in);
const mgp_media_limits *mgp_ingest_limits(const mgp_ingest *in);
const magpie_add_options *mgp_ingest_options(const mgp_ingest *in);

/* ---- walking (walk.c)
 * ------------------------------------------------------------------------------ */

typedef struct mgp_walk_file {
  char *path;  /* absolute bytes; of the walk's names */
  size_t name; /* where it stands among them */
  uint64_t size, inode, device;
  int64_t mtime_ns, changed_ms; /* changed_ms: the later of mtime and ctime */
} mgp_walk_file;
typedef struct mgp_walk {
  mgp_arena *arena;
  mgp_alloc *alloc;
  const char *spill_folder; /* where long lists go; NULL: they stay in memory */
  mgp_walk_file *files;     /* ready when the walk has ended */
  size_t count;
  mgp_spill file_block, name_block;
  size_t names_size;
  uint64_t skipped, bytes;
  char **roots; /* resolved */
  size_t root_count;
  void (*problem)(void *context, const char *path, const magpie_error *why);
  void (*special)(void *context, const char *path, const char *what); /* "is a FIFO: …" */
  void *context;
  const volatile int *cancel;
} mgp_walk;
/* Collects regular files, in byte order of each folder. Hidden names, symbolic links and *.mgp
 * folders are left out; a named root may be any of these. */
magpie_status mgp_walk_run(mgp_walk *walk, const char *const *paths, size_t count,
                           magpie_error *err);
void mgp_walk_fini(mgp_walk *walk);

#endif
