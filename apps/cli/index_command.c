/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie index, import, remove and failures: what changes an index.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void setup_options(magpie_add_options *options, cli_progress *progress,
                          const cli_common *common) {
  magpie_add_options_defaults(options);
  cli_progress_init(progress, common);
  cli_catch_interrupt();
  options->progress = cli_progress_event;
  options->progress_context = progress;
  options->cancel = &cli_interrupted;
}

static int run_add(const cli_common *common, char **paths, int count, magpie_add_options *options) {
  magpie *ix = NULL;
  const int opened = cli_open(common, false, &ix);
  if (opened != EXIT_OK) return opened;
  magpie_report report = {0};
  magpie_error err = {0};
  const magpie_status status =
      magpie_add(ix, (const char *const *)(uintptr_t)paths, (size_t)count, options, &report, &err);
  const int code = cli_print_report(common, "indexed", &report, status, &err);
  magpie_close(&ix);
  return code;
}

int cli_index(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "index", argc, argv);
  magpie_add_options parsed;
  magpie_add_options_defaults(&parsed);
  const char *name;
  int code = -1;
  while (code < 0 && (name = cli_arguments_next(&a)) != NULL) {
    long seconds = 0;
    if (strcmp(name, "text-pack") == 0) a.common.text_pack = a.value;
    else if (strcmp(name, "keep-vanished") == 0) parsed.keep_vanished = true;
    else if (strcmp(name, "retry") == 0) parsed.retry_failed = true;
    else if (strcmp(name, "max-file") == 0 && !cli_parse_bytes(a.value, &parsed.max_file_bytes))
      code = cli_usage(&a, "--max-file %s: expected a size such as 500M", a.value);
    else if (strcmp(name, "max-seconds") == 0) {
      if (!cli_parse_count(a.value, 1, 86400, &seconds))
        code = cli_usage(&a, "--max-seconds %s: expected 1 to 86400", a.value);
      parsed.max_file_seconds = (double)seconds;
    }
  }
  if (code < 0 && a.next >= argc) code = cli_usage(&a, "name at least one file or folder");
  if (code < 0) {
    magpie_add_options options;
    cli_progress progress;
    setup_options(&options, &progress, &a.common);
    options.keep_vanished = parsed.keep_vanished;
    options.retry_failed = parsed.retry_failed;
    options.max_file_bytes = parsed.max_file_bytes;
    options.max_file_seconds = parsed.max_file_seconds;
    code = run_add(&a.common, argv + a.next, argc - a.next, &options);
  }
  cli_arguments_fini(&a);
  return code;
}

int cli_import(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "import", argc, argv);
  while (cli_arguments_next(&a)) a.common.text_pack = a.value; /* its one option */
  int code = EXIT_OK;
  magpie *ix = NULL;
  if (argc - a.next != 1) code = cli_usage(&a, "name one file of JSON lines, or - for stdin");
  else code = cli_open(&a.common, false, &ix);
  if (code == EXIT_OK) {
    magpie_add_options options;
    cli_progress progress;
    magpie_report report = {0};
    magpie_error err = {0};
    setup_options(&options, &progress, &a.common);
    const magpie_status status = magpie_import(ix, argv[a.next], &options, &report, &err);
    code = cli_print_report(&a.common, "imported", &report, status, &err);
  }
  magpie_close(&ix);
  cli_arguments_fini(&a);
  return code;
}

int cli_remove(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "remove", argc, argv);
  while (cli_arguments_next(&a)) {
  }
  magpie *ix = NULL;
  int code = a.next >= argc ? cli_usage(&a, "name an item, a record, a file or a folder")
                            : cli_open(&a.common, false, &ix);
  magpie_report total = {0};
  for (int i = a.next; code != EXIT_USAGE && ix && i < argc; i++) {
    magpie_report report = {0};
    magpie_error err = {0};
    const magpie_status status = magpie_remove(ix, argv[i], &report, &err);
    if (status) code = cli_report_error(&err);
    total.files_removed += report.files_removed;
    total.items_removed += report.items_removed;
    if (report.generation) total.generation = report.generation;
  }
  if (ix && total.generation) {
    const int printed = cli_print_report(&a.common, "removed", &total, MAGPIE_OK, NULL);
    if (code == EXIT_OK) code = printed;
  }
  magpie_close(&ix);
  cli_arguments_fini(&a);
  return code;
}

/* ---- failures
 * -------------------------------------------------------------------------------------- */

static int retry_failures(const cli_common *common, const json_t *list) {
  const size_t count = json_array_size(list);
  char **paths = calloc(count + 1, sizeof *paths);
  size_t found = 0;
  if (!paths) return EXIT_NOTHING;
  for (size_t i = 0; i < count; i++) {
    const char *shown = json_string_value(json_object_get(json_array_get(list, i), "path"));
    char *path = NULL;
    /* Lines of an import are tried again by importing the file again. */
    if (shown && shown[0] == '/' && magpie_path_bytes(shown, &path, NULL) == MAGPIE_OK)
      paths[found++] = path;
  }
  int code = EXIT_OK;
  if (found == 0) {
    puts("no file to retry; import a JSON Lines file again to retry its lines");
  } else {
    magpie_add_options options;
    cli_progress progress;
    setup_options(&options, &progress, common);
    options.retry_failed = true;
    code = run_add(common, paths, (int)found, &options);
  }
  for (size_t i = 0; i < found; i++) magpie_free(paths[i]);
  free(paths);
  return code;
}

static void print_failures(const json_t *list) {
  size_t i;
  const json_t *row;
  json_array_foreach(list, i, row) {
    const char *path = json_string_value(json_object_get(row, "path"));
    const char *reason = json_string_value(json_object_get(row, "reason"));
    printf("%s%s%s\n    ", cli_style(stdout, "bold"), path ? path : "", cli_style(stdout, "off"));
    cli_print_clean(stdout, reason ? reason : "", reason ? strlen(reason) : 0);
    printf(" %s(tried %lld×)%s\n", cli_style(stdout, "dim"),
           (long long)json_integer_value(json_object_get(row, "tries")), cli_style(stdout, "off"));
  }
  if (json_array_size(list) == 0) puts("no failures");
}

int cli_failures(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "failures", argc, argv);
  bool retry = false;
  while (cli_arguments_next(&a)) retry = true;
  magpie *ix = NULL;
  magpie_error err = {0};
  char *json = NULL;
  int code = cli_open(&a.common, true, &ix);
  if (code == EXIT_OK && magpie_failures(ix, &json, &err)) code = cli_report_error(&err);
  magpie_close(&ix);
  if (code == EXIT_OK) {
    json_t *list = json_loads(json, 0, NULL);
    if (retry) code = retry_failures(&a.common, list);
    else if (a.common.json) puts(json);
    else print_failures(list);
    json_decref(list);
  }
  magpie_free(json);
  cli_arguments_fini(&a);
  return code;
}
