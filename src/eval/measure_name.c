/* SPDX-License-Identifier: Apache-2.0
 *
 * How measures are written: NAME(option=value,…)@k in any case, with the names of trec_eval
 * ("ndcg_cut_10", "P.5") and other usual ones besides.
 */
#include <ctype.h>
#include <math.h>
#include <strings.h>

#include "eval/ranking_measures.h"

#define NAME_SIZE_MAX 32
#define TEXT_SIZE_MAX 80

/* Another name, and what it stands for: a measure, maybe with options. */
typedef struct alias {
  const char *name, *means;
} alias;

static const alias aliases[] = {
    {"ndcg_cut", "nDCG"},    {"precision", "P"},     {"recall", "R"},
    {"map", "AP"},           {"map_cut", "AP"},      {"recip_rank", "RR"},
    {"mrr", "RR"},           {"hit", "Success"},     {"hits", "Success"},
    {"hit_rate", "Success"}, {"hitrate", "Success"}, {"r_prec", "Rprec"},
    {"rprecision", "Rprec"}, {"num_ret", "NumRet"},  {"num_rel_ret", "NumRet"},
};
#define ALIAS_COUNT (sizeof aliases / sizeof *aliases)

/* A spelling taken apart; nothing is looked up yet. */
typedef struct spelling {
  char text[TEXT_SIZE_MAX + 1]; /* without blanks; cut into the pieces below */
  char *name, *options;         /* options: between the brackets, or NULL */
  size_t cutoff;
  bool has_cutoff;
} spelling;

static magpie_status refuse(const char *text, magpie_error *err, const char *why) {
  return mgp_fail(err, MAGPIE_INVALID,
                  "measure \"%.80s\": %s; measures are written NAME(option=value,…)@k, as in "
                  "nDCG@10 or RBP(p=0.8)",
                  text, why);
}

/* Digits only, 1 to MGP_CUTOFF_MAX. */
static bool read_count(const char *text, size_t *out) {
  size_t value = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (!isdigit((unsigned char)*text)) return false;
    value = value * 10 + (size_t)(*text - '0');
    if (value > MGP_CUTOFF_MAX) return false;
  }
  *out = value;
  return value > 0;
}

/* "ndcg_cut_10" and "P.5": the number after the last '_' or '.' is the cutoff. */
static void take_trec_cutoff(spelling *s) {
  char *end = s->name + strlen(s->name);
  while (end > s->name && isdigit((unsigned char)end[-1])) end--;
  if (*end == '\0' || end < s->name + 2 || (end[-1] != '_' && end[-1] != '.')) return;
  s->has_cutoff = read_count(end, &s->cutoff);
  if (s->has_cutoff) end[-1] = '\0';
}

static magpie_status take_apart(const char *text, spelling *s, magpie_error *err) {
  *s = (spelling){0};
  size_t size = 0;
  for (const char *at = text; *at; at++) {
    if (isspace((unsigned char)*at)) continue;
    if (size == TEXT_SIZE_MAX) return refuse(text, err, "it is too long");
    s->text[size++] = *at;
  }
  s->name = s->text;
  char *at = strchr(s->text, '@');
  if (at) {
    *at = '\0';
    s->has_cutoff = true;
    if (!read_count(at + 1, &s->cutoff))
      return refuse(text, err, "after @ comes a number from 1 to 1000000000");
  }
  char *open = strchr(s->text, '(');
  if (open) {
    char *close = strchr(open, ')');
    if (!close || close[1]) return refuse(text, err, "the brackets do not match");
    *open = *close = '\0';
    s->options = open + 1;
  }
  if (!s->has_cutoff) take_trec_cutoff(s);
  return *s->name ? MAGPIE_OK : refuse(text, err, "it has no name");
}

/* ---- looking up -------------------------------------------------------------------------- */

static const mgp_measure_kind *find_kind(const char *name) {
  const mgp_measure_kind *kind = NULL;
  for (size_t i = 0; (kind = mgp_measure_kind_at(i)) != NULL; i++)
    if (strcasecmp(kind->face.name, name) == 0) return kind;
  return NULL;
}

/* Levenshtein, any case. */
static size_t edit_distance(const char *a, const char *b) {
  size_t row[NAME_SIZE_MAX + 1];
  const size_t width = strnlen(b, NAME_SIZE_MAX);
  for (size_t j = 0; j <= width; j++) row[j] = j;
  for (size_t i = 0; a[i] && i < NAME_SIZE_MAX; i++) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < width; j++) {
      const bool same = tolower((unsigned char)a[i]) == tolower((unsigned char)b[j]);
      size_t least = diagonal + !same;
      if (row[j] + 1 < least) least = row[j] + 1;
      diagonal = row[j + 1];
      if (diagonal + 1 < least) least = diagonal + 1;
      row[j + 1] = least;
    }
  }
  return row[width];
}

static magpie_status refuse_unknown(const char *text, const char *name, magpie_error *err) {
  const mgp_measure_kind *kind = NULL, *nearest = mgp_measure_kind_at(0);
  size_t least = SIZE_MAX;
  for (size_t i = 0; (kind = mgp_measure_kind_at(i)) != NULL; i++) {
    const size_t distance = edit_distance(name, kind->face.name);
    if (distance < least) least = distance, nearest = kind;
  }
  for (size_t i = 0; i < ALIAS_COUNT; i++) {
    const size_t distance = edit_distance(name, aliases[i].name);
    if (distance < least) least = distance, nearest = find_kind(aliases[i].means);
  }
  return mgp_fail(err, MAGPIE_INVALID, "no measure is called \"%.80s\"; the nearest is %s (%s)",
                  text, nearest->face.example, nearest->face.formula);
}

/* ---- options ----------------------------------------------------------------------------- */

static bool read_persistence(const char *value, double *out) {
  const mgp_trec_field field = {.text = value, .size = strlen(value)};
  if (!mgp_trec_number((locale_t)0, field, out)) return false;
  *out = round(*out * 1e6) / 1e6;
  return *out > 0 && *out < 1;
}

static bool read_gain_kind(const char *value, bool *is_exponential) {
  *is_exponential = strcasecmp(value, "exp") == 0 || strcasecmp(value, "exp-log2") == 0;
  return *is_exponential || strcasecmp(value, "linear") == 0 || strcasecmp(value, "log2") == 0;
}

/* NULL, or why the option cannot be. "dcg" is what ir_measures calls the gain. */
static const char *set_option(mgp_measure *m, const char *name, const char *value) {
  const unsigned takes = m->kind->takes;
  size_t number = 0;
  if (strcasecmp(name, "rel") == 0 && (takes & MGP_TAKES_REL)) {
    if (!read_count(value, &number) || number > MGP_GAIN_MAX)
      return "rel is a number from 1 to 1000000";
    m->rel = (int64_t)number;
  } else if (strcasecmp(name, "p") == 0 && (takes & MGP_TAKES_P)) {
    if (!read_persistence(value, &m->p)) return "p is a number between 0 and 1";
  } else if (strcasecmp(name, "max") == 0 && (takes & MGP_TAKES_MAX)) {
    if (!read_count(value, &number) || number > MGP_EXPONENT_MAX)
      return "max is a number from 1 to 60";
    m->max = (int64_t)number;
  } else if ((strcasecmp(name, "gain") == 0 || strcasecmp(name, "dcg") == 0) &&
             (takes & MGP_TAKES_GAIN)) {
    if (!read_gain_kind(value, &m->is_exponential)) return "gain is linear or exp";
  } else {
    return "it has no such option";
  }
  return NULL;
}

/* "all" and "any" are words without a value that make another measure of R. */
static const char *set_word(mgp_measure *m, const char *word) {
  if (strcmp(m->kind->face.name, "R") == 0 && strcasecmp(word, "all") == 0)
    m->kind = find_kind("R(all)");
  else if (strcmp(m->kind->face.name, "R") == 0 && strcasecmp(word, "any") == 0)
    m->kind = find_kind("Success");
  else return "an option is written name=value; only R knows the words all and any";
  return NULL;
}

static const char *set_options(mgp_measure *m, char *options) {
  char *rest = options, *option = NULL;
  while ((option = strsep(&rest, ",")) != NULL) {
    char *value = strchr(option, '=');
    if (value) *value++ = '\0';
    const char *why = value ? set_option(m, option, value) : set_word(m, option);
    if (why) return why;
  }
  return NULL;
}

magpie_status mgp_measure_parse(const char *text, mgp_measure *out, magpie_error *err) {
  MGP_RETURN_IF(!text, err, MAGPIE_INVALID, "measure: NULL was given");
  spelling s;
  MGP_FORWARD(take_apart(text, &s, err));
  mgp_measure m = {.kind = find_kind(s.name), .cutoff = s.cutoff, .p = 0.8, .max = 4};
  for (size_t i = 0; i < ALIAS_COUNT && !m.kind; i++)
    if (strcasecmp(aliases[i].name, s.name) == 0) m.kind = find_kind(aliases[i].means);
  if (!m.kind) return refuse_unknown(text, s.name, err);
  if (strcasecmp(s.name, "num_rel_ret") == 0) m.rel = 1;
  const char *why = s.options ? set_options(&m, s.options) : NULL;
  if (!why && s.has_cutoff && !(m.kind->takes & MGP_TAKES_CUTOFF)) why = "it takes no @k";
  if (!why && !s.has_cutoff && (m.kind->takes & MGP_NEEDS_CUTOFF)) why = "it needs @k";
  if (why) return refuse(text, err, why);
  *out = m;
  return MAGPIE_OK;
}

/* ---- the canonical spelling -------------------------------------------------------------- */

/* p is a multiple of 1e-6; written by hand, because printf would write some locales' comma. */
static void add_persistence(mgp_buffer *b, double p) {
  unsigned long micro = (unsigned long)lround(p * 1e6);
  int digits = 6;
  for (; micro % 10 == 0 && digits > 1; digits--) micro /= 10;
  mgp_buffer_printf(b, "p=0.%0*lu", digits, micro);
}

magpie_status magpie_measure_name(const char *measure, char **name, magpie_error *err) {
  MGP_RETURN_IF(!name, err, MAGPIE_INVALID, "measure: name is NULL");
  *name = NULL;
  mgp_measure m;
  MGP_FORWARD(mgp_measure_parse(measure, &m, err));
  mgp_buffer b, options;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_init(&options, NULL);
  const bool is_all = strcmp(m.kind->face.name, "R(all)") == 0;
  if (is_all) mgp_buffer_add_text(&options, ",all");
  if (m.rel) mgp_buffer_printf(&options, ",rel=%lld", (long long)m.rel);
  if (m.kind->takes & MGP_TAKES_P)
    mgp_buffer_add_char(&options, ','), add_persistence(&options, m.p);
  if (m.max != 4) mgp_buffer_printf(&options, ",max=%lld", (long long)m.max);
  if (m.is_exponential) mgp_buffer_add_text(&options, ",gain=exp");
  mgp_buffer_add_text(&b, is_all ? "R" : m.kind->face.name);
  if (options.size) mgp_buffer_printf(&b, "(%s)", options.data + 1);
  if (m.cutoff) mgp_buffer_printf(&b, "@%zu", m.cutoff);
  b.failed = b.failed || options.failed;
  mgp_buffer_fini(&options);
  *name = mgp_buffer_take(&b);
  MGP_RETURN_IF(!*name, err, MAGPIE_NO_MEMORY, "no memory for the name of a measure");
  return MAGPIE_OK;
}
