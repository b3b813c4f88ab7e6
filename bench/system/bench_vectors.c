/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie_space_add_vectors beside the disk: a new index gets vectors, and the same bytes are
 * written to one plain file and fsynced; both take turns. Prints CSV: case, dim, MB/s of both,
 * their ratio (medians of rounds).
 *
 *   bench_vectors [FOLDER [MEGABYTES]]  in a new folder below FOLDER (/var/tmp), 600 MB a round
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "magpie/vectors.h"

#define ROUNDS 5

static void stop(const char *what, const char *why) {
  fprintf(stderr, "bench_vectors: %s: %s\n", what, why);
  exit(1);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const double *values) {
  double sorted[ROUNDS];
  memcpy(sorted, values, sizeof sorted);
  qsort(sorted, ROUNDS, sizeof *sorted, by_value);
  return sorted[ROUNDS / 2];
}

static double add(const char *folder, const float *rows, size_t n, size_t dim) {
  char path[512];
  snprintf(path, sizeof path, "%s/bulk.mgp", folder);
  magpie *ix = NULL;
  magpie_error err;
  if (magpie_open(path, NULL, &ix, &err) != MAGPIE_OK) stop(path, err.message);
  const double start = mgp_clock_seconds();
  if (magpie_space_add_vectors(ix, NULL, NULL, rows, n, dim, NULL, NULL, &err) != MAGPIE_OK)
    stop("magpie_space_add_vectors", err.message);
  const double seconds = mgp_clock_seconds() - start;
  magpie_close(&ix);
  mgp_directory_remove(path, NULL);
  return seconds;
}

static double write_plain(const char *folder, const float *rows, size_t bytes) {
  char path[512];
  snprintf(path, sizeof path, "%s/plain", folder);
  const double start = mgp_clock_seconds();
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const char *from = (const char *)rows;
  for (size_t at = 0; at < bytes;) {
    const size_t left = bytes - at, size = left < (1u << 20) ? left : 1u << 20;
    const ssize_t got = write(fd, from + at, size);
    if (got <= 0) stop(path, "cannot be written");
    at += (size_t)got;
  }
  if (fsync(fd) != 0) stop(path, "cannot be synced");
  const double seconds = mgp_clock_seconds() - start;
  close(fd);
  unlink(path);
  return seconds;
}

static void time_dim(const char *folder, size_t dim, size_t bytes) {
  const size_t n = bytes / (dim * sizeof(float));
  float *rows = malloc(n * dim * sizeof *rows);
  if (!rows) stop("rows", "no memory");
  uint64_t state = dim;
  for (size_t i = 0; i < n * dim; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    rows[i] = (float)(state >> 40) / 8388608 - 1;
  }
  double ours[ROUNDS], peers[ROUNDS], ratios[ROUNDS];
  for (size_t i = 0; i < ROUNDS; i++) {
    ours[i] = (double)(n * dim * sizeof *rows) / 1e6 / add(folder, rows, n, dim);
    peers[i] =
        (double)(n * dim * sizeof *rows) / 1e6 / write_plain(folder, rows, n * dim * sizeof *rows);
    ratios[i] = ours[i] / peers[i];
  }
  printf("add_vectors,%zu,%zu,%.0f,%.0f,%.3f\n", dim, n, median(ours), median(peers),
         median(ratios));
  fflush(stdout);
  free(rows);
}

int main(int count, char **arguments) {
  char folder[400];
  snprintf(folder, sizeof folder, "%s/bench-vectors-XXXXXX", count > 1 ? arguments[1] : "/var/tmp");
  if (!mkdtemp(folder)) stop(folder, "cannot be made");
  const size_t bytes = (size_t)(count > 2 ? atoi(arguments[2]) : 600) * 1000000;
  printf("case,dim,vectors,magpie_mb_s,disk_mb_s,ratio\n");
  static const size_t dims[] = {128, 384, 768, 1536};
  for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) time_dim(folder, dims[i], bytes);
  mgp_directory_remove(folder, NULL);
  return 0;
}
