/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX Runtime's memory, counted: weights, packed weights and what a run needs come from the budget
 * of the index that loads or runs the model. The runtime has one environment for the process and
 * each index its own budget, so the budget is that of the calling thread (sessions run on it).
 */
#ifndef MGP_ENCODE_ORT_MEMORY_H
#define MGP_ENCODE_ORT_MEMORY_H

#include "base/base.h"
#include "encode/ort_api.h"

/* The allocator to register with the environment; `memory` describes it. Static. */
OrtAllocator *mgp_ort_allocator(const OrtMemoryInfo *memory);
/* From here to _leave, what the runtime takes on this thread comes from `a`: first from `reserved`
 * bytes of it, which the caller has reserved and which _leave gives back as far as no block holds
 * them. Not nested. */
void mgp_ort_memory_enter(mgp_alloc *a, uint64_t reserved);
/* *peak: the most that was held at once in between; *held: what still is. */
void mgp_ort_memory_leave(uint64_t *peak, uint64_t *held);

#endif
