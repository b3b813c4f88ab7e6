/* SPDX-License-Identifier: Apache-2.0 */
#include "picture_fixture.h"

#if HAS_PICTURES

static void assert_quarters(const kept_item *k, int slack) {
  assert_colour(pixel_at(k, 25, 25), 250, 0, 0, slack);
  assert_colour(pixel_at(k, 75, 25), 0, 250, 0, slack);
  assert_colour(pixel_at(k, 25, 75), 0, 0, 250, slack);
  assert_colour(pixel_at(k, 75, 75), 128, 128, 128, slack);
}

static void picture_when_small_png_then_pixels_are_exact(void **state) {
  (void)state;
  NEEDS("png");
  assert_true(save_picture(make_quarters(200, 100), "a.png"));
  decoded *d = decode_well(at("a.png"));
  assert_string_equal(d->info.format, "png");
  assert_int_equal(d->count, 1);
  assert_string_equal(d->items[0].kind, "image");
  assert_int_equal(d->items[0].width, 200);
  assert_int_equal(d->items[0].height, 100);
  assert_quarters(&d->items[0], 0);
  assert_int_equal(mgp_json_integer(d->info.metadata, "width", 0), 200);
  forget(d);
}

static void picture_when_each_format_then_same_picture(void **state) {
  (void)state;
  static const char *const names[][2] = {{"q.jpg", "jpeg"}, {"q.webp", "webp"}, {"q.gif", "gif"},
                                         {"q.tif", "tiff"}, {"q.avif", "avif"}, {"q.heic", "heic"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!is_enabled(names[i][1]) || !save_picture(make_quarters(160, 120), names[i][0])) {
      print_message("%s cannot be made here: skipped\n", names[i][0]);
      continue;
    }
    decoded *d = decode_well(at(names[i][0]));
    assert_string_equal(d->info.format, names[i][1]);
    assert_int_equal(d->items[0].width, 160);
    assert_int_equal(d->items[0].height, 120);
    assert_quarters(&d->items[0], 12);
    forget(d);
  }
}

static void picture_when_large_then_long_side_is_1024(void **state) {
  (void)state;
  NEEDS("jpeg");
  static const char *const names[] = {"l.jpg", "l.png", "l.webp"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assert_true(save_picture(make_quarters(2000, 4000), names[i]));
    decoded *d = decode_well(at(names[i]));
    assert_int_equal(d->items[0].width, 512);
    assert_int_equal(d->items[0].height, 1024);
    assert_quarters(&d->items[0], 8);
    assert_int_equal(mgp_json_integer(d->info.metadata, "height", 0), 4000);
    forget(d);
  }
}

static void picture_when_thin_as_a_hair_then_one_pixel_stays(void **state) {
  (void)state;
  NEEDS("png");
  decoded *d = decode_well(write_blank_png("hair.png", 5000, 1));
  assert_int_equal(d->items[0].width, 1024);
  assert_int_equal(d->items[0].height, 1);
  forget(d);
}

static void picture_when_exif_turned_then_upright(void **state) {
  (void)state;
  NEEDS("jpeg");
  /* Orientation 6: to be turned clockwise by a quarter. */
  VipsImage *image = make_quarters(300, 200);
  vips_image_set_int(image, VIPS_META_ORIENTATION, 6);
  assert_true(save_picture(image, "turned.jpg"));
  decoded *d = decode_well(at("turned.jpg"));
  assert_int_equal(d->items[0].width, 200);
  assert_int_equal(d->items[0].height, 300);
  assert_colour(pixel_at(&d->items[0], 25, 25), 0, 0, 250, 12);
  assert_colour(pixel_at(&d->items[0], 75, 25), 250, 0, 0, 12);
  assert_int_equal(mgp_json_integer(d->info.metadata, "width", 0), 200);
  forget(d);
}

static void picture_when_exif_tags_then_metadata(void **state) {
  (void)state;
  NEEDS("jpeg");
  VipsImage *image = make_quarters(64, 64);
  vips_image_set_string(
      image, "exif-ifd2-DateTimeOriginal",
      "2019:07:20 15:44:01 (2019:07:20 15:44:01, ASCII, 20 components, 20 bytes)");
  vips_image_set_string(image, "exif-ifd0-Make", "Canon (Canon, ASCII, 6 components, 6 bytes)");
  vips_image_set_string(image, "exif-ifd0-Model",
                        "Canon EOS 5D (Canon EOS 5D, ASCII, 13 components, 13 bytes)");
  vips_image_set_string(image, "exif-ifd3-GPSLatitude",
                        "51/1 30/1 0/1 (51, 30, 0, Rational, 3 components, 24 bytes)");
  vips_image_set_string(image, "exif-ifd3-GPSLatitudeRef", "N (N, ASCII, 2 components, 2 bytes)");
  vips_image_set_string(image, "exif-ifd3-GPSLongitude",
                        "0/1 7/1 30/1 (0, 7, 30, Rational, 3 components, 24 bytes)");
  vips_image_set_string(image, "exif-ifd3-GPSLongitudeRef", "W (W, ASCII, 2 components, 2 bytes)");
  assert_true(save_picture(image, "tags.jpg"));
  decoded *d = decode_well(at("tags.jpg"));
  assert_string_equal(meta(d, "date"), "2019-07-20T15:44:01");
  assert_string_equal(meta(d, "camera"), "Canon EOS 5D");
  const json_t *place = json_object_get(d->info.metadata, "place");
  assert_float_equal(mgp_json_number(place, "lat", 0), 51.5, 1e-6);
  assert_float_equal(mgp_json_number(place, "lon", 0), -0.125, 1e-6);
  forget(d);
}

/* libvips cannot write a value with brackets, so the EXIF block is put together here: a TIFF header
 * and one directory with one field, the description. */
static void picture_when_description_has_brackets_then_whole(void **state) {
  (void)state;
  NEEDS("jpeg");
  static const char exif[] = "\xFF\xE1\0\x32"
                             "Exif\0\0II*\0\x08\0\0\0\1\0\x0E\1\2\0\x10\0\0\0\x1A\0\0\0\0\0\0\0"
                             "A magpie (Pica)";
  assert_int_equal(sizeof exif, 2 + 0x32);
  size_t size = 0;
  assert_true(save_picture(make_quarters(64, 64), "plain.jpg"));
  unsigned char *plain = read_bytes(at("plain.jpg"), &size);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add(&b, plain, 2);
  mgp_buffer_add(&b, exif, sizeof exif);
  mgp_buffer_add(&b, plain + 2, size - 2);
  decoded *d = decode_well(write_bytes("said.jpg", b.data, b.size));
  assert_string_equal(meta(d, "description"), "A magpie (Pica)");
  assert_string_equal(d->items[0].text, "A magpie (Pica)");
  forget(d);
  mgp_buffer_fini(&b);
  mgp_free(NULL, plain);
}

static void picture_when_transparent_then_on_white(void **state) {
  (void)state;
  NEEDS("png");
  VipsImage *image = make_quarters(64, 64), *clear = NULL;
  assert_int_equal(vips_bandjoin_const1(image, &clear, 0, NULL), 0);
  g_object_unref(image);
  assert_true(save_picture(clear, "clear.png"));
  decoded *d = decode_well(at("clear.png"));
  assert_colour(pixel_at(&d->items[0], 25, 25), 255, 255, 255, 0);
  forget(d);
}

static void picture_when_grey_wide_or_cmyk_then_srgb(void **state) {
  (void)state;
  NEEDS("tiff");
  static const VipsInterpretation spaces[] = {VIPS_INTERPRETATION_B_W, VIPS_INTERPRETATION_RGB16,
                                              VIPS_INTERPRETATION_GREY16, VIPS_INTERPRETATION_CMYK};
  static const char *const names[] = {"grey.png", "rgb16.png", "grey16.png", "cmyk.tif"};
  for (size_t i = 0; i < 4; i++) {
    VipsImage *image = make_quarters(64, 64), *other = NULL;
    assert_int_equal(vips_colourspace(image, &other, spaces[i], NULL), 0);
    g_object_unref(image);
    assert_true(save_picture(other, names[i]));
    decoded *d = decode_well(at(names[i]));
    assert_int_equal(d->items[0].width, 64);
    assert_colour(pixel_at(&d->items[0], 75, 75), 128, 128, 128, i == 3 ? 25 : 2);
    if (i == 1) assert_colour(pixel_at(&d->items[0], 25, 25), 250, 0, 0, 2);
    forget(d);
  }
}

static void picture_when_svg_then_drawn_with_title(void **state) {
  (void)state;
  NEEDS("svg");
  const char *svg = "<?xml version=\"1.0\"?>\n<!-- drawn by hand -->\n"
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\">"
                    "<title>A red box</title><desc>Nothing <b>but</b> red</desc>"
                    "<rect width=\"40\" height=\"20\" fill=\"#f00\"/></svg>";
  decoded *d = decode_well(write_text("box", svg));
  assert_string_equal(d->info.format, "svg");
  assert_string_equal(d->info.title, "A red box");
  assert_string_equal(d->items[0].text, "Nothing but red");
  assert_int_equal(d->items[0].width, 512);
  assert_int_equal(d->items[0].height, 256);
  assert_colour(pixel_at(&d->items[0], 50, 50), 255, 0, 0, 1);
  forget(d);
}

static void picture_when_zero_pixels_then_format(void **state) {
  (void)state;
  NEEDS("png");
  assert_fails(write_blank_png("zero.png", 0, 0), MAGPIE_FORMAT, "zero.png");
  assert_fails(write_text("zero.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" "
                                      "height=\"0\"></svg>"),
               MAGPIE_FORMAT, "zero.svg");
  static const unsigned char gif[] = "GIF89a\0\0\0\0\0\0\0;";
  assert_fails(write_bytes("zero.gif", gif, sizeof gif - 1), MAGPIE_FORMAT, "zero.gif");
}

static void picture_when_pixel_bomb_then_limit_before_decoding(void **state) {
  (void)state;
  NEEDS("png");
  const char *path = write_blank_png("bomb.png", 30000, 30000);
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_size < 6000000);
  const double start = mgp_clock_seconds();
  assert_fails(path, MAGPIE_LIMIT, "30000 x 30000 = 900000000 pixels");
  assert_true(mgp_clock_seconds() - start < 1);
}

static void picture_when_truncated_then_format(void **state) {
  (void)state;
  NEEDS("jpeg");
  static const char *const names[] = {"whole.jpg", "whole.png", "whole.gif", "whole.webp",
                                      "whole.tif"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    VipsImage *noise = NULL, *bytes = NULL;
    assert_int_equal(mgp_media_init(NULL), MAGPIE_OK);
    assert_int_equal(vips_gaussnoise(&noise, 300, 300, "mean", 128.0, "sigma", 60.0, NULL), 0);
    assert_int_equal(vips_cast_uchar(noise, &bytes, NULL), 0);
    g_object_unref(noise);
    assert_true(save_picture(bytes, names[i]));
    size_t size = 0;
    unsigned char *data = read_bytes(at(names[i]), &size);
    for (size_t part = 2; part <= 9; part++) {
      decoded *d = decode(write_bytes("part", data, size * part / 10));
      if (d->status != MAGPIE_FORMAT) print_error("%s, %zu tenths\n", names[i], part);
      assert_int_equal(d->status, MAGPIE_FORMAT);
      assert_int_equal(d->count, 0);
      forget(d);
    }
    mgp_free(NULL, data);
  }
}

static void picture_when_time_is_up_then_limit(void **state) {
  (void)state;
  NEEDS("png");
  const char *path = write_blank_png("slow.png", 14000, 14000);
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.max_seconds = 0.02;
  const double start = mgp_clock_seconds();
  decoded *d = decode_with(path, &limits, 0);
  assert_int_equal(d->status, MAGPIE_LIMIT);
  assert_non_null(strstr(d->err.message, "took longer"));
  assert_true(mgp_clock_seconds() - start < 1);
  forget(d);
}

static void read_image_when_picture_then_same_pixels_as_decode(void **state) {
  (void)state;
  NEEDS("png");
  assert_true(save_picture(make_quarters(1500, 1000), "r.png"));
  decoded *d = decode_well(at("r.png"));
  mgp_image image = {0};
  assert_int_equal(mgp_media_read_image(NULL, at("r.png"), NULL, &image, NULL), MAGPIE_OK);
  assert_int_equal(image.width, d->items[0].width);
  assert_int_equal(image.height, 683);
  assert_memory_equal(image.rgb, d->items[0].rgb, (size_t)image.width * 683 * 3);
  mgp_image_fini(NULL, &image);
  forget(d);
  magpie_error err = {0};
  const char *path = write_text("words.txt", "No picture at all.");
  assert_int_equal(mgp_media_read_image(NULL, path, NULL, &image, &err), MAGPIE_UNSUPPORTED);
  assert_non_null(strstr(err.message, "not a picture"));
}

static void thumbnail_when_picture_then_small_jpeg(void **state) {
  (void)state;
  NEEDS("jpeg");
  assert_true(save_picture(make_quarters(800, 400), "t.png"));
  mgp_image image = {0};
  assert_int_equal(mgp_media_read_image(NULL, at("t.png"), NULL, &image, NULL), MAGPIE_OK);
  void *jpeg = NULL;
  size_t size = 0;
  assert_int_equal(mgp_media_thumbnail(NULL, &image, 100, &jpeg, &size, NULL), MAGPIE_OK);
  decoded *d = decode_well(write_bytes("thumb", jpeg, size));
  assert_string_equal(d->info.format, "jpeg");
  assert_int_equal(d->items[0].width, 100);
  assert_int_equal(d->items[0].height, 50);
  assert_quarters(&d->items[0], 12);
  assert_true(size < 5000);
  forget(d);
  mgp_free(NULL, jpeg);
  mgp_image_fini(NULL, &image);
  magpie_error err = {0};
  assert_int_equal(mgp_media_thumbnail(NULL, &image, 100, &jpeg, &size, &err), MAGPIE_INVALID);
}

static void decode_one(void *context, size_t index) {
  decoded **results = context;
  results[index] = calloc(1, sizeof(decoded));
  const mgp_media_sink sink = {.context = results[index], .item = keep_item};
  results[index]->status = mgp_media_decode(NULL, index % 2 ? at("p1.jpg") : at("p0.jpg"), NULL,
                                            &sink, &results[index]->info, &results[index]->err);
}

static void picture_when_many_threads_then_all_are_right(void **state) {
  (void)state;
  NEEDS("jpeg");
  enum { RUNS = 64 };
  decoded *results[RUNS];
  mgp_pool *pool = NULL;
  assert_true(save_picture(make_quarters(1600, 800), "p0.jpg"));
  assert_true(save_picture(make_quarters(300, 600), "p1.jpg"));
  assert_int_equal(mgp_pool_create(4, &pool, NULL), MAGPIE_OK);
  mgp_pool_run(pool, RUNS, decode_one, results);
  mgp_pool_destroy(pool);
  for (size_t i = 0; i < RUNS; i++) {
    assert_int_equal(results[i]->status, MAGPIE_OK);
    assert_int_equal(results[i]->items[0].width, i % 2 ? 300 : 1024);
    assert_quarters(&results[i]->items[0], 12);
    forget(results[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(picture_when_small_png_then_pixels_are_exact),
      cmocka_unit_test(picture_when_each_format_then_same_picture),
      cmocka_unit_test(picture_when_large_then_long_side_is_1024),
      cmocka_unit_test(picture_when_thin_as_a_hair_then_one_pixel_stays),
      cmocka_unit_test(picture_when_exif_turned_then_upright),
      cmocka_unit_test(picture_when_exif_tags_then_metadata),
      cmocka_unit_test(picture_when_description_has_brackets_then_whole),
      cmocka_unit_test(picture_when_transparent_then_on_white),
      cmocka_unit_test(picture_when_grey_wide_or_cmyk_then_srgb),
      cmocka_unit_test(picture_when_svg_then_drawn_with_title),
      cmocka_unit_test(picture_when_zero_pixels_then_format),
      cmocka_unit_test(picture_when_pixel_bomb_then_limit_before_decoding),
      cmocka_unit_test(picture_when_truncated_then_format),
      cmocka_unit_test(picture_when_time_is_up_then_limit),
      cmocka_unit_test(read_image_when_picture_then_same_pixels_as_decode),
      cmocka_unit_test(thumbnail_when_picture_then_small_jpeg),
      cmocka_unit_test(picture_when_many_threads_then_all_are_right),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("libvips is not here: no picture is tested");
  return 0;
}

#endif
