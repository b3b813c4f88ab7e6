/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie search: one query from the command line, or a file of queries into a TREC run.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <magpie/vectors.h>

#include "cli.h"

#define PARTS_MAX 64
#define WEIGHTS_MAX 32
#define RANGE_MAX 10000 /* hits of --min-score without -k */

typedef struct search_options {
  magpie_part parts[PARTS_MAX];
  size_t part_count;
  double text_weight, image_weight, audio_weight;
  double item_weights[PARTS_MAX + 1], vector_weights[PARTS_MAX + 1]; /* [0]: of all; 1: the first */
  const char *space_names[WEIGHTS_MAX];
  double space_weights[WEIGHTS_MAX];
  size_t space_count;
  char *weights_copy;
  const char *html, *queries, *run, *kinds;
  bool html_add, by_record, exact, explain, sum, has_min_score;
  size_t k; /* 0: not said */
  double rrf_k, recall, min_score;
  char *plain;               /* words after the options, joined */
  float *vectors[PARTS_MAX]; /* of --vector */
  size_t vector_count;
  const char *space;
} search_options;

static int add_part(const cli_arguments *a, search_options *s, magpie_part part) {
  if (s->part_count == PARTS_MAX) return cli_usage(a, "at most %d parts", PARTS_MAX);
  s->parts[s->part_count++] = part;
  return -1;
}

/* The first row of the file. */
static int add_vector(const cli_arguments *a, search_options *s, const char *file) {
  magpie_error err = {0};
  size_t dim = 0;
  float *row = NULL;
  if (s->vector_count == PARTS_MAX) return cli_usage(a, "at most %d parts", PARTS_MAX);
  if (magpie_vectors_row(file, 0, &row, &dim, &err)) return cli_report_error(&err);
  s->vectors[s->vector_count++] = row;
  return add_part(a, s, (magpie_part){.vector = row, .vector_dim = dim});
}

/* "v" is the weight of all, "v2" that of the second. */
static bool set_numbered(double weights[PARTS_MAX + 1], const char *stem, const char *name,
                         double value) {
  const size_t size = strlen(stem);
  long number = 0;
  if (strncmp(name, stem, size) != 0) return false;
  if (name[size] && !cli_parse_count(name + size, 1, PARTS_MAX, &number)) return false;
  weights[number] = value;
  return true;
}

static bool set_part_weight(search_options *s, const char *name, double value) {
  if (strcmp(name, "t") == 0) s->text_weight = value;
  else if (strcmp(name, "i") == 0) s->image_weight = value;
  else if (strcmp(name, "a") == 0) s->audio_weight = value;
  else
    return set_numbered(s->vector_weights, "v", name, value) ||
           set_numbered(s->item_weights, "like", name, value);
  return true;
}

/* "t=0.4,i=0.6,words=0" */
static int parse_weights(const cli_arguments *a, search_options *s, const char *list) {
  free(s->weights_copy);
  s->weights_copy = strdup(list);
  char *save = NULL;
  for (char *one = strtok_r(s->weights_copy, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
    char *equals = strchr(one, '=');
    char *end = NULL;
    const double value = equals ? strtod(equals + 1, &end) : 0;
    if (!equals || end == equals + 1 || *end || !(value >= -1e6 && value <= 1e6))
      return cli_usage(a, "-w %s: expected NAME=NUMBER,… such as t=0.4,i=0.6", list);
    *equals = '\0';
    if (set_part_weight(s, one, value)) continue;
    if (s->space_count == WEIGHTS_MAX) return cli_usage(a, "at most %d weights", WEIGHTS_MAX);
    s->space_names[s->space_count] = one;
    s->space_weights[s->space_count++] = value;
  }
  return -1;
}

static int take_option(const cli_arguments *a, search_options *s, const char *name) {
  const char *value = a->value;
  long number = 0;
  if (strcmp(name, "text") == 0) return add_part(a, s, (magpie_part){.text = value});
  if (strcmp(name, "image") == 0) return add_part(a, s, (magpie_part){.image = value});
  if (strcmp(name, "audio") == 0) return add_part(a, s, (magpie_part){.audio = value});
  if (strcmp(name, "like") == 0) return add_part(a, s, (magpie_part){.item = value});
  if (strcmp(name, "vector") == 0) return add_vector(a, s, value);
  if (strcmp(name, "space") == 0) {
    s->space = value;
    return -1;
  }
  if (strcmp(name, "weights") == 0) return parse_weights(a, s, value);
  if (strcmp(name, "top") == 0) {
    if (!cli_parse_count(value, 1, 10000, &number))
      return cli_usage(a, "-k %s: expected 1 to 10000", value);
    s->k = (size_t)number;
  }
  if (strcmp(name, "rrf-k") == 0) {
    char *end = NULL;
    s->rrf_k = strtod(value, &end);
    if (end == value || *end || !(s->rrf_k > 0 && s->rrf_k <= 1e6))
      return cli_usage(a, "--rrf-k %s: expected a number above 0", value);
  }
  if (strcmp(name, "recall") == 0) {
    char *end = NULL;
    s->recall = strtod(value, &end);
    if (end == value || *end || !(s->recall > 0 && s->recall < 1))
      return cli_usage(a,
                       "--recall %s: expected a number between 0 and 1; --exact is for all of "
                       "them",
                       value);
  }
  if (strcmp(name, "min-score") == 0) {
    char *end = NULL;
    s->has_min_score = true;
    s->min_score = strtod(value, &end);
    if (end == value || *end || !(s->min_score >= -1e40 && s->min_score <= 1e40))
      return cli_usage(a, "--min-score %s: expected a number", value);
  }
  if (strcmp(name, "sum") == 0) s->sum = true;
  if (strcmp(name, "exact") == 0) s->exact = true;
  if (strcmp(name, "explain") == 0) s->explain = true;
  if (strcmp(name, "kind") == 0) s->kinds = value;
  if (strcmp(name, "records") == 0) s->by_record = true;
  if (strcmp(name, "html") == 0 || strcmp(name, "html-add") == 0) {
    s->html = value;
    s->html_add = strcmp(name, "html-add") == 0;
  }
  if (strcmp(name, "queries") == 0) s->queries = value;
  if (strcmp(name, "run") == 0) s->run = value;
  return -1;
}

/* Words after the options are one text part. */
static int take_plain(const cli_arguments *a, search_options *s) {
  if (a->next >= a->argc) return -1;
  size_t size = 1;
  for (int i = a->next; i < a->argc; i++) size += strlen(a->argv[i]) + 1;
  s->plain = calloc(size, 1);
  if (!s->plain) return EXIT_NOTHING;
  for (int i = a->next; i < a->argc; i++) {
    if (i > a->next) strcat(s->plain, " ");
    strcat(s->plain, a->argv[i]);
  }
  return add_part(a, s, (magpie_part){.text = s->plain});
}

static void set_usual_weights(search_options *s) {
  for (size_t i = 0; i <= PARTS_MAX; i++)
    s->item_weights[i] = s->vector_weights[i] = i ? (double)NAN : 1;
}

static double numbered(const double weights[PARTS_MAX + 1], size_t number) {
  return isnan(weights[number]) ? weights[0] : weights[number];
}

static void weigh_parts(search_options *s) {
  size_t items = 0, vectors = 0;
  for (size_t i = 0; i < s->part_count; i++) {
    magpie_part *p = &s->parts[i];
    p->weight = p->text    ? s->text_weight
                : p->image ? s->image_weight
                : p->audio ? s->audio_weight
                : p->item  ? numbered(s->item_weights, ++items)
                           : numbered(s->vector_weights, ++vectors);
    if (p->vector || p->item) p->space = s->space;
  }
}

static magpie_query query_of(const search_options *s) {
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = s->parts;
  query.part_count = s->part_count;
  query.k = s->k;
  query.kinds = s->kinds;
  query.space_names = s->space_names;
  query.space_weights = s->space_weights;
  query.space_weight_count = s->space_count;
  query.by_record = s->by_record;
  query.rrf_k = s->rrf_k;
  query.recall = s->recall;
  query.exact = s->exact;
  query.explain = s->explain;
  query.has_min_score = s->has_min_score;
  query.min_score = s->min_score;
  query.sum = s->sum;
  query.space = s->space;
  return query;
}

static const char *part_text(const magpie_part *p) {
  if (p->vector) return "a vector";
  return p->text ? p->text : p->image ? p->image : p->audio ? p->audio : p->item;
}

/* The query as a line of text, for headings. */
static char *question_text(const search_options *s) {
  size_t size = 1;
  for (size_t i = 0; i < s->part_count; i++) {
    const magpie_part *p = &s->parts[i];
    const char *value = part_text(p);
    size += strlen(value) + 24;
  }
  char *out = calloc(size, 1);
  for (size_t i = 0; out && i < s->part_count; i++) {
    const magpie_part *p = &s->parts[i];
    const char *value = part_text(p);
    const char *slash = p->image || p->audio ? strrchr(value, '/') : NULL;
    if (i) strcat(out, " + ");
    strcat(out, p->image ? "picture " : p->audio ? "sound " : p->item ? "like " : "");
    strcat(out, slash ? slash + 1 : value);
  }
  return out;
}

/* A line a segment, as the JSON's `plan` has it. */
static void print_plan(const magpie_result *result) {
  char *json = NULL;
  if (magpie_result_json(result, &json, NULL)) return;
  json_t *object = json_loads(json, 0, NULL);
  const json_t *step;
  size_t i;
  json_array_foreach(json_object_get(object, "plan"), i, step)
      fprintf(stderr, "%s: %lld rows, %lld allowed: %s, %lld codes and %lld vectors compared\n",
              json_string_value(json_object_get(step, "list")),
              (long long)json_integer_value(json_object_get(step, "rows")),
              (long long)json_integer_value(json_object_get(step, "allowed")),
              json_string_value(json_object_get(step, "path")),
              (long long)json_integer_value(json_object_get(step, "visited")),
              (long long)json_integer_value(json_object_get(step, "rescored")));
  json_decref(object);
  magpie_free(json);
}

static int show_result(const cli_common *common, magpie *ix, const search_options *s,
                       const magpie_result *result) {
  magpie_error err = {0};
  char *question = question_text(s);
  int code = magpie_result_count(result) ? EXIT_OK : EXIT_NOTHING;
  const char *warning;
  for (size_t i = 0; (warning = magpie_result_warning(result, i)) != NULL; i++)
    fprintf(stderr, "%swarning:%s %s\n", cli_style(stderr, "bold"), cli_style(stderr, "off"),
            warning);
  if (common->json) {
    char *json = NULL;
    if (magpie_result_json(result, &json, &err)) code = cli_report_error(&err);
    else puts(json);
    magpie_free(json);
  } else if (!common->quiet) {
    cli_print_hits(result, question ? question : "");
    if (s->explain) print_plan(result);
  }
  if (s->html) {
    const int written = cli_write_page(ix, result, question ? question : "", s->html, s->html_add);
    if (written != EXIT_OK) code = written;
  }
  free(question);
  return code;
}

static int run_query(const cli_common *common, magpie *ix, const search_options *s) {
  magpie_error err = {0};
  magpie_result *result = NULL;
  const magpie_query query = query_of(s);
  if (magpie_search(ix, &query, &result, &err)) return cli_report_error(&err);
  const int code = show_result(common, ix, s, result);
  magpie_result_destroy(result);
  return code;
}

static int run_batch(const cli_common *common, magpie *ix, const search_options *s) {
  magpie_error err = {0};
  magpie_report report = {0};
  magpie_add_options options;
  magpie_add_options_defaults(&options);
  cli_progress progress;
  cli_progress_init(&progress, common);
  cli_catch_interrupt();
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  const magpie_query query = query_of(s);
  if (magpie_search_batch(ix, s->queries, s->run, &query, &options, &report, &err))
    return cli_report_error(&err);
  return report.files_failed ? EXIT_NOTHING : EXIT_OK;
}

static size_t count_parts(const search_options *s, char letter) {
  size_t count = 0;
  for (size_t i = 0; i < s->part_count; i++) {
    const magpie_part *p = &s->parts[i];
    count += letter == (p->text ? 't' : p->image ? 'i' : p->audio ? 'a' : p->item ? 'l' : 'v');
  }
  return count;
}

/* A weight for a part that is not there is a slip of the pen. A batch has its parts in the file. */
static int check_part_weights(const cli_arguments *a, const search_options *s) {
  const struct {
    const char *letter, *what;
    double weight;
    size_t count;
  } parts[] = {{"t", "text", s->text_weight, count_parts(s, 't')},
               {"i", "picture", s->image_weight, count_parts(s, 'i')},
               {"a", "sound", s->audio_weight, count_parts(s, 'a')},
               {"like", "item", s->item_weights[0], count_parts(s, 'l')},
               {"v", "vector", s->vector_weights[0], count_parts(s, 'v')}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].weight != 1 && parts[i].count == 0)
      return cli_usage(a, "-w %s=%g, but the query has no %s part", parts[i].letter,
                       parts[i].weight, parts[i].what);
  for (size_t i = 1; i <= PARTS_MAX; i++) {
    const bool is_item = !isnan(s->item_weights[i]) && i > count_parts(s, 'l');
    if (is_item || (!isnan(s->vector_weights[i]) && i > count_parts(s, 'v')))
      return cli_usage(a, "-w %s%zu=…: the query has fewer such parts", is_item ? "like" : "v", i);
  }
  return EXIT_OK;
}

/* "words, text, picture" */
static void name_members(const json_t *list, const json_t *object, char *out, size_t size) {
  size_t i, at = 0;
  const json_t *row;
  const char *name;
  json_t *value;
  out[0] = '\0';
  json_array_foreach(list, i, row) if (at < size) at += (size_t)snprintf(
      out + at, size - at, "%s%s", at ? ", " : "", json_string_value(json_object_get(row, "name")));
  json_object_foreach((json_t *)(uintptr_t)object, name, value) if (at < size) at +=
      (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
}

static bool has_space(const json_t *spaces, const char *wanted) {
  size_t i;
  const json_t *row;
  json_array_foreach(spaces, i, row) if (strcmp(json_string_value(json_object_get(row, "name")),
                                                wanted) == 0) return true;
  return strcmp(wanted, "words") == 0;
}

/* A kind that magpie gives itself may be missing from this index; any other must be in it. */
static bool has_kind(const json_t *items, const char *wanted) {
  static const char *const known[] = {"passage", "page", "row", "image", "sound", "vector"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i], wanted) == 0) return true;
  return json_object_get(items, wanted) != NULL;
}

static int check_kinds(const cli_arguments *a, const search_options *s, const json_t *items) {
  char *copy = strdup(s->kinds ? s->kinds : ""), *save = NULL, known[400];
  int code = EXIT_OK;
  for (char *one = copy ? strtok_r(copy, ", ", &save) : NULL; one && code == EXIT_OK;
       one = strtok_r(NULL, ", ", &save)) {
    if (has_kind(items, one)) continue;
    name_members(NULL, items, known, sizeof known);
    code = cli_usage(a, "--kind %s: no item is of this kind; the index holds: %s", one, known);
  }
  free(copy);
  return code;
}

/* Names of spaces and kinds against what the index has. */
static int check_names(const cli_arguments *a, magpie *ix, const search_options *s) {
  if (!s->space_count && !s->kinds) return EXIT_OK;
  char *json = NULL, known[400];
  magpie_error err = {0};
  if (magpie_describe(ix, &json, &err)) return cli_report_error(&err);
  json_t *index = json_loads(json, 0, NULL);
  const json_t *spaces = json_object_get(index, "spaces");
  int code = check_kinds(a, s, json_object_get(index, "items"));
  for (size_t i = 0; i < s->space_count && code == EXIT_OK; i++) {
    if (has_space(spaces, s->space_names[i])) continue;
    name_members(spaces, NULL, known, sizeof known);
    code = cli_usage(a, "-w %s=…: there is no such space; the index has: %s", s->space_names[i],
                     known);
  }
  json_decref(index);
  magpie_free(json);
  return code;
}

static int check_search(const cli_arguments *a, const search_options *s) {
  if (s->queries && !s->run) return cli_usage(a, "--queries needs --run OUT.trec");
  if (s->run && !s->queries) return cli_usage(a, "--run needs --queries FILE.jsonl");
  if (s->queries && s->part_count) return cli_usage(a, "--queries takes its parts from the file");
  if (!s->queries && s->part_count == 0)
    return cli_usage(a, "give a text, -i PICTURE, -a SOUND, --like ID or --vector FILE");
  const bool is_rows = s->queries && cli_is_vector_file(s->queries);
  if (s->space && !is_rows && count_parts(s, 'v') + count_parts(s, 'l') == 0)
    return cli_usage(a, "--space goes with --vector, --like and a file of vectors");
  if (s->queries && (s->sum || (s->has_min_score && !is_rows)))
    return cli_usage(a, "--sum and --min-score are for a query on the command line");
  return s->queries ? EXIT_OK : check_part_weights(a, s);
}

int cli_search(int argc, char **argv) {
  cli_arguments a;
  cli_arguments_init(&a, "search", argc, argv);
  search_options s = {.text_weight = 1, .image_weight = 1, .audio_weight = 1};
  set_usual_weights(&s);
  int code = -1;
  const char *name;
  while (code < 0 && (name = cli_arguments_next(&a)) != NULL) code = take_option(&a, &s, name);
  if (code < 0) code = take_plain(&a, &s);
  if (code < 0) code = check_search(&a, &s);
  if (s.k == 0) s.k = s.queries ? 100 : s.has_min_score ? RANGE_MAX : 10;
  magpie *ix = NULL;
  if (code == EXIT_OK) code = cli_open(&a.common, true, &ix);
  if (code == EXIT_OK) code = check_names(&a, ix, &s);
  if (code == EXIT_OK) {
    weigh_parts(&s);
    code = s.queries ? run_batch(&a.common, ix, &s) : run_query(&a.common, ix, &s);
  }
  magpie_close(&ix);
  free(s.weights_copy);
  free(s.plain);
  for (size_t i = 0; i < s.vector_count; i++) magpie_free(s.vectors[i]);
  cli_arguments_fini(&a);
  return code;
}
