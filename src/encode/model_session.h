/* SPDX-License-Identifier: Apache-2.0
 *
 * One ONNX model, opened: named tensors in, named float tensors out. See model_session.c.
 */
#ifndef MGP_MODEL_SESSION_H
#define MGP_MODEL_SESSION_H

#include "encode/ort_runtime.h"

enum { MGP_MODEL_PORTS = 8, MGP_MODEL_RANK = 8 };

typedef struct mgp_model mgp_model;

/* What goes in; data is borrowed for the call. */
typedef struct mgp_tensor {
  const char *name;
  unsigned type; /* MGP_ORT_INT64, MGP_ORT_INT32 or MGP_ORT_FLOAT */
  int64_t shape[4];
  size_t rank;
  void *data;
} mgp_tensor;

/* What comes out: float, row-major; lives until mgp_model_release. */
typedef struct mgp_model_output {
  const float *data;
  size_t count; /* of floats */
  int64_t shape[MGP_MODEL_RANK];
  size_t rank;
  OrtValue *value;
} mgp_model_output;

/* `pack` is for messages. Sessions run on the calling thread alone. */
magpie_status mgp_model_open(mgp_alloc *a, const mgp_runtime *runtime, const char *pack,
                             const char *path, mgp_model **out, magpie_error *err);
void mgp_model_close(mgp_model *m);
/* MODEL, with what the model has, unless there is an input of that name; its element type. */
magpie_status mgp_model_input(const mgp_model *m, const char *name, unsigned *type,
                              magpie_error *err);
/* MODEL unless the float output is there and its last dimension is `dim` or free. */
magpie_status mgp_model_output_check(const mgp_model *m, const char *name, size_t dim,
                                     magpie_error *err);
/* MODEL unless the model's inputs are exactly these. */
magpie_status mgp_model_inputs_check(const mgp_model *m, const char *const *names, size_t count,
                                     magpie_error *err);
/* Thread-safe. outs[output_count] is filled; release each. */
magpie_status mgp_model_run(const mgp_model *m, const mgp_tensor *inputs, size_t input_count,
                            const char *const *output_names, size_t output_count,
                            mgp_model_output *outs, magpie_error *err);
void mgp_model_release(const mgp_model *m, mgp_model_output *outs, size_t count);

#endif
