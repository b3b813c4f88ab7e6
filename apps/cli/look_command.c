/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie status, get, models and version: what only looks.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
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
    printf("  %-16s %9s %s  %s\n", text_of(space, "name"),
           cli_count_text(count, (uint64_t)json_integer_value(json_object_get(space, "vectors"))),
           json_integer_value(json_object_get(space, "dim")) ? "vectors" : "texts  ", pack);
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

/* ---- models
 * ---------------------------------------------------------------------------------------- */

static void print_models(const json_t *list) {
  size_t i;
  const json_t *row;
  char size[32];
  json_array_foreach(list, i, row) {
    const bool installed = json_is_true(json_object_get(row, "installed"));
    printf("%s%-28s%s %-9s %s%s\n", cli_style(stdout, "bold"), text_of(row, "name"),
           cli_style(stdout, "off"),
           installed
               ? cli_bytes_text(size, (double)json_integer_value(json_object_get(row, "bytes")))
               : "offered",
           text_of(row, "problem")[0] ? "PROBLEM: " : "",
           text_of(row, "problem")[0] ? text_of(row, "problem") : text_of(row, "description"));
  }
  if (json_array_size(list) == 0) puts("no packs; `make setup` in the source tree fetches them");
}

static void print_checks(const json_t *list) {
  size_t i;
  const json_t *row;
  json_array_foreach(list, i, row) {
    const bool ok = json_is_true(json_object_get(row, "ok"));
    printf("%s%s%s %s/%s %s\n", cli_style(stdout, ok ? "green" : "red"), ok ? "ok    " : "WRONG ",
           cli_style(stdout, "off"), text_of(row, "pack"), text_of(row, "file"),
           text_of(row, "reason"));
  }
}

static int print_model_json(const cli_common *common, char *json, void (*print)(const json_t *)) {
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

static int pull_model(const cli_common *common, const char *name) {
  magpie_add_options options;
  cli_progress progress;
  magpie_error err = {0};
  magpie_add_options_defaults(&options);
  cli_progress_init(&progress, common);
  cli_catch_interrupt();
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  if (magpie_models_pull(common->packs, name, &options, &err)) return cli_report_error(&err);
  if (!common->json) printf("%s is installed\n", name);
  return EXIT_OK;
}

static int run_models(const cli_arguments *a, const char *verb, const char *name) {
  const char *packs = a->common.packs;
  magpie_error err = {0};
  char *json = NULL;
  magpie_status status = MAGPIE_OK;
  if (strcmp(verb, "list") == 0) {
    if (magpie_models_list(packs, &json, &err)) return cli_report_error(&err);
    return print_model_json(&a->common, json, print_models);
  }
  if (strcmp(verb, "verify") == 0) {
    status = magpie_models_verify(packs, name, &json, &err);
    if (json) print_model_json(&a->common, json, print_checks);
    return status ? cli_report_error(&err) : EXIT_OK;
  }
  if (strcmp(verb, "prepare") == 0)
    return magpie_models_prepare(packs, &err) ? cli_report_error(&err) : EXIT_OK;
  if (!name) return cli_usage(a, "%s needs the name of a pack", verb);
  if (strcmp(verb, "show") == 0) {
    if (magpie_models_show(packs, name, &json, &err)) return cli_report_error(&err);
    return print_model_json(&a->common, json, NULL);
  }
  if (strcmp(verb, "pull") == 0) return pull_model(&a->common, name);
  if (strcmp(verb, "add") == 0) status = magpie_models_add(packs, name, &err);
  else if (strcmp(verb, "remove") == 0) status = magpie_models_remove(packs, name, &err);
  else return cli_usage(a, "there is no `models %s`; list, show, verify, add, pull, remove", verb);
  return status ? cli_report_error(&err) : EXIT_OK;
}

int cli_models(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "models", argc, argv);
  while (cli_arguments_next(&a)) {
  }
  const int left = argc - a.next;
  const int code = left < 1 || left > 2
                       ? cli_usage(&a, "expected list, show, verify, add, pull, prepare or remove")
                       : run_models(&a, argv[a.next], left == 2 ? argv[a.next + 1] : NULL);
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
    else print_model_json(&a.common, json, print_features);
  }
  cli_arguments_fini(&a);
  return code;
}
