/* SPDX-License-Identifier: Apache-2.0
 *
 * One ONNX model behind ONNX Runtime. Every name and shape that pack.json claims is compared with
 * the model when it is opened, so that a wrong file is one clear message and not a crash later.
 * Threads: a session runs on the caller's thread (callers are parallel over batches); Run is
 * thread-safe, the rest of the struct is constant after open.
 * Memory: counted by ort_memory.c, where the runtime's own arena would keep what the largest batch
 * took; memory patterns are off, because they plan for each new shape of batch. A run that finds no
 * room is tried again alone, when what the other threads run has ended.
 */
#include "encode/model_session.h"

#include <pthread.h>
#include <sys/stat.h>

#include "encode/ort_memory.h"

/* Loading a graph and its optimisation take this much beside two copies of the file, and a loaded
 * graph at least so much beside what the allocator counts. Measured with the packs of the
 * catalogue: docs/decisions/0014-memory-budget.md. */
#define LOADING_BYTES (UINT64_C(40) << 20)
#define GRAPH_BYTES (UINT64_C(4) << 20)

/* What a run is taken to need before any was measured. */
#define RUN_BYTES (UINT64_C(8) << 20)

/* Runs share it; one that tries again has it alone. */
static pthread_rwlock_t run_gate = PTHREAD_RWLOCK_INITIALIZER;

typedef struct port {
  char *name;
  unsigned type;
  size_t rank;
  int64_t shape[MGP_MODEL_RANK]; /* -1: free */
} port;

typedef struct port_list {
  port ports[MGP_MODEL_PORTS];
  size_t count;
} port_list;

struct mgp_model {
  mgp_alloc *alloc;
  const mgp_runtime *runtime;
  OrtSession *session;
  char *pack, *file; /* for messages */
  uint64_t reserved; /* what the runtime holds beside its allocator */
  /* what a run took at its height, of the largest and for each byte of input; 0: none ran */
  atomic_uint_fast64_t *run_cost;
  port_list inputs, outputs;
};

/* ---- open -------------------------------------------------------------------------------- */

/* Type and shape of one input or output; things that are no tensors keep type 0. */
static magpie_status read_type(const mgp_model *m, OrtTypeInfo *info, port *p, magpie_error *err) {
  const mgp_ort *ort = &m->runtime->ort;
  const OrtTensorTypeAndShapeInfo *tensor = NULL;
  OrtStatus *bad = ort->CastTypeInfoToTensorInfo(info, &tensor);
  if (!bad && tensor) bad = ort->GetTensorElementType(tensor, &p->type);
  if (!bad && tensor) bad = ort->GetDimensionsCount(tensor, &p->rank);
  if (p->rank > MGP_MODEL_RANK) p->rank = MGP_MODEL_RANK;
  if (!bad && tensor) bad = ort->GetDimensions(tensor, p->shape, p->rank);
  return mgp_runtime_check(m->runtime, bad, err, "pack %s, %s: cannot read the type of %s", m->pack,
                           m->file, p->name);
}

static magpie_status read_port(const mgp_model *m, bool is_input, size_t index, port *p,
                               magpie_error *err) {
  const mgp_runtime *r = m->runtime;
  char *name = NULL;
  OrtStatus *bad = is_input ? r->ort.SessionGetInputName(m->session, index, r->allocator, &name)
                            : r->ort.SessionGetOutputName(m->session, index, r->allocator, &name);
  MGP_FORWARD(mgp_runtime_check(r, bad, err, "pack %s, %s: cannot list names", m->pack, m->file));
  p->name = mgp_strdup(m->alloc, name);
  bad = r->ort.AllocatorFree(r->allocator, name);
  if (bad) r->ort.ReleaseStatus(bad);
  MGP_RETURN_IF(!p->name, err, MAGPIE_NO_MEMORY, "no memory to open %s", m->file);
  OrtTypeInfo *info = NULL;
  bad = is_input ? r->ort.SessionGetInputTypeInfo(m->session, index, &info)
                 : r->ort.SessionGetOutputTypeInfo(m->session, index, &info);
  MGP_FORWARD(mgp_runtime_check(r, bad, err, "pack %s, %s: cannot read types", m->pack, m->file));
  const magpie_status status = read_type(m, info, p, err);
  r->ort.ReleaseTypeInfo(info);
  return status;
}

static magpie_status read_ports(mgp_model *m, bool is_input, port_list *list, magpie_error *err) {
  const mgp_ort *ort = &m->runtime->ort;
  size_t count = 0;
  OrtStatus *bad = is_input ? ort->SessionGetInputCount(m->session, &count)
                            : ort->SessionGetOutputCount(m->session, &count);
  MGP_FORWARD(
      mgp_runtime_check(m->runtime, bad, err, "pack %s, %s: cannot count", m->pack, m->file));
  MGP_RETURN_IF(count > MGP_MODEL_PORTS && is_input, err, MAGPIE_MODEL,
                "pack %s, %s: the model has %zu inputs, at most %d are supported", m->pack, m->file,
                count, MGP_MODEL_PORTS);
  /* Exports may list many more outputs (every layer); the first ones are those of interest. */
  for (size_t i = 0; i < count && i < MGP_MODEL_PORTS; i++) {
    list->count = i + 1;
    MGP_FORWARD(read_port(m, is_input, i, &list->ports[i], err));
  }
  return MAGPIE_OK;
}

/* The file as read, and the weights out of it. */
static uint64_t loading_bytes(const char *path) {
  struct stat st = {0};
  return stat(path, &st) == 0 ? (uint64_t)st.st_size * 2 + LOADING_BYTES : LOADING_BYTES;
}

static magpie_status make_session(mgp_model *m, const char *path, magpie_error *err);

/* What the session holds beside its allocator: weights as they came and the graph. */
static uint64_t uncounted_bytes(uint64_t heap_before, uint64_t counted, uint64_t most) {
  const uint64_t heap = mgp_heap_used(), grown = heap > heap_before ? heap - heap_before : 0;
  const uint64_t rest = grown > counted ? grown - counted : 0;
  return rest < GRAPH_BYTES ? GRAPH_BYTES : rest > most ? most : rest;
}

/* What loading takes at its height is counted while it lasts, and then what is left of it. */
static magpie_status create_session(mgp_model *m, const char *path, magpie_error *err) {
  const uint64_t need = loading_bytes(path);
  mgp_heap_trim();
  const uint64_t heap = mgp_heap_used();
  if (!mgp_alloc_reserve(m->alloc, need))
    return mgp_alloc_fail(m->alloc, need, err, "the pack %s (%s)", m->pack, m->file);
  uint64_t peak = 0, held = 0;
  mgp_ort_memory_enter(m->alloc, need);
  const magpie_status status = make_session(m, path, err);
  mgp_ort_memory_leave(&peak, &held);
  mgp_heap_trim();
  MGP_FORWARD(status);
  const uint64_t rest = uncounted_bytes(heap, held, need);
  if (!mgp_alloc_reserve(m->alloc, rest))
    return mgp_alloc_fail(m->alloc, rest, err, "the pack %s (%s)", m->pack, m->file);
  m->reserved = rest;
  return MAGPIE_OK;
}

static magpie_status make_session(mgp_model *m, const char *path, magpie_error *err) {
  const mgp_ort *ort = &m->runtime->ort;
  OrtSessionOptions *options = NULL;
  OrtStatus *bad = ort->CreateSessionOptions(&options);
  if (!bad) bad = ort->SetIntraOpNumThreads(options, 1);
  if (!bad) bad = ort->SetInterOpNumThreads(options, 1);
  if (!bad) bad = ort->SetSessionGraphOptimizationLevel(options, MGP_ORT_OPTIMISE_ALL);
  if (!bad) bad = ort->DisableMemPattern(options);
  if (!bad) bad = ort->AddSessionConfigEntry(options, "session.use_env_allocators", "1");
  if (!bad) bad = ort->CreateSession(m->runtime->env, path, options, &m->session);
  if (options) ort->ReleaseSessionOptions(options);
  return mgp_runtime_check(m->runtime, bad, err,
                           "pack %s: %s is not a usable ONNX model (`magpie models verify %s` "
                           "checks the file)",
                           m->pack, m->file, m->pack);
}

magpie_status mgp_model_open(mgp_alloc *a, const mgp_runtime *runtime, const char *pack,
                             const char *path, mgp_model **out, magpie_error *err) {
  mgp_model *m = mgp_calloc(a, 1, sizeof *m);
  MGP_RETURN_IF(!m, err, MAGPIE_NO_MEMORY, "no memory to open %s", path);
  m->alloc = a;
  m->runtime = runtime;
  m->pack = mgp_strdup(a, pack);
  m->file = mgp_strdup(a, mgp_path_name(path));
  magpie_status status = MAGPIE_OK;
  m->run_cost = mgp_calloc(a, 1, sizeof *m->run_cost);
  if (!m->pack || !m->file || !m->run_cost)
    MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", path));
  MGP_TRY(create_session(m, path, err));
  MGP_TRY(read_ports(m, true, &m->inputs, err));
  MGP_TRY(read_ports(m, false, &m->outputs, err));
  *out = m;
  m = NULL;
done:
  mgp_model_close(m);
  return status;
}

void mgp_model_close(mgp_model *m) {
  if (!m) return;
  if (m->session) m->runtime->ort.ReleaseSession(m->session);
  for (size_t i = 0; i < m->inputs.count; i++) mgp_free(m->alloc, m->inputs.ports[i].name);
  for (size_t i = 0; i < m->outputs.count; i++) mgp_free(m->alloc, m->outputs.ports[i].name);
  mgp_alloc_release(m->alloc, m->reserved);
  mgp_free(m->alloc, m->run_cost);
  mgp_free(m->alloc, m->pack);
  mgp_free(m->alloc, m->file);
  mgp_free(m->alloc, m);
}

/* ---- checks ------------------------------------------------------------------------------ */

static const port *find_port(const port_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++)
    if (mgp_text_equal(list->ports[i].name, name)) return &list->ports[i];
  return NULL;
}

/* "input_ids, attention_mask" into `out`. */
static void list_names(const port_list *list, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < list->count && used < size; i++) {
    const int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", list->ports[i].name);
    if (n > 0) used += (size_t)n;
  }
}

static magpie_status fail_missing(const mgp_model *m, const char *what, const port_list *list,
                                  const char *name, magpie_error *err) {
  char names[256];
  list_names(list, names, sizeof names);
  return mgp_fail(err, MAGPIE_MODEL,
                  "pack %s: pack.json names the %s \"%s\", but %s has the %ss %s", m->pack, what,
                  name, m->file, what, names);
}

magpie_status mgp_model_input(const mgp_model *m, const char *name, unsigned *type,
                              magpie_error *err) {
  const port *p = find_port(&m->inputs, name);
  if (!p) return fail_missing(m, "input", &m->inputs, name, err);
  MGP_RETURN_IF(p->type != MGP_ORT_INT64 && p->type != MGP_ORT_INT32 && p->type != MGP_ORT_FLOAT,
                err, MAGPIE_MODEL,
                "pack %s: the input \"%s\" of %s has element type %u; float (1), int32 (6) and "
                "int64 (7) are supported: use an export with float inputs",
                m->pack, name, m->file, p->type);
  *type = p->type;
  return MAGPIE_OK;
}

magpie_status mgp_model_inputs_check(const mgp_model *m, const char *const *names, size_t count,
                                     magpie_error *err) {
  for (size_t i = 0; i < m->inputs.count; i++) {
    bool is_named = false;
    for (size_t j = 0; j < count; j++)
      is_named = is_named || mgp_text_equal(names[j], m->inputs.ports[i].name);
    MGP_RETURN_IF(!is_named, err, MAGPIE_MODEL,
                  "pack %s: %s needs the input \"%s\", which pack.json does not name", m->pack,
                  m->file, m->inputs.ports[i].name);
  }
  return MAGPIE_OK;
}

magpie_status mgp_model_output_check(const mgp_model *m, const char *name, size_t dim,
                                     magpie_error *err) {
  const port *p = find_port(&m->outputs, name);
  if (!p) return fail_missing(m, "output", &m->outputs, name, err);
  MGP_RETURN_IF(p->type != MGP_ORT_FLOAT, err, MAGPIE_MODEL,
                "pack %s: the output \"%s\" of %s has element type %u, expected float (1)", m->pack,
                name, m->file, p->type);
  const int64_t last = p->rank > 0 ? p->shape[p->rank - 1] : 0;
  MGP_RETURN_IF(last >= 0 && (uint64_t)last != dim, err, MAGPIE_MODEL,
                "pack %s: pack.json expects %zu values in the output \"%s\", but %s gives %lld",
                m->pack, dim, name, m->file, (long long)last);
  return MAGPIE_OK;
}

/* ---- run --------------------------------------------------------------------------------- */

static size_t element_size(unsigned type) {
  return type == MGP_ORT_INT64 ? 8 : 4;
}

static size_t tensor_bytes(const mgp_tensor *t) {
  size_t count = 1;
  for (size_t i = 0; i < t->rank; i++) count *= (size_t)t->shape[i];
  return count * element_size(t->type);
}

static OrtStatus *wrap_input(const mgp_model *m, const mgp_tensor *t, OrtValue **out) {
  return m->runtime->ort.CreateTensorWithDataAsOrtValue(
      m->runtime->memory, t->data, tensor_bytes(t), t->shape, t->rank, t->type, out);
}

static OrtStatus *read_output(const mgp_model *m, mgp_model_output *o, unsigned *type) {
  const mgp_ort *ort = &m->runtime->ort;
  OrtTensorTypeAndShapeInfo *info = NULL;
  OrtStatus *bad = ort->GetTensorTypeAndShape(o->value, &info);
  if (!bad) bad = ort->GetTensorElementType(info, type);
  if (!bad) bad = ort->GetDimensionsCount(info, &o->rank);
  if (o->rank > MGP_MODEL_RANK) o->rank = MGP_MODEL_RANK;
  if (!bad) bad = ort->GetDimensions(info, o->shape, o->rank);
  void *data = NULL;
  if (!bad) bad = ort->GetTensorMutableData(o->value, &data);
  if (info) ort->ReleaseTensorTypeAndShapeInfo(info);
  o->data = data;
  o->count = 1;
  for (size_t i = 0; i < o->rank; i++) o->count *= o->shape[i] > 0 ? (size_t)o->shape[i] : 0;
  return bad;
}

typedef struct run_call {
  const char *const *names, *const *output_names;
  OrtValue **values, **results;
  size_t input_count, output_count;
  uint64_t input_bytes;
} run_call;

/* In 1/16 bytes for a byte of input: the dearest run so far. */
static void learn_cost(const mgp_model *m, uint64_t input_bytes, uint64_t peak) {
  const uint64_t cost = peak * 16 / (input_bytes ? input_bytes : 1) + 1;
  uint_fast64_t known = atomic_load(m->run_cost);
  while (cost > known && !atomic_compare_exchange_weak(m->run_cost, &known, cost)) {
  }
}

static uint64_t run_need(const mgp_model *m, uint64_t input_bytes) {
  const uint64_t cost = atomic_load(m->run_cost);
  return cost ? input_bytes * cost / 16 + RUN_BYTES / 8 : RUN_BYTES;
}

/* *is_over: there was no room, and nothing ran. */
static OrtStatus *run_once(const mgp_model *m, const run_call *c, bool *is_over) {
  const uint64_t need = run_need(m, c->input_bytes);
  uint64_t peak = 0, held = 0;
  *is_over = !mgp_alloc_reserve(m->alloc, need);
  if (*is_over) return NULL;
  mgp_ort_memory_enter(m->alloc, need);
  OrtStatus *bad =
      m->runtime->ort.Run(m->session, NULL, c->names, (const OrtValue *const *)c->values,
                          c->input_count, c->output_names, c->output_count, c->results);
  mgp_ort_memory_leave(&peak, &held);
  learn_cost(m, c->input_bytes, peak);
  mgp_heap_settle(m->alloc);
  return bad;
}

static OrtStatus *run_session(const mgp_model *m, const run_call *c, bool *is_over) {
  pthread_rwlock_rdlock(&run_gate);
  OrtStatus *bad = run_once(m, c, is_over);
  pthread_rwlock_unlock(&run_gate);
  if (!*is_over) return bad;
  pthread_rwlock_wrlock(&run_gate);
  bad = run_once(m, c, is_over);
  pthread_rwlock_unlock(&run_gate);
  return bad;
}

magpie_status mgp_model_run(const mgp_model *m, const mgp_tensor *inputs, size_t input_count,
                            const char *const *output_names, size_t output_count,
                            mgp_model_output *outs, magpie_error *err) {
  MGP_RETURN_IF(input_count > MGP_MODEL_PORTS || output_count > MGP_MODEL_PORTS, err,
                MAGPIE_INTERNAL, "%zu inputs and %zu outputs", input_count, output_count);
  const mgp_ort *ort = &m->runtime->ort;
  const char *names[MGP_MODEL_PORTS];
  OrtValue *values[MGP_MODEL_PORTS] = {0}, *results[MGP_MODEL_PORTS] = {0};
  memset(outs, 0, output_count * sizeof *outs);
  OrtStatus *bad = NULL;
  for (size_t i = 0; i < input_count && !bad; i++) {
    names[i] = inputs[i].name;
    bad = wrap_input(m, &inputs[i], &values[i]);
  }
  run_call call = {.names = names,
                   .output_names = output_names,
                   .values = values,
                   .results = results,
                   .input_count = input_count,
                   .output_count = output_count};
  for (size_t i = 0; i < input_count; i++) call.input_bytes += tensor_bytes(&inputs[i]);
  bool is_over = false;
  if (!bad) bad = run_session(m, &call, &is_over);
  unsigned wrong_type = 0;
  for (size_t i = 0; i < output_count; i++) {
    unsigned type = MGP_ORT_FLOAT;
    outs[i].value = results[i];
    if (!bad && !is_over) bad = read_output(m, &outs[i], &type);
    if (type != MGP_ORT_FLOAT) wrong_type = type;
  }
  for (size_t i = 0; i < input_count; i++)
    if (values[i]) ort->ReleaseValue(values[i]);
  magpie_status status =
      mgp_runtime_check(m->runtime, bad, err, "pack %s: running %s failed", m->pack, m->file);
  if (is_over)
    status = mgp_alloc_fail(m->alloc, run_need(m, call.input_bytes), err,
                            "running the pack %s (%s)", m->pack, m->file);
  if (status == MAGPIE_OK && wrong_type)
    status = mgp_fail(err, MAGPIE_MODEL, "pack %s: %s gave element type %u, expected float (1)",
                      m->pack, m->file, wrong_type);
  if (status != MAGPIE_OK) mgp_model_release(m, outs, output_count);
  return status;
}

void mgp_model_release(const mgp_model *m, mgp_model_output *outs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (outs[i].value) m->runtime->ort.ReleaseValue(outs[i].value);
    outs[i] = (mgp_model_output){0};
  }
}
