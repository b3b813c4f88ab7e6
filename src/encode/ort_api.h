/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of ONNX Runtime's C API that magpie calls, declared in our own words: no third-party
 * header is committed. OrtApi is a table of function pointers that only ever grows at its end, so a
 * function is its slot number, its name and its signature. tools/check_ort_abi.sh compares every
 * line below (slot and signature) with the real header. Enumerations are unsigned int, or int where
 * one of their values is negative, as gcc and clang make them.
 */
#ifndef MGP_ORT_API_H
#define MGP_ORT_API_H

#include <stddef.h>
#include <stdint.h>

/* GetApi(22) works with every library from 1.22 on; all slots below are older. */
#define MGP_ORT_API_VERSION 22u

enum {
  MGP_ORT_LOG_FATAL = 4,
  MGP_ORT_OPTIMISE_ALL = 99,
  MGP_ORT_ALLOCATOR_DEVICE = 0,
  MGP_ORT_MEMORY_DEFAULT = 0,
  MGP_ORT_FLOAT = 1, /* element types */
  MGP_ORT_INT32 = 6,
  MGP_ORT_INT64 = 7
};

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtValue OrtValue;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;

typedef void (*mgp_ort_log)(void *context, unsigned severity, const char *category, const char *id,
                            const char *place, const char *message);

/* What an OrtAllocator of ours must look like. Members of later versions follow; with `version` 22
 * the runtime does not look at them. */
typedef struct mgp_ort_allocator {
  uint32_t version;
  void *(*take)(OrtAllocator *self, size_t size);
  void (*give)(OrtAllocator *self, void *block);
  const OrtMemoryInfo *(*describe)(const OrtAllocator *self);
  void *(*take_for_session)(OrtAllocator *self, size_t size);
} mgp_ort_allocator_table;

/* X(slot, name, returns, parameters) */
#define MGP_ORT_SLOTS(X)                                                                           \
  X(2, GetErrorMessage, const char *, (const OrtStatus *status))                                   \
  X(4, CreateEnvWithCustomLogger, OrtStatus *,                                                     \
    (mgp_ort_log log, void *context, unsigned level, const char *id, OrtEnv **out))                \
  X(7, CreateSession, OrtStatus *,                                                                 \
    (const OrtEnv *env, const char *path, const OrtSessionOptions *options, OrtSession **out))     \
  X(9, Run, OrtStatus *,                                                                           \
    (OrtSession * session, const OrtRunOptions *options, const char *const *input_names,           \
     const OrtValue *const *inputs, size_t input_count, const char *const *output_names,           \
     size_t output_count, OrtValue **outputs))                                                     \
  X(10, CreateSessionOptions, OrtStatus *, (OrtSessionOptions * *out))                             \
  X(17, DisableMemPattern, OrtStatus *, (OrtSessionOptions * options))                             \
  X(23, SetSessionGraphOptimizationLevel, OrtStatus *,                                             \
    (OrtSessionOptions * options, unsigned level))                                                 \
  X(24, SetIntraOpNumThreads, OrtStatus *, (OrtSessionOptions * options, int threads))             \
  X(25, SetInterOpNumThreads, OrtStatus *, (OrtSessionOptions * options, int threads))             \
  X(30, SessionGetInputCount, OrtStatus *, (const OrtSession *session, size_t *out))               \
  X(31, SessionGetOutputCount, OrtStatus *, (const OrtSession *session, size_t *out))              \
  X(33, SessionGetInputTypeInfo, OrtStatus *,                                                      \
    (const OrtSession *session, size_t index, OrtTypeInfo **out))                                  \
  X(34, SessionGetOutputTypeInfo, OrtStatus *,                                                     \
    (const OrtSession *session, size_t index, OrtTypeInfo **out))                                  \
  X(36, SessionGetInputName, OrtStatus *,                                                          \
    (const OrtSession *session, size_t index, OrtAllocator *allocator, char **out))                \
  X(37, SessionGetOutputName, OrtStatus *,                                                         \
    (const OrtSession *session, size_t index, OrtAllocator *allocator, char **out))                \
  X(49, CreateTensorWithDataAsOrtValue, OrtStatus *,                                               \
    (const OrtMemoryInfo *info, void *data, size_t size, const int64_t *shape, size_t rank,        \
     unsigned type, OrtValue **out))                                                               \
  X(51, GetTensorMutableData, OrtStatus *, (OrtValue * value, void **out))                         \
  X(55, CastTypeInfoToTensorInfo, OrtStatus *,                                                     \
    (const OrtTypeInfo *info, const OrtTensorTypeAndShapeInfo **out))                              \
  X(60, GetTensorElementType, OrtStatus *, (const OrtTensorTypeAndShapeInfo *info, unsigned *out)) \
  X(61, GetDimensionsCount, OrtStatus *, (const OrtTensorTypeAndShapeInfo *info, size_t *out))     \
  X(62, GetDimensions, OrtStatus *,                                                                \
    (const OrtTensorTypeAndShapeInfo *info, int64_t *out, size_t count))                           \
  X(65, GetTensorTypeAndShape, OrtStatus *,                                                        \
    (const OrtValue *value, OrtTensorTypeAndShapeInfo **out))                                      \
  X(69, CreateCpuMemoryInfo, OrtStatus *, (int allocator, int memory, OrtMemoryInfo **out))        \
  X(76, AllocatorFree, OrtStatus *, (OrtAllocator * allocator, void *block))                       \
  X(78, GetAllocatorWithDefaultOptions, OrtStatus *, (OrtAllocator * *out))                        \
  X(92, ReleaseEnv, void, (OrtEnv * env))                                                          \
  X(93, ReleaseStatus, void, (OrtStatus * status))                                                 \
  X(94, ReleaseMemoryInfo, void, (OrtMemoryInfo * info))                                           \
  X(95, ReleaseSession, void, (OrtSession * session))                                              \
  X(96, ReleaseValue, void, (OrtValue * value))                                                    \
  X(98, ReleaseTypeInfo, void, (OrtTypeInfo * info))                                               \
  X(99, ReleaseTensorTypeAndShapeInfo, void, (OrtTensorTypeAndShapeInfo * info))                   \
  X(100, ReleaseSessionOptions, void, (OrtSessionOptions * options))                               \
  X(130, AddSessionConfigEntry, OrtStatus *,                                                       \
    (OrtSessionOptions * options, const char *key, const char *value))                             \
  X(176, RegisterAllocator, OrtStatus *, (OrtEnv * env, OrtAllocator * allocator))

/* One pointer a slot, under its name. */
typedef struct mgp_ort {
#define MGP_ORT_MEMBER(slot, name, returns, parameters) returns(*name) parameters;
  MGP_ORT_SLOTS(MGP_ORT_MEMBER)
#undef MGP_ORT_MEMBER
} mgp_ort;

#endif
