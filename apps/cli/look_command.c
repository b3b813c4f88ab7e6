/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie status, get and version: what only looks.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

int cli_print_json(const cli_common *common, char *json, void (*print)(const json_t *)) {
  if (common->json || !print) {
    puts(json);
  } else {
    json_t *value = json_loads(json, 0, NULL);
    print(value);
    json_decref(value);
  }
  magpie_free(json);
  return EXIT_OK;
}

/* ---- status -------------------------------------------------------------------------------------
 */

static void print_spaces(const json_t *spaces) {
  size_t i;
  const json_t *space;
  char count[32];
  if (json_array_size(spaces)) puts("spaces");
  json_array_foreach(spaces, i, space) {
    const char *pack = text_of(space, "pack");
    const bool is_kept = json_is_false(json_object_get(space, "active"));
    printf("  %-16s %9s %s  %s%s\n", text_of(space, "name"),
           cli_count_text(count, (uint64_t)json_integer_value(json_object_get(space, "vectors"))),
           json_integer_value(json_object_get(space, "dim")) ? "vectors" : "texts  ", pack,
           is_kept ? " (not in use)" : "");
  }
}

static void print_status(const json_t *s) {
  char a[32], b[32];
  const char *kind;
  const json_t *count;
  printf("%s%s%s\n", cli_style(stdout, "bold"), text_of(s, "path"), cli_style(stdout, "off"));
  printf("generation %lld, %s on disk, %s sources, text pack %s\n",
         (long long)json_integer_value(json_object_get(s, "generation")),
         cli_bytes_text(a, (double)json_integer_value(json_object_get(s, "bytes"))),
         cli_count_text(b, (uint64_t)json_integer_value(json_object_get(s, "sources"))),
         text_of(s, "text_pack")[0] ? text_of(s, "text_pack") : "none yet");
  puts("items");
  void *iter = json_object_iter((json_t *)(uintptr_t)json_object_get(s, "items"));
  for (; iter;
       iter = json_object_iter_next((json_t *)(uintptr_t)json_object_get(s, "items"), iter)) {
    kind = json_object_iter_key(iter);
    count = json_object_iter_value(iter);
    printf("  %-16s %9s\n", kind, cli_count_text(a, (uint64_t)json_integer_value(count)));
  }
  print_spaces(json_object_get(s, "spaces"));
  if (text_of(s, "model_change")[0])
    printf("a change to the model %s has not ended: `magpie models use %s` goes on\n",
           text_of(s, "model_change"), text_of(s, "model_change"));
  const json_t *dead = json_object_get(s, "dead");
  const json_int_t rows = json_integer_value(json_object_get(dead, "rows"));
  printf("%zu segments", json_array_size(json_object_get(s, "segments")));
  if (rows)
    printf(", %s dead rows in them, %s: `magpie merge --all` frees them",
           cli_count_text(a, (uint64_t)rows),
           cli_bytes_text(b, (double)json_integer_value(json_object_get(dead, "bytes"))));
  putchar('\n');
  const json_int_t failures = json_integer_value(json_object_get(s, "failures"));
  if (failures)
    printf("%s%lld failed%s: `magpie failures` says why\n", cli_style(stdout, "red"),
           (long long)failures, cli_style(stdout, "off"));
}

int cli_status(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "status", argc, argv);
  while (cli_arguments_next(&a)) {
  }
  magpie *ix = NULL;
  magpie_error err = {0};
  char *json = NULL;
  int code = cli_open(&a.common, true, &ix);
  if (code == EXIT_OK && magpie_describe(ix, &json, &err)) code = cli_report_error(&err);
  if (code == EXIT_OK && a.common.json) {
    puts(json);
  } else if (code == EXIT_OK) {
    json_t *object = json_loads(json, 0, NULL);
    print_status(object);
    json_decref(object);
  }
  magpie_free(json);
  magpie_close(&ix);
  cli_arguments_fini(&a);
  return code;
}

/* ---- get
 * ------------------------------------------------------------------------------------------ */

static int write_preview(magpie *ix, const char *id, const char *file) {
  magpie_error err = {0};
  void *bytes = NULL;
  size_t size = 0;
  const char *mime = NULL;
  if (magpie_preview(ix, id, &bytes, &size, &mime, &err)) return cli_report_error(&err);
  FILE *out = fopen(file, "wb");
  const bool written = out && fwrite(bytes, 1, size, out) == size;
  const bool closed = out && fclose(out) == 0;
  magpie_free(bytes);
  if (written && closed) return EXIT_OK;
  fprintf(stderr, "magpie: %s cannot be written\n", file);
  return EXIT_NOTHING;
}

static void print_item(const json_t *item) {
  static const char *const names[] = {"id",    "kind",    "source",  "format",
                                      "title", "context", "language"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text = text_of(item, names[i]);
    if (!*text) continue;
    printf("%s%-9s%s ", cli_style(stdout, "dim"), names[i], cli_style(stdout, "off"));
    cli_print_clean(stdout, text, strlen(text));
    putchar('\n');
  }
  static const char *const objects[] = {"locator", "metadata"};
  for (size_t i = 0; i < 2; i++) {
    const json_t *object = json_object_get(item, objects[i]);
    if (json_object_size(object) == 0) continue;
    printf("%s%-9s%s ", cli_style(stdout, "dim"), objects[i], cli_style(stdout, "off"));
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
  }
  const char *text = text_of(item, "text");
  if (*text) putchar('\n');
  for (const char *line = text; *line;) {
    const size_t size = strcspn(line, "\n");
    cli_print_clean(stdout, line, size);
    putchar('\n');
    line += size + (line[size] == '\n');
  }
}

int cli_get(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "get", argc, argv);
  const char *preview = NULL;
  while (cli_arguments_next(&a)) preview = a.value;
  magpie *ix = NULL;
  magpie_error err = {0};
  char *json = NULL;
  int code = argc - a.next != 1 ? cli_usage(&a, "name one item") : cli_open(&a.common, true, &ix);
  if (code == EXIT_OK && magpie_get(ix, argv[a.next], &json, &err)) code = cli_report_error(&err);
  if (code == EXIT_OK && a.common.json) {
    puts(json);
  } else if (code == EXIT_OK) {
    json_t *item = json_loads(json, 0, NULL);
    print_item(item);
    json_decref(item);
  }
  if (code == EXIT_OK && preview) code = write_preview(ix, argv[a.next], preview);
  magpie_free(json);
  magpie_close(&ix);
  cli_arguments_fini(&a);
  return code;
}

/* ---- version
 * --------------------------------------------------------------------------------------- */

static void print_features(const json_t *object) {
  const char *name;
  json_t *row;
  json_object_foreach((json_t *)(uintptr_t)json_object_get(object, "features"), name, row) printf(
      "%s%s %-10s %s%s%s\n", cli_style(stdout, "off"),
      json_is_true(json_object_get(row, "enabled")) ? "yes" : "no ", name, text_of(row, "what"),
      text_of(row, "library")[0] ? " — " : "", text_of(row, "library"));
  printf("processor tier %s\n", text_of(json_object_get(object, "cpu"), "tier"));
}

int cli_version(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "version", argc, argv);
  bool features = false;
  while (cli_arguments_next(&a)) features = true;
  int code = EXIT_OK;
  if (!features && !a.common.json) {
    printf("magpie %s\n", magpie_version());
  } else {
    magpie_error err = {0};
    char *json = NULL;
    if (!a.common.json) printf("magpie %s\n", magpie_version());
    if (magpie_features(&json, &err)) code = cli_report_error(&err);
    else cli_print_json(&a.common, json, print_features);
  }
  cli_arguments_fini(&a);
  return code;
}
