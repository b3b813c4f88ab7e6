/* SPDX-License-Identifier: Apache-2.0
 *
 * BM25 for test_bm25.py. Reads lines, fields split by tabs, words by spaces:
 *   D id words        an item of the segment at hand (ids ascend within a segment)
 *   S                 ends the segment
 *   Q k k1 b terms    asks all segments so far; a term is form|form^weight
 * A query answers with one line: id:score pairs, best first. At the end stderr has the mean time.
 */
#include <stdlib.h>

#include "index/index.h"

#define MAX_SEGMENTS 64
#define MAX_TERMS 256
#define MAX_FORMS 8

typedef struct tool {
  mgp_lexical_builder *builders[MAX_SEGMENTS]; /* they own the sections */
  mgp_lexical_view *views[MAX_SEGMENTS];
  size_t count;
  mgp_lexical_builder *open;
  size_t queries;
  double seconds;
} tool;

static void check(magpie_status status, const magpie_error *err) {
  if (status == MAGPIE_OK) return;
  fprintf(stderr, "lexical_tool: %s\n", err->message);
  exit(2);
}

static void need(bool is_true, const char *what) {
  if (is_true) return;
  fprintf(stderr, "lexical_tool: %s\n", what);
  exit(2);
}

static void add_item(tool *t, char *save) {
  magpie_error err = {0};
  if (!t->open) check(mgp_lexical_builder_create(NULL, &t->open, &err), &err);
  const char *id = strtok_r(NULL, "\t", &save);
  need(id != NULL, "D without id");
  check(mgp_lexical_builder_begin(t->open, strtoull(id, NULL, 10), &err), &err);
  for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;)
    check(mgp_lexical_builder_term(t->open, word, strlen(word), &err), &err);
}

static void end_segment(tool *t) {
  magpie_error err = {0};
  need(t->open && t->count < MAX_SEGMENTS, "S without items, or too many segments");
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  check(mgp_lexical_builder_finish(t->open, sections, &err), &err);
  check(mgp_lexical_view_open(NULL, sections, &t->views[t->count], &err), &err);
  t->builders[t->count++] = t->open;
  t->open = NULL;
}

typedef struct asked {
  mgp_query_term terms[MAX_TERMS];
  const char *forms[MAX_TERMS][MAX_FORMS];
  size_t sizes[MAX_TERMS][MAX_FORMS];
  size_t count;
} asked;

static void read_terms(asked *q, char *save) {
  for (char *term; (term = strtok_r(NULL, " ", &save)) != NULL; q->count++) {
    need(q->count < MAX_TERMS, "too many terms");
    mgp_query_term *out = &q->terms[q->count];
    *out = (mgp_query_term){.forms = q->forms[q->count], .sizes = q->sizes[q->count], .weight = 1};
    char *weight = strchr(term, '^');
    if (weight) {
      *weight = '\0';
      out->weight = strtod(weight + 1, NULL);
    }
    char *inner = NULL;
    for (char *form = strtok_r(term, "|", &inner); form; form = strtok_r(NULL, "|", &inner)) {
      need(out->form_count < MAX_FORMS, "too many forms");
      q->sizes[q->count][out->form_count] = strlen(form);
      q->forms[q->count][out->form_count++] = form;
    }
  }
}

static void ask(tool *t, char *save) {
  const char *k = strtok_r(NULL, "\t", &save), *k1 = strtok_r(NULL, "\t", &save);
  const char *b = strtok_r(NULL, "\t", &save);
  need(k && k1 && b, "Q needs k, k1 and b");
  const mgp_bm25 bm25 = {.k1 = strtod(k1, NULL), .b = strtod(b, NULL)};
  const size_t wanted = (size_t)strtoull(k, NULL, 10);
  asked *q = calloc(1, sizeof *q);
  mgp_scored *storage = calloc(wanted + 1, sizeof *storage);
  need(q && storage, "no memory");
  read_terms(q, save);
  mgp_topk top;
  mgp_topk_init(&top, storage, wanted);
  magpie_error err = {0};
  const double started = mgp_clock_seconds();
  check(mgp_lexical_search(t->views, t->count, q->terms, q->count, &bm25, NULL, NULL, &top, &err),
        &err);
  t->seconds += mgp_clock_seconds() - started;
  t->queries++;
  mgp_topk_sort(&top);
  for (size_t i = 0; i < top.count; i++)
    printf("%s%llu:%.9g", i ? " " : "", (unsigned long long)storage[i].id,
           (double)storage[i].score);
  putchar('\n');
  free(storage);
  free(q);
}

int main(void) {
  tool t = {0};
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    line[strcspn(line, "\n")] = '\0';
    char *save = NULL;
    const char *kind = strtok_r(line, "\t", &save);
    need(kind != NULL, "an empty line");
    if (*kind == 'D') add_item(&t, save);
    else if (*kind == 'S') end_segment(&t);
    else ask(&t, save);
  }
  if (t.queries) fprintf(stderr, "mean_ms %.6f\n", t.seconds / (double)t.queries * 1e3);
  free(line);
  mgp_lexical_builder_destroy(t.open);
  for (size_t i = 0; i < t.count; i++) {
    mgp_lexical_view_close(t.views[i]);
    mgp_lexical_builder_destroy(t.builders[i]);
  }
  return 0;
}
