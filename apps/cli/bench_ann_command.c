/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie bench-ann: a table, CSV and a picture of what the library measures.
 */
#include <errno.h>
#include <magpie/vectors.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct ann_files {
  const char *svg, *csv;
} ann_files;

static double number(const json_t *row, const char *name) {
  return json_number_value(json_object_get(row, name));
}

static void print_system(const json_t *system) {
  char a[32], b[32];
  const json_t *points = json_object_get(system, "points"), *point = NULL;
  const char *name = json_string_value(json_object_get(system, "name"));
  size_t i;
  printf("%s%s%s  built in %s, %s beside the vectors\n", cli_style(stdout, "bold"),
         name ? name : "", cli_style(stdout, "off"), cli_seconds_text(a, number(system, "build_s")),
         cli_bytes_text(b, number(system, "bytes")));
  json_array_foreach(points, i, point) {
    const double width = number(point, "width");
    if (width > 0) printf("  %7.0f", width);
    else printf("  %7s", "all");
    printf("  %8.4f  %11.1f\n", number(point, "recall"), number(point, "qps"));
  }
}

static void print_table(const json_t *all) {
  const json_t *base = json_object_get(all, "base"), *system = NULL;
  const char *space = json_string_value(json_object_get(all, "space"));
  const char *truth = json_string_value(json_object_get(all, "truth"));
  size_t i;
  printf("%.0f vectors of %.0f numbers, %.0f queries, k %.0f, %s, %.0f thread(s), median of %.0f, "
         "truth %s\n    width    recall    queries/s\n",
         number(base, "rows"), number(base, "dim"), number(all, "queries"), number(all, "k"),
         space ? space : "", number(all, "threads"), number(all, "runs"), truth ? truth : "");
  json_array_foreach(json_object_get(all, "systems"), i, system) print_system(system);
}

static void print_csv(FILE *out, const json_t *all) {
  const json_t *system = NULL, *point = NULL;
  size_t i, j;
  fputs("system,width,recall,qps,build_s,bytes\n", out);
  json_array_foreach(json_object_get(all, "systems"), i, system)
      json_array_foreach(json_object_get(system, "points"), j, point)
          fprintf(out, "%s,%.0f,%.5f,%.1f,%.3f,%.0f\n",
                  json_string_value(json_object_get(system, "name")), number(point, "width"),
                  number(point, "recall"), number(point, "qps"), number(system, "build_s"),
                  number(system, "bytes"));
}

/* `text`, or the CSV of `all`. */
static int write_file(const char *name, const char *text, const json_t *all) {
  FILE *out = fopen(name, "w");
  int failed = out == NULL;
  if (out && text) failed |= fputs(text, out) < 0;
  else if (out) print_csv(out, all);
  if (out) failed |= fclose(out) != 0;
  if (!failed) return EXIT_OK;
  fprintf(stderr, "magpie: %s cannot be written: %s\n", name, strerror(errno));
  return EXIT_NOTHING;
}

static int give(const cli_common *common, const char *json, const ann_files *files) {
  magpie_error err = {0};
  char *svg = NULL;
  json_t *all = json_loads(json, 0, NULL);
  int code = EXIT_OK;
  if (common->json) puts(json);
  else print_table(all);
  if (files->csv) code = write_file(files->csv, NULL, all);
  if (files->svg && magpie_ann_svg(json, &svg, &err)) code = cli_report_error(&err);
  else if (files->svg) code = write_file(files->svg, svg, NULL) ? EXIT_NOTHING : code;
  magpie_free(svg);
  json_decref(all);
  return code;
}

static int run(const cli_common *common, magpie_ann_options *options, const ann_files *files) {
  cli_progress progress;
  magpie_error err = {0};
  char *json = NULL;
  cli_progress_init(&progress, common);
  progress.noun = "indexes";
  cli_catch_interrupt();
  if (!common->json) {
    options->progress = cli_progress_event;
    options->progress_context = &progress;
  }
  options->cancel = &cli_interrupted;
  options->threads = common->threads > 0 ? common->threads : 1;
  if (magpie_bench_ann(options, &json, &err)) return cli_report_error(&err);
  const int code = give(common, json, files);
  magpie_free(json);
  return code;
}

/* Takes one option of its own; EXIT_USAGE when its value is wrong, else -1. */
static int take_option(cli_arguments *a, const char *name, magpie_ann_options *options,
                       ann_files *files) {
  long count = 0;
  if (strcmp(name, "base") == 0) options->base = a->value;
  else if (strcmp(name, "queries") == 0) options->queries = a->value;
  else if (strcmp(name, "truth") == 0) options->truth = a->value;
  else if (strcmp(name, "space") == 0) options->space = a->value;
  else if (strcmp(name, "svg") == 0) files->svg = a->value;
  else if (strcmp(name, "csv") == 0) files->csv = a->value;
  else if (strcmp(name, "top") == 0) {
    if (!cli_parse_count(a->value, 1, 1000, &count))
      return cli_usage(a, "-k %s: expected 1 to 1000", a->value);
    options->k = (size_t)count;
  } else if (strcmp(name, "runs") == 0) {
    if (!cli_parse_count(a->value, 1, 99, &count))
      return cli_usage(a, "--runs %s: expected 1 to 99", a->value);
    options->runs = (int)count;
  } else if (strcmp(name, "seconds") == 0) {
    char *end = NULL;
    options->seconds = strtod(a->value, &end);
    if (*end || !(options->seconds > 0 && options->seconds <= 3600))
      return cli_usage(a, "--seconds %s: expected more than 0, at most 3600", a->value);
  }
  return -1;
}

int cli_bench_ann(int argc, char **argv) {
  cli_arguments a;
  magpie_ann_options options;
  ann_files files = {0};
  const char *name;
  int code = -1;
  cli_arguments_init(&a, "bench-ann", argc, argv);
  magpie_ann_options_defaults(&options);
  while (code < 0 && (name = cli_arguments_next(&a)) != NULL)
    code = take_option(&a, name, &options, &files);
  if (code < 0 && (a.next < argc || !options.base || !options.queries))
    code = cli_usage(&a, "name the files: --base FILE --queries FILE");
  if (code < 0) code = run(&a.common, &options, &files);
  cli_arguments_fini(&a);
  return code;
}
