/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files on judgements, runs and measures of rankings share: interned ids, lines of TREC
 * files, the insides of magpie_qrels and magpie_run.
 */
#ifndef MGP_EVAL_RANKED_H
#define MGP_EVAL_RANKED_H

#include <locale.h>
#include <pthread.h>

#include "base/base.h"
#include "magpie/eval.h"

/* ---- interned ids (id_table.c) ----------------------------------------------------------- */

#define MGP_ID_SIZE_MAX 4096

/* An id with its hash before it, so that a pointer to the text alone finds both. */
typedef struct mgp_id {
  uint64_t hash;
  uint32_t number; /* in the order of their first mention, from 0 */
  uint32_t size;
  char text[];
} mgp_id;

/* Of a text that an id table handed out. */
static inline const mgp_id *mgp_id_of(const char *text) {
  return (const mgp_id *)(const void *)(text - offsetof(mgp_id, text));
}

typedef struct mgp_id_slot {
  uint32_t tag; /* high half of the hash */
  uint32_t number_plus_1;
} mgp_id_slot;

typedef struct mgp_id_table {
  mgp_alloc *alloc;
  mgp_arena *arena;
  const mgp_id **ids; /* by number */
  size_t count, capacity;
  mgp_id_slot *slots; /* open addressing, a power of two of them, at most half full */
  size_t slot_count;
} mgp_id_table;

magpie_status mgp_id_table_init(mgp_id_table *t, mgp_alloc *a, magpie_error *err);
void mgp_id_table_fini(mgp_id_table *t);
/* NULL: not there. */
const mgp_id *mgp_id_table_find(const mgp_id_table *t, const char *text, size_t size);
magpie_status mgp_id_table_intern(mgp_id_table *t, const char *text, size_t size,
                                  const mgp_id **out, magpie_error *err);
/* A byte order mark: dropped at the start of a file, so an id must not begin with one. */
static inline bool mgp_starts_with_mark(const char *text, size_t size) {
  return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
}
/* INVALID unless `text` is an id: UTF-8, not empty, at most MGP_ID_SIZE_MAX bytes, without white
 * space, control characters and a byte order mark before. `what` names it in the message. */
magpie_status mgp_id_check(const char *what, const char *text, size_t *size, magpie_error *err);

/* ---- lines of TREC files (trec_lines.c) -------------------------------------------------- */

#define MGP_TREC_FIELDS 6

typedef struct mgp_trec_field {
  const char *text; /* not NUL-terminated */
  size_t size;
} mgp_trec_field;

/* Lines of fields between spaces and tabs. A byte order mark, CRLF and blank lines are taken. Every
 * field is valid as an id. */
typedef struct mgp_trec_lines {
  const char *file;
  mgp_map map;
  const char *next, *end;
  size_t line;  /* of the fields, from 1 */
  size_t count; /* fields of the line, also those that are not kept */
  mgp_trec_field fields[MGP_TREC_FIELDS];
  locale_t plain_locale; /* numbers have a point, whatever the program's locale */
} mgp_trec_lines;

magpie_status mgp_trec_open(const char *file, mgp_trec_lines *lines, magpie_error *err);
void mgp_trec_close(mgp_trec_lines *lines);
/* *more is false after the last line. */
magpie_status mgp_trec_next(mgp_trec_lines *lines, bool *more, magpie_error *err);
/* FORMAT with "FILE:LINE: " before the message; the place too. */
magpie_status mgp_trec_fail(const mgp_trec_lines *lines, magpie_error *err, const char *format, ...)
    MGP_PRINTF(3, 4);
/* The same for what an adder said of the line; other codes than INVALID stay. */
magpie_status mgp_trec_refuse(const mgp_trec_lines *lines, magpie_status code,
                              const magpie_error *said, magpie_error *err);
/* False unless the whole field is a number; "inf" and "nan" are. Without a locale numbers of more
 * than 15 digits are refused. */
bool mgp_trec_number(locale_t plain, mgp_trec_field field, double *out);
/* False unless it is a whole number ("2", "-1", "2.0"); those of 19 digits and more are +-1e18. */
bool mgp_trec_integer(mgp_trec_field field, int64_t *out);
/* Writes the text to `file`, all or nothing, or to standard output for "-"; gives the buffer back.
 */
magpie_status mgp_trec_write(const char *file, mgp_buffer *text, magpie_error *err);
/* %.*s of a field, cut to what fits a message. */
#define MGP_FIELD(f) (int)((f).size < 80 ? (f).size : 80), (f).text

/* ---- judgements (qrels.c) ---------------------------------------------------------------- */

#define MGP_GAIN_MAX 1000000

typedef struct mgp_judged_query {
  const char **documents; /* texts of interned ids */
  int64_t *gains;
  size_t count, capacity, gain_capacity;
} mgp_judged_query;

/* One judged pair in the table of all pairs. */
typedef struct mgp_pair_slot {
  uint64_t hash;
  uint32_t query;
  uint32_t index_plus_1; /* in its query; 0: empty */
} mgp_pair_slot;

struct magpie_qrels {
  mgp_alloc *alloc;
  mgp_id_table queries, documents;
  mgp_judged_query *items; /* by number of the query */
  size_t capacity;
  mgp_pair_slot *slots; /* as in mgp_id_table */
  size_t slot_count, judgement_count;
};

magpie_status mgp_qrels_create_in(mgp_alloc *a, magpie_qrels **out, magpie_error *err);
magpie_status mgp_qrels_read_in(mgp_alloc *a, const char *file, magpie_qrels **out,
                                magpie_error *err);
/* `document` may come from any id table. False: not judged. */
bool mgp_qrels_find(const magpie_qrels *qrels, uint32_t query, const mgp_id *document,
                    int64_t *gain);

/* ---- runs (run.c, rank_hits.c) ----------------------------------------------------------- */

typedef struct mgp_run_query {
  magpie_run_hit *hits; /* documents are texts of interned ids; the order is the run's lock's */
  size_t count, capacity;
  uint32_t *slots; /* numbers + 1 of its documents, open addressing; NULL until one is added */
  size_t slot_count;
  bool is_ranked; /* hits are best first; guarded by the lock once many threads read */
  double ms;      /* -1: unknown */
} mgp_run_query;

/* Room to rank `capacity` hits: made while adding, so that readers never allocate. */
typedef struct mgp_rank_scratch {
  uint64_t *keys; /* 2 x capacity */
  magpie_run_hit *hits;
  size_t capacity, hit_capacity, key_capacity;
} mgp_rank_scratch;

struct magpie_run {
  mgp_alloc *alloc;
  mgp_id_table queries, documents;
  mgp_run_query *items; /* by number of the query */
  size_t capacity;
  pthread_mutex_t lock; /* guards the order of hits, is_ranked and the scratch among readers */
  mgp_rank_scratch scratch;
};

magpie_status mgp_run_create_in(mgp_alloc *a, magpie_run **out, magpie_error *err);
magpie_status mgp_run_read_in(mgp_alloc *a, const char *file, magpie_run **out, magpie_error *err);
/* The query's record, made when it is new. It moves when another query comes. */
magpie_status mgp_run_query_get(magpie_run *run, const char *query, size_t size,
                                mgp_run_query **out, magpie_error *err);
/* Gives a query without hits these, best first, each of another document of run->documents. */
magpie_status mgp_run_put_ranked(magpie_run *run, mgp_run_query *query, const magpie_run_hit *hits,
                                 size_t count, magpie_error *err);
magpie_status mgp_run_fuse_in(mgp_alloc *a, const magpie_run *const *runs, const double *weights,
                              size_t count, double k, size_t depth, magpie_run **out,
                              magpie_error *err);
magpie_status mgp_evaluate_in(mgp_alloc *a, const magpie_qrels *qrels, const magpie_run *run,
                              const char *const *names, size_t count,
                              const magpie_evaluate_options *options, magpie_scores **out,
                              magpie_error *err);

/* True: a comes before b. Higher score first, then the greater id, as in trec_eval. */
static inline bool mgp_hit_before(const magpie_run_hit *a, const magpie_run_hit *b) {
  if (a->score != b->score) return a->score > b->score;
  return strcmp(a->document, b->document) > 0;
}
bool mgp_rank_reserve(mgp_alloc *a, mgp_rank_scratch *scratch, size_t count);
void mgp_rank_scratch_fini(mgp_alloc *a, mgp_rank_scratch *scratch);
/* Sorts; the scratch has room for `count`. */
void mgp_rank_hits(magpie_run_hit *hits, size_t count, mgp_rank_scratch *scratch);
/* The best k <= count hits, best first, without moving `hits`. */
void mgp_select_hits(const magpie_run_hit *hits, size_t count, size_t k, magpie_run_hit *out);

#endif
