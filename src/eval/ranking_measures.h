/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of rankings inside: a parsed measure, what it sees of a query, the table of all kinds.
 */
#ifndef MGP_EVAL_RANKING_MEASURES_H
#define MGP_EVAL_RANKING_MEASURES_H

#include "eval/ranked.h"

#define MGP_UNJUDGED INT64_MIN
#define MGP_CUTOFF_MAX 1000000000
/* 2^gain must stay a number that sums can be made of. */
#define MGP_EXPONENT_MAX 60

/* What a measure's spelling may say. */
enum {
  MGP_TAKES_CUTOFF = 1,
  MGP_NEEDS_CUTOFF = 2,
  MGP_TAKES_REL = 4,  /* rel=N: gains from N on are relevant, whatever the options say */
  MGP_TAKES_P = 8,    /* p=0.8 */
  MGP_TAKES_MAX = 16, /* max=4 */
  MGP_TAKES_GAIN = 32 /* gain=linear or exp */
};

typedef struct mgp_measure mgp_measure;

/* One query: its hits as gains, best first, and its judgements. */
typedef struct mgp_ranking {
  const int64_t *gains; /* MGP_UNJUDGED for what nobody judged */
  size_t count;         /* of gains: as deep as the deepest measure looks */
  size_t retrieved;     /* hits in the run */
  const int64_t *judged;
  size_t judged_count;
  const int64_t *ideal; /* judged gains above 0, from high to low */
  size_t ideal_count;
} mgp_ranking;

typedef struct mgp_measure_kind {
  magpie_measure face;
  unsigned takes;
  double (*value)(const mgp_measure *m, const mgp_ranking *r);
} mgp_measure_kind;

struct mgp_measure {
  const mgp_measure_kind *kind;
  size_t cutoff; /* 0: none */
  int64_t rel;   /* 0: as the options of the evaluation say */
  double p;      /* RBP's persistence, a multiple of 1e-6 */
  int64_t max;   /* ERR's greatest gain */
  bool is_exponential;
};

/* measure_table.c; NULL past the last */
const mgp_measure_kind *mgp_measure_kind_at(size_t index);
/* measure_name.c; INVALID names the nearest known measure. */
magpie_status mgp_measure_parse(const char *text, mgp_measure *out, magpie_error *err);

/* measures_binary.c; m->rel is set */
double mgp_measure_precision(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_recall(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_recall_all(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_success(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_r_precision(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_reciprocal_rank(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_average_precision(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_rbp(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_bpref(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_judged(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_retrieved(const mgp_measure *m, const mgp_ranking *r);
/* measures_graded.c */
double mgp_measure_ndcg(const mgp_measure *m, const mgp_ranking *r);
double mgp_measure_err(const mgp_measure *m, const mgp_ranking *r);

#endif
