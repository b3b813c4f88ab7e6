/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `magpie eval`.
 */
#include "eval_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_VALUES_MAX 1000

static char *keep_copy(eval_options *o, const char *text) {
  char *copy = o->copy_count < EVAL_LIST_MAX ? strdup(text) : NULL;
  if (copy) o->copies[o->copy_count++] = copy;
  return copy;
}

static int add_name(const cli_arguments *a, const char **list, size_t *count, const char *option) {
  if (*count == EVAL_LIST_MAX) return cli_usage(a, "--%s: at most %d", option, EVAL_LIST_MAX);
  list[(*count)++] = a->value;
  return -1;
}

/* "nDCG@10,RBP(p=0.8),R@100": a comma within brackets is the measure's own. */
static int take_measures(const cli_arguments *a, eval_options *o) {
  char *copy = keep_copy(o, a->value);
  if (!copy) return cli_usage(a, "-m is given too often");
  int depth = 0;
  char *start = copy;
  for (char *c = copy;; c++) {
    depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
    const bool is_end = *c == '\0';
    if (!is_end && (*c != ',' || depth > 0)) continue;
    *c = '\0';
    if (!*start) return cli_usage(a, "-m %s: an empty measure", a->value);
    if (o->measure_count == EVAL_LIST_MAX) return cli_usage(a, "-m: at most %d", EVAL_LIST_MAX);
    o->measures[o->measure_count++] = start;
    start = c + 1;
    if (is_end) return -1;
  }
}

static bool parse_number(const char *text, double *out) {
  char *end = NULL;
  *out = strtod(text, &end);
  return end != text && !*end && isfinite(*out);
}

/* "0..1:0.1", cut up where it stands: strtod would take "0." for a number. */
static bool parse_range(char *text, double *values, size_t *count) {
  char *dots = strstr(text, ".."), *colon = strchr(text, ':');
  double from, to, step;
  if (!dots || !colon || colon < dots) return false;
  *dots = *colon = '\0';
  if (!parse_number(text, &from) || !parse_number(dots + 2, &to) ||
      !parse_number(colon + 1, &step) || !(step > 0) || !(to >= from))
    return false;
  const double steps = floor((to - from) / step + 1e-9);
  if (!(steps < SWEEP_VALUES_MAX)) return false;
  for (size_t i = 0; i <= (size_t)steps; i++) {
    const double value = from + (double)i * step;
    values[(*count)++] = round(value * 1e9) / 1e9; /* 0.3, not 0.30000000000000004 */
  }
  return true;
}

static bool parse_list(char *text, double *values, size_t *count) {
  char *save = NULL;
  for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
    double value;
    if (*count == SWEEP_VALUES_MAX || !parse_number(one, &value)) return false;
    values[(*count)++] = value;
  }
  return *count > 0;
}

static int take_sweep(const cli_arguments *a, eval_options *o) {
  char *copy = keep_copy(o, a->value);
  char *equals = copy ? strchr(copy, '=') : NULL;
  double *values = calloc(SWEEP_VALUES_MAX, sizeof *values);
  size_t count = 0;
  bool is_fine = values && equals && equals > copy && o->axis_count < EVAL_AXES_MAX;
  if (is_fine) {
    *equals = '\0';
    is_fine = strstr(equals + 1, "..") ? parse_range(equals + 1, values, &count)
                                       : parse_list(equals + 1, values, &count);
  }
  if (!is_fine) {
    free(values);
    return cli_usage(a,
                     "--sweep %s: expected SETTING=FROM..TO:STEP or SETTING=A,B,… of at most %d "
                     "values, such as weights.text=0..1:0.1",
                     a->value, SWEEP_VALUES_MAX);
  }
  o->axes[o->axis_count++] = (magpie_sweep_axis){.name = copy, .values = values, .count = count};
  return -1;
}

/* A number within bounds, or a message. */
static int take_number(const cli_arguments *a, const char *name, double low, double high,
                       double *out) {
  char *end = NULL;
  *out = strtod(a->value, &end);
  if (end == a->value || *end || !(*out > low && *out < high))
    return cli_usage(a, "--%s %s: expected a number between %g and %g", name, a->value, low, high);
  return -1;
}

static int take_count(const cli_arguments *a, const char *name, long low, long high, size_t *out) {
  long number = 0;
  if (!cli_parse_count(a->value, low, high, &number))
    return cli_usage(a, "--%s %s: expected %ld to %ld", name, a->value, low, high);
  *out = (size_t)number;
  return -1;
}

static int take_statistic(const cli_arguments *a, eval_options *o, const char *name) {
  magpie_evaluation_options *e = &o->evaluation;
  size_t count = 0;
  int code = -1;
  if (strcmp(name, "alpha") == 0) return take_number(a, name, 0, 1, &e->alpha);
  if (strcmp(name, "confidence") == 0) return take_number(a, name, 0, 1, &e->confidence);
  if (strcmp(name, "hits") == 0) return take_count(a, name, 1, 10000, &e->hits);
  if (strcmp(name, "rounds") == 0) {
    code = take_count(a, name, 100, 10000000, &count);
    e->rounds = count;
  } else if (strcmp(name, "seed") == 0) {
    code = take_count(a, name, 0, 2000000000, &count);
    e->seed = count;
  } else if (strcmp(name, "level") == 0) {
    code = take_count(a, name, 1, 1000000, &count);
    e->level = (int64_t)count;
  }
  return code;
}

int eval_options_take(const cli_arguments *a, eval_options *o, const char *name) {
  const struct {
    const char *name;
    const char **value;
  } texts[] = {{"qrels", &o->qrels},   {"data", &o->data},
               {"format", &o->format}, {"split", &o->split},
               {"html", &o->html},     {"train-split", &o->train_split},
               {"trec", &o->trec},     {"queries", &o->queries},
               {"out", &o->out},       {"exact", &o->exact},
               {"kind", &o->kinds},    {"baseline", &o->evaluation.baseline},
               {"to", &o->to},         {"as", &o->as}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(name, texts[i].name) == 0) {
      *texts[i].value = a->value;
      return -1;
    }
  if (strcmp(name, "run") == 0) return add_name(a, o->runs, &o->run_count, name);
  if (strcmp(name, "system") == 0) return add_name(a, o->systems, &o->system_count, name);
  if (strcmp(name, "measures") == 0) return take_measures(a, o);
  if (strcmp(name, "sweep") == 0) return take_sweep(a, o);
  if (strcmp(name, "folds") == 0) return take_count(a, name, 2, 1000, &o->folds);
  if (strcmp(name, "top") == 0) return take_count(a, name, 1, 10000, &o->k);
  if (strcmp(name, "explain") == 0) o->explain = true;
  if (strcmp(name, "fuse") == 0) o->fuse = true;
  if (strcmp(name, "only-answered") == 0) o->evaluation.only_answered = true;
  return take_statistic(a, o, name);
}

void eval_options_fini(eval_options *o) {
  for (size_t i = 0; i < o->copy_count; i++) free(o->copies[i]);
  for (size_t i = 0; i < o->axis_count; i++) free((void *)(uintptr_t)o->axes[i].values);
}
