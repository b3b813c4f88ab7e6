/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: for any bytes, conversion gives valid UTF-8, passages hold all of it in order within
 * bounds, terms and ids stay within bounds; and any bytes as a tokenizer file open or fail cleanly.
 * Runnable without an engine: compiled with -DFUZZ_ALONE it reads the files it is named.
 */
#include <stdlib.h>
#include <unistd.h>

#include "text/text.h"

#define REQUIRE(condition)                                                                         \
  do {                                                                                             \
    if (!(condition)) abort();                                                                     \
  } while (0)

static void check_term(void *context, const mgp_term *term) {
  REQUIRE(term->size > 0 && term->size <= 64);
  REQUIRE(term->start + term->length <= *(const size_t *)context);
}

static void try_words(const char *text, size_t size) {
  static mgp_analyzer *analyzer;
  if (!analyzer) REQUIRE(mgp_analyzer_create(NULL, &analyzer, NULL) == MAGPIE_OK);
  const char *language = mgp_language_detect(text, size);
  REQUIRE(strlen(language) == 0 || strlen(language) == 2);
  REQUIRE(mgp_analyzer_run(analyzer, text, size, language, check_term, &size, NULL) == MAGPIE_OK);
  REQUIRE(mgp_analyzer_run(analyzer, text, size, "fr", check_term, &size, NULL) == MAGPIE_OK);
}

static void try_passages(const char *text, size_t size, size_t target) {
  mgp_passage *passages = NULL;
  size_t count = 0, at = 0;
  REQUIRE(mgp_passages_cut(NULL, text, size, target, &passages, &count, NULL) == MAGPIE_OK);
  for (size_t i = 0; i < count; i++) {
    const mgp_passage *p = &passages[i];
    REQUIRE(p->start >= at && p->size > 0 && p->start + p->size <= size);
    REQUIRE(mgp_utf8_valid(text + p->start, p->size));
    REQUIRE(mgp_token_estimate(text + p->start, p->size) * 2 <= target * 3);
    at = p->start + p->size;
  }
  mgp_free(NULL, passages);
}

/* The bytes are the file and the text at once. */
static void try_tokenizer(const char *kind, const uint8_t *data, size_t size) {
  char path[] = "/tmp/fuzz_text_XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
  close(fd);
  const mgp_tokenizer_options options = {
      .kind = kind, .file = path, .file2 = path, .lowercase = size % 2 == 0};
  mgp_tokenizer *t = NULL;
  int32_t ids[64];
  size_t count = 0;
  if (mgp_tokenizer_open(NULL, &options, &t, NULL) == MAGPIE_OK) {
    if (mgp_tokenizer_encode(t, (const char *)data, size, ids, 64, &count, NULL, NULL) == MAGPIE_OK)
      REQUIRE(count <= 64);
    mgp_tokenizer_close(t);
  }
  unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const kinds[] = {"wordpiece", "unigram", "e5s1", "clip-bpe"};
  static const char *const hints[] = {NULL, "utf-16", "Shift_JIS", "windows-1251"};
  if (size < 1) return 0;
  const unsigned choice = data[0];
  data++, size--;
  char *text = NULL;
  size_t text_size = 0;
  mgp_text_plausible(data, size);
  REQUIRE(mgp_text_to_utf8(NULL, data, size, hints[choice % 4], &text, &text_size, NULL, NULL,
                           NULL) == MAGPIE_OK);
  REQUIRE(mgp_utf8_valid(text, text_size) && text[text_size] == '\0');
  try_words(text, text_size);
  try_words((const char *)data, size);
  try_passages(text, text_size, choice / 4 + 1);
  mgp_free(NULL, text);
  try_tokenizer(kinds[choice % 4], data, size);
  return 0;
}

#if defined(FUZZ_ALONE)
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *data = NULL;
    size_t size = 0;
    if (mgp_file_read(NULL, argv[i], 1 << 26, &data, &size, NULL) != MAGPIE_OK) return 1;
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    mgp_free(NULL, data);
  }
  return 0;
}
#endif
