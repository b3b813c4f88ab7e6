/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking folders. Symbolic links are never followed (so no loop and no way out of the root),
 * hidden names and indexes are passed over, special files are named: opening a FIFO would hang.
 */
#include "engine/engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MAX_DEPTH 256

static int64_t time_ns(struct timespec t) {
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static magpie_status no_memory(magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to walk the folders");
}

static void report(mgp_walk *walk, const char *path, magpie_status code, const char *format,
                   const char *detail) {
  magpie_error why = {0};
  mgp_fail(&why, code, format, detail);
  if (walk->problem) walk->problem(walk->context, path, &why);
}

static const char *special_name(mode_t mode) {
  if (S_ISFIFO(mode)) return "is a FIFO: passed over";
  if (S_ISSOCK(mode)) return "is a socket: passed over";
  return "is a device: passed over";
}

static magpie_status add_file(mgp_walk *walk, const char *path, const struct stat *st,
                              magpie_error *err) {
  const size_t size = strlen(path) + 1;
  MGP_FORWARD(mgp_spill_need(&walk->file_block, (walk->count + 1) * sizeof(mgp_walk_file), err));
  MGP_FORWARD(mgp_spill_need(&walk->name_block, walk->names_size + size, err));
  memcpy((char *)walk->name_block.data + walk->names_size, path, size);
  mgp_walk_file *files = walk->file_block.data;
  const int64_t mtime = time_ns(st->st_mtim), ctime = time_ns(st->st_ctim);
  files[walk->count++] = (mgp_walk_file){.name = walk->names_size,
                                         .size = (uint64_t)st->st_size,
                                         .inode = st->st_ino,
                                         .device = st->st_dev,
                                         .mtime_ns = mtime,
                                         .changed_ms = (mtime > ctime ? mtime : ctime) / 1000000};
  walk->names_size += size;
  walk->bytes += (uint64_t)st->st_size;
  return MAGPIE_OK;
}

static magpie_status visit(mgp_walk *walk, const char *path, int depth, magpie_error *err);

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a folder in byte order; hidden ones and indexes are left out. */
static magpie_status list_names(mgp_walk *walk, DIR *dir, char ***names, size_t *count,
                                magpie_error *err) {
  size_t capacity = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    const char *name = entry->d_name;
    if (name[0] == '.' || mgp_text_ends(name, ".mgp")) continue;
    if (!MGP_GROW(walk->alloc, *names, capacity, *count + 1)) return no_memory(err);
    char *copy = mgp_strdup(walk->alloc, name);
    if (!copy) return no_memory(err);
    (*names)[(*count)++] = copy;
  }
  if (*count > 1) qsort(*names, *count, sizeof **names, compare_names);
  return MAGPIE_OK;
}

static magpie_status visit_folder(mgp_walk *walk, const char *path, int depth, magpie_error *err) {
  if (depth > MAX_DEPTH) {
    report(walk, path, MAGPIE_LIMIT, "folders lie deeper than %s levels", "256");
    return MAGPIE_OK;
  }
  DIR *dir = opendir(path);
  if (!dir) {
    report(walk, path, MAGPIE_IO, "the folder cannot be read: %s", strerror(errno));
    return MAGPIE_OK;
  }
  char **names = NULL;
  size_t count = 0;
  magpie_status status = list_names(walk, dir, &names, &count, err);
  closedir(dir);
  for (size_t i = 0; i < count; i++) {
    if (status == MAGPIE_OK && !(walk->cancel && *walk->cancel)) {
      char *child = mgp_path_join(walk->alloc, path, names[i]);
      status = child ? visit(walk, child, depth + 1, err) : no_memory(err);
      mgp_free(walk->alloc, child);
    }
    mgp_free(walk->alloc, names[i]);
  }
  mgp_free(walk->alloc, names);
  return status;
}

static magpie_status visit(mgp_walk *walk, const char *path, int depth, magpie_error *err) {
  struct stat st;
  if (lstat(path, &st) != 0) {
    report(walk, path, MAGPIE_IO, "cannot be read: %s", strerror(errno));
    return MAGPIE_OK;
  }
  if (S_ISDIR(st.st_mode)) return visit_folder(walk, path, depth, err);
  if (S_ISREG(st.st_mode)) return add_file(walk, path, &st, err);
  walk->skipped++;
  if (!S_ISLNK(st.st_mode) && walk->special)
    walk->special(walk->context, path, special_name(st.st_mode));
  return MAGPIE_OK;
}

/* A root may be a symbolic link: it was named on purpose. */
static magpie_status resolve_root(mgp_walk *walk, const char *path, magpie_error *err) {
  char *real = realpath(path, NULL);
  if (!real) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR)
      return mgp_fail(err, MAGPIE_NOT_FOUND, "%s: there is no such file or folder", path);
    return mgp_fail_errno(err, why, "%s cannot be read", path);
  }
  walk->roots[walk->root_count] = mgp_arena_strdup(walk->arena, real);
  const bool copied = walk->roots[walk->root_count] != NULL;
  free(real); /* realpath's own block */
  if (!copied) return no_memory(err);
  walk->root_count++;
  return MAGPIE_OK;
}

static bool is_below(const char *path, const char *root) {
  const size_t size = strlen(root);
  return strncmp(path, root, size) == 0 &&
         (path[size] == '/' || path[size] == '\0' || (size > 0 && root[size - 1] == '/'));
}

/* A root inside another root would be walked twice. */
static bool is_covered(const mgp_walk *walk, size_t index) {
  for (size_t i = 0; i < walk->root_count; i++) {
    if (i == index || !is_below(walk->roots[index], walk->roots[i])) continue;
    if (strcmp(walk->roots[index], walk->roots[i]) != 0 || i < index) return true;
  }
  return false;
}

magpie_status mgp_walk_run(mgp_walk *walk, const char *const *paths, size_t count,
                           magpie_error *err) {
  mgp_spill_init(&walk->file_block, walk->alloc, walk->spill_folder);
  mgp_spill_init(&walk->name_block, walk->alloc, walk->spill_folder);
  walk->arena = mgp_arena_create(walk->alloc);
  walk->roots = walk->arena ? mgp_arena_calloc(walk->arena, count + 1, sizeof(char *)) : NULL;
  if (!walk->roots) return no_memory(err);
  for (size_t i = 0; i < count; i++) MGP_FORWARD(resolve_root(walk, paths[i], err));
  for (size_t i = 0; i < walk->root_count; i++)
    if (!is_covered(walk, i)) MGP_FORWARD(visit(walk, walk->roots[i], 0, err));
  walk->files = walk->file_block.data;
  for (size_t i = 0; i < walk->count; i++) /* the names stay where they are from here on */
    walk->files[i].path = (char *)walk->name_block.data + walk->files[i].name;
  return MAGPIE_OK;
}

void mgp_walk_fini(mgp_walk *walk) {
  mgp_spill_fini(&walk->file_block);
  mgp_spill_fini(&walk->name_block);
  mgp_arena_destroy(walk->arena);
  *walk = (mgp_walk){0};
}
