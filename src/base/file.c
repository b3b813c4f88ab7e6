/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: mapped, read whole, written durably; folders.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file_calls.h"
#include "base/file_open.h"

magpie_status mgp_file_open(const char *path, int *fd, uint64_t *size, magpie_error *err) {
  /* NONBLOCK: opening a pipe that nobody writes to would wait */
  const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0) return mgp_fail_errno(err, errno, "%s cannot be opened", path);
  struct stat st;
  magpie_status status = MAGPIE_OK;
  if (fstat(opened, &st) != 0) status = mgp_fail_errno(err, errno, "%s cannot be read", path);
  else if (!S_ISREG(st.st_mode))
    status = mgp_fail(err, MAGPIE_UNSUPPORTED, "%s is not a regular file", path);
  if (status != MAGPIE_OK) {
    close(opened);
    return status;
  }
  *fd = opened;
  *size = (uint64_t)st.st_size;
  return MAGPIE_OK;
}

magpie_status mgp_file_fill(int fd, const char *path, void *data, size_t size, size_t *got,
                            magpie_error *err) {
  *got = 0;
  while (*got < size) {
    const ssize_t n = read(fd, (char *)data + *got, size - *got);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return mgp_fail_errno(err, errno, "%s cannot be read", path);
    *got += (size_t)n;
  }
  return MAGPIE_OK;
}

magpie_status mgp_map_open(const char *path, mgp_map *out, magpie_error *err) {
  *out = (mgp_map){0};
  int fd = -1;
  uint64_t size = 0;
  MGP_FORWARD(mgp_file_open(path, &fd, &size, err));
  magpie_status status = MAGPIE_OK;
  if (size >= SIZE_MAX) {
    status = mgp_fail(err, MAGPIE_LIMIT, "%s has %llu bytes, too many to map", path,
                      (unsigned long long)size);
  } else if (size > 0) {
    void *data = mgp_file_calls_table()->map(fd, (size_t)size);
    if (data == MAP_FAILED) status = mgp_fail_errno(err, errno, "%s cannot be mapped", path);
    else *out = (mgp_map){.data = data, .size = (size_t)size};
  }
  close(fd);
  return status;
}

void mgp_map_close(mgp_map *m) {
  if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
  *m = (mgp_map){0};
}

magpie_status mgp_file_read(mgp_alloc *a, const char *path, uint64_t max_size, char **data,
                            size_t *size, magpie_error *err) {
  *data = NULL;
  *size = 0;
  int fd = -1;
  uint64_t expected = 0;
  MGP_FORWARD(mgp_file_open(path, &fd, &expected, err));
  magpie_status status = MAGPIE_OK;
  char *block = NULL;
  size_t got = 0;
  if (expected > max_size || expected >= SIZE_MAX)
    status = mgp_fail(err, MAGPIE_LIMIT, "%s has %llu bytes, at most %llu are read", path,
                      (unsigned long long)expected, (unsigned long long)max_size);
  else if (!(block = mgp_malloc(a, (size_t)expected + 1)))
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the %llu bytes of %s",
                      (unsigned long long)expected, path);
  else status = mgp_file_fill(fd, path, block, (size_t)expected, &got, err);
  close(fd);
  if (status != MAGPIE_OK) {
    mgp_free(a, block);
    return status;
  }
  block[got] = '\0';
  *data = block;
  *size = got;
  return MAGPIE_OK;
}

static magpie_status write_and_sync(int fd, const char *path, const void *data, size_t size,
                                    magpie_error *err) {
  const char *at = data;
  while (size > 0) {
    const ssize_t n = mgp_file_calls_table()->write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return mgp_fail_errno(err, errno, "%s cannot be written", path);
    at += n;
    size -= (size_t)n;
  }
  if (mgp_file_calls_table()->sync(fd) != 0)
    return mgp_fail_errno(err, errno, "%s cannot be made durable", path);
  return MAGPIE_OK;
}

static magpie_status sync_parent(const char *path, magpie_error *err) {
  const char *name = mgp_path_name(path);
  if (name == path) return mgp_directory_sync(".", err);
  char *folder = mgp_strndup(NULL, path, (size_t)(name - path));
  MGP_RETURN_IF(!folder, err, MAGPIE_NO_MEMORY, "no memory for a path");
  const magpie_status status = mgp_directory_sync(folder, err);
  mgp_free(NULL, folder);
  return status;
}

/* A file of its own: whatever bears the name, a link too, is put aside and never written through.
 */
static int create_new(const char *name) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const mgp_file_calls *calls = mgp_file_calls_table();
  const int fd = calls->open(name, flags, 0644);
  if (fd >= 0 || errno != EEXIST) return fd;
  return calls->unlink(name) == 0 ? calls->open(name, flags, 0644) : -1;
}

magpie_status mgp_file_write_durable(const char *path, const void *data, size_t size,
                                     magpie_error *err) {
  mgp_buffer temporary;
  mgp_buffer_init(&temporary, NULL);
  mgp_buffer_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
  char *name = mgp_buffer_take(&temporary);
  MGP_RETURN_IF(!name, err, MAGPIE_NO_MEMORY, "no memory for a path");
  magpie_status status = MAGPIE_OK;
  const int fd = create_new(name);
  if (fd < 0) {
    status = mgp_fail_errno(err, errno, "%s cannot be created", name);
  } else {
    status = write_and_sync(fd, name, data, size, err);
    if (close(fd) != 0 && status == MAGPIE_OK)
      status = mgp_fail_errno(err, errno, "%s cannot be written", name);
    if (status == MAGPIE_OK && mgp_file_calls_table()->rename(name, path) != 0)
      status = mgp_fail_errno(err, errno, "%s cannot be renamed", name);
    if (status != MAGPIE_OK) mgp_file_calls_table()->unlink(name);
  }
  mgp_free(NULL, name);
  return status == MAGPIE_OK ? sync_parent(path, err) : status;
}

static magpie_status make_one(const char *path, magpie_error *err) {
  if (mgp_file_calls_table()->make_folder(path) == 0) return MAGPIE_OK;
  const int why = errno;
  struct stat st;
  if (why == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return MAGPIE_OK;
  const magpie_status status = mgp_fail_errno(err, why, "the folder %s cannot be made", path);
  if (status != MAGPIE_NOT_FOUND) return status;
  if (err) err->code = MAGPIE_IO; /* nothing was looked for here: it is writing that failed */
  return MAGPIE_IO;
}

magpie_status mgp_directory_make(const char *path, magpie_error *err) {
  char *copy = mgp_strdup(NULL, path);
  MGP_RETURN_IF(!copy, err, MAGPIE_NO_MEMORY, "no memory for a path");
  magpie_status status = MAGPIE_OK;
  for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash && status == MAGPIE_OK;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (*copy) status = make_one(copy, err);
    *slash = '/';
  }
  if (status == MAGPIE_OK) status = make_one(copy, err);
  mgp_free(NULL, copy);
  return status;
}

magpie_status mgp_directory_sync(const char *path, magpie_error *err) {
  /* Some file systems cannot sync a folder and say EINVAL; there is nothing more to be done then.
   */
  if (mgp_file_calls_table()->sync_folder(path) != 0 && errno != EINVAL)
    return mgp_fail_errno(err, errno, "the folder %s cannot be made durable", path);
  return MAGPIE_OK;
}

/* Opens with O_NOFOLLOW and unlinks relative to the open folder: a link is removed, never entered.
 */
static int remove_below(int parent, const char *name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return 0;
  if (fd < 0 && errno != ENOTDIR && errno != ELOOP) return errno;
  if (fd < 0) return unlinkat(parent, name, 0) == 0 ? 0 : errno;
  DIR *dir = fdopendir(fd);
  if (!dir) {
    const int why = errno;
    close(fd);
    return why;
  }
  int why = 0;
  for (struct dirent *entry; why == 0 && (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    why = remove_below(dirfd(dir), entry->d_name);
  }
  closedir(dir);
  if (why == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0) why = errno;
  return why;
}

magpie_status mgp_directory_remove(const char *path, magpie_error *err) {
  /* "link/" would be followed in spite of O_NOFOLLOW: the slashes go first */
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/') size--;
  char *name = mgp_strndup(NULL, path, size);
  MGP_RETURN_IF(!name, err, MAGPIE_NO_MEMORY, "no memory for a path");
  const int why = remove_below(AT_FDCWD, name);
  mgp_free(NULL, name);
  return why ? mgp_fail_errno(err, why, "%s cannot be removed", path) : MAGPIE_OK;
}

char *mgp_path_join(mgp_alloc *a, const char *folder, const char *name) {
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  mgp_buffer_add_text(&b, folder);
  if (b.size > 0 && folder[b.size - 1] != '/') mgp_buffer_add_char(&b, '/');
  mgp_buffer_add_text(&b, name);
  return mgp_buffer_take(&b);
}

const char *mgp_path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool mgp_file_exists(const char *path) {
  return access(path, F_OK) == 0;
}
