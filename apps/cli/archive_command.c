/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie export, and import --archive: an index as one file.
 */
#include "cli.h"

#include <magpie/archive.h>
#include <string.h>

static void set_up(magpie_archive_options *options, cli_progress *progress,
                   const cli_common *common) {
  magpie_archive_options_defaults(options);
  cli_progress_init(progress, common);
  cli_catch_interrupt();
  options->memory_limit = common->memory;
  options->progress = cli_progress_event;
  options->progress_context = progress;
  options->cancel = &cli_interrupted;
}

static void print_json(const magpie_archive_report *r, const char *path, const char *error) {
  char *shown = NULL;
  if (magpie_path_text(path, &shown, NULL) != MAGPIE_OK) shown = NULL;
  json_t *row = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s}", "event", "report", "path",
                          shown ? shown : "", "generation", (json_int_t)r->generation, "items",
                          (json_int_t)r->items, "files", (json_int_t)r->files, "bytes",
                          (json_int_t)r->bytes, "archive_bytes", (json_int_t)r->archive_bytes,
                          "version", r->version, "created", r->created);
  if (error) json_object_set_new(row, "error", json_string(error));
  json_dumpf(row, stdout, JSON_COMPACT);
  fputc('\n', stdout);
  json_decref(row);
  magpie_free(shown);
}

/* As every command: the sentence goes to standard error with --json, too. */
static int finish(const cli_common *common, magpie_status status, const char *verb,
                  const char *path, const magpie_archive_report *r, const magpie_error *err) {
  char items[32], files[32], bytes[32], packed[32];
  if (common->json) print_json(r, path, status ? err->message : NULL);
  if (status) return cli_report_error(err);
  if (common->json) return EXIT_OK;
  printf("%s: generation %llu of %s, %s items; %s files, %s, as %s in one\n", verb,
         (unsigned long long)r->generation, r->created, cli_count_text(items, r->items),
         cli_count_text(files, r->files), cli_bytes_text(bytes, (double)r->bytes),
         cli_bytes_text(packed, (double)r->archive_bytes));
  return EXIT_OK;
}

static int run_export(const cli_common *common, const char *file, bool replace) {
  magpie *ix = NULL;
  magpie_archive_options options;
  magpie_archive_report report = {0};
  magpie_error err = {0};
  cli_progress progress;
  const int opened = cli_open(common, true, &ix);
  if (opened != EXIT_OK) return opened;
  set_up(&options, &progress, common);
  options.replace = replace;
  const magpie_status status = magpie_export(ix, file, &options, &report, &err);
  magpie_close(&ix);
  return finish(common, status, "exported", file, &report, &err);
}

int cli_export(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "export", argc, argv);
  bool replace = false;
  while (cli_arguments_next(&a)) replace = true; /* its one option */
  const int code = a.next + 1 != argc ? cli_usage(&a, "name the one file to make, FILE.tar.zst")
                                      : run_export(&a.common, argv[a.next], replace);
  cli_arguments_fini(&a);
  return code;
}

int cli_import_archive(const cli_common *common, const char *file, bool replace,
                       uint64_t max_bytes) {
  magpie_archive_options options;
  magpie_archive_report report = {0};
  magpie_error err = {0};
  cli_progress progress;
  char *index = NULL;
  if (!common->index && magpie_default_path(&index, &err)) return cli_report_error(&err);
  const char *path = common->index ? common->index : index;
  set_up(&options, &progress, common);
  options.replace = replace;
  options.max_bytes = max_bytes;
  const magpie_status status = magpie_import_archive(file, path, &options, &report, &err);
  const int code = finish(common, status, "imported", path, &report, &err);
  magpie_free(index);
  return code;
}
