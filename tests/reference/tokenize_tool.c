/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenize_tool: token ids of the lines of standard input, for tests/reference/test_tokenizers.py.
 *
 *   tokenize_tool KIND FILE FILE2|- cased|uncased [ROUNDS]
 *
 * One line of ids for each line of text. With ROUNDS it tokenizes all lines that often and prints
 * the speed instead.
 */
#include <stdlib.h>

#include "text/text.h"

enum { INPUT_MAX = 1 << 30 };

static int report(const magpie_error *err) {
  fprintf(stderr, "tokenize_tool: %s\n", err->message);
  return 1;
}

static char *read_input(size_t *size) {
  mgp_buffer b = {0};
  char block[65536];
  for (size_t n; (n = fread(block, 1, sizeof block, stdin)) > 0 && b.size < INPUT_MAX;)
    mgp_buffer_add(&b, block, n);
  *size = b.size;
  return mgp_buffer_take(&b);
}

/* Tokens of all lines, printed if asked; -1 on failure. */
static long long tokenize_lines(const mgp_tokenizer *t, const char *text, size_t size, int32_t *ids,
                                bool print, magpie_error *err) {
  long long total = 0;
  for (const char *at = text, *end = text + size; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline ? newline : end;
    size_t count = 0;
    if (mgp_tokenizer_encode(t, at, (size_t)(stop - at), ids, 4 * size + 16, &count, NULL, err))
      return -1;
    total += (long long)count;
    for (size_t i = 0; print && i < count; i++) printf("%d ", ids[i]);
    if (print) putchar('\n');
    at = stop + 1;
  }
  return total;
}

int main(int argc, char **argv) {
  magpie_error err = {0};
  if (argc < 5) {
    fputs("usage: tokenize_tool KIND FILE FILE2|- cased|uncased [ROUNDS]\n", stderr);
    return 2;
  }
  const mgp_tokenizer_options options = {.kind = argv[1],
                                         .file = argv[2],
                                         .file2 = strcmp(argv[3], "-") == 0 ? NULL : argv[3],
                                         .lowercase = strcmp(argv[4], "uncased") == 0};
  mgp_tokenizer *t = NULL;
  const double opening = mgp_clock_seconds();
  if (mgp_tokenizer_open(NULL, &options, &t, &err)) return report(&err);
  const double opened = mgp_clock_seconds();
  size_t size = 0;
  char *text = read_input(&size);
  int32_t *ids = mgp_malloc(NULL, (4 * size + 16) * sizeof *ids);
  if (!text || !ids) return 1;
  const int rounds = argc > 5 ? atoi(argv[5]) : 1;
  const double start = mgp_clock_seconds();
  long long tokens = 0;
  for (int i = 0; i < rounds && tokens >= 0; i++)
    tokens = tokenize_lines(t, text, size, ids, argc == 5, &err);
  const double took = mgp_clock_seconds() - start;
  if (tokens >= 0 && argc > 5)
    printf("open %.1f ms, %lld tokens, %.2f million tokens/s, %.1f MB/s\n",
           (opened - opening) * 1e3, tokens, (double)tokens * rounds / took / 1e6,
           (double)size * rounds / took / 1e6);
  mgp_free(NULL, ids);
  magpie_free(text);
  mgp_tokenizer_close(t);
  return tokens < 0 ? report(&err) : 0;
}
