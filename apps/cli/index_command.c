/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie index, import, remove and failures: what changes an index.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Before the index is opened: a slip of the pen must not leave an empty one. */
static int check_readable(const char *file) {
  if (strcmp(file, "-") == 0 || access(file, R_OK) == 0) return EXIT_OK;
  fprintf(stderr, "magpie: %s cannot be read: %s\n", file, strerror(errno));
  return EXIT_NOTHING;
}

static int run_import(const cli_common *common, const char *file) {
  magpie *ix = NULL;
  int code = check_readable(file);
  if (code == EXIT_OK) code = cli_open(common, false, &ix);
  if (code != EXIT_OK) return code;
  magpie_add_options options;
  cli_progress progress;
  magpie_report report = {0};
  magpie_error err = {0};
  setup_options(&options, &progress, common);
  const magpie_status status = magpie_import(ix, file, &options, &report, &err);
  code = cli_print_report(common, "imported", &report, status, &err);
  magpie_close(&ix);
  return code;
}

int cli_import(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "import", argc, argv);
  const char *name, *only = NULL; /* an option that counts for archives only */
  cli_vector_options vectors = {0};
  uint64_t max_bytes = 0;
  bool is_archive = false, replace = false;
  int code = -1;
  while (code < 0 && (name = cli_arguments_next(&a)) != NULL) {
    if (strcmp(name, "text-pack") == 0) a.common.text_pack = a.value;
    else if (strcmp(name, "space") == 0) vectors.space = a.value;
    else if (strcmp(name, "ids") == 0) vectors.ids = a.value;
    else if (strcmp(name, "metric") == 0) vectors.metric = a.value;
    else if (strcmp(name, "archive") == 0) is_archive = true;
    else if (strcmp(name, "force") == 0) replace = true, only = name;
    else if (strcmp(name, "max-size") == 0) {
      only = name;
      if (!cli_parse_bytes(a.value, &max_bytes))
        code = cli_usage(&a, "--max-size %s: expected a size such as 20G", a.value);
    }
  }
  if (code < 0 && argc - a.next != 1)
    code = cli_usage(&a, is_archive ? "name one archive"
                                    : "name one file of JSON lines or of vectors, or - for stdin");
  else if (code < 0 && is_archive && a.common.text_pack)
    code = cli_usage(&a, "--text-pack: an archive brings the pack that it was made with");
  else if (code < 0 && only && !is_archive)
    code = cli_usage(&a, "--%s: is for archives (--archive) only", only);
  else if (code < 0 && (vectors.space || vectors.ids || vectors.metric) &&
           (is_archive || !cli_is_vector_file(argv[a.next])))
    code = cli_usage(&a, "--space, --ids and --metric go with .npy, .fvecs, .bvecs and .ivecs");
  else if (code < 0 && is_archive)
    code = cli_import_archive(&a.common, argv[a.next], replace, max_bytes);
  else if (code < 0 && cli_is_vector_file(argv[a.next]))
    code = cli_import_vectors(&a.common, argv[a.next], &vectors);
  else if (code < 0) code = run_import(&a.common, argv[a.next]);
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

/* What the ledger's entries ask for: files to read, JSON Lines files to import, and lines that came
 * from standard input and are gone. */
typedef struct retrying {
  char **files, **imports;
  size_t file_count, import_count, gone;
} retrying;

/* "…/records.jsonl:17" -> cut to the file, if that is a file and the whole is none. */
static bool cut_line_number(char *path) {
  char *colon = strrchr(path, ':');
  if (!colon || !colon[1] || access(path, F_OK) == 0) return false;
  for (const char *c = colon + 1; *c; c++)
    if (!isdigit((unsigned char)*c)) return false;
  *colon = '\0';
  return true;
}

static void take_import(retrying *r, char *path) {
  for (size_t i = 0; i < r->import_count; i++)
    if (strcmp(r->imports[i], path) == 0) {
      magpie_free(path);
      return;
    }
  r->imports[r->import_count++] = path;
}

static void sort_failures(retrying *r, const json_t *list) {
  size_t i;
  const json_t *row;
  json_array_foreach(list, i, row) {
    const char *shown = json_string_value(json_object_get(row, "path"));
    char *path = NULL;
    if (!shown || shown[0] != '/' || magpie_path_bytes(shown, &path, NULL) != MAGPIE_OK) {
      r->gone++;
      fprintf(stderr, "%s: came from standard input, which is gone: import it again\n",
              shown ? shown : "?");
    } else if (cut_line_number(path)) take_import(r, path);
    else r->files[r->file_count++] = path;
  }
}

/* Files are read again; of a JSON Lines file the lines that are in the index pass at once. */
static int retry_failures(const cli_common *common, const json_t *list) {
  const size_t count = json_array_size(list);
  retrying r = {.files = calloc(count + 1, sizeof *r.files),
                .imports = calloc(count + 1, sizeof *r.imports)};
  int code = r.files && r.imports ? EXIT_OK : EXIT_NOTHING;
  if (code == EXIT_OK) sort_failures(&r, list);
  if (r.file_count > 0) {
    magpie_add_options options;
    cli_progress progress;
    setup_options(&options, &progress, common);
    options.retry_failed = true;
    code = run_add(common, r.files, (int)r.file_count, &options);
  }
  for (size_t i = 0; i < r.import_count; i++) {
    const int imported = run_import(common, r.imports[i]);
    if (code == EXIT_OK) code = imported;
  }
  if (r.file_count + r.import_count == 0) puts("nothing to retry");
  for (size_t i = 0; i < r.file_count; i++) magpie_free(r.files[i]);
  for (size_t i = 0; i < r.import_count; i++) magpie_free(r.imports[i]);
  free(r.files);
  free(r.imports);
  return code == EXIT_OK && r.gone > 0 ? EXIT_NOTHING : code;
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
