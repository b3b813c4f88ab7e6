/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps by which one index takes the place of another, or is found unfit to.
 */
#include "engine/replace_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

magpie_status mgp_index_verify(mgp_check *k, const char *shown, const char *done,
                               const char *advice, magpie_error *err) {
  k->deep = true;
  magpie_status status = mgp_check_run(k, err);
  if (status == MAGPIE_OK && k->findings.count > 0)
    status = mgp_fail(err, MAGPIE_CORRUPT, "%s is damaged and was not %s: %s: %s; %s", shown, done,
                      k->findings.items[0].file, k->findings.items[0].what, advice);
  mgp_check_fini(k);
  return status;
}

magpie_status mgp_index_lock_old(const char *index, mgp_store **out, magpie_error *err) {
  magpie_error why = {0};
  const magpie_status status = mgp_store_open(NULL, index, false, out, &why);
  if (status == MAGPIE_OK) return mgp_store_lock(*out, 0, err);
  if (status == MAGPIE_CORRUPT || status == MAGPIE_FORMAT || status == MAGPIE_VERSION ||
      status == MAGPIE_NOT_FOUND)
    return MAGPIE_OK;
  if (err) *err = why;
  return status;
}

/* Where there is no exchange a moment passes in which there is no index. */
static magpie_status swap(const char *fresh, const char *index, magpie_error *err) {
  if (renameat2(AT_FDCWD, fresh, AT_FDCWD, index, RENAME_EXCHANGE) == 0) return MAGPIE_OK;
  if (errno != EINVAL && errno != ENOSYS)
    return mgp_fail_errno(err, errno, "putting %s in the place of %s", fresh, index);
  mgp_buffer old;
  mgp_buffer_init(&old, NULL);
  mgp_buffer_printf(&old, "%s.old", fresh);
  magpie_status status = MAGPIE_OK;
  if (old.failed) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to replace %s", index);
  else if (rename(index, old.data) != 0 || rename(fresh, index) != 0 ||
           rename(old.data, fresh) != 0)
    status = mgp_fail_errno(err, errno, "putting %s in the place of %s", fresh, index);
  mgp_buffer_fini(&old);
  return status;
}

magpie_status mgp_index_exchange(const char *fresh, const char *index, magpie_error *err) {
  MGP_FORWARD(swap(fresh, index, err));
  return mgp_index_sync_parent(index, err);
}

magpie_status mgp_index_sync_parent(const char *path, magpie_error *err) {
  const char *name = mgp_path_name(path);
  char *parent = mgp_strndup(NULL, path, (size_t)(name - path));
  MGP_RETURN_IF(!parent, err, MAGPIE_NO_MEMORY, "no memory for the folder of %s", path);
  const magpie_status status = mgp_directory_sync(parent[0] ? parent : ".", err);
  mgp_free(NULL, parent);
  return status;
}
