/* SPDX-License-Identifier: Apache-2.0
 *
 * index_archive.h in libmagpie: the module that packs is loaded by the first export or import of an
 * archive. A build without libarchive or libzstd has no such module.
 */
#include <pthread.h>

#include "plugin/archive_table.h"
#include "plugin/module_loader.h"

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static const mgp_archive_table *table; /* NULL: it could not be loaded */
static magpie_error load_error;

static void load(void) {
#if defined(MGP_WITH_ARCHIVE)
  static const mgp_module_request request = {
      .file = MGP_ARCHIVE_MODULE,
      .symbol = MGP_ARCHIVE_MODULE_SYMBOL,
      .lost = "archives cannot be written or read",
      .advice = "install libarchive and libzstd (Debian: libarchive13, libzstd1), or magpie again"};
  table = mgp_module_load(&request, &load_error);
#else
  mgp_fail(&load_error, MAGPIE_UNSUPPORTED,
           "archives cannot be written or read: this magpie was built without libarchive and "
           "libzstd; install them (Debian: libarchive-dev, libzstd-dev) and build it again, or use "
           "`magpie snapshot`");
#endif
}

static magpie_status need(magpie_error *err) {
  pthread_once(&load_once, load);
  if (table) return MAGPIE_OK;
  if (err) *err = load_error;
  return load_error.code;
}

const char *mgp_archive_library(void) {
  return need(NULL) == MAGPIE_OK ? table->library() : NULL;
}

magpie_status mgp_archive_pack(const mgp_archive_packing *packing, mgp_archive_head *head,
                               magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->pack(packing, head, err);
}

magpie_status mgp_archive_unpack(const mgp_archive_unpacking *unpacking, magpie_error *err) {
  MGP_FORWARD(need(err));
  return table->unpack(unpacking, err);
}
