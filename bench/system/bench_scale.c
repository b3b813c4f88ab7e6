/* SPDX-License-Identifier: Apache-2.0
 *
 * A large index through the public API: items with text and a 384-d vector, added in batches of
 * 1,000. Prints CSV: what, value, unit, bar. BENCH_ITEMS (default 1,000,000) says how many.
 *
 *   bench_scale [FOLDER]   in a new folder below FOLDER (default: /var/tmp); 2 GB for each million
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "magpie/magpie.h"

#define DIM 384
#define BATCH 1000
#define TEXT_BYTES 80
#define SEARCHES 40
#define OPENS 9

static void stop(const char *what, const char *why) {
  fprintf(stderr, "bench_scale: %s: %s\n", what, why);
  exit(1);
}

static void print(const char *what, double value, const char *unit, const char *bar) {
  printf("%s,%.5g,%s,%s\n", what, value, unit, bar);
  fflush(stdout);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(double *values, size_t count, double q) {
  qsort(values, count, sizeof *values, by_value);
  return values[(size_t)(q * (double)(count - 1) + 0.5)];
}

/* ---- data ---------------------------------------------------------------------------------------
 */

static uint32_t draw(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33);
}

/* The same number gives the same vector and text. */
static void make_vector(size_t number, float *out) {
  uint64_t state = number * 2 + 1;
  for (size_t i = 0; i < DIM; i++) out[i] = (float)(draw(&state) % 2001) / 1000 - 1.0005f;
}

static void make_text(size_t number, char *out) {
  uint64_t state = number * 2 + 7777777;
  size_t size = 0;
  while (size + 12 < TEXT_BYTES) {
    /* products of small numbers: some words are frequent, most are rare */
    const uint32_t word = (draw(&state) % 300) * (draw(&state) % 300);
    size += (size_t)snprintf(out + size, TEXT_BYTES - size, "word%u ", word);
  }
}

/* ---- the index ----------------------------------------------------------------------------------
 */

static magpie *open_index(const char *path, bool read_only) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.read_only = read_only;
  options.pack_path = "/nonexistent"; /* the vectors are given */
  magpie *ix = NULL;
  magpie_error err;
  if (magpie_open(path, &options, &ix, &err) != MAGPIE_OK) stop(path, err.message);
  return ix;
}

static uint64_t bytes_written(void) {
  FILE *file = fopen("/proc/self/io", "r");
  char line[128];
  unsigned long long bytes = 0;
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "write_bytes: %llu", &bytes) == 1) break;
  if (file) fclose(file);
  return bytes;
}

static double load(magpie *ix, size_t items) {
  float *vectors = calloc(BATCH, DIM * sizeof *vectors);
  char(*texts)[TEXT_BYTES] = calloc(BATCH, TEXT_BYTES), (*ids)[24] = calloc(BATCH, 24);
  magpie_record *records = calloc(BATCH, sizeof *records);
  if (!vectors || !texts || !ids || !records) stop("load", "no memory");
  double seconds = 0;
  for (size_t from = 0; from < items; from += BATCH) {
    const size_t count = items - from < BATCH ? items - from : BATCH;
    for (size_t i = 0; i < count; i++) {
      make_vector(from + i, vectors + i * DIM);
      make_text(from + i, texts[i]);
      snprintf(ids[i], sizeof ids[i], "r%zu", from + i);
      records[i] =
          (magpie_record){.id = ids[i], .text = texts[i], .vector = vectors + i * DIM, .dim = DIM};
    }
    magpie_error err;
    const double start = mgp_clock_seconds();
    if (magpie_add_records(ix, records, count, NULL, NULL, &err) != MAGPIE_OK)
      stop("magpie_add_records", err.message);
    seconds += mgp_clock_seconds() - start;
    if ((from / BATCH) % 100 == 99) fprintf(stderr, "%zu items, %.0f s\n", from + count, seconds);
  }
  free(vectors), free(texts), free(ids), free(records);
  return seconds;
}

/* A space of one vector: searching it opens everything that opening opens, and no large space. */
static void add_beacon(magpie *ix) {
  const float vector[2] = {1, 0};
  const magpie_record record = {.id = "beacon", .vector = vector, .dim = 2, .space = "beacon"};
  magpie_error err;
  if (magpie_add_records(ix, &record, 1, NULL, NULL, &err) != MAGPIE_OK) stop("add", err.message);
}

static double search(magpie *ix, const magpie_part *part, const char *expected) {
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = part;
  query.part_count = 1;
  query.k = 10;
  query.depth = 10;
  magpie_result *result = NULL;
  magpie_error err;
  const double start = mgp_clock_seconds();
  if (magpie_search(ix, &query, &result, &err) != MAGPIE_OK) stop("search", err.message);
  const double seconds = mgp_clock_seconds() - start;
  if (expected &&
      (magpie_result_count(result) == 0 || strcmp(magpie_result_hit(result, 0)->id, expected) != 0))
    stop("search", "another item came first");
  magpie_result_destroy(result);
  return seconds;
}

static double search_vector(magpie *ix, size_t number) {
  float vector[DIM];
  char expected[32];
  make_vector(number, vector);
  snprintf(expected, sizeof expected, "r%zu#1", number);
  const magpie_part part = {.vector = vector, .vector_dim = DIM, .weight = 1};
  return search(ix, &part, expected);
}

static double search_words(magpie *ix, size_t number) {
  char text[TEXT_BYTES];
  make_text(number, text);
  const magpie_part part = {.text = text, .weight = 1};
  return search(ix, &part, NULL);
}

static double time_open(const char *path) {
  double seconds[OPENS];
  const float vector[2] = {1, 0};
  const magpie_part part = {.vector = vector, .vector_dim = 2, .weight = 1, .space = "beacon"};
  for (size_t i = 0; i < OPENS; i++) {
    const double start = mgp_clock_seconds();
    magpie *ix = open_index(path, true);
    search(ix, &part, "beacon#1");
    seconds[i] = mgp_clock_seconds() - start;
    magpie_close(&ix);
  }
  return quantile(seconds, OPENS, 0.5);
}

static void time_searches(const char *path, size_t items, double *p50, double *p95, bool words) {
  magpie *ix = open_index(path, true);
  double seconds[SEARCHES];
  if (words) search_words(ix, 1);
  else search_vector(ix, 1); /* verifies the files */
  for (size_t i = 0; i < SEARCHES; i++) {
    const size_t number = i * 7919 % items;
    seconds[i] = words ? search_words(ix, number) : search_vector(ix, number);
  }
  *p50 = quantile(seconds, SEARCHES, 0.5);
  *p95 = quantile(seconds, SEARCHES, 0.95);
  magpie_close(&ix);
}

/* ---- merging beside searches --------------------------------------------------------------------
 */

typedef struct merging {
  const char *path;
  double seconds;
} merging;

static void *merge_all(void *context) {
  merging *m = context;
  magpie *ix = open_index(m->path, false);
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = true;
  magpie_error err;
  const double start = mgp_clock_seconds();
  if (magpie_merge(ix, &options, NULL, &err) != MAGPIE_OK) stop("merge", err.message);
  m->seconds = mgp_clock_seconds() - start;
  magpie_close(&ix);
  return NULL;
}

static void time_merge(const char *path, size_t items, double p95) {
  merging m = {.path = path};
  double during = 0, p50 = 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, merge_all, &m) != 0) stop("merge", "no thread");
  time_searches(path, items, &p50, &during, true);
  pthread_join(thread, NULL);
  print("merge_all", m.seconds, "s", "");
  print("words_p95_during_merge", during / p95, "times of that without", "2");
}

static double time_check(const char *path, bool deep) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = deep;
  char *json = NULL;
  magpie_error err;
  const double start = mgp_clock_seconds();
  if (magpie_check(path, &options, &json, &err) != MAGPIE_OK) stop("check", err.message);
  if (!strstr(json, "\"ok\":true") && !strstr(json, "\"ok\": true")) stop("check", json);
  magpie_free(json);
  return mgp_clock_seconds() - start;
}

int main(int count, char **arguments) {
  mallopt(M_TRIM_THRESHOLD, 4 << 20); /* as the command does */
  const char *wanted = getenv("BENCH_ITEMS");
  const size_t items = wanted ? (size_t)atoll(wanted) : 1000000;
  char folder[400], path[512];
  snprintf(folder, sizeof folder, "%s/bench-scale-XXXXXX", count > 1 ? arguments[1] : "/var/tmp");
  if (!mkdtemp(folder)) stop(folder, "cannot be made");
  snprintf(path, sizeof path, "%s/large.mgp", folder);
  printf("what,value,unit,bar\n");
  print("items", (double)items, "items", "");
  const uint64_t before = bytes_written();
  magpie *ix = open_index(path, false);
  const double seconds = load(ix, items);
  add_beacon(ix);
  magpie_close(&ix);
  print("load", (double)items / seconds, "items/s", "");
  print("write_amplification",
        (double)(bytes_written() - before) / ((double)items * (DIM * sizeof(float) + TEXT_BYTES)),
        "bytes written by vectors and texts", "6");
  print("open", time_open(path) * 1e3, "ms", "50");
  double p50 = 0, p95 = 0;
  time_searches(path, items, &p50, &p95, false);
  print("vector_p50", p50 * 1e3, "ms", "");
  print("vector_p95", p95 * 1e3, "ms", "");
  time_searches(path, items, &p50, &p95, true);
  print("words_p50", p50 * 1e3, "ms", "");
  print("words_p95", p95 * 1e3, "ms", "");
  time_merge(path, items, p95);
  print("open_after_merge", time_open(path) * 1e3, "ms", "50");
  print("check", time_check(path, false), "s", "");
  print("check_deep", time_check(path, true), "s", "");
  mgp_directory_remove(folder, NULL);
  return 0;
}
