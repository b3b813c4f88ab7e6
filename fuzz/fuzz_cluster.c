/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: opening and searching clusters never leaves their bytes, whatever they hold.
 * Input: the first byte even: the bytes of clusters over the fixed rows. Odd: edits (offset u16,
 * byte u8) of sound ones, and if the second byte is odd the header's checksum is made right
 * again, so that the checks behind it are reached.
 */
// links: mgp_index
#include <stdlib.h>

#include "index/cluster_index.h"

#define ROWS 80
#define DIM 6
#define HEADER 472 /* its last 8 bytes are the checksum of those before */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static float values[ROWS * DIM];
static const mgp_graph_rows rows = {values, ROWS, DIM, DIM};

static void must(bool is_true) {
  if (!is_true) abort();
}

static mgp_clusters *sound_clusters(void) {
  static mgp_clusters *g = NULL; /* lives as long as the process */
  if (g) return g;
  for (size_t i = 0; i < ROWS * DIM; i++) values[i] = (float)(i * 37 % 101) - 50;
  const mgp_cluster_options o = {.metric = MGP_GRAPH_L2, .lists = 9};
  must(mgp_clusters_build(&rows, &o, NULL, NULL, &g, NULL) == MAGPIE_OK);
  return g;
}

static void search_all(const mgp_clusters *g) {
  mgp_cluster_searcher *s = NULL;
  must(mgp_cluster_searcher_create(g, NULL, &s, NULL) == MAGPIE_OK);
  const uint64_t words[2] = {UINT64_C(0x5555aaaa5555aaaa), 0x1234};
  const mgp_graph_bits some = {words, ROWS};
  for (size_t q = 0; q < 4; q++) {
    mgp_scored hits[100];
    size_t count;
    const mgp_cluster_search_options o = {
        .k = q % 2 ? 100 : 5, .probes = q < 2 ? 0 : 3, .allow = q == 3 ? &some : NULL};
    must(mgp_clusters_search(s, values + q * DIM, &o, hits, &count, NULL, NULL) == MAGPIE_OK);
    must(count <= o.k);
    for (size_t i = 0; i < count; i++) must(hits[i].id < ROWS);
  }
  mgp_cluster_searcher_destroy(s);
}

static size_t edit(const uint8_t *data, size_t size, uint8_t **out) {
  const void *sound;
  size_t sound_size;
  mgp_clusters_bytes(sound_clusters(), &sound, &sound_size);
  *out = malloc(sound_size);
  must(*out != NULL);
  memcpy(*out, sound, sound_size);
  for (size_t i = 1; i + 3 <= size; i += 3)
    (*out)[((size_t)data[i] << 8 | data[i + 1]) % sound_size] = data[i + 2];
  if (size > 0 && data[0] % 2) {
    const uint64_t hash = mgp_hash64(*out, HEADER - 8);
    memcpy(*out + HEADER - 8, &hash, sizeof hash);
  }
  return sound_size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  (void)sound_clusters();
  uint8_t *bytes;
  size_t bytes_size = size - 1;
  if (data[0] % 2) {
    bytes_size = edit(data + 1, size - 1, &bytes);
  } else {
    bytes = malloc(size);
    must(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
  }
  mgp_clusters *g = NULL;
  if (mgp_clusters_open(bytes, bytes_size, &rows, NULL, &g, NULL) == MAGPIE_OK) {
    (void)mgp_clusters_verify(g, NULL);
    search_all(g);
  }
  mgp_clusters_close(g);
  free(bytes);
  return 0;
}
