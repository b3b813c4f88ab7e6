/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of packs that can be fetched by name: packs/catalogue.json, built in.
 */
#include <pthread.h>

#include "encode/encode.h"

extern const unsigned char mgp_catalogue_data[]; /* cmake/catalogue.cmake */
extern const size_t mgp_catalogue_size;

static json_t *catalogue;
static magpie_error failure;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void parse(void) {
  mgp_json_parse("packs/catalogue.json", (const char *)mgp_catalogue_data, mgp_catalogue_size,
                 &catalogue, &failure);
}

magpie_status mgp_catalogue_get(const json_t **out, magpie_error *err) {
  pthread_once(&once, parse);
  *out = catalogue;
  if (!catalogue && err) *err = failure;
  return catalogue ? MAGPIE_OK : failure.code;
}
