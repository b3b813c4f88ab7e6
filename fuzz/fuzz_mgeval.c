/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: no text, however broken, makes what is made of a stored evaluation leave it; pages hold
 * neither control characters nor numbers that are not finite, tables no escapes, and a comparison
 * of an evaluation with itself never fell.
 * Input: the text of an .mgeval.
 */
#include <stdlib.h>

#include "eval/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true) {
  if (!is_true) abort();
}

static void check_page(const char *page) {
  for (const char *c = page; *c; c++) must((unsigned char)*c >= ' ' || *c == '\n');
  for (const char *at = page; (at = strstr(at, "<svg")); at++) {
    const char *end = strstr(at, "</svg>");
    must(end != NULL);
    const char *d = at;
    while ((d = strstr(d, " d=\"")) && d < end)
      for (d += 4; *d != '"'; d++) must(strchr("MLHVZAmlhvza0123456789.- ", *d) != NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  must(text != NULL);
  memcpy(text, data, size);
  text[size] = '\0';
  magpie_error err = {0};
  char *page = NULL, *table = NULL, *json = NULL;
  bool fell = true;
  const magpie_status status = magpie_evaluation_html(text, &page, &err);
  must((status == MAGPIE_OK) == (page != NULL));
  if (page) check_page(page);
  else must(err.message[0] != '\0');
  const int width = size > 0 ? data[0] : 0;
  must((magpie_evaluation_table(text, width, false, &table, NULL) == MAGPIE_OK) == (page != NULL));
  for (const char *c = table; c && *c; c++) must((unsigned char)*c >= ' ' || *c == '\n');
  const magpie_status compared = magpie_evaluation_diff(text, text, 0, &json, &fell, NULL);
  must((compared == MAGPIE_OK) == (json != NULL) && !fell);
  magpie_free(page);
  magpie_free(table);
  magpie_free(json);
  free(text);
  return 0;
}
