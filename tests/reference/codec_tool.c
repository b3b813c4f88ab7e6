/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_tool: codes and scores of vectors, for tests/reference/test_codecs.py.
 *
 *   codec_tool KIND BITS DIM KEEP PARTS l2|dot exact|fast SEED ROWS QUERIES OUT
 *
 * KIND is the number of mgp_codec_kind. ROWS and QUERIES hold f32. Into OUT, all f32: the count of
 * state numbers, the state, decoded rows, and for each query scores and bounds of all rows.
 */
#include <stdlib.h>

#include "index/codec.h"

typedef struct vectors {
  float *values;
  size_t count;
} vectors;

static bool read_vectors(const char *path, size_t dim, vectors *out) {
  char *bytes = NULL;
  size_t size = 0;
  magpie_error err = {0};
  if (mgp_file_read(NULL, path, 1u << 30, &bytes, &size, &err) != MAGPIE_OK) {
    fprintf(stderr, "codec_tool: %s\n", err.message);
    return false;
  }
  out->count = size / sizeof(float) / dim;
  out->values = mgp_malloc(NULL, size + 1);
  if (out->values) memcpy(out->values, bytes, size);
  mgp_free(NULL, bytes);
  return out->values != NULL;
}

static magpie_status write_all(const mgp_coder *c, size_t width, size_t dim, const vectors *rows,
                               const vectors *queries, FILE *out, magpie_error *err) {
  unsigned char *codes = mgp_malloc(NULL, mgp_coder_size(c, rows->count));
  void *prepared = mgp_malloc(NULL, mgp_coder_query_size(c));
  float *line = mgp_malloc(NULL, (2 * rows->count + width) * sizeof *line);
  size_t state_count;
  const float *state = mgp_coder_state(c, &state_count);
  const float first = (float)state_count;
  magpie_status status = MAGPIE_OK;
  if (!codes || !prepared || !line) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory"));
  fwrite(&first, sizeof first, 1, out);
  fwrite(state, sizeof *state, state_count, out);
  MGP_TRY(mgp_coder_encode(c, rows->values, dim, rows->count, codes, err));
  for (size_t i = 0; i < rows->count; i++) {
    MGP_TRY(mgp_coder_decode(c, codes, i, line, err));
    fwrite(line, sizeof *line, width, out);
  }
  for (size_t q = 0; q < queries->count; q++) {
    MGP_TRY(mgp_coder_prepare(c, queries->values + q * dim, prepared, err));
    mgp_coder_score(c, prepared, codes, 0, rows->count, line, line + rows->count);
    fwrite(line, sizeof *line, 2 * rows->count, out);
  }
done:
  mgp_free(NULL, line);
  mgp_free(NULL, prepared);
  mgp_free(NULL, codes);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 12) {
    fputs("usage: codec_tool KIND BITS DIM KEEP PARTS l2|dot exact|fast SEED ROWS QUERIES OUT\n",
          stderr);
    return 2;
  }
  const mgp_codec_options options = {.kind = (mgp_codec_kind)atoi(argv[1]),
                                     .bits = (unsigned)atoi(argv[2]),
                                     .dim = strtoul(argv[3], NULL, 10),
                                     .keep = strtoul(argv[4], NULL, 10),
                                     .parts = strtoul(argv[5], NULL, 10),
                                     .l2 = strcmp(argv[6], "l2") == 0,
                                     .exact = strcmp(argv[7], "exact") == 0,
                                     .seed = strtoull(argv[8], NULL, 10)};
  magpie_error err = {0};
  mgp_coder *c = NULL;
  vectors rows = {0}, queries = {0};
  magpie_status status = mgp_coder_create(NULL, &options, &c, &err);
  if (status == MAGPIE_OK && (!read_vectors(argv[9], options.dim, &rows) ||
                              !read_vectors(argv[10], options.dim, &queries)))
    return 1;
  if (status == MAGPIE_OK) status = mgp_coder_train(c, rows.values, options.dim, rows.count, &err);
  FILE *out = status == MAGPIE_OK ? fopen(argv[11], "wb") : NULL;
  if (out)
    status = write_all(c, options.keep ? options.keep : options.dim, options.dim, &rows, &queries,
                       out, &err);
  if (status != MAGPIE_OK) fprintf(stderr, "codec_tool: %s\n", err.message);
  const bool good = out && fclose(out) == 0 && status == MAGPIE_OK;
  mgp_coder_destroy(c);
  mgp_free(NULL, rows.values);
  mgp_free(NULL, queries.values);
  return good ? 0 : 1;
}
