/* SPDX-License-Identifier: Apache-2.0
 *
 * Open, add, search, close: the smallest program on libmagpie.
 *
 *     cc first_search.c $(pkg-config --cflags --libs magpie) -o first_search
 *     ./first_search photos.mgp ~/Pictures "red bus at night"
 */
#include <magpie/magpie.h>
#include <stdio.h>

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: first_search INDEX.mgp FOLDER QUESTION\n");
    return 2;
  }
  magpie *ix = NULL;
  magpie_error err = {0};
  magpie_result *hits = NULL;
  const char *folder = argv[2];
  const magpie_part part = {.text = argv[3], .weight = 1};
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = &part;
  query.part_count = 1;
  magpie_status status = magpie_open(argv[1], NULL, &ix, &err);
  if (!status) status = magpie_add(ix, &folder, 1, NULL, NULL, &err);
  if (!status) status = magpie_search(ix, &query, &hits, &err);
  for (size_t i = 0; i < magpie_result_count(hits); i++) {
    const magpie_hit *hit = magpie_result_hit(hits, i);
    printf("%zu %.4f %s %s\n", hit->rank, hit->score, hit->kind, hit->source);
  }
  if (status) fprintf(stderr, "%s\n", err.message);
  magpie_result_destroy(hits);
  magpie_close(&ix);
  return status ? 1 : 0;
}
