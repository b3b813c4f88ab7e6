/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie eval: an index or runs against judgements, stored evaluations against each other, and the
 * measures of files. The library does the work.
 */
#include <stdlib.h>
#include <string.h>

#include "eval_options.h"

#define K_DEFAULT 100
#define EXACT_K 10
#define NEIGHBOURS 10
#define RRF_K 60.0

static int fail(const magpie_error *err) {
  return cli_report_error(err);
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* "runs/bm25.run" -> "bm25". */
static char *run_title(const char *path) {
  const char *slash = strrchr(path, '/');
  char *name = strdup(slash ? slash + 1 : path);
  char *dot = name ? strrchr(name, '.') : NULL;
  if (dot && dot > name) *dot = '\0';
  return name;
}

static magpie_status add_run(const eval_options *o, magpie_evaluation *evaluation, const char *name,
                             const magpie_run *run, const magpie_run *exact, magpie_error *err) {
  char extra[96] = "";
  if (exact) {
    const size_t k = o->k ? o->k : EXACT_K;
    double recall = 0;
    const magpie_status status = magpie_run_recall(run, exact, k, &recall, err);
    if (status != MAGPIE_OK) return status;
    snprintf(extra, sizeof extra, "{\"exact_recall\":%.17g,\"exact_k\":%zu}", recall, k);
  }
  return magpie_evaluation_add(evaluation, name, run, NULL, exact ? extra : NULL, err);
}

static magpie_status add_fused(const eval_options *o, magpie_evaluation *evaluation,
                               magpie_run *const *runs, const magpie_run *exact,
                               magpie_error *err) {
  magpie_run *fused = NULL;
  magpie_status status = magpie_run_fuse((const magpie_run *const *)(uintptr_t)runs, NULL,
                                         o->run_count, RRF_K, 0, &fused, err);
  if (status == MAGPIE_OK) status = add_run(o, evaluation, "rrf", fused, exact, err);
  if (status == MAGPIE_OK && o->trec) status = magpie_run_write(fused, o->trec, "rrf", err);
  magpie_run_destroy(fused);
  return status;
}

static magpie_status add_runs(const eval_options *o, magpie_evaluation *evaluation,
                              magpie_error *err) {
  magpie_run *runs[EVAL_LIST_MAX] = {0}, *exact = NULL;
  magpie_status status = o->exact ? magpie_run_read(o->exact, &exact, err) : MAGPIE_OK;
  for (size_t i = 0; i < o->run_count && status == MAGPIE_OK; i++) {
    status = magpie_run_read(o->runs[i], &runs[i], err);
    char *name = run_title(o->runs[i]);
    if (status == MAGPIE_OK)
      status = add_run(o, evaluation, name ? name : o->runs[i], runs[i], exact, err);
    free(name);
  }
  if (status == MAGPIE_OK && o->fuse) status = add_fused(o, evaluation, runs, exact, err);
  for (size_t i = 0; i < o->run_count; i++) magpie_run_destroy(runs[i]);
  magpie_run_destroy(exact);
  return status;
}

static int evaluate_runs(const cli_common *common, const eval_options *o) {
  magpie_error err = {0};
  magpie_qrels *qrels = NULL;
  magpie_evaluation *evaluation = NULL;
  char *json = NULL;
  magpie_status status = magpie_qrels_read(o->qrels, &qrels, &err);
  if (status == MAGPIE_OK)
    status = magpie_evaluation_create(qrels, &o->evaluation, &evaluation, &err);
  if (status == MAGPIE_OK) status = add_runs(o, evaluation, &err);
  if (status == MAGPIE_OK) status = magpie_evaluation_json(evaluation, &json, &err);
  const int code = status == MAGPIE_OK ? eval_show(common, o, json) : fail(&err);
  magpie_free(json);
  magpie_evaluation_destroy(evaluation);
  magpie_qrels_destroy(qrels);
  return code;
}

/* ---- an index ------------------------------------------------------------------------------- */

static magpie_status open_benchmark(const eval_options *o, const char *split,
                                    magpie_benchmark **out, magpie_error *err) {
  return o->data ? magpie_benchmark_open(o->data, o->format, split, out, err)
                 : magpie_benchmark_open_files(o->queries, o->qrels, out, err);
}

typedef struct index_work {
  const eval_options *o;
  magpie *ix;
  magpie_benchmark *benchmark, *train;
  magpie_system *systems[EVAL_LIST_MAX];
  size_t system_count;
  const char *measures[3];
  magpie_index_evaluation_options options;
} index_work;

static magpie_status parse_systems(index_work *w, magpie_error *err) {
  static const char *const presets[] = {"lexical", "dense", "fused"};
  static const char *const base[] = {"fused"};
  const eval_options *o = w->o;
  const bool is_sweep = o->axis_count > 0;
  const char *const *names = o->system_count ? o->systems : is_sweep ? base : presets;
  const size_t count = o->system_count ? o->system_count : is_sweep ? 1 : 3;
  for (size_t i = 0; i < count; i++) {
    const magpie_status status =
        magpie_system_parse(w->ix, names[i], o->k ? o->k : K_DEFAULT, &w->systems[i], err);
    if (status != MAGPIE_OK) return status;
    if (o->kinds && !w->systems[i]->query.kinds) w->systems[i]->query.kinds = o->kinds;
    w->system_count++;
  }
  return MAGPIE_OK;
}

static magpie_status run_index(index_work *w, char **json, magpie_error *err) {
  const eval_options *o = w->o;
  if (o->axis_count > 0)
    return magpie_sweep_index(w->ix, w->benchmark, w->train, &w->systems[0]->query, o->axes,
                              o->axis_count, o->folds, &w->options, json, err);
  magpie_system systems[EVAL_LIST_MAX];
  for (size_t i = 0; i < w->system_count; i++) systems[i] = *w->systems[i];
  return magpie_evaluate_index(w->ix, w->benchmark, systems, w->system_count, &w->options, json,
                               err);
}

/* Without -m, what the benchmark's authors report comes first and decides. */
static void prefer_reported(index_work *w) {
  const char *reported = magpie_benchmark_measure(w->benchmark);
  if (w->o->measure_count > 0 || strcmp(reported, "nDCG@10") == 0) return;
  w->measures[0] = reported;
  w->measures[1] = "nDCG@10";
  w->measures[2] = "R@100";
  w->options.evaluation.measures = w->measures;
  w->options.evaluation.measure_count = 3;
}

static int evaluate_index(const cli_common *common, const eval_options *o) {
  index_work w = {.o = o};
  magpie_error err = {0};
  char *json = NULL;
  cli_progress progress;
  cli_progress_init(&progress, common);
  progress.noun = "queries";
  cli_catch_interrupt();
  w.options =
      (magpie_index_evaluation_options){.size = sizeof w.options,
                                        .evaluation = o->evaluation,
                                        .explain = o->explain,
                                        .run_folder = o->trec,
                                        .progress = common->json ? NULL : cli_progress_event,
                                        .progress_context = &progress,
                                        .cancel = &cli_interrupted};
  int code = cli_open(common, true, &w.ix);
  if (code == EXIT_OK) {
    magpie_status status = open_benchmark(o, o->split, &w.benchmark, &err);
    if (status == MAGPIE_OK && o->train_split)
      status = open_benchmark(o, o->train_split, &w.train, &err);
    if (status == MAGPIE_OK && !w.options.evaluation.name)
      w.options.evaluation.name = o->data ? o->data : o->queries;
    if (status == MAGPIE_OK) prefer_reported(&w);
    if (status == MAGPIE_OK) status = parse_systems(&w, &err);
    if (status == MAGPIE_OK) status = run_index(&w, &json, &err);
    code = status == MAGPIE_OK ? eval_show(common, o, json) : fail(&err);
  }
  magpie_free(json);
  for (size_t i = 0; i < w.system_count; i++) magpie_system_destroy(w.systems[i]);
  magpie_benchmark_destroy(w.train);
  magpie_benchmark_destroy(w.benchmark);
  magpie_close(&w.ix);
  return code;
}

/* ---- the other verbs ------------------------------------------------------------------------ */

static int read_text(const char *path, char **out) {
  *out = NULL;
  FILE *in = fopen(path, "rb");
  size_t size = 0, capacity = 1 << 16;
  char *text = in ? malloc(capacity + 1) : NULL;
  while (text) {
    size += fread(text + size, 1, capacity - size, in);
    if (size < capacity) break;
    char *larger = realloc(text, 2 * capacity + 1);
    if (!larger) free(text);
    text = larger;
    capacity *= 2;
  }
  const bool is_fine = text && !ferror(in);
  if (in) fclose(in);
  if (!is_fine) {
    fprintf(stderr, "magpie: %s cannot be read\n", path);
    free(text);
    return EXIT_NOTHING;
  }
  text[size] = '\0';
  *out = text;
  return EXIT_OK;
}

static int run_diff(const cli_arguments *a, const eval_options *o) {
  if (a->argc - a->next != 3) return cli_usage(a, "diff takes two stored evaluations");
  char *before = NULL, *after = NULL, *json = NULL;
  bool fell = false;
  magpie_error err = {0};
  int code = read_text(a->argv[a->next + 1], &before);
  if (code == EXIT_OK) code = read_text(a->argv[a->next + 2], &after);
  if (code == EXIT_OK &&
      magpie_evaluation_diff(before, after, o->evaluation.alpha, &json, &fell, &err))
    code = fail(&err);
  if (code == EXIT_OK) {
    if (a->common.json) puts(json);
    else if (!a->common.quiet) eval_show_diff(json);
    if (fell) code = EXIT_NOTHING;
  }
  free(before);
  free(after);
  magpie_free(json);
  return code;
}

static int run_convert(const cli_arguments *a, const eval_options *o) {
  if (a->argc - a->next != 2 || !o->to)
    return cli_usage(a, "convert takes one benchmark and --to FOLDER");
  magpie_error err = {0};
  magpie_benchmark *benchmark = NULL;
  magpie_status status =
      magpie_benchmark_open(a->argv[a->next + 1], o->format, o->split, &benchmark, &err);
  if (status == MAGPIE_OK)
    status = magpie_benchmark_write(benchmark, o->to, o->as ? o->as : "magpie", &err);
  if (status == MAGPIE_OK && !a->common.quiet)
    printf("%s: %zu queries, %zu judgements from the layout %s\n", o->to,
           magpie_benchmark_query_count(benchmark),
           magpie_qrels_judgement_count(magpie_benchmark_qrels(benchmark)),
           magpie_benchmark_format(benchmark));
  magpie_benchmark_destroy(benchmark);
  return status == MAGPIE_OK ? EXIT_OK : fail(&err);
}

static int run_values(const cli_arguments *a, const eval_options *o, bool is_rows) {
  const int given = a->argc - a->next - 1;
  if (is_rows ? given != 1 || o->measure_count == 0 : given != 2)
    return cli_usage(a,
                     is_rows ? "rows takes one file and -m MEASURES" : "vectors takes two files");
  magpie_error err = {0};
  char *json = NULL;
  const char *first = a->argv[a->next + 1];
  const magpie_status status =
      is_rows ? magpie_measure_rows(first, o->measures, o->measure_count, &json, &err)
              : magpie_measure_vectors(first, a->argv[a->next + 2], o->k ? o->k : NEIGHBOURS, &json,
                                       &err);
  if (status != MAGPIE_OK) return fail(&err);
  if (a->common.json) puts(json);
  else eval_show_values(json);
  magpie_free(json);
  return EXIT_OK;
}

static int list_measures(const cli_common *common) {
  json_t *list = json_array();
  const magpie_measure *m;
  for (size_t i = 0; (m = magpie_measure_at(i)) != NULL; i++) {
    if (!common->json) printf("%-10s %-18s %s\n", m->name, m->example, m->formula);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b}", "name", m->name, "example",
                                          m->example, "formula", m->formula, "higher_is_better",
                                          m->higher_is_better));
  }
  if (common->json) {
    json_dumpf(list, stdout, JSON_COMPACT);
    putchar('\n');
  }
  json_decref(list);
  return EXIT_OK;
}

static int evaluate(const cli_arguments *a, const eval_options *o) {
  if (a->next < a->argc)
    return cli_usage(a, "there is no `eval %s`; there are diff, convert, rows, vectors, measures",
                     a->argv[a->next]);
  if (o->run_count > 0) {
    if (!o->qrels) return cli_usage(a, "--run needs --qrels FILE");
    if (o->data || o->queries || o->system_count || o->axis_count)
      return cli_usage(a,
                       "--run evaluates files; --data, --queries, --system and --sweep an index");
    return evaluate_runs(&a->common, o);
  }
  if (!o->data && !o->queries)
    return cli_usage(a,
                     "give --run FILE with --qrels FILE, or --data BENCHMARK, or --queries FILE");
  if (o->data && o->queries) return cli_usage(a, "--data brings its queries; leave out --queries");
  if (o->train_split && !o->data) return cli_usage(a, "--train-split needs --data");
  return evaluate_index(&a->common, o);
}

static int run_verb(const cli_arguments *a, const eval_options *o) {
  const char *verb = a->next < a->argc ? a->argv[a->next] : "";
  if (strcmp(verb, "diff") == 0) return run_diff(a, o);
  if (strcmp(verb, "convert") == 0) return run_convert(a, o);
  if (strcmp(verb, "rows") == 0) return run_values(a, o, true);
  if (strcmp(verb, "vectors") == 0) return run_values(a, o, false);
  if (strcmp(verb, "measures") == 0) return list_measures(&a->common);
  return evaluate(a, o);
}

int cli_eval(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "eval", argc, argv);
  eval_options o = {.evaluation = {.size = sizeof o.evaluation}};
  int code = -1;
  const char *name;
  while (code < 0 && (name = cli_arguments_next(&a)) != NULL)
    code = eval_options_take(&a, &o, name);
  o.evaluation.measures = o.measures;
  o.evaluation.measure_count = o.measure_count;
  if (code < 0) code = run_verb(&a, &o);
  eval_options_fini(&o);
  cli_arguments_fini(&a);
  return code;
}
