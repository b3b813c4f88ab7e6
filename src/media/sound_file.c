/* SPDX-License-Identifier: Apache-2.0
 *
 * sound_file: every sound that FFmpeg decodes, as 16 kHz mono in spans of 5 s every 4 s.
 *
 * The file is streamed: packet -> frame -> resampled block -> a window of at most 6 s. FFmpeg reads
 * through our descriptor only and may use the listed demuxers only, so that no playlist or
 * reference in a hostile file can make it open another file or a URL. Channels are averaged by our
 * own matrix: FFmpeg's default for float sums them at -3 dB, which makes a stereo file louder than
 * its mono twin.
 */
#include "media/media_job.h"
#include "media/sound_tags.h"

#if MGP_WITH_FFMPEG

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>

enum {
  IO_SIZE = 32768,
  MAX_CHANNELS = 32,
  PREROLL_SECONDS = 2, /* decoded before a span that was seeked to, until the decoder has settled */
  MAX_BAD_PACKETS = 10000,
  OGG_TAIL = 65536 + 4096, /* an Ogg page is at most 65,307 bytes */
};
#define LEAST_DECODED 0.9

static const char demuxers[] = "wav,w64,ogg,flac,mp3,aac,aiff,au,caf,amr,wv,ape,tta,ac3,eac3,asf,"
                               "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2";

typedef struct reader {
  const mgp_media_job *job;
  uint64_t offset; /* of the next read */
  AVFormatContext *format;
  AVIOContext *io;
  AVCodecContext *codec;
  SwrContext *swr;
  AVPacket *packet;
  AVFrame *frame;
  int stream;
  int rate, channels, sample_format; /* what swr is set up for */
  bool is_drained;                   /* the decoder has got its last packet */
  int bad_packets;
  int64_t decoded;   /* samples handed out, at 16 kHz */
  double first_time; /* of the first frame after opening or seeking; NAN before it */
  float *block;
  size_t capacity;
} reader;

static void drop_log(void *context, int level, const char *format, va_list arguments) {
  (void)context, (void)level, (void)format, (void)arguments;
}

void mgp_sound_start(void) {
  av_log_set_level(AV_LOG_QUIET);
  av_log_set_callback(drop_log);
}

const char *mgp_sound_library(void) {
  static char text[48];
  if (text[0] == '\0') snprintf(text, sizeof text, "FFmpeg %s", av_version_info());
  return text;
}

/* ---- reading through our descriptor -----------------------------------------------------------
 */

static int on_read(void *context, uint8_t *out, int size) {
  reader *r = context;
  size_t got = 0;
  if (mgp_job_check(r->job, NULL) != MAGPIE_OK) return AVERROR_EXIT;
  if (mgp_job_read(r->job, r->offset, out, (size_t)size, &got, NULL) != MAGPIE_OK)
    return AVERROR(EIO);
  r->offset += got;
  return got == 0 ? AVERROR_EOF : (int)got;
}

static int64_t on_seek(void *context, int64_t offset, int whence) {
  reader *r = context;
  const int64_t size = (int64_t)r->job->size;
  if (whence & AVSEEK_SIZE) return size;
  int64_t to = offset;
  if ((whence & 3) == SEEK_CUR) to += (int64_t)r->offset;
  if ((whence & 3) == SEEK_END) to += size;
  if (to < 0 || to > size) return AVERROR(EINVAL);
  r->offset = (uint64_t)to;
  return to;
}

static int on_interrupt(void *context) {
  const reader *r = context;
  return mgp_job_check(r->job, NULL) != MAGPIE_OK;
}

static void reader_fini(reader *r) {
  av_packet_free(&r->packet);
  av_frame_free(&r->frame);
  avcodec_free_context(&r->codec);
  swr_free(&r->swr);
  avformat_close_input(&r->format);
  if (r->io) av_freep(&r->io->buffer);
  avio_context_free(&r->io);
  mgp_free(r->job->alloc, r->block);
  r->block = NULL;
}

static magpie_status no_memory(const reader *r, magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to decode %s", r->job->name);
}

static magpie_status damaged(const reader *r, const char *what, magpie_error *err) {
  MGP_FORWARD(mgp_job_check(r->job, err));
  return mgp_fail(err, MAGPIE_FORMAT, "%s: %s", r->job->name, what);
}

static magpie_status open_container(reader *r, magpie_error *err) {
  r->format = avformat_alloc_context();
  unsigned char *buffer = av_malloc(IO_SIZE);
  if (buffer) r->io = avio_alloc_context(buffer, IO_SIZE, 0, r, on_read, NULL, on_seek);
  if (!r->io) av_free(buffer);
  if (!r->format || !r->io) return no_memory(r, err);
  r->format->pb = r->io;
  r->format->interrupt_callback = (AVIOInterruptCB){.callback = on_interrupt, .opaque = r};
  AVDictionary *options = NULL;
  av_dict_set(&options, "format_whitelist", demuxers, 0);
  av_dict_set(&options, "protocol_whitelist", "none", 0);
  const int failed = avformat_open_input(&r->format, NULL, NULL, &options);
  av_dict_free(&options);
  if (failed < 0) return damaged(r, "the sound's header is damaged or ends early", err);
  if (avformat_find_stream_info(r->format, NULL) < 0)
    return damaged(r, "the sound's streams are damaged or end early", err);
  return MAGPIE_OK;
}

/* Video is for later; a cover picture is no video. */
static bool has_video(const AVFormatContext *format) {
  for (unsigned i = 0; i < format->nb_streams; i++) {
    const AVStream *s = format->streams[i];
    if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
        !(s->disposition & AV_DISPOSITION_ATTACHED_PIC))
      return true;
  }
  return false;
}

static magpie_status open_codec(reader *r, magpie_error *err) {
  const AVCodec *codec = NULL;
  MGP_RETURN_IF(has_video(r->format), err, MAGPIE_UNSUPPORTED, "%s: video is not read yet",
                r->job->name);
  r->stream = av_find_best_stream(r->format, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
  MGP_RETURN_IF(r->stream == AVERROR_STREAM_NOT_FOUND, err, MAGPIE_FORMAT, "%s has no sound in it",
                r->job->name);
  const AVCodecParameters *p = r->stream >= 0 ? r->format->streams[r->stream]->codecpar : NULL;
  MGP_RETURN_IF(!p || !codec, err, MAGPIE_UNSUPPORTED,
                "%s: its sound is coded in a way that this FFmpeg does not decode", r->job->name);
  for (unsigned i = 0; i < r->format->nb_streams; i++)
    if ((int)i != r->stream) r->format->streams[i]->discard = AVDISCARD_ALL;
  r->codec = avcodec_alloc_context3(codec);
  if (!r->codec) return no_memory(r, err);
  if (avcodec_parameters_to_context(r->codec, p) < 0) return no_memory(r, err);
  r->codec->thread_count = 1; /* files are decoded side by side */
  r->codec->pkt_timebase = r->format->streams[r->stream]->time_base;
  if (avcodec_open2(r->codec, codec, NULL) < 0)
    return damaged(r, "the sound's codec settings are damaged", err);
  return MAGPIE_OK;
}

static magpie_status reader_init(reader *r, mgp_media_job *job, magpie_error *err) {
  *r = (reader){.job = job, .stream = -1, .first_time = NAN};
  MGP_FORWARD(mgp_job_reserve(job, mgp_sound_need(job), err));
  r->packet = av_packet_alloc();
  r->frame = av_frame_alloc();
  if (!r->packet || !r->frame) return no_memory(r, err);
  MGP_FORWARD(open_container(r, err));
  return open_codec(r, err);
}

/* Seconds that the container promises; 0 when it does not say or only guesses. */
static double promised_seconds(const reader *r) {
  const AVStream *s = r->format->streams[r->stream];
  if (r->format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return 0;
  if (s->duration != AV_NOPTS_VALUE && s->duration > 0)
    return (double)s->duration * av_q2d(s->time_base);
  if (r->format->duration != AV_NOPTS_VALUE && r->format->duration > 0)
    return (double)r->format->duration / AV_TIME_BASE;
  return 0;
}

/* ---- frames to 16 kHz mono --------------------------------------------------------------------
 */

static magpie_status configure(reader *r, const AVFrame *f, magpie_error *err) {
  const int channels = f->ch_layout.nb_channels;
  if (r->swr && r->rate == f->sample_rate && r->channels == channels &&
      r->sample_format == f->format)
    return MAGPIE_OK;
  MGP_RETURN_IF(channels < 1 || channels > MAX_CHANNELS || f->sample_rate < 1, err,
                MAGPIE_UNSUPPORTED, "%s has %d channels at %d Hz; 1 to %d channels are read",
                r->job->name, channels, f->sample_rate, MAX_CHANNELS);
  double matrix[MAX_CHANNELS];
  for (int i = 0; i < channels; i++) matrix[i] = 1.0 / channels;
  AVChannelLayout in = {.order = AV_CHANNEL_ORDER_UNSPEC, .nb_channels = channels};
  AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
  av_channel_layout_default(&in, channels);
  swr_free(&r->swr);
  if (swr_alloc_set_opts2(&r->swr, &mono, AV_SAMPLE_FMT_FLT, MGP_SOUND_RATE, &in,
                          (enum AVSampleFormat)f->format, f->sample_rate, 0, NULL) < 0)
    return no_memory(r, err);
  if (swr_set_matrix(r->swr, matrix, channels) < 0 || swr_init(r->swr) < 0)
    return damaged(r, "the sound's layout cannot be brought to one channel at 16 kHz", err);
  r->rate = f->sample_rate;
  r->channels = channels;
  r->sample_format = f->format;
  return MAGPIE_OK;
}

/* NaN and overshoot of lossy decoders must not reach the encoder. */
static void tidy(float *pcm, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float v = pcm[i] > 1.0F ? 1.0F : pcm[i];
    pcm[i] = v >= -1.0F ? v : v < -1.0F ? -1.0F : 0.0F;
  }
}

/* `data` NULL takes what the resampler still holds. */
static magpie_status resample(reader *r, const uint8_t **data, int samples, size_t *count,
                              magpie_error *err) {
  const int room = swr_get_out_samples(r->swr, samples);
  if (room < 0 || !MGP_GROW(r->job->alloc, r->block, r->capacity, (size_t)room + 1))
    return no_memory(r, err);
  uint8_t *out[1] = {(uint8_t *)r->block};
  const int got = swr_convert(r->swr, out, room, data, samples);
  if (got < 0) return damaged(r, "the sound cannot be resampled", err);
  tidy(r->block, (size_t)got);
  *count = (size_t)got;
  r->decoded += got;
  return MAGPIE_OK;
}

static void note_time(reader *r) {
  const AVStream *s = r->format->streams[r->stream];
  if (!isnan(r->first_time)) return;
  const int64_t pts = r->frame->best_effort_timestamp;
  const int64_t start = s->start_time == AV_NOPTS_VALUE ? 0 : s->start_time;
  r->first_time = pts == AV_NOPTS_VALUE ? 0 : (double)(pts - start) * av_q2d(s->time_base);
}

/* Feeds the decoder one packet of our stream, or the end. */
static magpie_status feed(reader *r, magpie_error *err) {
  for (;;) {
    MGP_FORWARD(mgp_job_check(r->job, err));
    const int got = av_read_frame(r->format, r->packet);
    if (got < 0) {
      r->is_drained = true;
      (void)avcodec_send_packet(r->codec, NULL);
      return MAGPIE_OK;
    }
    const bool is_ours = r->packet->stream_index == r->stream;
    if (is_ours && avcodec_send_packet(r->codec, r->packet) < 0) r->bad_packets++;
    av_packet_unref(r->packet);
    MGP_RETURN_IF(r->bad_packets > MAX_BAD_PACKETS, err, MAGPIE_FORMAT,
                  "%s: more than %d blocks of the sound are damaged", r->job->name,
                  MAX_BAD_PACKETS);
    if (is_ours) return MAGPIE_OK;
  }
}

/* The next block of sound in r->block; *count 0 at the end. */
static magpie_status pull(reader *r, size_t *count, magpie_error *err) {
  *count = 0;
  while (*count == 0) {
    const int got = avcodec_receive_frame(r->codec, r->frame);
    if (got == AVERROR_EOF || (got < 0 && r->is_drained)) {
      if (!r->swr) return MAGPIE_OK;
      return resample(r, NULL, 0, count, err);
    }
    if (got < 0) {
      if (got != AVERROR(EAGAIN)) r->bad_packets++;
      MGP_FORWARD(feed(r, err));
      continue;
    }
    note_time(r);
    magpie_status status = configure(r, r->frame, err);
    if (status == MAGPIE_OK)
      status = resample(r, (const uint8_t **)(uintptr_t)r->frame->extended_data,
                        r->frame->nb_samples, count, err);
    av_frame_unref(r->frame);
    MGP_FORWARD(status);
  }
  return MAGPIE_OK;
}

/* ---- did the file end where it should? --------------------------------------------------------
 */

/* An Ogg stream closes with a page that says so (RFC 3533, header type 4); FFmpeg takes the length
 * from whatever page is last, so a cut file looks whole to it. */
static bool ogg_ends_early(const mgp_media_job *job) {
  unsigned char *tail = mgp_malloc(job->alloc, OGG_TAIL);
  if (!tail) return false;
  const uint64_t from = job->size > OGG_TAIL ? job->size - OGG_TAIL : 0;
  size_t size = 0;
  bool is_cut = true;
  if (mgp_job_read(job, from, tail, OGG_TAIL, &size, NULL) != MAGPIE_OK) size = 0;
  for (size_t i = size; i-- > 0;) {
    if (size - i < 27 || memcmp(tail + i, "OggS", 4) != 0) continue;
    const size_t segments = tail[i + 26];
    size_t page = 27 + segments;
    for (size_t k = 0; k < segments && i + 27 + k < size; k++) page += tail[i + 27 + k];
    is_cut = !(tail[i + 5] & 4) || page > size - i;
    break;
  }
  mgp_free(job->alloc, tail);
  return is_cut;
}

/* FFmpeg shortens a WAV's length to what the file holds; the RIFF header still has the first
 * promise. Recorders that write to a pipe leave 0 or the largest number there. */
static bool wav_ends_early(const mgp_media_job *job) {
  enum { RIFF_HEADER = 8, UNKNOWN_SIZE = 0x7FFFFF00 };
  if (job->head_size < RIFF_HEADER || memcmp(job->head, "RIFF", 4) != 0) return false;
  uint32_t size = 0;
  for (int i = 7; i >= 4; i--) size = size << 8 | job->head[i];
  return size < UNKNOWN_SIZE && (double)job->size < LEAST_DECODED * ((double)size + RIFF_HEADER);
}

static magpie_status check_end(const reader *r, magpie_error *err) {
  const double seconds = (double)r->decoded / MGP_SOUND_RATE, promised = promised_seconds(r);
  MGP_FORWARD(mgp_job_check(r->job, err));
  MGP_RETURN_IF(r->decoded == 0, err, MAGPIE_FORMAT,
                "%s: no sound could be decoded (expected %.1f s)", r->job->name, promised);
  MGP_RETURN_IF(seconds < LEAST_DECODED * promised, err, MAGPIE_FORMAT,
                "%s ends early: %.1f s of %.1f s could be decoded", r->job->name, seconds,
                promised);
  MGP_RETURN_IF(wav_ends_early(r->job), err, MAGPIE_FORMAT,
                "%s ends early: %.1f s could be decoded, and its header promises more",
                r->job->name, seconds);
  MGP_RETURN_IF(strcmp(r->job->format, "ogg") == 0 && ogg_ends_early(r->job), err, MAGPIE_FORMAT,
                "%s ends early: %.1f s could be decoded and the last Ogg page is missing",
                r->job->name, seconds);
  return MAGPIE_OK;
}

/* ---- spans --------------------------------------------------------------------------------------
 */

/* A window over the sound: emits 5 s and moves on by 4 s while more than 6 s are held, so that what
 * is left at the end is one span of 2 to 6 s (or the whole of a short sound). */
typedef struct spans {
  mgp_media_job *job;
  const char *title, *text;
  float *window;
  size_t count;
  int64_t start; /* sample of window[0] */
} spans;

#define SAMPLES(seconds) ((size_t)((seconds)*MGP_SOUND_RATE))
#define WINDOW_MAX SAMPLES(MGP_SPAN_SECONDS + 1)

static magpie_status emit_span(spans *s, size_t count, magpie_error *err) {
  const double start = (double)s->start / MGP_SOUND_RATE;
  const mgp_media_item item = {
      .kind = "sound",
      .title = s->title,
      .text = s->text,
      .locator = {.has_span = true, .span = {start, start + (double)count / MGP_SOUND_RATE}},
      .pcm = s->window,
      .pcm_count = count};
  return mgp_job_emit(s->job, &item, err);
}

static magpie_status add_block(spans *s, const float *pcm, size_t count, magpie_error *err) {
  while (count > 0) {
    const size_t room = WINDOW_MAX - s->count;
    if (room == 0) {
      const size_t step = SAMPLES(MGP_SPAN_STEP);
      MGP_FORWARD(emit_span(s, SAMPLES(MGP_SPAN_SECONDS), err));
      memmove(s->window, s->window + step, (s->count - step) * sizeof *s->window);
      s->count -= step;
      s->start += (int64_t)step;
      continue;
    }
    const size_t take = count < room ? count : room;
    memcpy(s->window + s->count, pcm, take * sizeof *pcm);
    s->count += take;
    pcm += take;
    count -= take;
  }
  return MAGPIE_OK;
}

static magpie_status cut_spans(reader *r, spans *s, magpie_error *err) {
  for (;;) {
    size_t count = 0;
    MGP_FORWARD(pull(r, &count, err));
    if (count == 0) break;
    MGP_FORWARD(add_block(s, r->block, count, err));
  }
  if (s->count > 0) MGP_FORWARD(emit_span(s, s->count, err));
  mgp_note_number(s->job, "duration_s", (double)r->decoded / MGP_SOUND_RATE);
  return check_end(r, err);
}

magpie_status mgp_sound_file_decode(mgp_media_job *job, magpie_error *err) {
  reader r = {0};
  spans s = {.job = job};
  char *text = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(reader_init(&r, job, err));
  text = mgp_sound_note_tags(job, r.format, r.stream);
  const double promised = promised_seconds(&r);
  if (promised > 0) mgp_note_number(job, "duration_s", promised);
  s.title = job->info->title[0] ? job->info->title : NULL;
  s.text = text;
  s.window = mgp_malloc(job->alloc, WINDOW_MAX * sizeof *s.window);
  if (!s.window) MGP_TRY(no_memory(&r, err));
  MGP_TRY(cut_spans(&r, &s, err));
done:
  mgp_free(job->alloc, s.window);
  mgp_free(job->alloc, text);
  reader_fini(&r);
  return status;
}

/* ---- one stretch, for queries and previews ------------------------------------------------------
 */

/* Goes near `start`, so that a span late in a long sound does not cost the whole of it. */
static void seek_before(reader *r, double start) {
  const AVStream *s = r->format->streams[r->stream];
  const int64_t base = s->start_time == AV_NOPTS_VALUE ? 0 : s->start_time;
  const double to = start - PREROLL_SECONDS;
  if (to < 10) return; /* decoding from the beginning is exact and takes no time */
  const int64_t target = base + (int64_t)(to / av_q2d(s->time_base));
  (void)av_seek_frame(r->format, r->stream, target, AVSEEK_FLAG_BACKWARD);
}

static magpie_status collect(reader *r, double start, double end, mgp_buffer *out,
                             magpie_error *err) {
  const int64_t last = (int64_t)fmin(end * MGP_SOUND_RATE, 9e15);
  const int64_t first = (int64_t)llround(start * MGP_SOUND_RATE);
  int64_t at = -1;
  for (;;) {
    size_t count = 0;
    MGP_FORWARD(pull(r, &count, err));
    if (count == 0) return MAGPIE_OK;
    if (at < 0) at = (int64_t)llround(fmax(0, r->first_time) * MGP_SOUND_RATE);
    const int64_t from = first > at ? first - at : 0;
    const int64_t to = last - at < (int64_t)count ? last - at : (int64_t)count;
    if (to > from) mgp_buffer_add(out, r->block + from, (size_t)(to - from) * sizeof *r->block);
    MGP_RETURN_IF(out->failed, err, MAGPIE_NO_MEMORY, "no memory for %g s of %s", end - start,
                  r->job->name);
    at += (int64_t)count;
    if (at >= last) return MAGPIE_OK;
  }
}

magpie_status mgp_sound_file_read(mgp_media_job *job, double start, double end, float **pcm,
                                  size_t *count, magpie_error *err) {
  reader r = {0};
  mgp_buffer out;
  mgp_buffer_init(&out, job->alloc);
  magpie_status status = MAGPIE_OK;
  MGP_TRY(reader_init(&r, job, err));
  seek_before(&r, start);
  MGP_TRY(collect(&r, start, end, &out, err));
  if (out.size == 0)
    MGP_TRY(
        mgp_fail(err, MAGPIE_FORMAT, "%s has no sound from %g s to %g s", job->name, start, end));
  *count = out.size / sizeof **pcm;
  *pcm = (float *)(void *)mgp_buffer_take(&out);
done:
  mgp_buffer_fini(&out);
  reader_fini(&r);
  return status;
}

#else

void mgp_sound_start(void) {}

const char *mgp_sound_library(void) {
  return "FFmpeg";
}

magpie_status mgp_sound_file_decode(mgp_media_job *job, magpie_error *err) {
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this magpie was built without FFmpeg", job->name);
}

magpie_status mgp_sound_file_read(mgp_media_job *job, double start, double end, float **pcm,
                                  size_t *count, magpie_error *err) {
  (void)start, (void)end, (void)pcm, (void)count;
  return mgp_sound_file_decode(job, err);
}

#endif
