/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers against right answers: exact match and token F1 (Rajpurkar et al. 2016), F1-Recall
 * (S081), BLEU-1 (Papineni et al. 2002, as NLTK counts it), ROUGE-L (Lin 2004) and PseudoRecall
 * (S083), all on SQuAD's normalised text. Han and kana characters are tokens of their own, as there
 * are no spaces between words of Chinese and Japanese (S081 scores them so).
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"
#include "text/text.h"

#define TEXT_SIZE_MAX (4u << 20)
#define RIGHT_MAX 100000
#define LCS_CELLS_MAX 2000000000.0 /* some seconds */

typedef struct token {
  const char *text;
  size_t size;
  uint32_t *id; /* where its number belongs */
} token;

typedef struct sequence {
  uint32_t *ids;
  size_t count;
} sequence;

/* The answer and the right ones with their tokens numbered together. */
typedef struct answers {
  mgp_arena *arena;
  sequence answer, *right;
  size_t right_count, kinds;
  uint32_t *counts, *others; /* by token number, zero between uses */
} answers;

static bool is_ideograph(uint32_t c) {
  return c == 0x3005 || (c >= 0x3040 && c <= 0x30ff) || (c >= 0x31f0 && c <= 0x31ff) ||
         (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff66 && c <= 0xff9d) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

static magpie_status no_memory(magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to compare answers");
}

/* A checked text, normalised into the arena. */
static magpie_status normalise(mgp_arena *arena, const char *what, size_t index, const char *text,
                               char **out, size_t *size, magpie_error *err) {
  MGP_RETURN_IF(!text, err, MAGPIE_INVALID, "%s %zu is not given", what, index);
  const size_t length = strlen(text);
  MGP_RETURN_IF(length > TEXT_SIZE_MAX, err, MAGPIE_LIMIT, "%s %zu has %zu bytes, more than %u",
                what, index, length, TEXT_SIZE_MAX);
  MGP_RETURN_IF(!mgp_utf8_valid(text, length), err, MAGPIE_INVALID, "%s %zu is not UTF-8", what,
                index);
  char *plain = mgp_text_answer(NULL, text, length, size);
  *out = plain ? mgp_arena_strndup(arena, plain, *size) : NULL;
  mgp_free(NULL, plain);
  return *out ? MAGPIE_OK : no_memory(err);
}

static magpie_status check_right(const char *const *right, size_t count, double *out,
                                 magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the measure has nowhere to put its value");
  MGP_RETURN_IF(!right || count == 0, err, MAGPIE_INVALID,
                "there is no right answer to compare with");
  MGP_RETURN_IF(count > RIGHT_MAX, err, MAGPIE_LIMIT, "%zu right answers are more than %d", count,
                RIGHT_MAX);
  return MAGPIE_OK;
}

/* ---- tokens ------------------------------------------------------------------------------ */

typedef struct token_list {
  token *items;
  size_t count, capacity;
} token_list;

/* Cuts a normalised text into tokens at the end of the list. */
static bool cut(const char *text, size_t size, token_list *list) {
  for (size_t at = 0; at < size;) {
    const size_t from = at;
    const uint32_t c = mgp_utf8_next(text, size, &at);
    if (c == ' ') continue;
    while (!is_ideograph(c) && at < size) {
      size_t next = at;
      const uint32_t follower = mgp_utf8_next(text, size, &next);
      if (follower == ' ' || is_ideograph(follower)) break;
      at = next;
    }
    if (!MGP_GROW(NULL, list->items, list->capacity, list->count + 1)) return false;
    list->items[list->count++] = (token){.text = text + from, .size = at - from};
  }
  return true;
}

static int compare_tokens(const void *a, const void *b) {
  const token *x = a, *y = b;
  const int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
  return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Equal tokens get equal numbers, through the pointers that lead back to their sequences. */
static void number_tokens(answers *a, token_list *list) {
  qsort(list->items, list->count, sizeof *list->items, compare_tokens);
  for (size_t i = 0; i < list->count; i++) {
    if (i == 0 || compare_tokens(&list->items[i - 1], &list->items[i]) != 0) a->kinds++;
    *list->items[i].id = (uint32_t)(a->kinds - 1);
  }
}

static magpie_status cut_text(answers *a, token_list *list, const char *what, size_t index,
                              const char *text, sequence *out, magpie_error *err) {
  char *plain = NULL;
  size_t size = 0;
  const size_t before = list->count;
  MGP_FORWARD(normalise(a->arena, what, index, text, &plain, &size, err));
  if (!cut(plain, size, list)) return no_memory(err);
  out->count = list->count - before;
  out->ids = mgp_arena_calloc(a->arena, out->count + 1, sizeof *out->ids);
  if (!out->ids) return no_memory(err);
  for (size_t i = 0; i < out->count; i++) list->items[before + i].id = &out->ids[i];
  return MAGPIE_OK;
}

static magpie_status prepare_all(answers *a, token_list *list, const char *answer,
                                 const char *const *right, magpie_error *err) {
  a->right = mgp_arena_calloc(a->arena, a->right_count, sizeof *a->right);
  if (!a->right) return no_memory(err);
  MGP_FORWARD(cut_text(a, list, "answer", 0, answer, &a->answer, err));
  for (size_t i = 0; i < a->right_count; i++)
    MGP_FORWARD(cut_text(a, list, "right answer", i, right[i], &a->right[i], err));
  if (list->count > 0) number_tokens(a, list);
  a->counts = mgp_arena_calloc(a->arena, a->kinds + 1, sizeof *a->counts);
  a->others = mgp_arena_calloc(a->arena, a->kinds + 1, sizeof *a->others);
  return a->counts && a->others ? MAGPIE_OK : no_memory(err);
}

static magpie_status prepare(answers *a, const char *answer, const char *const *right, size_t count,
                             double *out, magpie_error *err) {
  *a = (answers){.right_count = count};
  MGP_FORWARD(check_right(right, count, out, err));
  a->arena = mgp_arena_create(NULL);
  if (!a->arena) return no_memory(err);
  token_list list = {0};
  const magpie_status status = prepare_all(a, &list, answer, right, err);
  mgp_free(NULL, list.items);
  if (status != MAGPIE_OK) mgp_arena_destroy(a->arena);
  return status;
}

static void count_tokens(const sequence *s, uint32_t *counts) {
  for (size_t i = 0; i < s->count; i++) counts[s->ids[i]]++;
}

/* Tokens in common, each as often as in the one that has it less often. */
static size_t common(answers *a, const sequence *x, const sequence *y) {
  count_tokens(x, a->counts);
  size_t both = 0;
  for (size_t i = 0; i < y->count; i++)
    if (a->counts[y->ids[i]] > 0) a->counts[y->ids[i]]--, both++;
  for (size_t i = 0; i < x->count; i++) a->counts[x->ids[i]] = 0;
  return both;
}

/* ---- the measures ------------------------------------------------------------------------ */

magpie_status magpie_answer_exact(const char *answer, const char *const *right, size_t count,
                                  double *out, magpie_error *err) {
  MGP_FORWARD(check_right(right, count, out, err));
  mgp_arena *arena = mgp_arena_create(NULL);
  if (!arena) return no_memory(err);
  char *mine = NULL, *theirs = NULL;
  size_t size = 0;
  double best = 0;
  magpie_status status = normalise(arena, "answer", 0, answer, &mine, &size, err);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) {
    status = normalise(arena, "right answer", i, right[i], &theirs, &size, err);
    if (status == MAGPIE_OK && strcmp(mine, theirs) == 0) best = 1;
  }
  mgp_arena_destroy(arena);
  if (status == MAGPIE_OK) *out = best;
  return status;
}

/* 2PR / (P + R) of `both` tokens in common; two empty texts are the same text. */
static double f1(size_t both, size_t answer, size_t right) {
  if (answer + right == 0) return 1;
  return 2 * (double)both / (double)(answer + right);
}

magpie_status magpie_answer_f1(const char *answer, const char *const *right, size_t count,
                               double *out, magpie_error *err) {
  answers a;
  MGP_FORWARD(prepare(&a, answer, right, count, out, err));
  double best = 0;
  for (size_t i = 0; i < count; i++)
    best = fmax(best, f1(common(&a, &a.answer, &a.right[i]), a.answer.count, a.right[i].count));
  *out = best;
  mgp_arena_destroy(a.arena);
  return MAGPIE_OK;
}

magpie_status magpie_answer_recall(const char *answer, const char *const *right, size_t count,
                                   double *out, magpie_error *err) {
  answers a;
  MGP_FORWARD(prepare(&a, answer, right, count, out, err));
  double best = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t size = a.right[i].count;
    const double share =
        size ? (double)common(&a, &a.answer, &a.right[i]) / (double)size : a.answer.count == 0;
    best = fmax(best, share);
  }
  *out = best;
  mgp_arena_destroy(a.arena);
  return MAGPIE_OK;
}

static size_t distance(size_t a, size_t b) {
  return a > b ? a - b : b - a;
}

/* Length of the right answer that is closest in length, the shorter of two. */
static size_t closest_length(const answers *a) {
  size_t best = a->right[0].count;
  for (size_t i = 1; i < a->right_count; i++) {
    const size_t off = distance(a->right[i].count, a->answer.count);
    const size_t least = distance(best, a->answer.count);
    if (off < least || (off == least && a->right[i].count < best)) best = a->right[i].count;
  }
  return best;
}

/* Each token of the answer counts at most as often as in the right answer that has most of it. */
static size_t clipped_matches(answers *a) {
  uint32_t *most = a->others;
  for (size_t i = 0; i < a->right_count; i++) {
    const sequence *s = &a->right[i];
    count_tokens(s, a->counts);
    for (size_t j = 0; j < s->count; j++) {
      const uint32_t id = s->ids[j];
      if (a->counts[id] > most[id]) most[id] = a->counts[id];
      a->counts[id] = 0;
    }
  }
  size_t matches = 0;
  for (size_t i = 0; i < a->answer.count; i++)
    if (most[a->answer.ids[i]] > 0) most[a->answer.ids[i]]--, matches++;
  return matches;
}

magpie_status magpie_answer_bleu1(const char *answer, const char *const *right, size_t count,
                                  double *out, magpie_error *err) {
  answers a;
  MGP_FORWARD(prepare(&a, answer, right, count, out, err));
  const double size = (double)a.answer.count, closest = (double)closest_length(&a);
  const size_t matches = clipped_matches(&a);
  const double penalty = size > closest || matches == 0 ? 1 : exp(1 - closest / size);
  *out = matches == 0 ? 0 : penalty * (double)matches / size;
  mgp_arena_destroy(a.arena);
  return MAGPIE_OK;
}

/* Longest common subsequence, one row of the table at a time. */
static size_t longest_common(const sequence *x, const sequence *y, uint32_t *row) {
  memset(row, 0, (y->count + 1) * sizeof *row);
  for (size_t i = 0; i < x->count; i++) {
    uint32_t diagonal = 0;
    for (size_t j = 0; j < y->count; j++) {
      const uint32_t above = row[j + 1];
      if (x->ids[i] == y->ids[j]) row[j + 1] = diagonal + 1;
      else if (row[j] > above) row[j + 1] = row[j];
      diagonal = above;
    }
  }
  return row[y->count];
}

magpie_status magpie_answer_rouge_l(const char *answer, const char *const *right, size_t count,
                                    double *out, magpie_error *err) {
  answers a;
  MGP_FORWARD(prepare(&a, answer, right, count, out, err));
  double best = 0, cells = 0;
  size_t longest = 0;
  for (size_t i = 0; i < count; i++) {
    cells += (double)a.right[i].count * (double)a.answer.count;
    if (a.right[i].count > longest) longest = a.right[i].count;
  }
  uint32_t *row = mgp_arena_alloc(a.arena, (longest + 1) * sizeof *row);
  magpie_status status = MAGPIE_OK;
  if (!row) status = no_memory(err);
  else if (cells > LCS_CELLS_MAX)
    status = mgp_fail(err, MAGPIE_LIMIT, "ROUGE-L of %zu tokens with so many others takes too long",
                      a.answer.count);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++) {
    const size_t both = longest_common(&a.answer, &a.right[i], row);
    if (both > 0) best = fmax(best, f1(both, a.answer.count, a.right[i].count));
  }
  mgp_arena_destroy(a.arena);
  if (status == MAGPIE_OK) *out = best;
  return status;
}

magpie_status magpie_pseudo_recall(const char *const *passages, size_t k, const char *const *right,
                                   size_t count, double *out, magpie_error *err) {
  MGP_FORWARD(check_right(right, count, out, err));
  MGP_RETURN_IF(k > 0 && !passages, err, MAGPIE_INVALID, "no array of passages is given");
  mgp_arena *arena = mgp_arena_create(NULL);
  if (!arena) return no_memory(err);
  magpie_status status = MAGPIE_OK;
  double found = 0;
  char **answers_plain = mgp_arena_calloc(arena, count, sizeof *answers_plain), *passage = NULL;
  size_t size = 0;
  if (!answers_plain) status = no_memory(err);
  for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
    status = normalise(arena, "right answer", i, right[i], &answers_plain[i], &size, err);
  for (size_t p = 0; status == MAGPIE_OK && found == 0 && p < k; p++) {
    status = normalise(arena, "passage", p, passages[p], &passage, &size, err);
    for (size_t i = 0; status == MAGPIE_OK && i < count; i++)
      if (answers_plain[i][0] && strstr(passage, answers_plain[i])) found = 1;
  }
  mgp_arena_destroy(arena);
  if (status == MAGPIE_OK) *out = found;
  return status;
}
