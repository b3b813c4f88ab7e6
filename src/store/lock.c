/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer's lock: flock on NAME.mgp/lock, which the kernel drops with the process. The text in
 * the file is for people only: whom to wait for. It is emptied on a clean unlock, so text found by
 * the next holder says that the last one died, and that more than usual may have to be swept.
 *
 *   open --mgp_store_lock--> flock held, text written, files swept --mgp_store_unlock--> open
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "store/catalog.h"

#define POLL_MS 50
#define NAMELESS_MS 200 /* a holder that has just come, or is going, has no text in the file */
#define COMMAND_MAX 200
#define TEXT_MAX 1024

/* ---- the text -----------------------------------------------------------------------------------
 */

/* "index /home/x": the arguments of this process; a program that is not magpie itself is named. */
static void command_line(char *out, size_t size) {
  char raw[COMMAND_MAX] = "";
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? -1 : read(fd, raw, sizeof raw - 1);
  if (fd >= 0) close(fd);
  const size_t used = got > 0 ? (size_t)got : 0;
  const char *program = mgp_path_name(raw);
  const size_t first = strlen(raw) + 1;
  size_t at = strcmp(program, "magpie") == 0 && first < used ? first : (size_t)(program - raw);
  size_t wrote = 0;
  for (; at < used && wrote + 1 < size; at++) {
    const unsigned char c = (unsigned char)raw[at];
    out[wrote++] = c == '\0' ? ' ' : (c < 0x20 || c == 0x7F ? '?' : (char)c);
  }
  while (wrote > 0 && out[wrote - 1] == ' ') wrote--;
  out[mgp_utf8_cut(out, wrote)] = '\0';
}

static void write_text(int fd) {
  char host[128] = "unknown", command[COMMAND_MAX], started[32], text[TEXT_MAX];
  gethostname(host, sizeof host - 1);
  command_line(command, sizeof command);
  const time_t now = time(NULL);
  struct tm tm;
  localtime_r(&now, &tm);
  strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S", &tm);
  const int size = snprintf(text, sizeof text, "pid %ld\nhost %s\nstarted %s\ncommand %s\n",
                            (long)getpid(), host, started, command);
  /* A text that cannot be written costs a name in a message, not the lock. */
  if (ftruncate(fd, 0) == 0 && size > 0) {
    const ssize_t wrote = pwrite(fd, text, (size_t)size, 0);
    (void)wrote;
  }
}

/* The value of a line "name value"; "unknown" when the text has none. */
static void text_field(const char *text, const char *name, char *out, size_t size) {
  snprintf(out, size, "unknown");
  const size_t length = strlen(name);
  for (const char *line = text; line && *line;) {
    const char *end = strchr(line, '\n');
    const size_t line_size = end ? (size_t)(end - line) : strlen(line);
    if (line_size > length && strncmp(line, name, length) == 0 && line[length] == ' ') {
      snprintf(out, size, "%.*s", (int)(line_size - length - 1), line + length + 1);
      return;
    }
    line = end ? end + 1 : NULL;
  }
}

static magpie_status fail_locked(const mgp_store *s, int fd, int waited_ms, magpie_error *err) {
  char text[TEXT_MAX] = "", pid[32], host[128], started[32], command[COMMAND_MAX + 8];
  char own_host[128] = "";
  const ssize_t got = pread(fd, text, sizeof text - 1, 0);
  text[got > 0 ? got : 0] = '\0';
  text_field(text, "pid", pid, sizeof pid);
  text_field(text, "host", host, sizeof host);
  text_field(text, "started", started, sizeof started);
  text_field(text, "command", command, sizeof command);
  gethostname(own_host, sizeof own_host - 1);
  const bool is_here = strcmp(host, own_host) == 0;
  char today[16];
  const time_t now = time(NULL);
  struct tm tm;
  localtime_r(&now, &tm);
  strftime(today, sizeof today, "%Y-%m-%d ", &tm);
  const char *shown = mgp_text_starts(started, today) ? started + strlen(today) : started;
  return mgp_fail(err, MAGPIE_LOCKED,
                  "another magpie (pid %s%s%s, `%s`, started %s) is writing to %s; waited %d ms: "
                  "try again when it is done",
                  pid, is_here ? "" : " on ", is_here ? "" : host, command, shown, s->path,
                  waited_ms);
}

/* ---- taking it ----------------------------------------------------------------------------------
 */

static bool has_text(int fd) {
  char byte;
  return pread(fd, &byte, 1, 0) == 1;
}

static magpie_status wait_for(const mgp_store *s, int fd, int wait_ms, magpie_error *err) {
  const double start = mgp_clock_seconds();
  for (;;) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return MAGPIE_OK;
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      return mgp_fail_errno(err, errno, "locking %s/%s", s->path, LOCK_FILE);
    const int waited = (int)((mgp_clock_seconds() - start) * 1000);
    const int left = wait_ms - waited;
    if (left <= 0 && (has_text(fd) || left <= -NAMELESS_MS)) return fail_locked(s, fd, waited, err);
    const int pause = left <= 0 ? 1 : left < POLL_MS ? left : POLL_MS;
    nanosleep(&(struct timespec){.tv_nsec = (long)pause * 1000000}, NULL);
  }
}

static magpie_status open_lock(const mgp_store *s, int *fd, magpie_error *err) {
  char *path = mgp_path_join(s->alloc, s->path, LOCK_FILE);
  MGP_RETURN_IF(!path, err, MAGPIE_NO_MEMORY, "no memory to lock %s", s->path);
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  const int failed = *fd < 0 ? errno : 0;
  mgp_free(s->alloc, path);
  if (failed) return mgp_fail_errno(err, failed, "opening %s/%s", s->path, LOCK_FILE);
  return MAGPIE_OK;
}

bool mgp_store_is_replaced(const mgp_store *s) {
  int is_moved = 0;
  const bool is_known =
      s->writer &&
      sqlite3_file_control(s->writer->db, "main", SQLITE_FCNTL_HAS_MOVED, &is_moved) == SQLITE_OK;
  return is_known && is_moved;
}

/* The lock is a file of the index that is there now, which may not be the one that was opened. */
static magpie_status check_place(const mgp_store *s, magpie_error *err) {
  MGP_RETURN_IF(mgp_store_is_replaced(s), err, MAGPIE_INVALID,
                "%s was replaced or removed since it was opened: open it again", s->path);
  return MAGPIE_OK;
}

magpie_status mgp_store_lock(mgp_store *s, int wait_ms, magpie_error *err) {
  MGP_RETURN_IF(s->read_only, err, MAGPIE_INVALID, "%s was opened for reading only", s->path);
  MGP_RETURN_IF(s->lock_fd >= 0, err, MAGPIE_INVALID,
                "this handle of %s already holds the writer's lock", s->path);
  int fd = -1;
  MGP_FORWARD(open_lock(s, &fd, err));
  magpie_status status = wait_for(s, fd, wait_ms, err);
  if (status == MAGPIE_OK) status = check_place(s, err);
  if (status == MAGPIE_OK) {
    const bool was_unclean = lseek(fd, 0, SEEK_END) > 0;
    write_text(fd);
    s->lock_fd = fd;
    status = mgp_catalog_upgrade(s, err);
    if (status == MAGPIE_OK) status = mgp_store_sweep(s, was_unclean, err);
    if (status != MAGPIE_OK) mgp_store_unlock(s);
    return status;
  }
  close(fd);
  return status;
}

magpie_status mgp_store_hold(const mgp_store *s, int *fd, magpie_error *err) {
  MGP_FORWARD(open_lock(s, fd, err));
  if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return MAGPIE_OK;
  const int why = errno;
  close(*fd);
  *fd = -1;
  MGP_RETURN_IF(why == EWOULDBLOCK, err, MAGPIE_LOCKED,
                "another magpie is writing to %s: try again when it is done", s->path);
  return mgp_fail_errno(err, why, "locking %s/%s", s->path, LOCK_FILE);
}

void mgp_store_unlock(mgp_store *s) {
  if (!s || s->lock_fd < 0) return;
  if (s->in_transaction) mgp_store_rollback(s);
  mgp_store_sync(s, NULL);
  /* Emptied while still locked, so that no other holder's text is lost. */
  const bool is_emptied = ftruncate(s->lock_fd, 0) == 0;
  (void)is_emptied;
  close(s->lock_fd);
  s->lock_fd = -1;
}
