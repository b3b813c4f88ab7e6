/* SPDX-License-Identifier: Apache-2.0
 *
 * Many texts to vectors: sorted by length, so that little is padded, cut into batches of
 * encode.h's size, spread over the pool.
 */
#include <stdlib.h>

#include "engine/ingest_batch.h"

bool mgp_engine_is_media(const mgp_item *item) {
  return item->locator.has_span || mgp_text_equal(item->kind, "image") ||
         mgp_text_equal(item->kind, "sound") || (item->thumb_size > 0 && item->locator.page == 0);
}

/* As ingest_item.c: a longer title goes before the text. */
char *mgp_engine_prose(mgp_alloc *a, const mgp_item *item, const char *text) {
  mgp_buffer b;
  mgp_buffer_init(&b, a);
  if (mgp_ingest_title_counts(item->title)) mgp_buffer_printf(&b, "%s ", item->title);
  if (item->context) mgp_buffer_printf(&b, "%s ", item->context);
  mgp_buffer_add_text(&b, text);
  return mgp_buffer_take(&b);
}

typedef struct text_batch {
  size_t first, count; /* of the sorted texts */
} text_batch;

typedef struct text_job {
  magpie *ix;
  mgp_encoder *encoder;
  mgp_prose *texts;
  size_t count;
  text_batch *batches;
  pthread_mutex_t mutex;
  magpie_status status; /* guarded by mutex */
  magpie_error error;
} text_job;

static void job_fail(text_job *job, magpie_status status, const magpie_error *err) {
  pthread_mutex_lock(&job->mutex);
  if (job->status == MAGPIE_OK) {
    job->status = status;
    job->error = *err;
  }
  pthread_mutex_unlock(&job->mutex);
}

static void count_tokens(void *context, size_t index) {
  text_job *job = context;
  magpie_error err = {0};
  mgp_prose *text = &job->texts[index];
  const magpie_status status =
      mgp_encoder_token_count(job->encoder, text->text, &text->tokens, &err);
  if (status != MAGPIE_OK) job_fail(job, status, &err);
}

static int longer_first(const void *a, const void *b) {
  const mgp_prose *x = a, *y = b;
  if (x->tokens != y->tokens) return x->tokens < y->tokens ? 1 : -1;
  return x->number < y->number ? -1 : x->number > y->number;
}

static magpie_status encode_batch(text_job *job, const text_batch *batch, magpie_error *err) {
  mgp_alloc *a = job->ix->alloc;
  const size_t dim = mgp_encoder_space(job->encoder, 0)->dim;
  const char *texts[MGP_BATCH_TEXTS];
  for (size_t i = 0; i < batch->count; i++) texts[i] = job->texts[batch->first + i].text;
  float *out = mgp_malloc(a, batch->count * dim * sizeof(float));
  MGP_RETURN_IF(!out, err, MAGPIE_NO_MEMORY, "no memory for a batch of vectors");
  magpie_status status = mgp_encoder_documents(job->encoder, texts, batch->count, out, err);
  for (size_t i = 0; status == MAGPIE_OK && i < batch->count; i++) {
    float *vector = mgp_malloc(a, dim * sizeof(float));
    if (!vector) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a vector");
    else memcpy(vector, out + i * dim, dim * sizeof(float));
    mgp_free(a, job->texts[batch->first + i].vector); /* of a try that found no room for the next */
    job->texts[batch->first + i].vector = vector;
  }
  mgp_free(a, out);
  return status;
}

/* A batch that finds no room is encoded in halves: longest text first, the rest is smaller. */
static magpie_status encode_some(text_job *job, text_batch batch, magpie_error *err) {
  text_batch todo[MGP_BATCH_TEXTS + 1] = {batch}; /* each halving adds one */
  size_t left = 1;
  while (left > 0) {
    text_batch *next = &todo[left - 1];
    const magpie_status status = encode_batch(job, next, err);
    if (status != MAGPIE_OK && (status != MAGPIE_NO_MEMORY || next->count < 2)) return status;
    if (status == MAGPIE_OK) {
      left--;
    } else {
      const size_t half = next->count / 2;
      todo[left++] = (text_batch){.first = next->first, .count = half};
      *next = (text_batch){.first = next->first + half, .count = next->count - half};
    }
  }
  return MAGPIE_OK;
}

static void run_batch(void *context, size_t index) {
  text_job *job = context;
  magpie_error err = {0};
  const magpie_status status = encode_some(job, job->batches[index], &err);
  if (status != MAGPIE_OK) job_fail(job, status, &err);
}

/* Cuts the sorted texts: at most MGP_BATCH_TEXTS texts and MGP_BATCH_TOKENS padded tokens each. */
static size_t cut_batches(const text_job *job, text_batch *batches) {
  size_t count = 0;
  for (size_t i = 0; i < job->count;) {
    const size_t longest = job->texts[i].tokens ? job->texts[i].tokens : 1;
    size_t n = MGP_BATCH_TOKENS / longest;
    if (n < 1) n = 1;
    if (n > MGP_BATCH_TEXTS) n = MGP_BATCH_TEXTS;
    if (n > job->count - i) n = job->count - i;
    batches[count++] = (text_batch){.first = i, .count = n};
    i += n;
  }
  return count;
}

magpie_status mgp_engine_encode_texts(magpie *ix, mgp_encoder *encoder, mgp_prose *texts,
                                      size_t count, magpie_error *err) {
  if (count == 0) return MAGPIE_OK;
  text_job job = {.ix = ix, .encoder = encoder, .texts = texts, .count = count};
  job.batches = mgp_calloc(ix->alloc, count, sizeof *job.batches);
  MGP_RETURN_IF(!job.batches, err, MAGPIE_NO_MEMORY, "no memory to encode %zu texts", count);
  pthread_mutex_init(&job.mutex, NULL);
  mgp_pool_run(ix->pool, count, count_tokens, &job);
  if (job.status == MAGPIE_OK) {
    qsort(texts, count, sizeof *texts, longer_first);
    mgp_pool_run(ix->pool, cut_batches(&job, job.batches), run_batch, &job);
  }
  pthread_mutex_destroy(&job.mutex);
  mgp_free(ix->alloc, job.batches);
  if (job.status != MAGPIE_OK && err) *err = job.error;
  return job.status;
}
