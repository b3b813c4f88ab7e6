/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and loading a module of magpie, for the loaders of this folder.
 */
#ifndef MGP_MODULE_LOADER_H
#define MGP_MODULE_LOADER_H

#include "base/base.h"

typedef struct mgp_module_request {
  const char *file;   /* "libmagpie-media.so": beside the file that holds this code */
  const char *symbol; /* a function without arguments that gives the module's table, whose first
                         member is the version of magpie that it was built with */
  const char *lost;   /* what cannot be done without it: "files cannot be read" */
  const char *advice; /* what to do when it cannot be loaded */
} mgp_module_request;

/* The table, or NULL with *err filled. */
const void *mgp_module_load(const mgp_module_request *request, magpie_error *err);

#endif
