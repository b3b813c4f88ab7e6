/* SPDX-License-Identifier: Apache-2.0 */
#include "sound_fixture.h"

#if HAS_SOUND

/* The strength of one frequency in the sound, by correlation with sine and cosine. */
static double strength(const float *pcm, size_t count, double hertz) {
  double s = 0, c = 0;
  for (size_t i = 0; i < count; i++) {
    const double phase = 2 * M_PI * hertz * (double)i / MGP_SOUND_RATE;
    s += pcm[i] * sin(phase);
    c += pcm[i] * cos(phase);
  }
  return 2 * sqrt(s * s + c * c) / (double)count;
}

static void assert_spans(double seconds, size_t wanted, double last_end) {
  decoded *d = decode_well(write_wav("spans.wav", seconds, 16000));
  if (d->count != wanted) print_error("%g s gave %zu spans\n", seconds, d->count);
  assert_int_equal(d->count, wanted);
  for (size_t i = 0; i < d->count; i++) {
    const kept_item *k = &d->items[i];
    assert_string_equal(k->kind, "sound");
    assert_true(k->locator.has_span);
    assert_float_equal(k->locator.span[0], 4.0 * (double)i, 1e-9);
    const double end = i + 1 == d->count ? last_end : 4.0 * (double)i + 5;
    assert_float_equal(k->locator.span[1], end, 1e-3);
    assert_int_equal(k->pcm_count, lround((end - 4.0 * (double)i) * MGP_SOUND_RATE));
  }
  assert_float_equal(mgp_json_number(d->info.metadata, "duration_s", 0), seconds, 1e-3);
  forget(d);
}

static void sound_when_cut_then_spans_as_the_header_says(void **state) {
  (void)state;
  NEEDS("wav");
  assert_spans(0.3, 1, 0.3);
  assert_spans(5, 1, 5);
  assert_spans(6, 1, 6); /* up to 6 s is one span */
  assert_spans(6.5, 2, 6.5);
  assert_spans(9, 2, 9);
  assert_spans(9.9, 2, 9.9); /* a tail under 1 s joins the last span */
  assert_spans(10.2, 3, 10.2);
  assert_spans(13, 3, 13);
}

static void sound_when_each_container_then_same_sine(void **state) {
  (void)state;
  static const char *const made[][3] = {
      {"a.ogg", "libvorbis", "ogg"}, {"a.opus", "libopus", "ogg"},
      {"a.flac", "flac", "flac"},    {"a.mp3", "libmp3lame", "mp3"},
      {"a.m4a", "aac", "mp4"},       {"a.aiff", "pcm_s16be", "aiff"},
      {"a.wav", "pcm_s16le", "wav"}, {"a.mka", "flac", "matroska"},
      {"a.au", "pcm_s16be", "au"},   {"b.aac", "aac", "aac"},
      {"a.wma", "wmav2", "wma"},     {"b.ogg", "flac", "ogg"}};
  int seen = 0;
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    const int rate = strcmp(made[i][1], "libopus") == 0 ? 48000 : 44100;
    if (!is_enabled(made[i][2]) || !save_sound(made[i][0], made[i][1], 5.0, rate, 1)) {
      print_message("%s cannot be made here: skipped\n", made[i][0]);
      continue;
    }
    decoded *d = decode_well(at(made[i][0]));
    assert_string_equal(d->info.format, made[i][2]);
    assert_int_equal(d->count, 1);
    assert_float_equal((double)d->items[0].pcm_count / MGP_SOUND_RATE, 5.0, 0.1);
    assert_float_equal(strength(d->items[0].pcm, 64000, 440), 0.5, 0.03);
    forget(d);
    seen++;
  }
  assert_in_range(seen, 5, 12);
}

static void sound_when_stereo_then_mean_of_channels(void **state) {
  (void)state;
  NEEDS("wav");
  static const char *const made[][2] = {{"s.wav", "pcm_s16le"}, {"s.ogg", "libvorbis"}};
  for (size_t i = 0; i < 2; i++) {
    if (!save_sound(made[i][0], made[i][1], 3.0, 44100, 2)) continue;
    decoded *d = decode_well(at(made[i][0]));
    assert_float_equal(strength(d->items[0].pcm, 40000, 440), 0.25, 0.01);
    forget(d);
  }
}

static void sound_when_tagged_then_title_text_and_metadata(void **state) {
  (void)state;
  NEEDS("flac");
  static const char *const made[][2] = {
      {"t.flac", "flac"}, {"t.ogg", "flac"}, {"t.mp3", "libmp3lame"}};
  for (size_t i = 0; i < 3; i++) {
    if (!save_sound(made[i][0], made[i][1], 2.0, 22050, 1)) continue;
    decoded *d = decode_well(at(made[i][0]));
    assert_string_equal(d->info.title, "Dawn Chorus");
    assert_string_equal(d->items[0].title, "Dawn Chorus");
    assert_string_equal(d->items[0].text, "Dawn Chorus - The Birds - Garden");
    assert_string_equal(meta(d, "artist"), "The Birds");
    assert_string_equal(meta(d, "date"), "2021-05-01");
    forget(d);
  }
}

static void sound_when_truncated_then_format_with_seconds(void **state) {
  (void)state;
  static const char *const made[][2] = {
      {"c.ogg", "libvorbis"}, {"d.ogg", "flac"},       {"c.flac", "flac"}, {"c.wav", "pcm_s16le"},
      {"c.m4a", "aac"},       {"c.aiff", "pcm_s16be"}, {"c.mka", "flac"},  {"c.opus", "libopus"}};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    const int rate = strcmp(made[i][1], "libopus") == 0 ? 48000 : 22050;
    if (!save_sound(made[i][0], made[i][1], 12.0, rate, 1)) continue;
    size_t size = 0;
    unsigned char *data = read_bytes(at(made[i][0]), &size);
    for (size_t part = 1; part <= 17; part++) {
      decoded *d = decode(write_bytes("part", data, size * part / 20));
      if (d->status != MAGPIE_FORMAT) print_error("%s at %zu/20\n", made[i][0], part);
      assert_int_equal(d->status, MAGPIE_FORMAT);
      forget(d);
    }
    mgp_free(NULL, data);
  }
  assert_true(save_sound("e.ogg", "flac", 12.0, 22050, 1));
  size_t size = 0;
  unsigned char *data = read_bytes(at("e.ogg"), &size);
  assert_fails(write_bytes("half.ogg", data, size / 2), MAGPIE_FORMAT, "ends early");
  mgp_free(NULL, data);
}

static void sound_when_there_is_no_sound_then_says_so(void **state) {
  (void)state;
  NEEDS("wav");
  static const unsigned char header[44] =
      "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3E\0\0\0\x7D"
      "\0\0\2\0\x10\0data\0\0\0\0";
  assert_fails(write_bytes("none.wav", header, sizeof header), MAGPIE_FORMAT, "none.wav");
}

static void sound_when_video_stream_then_unsupported(void **state) {
  (void)state;
  NEEDS("mp4");
  /* Written by hand: "ftyp" and a movie without tracks are refused, and so is a real video. */
  AVFormatContext *out = NULL;
  const AVCodec *coder = avcodec_find_encoder_by_name("mpeg4");
  if (!coder) skip();
  assert_int_equal(mgp_media_init(NULL), MAGPIE_OK);
  assert_true(avformat_alloc_output_context2(&out, NULL, NULL, at("v.mp4")) >= 0);
  AVCodecContext *codec = avcodec_alloc_context3(coder);
  codec->width = codec->height = 64;
  codec->time_base = (AVRational){1, 25};
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  assert_int_equal(avcodec_open2(codec, coder, NULL), 0);
  AVStream *stream = avformat_new_stream(out, NULL);
  avcodec_parameters_from_context(stream->codecpar, codec);
  stream->time_base = codec->time_base;
  assert_true(avio_open(&out->pb, at("v.mp4"), AVIO_FLAG_WRITE) >= 0);
  assert_true(avformat_write_header(out, NULL) >= 0);
  AVPacket *packet = av_packet_alloc();
  for (int i = 0; i < 10; i++) {
    AVFrame *f = av_frame_alloc();
    f->width = f->height = 64;
    f->format = AV_PIX_FMT_YUV420P;
    f->pts = i;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    for (int plane = 0; plane < 3; plane++)
      memset(f->data[plane], 100 + i, (size_t)f->linesize[plane] * (plane ? 32 : 64));
    assert_int_equal(avcodec_send_frame(codec, f), 0);
    av_frame_free(&f);
    write_packets(out, codec, packet);
  }
  avcodec_send_frame(codec, NULL);
  write_packets(out, codec, packet);
  av_write_trailer(out);
  av_packet_free(&packet);
  avcodec_free_context(&codec);
  avio_closep(&out->pb);
  avformat_free_context(out);
  assert_fails(at("v.mp4"), MAGPIE_UNSUPPORTED, "video is not read yet");
}

static void read_sound_when_long_then_first_seconds_only(void **state) {
  (void)state;
  NEEDS("wav");
  const char *path = write_wav("r.wav", 20, 16000);
  float *pcm = NULL;
  size_t count = 0;
  assert_int_equal(mgp_media_read_sound(NULL, path, NULL, 10, &pcm, &count, NULL), MAGPIE_OK);
  assert_int_equal(count, 160000);
  assert_float_equal(strength(pcm, count, 440), 0.5, 0.001);
  mgp_free(NULL, pcm);
}

/* A sound whose pitch tells the time: the span read must be the span asked for. */
static void read_span_when_late_then_right_samples(void **state) {
  (void)state;
  NEEDS("wav");
  enum { SECONDS = 40 };
  const size_t count = SECONDS * MGP_SOUND_RATE;
  float *ramp = malloc(count * sizeof *ramp);
  for (size_t i = 0; i < count; i++) ramp[i] = (float)i / (float)count;
  void *bytes = NULL;
  size_t size = 0, got = 0;
  assert_int_equal(mgp_media_wav(NULL, ramp, count, MGP_SOUND_RATE, &bytes, &size, NULL), 0);
  const char *path = write_bytes("ramp.wav", bytes, size);
  float *pcm = NULL;
  assert_int_equal(mgp_media_read_span(NULL, path, NULL, 32.5, 37.25, &pcm, &got, NULL), 0);
  assert_int_equal(got, 76000);
  assert_float_equal(pcm[100], ramp[520100], 1e-4);
  mgp_free(NULL, pcm);
  assert_int_equal(mgp_media_read_span(NULL, path, NULL, 38, 45, &pcm, &got, NULL), 0);
  assert_int_equal(got, 32000);
  mgp_free(NULL, pcm);
  magpie_error err = {0};
  assert_int_equal(mgp_media_read_span(NULL, path, NULL, 50, 55, &pcm, &got, &err), MAGPIE_FORMAT);
  assert_int_equal(mgp_media_read_span(NULL, path, NULL, 5, 5, &pcm, &got, &err), MAGPIE_INVALID);
  path = write_text("no.txt", "Only words here.");
  assert_int_equal(mgp_media_read_span(NULL, path, NULL, 0, 5, &pcm, &got, &err),
                   MAGPIE_UNSUPPORTED);
  mgp_free(NULL, bytes);
  free(ramp);
}

static void wav_when_written_then_header_and_samples_are_right(void **state) {
  (void)state;
  const float pcm[4] = {0, 0.5F, -1, 2};
  unsigned char *wav = NULL;
  size_t size = 0;
  assert_int_equal(mgp_media_wav(NULL, pcm, 4, 16000, (void **)&wav, &size, NULL), MAGPIE_OK);
  assert_int_equal(size, 52);
  assert_memory_equal(wav, "RIFF\x2C\0\0\0WAVEfmt ", 16);
  assert_memory_equal(wav + 36, "data\x08\0\0\0\0\0\0\x40\x01\x80\xFF\x7F", 16);
  mgp_free(NULL, wav);
  assert_int_equal(mgp_media_wav(NULL, pcm, 4, 0, (void **)&wav, &size, NULL), MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_when_cut_then_spans_as_the_header_says),
      cmocka_unit_test(sound_when_each_container_then_same_sine),
      cmocka_unit_test(sound_when_stereo_then_mean_of_channels),
      cmocka_unit_test(sound_when_tagged_then_title_text_and_metadata),
      cmocka_unit_test(sound_when_truncated_then_format_with_seconds),
      cmocka_unit_test(sound_when_there_is_no_sound_then_says_so),
      cmocka_unit_test(sound_when_video_stream_then_unsupported),
      cmocka_unit_test(read_sound_when_long_then_first_seconds_only),
      cmocka_unit_test(read_span_when_late_then_right_samples),
      cmocka_unit_test(wav_when_written_then_header_and_samples_are_right),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("FFmpeg is not here: no sound is tested");
  return 0;
}

#endif
