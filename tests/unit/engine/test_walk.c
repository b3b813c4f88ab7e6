/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking: what is collected, in which order, and what is passed over.
 */
#include "engine_fixture.h"

#include "engine/engine.h"

typedef struct heard {
  char text[2048];
  size_t problems, specials;
} heard;

static void note_problem(void *context, const char *path, const magpie_error *why) {
  heard *h = context;
  h->problems++;
  snprintf(h->text, sizeof h->text, "%s: %s", path, why->message);
}

static void note_special(void *context, const char *path, const char *what) {
  heard *h = context;
  h->specials++;
  const size_t used = strlen(h->text);
  snprintf(h->text + used, sizeof h->text - used, "%s %s|", mgp_path_name(path), what);
}

static mgp_walk new_walk(heard *h) {
  return (mgp_walk){.problem = note_problem, .special = note_special, .context = h};
}

/* The names below the fixture's folder, '|' after each. */
static void check_files(const fixture *f, const mgp_walk *walk, const char *expected) {
  char text[1024] = "";
  for (size_t i = 0; i < walk->count; i++) {
    strcat(text, walk->files[i].path + strlen(f->folder) + 1);
    strcat(text, "|");
  }
  assert_string_equal(text, expected);
}

static void walk_when_the_folder_is_mixed_then_takes_regular_files_in_order(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  const char *root = path_in(f, "tree");
  assert_ok(mgp_directory_make(path_in(f, "tree/b/deep"), err));
  assert_ok(mgp_directory_make(path_in(f, "tree/.git"), err));
  assert_ok(mgp_directory_make(path_in(f, "tree/old.mgp"), err));
  write_text(f, "tree/c.txt", "12345");
  write_text(f, "tree/b/deep/z.txt", "1");
  write_text(f, "tree/b/a.txt", "");
  write_text(f, "tree/.hidden", "x");
  write_text(f, "tree/.git/config", "x");
  write_text(f, "tree/old.mgp/lock", "x");
  assert_int_equal(symlink("c.txt", path_in(f, "tree/link.txt")), 0);
  assert_int_equal(symlink(".", path_in(f, "tree/loop")), 0);
  assert_int_equal(mkfifo(path_in(f, "tree/pipe"), 0600), 0);
  root = path_in(f, "tree");
  assert_ok(mgp_walk_run(&walk, &root, 1, err));
  check_files(f, &walk, "tree/b/a.txt|tree/b/deep/z.txt|tree/c.txt|");
  assert_int_equal(walk.bytes, 6);
  assert_int_equal(walk.files[2].size, 5);
  assert_int_equal(walk.skipped, 3);
  assert_string_equal(h.text, "pipe is a FIFO: passed over|");
  assert_int_equal(h.problems, 0);
  mgp_walk_fini(&walk);
}

static void walk_when_roots_are_hidden_or_links_then_they_are_taken(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  assert_ok(mgp_directory_make(path_in(f, ".hidden"), err));
  write_text(f, ".hidden/a.txt", "a");
  write_text(f, "b.txt", "b");
  assert_int_equal(symlink("b.txt", path_in(f, "link")), 0);
  const char *const roots[] = {path_in(f, ".hidden"), path_in(f, "link")};
  assert_ok(mgp_walk_run(&walk, roots, 2, err));
  check_files(f, &walk, ".hidden/a.txt|b.txt|");
  mgp_walk_fini(&walk);
}

static void walk_when_roots_overlap_then_each_file_comes_once(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  assert_ok(mgp_directory_make(path_in(f, "a/b"), err));
  write_text(f, "a/b/1.txt", "1");
  write_text(f, "a/2.txt", "2");
  const char *const roots[] = {path_in(f, "a/b"), path_in(f, "a"), path_in(f, "a/b/1.txt"),
                               path_in(f, "a")};
  assert_ok(mgp_walk_run(&walk, roots, 4, err));
  check_files(f, &walk, "a/2.txt|a/b/1.txt|");
  mgp_walk_fini(&walk);
}

static void walk_when_a_root_is_missing_then_is_not_found(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  const char *const root = path_in(f, "nowhere");
  assert_fails(MAGPIE_NOT_FOUND, "nowhere", mgp_walk_run(&walk, &root, 1, err));
  mgp_walk_fini(&walk);
}

static void walk_when_folders_are_too_deep_then_one_problem_is_told(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  char deep[1024];
  size_t size = (size_t)snprintf(deep, sizeof deep, "%s/deep", f->folder);
  for (int i = 0; i < 300; i++) size += (size_t)snprintf(deep + size, sizeof deep - size, "/d");
  assert_ok(mgp_directory_make(deep, err));
  write_text(f, "deep/top.txt", "x");
  const char *const root = path_in(f, "deep");
  assert_ok(mgp_walk_run(&walk, &root, 1, err));
  check_files(f, &walk, "deep/top.txt|");
  assert_int_equal(h.problems, 1);
  assert_non_null(strstr(h.text, "deeper than 256"));
  mgp_walk_fini(&walk);
}

static void walk_when_cancelled_then_stops(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_walk walk = new_walk(&h);
  const volatile int cancel = 1;
  walk.cancel = &cancel;
  write_birds(f);
  const char *const root = path_in(f, "files");
  assert_ok(mgp_walk_run(&walk, &root, 1, err));
  assert_int_equal(walk.count, 0);
  mgp_walk_fini(&walk);
}

/* 600 files are some 70 kB of list: more than an eighth of 128 kB. */
static void walk_when_the_list_spills_then_it_is_the_same(void **state) {
  fixture *f = *state;
  heard h = {0};
  mgp_alloc *small = mgp_alloc_create(128 << 10);
  mgp_walk roomy = new_walk(&h), tight = new_walk(&h);
  tight.alloc = small;
  tight.spill_folder = f->folder;
  assert_ok(mgp_directory_make(path_in(f, "many"), err));
  for (int i = 0; i < 600; i++) {
    char name[32];
    snprintf(name, sizeof name, "many/%03d.txt", i * 7 % 600);
    write_text(f, name, "x");
  }
  const char *const root = path_in(f, "many");
  assert_ok(mgp_walk_run(&roomy, &root, 1, err));
  assert_ok(mgp_walk_run(&tight, &root, 1, err));
  assert_true(tight.file_block.is_file);
  assert_int_equal(tight.count, 600);
  for (size_t i = 0; i < 600; i++) {
    assert_string_equal(tight.files[i].path, roomy.files[i].path);
    assert_int_equal(tight.files[i].inode, roomy.files[i].inode);
    if (i > 0) assert_true(strcmp(tight.files[i - 1].path, tight.files[i].path) < 0);
  }
  mgp_walk_fini(&roomy);
  mgp_walk_fini(&tight);
  assert_int_equal(mgp_alloc_used(small), 0);
  mgp_alloc_destroy(small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(walk_when_the_folder_is_mixed_then_takes_regular_files_in_order),
      store_test(walk_when_roots_are_hidden_or_links_then_they_are_taken),
      store_test(walk_when_roots_overlap_then_each_file_comes_once),
      store_test(walk_when_a_root_is_missing_then_is_not_found),
      store_test(walk_when_folders_are_too_deep_then_one_problem_is_told),
      store_test(walk_when_cancelled_then_stops),
      store_test(walk_when_the_list_spills_then_it_is_the_same)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
