/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: any bytes as the files of a benchmark, in any layout, end in a benchmark or an error,
 * with no leak; what was opened can be written, or says why not, and a Tevatron set opens again.
 * Input: the first byte chooses the layout; the rest is its files, with a byte 0xFF between them.
 */
// links: mgp_eval mgp_text mgp_kernels mgp_base
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/benchmark.h"

#define FILES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_layout {
  const char *format; /* NULL: to be guessed */
  const char *names[FILES];
} fuzz_layout;

static const fuzz_layout fuzz_layouts[] = {
    {"magpie", {"queries.jsonl", "corpus.jsonl", "qrels.tsv"}},
    {"beir", {"queries.jsonl", "corpus.jsonl", "qrels/test.tsv"}},
    {"tevatron", {"train.jsonl", "corpus.jsonl", NULL}},
    {"tevatron", {"train.jsonl", NULL, NULL}},
    {"mmeb", {"test.jsonl", NULL, NULL}},
    {"mixbench", {"queries.jsonl", "mixed_corpus.jsonl", "qrels/qrels.tsv"}},
    {"mixbench", {"queries.jsonl", "mixed_corpus.jsonl", "qrels.jsonl"}},
    {"mbeir-instructed",
     {"query/test/mbeir_x_test.jsonl", "cand_pool/local/mbeir_x_cand_pool.jsonl",
      "instructions/query_instructions.tsv"}},
    {"mbeir",
     {"query/test/mbeir_x_test.jsonl", "cand_pool/local/mbeir_x_cand_pool.jsonl",
      "qrels/test/mbeir_x_test_qrels.txt"}},
    {NULL, {"rows.jsonl", "corpus.jsonl", "benchmark.json"}}};

static void must(bool is_true) {
  if (!is_true) abort();
}

static void put(const char *folder, const char *name, const uint8_t *data, size_t size) {
  char path[300], above[300];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  snprintf(above, sizeof above, "%s", path);
  *strrchr(above, '/') = '\0';
  must(mgp_directory_make(above, NULL) == MAGPIE_OK);
  FILE *file = fopen(path, "wb");
  must(file != NULL);
  must(fwrite(data, 1, size, file) == size);
  fclose(file);
}

static void put_files(const char *folder, const fuzz_layout *layout, const uint8_t *data,
                      size_t size) {
  for (size_t i = 0; i < FILES && layout->names[i]; i++) {
    const uint8_t *end = size > 0 ? memchr(data, 0xFF, size) : NULL;
    const size_t take = end ? (size_t)(end - data) : size;
    put(folder, layout->names[i], data, take);
    data += take + (end ? 1 : 0);
    size -= take + (end ? 1 : 0);
  }
}

static void check(const magpie_benchmark *b, const char *out) {
  static const char *const formats[] = {"magpie", "beir", "tevatron"};
  must(magpie_benchmark_query_count(b) > 0);
  for (size_t i = 0; i < magpie_benchmark_query_count(b); i++) {
    const magpie_benchmark_query *q = magpie_benchmark_query_at(b, i);
    must(q->part_count > 0 && mgp_utf8_valid(q->id, strlen(q->id)));
    must(magpie_qrels_documents(magpie_benchmark_qrels(b), q->id, NULL, NULL) > 0);
  }
  for (size_t i = 0; i < 3; i++) {
    magpie_benchmark *again = NULL;
    const magpie_status status = magpie_benchmark_write(b, out, formats[i], NULL);
    if (status == MAGPIE_OK) {
      must(magpie_benchmark_open(out, formats[i], NULL, &again, NULL) == MAGPIE_OK);
      must(magpie_benchmark_query_count(again) == magpie_benchmark_query_count(b));
    }
    magpie_benchmark_destroy(again);
    (void)mgp_directory_remove(out, NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  const fuzz_layout *layout = &fuzz_layouts[data[0] % (sizeof fuzz_layouts / sizeof *fuzz_layouts)];
  const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  char folder[100], in[120], out[120];
  snprintf(folder, sizeof folder, "%s/mgp-fuzz-sets-%d", base, (int)getpid());
  snprintf(in, sizeof in, "%s/in", folder);
  snprintf(out, sizeof out, "%s/out", folder);
  must(mgp_directory_make(in, NULL) == MAGPIE_OK);
  put_files(in, layout, data + 1, size - 1);
  mgp_alloc *a = mgp_alloc_create(256U << 20);
  magpie_benchmark *b = NULL;
  if (mgp_benchmark_open_in(a, in, layout->format, NULL, &b, NULL) == MAGPIE_OK) check(b, out);
  magpie_benchmark_destroy(b);
  must(mgp_alloc_used(a) == 0);
  mgp_alloc_destroy(a);
  must(mgp_directory_remove(folder, NULL) == MAGPIE_OK);
  return 0;
}
