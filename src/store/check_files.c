/* SPDX-License-Identifier: Apache-2.0
 *
 * The other files of an index: thumbnails against their rows, and files that nobody names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/check_store.h"

#define LOCK_TEXT_MAX 1024

/* ---- thumbnails -------------------------------------------------------------------------------
 */

typedef struct thumb {
  int64_t item, size;
  uint64_t hash;
} thumb;

typedef struct thumb_list {
  thumb *items;
  size_t count, capacity;
} thumb_list;

static const char thumb_sql[] = "SELECT number, thumb_size, thumb_hash FROM item "
                                "WHERE thumb_size > 0 AND (?1 = 0 OR number = ?1) ORDER BY number";

/* All of them, or that of one item. */
static magpie_status read_thumbs(mgp_store *s, mgp_alloc *a, int64_t item, thumb_list *out,
                                 magpie_error *err) {
  mgp_connection *c = NULL;
  sqlite3_stmt *statement = NULL;
  MGP_FORWARD(mgp_catalog_acquire(s, &c, err));
  magpie_status status = MAGPIE_OK;
  const int code = sqlite3_prepare_v2(c->db, thumb_sql, -1, &statement, NULL);
  if (code != SQLITE_OK) status = mgp_catalog_fail(s, c->db, code, "reading the catalog", err);
  else sqlite3_bind_int64(statement, 1, item);
  bool row = status == MAGPIE_OK;
  while (status == MAGPIE_OK && row) {
    status = mgp_catalog_step(s, c, statement, &row, err);
    if (status != MAGPIE_OK || !row) break;
    if (!MGP_GROW(a, out->items, out->capacity, out->count + 1))
      status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the thumbnails of %s", s->path);
    else
      out->items[out->count++] =
          (thumb){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                  (uint64_t)sqlite3_column_int64(statement, 2)};
  }
  sqlite3_finalize(statement);
  mgp_catalog_release(s, c);
  return status;
}

static bool is_jpeg(const unsigned char *bytes, size_t size) {
  return size >= 4 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

/* What is wrong with it, or false. */
static bool thumb_fault(const mgp_store *s, const thumb *t, const char *name, char *what,
                        size_t what_size) {
  char *path = mgp_path_join(NULL, s->path, name);
  mgp_map map = {0};
  magpie_error why = {0};
  const magpie_status status =
      path ? mgp_map_open(path, &map, &why) : mgp_fail(&why, MAGPIE_NO_MEMORY, "no memory");
  mgp_free(NULL, path);
  bool is_bad = true;
  if (status == MAGPIE_NOT_FOUND) snprintf(what, what_size, "the thumbnail is missing");
  else if (status != MAGPIE_OK) snprintf(what, what_size, "%s", why.message);
  else if ((int64_t)map.size != t->size)
    snprintf(what, what_size, "the thumbnail has %zu bytes, expected %" PRId64, map.size, t->size);
  else if (mgp_hash64(map.data, map.size) != t->hash)
    snprintf(what, what_size, "the thumbnail has checksum %016" PRIx64 ", expected %016" PRIx64,
             mgp_hash64(map.data, map.size), t->hash);
  else if (!is_jpeg(map.data, map.size)) snprintf(what, what_size, "the thumbnail is no JPEG");
  else is_bad = false;
  mgp_map_close(&map);
  return is_bad;
}

/* A live writer may have removed the item since its row was read. */
static magpie_status is_current(mgp_store *s, mgp_alloc *a, const thumb *t, bool *out,
                                magpie_error *err) {
  thumb_list now = {0};
  const magpie_status status = read_thumbs(s, a, t->item, &now, err);
  *out = now.count == 1 && now.items[0].hash == t->hash;
  mgp_free(a, now.items);
  return status;
}

static magpie_status check_thumb(mgp_store *s, mgp_alloc *a, const thumb *t, mgp_damage_fn fn,
                                 void *context, magpie_error *err) {
  char name[THUMB_NAME_SIZE], what[800];
  mgp_thumb_name(t->item, name);
  if (!thumb_fault(s, t, name, what, sizeof what)) return MAGPIE_OK;
  bool current = false;
  MGP_FORWARD(is_current(s, a, t, &current, err));
  if (!current) return MAGPIE_OK;
  const uint64_t item = (uint64_t)t->item;
  const mgp_damage damage = {.file = name, .section = "", .what = what, .items = &item, .count = 1};
  return fn(context, &damage);
}

magpie_status mgp_check_thumbs(mgp_store *s, mgp_alloc *a, mgp_damage_fn fn, void *context,
                               uint64_t *bytes, magpie_error *err) {
  thumb_list list = {0};
  magpie_status status = read_thumbs(s, a, 0, &list, err);
  for (size_t i = 0; status == MAGPIE_OK && i < list.count; i++) {
    *bytes += (uint64_t)list.items[i].size;
    status = check_thumb(s, a, &list.items[i], fn, context, err);
  }
  mgp_free(a, list.items);
  return status;
}

/* ---- leftovers --------------------------------------------------------------------------------
 */

/* The text in the lock file names the writer; it is emptied on a clean end. */
static bool writer_may_live(const mgp_store *s) {
  char *path = mgp_path_join(NULL, s->path, LOCK_FILE), *text = NULL;
  size_t size = 0;
  const magpie_status status =
      path ? mgp_file_read(NULL, path, LOCK_TEXT_MAX, &text, &size, NULL) : MAGPIE_NO_MEMORY;
  mgp_free(NULL, path);
  bool may_live = false;
  if (status == MAGPIE_OK && size > 0) {
    const char *host = strstr(text, "host ");
    char own[128] = "";
    gethostname(own, sizeof own - 1);
    const size_t own_size = strlen(own);
    const bool is_here =
        host && strncmp(host + 5, own, own_size) == 0 && host[5 + own_size] == '\n';
    const long pid = strncmp(text, "pid ", 4) == 0 ? strtol(text + 4, NULL, 10) : 0;
    may_live = !is_here || pid <= 0 || kill((pid_t)pid, 0) == 0 || errno == EPERM;
    if (pid == (long)getpid()) may_live = false; /* it is us, by another handle */
  }
  mgp_free(NULL, text);
  return may_live;
}

typedef struct leftovers {
  mgp_store *s;
  mgp_account account;
  thumb_list thumbs;
  mgp_damage_fn fn;
  void *context;
} leftovers;

static int compare_thumbs(const void *a, const void *b) {
  const int64_t x = ((const thumb *)a)->item, y = ((const thumb *)b)->item;
  return (x > y) - (x < y);
}

static bool is_named(const leftovers *l, const char *name) {
  for (size_t i = 0; i < l->account.claim_count; i++)
    if (strcmp(l->account.claims[i].file, name) == 0) return true;
  const char *file = mgp_path_name(name);
  char *end = NULL;
  const thumb key = {.item = strtoll(file, &end, 10)};
  char expected[THUMB_NAME_SIZE];
  mgp_thumb_name(key.item, expected);
  return end != file && strcmp(expected, name) == 0 && l->thumbs.count > 0 &&
         bsearch(&key, l->thumbs.items, l->thumbs.count, sizeof key, compare_thumbs) != NULL;
}

static magpie_status look_in(const leftovers *l, const char *folder, magpie_error *err) {
  char *path = mgp_path_join(NULL, l->s->path, folder);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to check %s", l->s->path);
  DIR *open = opendir(path);
  mgp_free(NULL, path);
  magpie_status status = MAGPIE_OK;
  for (const struct dirent *e = open ? readdir(open) : NULL; e && status == MAGPIE_OK;
       e = readdir(open)) {
    char name[sizeof e->d_name + 64];
    struct stat st;
    /* A merge writes its .part file without the lock. */
    if (e->d_name[0] == '.' || mgp_text_ends(e->d_name, ".part")) continue;
    snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
    if (fstatat(dirfd(open), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode) ||
        is_named(l, name))
      continue;
    char what[96];
    snprintf(what, sizeof what, "%lld bytes that no catalog names", (long long)st.st_size);
    const mgp_damage damage = {.file = name, .section = "", .what = what};
    status = l->fn(l->context, &damage);
  }
  if (open) closedir(open);
  return status;
}

static magpie_status look_everywhere(leftovers *l, magpie_error *err) {
  MGP_FORWARD(look_in(l, SEGMENTS_FOLDER, err));
  for (int i = 0; i < 256; i++) {
    char folder[32];
    snprintf(folder, sizeof folder, "%s/%02x", THUMBS_FOLDER, (unsigned)i);
    MGP_FORWARD(look_in(l, folder, err));
  }
  return MAGPIE_OK;
}

magpie_status mgp_check_leftovers(mgp_store *s, mgp_alloc *a, mgp_damage_fn fn, void *context,
                                  magpie_error *err) {
  if (writer_may_live(s)) return MAGPIE_OK;
  leftovers l = {.s = s, .fn = fn, .context = context};
  magpie_status status = mgp_account_read(s, a, &l.account, err);
  if (status == MAGPIE_OK) status = read_thumbs(s, a, 0, &l.thumbs, err);
  if (status == MAGPIE_OK) status = look_everywhere(&l, err);
  mgp_free(a, l.thumbs.items);
  mgp_account_fini(&l.account);
  return status;
}
