/* SPDX-License-Identifier: Apache-2.0
 *
 * The clustered index on vectors larger than memory: recall@10, queries a second with warm and with
 * cold pages, what is read. Run by bench_large.py, which gives it a ceiling of memory.
 *
 *   make FROM.npy ROWS OUT          real rows, then mixtures of two of them with noise, of length 1
 *   truth ROWS.f32 DIM Q.npy N OUT  the exact best 10 of N queries
 *   build ROWS.f32 DIM OUT MiB      the index, with so much for the allocator
 *   search ROWS.f32 DIM INDEX Q.npy TRUTH FROM COUNT RECALL cold|warm|rows
 *
 * `cold` drops the pages of both files before every query, `rows` those of the vectors alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/cluster_index.h"
#include "index/scan.h"

#define K ((size_t)10)

static void must(bool is_true, const char *what) {
  if (is_true) return;
  fprintf(stderr, "bench_large: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void must_do(magpie_status status, const magpie_error *err) {
  if (status == MAGPIE_OK) return;
  fprintf(stderr, "bench_large: %s\n", err->message);
  exit(1);
}

static float *read_npy(const char *path, size_t *rows, size_t *dim) {
  FILE *file = fopen(path, "rb");
  char head[128] = {0};
  must(file && fread(head, 1, sizeof head, file) == sizeof head, path);
  const char *shape = strstr(head + 10, "'shape': (");
  must(shape && sscanf(shape, "'shape': (%zu, %zu)", rows, dim) == 2, "shape");
  float *values = malloc(*rows * *dim * sizeof(float));
  must(values && fread(values, sizeof(float), *rows * *dim, file) == *rows * *dim, path);
  fclose(file);
  return values;
}

static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static float unit(uint64_t *state) {
  return (float)(next_random(state) >> 40) * 0x1p-24f;
}

/* ---- make -------------------------------------------------------------------------------------
 */

/* Row i of the real set, t of another (t even in 0 .. 0.6) and noise a third as long as a row. */
static void mix(const float *real, size_t count, size_t dim, uint64_t *state, float *out) {
  const float *a = real + next_random(state) % count * dim;
  const float *b = real + next_random(state) % count * dim;
  const float t = 0.6f * unit(state), noise = 0.33f * sqrtf(12.0f / (float)dim);
  for (size_t j = 0; j < dim; j++) out[j] = a[j] + t * b[j] + noise * (unit(state) - 0.5f);
  mgp_normalise_f32(out, dim);
}

static void make(const char *from, size_t rows, const char *to) {
  size_t count, dim;
  uint64_t state = 4000000;
  float *real = read_npy(from, &count, &dim), *row = malloc(dim * sizeof *row);
  FILE *file = fopen(to, "wb");
  must(file != NULL, to);
  for (size_t i = 0; i < rows; i++) {
    if (i < count) memcpy(row, real + i * dim, dim * sizeof *row);
    else mix(real, count, dim, &state, row);
    must(fwrite(row, sizeof *row, dim, file) == dim, to);
  }
  must(fclose(file) == 0, to);
  free(row);
  free(real);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static mgp_graph_rows open_rows(const char *path, size_t dim, mgp_map *map) {
  magpie_error err = {0};
  must_do(mgp_map_open(path, map, &err), &err);
  return (mgp_graph_rows){.rows = (const float *)(const void *)map->data,
                          .count = map->size / dim / sizeof(float),
                          .dim = dim,
                          .stride = dim};
}

static void drop_pages(const char *path, const mgp_map *map) {
  must(madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED) == 0, "madvise");
  const int fd = open(path, O_RDONLY);
  must(fd >= 0 && fdatasync(fd) == 0, path);
  must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, path);
  close(fd);
}

static void truth(const char *path, size_t dim, const char *asked, size_t n, const char *to) {
  mgp_map map;
  size_t count, query_dim;
  const mgp_graph_rows rows = open_rows(path, dim, &map);
  float *queries = read_npy(asked, &count, &query_dim);
  must(query_dim == dim && n <= count, asked);
  uint64_t *ids = malloc(rows.count * sizeof *ids);
  for (size_t i = 0; i < rows.count; i++) ids[i] = i;
  const mgp_dense_view view = {
      .rows = rows.rows, .ids = ids, .count = rows.count, .dim = dim, .stride = dim};
  mgp_scored *storage = calloc(n * K, sizeof *storage);
  mgp_topk *tops = calloc(n, sizeof *tops);
  for (size_t q = 0; q < n; q++) mgp_topk_init(&tops[q], storage + q * K, K);
  magpie_error err = {0};
  mgp_pool *pool = NULL;
  must_do(mgp_pool_create(0, &pool, &err), &err);
  must_do(mgp_dense_search_batch(&view, 1, queries, dim, n, NULL, pool, NULL, tops, &err), &err);
  FILE *file = fopen(to, "wb");
  must(file && fwrite(storage, sizeof *storage, n * K, file) == n * K && fclose(file) == 0, to);
  mgp_pool_destroy(pool);
  mgp_map_close(&map);
}

static magpie_status tell(void *context, double share, magpie_error *err) {
  double *last = context;
  (void)err;
  if (share - *last >= 0.05) fprintf(stderr, "  %.0f %%\n", 100 * (*last = share));
  return MAGPIE_OK;
}

static void build(const char *path, size_t dim, const char *to, uint64_t mib) {
  mgp_map map;
  const mgp_graph_rows rows = open_rows(path, dim, &map);
  mgp_alloc *a = mgp_alloc_create(mib << 20);
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", to);
  *strrchr(folder, '/') = 0;
  double last = 0;
  const mgp_cluster_options o = {
      .metric = MGP_GRAPH_DOT, .spill_folder = folder, .go_on = tell, .context = &last};
  magpie_error err = {0};
  mgp_pool *pool = NULL;
  must_do(mgp_pool_create(0, &pool, &err), &err);
  const double started = mgp_clock_seconds();
  mgp_clusters *c = NULL;
  must_do(mgp_clusters_build(&rows, &o, pool, a, &c, &err), &err);
  const double seconds = mgp_clock_seconds() - started;
  const void *data;
  size_t size;
  mgp_clusters_bytes(c, &data, &size);
  must_do(mgp_file_write_durable(to, data, size, &err), &err);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("build,%zu,%zu,%zu,%zu,%.1f,%.1f,%.1f\n", rows.count, dim, mgp_clusters_lists(c), size,
         seconds, (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec,
         (double)mgp_alloc_peak(a) / 1048576);
  mgp_clusters_close(c);
  mgp_pool_destroy(pool);
  mgp_map_close(&map);
}

/* ---- search -----------------------------------------------------------------------------------
 */

typedef struct run {
  mgp_cluster_searcher *searcher;
  const float *queries;
  const mgp_scored *truth;
  size_t dim, hits, probed, scored, rescored;
  double seconds, cpu_seconds;
} run;

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void ask(run *r, size_t q, double recall) {
  const mgp_cluster_search_options o = {.k = K, .recall = recall};
  mgp_scored hits[K];
  mgp_cluster_stats stats;
  size_t count;
  magpie_error err = {0};
  const double started = mgp_clock_seconds(), cpu_started = cpu_seconds();
  must_do(mgp_clusters_search(r->searcher, r->queries + q * r->dim, &o, hits, &count, &stats, &err),
          &err);
  r->seconds += mgp_clock_seconds() - started;
  r->cpu_seconds += cpu_seconds() - cpu_started;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < K; j++) r->hits += hits[i].id == r->truth[q * K + j].id;
  r->probed += stats.probed;
  r->scored += stats.scored;
  r->rescored += stats.rescored;
}

static void search(char **v) {
  mgp_map rows_map, index_map, truth_map;
  const size_t dim = strtoull(v[1], NULL, 10), from = strtoull(v[5], NULL, 10);
  const size_t count = strtoull(v[6], NULL, 10);
  size_t query_count, query_dim;
  magpie_error err = {0};
  const mgp_graph_rows rows = open_rows(v[0], dim, &rows_map);
  must_do(mgp_map_open(v[2], &index_map, &err), &err);
  must_do(mgp_map_open(v[4], &truth_map, &err), &err);
  run r = {.queries = read_npy(v[3], &query_count, &query_dim),
           .truth = (const mgp_scored *)(const void *)truth_map.data,
           .dim = dim};
  must((from + count) * K * sizeof(mgp_scored) <= truth_map.size, v[4]);
  mgp_clusters *c = NULL;
  must_do(mgp_clusters_open(index_map.data, index_map.size, &rows, NULL, &c, &err), &err);
  must_do(mgp_cluster_searcher_create(c, NULL, &r.searcher, &err), &err);
  for (size_t q = from; q < from + count; q++) {
    if (v[8][0] != 'w') drop_pages(v[0], &rows_map);
    if (v[8][0] == 'c') drop_pages(v[2], &index_map);
    ask(&r, q, strtod(v[7], NULL));
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  const double n = (double)count;
  printf("%s,%s,%zu,%.4f,%.1f,%.1f,%.0f,%.0f,%.0f,%ld,%.1f\n", v[8], v[7], count,
         (double)r.hits / (n * K), n / r.seconds, n / r.cpu_seconds, (double)r.probed / n,
         (double)r.scored / n, (double)r.rescored / n, used.ru_majflt,
         (double)used.ru_maxrss / 1024);
  mgp_cluster_searcher_destroy(r.searcher);
  mgp_clusters_close(c);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 5 && !strcmp(what, "make")) make(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
  else if (argc == 7 && !strcmp(what, "truth"))
    truth(argv[2], strtoull(argv[3], NULL, 10), argv[4], strtoull(argv[5], NULL, 10), argv[6]);
  else if (argc == 6 && !strcmp(what, "build"))
    build(argv[2], strtoull(argv[3], NULL, 10), argv[4], strtoull(argv[5], NULL, 10));
  else if (argc == 11 && !strcmp(what, "search")) search(argv + 2);
  else {
    fprintf(stderr, "usage: see the top of bench_large.c\n");
    return 2;
  }
  return 0;
}
