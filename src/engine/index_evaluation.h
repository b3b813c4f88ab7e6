/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of evaluating an index, shared by evaluate_index.c (runs), eval_diagnosis.c (where a
 * miss was lost) and eval_sweep.c (grids of settings).
 */
#ifndef MGP_INDEX_EVALUATION_H
#define MGP_INDEX_EVALUATION_H

#include "engine/search.h"
#include "magpie/eval.h"

/* Gives the settings of one query of the benchmark in one system; NULL: the system's own. */
typedef const magpie_query *(*mgp_settings_pick)(const void *context, size_t system, size_t query);

/* What every verb of this file's users needs. */
typedef struct mgp_index_evaluation {
  magpie *ix;
  const magpie_benchmark *benchmark;
  const magpie_qrels *qrels;
  const magpie_index_evaluation_options *options;
  size_t count;           /* queries of the benchmark */
  mgp_settings_pick pick; /* or NULL */
  const void *pick_context;
  double started;
  magpie_event event;
} mgp_index_evaluation;

magpie_status mgp_index_evaluation_open(mgp_index_evaluation *e, magpie *ix,
                                        const magpie_benchmark *benchmark,
                                        const magpie_index_evaluation_options *options,
                                        magpie_error *err);
/* Says that another of `total` steps is done; CANCELLED when the caller wants to stop. */
magpie_status mgp_index_evaluation_step(mgp_index_evaluation *e, uint64_t done, uint64_t total,
                                        magpie_error *err);
/* The query of the benchmark with the settings of a system. */
magpie_query mgp_evaluation_query(const magpie_benchmark_query *asked, const magpie_query *system);
bool mgp_evaluation_is_judged(const mgp_index_evaluation *e, const magpie_benchmark_query *query);

/* The name under which a hit of this record or file may be judged: the record id; for a file also
 * its path or its name, whichever `query` has a judgement of. White space as %XX. magpie_free it.
 */
char *mgp_evaluation_document(const magpie_qrels *qrels, const char *query, const char *record,
                              const char *source, bool is_file);
/* Notes a query's answers in a run. Scores only keep the order (a float cannot tell all of ours
 * apart): each is below the one before. Hits beyond the query's candidates are left out. */
magpie_status mgp_evaluation_note(magpie_run *run, const magpie_benchmark_query *query,
                                  char *const *documents, const double *scores, size_t count,
                                  magpie_error *err);

/* The search's settings as a JSON object. */
json_t *mgp_system_settings(const magpie_query *query);

/* The question that a system puts to the index for one query of the benchmark. */
magpie_query mgp_evaluation_question(const mgp_index_evaluation *e, const magpie_system *systems,
                                     size_t system, size_t query);
/* Asks and evaluates; `sweep` (stolen, may be NULL) becomes a member of the evaluation. */
magpie_status mgp_evaluate_systems(mgp_index_evaluation *e, const magpie_system *systems,
                                   size_t count, json_t *sweep, char **json, magpie_error *err);

/* ---- eval_diagnosis.c --------------------------------------------------------------------- */

/* {"counts","queries"} of one system: each relevant document that `run` lacks among the first k,
 * and where it was lost (docs/format/mgeval.md). */
magpie_status mgp_evaluation_diagnose(mgp_index_evaluation *e, const magpie_system *systems,
                                      size_t system, const magpie_run *run, json_t **out,
                                      magpie_error *err);

#endif
