/* SPDX-License-Identifier: Apache-2.0
 *
 * One byte of a file of an index is changed, thousands of times for each kind of file (segment of
 * vectors, segment of words, catalog, its WAL, thumbnail), then put back. Never a crash or a hang;
 * a deep check names the file, or everything that can be read is what it was: the byte was one of
 * those that mean nothing (a free page, the end of a log). Run under ASan and UBSan in CI.
 *
 *   test_bit_flips            MAGPIE_FLIPS tries of each kind (10,000), from MAGPIE_SEED
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "small_index.h"
#include "store/segment.h"

#define FIRST 5
#define LAST 8
#define HANG_SECONDS 60
#define FILES_MAX 16

typedef enum kind { KIND_VECTORS, KIND_WORDS, KIND_CATALOG, KIND_WAL, KIND_THUMB, KINDS } kind;
static const char *const kind_names[KINDS] = {"segment of vectors", "segment of words", "catalog",
                                              "catalog WAL", "thumbnail"};

typedef struct tally {
  long tries, named, unchanged, bytes;
} tally;

typedef struct target {
  char path[256], name[64]; /* name: as check writes it */
  unsigned char *bytes;
  size_t size;
} target;

/* One kind's work: an index of its own, in a process of its own. */
typedef struct work {
  small_index index;
  target files[FILES_MAX];
  size_t file_count;
  target shm; /* recovery writes it, so it is put back */
  char *expected;
  uint64_t random;
} work;

#define REQUIRE(is_true, ...)                                                                      \
  do {                                                                                             \
    if (!(is_true)) {                                                                              \
      fprintf(stderr, "test_bit_flips: " __VA_ARGS__);                                             \
      fputc('\n', stderr);                                                                         \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static long number_of(const char *name, long fallback) {
  const char *text = getenv(name);
  return text && *text ? atol(text) : fallback;
}

/* ---- the index ---- */

static void import_some(const small_index *s, magpie *ix, int first, int end) {
  char path[128];
  snprintf(path, sizeof path, "%s/records.jsonl", s->folder);
  REQUIRE(write_records(path, first, end, 0), "cannot write %s", path);
  magpie_error err = {0};
  REQUIRE(magpie_import(ix, path, NULL, NULL, &err) == MAGPIE_OK, "%s", err.message);
}

/* A fixture with thumbnails, made one of this format; segments of ours as files and in the catalog.
 * For the WAL the files are taken while the writer still has them open. */
static void make_index(small_index *s, kind which) {
  REQUIRE(small_setup(s, 1), "no folder for the index");
  small_index made = *s;
  snprintf(made.index, sizeof made.index, "%s/made.mgp", s->folder);
  REQUIRE(which != KIND_THUMB ||
              copy_tree(TEST_SOURCE_DIR "/tests/compat/format-1.mgp", made.index),
          "cannot copy the fixture");
  magpie *ix = NULL;
  magpie_error err = {0};
  REQUIRE(small_open(&made, false, &ix, &err) == MAGPIE_OK, "%s", err.message);
  *mgp_segment_small_limit() = 0;
  import_some(&made, ix, 0, FIRST);
  *mgp_segment_small_limit() = SEGMENT_SMALL_MAX;
  import_some(&made, ix, FIRST, LAST);
  if (which != KIND_WAL) magpie_close(&ix);
  REQUIRE(copy_tree(made.index, s->index), "cannot copy the index");
  magpie_close(&ix);
  remove_tree(made.index);
}

static void take_file(work *w, const char *path, const char *name) {
  REQUIRE(w->file_count < FILES_MAX, "more files than expected");
  target *t = &w->files[w->file_count++];
  snprintf(t->path, sizeof t->path, "%s", path);
  snprintf(t->name, sizeof t->name, "%s", name);
  char *bytes = NULL;
  REQUIRE(mgp_file_read(NULL, path, UINT64_C(1) << 24, &bytes, &t->size, NULL) == MAGPIE_OK &&
              t->size > 0,
          "%s is empty or not there", path);
  t->bytes = (unsigned char *)bytes;
}

static bool is_wanted(kind which, const char *path) {
  if (which == KIND_THUMB) return true;
  mgp_map map = {0};
  mgp_segment_parsed parsed;
  REQUIRE(mgp_map_open(path, &map, NULL) == MAGPIE_OK &&
              mgp_segment_parse(path, map.data, map.size, &parsed, NULL) == MAGPIE_OK,
          "%s is no segment", path);
  bool has_vectors = false;
  for (uint32_t i = 0; i < parsed.header.section_count; i++)
    has_vectors = has_vectors || parsed.sections[i].kind == MGP_SECTION_VECTORS_F32;
  mgp_map_close(&map);
  return has_vectors == (which == KIND_VECTORS);
}

/* All files below a folder of the index that are of the kind. */
static void take_folder(work *w, kind which, const char *folder) {
  char place[160];
  snprintf(place, sizeof place, "%s/%s", w->index.index, folder);
  DIR *open = opendir(place);
  REQUIRE(open, "no folder %s", place);
  for (const struct dirent *e = readdir(open); e; e = readdir(open)) {
    char name[64], path[256];
    if (e->d_name[0] == '.' || strlen(e->d_name) > 24) continue;
    snprintf(name, sizeof name, "%.30s/%.24s", folder, e->d_name);
    snprintf(path, sizeof path, "%.100s/%s", w->index.index, name);
    if (e->d_type == DT_DIR) take_folder(w, which, name);
    else if (is_wanted(which, path)) take_file(w, path, name);
  }
  closedir(open);
}

static void take_files(work *w, kind which) {
  char path[160];
  if (which == KIND_VECTORS || which == KIND_WORDS) {
    take_folder(w, which, "segments");
  } else if (which == KIND_THUMB) {
    take_folder(w, which, "thumbs");
  } else {
    snprintf(path, sizeof path, "%s/catalog.sqlite%s", w->index.index,
             which == KIND_WAL ? "-wal" : "");
    take_file(w, path, "catalog.sqlite");
  }
  REQUIRE(w->file_count > 0, "no %s in the index", kind_names[which]);
  if (which != KIND_WAL) return;
  snprintf(path, sizeof path, "%s/catalog.sqlite-shm", w->index.index);
  take_file(w, path, "");
  w->shm = w->files[--w->file_count];
}

/* ---- a try ---- */

static void put(const target *t, size_t at, const unsigned char *bytes, size_t size) {
  const int fd = open(t->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(fd >= 0 && pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size && close(fd) == 0,
          "cannot write %s", t->path);
}

static char *content_of(const work *w) {
  char *text = small_content(&w->index, LAST);
  REQUIRE(text, "no memory");
  return text;
}

static void try_one(work *w, tally *counts) {
  const target *t = &w->files[next_random(&w->random) % w->file_count];
  const size_t at = (size_t)(next_random(&w->random) % t->size);
  const unsigned char changed = (unsigned char)(t->bytes[at] ^ (1 + next_random(&w->random) % 255));
  put(t, at, &changed, 1);
  alarm(HANG_SECONDS);
  char *damage = small_damage(&w->index);
  char *content = content_of(w);
  alarm(0);
  REQUIRE(damage, "no memory");
  const bool is_same = strcmp(content, w->expected) == 0;
  const bool is_named = strstr(damage, t->name) != NULL;
  if (!is_named && !is_same) tell_difference(content, w->expected);
  REQUIRE(is_named || is_same, "%s byte %zu: %02x became %02x and no check named it: %s", t->name,
          at, t->bytes[at], changed, damage);
  REQUIRE(!damage[0] || is_named, "%s byte %zu: another file is named: %s", t->name, at, damage);
  counts->tries++;
  counts->named += is_named;
  counts->unchanged += !is_named;
  mgp_free(NULL, damage);
  mgp_free(NULL, content);
  put(t, at, &t->bytes[at], 1);
  if (w->shm.bytes) put(&w->shm, 0, w->shm.bytes, w->shm.size);
}

static void run_kind(kind which, long tries, uint64_t seed, tally *counts) {
  work w = {.random = seed + (uint64_t)which};
  make_index(&w.index, which);
  take_files(&w, which);
  char *damage = small_damage(&w.index);
  REQUIRE(damage && !damage[0], "the index is damaged from the start: %s", damage);
  mgp_free(NULL, damage);
  if (w.shm.bytes) put(&w.shm, 0, w.shm.bytes, w.shm.size);
  w.expected = content_of(&w);
  for (size_t i = 0; i < w.file_count; i++) counts->bytes += (long)w.files[i].size;
  for (long i = 0; i < tries; i++) try_one(&w, counts);
  char *after = content_of(&w);
  REQUIRE(strcmp(after, w.expected) == 0, "the %s was not put back", kind_names[which]);
  mgp_free(NULL, after);
  mgp_free(NULL, w.expected);
  for (size_t i = 0; i < w.file_count; i++) mgp_free(NULL, w.files[i].bytes);
  mgp_free(NULL, w.shm.bytes);
  remove_tree(w.index.folder);
}

int main(void) {
  const long tries = number_of("MAGPIE_FLIPS", 10000);
  const long seed = number_of("MAGPIE_SEED", 20240501);
  tally *counts =
      mmap(NULL, KINDS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(counts != MAP_FAILED, "no memory");
  fflush(stdout);
  for (int which = 0; which < KINDS; which++) {
    const pid_t child = fork();
    REQUIRE(child >= 0, "no process for the %s", kind_names[which]);
    if (child == 0) {
      run_kind((kind)which, tries, (uint64_t)seed, &counts[which]);
      exit(0);
    }
  }
  bool is_good = true;
  for (int status = 0; wait(&status) > 0;) is_good = is_good && status == 0;
  for (int i = 0; i < KINDS; i++) {
    printf("fault: bit flips: %s: %ld bytes, %ld tries, %ld named, %ld without any effect, seed "
           "%ld\n",
           kind_names[i], counts[i].bytes, counts[i].tries, counts[i].named, counts[i].unchanged,
           seed);
    is_good = is_good && counts[i].tries == tries;
  }
  return is_good ? 0 : 1;
}
