/* SPDX-License-Identifier: Apache-2.0
 *
 * media_job: opening a file safely, the limits of one decode call, and handing items over.
 * Only regular files are opened: a FIFO or a device would block or act on being read.
 */
#include "media/media_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/text.h"

static magpie_status open_regular(mgp_media_job *job, magpie_error *err) {
  struct stat st;
  if (stat(job->path, &st) != 0)
    return mgp_fail_errno(err, errno, "%s cannot be looked at", job->name);
  MGP_RETURN_IF(S_ISDIR(st.st_mode), err, MAGPIE_UNSUPPORTED, "%s is a folder, not a file",
                job->name);
  MGP_RETURN_IF(!S_ISREG(st.st_mode), err, MAGPIE_UNSUPPORTED, "%s is not a regular file",
                job->name);
  /* The file may be swapped between stat and open: O_NONBLOCK never waits for a FIFO's writer. */
  job->fd = open(job->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (job->fd < 0) return mgp_fail_errno(err, errno, "%s cannot be opened", job->name);
  if (fstat(job->fd, &st) != 0)
    return mgp_fail_errno(err, errno, "%s cannot be looked at", job->name);
  MGP_RETURN_IF(!S_ISREG(st.st_mode), err, MAGPIE_UNSUPPORTED, "%s is not a regular file",
                job->name);
  job->size = (uint64_t)st.st_size;
  MGP_RETURN_IF(job->size == 0, err, MAGPIE_FORMAT, "%s is empty", job->name);
  MGP_RETURN_IF(job->size > job->limits->max_bytes, err, MAGPIE_LIMIT,
                "%s has %" PRIu64 " bytes, more than the limit of %" PRIu64, job->name, job->size,
                job->limits->max_bytes);
  return MAGPIE_OK;
}

magpie_status mgp_job_init(mgp_media_job *job, mgp_alloc *a, const char *path,
                           const mgp_media_limits *limits, magpie_error *err) {
  *job = (mgp_media_job){.alloc = a, .path = path, .fd = -1, .limits = limits};
  job->deadline = mgp_clock_seconds() + limits->max_seconds;
  job->name = mgp_path_escape(a, path);
  unsigned char *head = mgp_malloc(a, MGP_HEAD_SIZE);
  job->head = head;
  MGP_RETURN_IF(!job->name || !head, err, MAGPIE_NO_MEMORY, "no memory to open %s",
                job->name ? job->name : "a file");
  MGP_FORWARD(open_regular(job, err));
  MGP_FORWARD(mgp_job_read(job, 0, head, MGP_HEAD_SIZE, &job->head_size, err));
  MGP_RETURN_IF(job->head_size == 0, err, MAGPIE_FORMAT, "%s is empty", job->name);
  job->format = mgp_media_sniff(path, head, job->head_size);
  return MAGPIE_OK;
}

void mgp_job_fini(mgp_media_job *job) {
  mgp_heap_settle(job->alloc);
  mgp_job_release(job);
  if (job->fd >= 0) close(job->fd);
  mgp_free(job->alloc, (void *)(uintptr_t)job->name);
  mgp_free(job->alloc, (void *)(uintptr_t)job->head);
  job->fd = -1;
  job->name = NULL;
  job->head = NULL;
}

magpie_status mgp_job_check(const mgp_media_job *job, magpie_error *err) {
  MGP_RETURN_IF(job->limits->cancel && *job->limits->cancel, err, MAGPIE_CANCELLED,
                "reading %s was stopped on request", job->name);
  MGP_RETURN_IF(mgp_clock_seconds() > job->deadline, err, MAGPIE_LIMIT,
                "reading %s took longer than the limit of %g s", job->name,
                job->limits->max_seconds);
  return MAGPIE_OK;
}

magpie_status mgp_job_emit(mgp_media_job *job, const mgp_media_item *item, magpie_error *err) {
  MGP_FORWARD(mgp_job_check(job, err));
  MGP_RETURN_IF(job->items >= job->limits->max_items, err, MAGPIE_LIMIT,
                "%s has more than the limit of %zu items; split it", job->name,
                job->limits->max_items);
  job->items++;
  /* The limit is on reading: what the caller does with the item (encode, wait for a commit) is his.
   */
  const double before = mgp_clock_seconds();
  const magpie_status status = job->sink->item(job->sink->context, item, err);
  job->deadline += mgp_clock_seconds() - before;
  return status;
}

magpie_status mgp_job_read(const mgp_media_job *job, uint64_t offset, void *out, size_t size,
                           size_t *got, magpie_error *err) {
  *got = 0;
  while (*got < size) {
    const ssize_t n = pread(job->fd, (char *)out + *got, size - *got, (off_t)(offset + *got));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return mgp_fail_errno(err, errno, "%s cannot be read", job->name);
    *got += (size_t)n;
  }
  return MAGPIE_OK;
}

magpie_status mgp_job_read_all(const mgp_media_job *job, uint64_t limit, char **out, size_t *size,
                               magpie_error *err) {
  MGP_RETURN_IF(job->size > limit, err, MAGPIE_LIMIT,
                "%s has %" PRIu64 " bytes; as %s at most %" PRIu64 " are read: split it", job->name,
                job->size, job->format, limit);
  char *data = mgp_malloc(job->alloc, (size_t)job->size + 1);
  MGP_RETURN_IF(!data, err, MAGPIE_NO_MEMORY, "no memory for the %" PRIu64 " bytes of %s",
                job->size, job->name);
  const magpie_status status = mgp_job_read(job, 0, data, (size_t)job->size, size, err);
  if (status != MAGPIE_OK) {
    mgp_free(job->alloc, data);
    return status;
  }
  data[*size] = '\0';
  *out = data;
  return MAGPIE_OK;
}

magpie_status mgp_job_read_text(mgp_media_job *job, const char *hint, char **text, size_t *size,
                                magpie_error *err) {
  char *raw = NULL;
  size_t raw_size = 0, replaced = 0;
  const char *charset = NULL;
  MGP_FORWARD(mgp_job_read_all(job, MGP_TEXT_FILE_MAX, &raw, &raw_size, err));
  const magpie_status status =
      mgp_text_to_utf8(job->alloc, raw, raw_size, hint, text, size, &charset, &replaced, err);
  mgp_free(job->alloc, raw);
  MGP_FORWARD(status);
  if (charset && !mgp_text_equal(charset, "UTF-8")) mgp_note_text(job, "charset", charset);
  if (replaced > 0) mgp_note_integer(job, "replaced_bytes", (int64_t)replaced);
  return MAGPIE_OK;
}

/* The source line of a byte: that of the last mark at or before it. */
static int64_t marked_line(const mgp_section *section, size_t byte) {
  size_t low = 0, high = section->mark_count;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (section->marks[middle].start <= byte) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return section->marks[low].line;
}

static bool is_blank(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)text[i] > ' ') return false;
  return true;
}

static magpie_status emit_passage(mgp_media_job *job, const mgp_section *section,
                                  const mgp_passage *passage, magpie_error *err) {
  if (is_blank(section->text + passage->start, passage->size)) return MAGPIE_OK;
  char *text = mgp_strndup(job->alloc, section->text + passage->start, passage->size);
  MGP_RETURN_IF(!text, err, MAGPIE_NO_MEMORY, "no memory for a passage of %s", job->name);
  mgp_media_item item = {.kind = "passage",
                         .title = section->title,
                         .text = text,
                         .context = section->context,
                         .language = section->language};
  if (section->marks && section->mark_count > 0) {
    item.locator.lines[0] = marked_line(section, passage->start);
    item.locator.lines[1] = marked_line(section, passage->start + passage->size - 1);
  } else {
    item.locator.lines[0] = section->first_line + passage->first_line - 1;
    item.locator.lines[1] = section->first_line + passage->last_line - 1;
  }
  item.locator.has_lines = item.locator.lines[0] > 0;
  const magpie_status status = mgp_job_emit(job, &item, err);
  mgp_free(job->alloc, text);
  return status;
}

magpie_status mgp_job_emit_section(mgp_media_job *job, const mgp_section *section,
                                   magpie_error *err) {
  if (is_blank(section->text, section->size)) return MAGPIE_OK;
  mgp_passage *passages = NULL;
  size_t count = 0;
  MGP_FORWARD(
      mgp_passages_cut(job->alloc, section->text, section->size, 0, &passages, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count && status == MAGPIE_OK; i++)
    status = emit_passage(job, section, &passages[i], err);
  mgp_free(job->alloc, passages);
  return status;
}
