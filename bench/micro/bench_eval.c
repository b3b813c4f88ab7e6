/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluation and fusion, one thread: nDCG@10 of a run in memory with its ranking, all usual
 * measures with reading both files, RRF of two runs. Hits lie in memory in a random order, so that
 * the selection of the best is part of the time; a run once ranked stays ranked, so the run is
 * made anew each round, outside of the time. Values are medians.
 *
 *     bench_eval [QUERIES DOCUMENTS ROUNDS]         runs of its own making, one CSV row each
 *     bench_eval --files QRELS RUN OTHER [ROUNDS]   the same for files; bench/system/bench_eval.py
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "magpie/eval.h"

#define JUDGED 20

static const char *const all_measures[] = {"nDCG@10", "nDCG",  "P@10", "R@100", "AP",
                                           "AP@100",  "Rprec", "RR",   "Bpref", "Success@10"};
#define MEASURE_COUNT (sizeof all_measures / sizeof *all_measures)

static void must(magpie_status status, const magpie_error *err) {
  if (status == MAGPIE_OK) return;
  fprintf(stderr, "bench_eval: %s\n", err->message);
  exit(1);
}

static int compare_seconds(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct timing {
  double seconds[64];
  size_t count;
  double value; /* what was computed, to be compared with a peer's */
} timing;

static void print_row(const char *what, timing *t) {
  qsort(t->seconds, t->count, sizeof *t->seconds, compare_seconds);
  printf("%s,%.6f,%.6f,%.6f,%.12g\n", what, t->seconds[t->count / 2], t->seconds[0],
         t->seconds[t->count - 1], t->value);
}

static void copy_run(const magpie_run *from, magpie_run **out) {
  magpie_error err = {0};
  uint32_t seed = 1;
  must(magpie_run_create(out, &err), &err);
  for (size_t q = 0; q < magpie_run_query_count(from); q++) {
    const char *query = magpie_run_query(from, q);
    const magpie_run_hit *hits = NULL;
    const size_t count = magpie_run_hits(from, query, &hits);
    magpie_run_hit *shuffled = malloc((count + 1) * sizeof *shuffled);
    if (!shuffled) exit(1);
    for (size_t i = 0; i < count; i++) { /* inside-out Fisher-Yates */
      seed = seed * 1664525u + 1013904223u;
      const size_t j = (size_t)((uint64_t)seed * (i + 1) >> 32);
      shuffled[i] = shuffled[j];
      shuffled[j] = hits[i];
    }
    for (size_t i = 0; i < count; i++)
      must(magpie_run_add(*out, query, shuffled[i].document, (double)shuffled[i].score, &err),
           &err);
    free(shuffled);
  }
}

static double time_measures(const magpie_qrels *qrels, const magpie_run *run, size_t count,
                            double *value) {
  magpie_error err = {0};
  magpie_scores *scores = NULL;
  const double started = mgp_clock_seconds();
  must(magpie_evaluate(qrels, run, all_measures, count, NULL, &scores, &err), &err);
  const double seconds = mgp_clock_seconds() - started;
  *value = magpie_scores_mean(scores, 0);
  magpie_scores_destroy(scores);
  return seconds;
}

static void time_memory(const char *qrels_file, const char *run_file, const char *other_file,
                        size_t rounds) {
  magpie_error err = {0};
  magpie_qrels *qrels = NULL;
  magpie_run *read[2] = {NULL, NULL};
  must(magpie_qrels_read(qrels_file, &qrels, &err), &err);
  must(magpie_run_read(run_file, &read[0], &err), &err);
  must(magpie_run_read(other_file, &read[1], &err), &err);
  timing ndcg = {0}, all = {0}, fusion = {0}, ranked_fusion = {0};
  for (size_t i = 0; i < rounds; i++) {
    magpie_run *runs[2] = {NULL, NULL}, *fused = NULL;
    for (size_t r = 0; r < 2; r++) copy_run(read[r], &runs[r]);
    ndcg.seconds[ndcg.count++] = time_measures(qrels, runs[0], 1, &ndcg.value);
    all.seconds[all.count++] = time_measures(qrels, runs[0], MEASURE_COUNT, &all.value);
    magpie_run_destroy(runs[0]);
    copy_run(read[0], &runs[0]);
    for (size_t pass = 0; pass < 2; pass++) { /* the second time both runs are ranked already */
      timing *t = pass ? &ranked_fusion : &fusion;
      const double started = mgp_clock_seconds();
      must(magpie_run_fuse((const magpie_run *const *)runs, NULL, 2, 60, 0, &fused, &err), &err);
      t->seconds[t->count++] = mgp_clock_seconds() - started;
      (void)time_measures(qrels, fused, 1, &t->value);
      magpie_run_destroy(fused);
    }
    for (size_t r = 0; r < 2; r++) magpie_run_destroy(runs[r]);
  }
  print_row("nDCG@10 of an unsorted run in memory", &ndcg);
  print_row("10 measures of an unsorted run in memory", &all);
  print_row("RRF of two unsorted runs in memory", &fusion);
  print_row("RRF of two ranked runs in memory", &ranked_fusion);
  magpie_qrels_destroy(qrels);
  for (size_t r = 0; r < 2; r++) magpie_run_destroy(read[r]);
}

static void time_files(const char *qrels_file, const char *run_file, size_t rounds) {
  timing t = {0};
  magpie_error err = {0};
  for (size_t i = 0; i < rounds; i++) {
    magpie_qrels *qrels = NULL;
    magpie_run *run = NULL;
    const double started = mgp_clock_seconds();
    must(magpie_qrels_read(qrels_file, &qrels, &err), &err);
    must(magpie_run_read(run_file, &run, &err), &err);
    (void)time_measures(qrels, run, MEASURE_COUNT, &t.value);
    magpie_run_destroy(run);
    magpie_qrels_destroy(qrels);
    t.seconds[t.count++] = mgp_clock_seconds() - started;
  }
  print_row("10 measures with reading both files", &t);
}

/* Runs of `documents` hits out of 20 times as many documents, JUDGED judged a query. */
static void make_files(size_t queries, size_t documents, char names[3][40]) {
  uint32_t seed = 5;
  const size_t pool = documents * 20;
  for (size_t f = 0; f < 3; f++) {
    snprintf(names[f], 40, "/tmp/mgp_bench_eval_XXXXXX");
    const int fd = mkstemp(names[f]);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) exit(1);
    const size_t count = f == 0 ? JUDGED : documents;
    for (size_t q = 0; q < queries; q++) {
      seed = seed * 1664525u + 1013904223u;
      const size_t start = seed % pool;
      for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        const size_t document = (start + i * (pool / count) + seed % (pool / count)) % pool;
        if (f == 0) fprintf(file, "q%zu 0 d%zu %u\n", q, document, seed >> 30);
        else
          fprintf(file, "q%zu Q0 d%zu %zu %.6f bench\n", q, document, i + 1,
                  (double)(seed >> 8) / 1e4);
      }
    }
    fclose(file);
  }
}

static size_t argument(int count, char **values, int index, size_t fallback) {
  const size_t value = count > index ? strtoull(values[index], NULL, 10) : 0;
  return value ? value : fallback;
}

int main(int argc, char **argv) {
  const bool has_files = argc >= 5 && strcmp(argv[1], "--files") == 0;
  size_t rounds = argument(argc, argv, has_files ? 5 : 3, 5);
  if (rounds > 64) rounds = 64;
  char made[3][40] = {"", "", ""};
  const char *files[3];
  if (!has_files) make_files(argument(argc, argv, 1, 1000), argument(argc, argv, 2, 1000), made);
  for (size_t f = 0; f < 3; f++) files[f] = has_files ? argv[2 + f] : made[f];
  printf("what,seconds,low,high,ndcg10\n");
  time_memory(files[0], files[1], files[2], rounds);
  time_files(files[0], files[1], rounds);
  for (size_t f = 0; f < 3 && !has_files; f++) unlink(made[f]);
  return 0;
}
