/* SPDX-License-Identifier: Apache-2.0
 *
 * What `magpie eval` prints and writes: the table, the page, the stored evaluation.
 */
#include "eval_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int eval_write(const char *path, const char *text) {
  FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
  const bool is_fine = out && fputs(text, out) >= 0;
  const bool is_closed = !out || out == stdout || fclose(out) == 0;
  if (is_fine && is_closed) return EXIT_OK;
  fprintf(stderr, "magpie: %s cannot be written: %s\n", path, strerror(errno));
  return EXIT_NOTHING;
}

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static void print_clean(const char *text) {
  cli_print_clean(stdout, text, strlen(text));
}

/* ---- diagnosis ------------------------------------------------------------------------------ */

static const char *const causes[][2] = {
    {"found", "found"},
    {"not_indexed", "not indexed"},
    {"filtered", "removed by the filter"},
    {"not_recalled", "not recalled by any space"},
    {"lost_in_fusion", "recalled, lost in fusion"},
    {"lost_in_rerank", "lost in reranking"},
};

/* The worst offenders a person can look at: the first misses of one system. */
static void print_misses(const json_t *misses) {
  size_t i;
  const json_t *miss;
  json_array_foreach(misses, i, miss) {
    if (i == 10) {
      printf("    … and %zu more; --json and --out have all\n", json_array_size(misses) - i);
      break;
    }
    printf("    query ");
    print_clean(text_of(miss, "query"));
    printf(": ");
    print_clean(text_of(miss, "document"));
    printf(" %s", text_of(miss, "cause"));
    const json_t *rank = json_object_get(miss, "best_rank");
    if (json_is_integer(rank))
      printf(" (rank %lld in %s)", (long long)json_integer_value(rank), text_of(miss, "space"));
    putchar('\n');
  }
}

static void print_diagnosis(const json_t *system) {
  const json_t *diagnosis = json_object_get(system, "diagnosis");
  const json_t *counts = json_object_get(diagnosis, "counts");
  if (!counts) return;
  printf("\n%s: relevant documents and the first %lld hits\n", text_of(system, "name"),
         (long long)json_integer_value(json_object_get(diagnosis, "k")));
  for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
    const json_int_t count = json_integer_value(json_object_get(counts, causes[i][0]));
    if (count > 0 || i == 0) printf("%7lld %s\n", (long long)count, causes[i][1]);
  }
  print_misses(json_object_get(diagnosis, "queries"));
}

/* ---- sweep ---------------------------------------------------------------------------------- */

static void print_point(const json_t *axes, const json_t *values) {
  size_t i;
  const json_t *axis;
  json_array_foreach(axes, i, axis) printf("%s%s=%g", i ? " " : "", text_of(axis, "name"),
                                           json_number_value(json_array_get(values, i)));
}

static void print_sweep(const json_t *sweep) {
  if (!sweep) return;
  const json_t *axes = json_object_get(sweep, "axes"), *best = json_object_get(sweep, "best");
  printf("\nsweep of %zu points by %s\n  best over all queries that chose: ",
         json_array_size(json_object_get(sweep, "grid")), text_of(sweep, "measure"));
  print_point(axes, json_object_get(best, "values"));
  printf(" (%.4f)\n", json_number_value(json_object_get(best, "mean")));
  size_t i;
  const json_t *fold;
  json_array_foreach(json_object_get(sweep, "folds"), i, fold) {
    printf("  fold %zu: ", i + 1);
    print_point(axes, json_object_get(fold, "chosen"));
    printf(" (%.4f on the others, %.4f on its own %lld queries)\n",
           json_number_value(json_object_get(fold, "train")),
           json_number_value(json_object_get(fold, "held_out")),
           (long long)json_integer_value(json_object_get(fold, "queries")));
  }
  const json_t *held = json_object_get(sweep, "held_out");
  if (held)
    printf("  held out: %.4f [%.4f, %.4f]\n", json_number_value(json_object_get(held, "mean")),
           json_number_value(json_object_get(held, "low")),
           json_number_value(json_object_get(held, "high")));
}

/* ---- the evaluation ------------------------------------------------------------------------- */

static size_t print_failures(const json_t *system) {
  const json_t *failed = json_object_get(system, "failed");
  const json_t *warnings = json_object_get(system, "warnings");
  size_t i;
  const json_t *row;
  json_array_foreach(warnings, i, row)
      fprintf(stderr, "warning: %s: %s\n", text_of(system, "name"), json_string_value(row));
  if (json_array_size(failed) > 0) {
    const json_t *first = json_array_get(failed, 0);
    fprintf(stderr, "%s: %zu queries failed and score 0; the first, %s: %s\n",
            text_of(system, "name"), json_array_size(failed), text_of(first, "query"),
            text_of(first, "reason"));
  }
  return json_array_size(failed);
}

static int print_evaluation(const json_t *whole, const char *json) {
  magpie_error err = {0};
  char *table = NULL;
  const int width = isatty(STDOUT_FILENO) ? cli_width(stdout) : 0; /* a pipe takes any */
  if (magpie_evaluation_table(json, width, cli_is_colour(stdout), &table, &err))
    return cli_report_error(&err);
  fputs(table, stdout);
  magpie_free(table);
  size_t i;
  const json_t *system;
  json_array_foreach(json_object_get(whole, "systems"), i, system) {
    const json_t *recall = json_object_get(system, "exact_recall");
    if (recall)
      printf("%s: recall@%lld against the exact run %.4f\n", text_of(system, "name"),
             (long long)json_integer_value(json_object_get(system, "exact_k")),
             json_number_value(recall));
    print_diagnosis(system);
  }
  print_sweep(json_object_get(whole, "sweep"));
  return EXIT_OK;
}

int eval_show(const cli_common *common, const eval_options *o, const char *json) {
  json_t *whole = json_loads(json, 0, NULL);
  int code = EXIT_OK;
  size_t i, failed = 0;
  const json_t *system;
  if (common->json) puts(json);
  else if (!common->quiet) code = print_evaluation(whole, json);
  json_array_foreach(json_object_get(whole, "systems"), i, system) failed += print_failures(system);
  if (failed > 0 && code == EXIT_OK) code = EXIT_NOTHING;
  json_decref(whole);
  if (o->out) {
    const int written = eval_write(o->out, json);
    if (written != EXIT_OK) code = written;
  }
  if (o->html) {
    magpie_error err = {0};
    char *page = NULL;
    const int written = magpie_evaluation_html(json, &page, &err) ? cli_report_error(&err)
                                                                  : eval_write(o->html, page);
    magpie_free(page);
    if (written != EXIT_OK) code = written;
    else if (!common->quiet && !common->json) printf("\nthe page: %s\n", o->html);
  }
  return code;
}

static void print_texts(const json_t *list) {
  size_t i;
  const json_t *text;
  json_array_foreach(list, i, text) {
    print_clean(json_string_value(text) ? json_string_value(text) : "");
    putchar('\n');
  }
}

void eval_show_diff(const char *json) {
  json_t *diff = json_loads(json, 0, NULL);
  size_t i;
  const json_t *row;
  json_array_foreach(json_object_get(diff, "comparisons"), i, row) {
    print_clean(text_of(row, "verdict"));
    putchar('\n');
  }
  print_texts(json_object_get(diff, "notes"));
  json_decref(diff);
}

static void print_value(const char *name, const char *part, const json_t *row) {
  const json_t *value = json_object_get(row, "value");
  char label[80];
  snprintf(label, sizeof label, "%s%s%s", name, part ? " " : "", part ? part : "");
  printf("%-28s ", label);
  if (json_is_number(value)) printf("%.6f", json_number_value(value));
  else putchar('-');
  const json_t *low = json_object_get(row, "low"), *high = json_object_get(row, "high");
  if (json_is_number(low) && json_is_number(high))
    printf("  [%.6f, %.6f]", json_number_value(low), json_number_value(high));
  const char *reason = json_string_value(json_object_get(row, "reason"));
  if (reason) printf("  %s", reason);
  putchar('\n');
}

void eval_show_values(const char *json) {
  json_t *whole = json_loads(json, 0, NULL);
  const char *name, *part;
  json_t *row, *value;
  json_object_foreach(json_object_get(whole, "measures"), name, row) {
    json_t *parts = json_object_get(row, "parts");
    if (!parts) print_value(name, NULL, row);
    json_object_foreach(parts, part, value) print_value(name, part, value);
  }
  json_decref(whole);
}
