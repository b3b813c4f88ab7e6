/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie check and repair: what is damaged, and making it whole again.
 */
#include <string.h>

#include "cli.h"

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name) {
  return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void print_text(const char *text) {
  cli_print_clean(stdout, text, strlen(text));
}

/* ---- check --------------------------------------------------------------------------------------
 */

static void print_names(const char *label, const json_t *names, uint64_t total) {
  size_t i;
  const json_t *name;
  if (json_array_size(names) == 0) return;
  printf("    %s: ", label);
  json_array_foreach(names, i, name) {
    if (i) fputs(", ", stdout);
    print_text(json_string_value(name) ? json_string_value(name) : "");
  }
  puts(total > json_array_size(names) ? ", …" : "");
}

static void print_problem(const json_t *problem) {
  char count[32];
  const char *section = text_of(problem, "section");
  const uint64_t items = number_of(problem, "items");
  printf("%s%s%s%s%s%s\n    ", cli_style(stdout, "red"), text_of(problem, "file"),
         section[0] ? " (" : "", section, section[0] ? ")" : "", cli_style(stdout, "off"));
  print_text(text_of(problem, "what"));
  putchar('\n');
  if (items) printf("    touches %s items\n", cli_count_text(count, items));
  print_names("items", json_object_get(problem, "examples"), items);
  print_names("of", json_object_get(problem, "sources"), 0);
}

static void print_check(const json_t *report) {
  char segments[32], items[32], bytes[32];
  size_t i;
  const json_t *row;
  const json_t *leftovers = json_object_get(report, "leftovers");
  bool is_catalog = false, is_log = false;
  json_array_foreach(json_object_get(report, "problems"), i, row) {
    print_problem(row);
    if (strcmp(text_of(row, "file"), "catalog.sqlite") == 0 &&
        strcmp(text_of(row, "section"), "item") != 0)
      is_catalog = true;
    if (strcmp(text_of(row, "file"), "catalog.sqlite-wal") == 0) is_log = true;
  }
  printf(
      "%s segments, %s items, %s read%s: ", cli_count_text(segments, number_of(report, "segments")),
      cli_count_text(items, number_of(report, "items")),
      cli_bytes_text(bytes, (double)number_of(report, "checked_bytes")),
      json_is_true(json_object_get(report, "deep")) ? "" : " (--deep reads every byte)");
  const size_t problems = json_array_size(json_object_get(report, "problems"));
  if (problems == 0) puts("fine");
  else printf("%zu problem%s\n", problems, problems == 1 ? "" : "s");
  if (is_catalog)
    puts("The catalog is damaged: restore a copy of the index, or delete it and index the folders "
         "again.");
  else if (problems >
           (is_log ? 1 : 0)) /* what the log held is lost: its own line says what to do */
    puts("`magpie repair` rebuilds what can be rebuilt.");
  if (json_array_size(leftovers))
    printf("%zu leftover file%s of an interrupted run: the next run that writes, or `magpie "
           "repair`, removes what is ours.\n",
           json_array_size(leftovers), json_array_size(leftovers) == 1 ? "" : "s");
}

static int run_check(const cli_common *common, const char *path, bool deep) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = deep;
  cli_progress progress;
  cli_progress_init(&progress, common);
  progress.noun = "segments";
  cli_catch_interrupt();
  options.cancel = &cli_interrupted;
  if (deep && !common->json) { /* the JSON is one object */
    options.progress = cli_progress_event;
    options.progress_context = &progress;
  }
  magpie_error err = {0};
  char *json = NULL;
  if (magpie_check(path, &options, &json, &err)) return cli_report_error(&err);
  json_t *report = json_loads(json, 0, NULL);
  if (common->json) puts(json);
  else print_check(report);
  const int code = json_is_true(json_object_get(report, "ok")) ? EXIT_OK : EXIT_DAMAGED;
  json_decref(report);
  magpie_free(json);
  return code;
}

int cli_check(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "check", argc, argv);
  bool deep = false;
  while (cli_arguments_next(&a)) deep = true; /* its one option */
  magpie_error err = {0};
  char *path = NULL;
  int code = EXIT_OK;
  if (a.next < argc)
    code = cli_usage(&a, "%s: check takes no arguments; -x names the index", argv[a.next]);
  else if (!a.common.index && magpie_default_path(&path, &err)) code = cli_report_error(&err);
  else code = run_check(&a.common, a.common.index ? a.common.index : path, deep);
  magpie_free(path);
  cli_arguments_fini(&a);
  return code;
}

/* ---- repair -------------------------------------------------------------------------------------
 */

static void print_repair(const json_t *report) {
  char a[32], b[32], c[32];
  size_t i;
  const json_t *row;
  const json_t *lost = json_object_get(report, "lost");
  json_array_foreach(lost, i, row) {
    printf("%slost:%s ", cli_style(stdout, "red"), cli_style(stdout, "off"));
    print_text(text_of(row, "id"));
    fputs(": ", stdout);
    print_text(text_of(row, "what"));
    fputs(" (", stdout);
    print_text(text_of(row, "source"));
    puts(")");
  }
  if (number_of(report, "problems") == 0) {
    puts("nothing to repair");
    return;
  }
  printf("repaired: %s segments rebuilt, %s rows, %s files read again; %zu lost\n",
         cli_count_text(a, number_of(report, "segments_rebuilt")),
         cli_count_text(b, number_of(report, "items_rebuilt")),
         cli_count_text(c, number_of(report, "files_read")), json_array_size(lost));
  if (json_array_size(lost))
    puts("What is lost comes back when its file or its records are indexed or imported again.");
}

int cli_repair(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "repair", argc, argv);
  while (cli_arguments_next(&a)) {
  }
  magpie *ix = NULL;
  magpie_error err = {0};
  char *json = NULL;
  int code = a.next < argc
                 ? cli_usage(&a, "%s: repair takes no arguments; -x names the index", argv[a.next])
                 : EXIT_OK;
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  cli_progress progress;
  cli_progress_init(&progress, &a.common);
  cli_catch_interrupt();
  options.cancel = &cli_interrupted;
  if (!a.common.json) {
    options.progress = cli_progress_event;
    options.progress_context = &progress;
  }
  if (code == EXIT_OK) code = cli_open(&a.common, true, &ix); /* must be there: makes none */
  magpie_close(&ix);
  if (code == EXIT_OK) code = cli_open(&a.common, false, &ix);
  if (code == EXIT_OK && magpie_repair(ix, &options, &json, &err)) code = cli_report_error(&err);
  if (code == EXIT_OK) {
    json_t *report = json_loads(json, 0, NULL);
    if (a.common.json) puts(json);
    else print_repair(report);
    if (!json_is_true(json_object_get(report, "ok"))) code = EXIT_NOTHING;
    json_decref(report);
  }
  magpie_free(json);
  magpie_close(&ix);
  cli_arguments_fini(&a);
  return code;
}
