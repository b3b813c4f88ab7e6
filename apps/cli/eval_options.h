/* SPDX-License-Identifier: Apache-2.0
 *
 * What `magpie eval` was told, shared by eval_options.c (reading it), eval_command.c (the work) and
 * eval_output.c (what is printed and written).
 */
#ifndef MAGPIE_CLI_EVAL_OPTIONS_H
#define MAGPIE_CLI_EVAL_OPTIONS_H

#include <magpie/eval.h>

#include "cli.h"

#define EVAL_LIST_MAX 64
#define EVAL_AXES_MAX 8

/* Names point into argv or into `copies`. */
typedef struct eval_options {
  const char *qrels, *data, *format, *split, *train_split, *queries;
  const char *runs[EVAL_LIST_MAX], *systems[EVAL_LIST_MAX], *measures[EVAL_LIST_MAX];
  size_t run_count, system_count, measure_count;
  magpie_sweep_axis axes[EVAL_AXES_MAX];
  size_t axis_count, folds, k;
  magpie_evaluation_options evaluation;
  bool explain, fuse;
  const char *exact, *kinds, *html, *trec, *out, *to, *as;
  char *copies[EVAL_LIST_MAX]; /* texts that were cut up */
  size_t copy_count;
} eval_options;

/* Takes one option; -1 when all is well, else an exit code. */
int eval_options_take(const cli_arguments *a, eval_options *o, const char *name);
void eval_options_fini(eval_options *o);

/* Prints and writes an evaluation as the options say; gives the exit code. */
int eval_show(const cli_common *common, const eval_options *o, const char *json);
/* Prints the comparison of two stored evaluations. */
void eval_show_diff(const char *json);
/* Prints the measures of a file of rows or vectors. */
void eval_show_values(const char *json);
/* Writes a text into a file; an exit code. */
int eval_write(const char *path, const char *text);

#endif
