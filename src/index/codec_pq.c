/* SPDX-License-Identifier: Apache-2.0
 *
 * Product quantisation (Jegou et al. 2011) with 16 centroids a part, looked up by FastScan (arXiv
 * 1704.07355). The state is the centroids, [part][16][numbers of a part]; the last part is padded
 * with zeros.
 */
#include <math.h>

#include "index/codec_private.h"

#define CENTROIDS ((size_t)16)
#define ROUNDS 12
#define SAMPLE_MAX ((size_t)16384)

typedef struct pq_query {
  mgp_fast_query fast;
} pq_query;

static size_t part_size(const mgp_coder *c) {
  return (c->dim + c->groups - 1) / c->groups;
}

static magpie_status init_pq(mgp_coder *c, magpie_error *err) {
  const size_t parts = c->options.parts ? c->options.parts : (c->dim + 3) / 4;
  MGP_RETURN_IF(parts > c->dim, err, MAGPIE_INVALID,
                "codec pq cannot cut %zu numbers into %zu parts", c->dim, parts);
  c->groups = parts;
  c->body = parts / 2 + parts % 2;
  c->padded = parts * part_size(c);
  c->state_count = CENTROIDS * c->padded;
  c->query_size = sizeof(pq_query) + CENTROIDS * parts * (sizeof(float) + 1);
  return MAGPIE_OK;
}

static const float *centroid_of(const mgp_coder *c, size_t part, size_t i) {
  return c->state + (part * CENTROIDS + i) * part_size(c);
}

/* ---- k-means of one part ---- */

typedef struct cluster_job {
  const float *points; /* `size` numbers each */
  size_t size, count;
  float *centroids;
  float *far;    /* squared distance of each point to its centroid */
  uint8_t *near; /* its centroid */
} cluster_job;

static size_t nearest(const float *centroids, size_t size, const float *point, float *distance) {
  size_t best = 0;
  *distance = INFINITY;
  for (size_t i = 0; i < CENTROIDS; i++) {
    float sum = 0;
    for (size_t j = 0; j < size; j++) {
      const float d = point[j] - centroids[i * size + j];
      sum += d * d;
    }
    if (sum < *distance) {
      *distance = sum;
      best = i;
    }
  }
  return best;
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

/* The first centroids by k-means++: far points are likelier. */
static void seed_centroids(cluster_job *job, uint64_t *random) {
  for (size_t p = 0; p < job->count; p++) job->far[p] = INFINITY;
  size_t pick = next_random(random) % job->count;
  for (size_t i = 0; i < CENTROIDS; i++) {
    float *centroid = job->centroids + i * job->size;
    memcpy(centroid, job->points + pick * job->size, job->size * sizeof *centroid);
    double total = 0;
    for (size_t p = 0; p < job->count; p++) {
      float sum = 0;
      for (size_t j = 0; j < job->size; j++) {
        const float d = job->points[p * job->size + j] - centroid[j];
        sum += d * d;
      }
      job->far[p] = fminf(job->far[p], sum);
      total += job->far[p];
    }
    double left = total * (double)next_random(random) / 2147483648.0;
    for (pick = 0; pick + 1 < job->count && (left -= job->far[pick]) > 0;) pick++;
  }
}

static size_t farthest(const cluster_job *job) {
  size_t best = 0;
  for (size_t p = 1; p < job->count; p++)
    if (job->far[p] > job->far[best]) best = p;
  return best;
}

/* Means of the points of each; an empty one moves to the point that is farthest from its own. */
static void move_centroids(cluster_job *job) {
  size_t counts[CENTROIDS] = {0};
  for (size_t p = 0; p < job->count; p++) counts[job->near[p]]++;
  for (size_t i = 0; i < CENTROIDS; i++) {
    float *centroid = job->centroids + i * job->size;
    if (counts[i] == 0) {
      const size_t p = farthest(job);
      memcpy(centroid, job->points + p * job->size, job->size * sizeof *centroid);
      job->far[p] = 0;
      continue;
    }
    for (size_t j = 0; j < job->size; j++) {
      double sum = 0;
      for (size_t p = 0; p < job->count; p++)
        if (job->near[p] == i) sum += job->points[p * job->size + j];
      centroid[j] = (float)(sum / (double)counts[i]);
    }
  }
}

static void cluster(cluster_job *job, uint64_t *random) {
  seed_centroids(job, random);
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t p = 0; p < job->count; p++)
      job->near[p] =
          (uint8_t)nearest(job->centroids, job->size, job->points + p * job->size, &job->far[p]);
    move_centroids(job);
  }
}

static void copy_part(const mgp_coder *c, const float *rows, size_t count, size_t part,
                      float *points, size_t sample) {
  const size_t size = part_size(c), first = part * size;
  for (size_t p = 0; p < sample; p++) {
    const float *row = rows + p * count / sample * c->dim; /* spread over the whole sample */
    for (size_t j = 0; j < size; j++)
      points[p * size + j] = first + j < c->dim ? row[first + j] : 0;
  }
}

static magpie_status train_pq(mgp_coder *c, const float *rows, size_t count, magpie_error *err) {
  const size_t size = part_size(c), sample = count < SAMPLE_MAX ? count : SAMPLE_MAX;
  float *points = mgp_malloc(c->alloc, sample * size * sizeof *points);
  float *far = mgp_malloc(c->alloc, sample * sizeof *far);
  uint8_t *near = mgp_malloc(c->alloc, sample);
  uint64_t random = c->options.seed;
  const bool failed = !points || !far || !near;
  for (size_t part = 0; part < c->groups && !failed; part++) {
    cluster_job job = {.points = points,
                       .size = size,
                       .count = sample,
                       .centroids = c->state + part * CENTROIDS * size,
                       .far = far,
                       .near = near};
    copy_part(c, rows, count, part, points, sample);
    cluster(&job, &random);
  }
  mgp_free(c->alloc, near);
  mgp_free(c->alloc, far);
  mgp_free(c->alloc, points);
  MGP_RETURN_IF(failed, err, MAGPIE_NO_MEMORY, "no memory to train pq on %zu vectors", sample);
  return MAGPIE_OK;
}

/* ---- codes ---- */

static void encode_pq(const mgp_coder *c, float *work, unsigned char *body, float *factors,
                      float *scratch) {
  (void)factors;
  (void)scratch;
  memset(body, 0, c->body);
  for (size_t part = 0; part < c->groups; part++) {
    float distance;
    const size_t code =
        nearest(centroid_of(c, part, 0), part_size(c), work + part * part_size(c), &distance);
    body[part / 2] |= (unsigned char)(code << 4 * (part % 2));
  }
}

static void decode_pq(const mgp_coder *c, const unsigned char *body, const float *factors,
                      float *work) {
  (void)factors;
  const size_t size = part_size(c);
  for (size_t part = 0; part < c->groups; part++)
    memcpy(work + part * size, centroid_of(c, part, body[part / 2] >> 4 * (part % 2) & 15),
           size * sizeof *work);
}

static void prepare_pq(const mgp_coder *c, float *work, void *prepared) {
  pq_query *q = prepared;
  float *entries = (float *)(void *)(q + 1);
  const size_t size = part_size(c);
  for (size_t part = 0; part < c->groups; part++)
    for (size_t i = 0; i < CENTROIDS; i++) {
      const float *x = work + part * size, *y = centroid_of(c, part, i);
      float sum = 0;
      for (size_t j = 0; j < size; j++)
        sum += c->options.l2 ? -(x[j] - y[j]) * (x[j] - y[j]) : x[j] * y[j];
      entries[CENTROIDS * part + i] = sum;
    }
  q->fast = mgp_fast_table(entries, c->groups, (uint8_t *)(entries + CENTROIDS * c->groups));
}

static void score_pq(const mgp_coder *c, const void *prepared, const mgp_code_rows *rows,
                     float *scores, float *bounds) {
  const pq_query *q = prepared;
  const float *entries = (const float *)(const void *)(q + 1);
  uint32_t sums[MGP_FAST_SCAN_ROWS];
  mgp_kernels_get()->fast_scan(rows->codes, (const uint8_t *)(entries + CENTROIDS * c->groups),
                               c->groups, sums);
  for (size_t i = 0; i < rows->count; i++) {
    scores[i] = q->fast.least + q->fast.step * (float)sums[i];
    if (bounds) bounds[i] = INFINITY;
  }
}

const mgp_codec mgp_codec_pq = {.name = "pq",
                                .block_rows = MGP_FAST_SCAN_ROWS,
                                .init = init_pq,
                                .train = train_pq,
                                .encode = encode_pq,
                                .decode = decode_pq,
                                .prepare = prepare_pq,
                                .score = score_pq};
