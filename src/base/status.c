/* SPDX-License-Identifier: Apache-2.0
 *
 * Status sentences and the caller-owned error.
 */
#include <errno.h>

#include "base/base.h"

const char *magpie_status_text(magpie_status status) {
  switch (status) {
#define STATUS_CASE(name, number, sentence)                                                        \
  case MAGPIE_##name:                                                                              \
    return sentence;
    MAGPIE_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
  }
  return "an unknown status";
}

const char *magpie_version(void) {
  return MGP_VERSION_TEXT;
}

/* A message that was cut must still be UTF-8. */
static void end_message(char *text, size_t size) {
  const size_t length = strlen(text);
  if (length + 1 == size) text[mgp_utf8_cut(text, length)] = '\0';
}

magpie_status mgp_fail(magpie_error *err, magpie_status code, const char *format, ...) {
  if (!err) return code;
  err->code = code;
  err->place[0] = '\0';
  va_list args;
  va_start(args, format);
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  end_message(err->message, sizeof err->message);
  return code;
}

void mgp_fail_place(magpie_error *err, const char *format, ...) {
  if (!err) return;
  va_list args;
  va_start(args, format);
  vsnprintf(err->place, sizeof err->place, format, args);
  va_end(args);
  end_message(err->place, sizeof err->place);
}

static const char *errno_hint(int errnum) {
  switch (errnum) {
  case ENOSPC:
  case EDQUOT:
    return "; free some space and run the command again";
  case EACCES:
  case EPERM:
    return "; check the permissions";
  case EMFILE:
    return "; raise the limit of open files (ulimit -n)";
  default:
    return "";
  }
}

magpie_status mgp_fail_errno(magpie_error *err, int errnum, const char *format, ...) {
  const magpie_status code = errnum == ENOMEM                        ? MAGPIE_NO_MEMORY
                             : errnum == ENOENT || errnum == ENOTDIR ? MAGPIE_NOT_FOUND
                                                                     : MAGPIE_IO;
  if (!err) return code;
  err->code = code;
  err->place[0] = '\0';
  va_list args;
  va_start(args, format);
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  const size_t used = strlen(err->message);
  char reason[128];
  const char *text = strerror_r(errnum, reason, sizeof reason);
  snprintf(err->message + used, sizeof err->message - used, ": %s%s", text, errno_hint(errnum));
  end_message(err->message, sizeof err->message);
  return code;
}
