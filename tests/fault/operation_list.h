/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of operations for model tests: drawn from a seed, tried in a process of their own (so that
 * a crash or a hang is an outcome like any other), made short when they fail, and written as lines
 * that can be read and tried again. Shortening is ddmin (Zeller, Hildebrandt, "Simplifying and
 * Isolating Failure-Inducing Input", 2002) without its test of subsets.
 */
#ifndef OPERATION_LIST_H
#define OPERATION_LIST_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

typedef struct operation {
  unsigned verb, key, value;
} operation;

typedef struct operation_list {
  operation *items; /* free() it */
  size_t count;
} operation_list;

/* What a try leaves behind, seen by both processes. */
typedef struct trial {
  size_t at; /* the operation under way, or the one that failed */
  bool is_done, has_failed;
  uint64_t tallies[16]; /* what the model counted */
  char folder[64];      /* of the model: removed for it when it dies */
  char why[1024];
} trial;

typedef struct model {
  const char *name;
  const char *const *verbs;
  size_t verb_count;
  /* Runs all operations and sets `at` before each; false with `why` when the index and the oracle
   * differ. `plant` is a mistake to be made by the oracle; 0: none. */
  bool (*run)(const operation_list *list, int plant, trial *t);
} model;

/* ---- numbers from a seed ---- */

static inline uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t x = (*state += UINT64_C(0x9E3779B97F4A7C15));
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static inline unsigned random_below(uint64_t *state, unsigned end) {
  return (unsigned)(next_random(state) % end);
}

static inline unsigned draw_weighted(uint64_t *random, const unsigned *weights, unsigned count) {
  unsigned sum = 0, at = 0;
  for (unsigned i = 0; i < count; i++) sum += weights[i];
  unsigned left = random_below(random, sum);
  while (left >= weights[at]) left -= weights[at++];
  return at;
}

static inline uint64_t number_from_env(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- one try ---- */

/* In memory where possible: thousands of commits wait for as many fsyncs. */
static inline bool make_folder(trial *t) {
  const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(t->folder, sizeof t->folder, "%s/mgp-model-XXXXXX", place);
  return mkdtemp(t->folder) != NULL;
}

#define TRIAL_SECONDS 240

static inline void child_try(const model *m, const operation_list *list, int plant, trial *t) {
  alarm(TRIAL_SECONDS);
  t->has_failed = !m->run(list, plant, t);
  t->is_done = true;
  _exit(0);
}

/* True when the index did as the oracle said. */
static inline bool try_list(const model *m, const operation_list *list, int plant, trial *out) {
  trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (t == MAP_FAILED) abort();
  fflush(NULL);
  const pid_t pid = fork();
  if (pid < 0) abort();
  if (pid == 0) child_try(m, list, plant, t);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) continue;
  if (!t->is_done) {
    t->has_failed = true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
      snprintf(t->why, sizeof t->why, "it hung");
    else if (WIFSIGNALED(status)) snprintf(t->why, sizeof t->why, "signal %d", WTERMSIG(status));
    else snprintf(t->why, sizeof t->why, "exit with code %d", WEXITSTATUS(status));
  }
  if (t->folder[0]) mgp_directory_remove(t->folder, NULL);
  *out = *t;
  munmap(t, sizeof *t);
  return !out->has_failed;
}

/* ---- shortening ---- */

static inline operation_list list_without(const operation_list *list, size_t first, size_t end) {
  operation_list out = {.items = calloc(list->count + 1, sizeof(operation))};
  if (!out.items) abort();
  for (size_t i = 0; i < list->count; i++)
    if (i < first || i >= end) out.items[out.count++] = list->items[i];
  return out;
}

/* Takes pieces out for as long as what is left still fails, down to single operations; ends early
 * when the time is up. `list` becomes the short list, *out how it fails. */
static inline void shorten(const model *m, operation_list *list, int plant, double seconds,
                           trial *out) {
  const double end = mgp_clock_seconds() + seconds;
  if (out->at + 1 < list->count) list->count = out->at + 1; /* what came after played no part */
  size_t piece = list->count > 1 ? list->count / 2 : 1;
  while (piece > 0 && mgp_clock_seconds() < end) {
    bool is_shorter = false;
    for (size_t at = 0; at < list->count && mgp_clock_seconds() < end;) {
      const size_t stop = at + piece < list->count ? at + piece : list->count;
      operation_list less = list_without(list, at, stop);
      trial t;
      if (less.count > 0 && !try_list(m, &less, plant, &t)) {
        if (t.at + 1 < less.count) less.count = t.at + 1;
        free(list->items);
        *list = less;
        *out = t;
        is_shorter = true;
      } else {
        free(less.items);
        at = stop;
      }
    }
    if (!is_shorter || piece > list->count)
      piece = piece > list->count ? list->count / 2 : piece / 2;
  }
}

/* ---- lists as text: a line "verb key value" each ---- */

static inline void write_list(const model *m, const operation_list *list, FILE *out) {
  for (size_t i = 0; i < list->count; i++)
    fprintf(out, "%s %u %u\n", m->verbs[list->items[i].verb], list->items[i].key,
            list->items[i].value);
}

static inline bool read_operation(const model *m, const char *line, operation *out) {
  char verb[64];
  if (sscanf(line, "%63s %u %u", verb, &out->key, &out->value) != 3) return false;
  for (size_t i = 0; i < m->verb_count; i++) {
    out->verb = (unsigned)i;
    if (strcmp(m->verbs[i], verb) == 0) return true;
  }
  return false;
}

/* False at a line that is no operation. */
static inline bool read_list(const model *m, const char *path, operation_list *out) {
  FILE *in = fopen(path, "r");
  if (!in) return false;
  char line[256];
  size_t capacity = 0;
  bool is_good = true;
  *out = (operation_list){0};
  while (is_good && fgets(line, sizeof line, in)) {
    if (out->count == capacity) {
      capacity = capacity ? capacity * 2 : 64;
      out->items = realloc(out->items, capacity * sizeof *out->items);
      if (!out->items) abort();
    }
    is_good = read_operation(m, line, &out->items[out->count]);
    out->count++;
  }
  fclose(in);
  return is_good && out->count > 0;
}

/* ---- telling people ---- */

/* Shortens, prints and keeps a list that fails. */
static inline void explain_failure(const model *m, operation_list *list, trial *t, uint64_t seed,
                                   double seconds) {
  printf("fault: random operations: seed %llu fails at operation %zu of %zu of the %s: %s\n",
         (unsigned long long)seed, t->at + 1, list->count, m->name, t->why);
  fflush(stdout);
  shorten(m, list, 0, seconds, t);
  char path[] = "/tmp/magpie-operations-XXXXXX";
  const int fd = mkstemp(path);
  FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
  if (out) {
    write_list(m, list, out);
    fclose(out);
  }
  printf("fault: random operations: %zu of them are enough:\n", list->count);
  write_list(m, list, stdout);
  printf("fault: random operations: run again: MAGPIE_REPLAY=%s %s\n", path,
         program_invocation_name);
}

/* An exit code. */
static inline int replay_list(const model *m, const char *path) {
  operation_list list;
  trial t;
  if (!read_list(m, path, &list)) {
    fprintf(stderr, "%s is not a list of operations of the %s\n", path, m->name);
    return 2;
  }
  const bool is_same = try_list(m, &list, 0, &t);
  printf("fault: %zu operations: %s\n", list.count, is_same ? "as the oracle says" : t.why);
  free(list.items);
  return is_same ? 0 : 1;
}

#endif
