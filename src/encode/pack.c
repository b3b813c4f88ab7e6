/* SPDX-License-Identifier: Apache-2.0
 *
 * Where packs lie: the list of folders, what is in them, and whether the files are whole. A pack is
 * a folder with a pack.json; its name is the folder's name. The first folder of the list wins.
 */
#include "encode/encode.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PACKS_MAX = 4096 };

#ifndef MGP_BUILD_PACKS
#define MGP_BUILD_PACKS ""
#endif

magpie_status mgp_pack_path_default(mgp_alloc *a, const char *pack_path, char **out,
                                    magpie_error *err) {
  if (!pack_path || !pack_path[0]) pack_path = getenv("MAGPIE_PACKS");
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  if (pack_path && pack_path[0]) {
    mgp_buffer_add_text(&b, pack_path);
  } else {
    if (data && data[0] == '/') mgp_buffer_printf(&b, "%s/magpie/packs:", data);
    else if (home && home[0]) mgp_buffer_printf(&b, "%s/.local/share/magpie/packs:", home);
    mgp_buffer_add_text(&b, MGP_BUILD_PACKS[0] ? MGP_BUILD_PACKS ":" : "");
    mgp_buffer_add_text(&b, "/usr/local/share/magpie/packs:/usr/share/magpie/packs");
  }
  char *text = mgp_buffer_take(&b);
  MGP_RETURN_IF(!text, err, MAGPIE_NO_MEMORY, "no memory for the list of pack folders");
  *out = text;
  return MAGPIE_OK;
}

/* The next folder of a ':'-list, yours to free; NULL at the end (or without memory: *failed). */
static char *next_folder(mgp_alloc *a, const char **at, bool *failed) {
  *at += strspn(*at, ":");
  const size_t size = strcspn(*at, ":");
  if (size == 0) return NULL;
  char *folder = mgp_strndup(a, *at, size);
  *failed = *failed || !folder;
  *at += size;
  return folder;
}

static bool has_pack(mgp_alloc *a, const char *folder, bool *failed) {
  char *path = mgp_path_join(a, folder, "pack.json");
  *failed = *failed || !path;
  const bool found = path && mgp_file_exists(path);
  mgp_free(a, path);
  return found;
}

typedef struct entry_list {
  mgp_pack_entry *entries;
  size_t count, capacity;
  bool failed;
} entry_list;

static bool is_listed(const entry_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++)
    if (mgp_text_equal(list->entries[i].name, name)) return true;
  return false;
}

static void add_entry(mgp_alloc *a, entry_list *list, const char *parent, const char *name) {
  if (list->count >= PACKS_MAX || is_listed(list, name)) return;
  char *folder = mgp_path_join(a, parent, name);
  list->failed = list->failed || !folder;
  if (!folder || !has_pack(a, folder, &list->failed)) {
    mgp_free(a, folder);
    return;
  }
  char *copy = mgp_strdup(a, name);
  if (!copy || !MGP_GROW(a, list->entries, list->capacity, list->count + 1)) {
    list->failed = true;
    mgp_free(a, copy);
    mgp_free(a, folder);
    return;
  }
  list->entries[list->count++] = (mgp_pack_entry){.name = copy, .folder = folder};
}

/* A folder that is not there has no packs. */
static void add_folder(mgp_alloc *a, entry_list *list, const char *folder) {
  DIR *directory = opendir(folder);
  if (!directory) return;
  for (struct dirent *d = readdir(directory); d; d = readdir(directory))
    if (d->d_name[0] != '.') add_entry(a, list, folder, d->d_name);
  closedir(directory);
}

static int compare_entries(const void *a, const void *b) {
  return strcmp(((const mgp_pack_entry *)a)->name, ((const mgp_pack_entry *)b)->name);
}

magpie_status mgp_pack_list(mgp_alloc *a, const char *pack_path, mgp_pack_entry **out,
                            size_t *count, magpie_error *err) {
  char *folders = NULL;
  MGP_FORWARD(mgp_pack_path_default(a, pack_path, &folders, err));
  entry_list list = {0};
  const char *at = folders;
  for (char *folder = next_folder(a, &at, &list.failed); folder;
       folder = next_folder(a, &at, &list.failed)) {
    add_folder(a, &list, folder);
    mgp_free(a, folder);
  }
  mgp_free(a, folders);
  if (list.failed) {
    for (size_t i = 0; i < list.count; i++) {
      mgp_free(a, list.entries[i].name);
      mgp_free(a, list.entries[i].folder);
    }
    mgp_free(a, list.entries);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to list packs");
  }
  if (list.count > 1) qsort(list.entries, list.count, sizeof *list.entries, compare_entries);
  *out = list.entries;
  *count = list.count;
  return MAGPIE_OK;
}

magpie_status mgp_pack_find(mgp_alloc *a, const char *pack_path, const char *name, char **folder,
                            magpie_error *err) {
  MGP_RETURN_IF(!name[0] || name[0] == '.' || strchr(name, '/'), err, MAGPIE_INVALID,
                "\"%s\" is not a pack name", name);
  char *folders = NULL;
  MGP_FORWARD(mgp_pack_path_default(a, pack_path, &folders, err));
  const char *at = folders;
  char *found = NULL;
  bool failed = false;
  for (char *parent = next_folder(a, &at, &failed); parent && !found;
       parent = found ? NULL : next_folder(a, &at, &failed)) {
    found = mgp_path_join(a, parent, name);
    failed = failed || !found;
    mgp_free(a, parent);
    if (!found || has_pack(a, found, &failed)) continue;
    mgp_free(a, found);
    found = NULL;
  }
  magpie_status status = MAGPIE_OK;
  if (found) *folder = found;
  else if (failed) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to find the pack %s", name);
  else
    status = mgp_fail(err, MAGPIE_MODEL,
                      "there is no pack %s in %s; `magpie models pull %s` fetches it, `magpie "
                      "models list` shows what there is",
                      name, folders, name);
  mgp_free(a, folders);
  return status;
}

/* What is wrong with one file, or "" into `reason`. */
static void check_file(const char *folder, const json_t *file, char *reason, size_t size) {
  char path[4096], sum[65];
  const char *name = mgp_json_text(file, "file", "");
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  const uint64_t expected = (uint64_t)mgp_json_integer(file, "size", 0);
  const char *expected_sum = mgp_json_text(file, "sha256", "");
  uint64_t found = 0;
  magpie_error err = {0};
  reason[0] = '\0';
  if (n < 0 || (size_t)n >= sizeof path) snprintf(reason, size, "its path is too long");
  else if (mgp_sha256_file(path, sum, &found, &err) != MAGPIE_OK)
    snprintf(reason, size, "%.480s", err.message);
  else if (found != expected)
    snprintf(reason, size, "has %llu bytes, expected %llu", (unsigned long long)found,
             (unsigned long long)expected);
  else if (strcmp(sum, expected_sum) != 0)
    snprintf(reason, size, "has sha256 %s, expected %s", sum, expected_sum);
}

magpie_status mgp_pack_verify(const char *folder, json_t *report, magpie_error *err) {
  json_t *pack = NULL;
  MGP_FORWARD(mgp_pack_read(folder, &pack, err));
  const char *name = mgp_json_text(pack, "name", "");
  size_t index;
  const json_t *file;
  char first[512] = "", reason[512];
  bool failed = false;
  json_array_foreach(json_object_get(pack, "files"), index, file) {
    const char *file_name = mgp_json_text(file, "file", "");
    check_file(folder, file, reason, sizeof reason);
    if (reason[0] && !first[0]) snprintf(first, sizeof first, "%.200s %.300s", file_name, reason);
    json_t *line =
        json_pack("{s:s,s:b,s:s}", "file", file_name, "ok", reason[0] == '\0', "reason", reason);
    failed = failed || !line || json_array_append_new(report, line) != 0;
  }
  magpie_status status = MAGPIE_OK;
  if (failed) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to report on the pack %s", name);
  else if (first[0])
    status = mgp_fail(err, MAGPIE_MODEL, "pack %s: %s; `magpie models pull %s` fetches it again",
                      name, first, name);
  json_decref(pack);
  return status;
}
