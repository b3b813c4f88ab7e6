/* SPDX-License-Identifier: Apache-2.0
 *
 * sound_fixture: sounds in the containers that FFmpeg writes, a sine each, with tags.
 */
#ifndef MGP_SOUND_FIXTURE_H
#define MGP_SOUND_FIXTURE_H

#include "media_fixture.h"

#if __has_include(<libavformat/avformat.h>)
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#define HAS_SOUND 1

/* Sine of `hertz` in the first channel, silence in the others, in any sample format used below. */
FIXTURE void fill_frame(AVFrame *f, int64_t at_sample, double hertz) {
  for (int i = 0; i < f->nb_samples; i++) {
    const double v = 0.5 * sin(2 * M_PI * hertz * (double)(at_sample + i) / (double)f->sample_rate);
    const int channels = f->ch_layout.nb_channels;
    for (int c = 0; c < channels; c++) {
      const double s = c == 0 ? v : 0;
      if (f->format == AV_SAMPLE_FMT_FLTP) ((float *)(void *)f->extended_data[c])[i] = (float)s;
      if (f->format == AV_SAMPLE_FMT_S16)
        ((int16_t *)(void *)f->data[0])[i * channels + c] = (int16_t)(s * 32767);
    }
  }
}

FIXTURE void write_packets(AVFormatContext *out, AVCodecContext *codec, AVPacket *packet) {
  while (avcodec_receive_packet(codec, packet) == 0) {
    av_packet_rescale_ts(packet, codec->time_base, out->streams[0]->time_base);
    packet->stream_index = 0;
    assert_int_equal(av_interleaved_write_frame(out, packet), 0);
  }
}

/* False when this FFmpeg cannot write it. `name` decides the container. */
FIXTURE bool save_sound(const char *name, const char *codec_name, double seconds, int rate,
                        int channels) {
  assert_int_equal(mgp_media_init(NULL), MAGPIE_OK);
  const AVCodec *coder = avcodec_find_encoder_by_name(codec_name);
  AVFormatContext *out = NULL;
  if (!coder || avformat_alloc_output_context2(&out, NULL, NULL, at(name)) < 0) return false;
  AVCodecContext *codec = avcodec_alloc_context3(coder);
  codec->sample_fmt = coder->sample_fmts[0];
  for (const enum AVSampleFormat *f = coder->sample_fmts; *f != AV_SAMPLE_FMT_NONE; f++)
    if (*f == AV_SAMPLE_FMT_FLTP || *f == AV_SAMPLE_FMT_S16) codec->sample_fmt = *f;
  codec->sample_rate = rate;
  codec->time_base = (AVRational){1, rate};
  codec->bit_rate = 64000;
  codec->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
  av_channel_layout_default(&codec->ch_layout, channels);
  if (out->oformat->flags & AVFMT_GLOBALHEADER) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  assert_int_equal(avcodec_open2(codec, coder, NULL), 0);
  AVStream *stream = avformat_new_stream(out, NULL);
  assert_true(avcodec_parameters_from_context(stream->codecpar, codec) >= 0);
  stream->time_base = codec->time_base;
  AVDictionary **tags = strstr(name, ".og") ? &stream->metadata : &out->metadata;
  av_dict_set(tags, "title", "Dawn Chorus", 0);
  av_dict_set(tags, "artist", "The Birds", 0);
  av_dict_set(tags, "album", "Garden", 0);
  av_dict_set(tags, "date", "2021-05-01", 0);
  assert_true(avio_open(&out->pb, at(name), AVIO_FLAG_WRITE) >= 0);
  assert_true(avformat_write_header(out, NULL) >= 0);
  AVPacket *packet = av_packet_alloc();
  const int64_t total = (int64_t)(seconds * rate);
  const int block = codec->frame_size > 0 ? codec->frame_size : 1024;
  for (int64_t done = 0; done < total; done += block) {
    AVFrame *f = av_frame_alloc();
    f->nb_samples = total - done < block ? (int)(total - done) : block;
    f->format = codec->sample_fmt;
    f->sample_rate = rate;
    f->pts = done;
    assert_int_equal(av_channel_layout_copy(&f->ch_layout, &codec->ch_layout), 0);
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    fill_frame(f, done, 440);
    assert_int_equal(avcodec_send_frame(codec, f), 0);
    av_frame_free(&f);
    write_packets(out, codec, packet);
  }
  avcodec_send_frame(codec, NULL);
  write_packets(out, codec, packet);
  assert_int_equal(av_write_trailer(out), 0);
  av_packet_free(&packet);
  avcodec_free_context(&codec);
  avio_closep(&out->pb);
  avformat_free_context(out);
  return true;
}
#endif

#endif
