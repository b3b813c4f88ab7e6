/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON through jansson, with our errors. Jansson bounds the nesting depth itself (2,048).
 *
 * Jansson's lexer leaves a byte of a string out when memory for it is refused (lex_save looks at no
 * result) and goes on, so a refusal is noted here and the text counts as not read.
 */
#include <pthread.h>

#include "base/base.h"

static json_malloc_t json_take;
static _Thread_local bool was_refused;

static void *take(size_t size) {
  void *block = json_take(size);
  if (!block) was_refused = true;
  return block;
}

/* Around what the application may have set. */
static void watch_memory(void) {
  json_free_t give = NULL;
  json_get_alloc_funcs(&json_take, &give);
  json_set_alloc_funcs(take, give);
}

magpie_status mgp_json_parse(const char *name, const char *text, size_t size, json_t **out,
                             magpie_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_memory);
  json_error_t why;
  was_refused = false;
  *out = json_loadb(text, size, 0, &why);
  if (*out && !was_refused) return MAGPIE_OK;
  json_decref(*out);
  *out = NULL;
  if (was_refused || json_error_code(&why) == json_error_out_of_memory)
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the %zu bytes of %s", size, name);
  mgp_fail(err, MAGPIE_FORMAT, "not valid JSON at line %d, column %d: %s", why.line, why.column,
           why.text);
  mgp_fail_place(err, "%s:%d", name, why.line);
  return MAGPIE_FORMAT;
}

/* A value is 32 bytes of malloc and a place in an array that doubles; a member of an object has a
 * pair with its key besides. Strings stand in the lexer's buffer and in their value. */
uint64_t mgp_json_need(const char *text, size_t size) {
  uint64_t values = 1, members = 0, containers = 0;
  for (size_t i = 0; i < size; i++) {
    values += text[i] == ',';
    members += text[i] == ':';
    containers += text[i] == '[' || text[i] == '{';
  }
  return 3 * (uint64_t)size + values * 64 + members * 160 + containers * 256;
}

magpie_status mgp_json_read(const char *path, uint64_t max_size, json_t **out, magpie_error *err) {
  *out = NULL;
  char *text = NULL;
  size_t size = 0;
  MGP_FORWARD(mgp_file_read(NULL, path, max_size, &text, &size, err));
  magpie_error why = {0};
  const magpie_status status = mgp_json_parse(path, text, size, out, &why);
  mgp_free(NULL, text);
  if (status != MAGPIE_OK) {
    mgp_fail(err, status, "%s: %s", path, why.message);
    mgp_fail_place(err, "%s", why.place);
  }
  return status;
}

static int append(const char *text, size_t size, void *context) {
  mgp_buffer *b = context;
  mgp_buffer_add(b, text, size);
  return b->failed ? -1 : 0;
}

/* 15 digits give back every decimal of so many; more would turn 0.1 into 0.10000000000000001. */
magpie_status mgp_json_write(const json_t *value, char **out, magpie_error *err) {
  *out = NULL;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  const int failed = json_dump_callback(value, append, &b,
                                        JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  const bool no_memory = b.failed;
  char *text = mgp_buffer_take(&b);
  if (failed || !text) {
    mgp_free(NULL, text);
    return no_memory || value ? mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to write JSON")
                              : mgp_fail(err, MAGPIE_INVALID, "there is no value to write as JSON");
  }
  *out = text;
  return MAGPIE_OK;
}

const char *mgp_json_text(const json_t *object, const char *name, const char *fallback) {
  const json_t *value = json_object_get(object, name);
  return json_is_string(value) ? json_string_value(value) : fallback;
}

double mgp_json_number(const json_t *object, const char *name, double fallback) {
  const json_t *value = json_object_get(object, name);
  return json_is_number(value) ? json_number_value(value) : fallback;
}

int64_t mgp_json_integer(const json_t *object, const char *name, int64_t fallback) {
  const json_t *value = json_object_get(object, name);
  return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool mgp_json_bool(const json_t *object, const char *name, bool fallback) {
  const json_t *value = json_object_get(object, name);
  return json_is_boolean(value) ? json_is_true(value) : fallback;
}
