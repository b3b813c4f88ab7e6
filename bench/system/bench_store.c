/* SPDX-License-Identifier: Apache-2.0
 *
 * The store beside SQLite and the disk, through the public API: durable commits of one and of 1,000
 * items, bulk adding of vectors, and from nothing to the first answer. Prints CSV: case, magpie,
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

static sqlite3 *open_sqlite(const char *folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/peer.sqlite", folder);
  sqlite3 *db = NULL;
  if (sqlite3_open(path, &db) != SQLITE_OK ||
      sqlite3_exec(
          db,
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (n INTEGER "
          "PRIMARY KEY, id TEXT, text TEXT, vector BLOB)",
          NULL, NULL, NULL) != SQLITE_OK)
    stop(path, "SQLite");
  return db;
}

static void insert(sqlite3 *db, sqlite3_stmt *statement, const row *rows, size_t count) {
  sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
  for (size_t i = 0; i < count; i++) {
    sqlite3_bind_text(statement, 1, rows[i].id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, rows[i].text, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 3, rows[i].vector, sizeof rows[i].vector, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE) stop("insert", sqlite3_errmsg(db));
    sqlite3_reset(statement);
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

static void time_commits(const char *folder, const char *name, size_t commits, size_t size) {
  magpie *ix = open_magpie(folder, name);
  sqlite3 *db = open_sqlite(folder);
  sqlite3_stmt *statement = NULL;
  sqlite3_prepare_v2(db, "INSERT INTO t (id, text, vector) VALUES (?1, ?2, ?3)", -1, &statement,
                     NULL);
  double ours[ROUNDS], peers[ROUNDS];
  const size_t count = commits * size;
  for (size_t round = 0; round < ROUNDS; round++) {
    row *rows = rows_of(count, round * count);
    double start = now();
    for (size_t i = 0; i < commits; i++) add(ix, rows + i * size, size);
    ours[round] = (double)count / (now() - start);
    start = now();
    for (size_t i = 0; i < commits; i++) insert(db, statement, rows + i * size, size);
    peers[round] = (double)count / (now() - start);
    free(rows);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  magpie_close(&ix);
  char path[512];
  snprintf(path, sizeof path, "%s/peer.sqlite", folder);
  unlink(path);
  print_case(name, ours, peers, ROUNDS, "items a second: SQLite WAL FULL with the same rows");
}

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
  if (is_asked("commit_1", only)) time_commits(folder, "commit_1", SINGLES, 1);
  if (is_asked("commit_1000", only)) time_commits(folder, "commit_1000", BATCHES, BATCH);
  if (is_asked("bulk_vectors_mb", only)) time_bulk(folder);
  if (is_asked("first_answer_s", only)) time_first(arguments[0], folder);
  mgp_directory_remove(folder, NULL);
  return 0;
}
