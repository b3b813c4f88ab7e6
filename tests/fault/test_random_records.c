/* SPDX-License-Identifier: Apache-2.0
 *
 * A model test of the public functions: records with vectors are imported, added, removed, merged,
 * searched and got at random, against an oracle in memory. A list that fails is made short, as in
 * test_random_operations.c. MAGPIE_SEED, MAGPIE_OPERATIONS, MAGPIE_REPLAY=FILE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generations.h"
#include "store/segment.h"

#define SEED 20261123
#define OPERATIONS 3000
#define LIST_OPERATIONS 500
#define SHORTEN_SECONDS 150
#define VERSIONS 20 /* so few that a record often comes again unchanged */
#define RECORDS_MAX 10

#define VERBS(X)                                                                                   \
  X(IMPORT, import)                                                                                \
  X(ADD, add)                                                                                      \
  X(REMOVE, remove)                                                                                \
  X(REMOVE_ITEM, remove_item)                                                                      \
  X(MERGE, merge)                                                                                  \
  X(MERGE_ALL, merge_all)                                                                          \
  X(SEARCH, search)                                                                                \
  X(WORD, word)                                                                                    \
  X(GET, get)                                                                                      \
  X(REOPEN, reopen)                                                                                \
  X(CHECK, check)

typedef enum verb {
#define VERB(name, text) VERB_##name,
  VERBS(VERB)
#undef VERB
      VERB_COUNT
} verb;

static const char *const verbs[] = {
#define VERB(name, text) #text,
    VERBS(VERB)
#undef VERB
};

static const unsigned weights[VERB_COUNT] = {
    [VERB_IMPORT] = 20, [VERB_ADD] = 25,    [VERB_REMOVE] = 10,   [VERB_REMOVE_ITEM] = 5,
    [VERB_MERGE] = 4,   [VERB_SEARCH] = 25, [VERB_MERGE_ALL] = 2, [VERB_WORD] = 12,
    [VERB_GET] = 10,    [VERB_REOPEN] = 3,  [VERB_CHECK] = 2};

/* `content` says what is found; a record whose item was removed is known, but not found. */
typedef struct world {
  char index[96], records[96];
  magpie *ix;
  content content;
  unsigned known[KEYS]; /* the version of the record, and how it came; 0: none */
  trial *t;
} world;

static bool differ(world *w, const char *format, ...) MGP_PRINTF(2, 3);
static bool differ(world *w, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(w->t->why, sizeof w->t->why, format, arguments);
  va_end(arguments);
  return false;
}

/* Passed on with the message of the call, unless it is as expected. */
static bool expect(world *w, magpie_status expected, magpie_status status, const char *what,
                   const magpie_error *err) {
  return status == expected || differ(w, "%s: status %d, expected %d: %s", what, (int)status,
                                      (int)expected, err->message);
}

static bool open_world(world *w) {
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.threads = 2;
  options.pack_path = "/nonexistent/packs";
  magpie_error err = {0};
  return expect(w, MAGPIE_OK, magpie_open(w->index, &options, &w->ix, &err), "open", &err);
}

/* ---- records ---- */

/* One of a batch: the last of those with one id counts. */
typedef struct wanted {
  unsigned key, version;
} wanted;

static size_t draw_batch(const operation *op, wanted out[RECORDS_MAX]) {
  const unsigned count = 1 + op->value % (RECORDS_MAX - 1), version = 1 + op->value / 16 % VERSIONS;
  size_t at = 0;
  if (op->value % 5 == 0) /* of no effect: the same record comes again */
    out[at++] = (wanted){.key = (op->key + count - 1) % KEYS, .version = version + VERSIONS};
  for (unsigned i = 0; i < count; i++)
    out[at++] = (wanted){.key = (op->key + i) % KEYS, .version = version};
  return at;
}

static bool is_outdone(const wanted *batch, size_t count, size_t at) {
  for (size_t i = at + 1; i < count; i++)
    if (batch[i].key == batch[at].key) return true;
  return false;
}

/* What came before in the same version and in the same way is passed over: a line is compared with
 * lines, a record in memory with such records. */
static void expect_batch(world *w, const wanted *batch, size_t count, bool is_line) {
  for (size_t i = 0; i < count; i++) {
    const unsigned key = batch[i].key, name = batch[i].version * 2 + is_line;
    if (is_outdone(batch, count, i) || w->known[key] == name) continue;
    w->known[key] = name;
    w->content.versions[key] = batch[i].version;
    w->content.ages[key] = w->content.next_age++;
  }
}

static bool do_add(world *w, const operation *op) {
  wanted batch[RECORDS_MAX];
  const size_t count = draw_batch(op, batch);
  magpie_record records[RECORDS_MAX];
  char ids[RECORDS_MAX][24], texts[RECORDS_MAX][64];
  float vectors[RECORDS_MAX][VECTOR_DIM];
  for (size_t i = 0; i < count; i++) {
    snprintf(ids[i], sizeof ids[i], "r%u", batch[i].key);
    record_text(batch[i].key, batch[i].version, texts[i]);
    record_vector(batch[i].key, batch[i].version, vectors[i]);
    records[i] =
        (magpie_record){.id = ids[i], .text = texts[i], .vector = vectors[i], .dim = VECTOR_DIM};
  }
  magpie_error err = {0};
  expect_batch(w, batch, count, false);
  return expect(w, MAGPIE_OK, magpie_add_records(w->ix, records, count, NULL, NULL, &err), "add",
                &err);
}

static bool do_import(world *w, const operation *op) {
  wanted batch[RECORDS_MAX];
  const size_t count = draw_batch(op, batch);
  FILE *out = fopen(w->records, "wb");
  if (!out) return differ(w, "%s cannot be written", w->records);
  for (size_t i = 0; i < count; i++) {
    char text[64];
    float v[VECTOR_DIM];
    record_text(batch[i].key, batch[i].version, text);
    record_vector(batch[i].key, batch[i].version, v);
    fprintf(out, "{\"id\":\"r%u\",\"text\":\"%s\",\"vector\":[", batch[i].key, text);
    for (int j = 0; j < VECTOR_DIM; j++) fprintf(out, "%s%.1f", j ? "," : "", (double)v[j]);
    fputs("]}\n", out);
  }
  fclose(out);
  magpie_error err = {0};
  magpie_report report = {0};
  expect_batch(w, batch, count, true);
  if (!expect(w, MAGPIE_OK, magpie_import(w->ix, w->records, NULL, &report, &err), "import", &err))
    return false;
  return report.files_failed == 0 ||
         differ(w, "%llu records of an import failed", (unsigned long long)report.files_failed);
}

static bool do_remove(world *w, unsigned key, bool is_item) {
  char id[24];
  magpie_error err = {0};
  snprintf(id, sizeof id, is_item ? "r%u#1" : "r%u", key);
  const bool is_there = is_item ? w->content.versions[key] > 0 : w->known[key] > 0;
  const magpie_status status = magpie_remove(w->ix, id, NULL, &err);
  w->content.versions[key] = 0;
  if (!is_item) w->known[key] = 0;
  return expect(w, is_there ? MAGPIE_OK : MAGPIE_NOT_FOUND, status, id, &err);
}

static bool do_merge(world *w, bool all) {
  magpie_merge_options options;
  magpie_merge_options_defaults(&options);
  options.all = all;
  magpie_error err = {0};
  magpie_merge_report report = {0};
  const magpie_status status = magpie_merge(w->ix, &options, &report, &err);
  w->t->tallies[0] += report.merges;
  return expect(w, MAGPIE_OK, status, "merge", &err);
}

/* ---- reading ---- */

static bool search(world *w, const magpie_part *part, size_t k, magpie_result **out) {
  magpie_query query;
  magpie_query_defaults(&query);
  query.parts = part;
  query.part_count = 1;
  query.k = k;
  magpie_error err = {0};
  w->t->tallies[1]++;
  return expect(w, MAGPIE_OK, magpie_search(w->ix, &query, out, &err), "search", &err);
}

static bool compare_hits(world *w, const magpie_result *result, const ranked *expected,
                         size_t count) {
  if (magpie_result_count(result) != count)
    return differ(w, "%zu hits, expected %zu", magpie_result_count(result), count);
  for (size_t i = 0; i < count; i++) {
    const magpie_hit *h = magpie_result_hit(result, i);
    const unsigned key = expected[i].key;
    char text[64];
    record_text(key, w->content.versions[key], text);
    if (!mgp_text_equal(h->text, text) || h->scores[0].score != (double)expected[i].score)
      return differ(w, "rank %zu is \"%s\" with %g, expected \"%s\" with %g", h->rank, h->text,
                    h->scores[0].score, text, (double)expected[i].score);
  }
  return true;
}

static bool do_search(world *w, const operation *op) {
  bool has_any = false; /* before the first vector there is no space to search */
  for (unsigned key = 0; key < KEYS; key++) has_any = has_any || w->known[key] > 0;
  if (!has_any) return true;
  float query[VECTOR_DIM];
  record_vector(op->key, op->value, query);
  const magpie_part part = {
      .vector = query, .vector_dim = VECTOR_DIM, .space = "vectors", .weight = 1};
  magpie_result *result = NULL;
  ranked expected[KEYS];
  const size_t k = 1 + op->value % 40, count = rank_all(&w->content, query, expected);
  const bool is_same =
      search(w, &part, k, &result) && compare_hits(w, result, expected, count < k ? count : k);
  magpie_result_destroy(result);
  return is_same;
}

static bool do_word(world *w, unsigned key) {
  char word[24], text[64];
  snprintf(word, sizeof word, "key%u", key);
  record_text(key, w->content.versions[key], text);
  const magpie_part part = {.text = word, .weight = 1};
  magpie_result *result = NULL;
  bool is_same = search(w, &part, 10, &result);
  const size_t expected = w->content.versions[key] > 0, count = magpie_result_count(result);
  if (is_same && count != expected)
    is_same = differ(w, "%zu hits of the word %s, expected %zu", count, word, expected);
  if (is_same && count == 1 && !mgp_text_equal(magpie_result_hit(result, 0)->text, text))
    is_same = differ(w, "%s finds \"%s\"", word, magpie_result_hit(result, 0)->text);
  magpie_result_destroy(result);
  return is_same;
}

static bool do_get(world *w, unsigned key) {
  char id[24], text[64], *json = NULL;
  magpie_error err = {0};
  snprintf(id, sizeof id, "r%u#1", key);
  record_text(key, w->content.versions[key], text);
  const bool is_there = w->content.versions[key] > 0;
  bool is_same = expect(w, is_there ? MAGPIE_OK : MAGPIE_NOT_FOUND,
                        magpie_get(w->ix, id, &json, &err), id, &err);
  if (is_same && is_there && !strstr(json, text)) is_same = differ(w, "%s is %s", id, json);
  magpie_free(json);
  return is_same;
}

static bool do_check(world *w) {
  magpie_check_options options;
  magpie_check_options_defaults(&options);
  options.deep = true;
  char *json = NULL;
  magpie_error err = {0};
  bool is_same = expect(w, MAGPIE_OK, magpie_check(w->index, &options, &json, &err), "check", &err);
  if (is_same && !strstr(json, "\"ok\":true")) is_same = differ(w, "check --deep: %s", json);
  magpie_free(json);
  return is_same;
}

/* ---- a list ---- */

static bool do_operation(world *w, const operation *op) {
  const unsigned key = op->key % KEYS;
  switch ((verb)op->verb) {
  case VERB_IMPORT:
    return do_import(w, op);
  case VERB_ADD:
    return do_add(w, op);
  case VERB_REMOVE:
  case VERB_REMOVE_ITEM:
    return do_remove(w, key, op->verb == VERB_REMOVE_ITEM);
  case VERB_MERGE:
  case VERB_MERGE_ALL:
    return do_merge(w, op->verb == VERB_MERGE_ALL);
  case VERB_SEARCH:
    return do_search(w, op);
  case VERB_WORD:
    return do_word(w, key);
  case VERB_GET:
    return do_get(w, key);
  case VERB_REOPEN:
    magpie_close(&w->ix);
    return open_world(w);
  case VERB_CHECK:
    return do_check(w);
  default:
    return differ(w, "no operation has the number %u", op->verb);
  }
}

static bool run_records(const operation_list *list, int plant, trial *t) {
  (void)plant;
  world *w = calloc(1, sizeof *w);
  w->t = t;
  if (!make_folder(t)) return differ(w, "cannot make %s", t->folder);
  snprintf(w->index, sizeof w->index, "%s/t.mgp", t->folder);
  snprintf(w->records, sizeof w->records, "%s/records.jsonl", t->folder);
  *mgp_segment_small_limit() = 1024; /* some lie in the catalog, others in files */
  bool is_same = open_world(w);
  for (t->at = 0; is_same && t->at < list->count; t->at++)
    if (!do_operation(w, &list->items[t->at])) break;
  is_same = is_same && t->at == list->count && do_check(w);
  for (unsigned key = 0; is_same && key < KEYS; key++) is_same = do_get(w, key) && do_word(w, key);
  magpie_close(&w->ix);
  free(w);
  return is_same;
}

static const model records_model = {
    .name = "records", .verbs = verbs, .verb_count = VERB_COUNT, .run = run_records};

static operation_list draw_records(uint64_t seed, size_t count) {
  operation_list out = {.items = calloc(count, sizeof(operation)), .count = count};
  for (size_t i = 0; i < count; i++)
    out.items[i] = (operation){.verb = draw_weighted(&seed, weights, VERB_COUNT),
                               .key = random_below(&seed, KEYS),
                               .value = random_below(&seed, 1000000)};
  return out;
}

static void index_when_changed_at_random_then_does_as_the_oracle(void **state) {
  (void)state;
  const uint64_t seed = number_from_env("MAGPIE_SEED", SEED);
  const uint64_t total = number_from_env("MAGPIE_OPERATIONS", OPERATIONS);
  uint64_t done = 0, merges = 0, searches = 0;
  for (uint64_t i = 0; done < total; i++) {
    const uint64_t left = total - done;
    operation_list list =
        draw_records(seed + i, (size_t)(left < LIST_OPERATIONS ? left : LIST_OPERATIONS));
    trial t;
    if (!try_list(&records_model, &list, 0, &t)) {
      explain_failure(&records_model, &list, &t, seed + i, SHORTEN_SECONDS);
      fail_msg("operation %zu: %s", t.at + 1, t.why);
    }
    done += list.count;
    merges += t.tallies[0];
    searches += t.tallies[1];
    free(list.items);
  }
  printf("fault: random operations: %llu on records, seed %llu: %llu merges, %llu searches, all as "
         "the oracle says\n",
         (unsigned long long)done, (unsigned long long)seed, (unsigned long long)merges,
         (unsigned long long)searches);
  assert_true(done < 1000 || (merges > 0 && searches > 0));
}

int main(void) {
  if (getenv("MAGPIE_REPLAY")) return replay_list(&records_model, getenv("MAGPIE_REPLAY"));
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(index_when_changed_at_random_then_does_as_the_oracle)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
