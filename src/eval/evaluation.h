/* SPDX-License-Identifier: Apache-2.0
 *
 * A comparison of systems inside: what magpie_evaluation keeps, a paired comparison of two rows of
 * values, and the sentences that are said of it. docs/format/mgeval.md is what it is written as.
 */
#ifndef MGP_EVAL_EVALUATION_H
#define MGP_EVAL_EVALUATION_H

#include "eval/ranked.h"

#define MGP_CHANGED_MAX 10 /* queries named in a comparison */
#define MGP_SYSTEMS_MAX 1000
#define MGP_SMALL_SAMPLE 30 /* fewer queries get a warning */

/* ---- paired comparisons (evaluation_compare.c) ------------------------------------------- */

typedef struct mgp_test_settings {
  double alpha, confidence;
  uint64_t rounds, seed;
} mgp_test_settings;

typedef struct mgp_comparison {
  size_t n; /* queries that both have */
  double system_mean, baseline_mean, difference, low, high;
  double p, p_holm;
  double p_t, effect; /* NAN: not defined here */
  size_t wins, losses, ties;
  bool is_significant;
  size_t changed[MGP_CHANGED_MAX]; /* the greatest differences first, none of 0 */
  size_t changed_count;
} mgp_comparison;

/* Rows of one value a query, NAN where a query was left out. p_holm is p until mgp_comparisons_holm
 * has seen it. */
magpie_status mgp_compare(const double *system, const double *baseline, size_t queries,
                          bool higher_is_better, const mgp_test_settings *settings,
                          mgp_comparison *out, magpie_error *err);
/* Sets p_holm and is_significant of comparisons that belong together. */
magpie_status mgp_comparisons_holm(mgp_comparison *const *comparisons, size_t count, double alpha,
                                   magpie_error *err);
/* Whether the system is better (1), worse (-1) or neither on average. */
int mgp_comparison_side(const mgp_comparison *c, bool higher_is_better);
/* Members "difference" to "significant" of the JSON. */
json_t *mgp_comparison_json(const mgp_comparison *c);
/* null unless it is finite */
json_t *mgp_json_real(double value);

/* ---- sentences (evaluation_verdict.c) ---------------------------------------------------- */

/* "= 0.002", "< 0.0001": after a "p " */
void mgp_verdict_p(double p, char out[16]);
/* "+0.025 [0.010, 0.041], p = 0.002 (Holm 0.004)" */
void mgp_verdict_figures(mgp_buffer *b, const mgp_comparison *c);
/* A value as people read it: three decimals up to 10, fewer above. */
void mgp_verdict_number(double value, char out[32]);

typedef struct mgp_verdict_pair {
  const char *measure, *system, *baseline;
  bool higher_is_better;
} mgp_verdict_pair;
void mgp_verdict_sentence(mgp_buffer *b, const mgp_verdict_pair *pair, const mgp_comparison *c);
/* What fewer than MGP_SMALL_SAMPLE queries cannot show, `tests` p-values being corrected together;
 * adds nothing for enough of them. */
void mgp_verdict_small_sample(mgp_buffer *b, size_t n, size_t tests, double alpha);

/* ---- the object (evaluation.c) ----------------------------------------------------------- */

typedef struct mgp_described {
  const char *text; /* of a query, or the title of a document; NULL: not told */
  const char *kind; /* or modality */
  bool is_described;
} mgp_described;

typedef struct mgp_kept_hit {
  const mgp_id *document; /* of evaluation->documents */
  float score;
  int64_t gain;
  bool is_judged;
} mgp_kept_hit;

typedef struct mgp_evaluated_system {
  const char *name;
  json_t *settings, *extra; /* NULL: none */
  double *values;           /* by measure, then query; NAN: left out */
  double *ms;               /* a query; -1: unknown */
  mgp_kept_hit *hits;       /* queries x kept */
  size_t *hit_counts;       /* a query */
  size_t missing, unjudged;
} mgp_evaluated_system;

struct magpie_evaluation {
  mgp_arena *arena; /* texts and rows */
  magpie_qrels *qrels;
  const char **measures;  /* canonical names */
  bool *higher_is_better; /* a measure */
  size_t measure_count, kept;
  const char *baseline; /* NULL: the first */
  const char *name;     /* NULL: none */
  mgp_test_settings test;
  int64_t level;
  bool only_answered;
  mgp_described *queries; /* a judged query */
  mgp_id_table documents; /* hits and described ones */
  mgp_described *described;
  size_t described_capacity;
  mgp_evaluated_system *systems;
  size_t system_count, system_capacity;
};

/* The number of the baseline's system; INVALID when there is none of that name, or no system. */
magpie_status mgp_evaluation_baseline(const magpie_evaluation *e, size_t *out, magpie_error *err);
/* confusion.c: query modality x kind of the kept hits of a system; json null without kinds, NULL
 * without memory. */
json_t *mgp_confusion_json(const magpie_evaluation *e, const mgp_evaluated_system *system);
/* evaluation_latency.c: null without times. */
json_t *mgp_latency_json(const double *ms, size_t count);

#endif
