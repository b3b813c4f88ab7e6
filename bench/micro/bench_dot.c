/* SPDX-License-Identifier: Apache-2.0
 *
 * The row kernels of every tier on one core beside a plain read of the same memory: 100,000 x 384
 * f32. The yardstick or-s wide loads together, in one stream or in four, whichever is faster here.
 * All take turns in every round and medians are compared, so that a slow minute of the machine hits
 * each alike. Prints CSV rows with their header: bench_dot [rows [dim [rounds]]]
 */
#include <stdlib.h>

#include "base/base.h"
#include "kernels/kernels.h"

#define TIERS_MAX 8
#define ROUNDS_MAX 1001

typedef uint64_t wide __attribute__((vector_size(64)));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FOR_EACH_TIER __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_TIER
#endif

typedef struct run {
  const char *kernel, *tier;
  void (*fn)(const float *, const float *, size_t, size_t, size_t, float *); /* NULL: a read */
  size_t streams;                                                            /* of a read */
  double seconds[ROUNDS_MAX];
} run;

typedef struct data {
  float *query, *rows, *out;
  size_t dim, count;
  volatile uint64_t sink;
} data;

/* `streams` places read in turn, 512 bytes at a time, in independent chains. size: in wides. */
FOR_EACH_TIER static uint64_t read_all(const wide *from, size_t size, size_t streams) {
  const size_t part = size / streams / 8 * 8;
  wide sums[8] = {{0}};
  for (size_t i = 0; i < part; i += 8)
    for (size_t s = 0; s < streams; s++)
      for (size_t j = 0; j < 8; j++) sums[j] |= from[s * part + i + j];
  for (size_t i = part * streams; i < size; i++) sums[0] |= from[i];
  uint64_t sum = 0;
  for (size_t j = 0; j < 8; j++)
    for (size_t lane = 0; lane < 8; lane++) sum |= sums[j][lane];
  return sum;
}

static size_t data_size(const data *d) {
  return d->count * d->dim * sizeof(float);
}

static void take_turn(data *d, run *r, size_t round) {
  const double started = mgp_clock_seconds();
  if (r->fn) r->fn(d->query, d->rows, d->dim, d->dim, d->count, d->out);
  else
    d->sink =
        read_all((const wide *)(const void *)d->rows, data_size(d) / sizeof(wide), r->streams);
  r->seconds[round] = mgp_clock_seconds() - started;
}

static int compare_seconds(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(run *r, size_t rounds) {
  qsort(r->seconds, rounds, sizeof *r->seconds, compare_seconds);
  return r->seconds[rounds / 2];
}

/* Two reads first, then the row kernels of each tier that this machine has. */
static size_t list_runs(run *runs) {
  size_t count = 0;
  runs[count++] = (run){.kernel = "read", .tier = "1 stream", .streams = 1};
  runs[count++] = (run){.kernel = "read", .tier = "4 streams", .streams = 4};
  for (const char *const *name = mgp_kernels_tiers(); *name && count + 2 <= 2 + 2 * TIERS_MAX;
       name++) {
    const mgp_kernels *k = mgp_kernels_tier(*name);
    if (!k) continue;
    runs[count++] = (run){.kernel = "dot_rows", .tier = k->tier, .fn = k->dot_rows_f32};
    runs[count++] =
        (run){.kernel = "l2_squared_rows", .tier = k->tier, .fn = k->l2_squared_rows_f32};
  }
  return count;
}

static bool make_data(data *d) {
  d->query = calloc(d->dim, sizeof(float));
  d->rows = aligned_alloc(64, (data_size(d) + 63) / 64 * 64);
  d->out = calloc(d->count, sizeof(float));
  if (!d->query || !d->rows || !d->out) return false;
  uint32_t state = 1;
  for (size_t i = 0; i < d->count * d->dim; i++) {
    state = state * 1664525u + 1013904223u;
    d->rows[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
  }
  memcpy(d->query, d->rows, d->dim * sizeof(float));
  return true;
}

static size_t argument(int count, char **values, int index, size_t fallback) {
  const size_t value = count > index ? strtoull(values[index], NULL, 10) : 0;
  return value ? value : fallback;
}

int main(int argc, char **argv) {
  data d = {.count = argument(argc, argv, 1, 100000), .dim = argument(argc, argv, 2, 384)};
  size_t rounds = argument(argc, argv, 3, 31);
  if (rounds > ROUNDS_MAX) rounds = ROUNDS_MAX;
  static run runs[2 + 2 * TIERS_MAX];
  const size_t run_count = list_runs(runs);
  if (d.count > SIZE_MAX / sizeof(float) / d.dim || !make_data(&d)) {
    fprintf(stderr, "bench_dot: no memory for %zu rows of %zu\n", d.count, d.dim);
    return 1;
  }
  for (size_t round = 0; round < rounds; round++)
    for (size_t i = 0; i < run_count; i++) take_turn(&d, &runs[i], round);
  const double one = median(&runs[0], rounds), four = median(&runs[1], rounds);
  const double read = one < four ? one : four, size = (double)data_size(&d);
  printf("bench,kernel,tier,rows,dim,threads,rounds,median_ms,gb_s,ratio_to_read\n");
  for (size_t i = 0; i < run_count; i++) {
    const double seconds = median(&runs[i], rounds);
    printf("dot,%s,%s,%zu,%zu,1,%zu,%.3f,%.2f,%.3f\n", runs[i].kernel, runs[i].tier, d.count, d.dim,
           rounds, seconds * 1e3, size / seconds / 1e9, read / seconds);
  }
  free(d.query);
  free(d.rows);
  free(d.out);
  return 0;
}
