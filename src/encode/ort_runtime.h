/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime hands to the sessions: see ort_runtime.c.
 */
#ifndef MGP_ORT_RUNTIME_H
#define MGP_ORT_RUNTIME_H

#include "encode/encode.h"
#include "encode/ort_api.h"

/* One a process; lives until the process ends. */
struct mgp_runtime {
  mgp_ort ort;
  OrtEnv *env;
  OrtMemoryInfo *memory;   /* plain CPU memory, for tensors that borrow our blocks */
  OrtAllocator *allocator; /* the runtime's own, for the names it hands out */
  char version[32];
};

/* Releases `status`; MODEL with its message behind the formatted text, or OK when it is NULL. */
magpie_status mgp_runtime_check(const mgp_runtime *runtime, OrtStatus *status, magpie_error *err,
                                const char *format, ...) MGP_PRINTF(4, 5);

#endif
