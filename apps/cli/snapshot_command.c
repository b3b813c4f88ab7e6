/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie snapshot and restore.
 */
#include "cli.h"

static void print_json(const magpie_snapshot_report *r, const char *path) {
  char *shown = NULL;
  if (magpie_path_text(path, &shown, NULL) != MAGPIE_OK) shown = NULL;
  json_t *row = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "event", "report", "path",
                          shown ? shown : "", "generation", (json_int_t)r->generation, "segments",
                          (json_int_t)r->segments, "thumbnails", (json_int_t)r->thumbnails,
                          "files_linked", (json_int_t)r->files_linked, "files_copied",
                          (json_int_t)r->files_copied, "bytes_copied", (json_int_t)r->bytes_copied);
  json_dumpf(row, stdout, JSON_COMPACT);
  fputc('\n', stdout);
  json_decref(row);
  magpie_free(shown);
}

static int finish(const cli_common *common, magpie_status status, const char *verb,
                  const char *path, const magpie_snapshot_report *r, const magpie_error *err) {
  char copied[32];
  if (status) return cli_report_error(err);
  if (common->json) {
    print_json(r, path);
    return EXIT_OK;
  }
  printf("%s: generation %llu, %llu segments, %llu thumbnails; %llu files linked, %llu copied, %s "
         "written\n",
         verb, (unsigned long long)r->generation, (unsigned long long)r->segments,
         (unsigned long long)r->thumbnails, (unsigned long long)r->files_linked,
         (unsigned long long)r->files_copied, cli_bytes_text(copied, (double)r->bytes_copied));
  return EXIT_OK;
}

static int run_snapshot(const cli_common *common, const char *target) {
  magpie *ix = NULL;
  magpie_snapshot_report report = {0};
  magpie_error err = {0};
  const int opened = cli_open(common, true, &ix);
  if (opened != EXIT_OK) return opened;
  cli_catch_interrupt();
  const magpie_status status = magpie_snapshot(ix, target, &cli_interrupted, &report, &err);
  magpie_close(&ix);
  return finish(common, status, "snapshot", target, &report, &err);
}

int cli_snapshot(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "snapshot", argc, argv);
  while (cli_arguments_next(&a)) { /* the common options only */
  }
  const int code = a.next + 1 != argc ? cli_usage(&a, "name the one folder to make")
                                      : run_snapshot(&a.common, argv[a.next]);
  cli_arguments_fini(&a);
  return code;
}

static int run_restore(const cli_common *common, const char *snapshot, bool replace) {
  magpie_restore_options options;
  magpie_snapshot_report report = {0};
  magpie_error err = {0};
  char *index = NULL;
  if (!common->index && magpie_default_path(&index, &err)) return cli_report_error(&err);
  magpie_restore_options_defaults(&options);
  cli_catch_interrupt();
  options.replace = replace;
  options.cancel = &cli_interrupted;
  const char *path = common->index ? common->index : index;
  const magpie_status status = magpie_restore(snapshot, path, &options, &report, &err);
  const int done = finish(common, status, "restored", path, &report, &err);
  magpie_free(index);
  return done;
}

int cli_restore(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "restore", argc, argv);
  bool replace = false;
  while (cli_arguments_next(&a)) replace = true; /* its one option */
  const int code = a.next + 1 != argc ? cli_usage(&a, "name the one snapshot to restore")
                                      : run_restore(&a.common, argv[a.next], replace);
  cli_arguments_fini(&a);
  return code;
}
