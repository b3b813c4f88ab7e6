/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact dense search on one core against the memory it must read: 100,000 x 384 f32, k = 100,
 * through mgp_dense_search. The yardstick is the plainest read of the same bytes, wide loads or-ed
 * together. Both take turns, and the medians are compared, so that a slow minute of the machine
 * hits both. Prints one CSV row with its header: bench_dense_scan [rows [dim [rounds]]]
 */
#include <stdlib.h>

#include "index/index.h"

#define TOP_K 100

typedef uint64_t wide __attribute__((vector_size(64)));

#if defined(__x86_64__)
#define FOR_EACH_TIER __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_TIER
#endif

/* `streams` places read in turn, 512 bytes at a time: the prefetchers of some machines do better
 * with several. Independent chains hide the latency of the loads. size: in wides. */
FOR_EACH_TIER static uint64_t read_all(const wide *data, size_t size, size_t streams) {
  const size_t part = size / streams / 8 * 8;
  wide sums[8] = {{0}};
  for (size_t i = 0; i < part; i += 8)
    for (size_t s = 0; s < streams; s++)
      for (size_t j = 0; j < 8; j++) sums[j] |= data[s * part + i + j];
  for (size_t i = part * streams; i < size; i++) sums[0] |= data[i];
  uint64_t sum = 0;
  for (size_t j = 0; j < 8; j++)
    for (size_t lane = 0; lane < 8; lane++) sum |= sums[j][lane];
  return sum;
}

static int compare_seconds(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds, size_t count) {
  qsort(seconds, count, sizeof *seconds, compare_seconds);
  return seconds[count / 2];
}

static double time_search(const mgp_dense_view *view, const float *query) {
  static mgp_scored storage[TOP_K];
  mgp_topk top;
  mgp_topk_init(&top, storage, TOP_K);
  magpie_error err = {0};
  const double started = mgp_clock_seconds();
  if (mgp_dense_search(view, 1, query, NULL, NULL, NULL, &top, &err) != MAGPIE_OK) {
    fprintf(stderr, "bench_dense_scan: %s\n", err.message);
    exit(1);
  }
  mgp_topk_sort(&top);
  return mgp_clock_seconds() - started;
}

static double time_read(const float *values, size_t size, size_t streams, volatile uint64_t *sink) {
  const double started = mgp_clock_seconds();
  *sink = read_all((const wide *)(const void *)values, size / sizeof(wide), streams);
  return mgp_clock_seconds() - started;
}

static size_t argument(int count, char **values, int index, size_t fallback) {
  const size_t value = count > index ? strtoull(values[index], NULL, 10) : 0;
  return value ? value : fallback;
}

int main(int argc, char **argv) {
  const size_t rows = argument(argc, argv, 1, 100000), dim = argument(argc, argv, 2, 384);
  const size_t rounds = argument(argc, argv, 3, 41), stride = mgp_dense_stride(dim);
  const size_t size = rows * stride * sizeof(float);
  float *values = aligned_alloc(64, size), *query = calloc(dim, sizeof *query);
  uint64_t *ids = calloc(rows, sizeof *ids);
  double *searches = calloc(rounds, sizeof *searches), *reads = calloc(rounds, sizeof *reads),
         *reads4 = calloc(rounds, sizeof *reads4);
  if (!values || !query || !ids || !searches || !reads || !reads4) return 1;
  uint32_t state = 1;
  for (size_t i = 0; i < size / sizeof(float); i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
  }
  for (size_t i = 0; i < dim; i++) query[i] = values[i * 7 % (rows * stride)];
  for (size_t i = 0; i < rows; i++) ids[i] = i;
  const mgp_dense_view view = {
      .rows = values, .ids = ids, .count = rows, .dim = dim, .stride = stride};
  volatile uint64_t sink = 0;
  (void)time_search(&view, query);
  for (size_t i = 0; i < rounds; i++) {
    reads[i] = time_read(values, size, 1, &sink);
    reads4[i] = time_read(values, size, 4, &sink);
    searches[i] = time_search(&view, query);
  }
  const double search = median(searches, rounds), one = median(reads, rounds);
  const double four = median(reads4, rounds), read = one < four ? one : four;
  const double bytes = (double)(rows * stride * sizeof(float));
  printf("bench,tier,rows,dim,k,threads,rounds,search_ms,search_gb_s,read_gb_s,ratio\n");
  printf("dense_scan,%s,%zu,%zu,%d,1,%zu,%.3f,%.2f,%.2f,%.3f\n", mgp_kernels_get()->tier, rows, dim,
         TOP_K, rounds, search * 1e3, bytes / search / 1e9, bytes / read / 1e9, read / search);
  free(values);
  free(query);
  free(ids);
  free(searches);
  free(reads);
  free(reads4);
  return 0;
}
