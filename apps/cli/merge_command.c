/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie merge: fewer, larger segment files, without what was deleted.
 */
#include "cli.h"

static void print_json(const magpie_merge_report *r, magpie_status status,
                       const magpie_error *err) {
  json_t *row = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "event", "report", "merges",
                          (json_int_t)r->merges, "segments_before", (json_int_t)r->segments_before,
                          "segments_after", (json_int_t)r->segments_after, "bytes_before",
                          (json_int_t)r->bytes_before, "bytes_after", (json_int_t)r->bytes_after,
                          "bytes_written", (json_int_t)r->bytes_written, "rows_dropped",
                          (json_int_t)r->rows_dropped, "generation", (json_int_t)r->generation);
  if (status) json_object_set_new(row, "error", json_string(err->message));
  json_dumpf(row, stdout, JSON_COMPACT);
  fputc('\n', stdout);
  json_decref(row);
}

static void print_text(const magpie_merge_report *r) {
  char a[32], b[32], c[32], d[32];
  if (r->merges == 0) {
    printf("nothing to merge: %llu segments\n", (unsigned long long)r->segments_after);
    return;
  }
  printf("merged: %llu segments to %llu, %s to %s, %s written, %s dead rows dropped\n",
         (unsigned long long)r->segments_before, (unsigned long long)r->segments_after,
         cli_bytes_text(a, (double)r->bytes_before), cli_bytes_text(b, (double)r->bytes_after),
         cli_bytes_text(c, (double)r->bytes_written), cli_count_text(d, r->rows_dropped));
}

static int run_merge(const cli_common *common, bool all) {
  magpie *ix = NULL;
  int opened = cli_open(common, true, &ix); /* opening for writing would make a missing index */
  magpie_close(&ix);
  if (opened == EXIT_OK) opened = cli_open(common, false, &ix);
  if (opened != EXIT_OK) return opened;
  magpie_merge_options options;
  magpie_merge_report report = {0};
  magpie_error err = {0};
  cli_progress progress;
  magpie_merge_options_defaults(&options);
  cli_progress_init(&progress, common);
  progress.noun = "merges";
  cli_catch_interrupt();
  options.all = all;
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  const magpie_status status = magpie_merge(ix, &options, &report, &err);
  if (common->json) print_json(&report, status, &err);
  else if (status == MAGPIE_OK) print_text(&report);
  magpie_close(&ix);
  return status ? cli_report_error(&err) : EXIT_OK;
}

int cli_merge(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "merge", argc, argv);
  bool all = false;
  while (cli_arguments_next(&a)) all = true; /* its one option */
  const int code = a.next < argc ? cli_usage(&a, "there are no arguments: -x names the index")
                                 : run_merge(&a.common, all);
  cli_arguments_fini(&a);
  return code;
}
