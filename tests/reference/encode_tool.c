/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_tool: the encoders of one pack, driven by tests/reference/test_encoder.py and
 * bench/system/bench_encode.py.
 *
 *   encode_tool PACK_PATH PACK [TEXT_PACK]
 *
 * One JSON request a line on standard input, one JSON answer a line on standard output:
 *   {"op":"documents","texts":[...]}            {"vectors":[[...]]}
 *   {"op":"query","space":0,"text":"..."}       {"vectors":[[...]]}
 *   {"op":"tokens","text":"..."}                {"count":n}
 *   {"op":"image","file":F,"width":w,"height":h}   F: raw RGB; one vector a space
 *   {"op":"sound","file":F}                        F: raw float32, 16 kHz mono; one vector a space
 *   {"op":"bench","batches":[[...],...],"rounds":n,"threads":t}   {"seconds":[[wall, cpu]...]}
 *   {"op":"info"}                               {"hash","spaces":[...],"rss_mb"}
 * A failed request answers {"code":..., "error":...}. TEXT_PACK serves the label bridges.
 */
#include <stdlib.h>
#include <time.h>

#include "encode/encode.h"

enum { LINE_MAX_SIZE = 64 << 20, SPACES_MAX = 8 };

typedef struct tool {
  mgp_encoder *encoder, *text;
} tool;

static magpie_status encode_labels(void *context, const char *const *texts, size_t count,
                                   float *out, magpie_error *err) {
  mgp_encoder *text = context;
  const size_t dim = mgp_encoder_space(text, 0)->dim;
  for (size_t i = 0; i < count; i++)
    MGP_FORWARD(mgp_encoder_query_text(text, 0, texts[i], out + i * dim, err));
  return MAGPIE_OK;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void print_vector(const float *v, size_t dim) {
  putchar('[');
  for (size_t i = 0; i < dim; i++) printf("%s%.9g", i ? "," : "", (double)v[i]);
  putchar(']');
}

static void print_rows(const float *rows, size_t count, size_t dim) {
  fputs("{\"vectors\":[", stdout);
  for (size_t i = 0; i < count; i++) {
    if (i) putchar(',');
    print_vector(rows + i * dim, dim);
  }
  fputs("]}\n", stdout);
}

static void print_failure(const magpie_error *err) {
  json_t *answer = json_pack("{s:i,s:s}", "code", (int)err->code, "error", err->message);
  char *text = json_dumps(answer, JSON_COMPACT);
  puts(text ? text : "{\"code\":-2,\"error\":\"no memory\"}");
  free(text);
  json_decref(answer);
}

static long resident_mb(void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f) return -1;
  if (fscanf(f, "%*s %ld", &pages) != 1) pages = -1;
  fclose(f);
  return pages / 256;
}

/* ---- requests ---------------------------------------------------------------------------- */

static const char **read_texts(const json_t *list, size_t *count) {
  *count = json_array_size(list);
  const char **texts = calloc(*count + 1, sizeof *texts);
  for (size_t i = 0; texts && i < *count; i++)
    texts[i] = json_string_value(json_array_get(list, i));
  return texts;
}

static magpie_status run_documents(tool *t, const json_t *request, magpie_error *err) {
  size_t count = 0;
  const char **texts = read_texts(json_object_get(request, "texts"), &count);
  const size_t dim = mgp_encoder_space(t->encoder, 0)->dim;
  float *rows = calloc(count * dim + 1, sizeof *rows);
  const magpie_status status = mgp_encoder_documents(t->encoder, texts, count, rows, err);
  if (status == MAGPIE_OK) print_rows(rows, count, dim);
  free(rows);
  free(texts);
  return status;
}

static magpie_status run_query(tool *t, const json_t *request, magpie_error *err) {
  const size_t index = (size_t)mgp_json_integer(request, "space", 0);
  const mgp_space_info *space = mgp_encoder_space(t->encoder, index);
  MGP_RETURN_IF(!space, err, MAGPIE_INVALID, "no space %zu", index);
  float *row = calloc(space->dim, sizeof *row);
  const magpie_status status =
      mgp_encoder_query_text(t->encoder, index, mgp_json_text(request, "text", ""), row, err);
  if (status == MAGPIE_OK) print_rows(row, 1, space->dim);
  free(row);
  return status;
}

static magpie_status run_tokens(tool *t, const json_t *request, magpie_error *err) {
  size_t count = 0;
  MGP_FORWARD(mgp_encoder_token_count(t->encoder, mgp_json_text(request, "text", ""), &count, err));
  printf("{\"count\":%zu}\n", count);
  return MAGPIE_OK;
}

/* A picture or a sound: one vector in every space that takes it. */
static magpie_status run_item(tool *t, const json_t *request, bool is_image, magpie_error *err) {
  char *bytes = NULL;
  size_t size = 0;
  MGP_FORWARD(
      mgp_file_read(NULL, mgp_json_text(request, "file", ""), 1ULL << 32, &bytes, &size, err));
  float *outs[SPACES_MAX] = {0};
  const unsigned input = is_image ? MGP_INPUT_IMAGE : MGP_INPUT_SOUND;
  const size_t spaces = mgp_encoder_space_count(t->encoder);
  for (size_t i = 0; i < spaces; i++) {
    const mgp_space_info *space = mgp_encoder_space(t->encoder, i);
    if (space->item_inputs & input) outs[i] = calloc(space->dim, sizeof *outs[i]);
  }
  magpie_status status;
  if (is_image) {
    const int width = (int)mgp_json_integer(request, "width", 0);
    const int height = (int)mgp_json_integer(request, "height", 0);
    status = mgp_encoder_image(t->encoder, (unsigned char *)bytes, width, height, outs, err);
  } else {
    float *pcm = malloc(size + 1);
    memcpy(pcm, bytes, size);
    status = mgp_encoder_sound(t->encoder, pcm, size / sizeof *pcm, outs, err);
    free(pcm);
  }
  if (status == MAGPIE_OK) fputs("{", stdout);
  for (size_t i = 0, printed = 0; status == MAGPIE_OK && i < spaces; i++) {
    if (!outs[i]) continue;
    printf("%s\"%s\":", printed++ ? "," : "", mgp_encoder_space(t->encoder, i)->name);
    print_vector(outs[i], mgp_encoder_space(t->encoder, i)->dim);
  }
  if (status == MAGPIE_OK) fputs("}\n", stdout);
  for (size_t i = 0; i < spaces; i++) free(outs[i]);
  mgp_free(NULL, bytes);
  return status;
}

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct bench {
  mgp_encoder *encoder;
  const json_t *batches;
  atomic_int failed;
} bench;

static void encode_one_batch(void *context, size_t index) {
  bench *b = context;
  size_t count = 0;
  const char **texts = read_texts(json_array_get(b->batches, index), &count);
  float *rows = calloc(count * mgp_encoder_space(b->encoder, 0)->dim + 1, sizeof *rows);
  if (mgp_encoder_documents(b->encoder, texts, count, rows, NULL) != MAGPIE_OK)
    atomic_store(&b->failed, 1);
  free(rows);
  free(texts);
}

static magpie_status run_bench(tool *t, const json_t *request, magpie_error *err) {
  bench b = {.encoder = t->encoder, .batches = json_object_get(request, "batches")};
  mgp_pool *pool = NULL;
  MGP_FORWARD(mgp_pool_create((int)mgp_json_integer(request, "threads", 1), &pool, err));
  const int64_t rounds = mgp_json_integer(request, "rounds", 1);
  fputs("{\"seconds\":[", stdout);
  for (int64_t i = 0; i < rounds; i++) {
    const double start = mgp_clock_seconds(), start_cpu = cpu_seconds();
    mgp_pool_run(pool, json_array_size(b.batches), encode_one_batch, &b);
    printf("%s[%.6f,%.6f]", i ? "," : "", mgp_clock_seconds() - start, cpu_seconds() - start_cpu);
  }
  printf("],\"failed\":%d,\"rss_mb\":%ld}\n", atomic_load(&b.failed), resident_mb());
  mgp_pool_destroy(pool);
  return MAGPIE_OK;
}

static magpie_status run_info(tool *t, magpie_error *err) {
  (void)err;
  printf("{\"hash\":\"%s\",\"rss_mb\":%ld,\"spaces\":[", mgp_encoder_hash(t->encoder),
         resident_mb());
  for (size_t i = 0; i < mgp_encoder_space_count(t->encoder); i++) {
    const mgp_space_info *s = mgp_encoder_space(t->encoder, i);
    printf("%s{\"name\":\"%s\",\"dim\":%zu}", i ? "," : "", s->name, s->dim);
  }
  fputs("]}\n", stdout);
  return MAGPIE_OK;
}

static magpie_status run_request(tool *t, const json_t *request, magpie_error *err) {
  const char *op = mgp_json_text(request, "op", "");
  if (!strcmp(op, "documents")) return run_documents(t, request, err);
  if (!strcmp(op, "query")) return run_query(t, request, err);
  if (!strcmp(op, "tokens")) return run_tokens(t, request, err);
  if (!strcmp(op, "image")) return run_item(t, request, true, err);
  if (!strcmp(op, "sound")) return run_item(t, request, false, err);
  if (!strcmp(op, "bench")) return run_bench(t, request, err);
  if (!strcmp(op, "info")) return run_info(t, err);
  return mgp_fail(err, MAGPIE_INVALID, "no operation \"%s\"", op);
}

static void serve(tool *t) {
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0 && n < LINE_MAX_SIZE;) {
    magpie_error err = {0};
    json_t *request = NULL;
    magpie_status status = mgp_json_parse("request", line, (size_t)n, &request, &err);
    if (status == MAGPIE_OK) status = run_request(t, request, &err);
    if (status != MAGPIE_OK) print_failure(&err);
    fflush(stdout);
    json_decref(request);
  }
  free(line);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: encode_tool PACK_PATH PACK [TEXT_PACK]\n", stderr);
    return 2;
  }
  tool t = {0};
  magpie_error err = {0};
  mgp_text_source source = {.encode = encode_labels, .identity = "encode_tool"};
  magpie_status status = MAGPIE_OK;
  if (argc > 3) status = mgp_encoder_open(NULL, argv[1], argv[3], NULL, &t.text, &err);
  if (t.text) {
    source.context = t.text;
    source.dim = mgp_encoder_space(t.text, 0)->dim;
    source.identity = mgp_encoder_hash(t.text);
  }
  if (status == MAGPIE_OK)
    status = mgp_encoder_open(NULL, argv[1], argv[2], t.text ? &source : NULL, &t.encoder, &err);
  if (status == MAGPIE_OK) serve(&t);
  else print_failure(&err);
  mgp_encoder_close(t.encoder);
  mgp_encoder_close(t.text);
  return status == MAGPIE_OK ? 0 : 1;
}
