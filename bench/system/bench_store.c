/* SPDX-License-Identifier: Apache-2.0
 *
 * The store beside SQLite and the disk, through the public API: durable commits of one and of 1,000
 * items (also of vectors alone, and beside a SQLite that finds words and ids as well), bulk adding
 * of vectors, and from nothing to the first answer. Prints CSV: case, magpie,
 * peer (both per second, or seconds), ratio, what the peer is. Medians of rounds in which both take
 * turns.
 *
 *   bench_store [FOLDER [CASE]]  all cases or one, in a new folder below FOLDER (default: /var/tmp)
 *   bench_store first FOLDER     one fresh process: seconds to the first answer
 */
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "magpie/vectors.h"

#define DIM 384
#define ROUNDS 5
#define SINGLES 60 /* commits of one item a round */
#define BATCHES 3  /* commits of 1,000 items a round */
#define BATCH 1000
#define BULK 40000 /* vectors a round */
#define TEXT_BYTES 200

static void stop(const char *what, const char *why) {
  fprintf(stderr, "bench_store: %s: %s\n", what, why);
  exit(1);
}

static double now(void) {
  return mgp_clock_seconds();
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_value);
  return values[count / 2];
}

/* ---- data ---------------------------------------------------------------------------------------
 */

typedef struct row {
  char id[24], text[TEXT_BYTES + 1];
  float vector[DIM];
} row;

static uint64_t state = 42;

static uint32_t draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static void fill(row *r, size_t number) {
  snprintf(r->id, sizeof r->id, "r%zu", number);
  size_t size = 0;
  while (size + 12 < TEXT_BYTES) {
    /* squares of small numbers: some words are frequent, most are rare */
    const uint32_t word = (draw() % 200) * (draw() % 200);
    size += (size_t)snprintf(r->text + size, sizeof r->text - size, "word%u ", word);
  }
  for (size_t i = 0; i < DIM; i++) r->vector[i] = (float)(draw() % 2001) / 1000 - 1.0005f;
}

static row *rows_of(size_t count, size_t from) {
  row *rows = calloc(count, sizeof *rows);
  if (!rows) stop("rows", "no memory");
  for (size_t i = 0; i < count; i++) fill(&rows[i], from + i);
  return rows;
}

/* ---- both sides ---------------------------------------------------------------------------------
 */

static magpie *open_magpie(const char *folder, const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.mgp", folder, name);
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.pack_path = folder; /* no packs: the vectors are given */
  magpie *ix = NULL;
  magpie_error err;
  if (magpie_open(path, &options, &ix, &err) != MAGPIE_OK) stop(path, err.message);
  return ix;
}

static void add(magpie *ix, const row *rows, size_t count) {
  magpie_record *records = calloc(count, sizeof *records);
  if (!records) stop("records", "no memory");
  for (size_t i = 0; i < count; i++)
    records[i] = (magpie_record){
        .id = rows[i].id, .text = rows[i].text, .vector = rows[i].vector, .dim = DIM};
  magpie_report report;
  magpie_error err;
  if (magpie_add_records(ix, records, count, NULL, &report, &err) != MAGPIE_OK)
    stop("magpie_add_records", err.message);
  if (report.files_failed) stop("magpie_add_records", "a record failed");
  free(records);
}

static float *matrix_of(const row *rows, size_t count) {
  float *matrix = malloc(count * DIM * sizeof *matrix);
  if (!matrix) stop("vectors", "no memory");
  for (size_t i = 0; i < count; i++)
    memcpy(matrix + i * DIM, rows[i].vector, sizeof rows[i].vector);
  return matrix;
}

static void add_matrix(magpie *ix, const float *matrix, size_t count, uint64_t first) {
  magpie_vectors_options options;
  magpie_vectors_options_defaults(&options);
  options.first = first;
  magpie_error err;
  if (magpie_space_add_vectors(ix, NULL, NULL, matrix, count, DIM, &options, NULL, &err))
    stop("magpie_space_add_vectors", err.message);
}

typedef struct commit_case {
  const char *name;
  size_t commits, size; /* of a round; items of a commit */
  bool has_text;
  bool is_indexed; /* the peer, too, finds rows by their words and ids */
  const char *peer;
} commit_case;

typedef struct sqlite_peer {
  sqlite3 *db;
  sqlite3_stmt *row, *words; /* words: NULL where it finds none */
} sqlite_peer;

static sqlite_peer open_sqlite(const char *folder, bool is_indexed) {
  char path[512];
  snprintf(path, sizeof path, "%s/peer.sqlite", folder);
  sqlite_peer peer = {0};
  const char *schema = is_indexed
                           ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                             "CREATE TABLE t (n INTEGER PRIMARY KEY, id TEXT UNIQUE, text TEXT, "
                             "vector BLOB); CREATE VIRTUAL TABLE w USING fts5(text, content='')"
                           : "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                             "CREATE TABLE t (n INTEGER PRIMARY KEY, id TEXT, text TEXT, "
                             "vector BLOB)";
  if (sqlite3_open(path, &peer.db) != SQLITE_OK ||
      sqlite3_exec(peer.db, schema, NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(peer.db, "INSERT INTO t (id, text, vector) VALUES (?1, ?2, ?3)", -1,
                         &peer.row, NULL) != SQLITE_OK ||
      (is_indexed && sqlite3_prepare_v2(peer.db, "INSERT INTO w (rowid, text) VALUES (?1, ?2)", -1,
                                        &peer.words, NULL) != SQLITE_OK))
    stop(path, peer.db ? sqlite3_errmsg(peer.db) : "SQLite");
  return peer;
}

static void close_sqlite(sqlite_peer *peer, const char *folder) {
  sqlite3_finalize(peer->row);
  sqlite3_finalize(peer->words);
  sqlite3_close(peer->db);
  char path[512];
  snprintf(path, sizeof path, "%s/peer.sqlite", folder);
  unlink(path);
}

static void step(sqlite3 *db, sqlite3_stmt *statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) stop("insert", sqlite3_errmsg(db));
  sqlite3_reset(statement);
}

static void insert(const sqlite_peer *peer, bool has_text, const row *rows, size_t count) {
  sqlite3 *db = peer->db;
  sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
  for (size_t i = 0; i < count; i++) {
    sqlite3_bind_text(peer->row, 1, rows[i].id, -1, SQLITE_STATIC);
    if (has_text) sqlite3_bind_text(peer->row, 2, rows[i].text, -1, SQLITE_STATIC);
    sqlite3_bind_blob(peer->row, 3, rows[i].vector, sizeof rows[i].vector, SQLITE_STATIC);
    step(db, peer->row);
    if (!peer->words) continue;
    sqlite3_bind_int64(peer->words, 1, sqlite3_last_insert_rowid(db));
    sqlite3_bind_text(peer->words, 2, rows[i].text, -1, SQLITE_STATIC);
    step(db, peer->words);
  }
  if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) stop("commit", sqlite3_errmsg(db));
}

/* ---- commits ------------------------------------------------------------------------------------
 */

static void print_case(const char *name, double *ours, double *peers, size_t count,
                       const char *peer) {
  double ratios[ROUNDS];
  for (size_t i = 0; i < count; i++) ratios[i] = ours[i] / peers[i];
  const double ratio = median(ratios, count);
  printf("%s,%.4g,%.4g,%.3f,%s\n", name, median(ours, count), median(peers, count), ratio, peer);
  fflush(stdout);
}

static double time_ours(magpie *ix, const commit_case *c, const row *rows, size_t first) {
  float *matrix = c->has_text ? NULL : matrix_of(rows, c->commits * c->size);
  const double start = now();
  for (size_t i = 0; i < c->commits; i++) {
    const size_t at = i * c->size;
    if (matrix) add_matrix(ix, matrix + at * DIM, c->size, first + at);
    else add(ix, rows + at, c->size);
  }
  const double seconds = now() - start;
  free(matrix);
  return seconds;
}

static void time_commits(const char *folder, const commit_case *c) {
  magpie *ix = open_magpie(folder, c->name);
  sqlite_peer peer = open_sqlite(folder, c->is_indexed);
  double ours[ROUNDS], peers[ROUNDS];
  const size_t count = c->commits * c->size;
  for (size_t round = 0; round < ROUNDS; round++) {
    row *rows = rows_of(count, round * count);
    ours[round] = (double)count / time_ours(ix, c, rows, round * count);
    const double start = now();
    for (size_t i = 0; i < c->commits; i++) insert(&peer, c->has_text, rows + i * c->size, c->size);
    peers[round] = (double)count / (now() - start);
    free(rows);
  }
  close_sqlite(&peer, folder);
  magpie_close(&ix);
  print_case(c->name, ours, peers, ROUNDS, c->peer);
}

static const commit_case COMMITS[] = {
    {"commit_1", SINGLES, 1, true, false, "items a second: SQLite WAL FULL with the same rows"},
    {"commit_1_indexed", SINGLES, 1, true, true, "the same with a unique id and FTS5 of the text"},
    {"commit_1000", BATCHES, BATCH, true, false,
     "items a second: SQLite WAL FULL with the same rows"},
    {"commit_1000_indexed", BATCHES, BATCH, true, true,
     "the same with a unique id and FTS5 of the text"},
    {"commit_1000_vectors", BATCHES, BATCH, false, false,
     "vectors a second: SQLite WAL FULL with the same rows without text"},
};

/* ---- bulk vectors beside the disk ---------------------------------------------------------------
 */

static double write_rate(const char *folder, const row *rows, size_t count) {
  char path[512];
  snprintf(path, sizeof path, "%s/plain", folder);
  const double start = now();
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (fd < 0) stop(path, "cannot be made");
  for (size_t i = 0; i < count; i++)
    if (write(fd, rows[i].vector, sizeof rows[i].vector) != (ssize_t)sizeof rows[i].vector)
      stop(path, "cannot be written");
  if (fsync(fd) != 0) stop(path, "cannot be synced");
  const double seconds = now() - start;
  close(fd);
  unlink(path);
  return (double)count * DIM * sizeof(float) / 1e6 / seconds;
}

static void time_bulk(const char *folder) {
  magpie *ix = open_magpie(folder, "bulk");
  double ours[ROUNDS], peers[ROUNDS];
  for (size_t round = 0; round < ROUNDS; round++) {
    row *rows = rows_of(BULK, round * BULK);
    float *matrix = matrix_of(rows, BULK);
    const double start = now();
    add_matrix(ix, matrix, BULK, round * BULK);
    ours[round] = (double)BULK * DIM * sizeof(float) / 1e6 / (now() - start);
    peers[round] = write_rate(folder, rows, BULK);
    free(matrix);
    free(rows);
  }
  magpie_close(&ix);
  print_case("bulk_vectors_mb", ours, peers, ROUNDS, "MB a second: write and fsync of the vectors");
}

/* ---- from nothing to the first answer -----------------------------------------------------------
 */

static int first_answer(const char *folder) {
  const char *started = getenv("BENCH_STARTED");
  row *rows = rows_of(BATCH, 0);
  magpie *ix = open_magpie(folder, "first");
  add(ix, rows, BATCH);
  const magpie_part part = {.vector = rows[7].vector, .vector_dim = DIM, .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  magpie_result *result = NULL;
  magpie_error err;
  if (magpie_search(ix, &query, &result, &err) != MAGPIE_OK) stop("search", err.message);
  if (magpie_result_count(result) == 0 || strcmp(magpie_result_hit(result, 0)->id, "r7#1") != 0)
    stop("search", "another item came first");
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  printf("%.6f\n", (double)t.tv_sec + (double)t.tv_nsec / 1e9 - (started ? atof(started) : 0));
  return 0; /* without closing: the answer is there */
}

static double run_first(const char *self, const char *folder) {
  char command[1200];
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  snprintf(command, sizeof command, "BENCH_STARTED=%lld.%09ld '%s' first '%s'", (long long)t.tv_sec,
           t.tv_nsec, self, folder);
  FILE *out = popen(command, "r");
  double seconds = 0;
  if (!out || fscanf(out, "%lf", &seconds) != 1) stop("first answer", "no figure");
  pclose(out);
  return seconds;
}

static void time_first(const char *self, const char *folder) {
  double ours[ROUNDS], bar[ROUNDS];
  char path[512];
  snprintf(path, sizeof path, "%s/first.mgp", folder);
  for (size_t round = 0; round < ROUNDS; round++) {
    ours[round] = run_first(self, folder);
    bar[round] = 0.05;
    mgp_directory_remove(path, NULL);
  }
  print_case("first_answer_s", ours, bar, ROUNDS, "seconds: the bar of 0.05");
}

static int is_asked(const char *name, const char *only) {
  return !only[0] || strcmp(name, only) == 0;
}

int main(int count, char **arguments) {
  mallopt(M_TRIM_THRESHOLD, 4 << 20); /* as the command does */
  if (count == 3 && strcmp(arguments[1], "first") == 0) return first_answer(arguments[2]);
  char folder[400];
  snprintf(folder, sizeof folder, "%s/bench-store-XXXXXX", count > 1 ? arguments[1] : "/var/tmp");
  if (!mkdtemp(folder)) stop(folder, "cannot be made");
  printf("case,magpie,peer,ratio,unit\n");
  const char *only = count > 2 ? arguments[2] : "";
  for (size_t i = 0; i < sizeof COMMITS / sizeof *COMMITS; i++)
    if (is_asked(COMMITS[i].name, only)) time_commits(folder, &COMMITS[i]);
  if (is_asked("bulk_vectors_mb", only)) time_bulk(folder);
  if (is_asked("first_answer_s", only)) time_first(arguments[0], folder);
  mgp_directory_remove(folder, NULL);
  return 0;
}
