/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie: multimodal retrieval in one library.
 *
 * The staircase: open, add, search and close fit in ten lines (examples/first_search.c).
 *
 *     magpie *ix = NULL;
 *     magpie_error err = {0};
 *     if (magpie_open("photos.mgp", NULL, &ix, &err)) { puts(err.message); return 1; }
 *     const char *folder = "/home/me/Pictures";
 *     magpie_add(ix, &folder, 1, NULL, NULL, &err);
 *     magpie_part part = {.text = "red bus at night", .weight = 1};
 *     magpie_query query;
 *     magpie_query_defaults(&query);
 *     query.parts = &part, query.part_count = 1;
 *     magpie_result *hits = NULL;
 *     magpie_search(ix, &query, &hits, &err);
 *     magpie_result_destroy(hits);
 *     magpie_close(&ix);
 *
 * Rules that hold everywhere:
 *  - Strings are UTF-8 and NUL-terminated unless a size is named beside them.
 *  - A function that can fail returns magpie_status; 0 is success. Detail goes to the caller-owned
 *    magpie_error, which may be NULL. On failure outputs are NULL or untouched.
 *  - Option structs start with their size; NULL means all defaults.
 *  - A handle may be searched from many threads at once; add, import, remove and close need it
 * alone.
 */
#ifndef MAGPIE_H
#define MAGPIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define MAGPIE_API
#else
#define MAGPIE_API __attribute__((visibility("default")))
#endif

/* ---- status and error ------------------------------------------------------------------- */

/* name, pinned number, sentence. Numbers never change; new ones are appended. */
#define MAGPIE_STATUS_LIST(X)                                                                      \
  X(OK, 0, "success")                                                                              \
  X(INVALID, -1, "an argument is not valid")                                                       \
  X(NO_MEMORY, -2, "the memory budget or the machine's memory is exhausted")                       \
  X(IO, -3, "reading or writing a file failed")                                                    \
  X(NOT_FOUND, -4, "no such file, item, pack or index")                                            \
  X(CORRUPT, -5, "stored data is damaged")                                                         \
  X(UNSUPPORTED, -6, "this content or option is not supported here")                               \
  X(LIMIT, -7, "a size, pixel or time limit was exceeded")                                         \
  X(LOCKED, -8, "another process is writing to this index")                                        \
  X(CANCELLED, -9, "stopped on request")                                                           \
  X(MODEL, -10, "a model file or the model runtime is missing or wrong")                           \
  X(NETWORK, -11, "a network transfer failed")                                                     \
  X(FORMAT, -12, "the content does not follow its format")                                         \
  X(VERSION, -13, "written by a newer version of magpie")                                          \
  X(INTERNAL, -14, "magpie broke one of its own rules")

typedef enum magpie_status {
#define MAGPIE_STATUS_ENUM(name, number, sentence) MAGPIE_##name = number,
  MAGPIE_STATUS_LIST(MAGPIE_STATUS_ENUM)
#undef MAGPIE_STATUS_ENUM
} magpie_status;

/* The sentence of a status; never NULL. */
MAGPIE_API const char *magpie_status_text(magpie_status status);

/* Filled on failure: what happened, with names and numbers, and where in the input. Owned by the
 * caller, no cleanup needed. */
typedef struct magpie_error {
  magpie_status code;
  char message[768]; /* one sentence, then what to do next where that is known */
  char place[256];   /* "file", "file:line" or "file page 3"; empty when there is none */
} magpie_error;

/* "0.1.0"; never NULL. */
MAGPIE_API const char *magpie_version(void);

/* JSON object {"version","features":{name:{"enabled","version","what"}},"cpu":{...}}. The caller
 * frees it with magpie_free. */
MAGPIE_API magpie_status magpie_features(char **json, magpie_error *err);

/* Frees what the library handed out as a plain block (JSON texts, preview bytes). NULL is fine. */
MAGPIE_API void magpie_free(void *block);

/* A path for people and JSON: bytes that are not UTF-8, control characters and '%' as %XX; hits and
 * ledgers name files so. magpie_free it. */
MAGPIE_API magpie_status magpie_path_text(const char *path, char **text, magpie_error *err);
/* The way back: from the shown form to the bytes of the path. magpie_free it. */
MAGPIE_API magpie_status magpie_path_bytes(const char *text, char **path, magpie_error *err);

/* ---- open and close ---------------------------------------------------------------------- */

typedef struct magpie magpie;

/* What a power cut may cost: docs/durability.md. A process that dies costs nothing in any of them.
 */
typedef enum magpie_durability {
  MAGPIE_DURABILITY_FULL,    /* nothing that a commit acknowledged */
  MAGPIE_DURABILITY_BATCHED, /* the last commits of a call that has not returned, each whole */
  MAGPIE_DURABILITY_OFF      /* the same, and the index may need `magpie repair` */
} magpie_durability;

typedef struct magpie_open_options {
  size_t size;           /* sizeof(magpie_open_options) */
  bool read_only;        /* do not create, do not lock for writing */
  uint64_t memory_limit; /* bytes that the library may hold at once; 0: 512 MiB */
  int threads;           /* worker threads; 0: one a core */
  int lock_wait_ms;      /* how long a writer waits for another one; default 0: fail at once */
  const char
      *pack_path; /* folders with packs, ':' between; NULL: MAGPIE_PACKS, else the defaults */
  const char *text_pack; /* pack for passages when the index is created; NULL: the default pack */
  magpie_durability durability; /* of what this handle writes */
} magpie_open_options;

MAGPIE_API void magpie_open_options_defaults(magpie_open_options *options);

/* Opens the index directory `path`; creates it when absent unless read_only. Encoders load on first
 * use. *out is yours to close. LOCKED is returned by the writing calls, not here. */
MAGPIE_API magpie_status magpie_open(const char *path, const magpie_open_options *options,
                                     magpie **out, magpie_error *err);

/* Closes and clears *ix; NULL and *ix == NULL are fine. */
MAGPIE_API void magpie_close(magpie **ix);

/* Where the command keeps its index when told nothing: MAGPIE_INDEX, else
 * $XDG_DATA_HOME/magpie/default.mgp, else ~/.local/share/magpie/default.mgp. magpie_free it. */
MAGPIE_API magpie_status magpie_default_path(char **path, magpie_error *err);

/* ---- add --------------------------------------------------------------------------------- */

typedef enum magpie_event_type {
  MAGPIE_EVENT_WALK,    /* counting files */
  MAGPIE_EVENT_FILE,    /* one file was finished */
  MAGPIE_EVENT_FAILED,  /* one file failed: path and message say why */
  MAGPIE_EVENT_COMMIT,  /* what came before is durable now */
  MAGPIE_EVENT_WARNING, /* message says what is missing or slow */
  MAGPIE_EVENT_DONE,
} magpie_event_type;

/* Passed to the progress callback; everything in it lives for the duration of the call. */
typedef struct magpie_event {
  magpie_event_type type;
  const char *path;    /* the file this event is about, or NULL */
  const char *message; /* reason or warning, or NULL */
  uint64_t files_done, files_total, files_failed, files_unchanged;
  uint64_t bytes_done, bytes_total;
  uint64_t items;
  uint64_t generation;
  double elapsed_s;
  uint64_t files_still_failed; /* failed before, unchanged since: not tried again */
} magpie_event;

/* Called from one thread at a time, never after the call that took it has returned. */
typedef void (*magpie_progress)(void *context, const magpie_event *event);

typedef struct magpie_add_options {
  size_t size;
  magpie_progress progress;
  void *progress_context;
  const volatile int *cancel; /* becomes non-zero: commit what is done and return CANCELLED */
  bool retry_failed;          /* take the files of the failure ledger again */
  bool keep_vanished;         /* do not remove items whose file is gone */
  uint64_t max_file_bytes;    /* larger files go to the ledger; 0: 4 GiB */
  double max_file_seconds;    /* decoding time of one file; 0: 120 s */
} magpie_add_options;

MAGPIE_API void magpie_add_options_defaults(magpie_add_options *options);

typedef struct magpie_report {
  uint64_t files_seen, files_added, files_changed, files_moved, files_unchanged, files_removed;
  uint64_t files_failed, files_skipped; /* skipped: not a regular file, or a kind magpie ignores */
  uint64_t items_added, items_removed;
  uint64_t generation;
  uint64_t files_still_failed; /* unchanged since they failed, so not tried again */
} magpie_report;

/* Walks `count` files and folders, takes what is new or changed, drops what vanished below them,
 * and commits as it goes: what was committed survives a kill, and the next call goes on from there.
 * One broken file never stops the batch: it goes to the failure ledger with its reason. LOCKED:
 * another writer is at work. `report` may be NULL. */
MAGPIE_API magpie_status magpie_add(magpie *ix, const char *const *paths, size_t count,
                                    const magpie_add_options *options, magpie_report *report,
                                    magpie_error *err);

/* Imports JSON Lines records {"id", "text" | "path" | "vector", "title", "kind", "metadata"}; "-"
 * reads standard input. A record of a known id replaces it. A bad line goes to the ledger as
 * FILE:LINE. An item cut out of record X has the id X#n. */
MAGPIE_API magpie_status magpie_import(magpie *ix, const char *file,
                                       const magpie_add_options *options, magpie_report *report,
                                       magpie_error *err);

/* One record in memory: what a line of magpie_import holds. Only `id` and one of `text` and
 * `vector` are needed; strings are UTF-8. */
typedef struct magpie_record {
  const char *id;           /* 1 to 512 bytes, no control characters, no @ at its start */
  const char *text, *title; /* or NULL */
  const char *kind;         /* up to 32 bytes, no comma; NULL: "passage" or "vector" */
  const char *metadata;     /* JSON object, or NULL */
  const float *vector;      /* [dim], not only zeros; stored with length 1; or NULL */
  size_t dim;
  const char *space; /* of the vector; NULL: "vectors" */
} magpie_record;

/* Adds `count` records as magpie_import does, and commits at the end (in between, too, when they
 * are many): when it returns, they are as durable as the index was opened for. All are checked
 * first: INVALID names the first that is wrong, and none is added. A record of a known id replaces
 * it; of records with one id the last counts. What is read lives for the length of the call. One
 * writer at a time; `options` and `report` may be NULL. */
MAGPIE_API magpie_status magpie_add_records(magpie *ix, const magpie_record *records, size_t count,
                                            const magpie_add_options *options,
                                            magpie_report *report, magpie_error *err);

/* Removes an item id, a record id, a file, or everything below a folder. NOT_FOUND if none match.
 */
MAGPIE_API magpie_status magpie_remove(magpie *ix, const char *path_or_id, magpie_report *report,
                                       magpie_error *err);

/* ---- merge ------------------------------------------------------------------------------- */

typedef struct magpie_merge_options {
  size_t size;
  bool all;                 /* one segment a space without dead rows; else what is due */
  magpie_progress progress; /* files are merges */
  void *progress_context;
  const volatile int *cancel; /* becomes non-zero: drop the merge under way, CANCELLED */
} magpie_merge_options;

MAGPIE_API void magpie_merge_options_defaults(magpie_merge_options *options);

typedef struct magpie_merge_report {
  uint64_t merges;
  uint64_t segments_before, segments_after;
  uint64_t bytes_before, bytes_after; /* of segment files */
  uint64_t bytes_written;
  uint64_t rows_dropped; /* of items that are no more */
  uint64_t generation;   /* of the last merge; 0: nothing was due */
} magpie_merge_report;

/* Puts segments together and frees the space of what was deleted. Answers do not change, save that
 * words of deleted items no longer count in BM25. Adding does what is due by itself. Others search
 * and commit meanwhile: the lock is held only to put a finished segment in its place. A kill or a
 * cancel leaves the old files or the new ones. */
MAGPIE_API magpie_status magpie_merge(magpie *ix, const magpie_merge_options *options,
                                      magpie_merge_report *report, magpie_error *err);

/* ---- search ------------------------------------------------------------------------------ */

/* One element of a query. Exactly one of text, image, audio, item and vector is set. */
typedef struct magpie_part {
  const char *text;
  const char *image; /* path of a picture */
  const char *audio; /* path of a sound */
  const char *item;  /* id of an item: "more like this" */
  const float *vector;
  size_t vector_dim;
  const char *space; /* for a vector: its space; else NULL or the one space this part may use */
  double weight;     /* 1 is the usual; negative pushes away */
} magpie_part;

typedef struct magpie_query {
  size_t size;
  const magpie_part *parts;
  size_t part_count;
  size_t k;                       /* hits wanted, 1..10000; default 10 */
  size_t depth;                   /* candidates taken of each space; 0: max(10 k, 1000) */
  const char *kinds;              /* "image,passage": only these kinds; NULL: all */
  const char *const *space_names; /* weights of spaces, by name; see space_weights */
  const double *space_weights;
  size_t space_weight_count;
  bool by_record; /* one hit a record: its best item */
  double rrf_k;   /* constant of reciprocal rank fusion; 0: 60 */
  double recall;  /* share of the true k nearest vectors that a search finds, about; 0: 0.95 */
  bool exact;     /* compare every vector: all of them are found */
  bool explain;   /* the result's JSON says how each segment was searched */
  /* A range: all hits of one vector that score min_score or more, in their space's own measure,
   * exactly; at most k of them are in the result, magpie_result_matches says how many there are. */
  bool has_min_score;
  double min_score;
  const char *space; /* of a batch of vectors (magpie_search_batch); NULL: "vectors" */
  bool sum; /* vectors and items are one vector, the sum of weight x vector (cosine: of length 1) */
} magpie_query;

MAGPIE_API void magpie_query_defaults(magpie_query *query);

typedef struct magpie_locator {
  int page; /* 1-based; 0: none */
  bool has_bbox;
  double bbox[4]; /* x, y, width, height in points from the page's upper left corner */
  bool has_span;
  double span[2]; /* seconds */
  bool has_lines;
  int64_t lines[2]; /* 1-based, inclusive */
} magpie_locator;

typedef struct magpie_space_score {
  const char *space;
  double score; /* as that space measures it: higher is closer */
  size_t rank;  /* 1-based rank in that space's list */
} magpie_space_score;

typedef struct magpie_highlight {
  size_t start, size; /* bytes of `text` that match a query word */
} magpie_highlight;

/* Owned by its result. */
typedef struct magpie_hit {
  size_t rank; /* 1-based */
  const char *id;
  const char *record; /* the record this item was cut out of, or the id of its source */
  double score;
  const magpie_space_score *scores;
  size_t score_count;
  const char *kind;
  const char *source; /* path or record id; bytes that are not UTF-8 are written as %XX */
  const char *title;
  const char *text;
  magpie_locator locator;
  const char *metadata_json; /* a JSON object */
  const magpie_highlight *highlights;
  size_t highlight_count;
} magpie_hit;

typedef struct magpie_result magpie_result;

/* Words are searched exactly, and so are vectors in segments of less than 20,000 rows. Larger ones
 * that a merge made have a graph, and the search finds about `recall` of the nearest. Ties break by
 * age (the item added first): same query, same segments, same answer. *out is yours to destroy. No
 * hit is not an error: the count is 0. */
MAGPIE_API magpie_status magpie_search(magpie *ix, const magpie_query *query, magpie_result **out,
                                       magpie_error *err);
MAGPIE_API size_t magpie_result_count(const magpie_result *result);
MAGPIE_API const magpie_hit *magpie_result_hit(const magpie_result *result, size_t index);
/* Of a range: the items in it, which may be more than the result holds. Else the count. */
MAGPIE_API uint64_t magpie_result_matches(const magpie_result *result);
MAGPIE_API double magpie_result_took_ms(const magpie_result *result);
MAGPIE_API uint64_t magpie_result_generation(const magpie_result *result);
/* Messages about parts or spaces that could not take part (a missing pack); NULL past the last. */
MAGPIE_API const char *magpie_result_warning(const magpie_result *result, size_t index);
/* The object that `magpie search --json` prints. magpie_free it. */
MAGPIE_API magpie_status magpie_result_json(const magpie_result *result, char **json,
                                            magpie_error *err);
MAGPIE_API void magpie_result_destroy(magpie_result *result);

/* Runs a batch: lines {"id","parts":[{"text"|"image"|"audio"|"item":…,"weight"}]} of `queries`
 * ("-": standard input) against the index; writes a TREC run naming records to `run` ("-": standard
 * output). `query` gives k, kinds and weights. `report->files_failed` counts queries that failed.
 * A file of vectors (.npy, .fvecs, .bvecs, .ivecs) is a query a row, named by its number from 0;
 * its run names items by their ids, unless `by_record`. */
MAGPIE_API magpie_status magpie_search_batch(magpie *ix, const char *queries, const char *run,
                                             const magpie_query *query,
                                             const magpie_add_options *options,
                                             magpie_report *report, magpie_error *err);

/* ---- look -------------------------------------------------------------------------------- */

/* JSON: counts by kind and space, generation, size on disk, packs, failures. magpie_free it. */
MAGPIE_API magpie_status magpie_describe(magpie *ix, char **json, magpie_error *err);
/* JSON array of the failure ledger: [{"path","stage","code","reason","when","tries"}]. */
MAGPIE_API magpie_status magpie_failures(magpie *ix, char **json, magpie_error *err);
/* JSON object of one item. NOT_FOUND if there is none. */
MAGPIE_API magpie_status magpie_get(magpie *ix, const char *id, char **json, magpie_error *err);
/* A small file a person can look at or listen to: a JPEG of a picture or page, a WAV of a sound
 * span. *mime is static; *bytes is yours to magpie_free. NOT_FOUND when the item has no preview. */
MAGPIE_API magpie_status magpie_preview(magpie *ix, const char *id, void **bytes, size_t *size,
                                        const char **mime, magpie_error *err);

/* ---- models ------------------------------------------------------------------------------ */

/* All of these work without an index. `pack_path` as in magpie_open_options. */

/* JSON array of the packs found and of those the catalogue offers. */
MAGPIE_API magpie_status magpie_models_list(const char *pack_path, char **json, magpie_error *err);
/* JSON: the pack.json of one pack with where it lies and what is wrong with it. */
MAGPIE_API magpie_status magpie_models_show(const char *pack_path, const char *name, char **json,
                                            magpie_error *err);
/* Checks size and sha256 of every file of one pack, or of all (name NULL). JSON array of the files;
 * MODEL if any is wrong. */
MAGPIE_API magpie_status magpie_models_verify(const char *pack_path, const char *name, char **json,
                                              magpie_error *err);
/* Copies a pack folder into the user's packs after verifying it. */
MAGPIE_API magpie_status magpie_models_add(const char *pack_path, const char *folder,
                                           magpie_error *err);
/* Fetches a pack of the catalogue, or HUB_URL/ORG/NAME[@REVISION] in the usual model hub's layout.
 * Resumes an interrupted transfer; removes a file whose checksum is wrong. */
MAGPIE_API magpie_status magpie_models_pull(const char *pack_path, const char *name,
                                            const magpie_add_options *options, magpie_error *err);
/* Computes and caches what packs need of each other (vectors of class names in the default text
 * pack), so that the first search or index run does not have to. Takes seconds once, then nothing.
 */
MAGPIE_API magpie_status magpie_models_prepare(const char *pack_path, magpie_error *err);
MAGPIE_API magpie_status magpie_models_remove(const char *pack_path, const char *name,
                                              magpie_error *err);

/* ---- snapshots --------------------------------------------------------------------------- */

typedef struct magpie_snapshot_report {
  uint64_t generation;                 /* that was copied */
  uint64_t segments, thumbnails;       /* in the copy */
  uint64_t files_linked, files_copied; /* hard links to the original's files, and files written */
  uint64_t bytes_copied;               /* with the catalog, which is always written */
} magpie_snapshot_report;

/* Makes the folder `target`, which must not exist, an index with the last commit's content, while
 * writers and readers go on. It appears whole or not at all, and durable. Files that never change
 * are hard links where the file system allows, so that a snapshot costs the catalog's size; only
 * then a damage of the disk's blocks hits both. `cancel` and `report` may be NULL. Thread-safe. */
MAGPIE_API magpie_status magpie_snapshot(magpie *ix, const char *target, const volatile int *cancel,
                                         magpie_snapshot_report *report, magpie_error *err);

typedef struct magpie_restore_options {
  size_t size;
  bool replace;               /* an index that is there; else INVALID */
  const volatile int *cancel; /* becomes non-zero: CANCELLED, and nothing changed */
} magpie_restore_options;

MAGPIE_API void magpie_restore_options_defaults(magpie_restore_options *options);

/* Makes an index from a snapshot, which is read wholly and checked first (CORRUPT). An index that
 * is replaced goes in one step, after the new one is whole; LOCKED while somebody writes to it. */
MAGPIE_API magpie_status magpie_restore(const char *snapshot, const char *index,
                                        const magpie_restore_options *options,
                                        magpie_snapshot_report *report, magpie_error *err);

/* ---- check and repair -------------------------------------------------------------------- */

typedef struct magpie_check_options {
  size_t size;
  bool deep;                /* read every byte; else headers, tables and cross-references */
  magpie_progress progress; /* files are segments */
  void *progress_context;
  const volatile int *cancel; /* becomes non-zero: CANCELLED */
} magpie_check_options;

MAGPIE_API void magpie_check_options_defaults(magpie_check_options *options);

/* Says what is damaged in an index and which items that touches; changes nothing, waits for no
 * writer. Damage is not an error: JSON {"ok","deep","segments","checked_bytes","problems":[{"file",
 * "section","what","items","examples","sources"}],"leftovers"}. magpie_free it. */
MAGPIE_API magpie_status magpie_check(const char *path, const magpie_check_options *options,
                                      char **json, magpie_error *err);
/* Changes the index to the installed version of a pack, for the spaces that the pack fills: every
 * item is encoded again, texts from the catalog, pictures and sounds from their files (pictures
 * whose file is gone from their thumbnails), and then one commit puts the new vectors in the place
 * of the old ones. Until then searches and writers have the old model; others may write meanwhile.
 * A call that ended early (CANCELLED, a kill) is gone on with by the same call. The vectors of the
 * model before are kept. JSON {"pack","items","encoded","from_thumbnails","lost_count",
 * "generation","lost":[{"id","source","what"}]}; magpie_free it. MODEL: the pack is not installed
 * or does not work. Of `options` progress (files are items here), cancel and limits count. */
MAGPIE_API magpie_status magpie_model_use(magpie *ix, const char *pack,
                                          const magpie_add_options *options, char **json,
                                          magpie_error *err);
/* Drops a change that has not ended; else goes back to the model before, with the vectors that were
 * kept and what has to be encoded of items that came since. NOT_FOUND: nothing was changed. JSON as
 * magpie_model_use, or {"pack","spaces_dropped","generation"} where vectors were only dropped. */
MAGPIE_API magpie_status magpie_model_rollback(magpie *ix, const magpie_add_options *options,
                                               char **json, magpie_error *err);
/* Drops the vectors of models that are not in use. INVALID while a change has not ended. JSON
 * {"pack","spaces_dropped","generation"}. */
MAGPIE_API magpie_status magpie_model_forget(magpie *ix, char **json, magpie_error *err);
/* Rebuilds what a deep check finds damaged, from stored texts and from the files themselves, and
 * lists what is lost: JSON
 * {"ok","generation","problems","remaining","segments_rebuilt","items_rebuilt",
 * "files_read","lost":[{"id","source","what"}]}. magpie_free it. CORRUPT when the catalog itself is
 * damaged, MODEL when a pack that made lost vectors is missing; then nothing has changed. */
MAGPIE_API magpie_status magpie_repair(magpie *ix, const magpie_add_options *options, char **json,
                                       magpie_error *err);

#ifdef __cplusplus
}
#endif
#endif
