/* SPDX-License-Identifier: Apache-2.0
 *
 * For those who bring their own vectors: import of their files.
 */
#include <magpie/vectors.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

bool cli_is_vector_file(const char *file) {
  static const char *const endings[] = {".npy", ".fvecs", ".bvecs", ".ivecs"};
  const char *ending = strrchr(file, '.');
  for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
    if (strcasecmp(ending, endings[i]) == 0) return true;
  return false;
}

static int print_report(const cli_common *common, const magpie_report *r, magpie_status status,
                        const magpie_error *err) {
  if (common->json) {
    json_t *row =
        json_pack("{s:s,s:I,s:I,s:I,s:I}", "event", "report", "vectors", (json_int_t)r->files_seen,
                  "items_added", (json_int_t)r->items_added, "items_removed",
                  (json_int_t)r->items_removed, "generation", (json_int_t)r->generation);
    if (status) json_object_set_new(row, "error", json_string(err->message));
    json_dumpf(row, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(row);
  } else if (status == MAGPIE_OK && !common->quiet) {
    char a[32], b[32];
    printf("imported: %s vectors, %s of them in the place of older ones\n",
           cli_count_text(a, r->items_added), cli_count_text(b, r->items_removed));
  }
  return status ? cli_report_error(err) : EXIT_OK;
}

int cli_import_vectors(const cli_common *common, const char *file, const cli_vector_options *how) {
  magpie_vectors_options options;
  magpie_report report = {0};
  magpie_error err = {0};
  cli_progress progress;
  magpie *ix = NULL;
  magpie_vectors_options_defaults(&options);
  magpie_status status = magpie_vectors_look(file, NULL, NULL, &err);
  if (status) return cli_report_error(&err); /* before an index is made for it */
  const int opened = cli_open(common, false, &ix);
  if (opened != EXIT_OK) return opened;
  cli_progress_init(&progress, common);
  progress.noun = "vectors";
  cli_catch_interrupt();
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  options.metric = how->metric;
  status = magpie_import_vectors(ix, file, how->space, how->ids, &options, &report, &err);
  const int code = print_report(common, &report, status, &err);
  magpie_close(&ix);
  return code;
}
