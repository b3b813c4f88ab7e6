/* SPDX-License-Identifier: Apache-2.0
 *
 * The page's parts: escaping, columns of text, axes, and drawings of extremes, each checked to be
 * XML with finite numbers. tests/reference/test_report_page.py compares pages with their JSON.
 */
#include "eval/report.h"

#include "evaluation_fixture.h"

static const int ones[50] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                             1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                             1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int zeros[50] = {0};

static char *page_of(const char *json) {
  char *page = NULL;
  magpie_error err = {0};
  if (magpie_evaluation_html(json, &page, &err)) fail_msg("%s", err.message);
  return page;
}

/* Elements of one drawing: every one closed, in order. */
static void assert_balanced(const char *at, const char *end) {
  char open[16][16];
  size_t depth = 0;
  while ((at = memchr(at, '<', (size_t)(end - at)))) {
    const char *stop = memchr(at, '>', (size_t)(end - at));
    assert_non_null(stop);
    char name[16] = "";
    const bool is_end = at[1] == '/';
    sscanf(at + 1 + is_end, "%15[a-z]", name);
    if (is_end) {
      assert_true(depth > 0);
      assert_string_equal(name, open[--depth]);
    } else if (stop[-1] != '/') {
      assert_true(depth < 16);
      memcpy(open[depth++], name, sizeof name);
    }
    at = stop;
  }
  assert_int_equal(depth, 0);
}

static size_t assert_drawings(const char *page) {
  size_t count = 0;
  for (const char *at = page; (at = strstr(at, "<svg")); count++) {
    const char *end = strstr(at, "</svg>");
    assert_non_null(end);
    assert_balanced(at, end + strlen("</svg>"));
    char *drawing = strndup(at, (size_t)(end - at));
    for (char *c = drawing; *c; c++) assert_true((unsigned char)*c >= ' ' || *c == '\n');
    assert_null(strstr(drawing, "nan"));
    assert_null(strstr(drawing, "\"inf"));
    assert_null(strstr(drawing, " inf"));
    free(drawing);
    at = end;
  }
  return count;
}

static void page_when_extreme_then_drawn(void **state) {
  (void)state;
  const made_system systems[] = {{"a", ones}, {"b", ones}, {"c", zeros}};
  static const struct {
    size_t queries, systems;
    bool is_timed;
    size_t drawings; /* measures, latency, differences */
  } cases[] = {{1, 1, false, 2},         {1, 1, true, 2 + 2},      {1, 2, false, 2 + 1},
               {50, 2, true, 2 + 2 + 1}, {50, 3, true, 2 + 2 + 2}, {2, 3, false, 2 + 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *json = made_json(cases[i].queries, systems, cases[i].systems, cases[i].is_timed);
    char *page = page_of(json);
    assert_int_equal(assert_drawings(page), cases[i].drawings);
    assert_non_null(strstr(page, "</html>"));
    magpie_free(page);
    magpie_free(json);
  }
}

static void page_when_no_query_was_answered_then_whole(void **state) {
  (void)state;
  magpie_qrels *qrels = made_qrels(3);
  magpie_run *run = NULL;
  magpie_evaluation *e = NULL;
  const magpie_evaluation_options options = {.size = sizeof options, .only_answered = true};
  assert_ok(magpie_run_create(&run, NULL));
  assert_ok(magpie_evaluation_create(qrels, &options, &e, NULL));
  assert_ok(magpie_evaluation_add(e, "a", run, NULL, NULL, NULL));
  assert_ok(magpie_evaluation_add(e, "b", run, NULL, NULL, NULL));
  char *json = json_of(e), *page = page_of(json);
  assert_int_equal(assert_drawings(page), 0);
  assert_non_null(strstr(page, "b and a have no query in common."));
  magpie_free(page);
  magpie_free(json);
  magpie_evaluation_destroy(e);
  magpie_run_destroy(run);
  magpie_qrels_destroy(qrels);
}

static void page_when_names_are_hostile_then_escaped(void **state) {
  (void)state;
  const made_system systems[] = {{"<script>alert(1)</script>", ones}, {"\"'&", zeros}};
  char *json = made_json(50, systems, 2, true), *page = page_of(json);
  assert_drawings(page);
  assert_null(strstr(page, "<script>alert"));
  assert_non_null(strstr(page, "&lt;script&gt;alert(1)"));
  assert_non_null(strstr(page, "&quot;&#39;&amp;"));
  magpie_free(page);
  magpie_free(json);
}

static void page_when_many_queries_then_cut_and_said(void **state) {
  (void)state;
  enum { QUERIES = 2100 };
  static int ranks[QUERIES], others[QUERIES];
  for (int i = 0; i < QUERIES; i++) ranks[i] = i % 4, others[i] = i % 3;
  const made_system systems[] = {{"a", ranks}, {"b", others}};
  char *json = made_json(QUERIES, systems, 2, true), *page = page_of(json);
  assert_non_null(strstr(page, "Cut: the first 2000 of 2100 queries"));
  assert_drawings(page);
  assert_true(strlen(page) < 2000000);
  magpie_free(page);
  magpie_free(json);
}

static void assert_escaped(const char *text, size_t columns, const char *wanted) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_text_escaped(&b, text, columns);
  assert_string_equal(b.data ? b.data : "", wanted);
  mgp_buffer_fini(&b);
}

static void text_when_it_would_act_then_shown(void **state) {
  (void)state;
  assert_escaped("<a b=\"c\">&'", 99, "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
  assert_escaped("a\x01\x1b\x7f", 9, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  assert_escaped("a\tb\nc", 9, "a b c");
  assert_escaped("\xE2\x80\xAE"
                 "x",
                 9, "\xEF\xBF\xBDx"); /* right-to-left override */
  assert_escaped("\xFF", 9, "\xEF\xBF\xBD");
}

static void text_when_cut_then_by_columns(void **state) {
  (void)state;
  assert_escaped("abcdef", 6, "abcdef");
  assert_escaped("abcdef", 5, "abcd\xE2\x80\xA6");
  assert_escaped("日本語", 6, "日本語");
  assert_escaped("日本語", 5, "日本\xE2\x80\xA6");
  assert_escaped("日本語", 4, "日\xE2\x80\xA6");
  assert_int_equal(mgp_text_columns("日本a"), 5);
  assert_int_equal(mgp_text_columns("e\xCC\x81"), 1);
  char *long_text = malloc(100001);
  assert_non_null(long_text);
  memset(long_text, 'x', 100000);
  long_text[100000] = '\0';
  assert_escaped(long_text, 3, "xx\xE2\x80\xA6");
  for (size_t i = 0; i < 50000; i++) memcpy(long_text + 2 * i, "\xCC\x81", 2);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_text_plain(&b, long_text, 10); /* marks without end take no columns, yet they end */
  assert_true(b.size < 200);
  mgp_buffer_fini(&b);
  free(long_text);
}

static void axis_when_made_then_round_ticks_around_the_data(void **state) {
  (void)state;
  static const double ranges[][2] = {{0.689, 0.737}, {0, 1},     {0.5, 0.5},   {-3, 1000},
                                     {0, 0},         {-1, -0.9}, {1e14, 1e15}, {1, 1}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    mgp_axis a = {.start = 10, .end = 110};
    mgp_axis_init(&a, ranges[i][0], ranges[i][1], 5);
    assert_in_range(a.tick_count, 2, MGP_TICKS_MAX);
    assert_true(a.low <= ranges[i][0] && a.high >= ranges[i][1]);
    for (size_t j = 0; j < a.tick_count; j++) {
      const double x = mgp_axis_at(&a, a.ticks[j]);
      assert_true(x >= 10 && x <= 110);
    }
  }
  mgp_axis a = {.start = 0, .end = 1};
  char label[32];
  mgp_axis_init(&a, 0.689, 0.737, 5);
  mgp_axis_label(&a, a.ticks[0], label);
  assert_string_equal(label, "0.68");
  assert_true(mgp_axis_at(&a, NAN) == 0);
  mgp_axis_init_log(&a, 1.3, 90);
  mgp_axis_label(&a, a.ticks[0], label);
  assert_string_equal(label, "2");
  assert_int_equal(a.tick_count, 6); /* 2 5 10 20 50 100 */
}

static void number_when_rounded_then_read_by_people(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0.7142, "0.714"},
               {-0.0001, "0.000"},
               {9.9996, "10.00"},
               {123.456, "123.5"},
               {1e15, "1000000000000000"}};
  char text[32];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mgp_verdict_number(cases[i].value, text);
    assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(page_when_extreme_then_drawn),
      cmocka_unit_test(page_when_no_query_was_answered_then_whole),
      cmocka_unit_test(page_when_names_are_hostile_then_escaped),
      cmocka_unit_test(page_when_many_queries_then_cut_and_said),
      cmocka_unit_test(text_when_it_would_act_then_shown),
      cmocka_unit_test(text_when_cut_then_by_columns),
      cmocka_unit_test(axis_when_made_then_round_ticks_around_the_data),
      cmocka_unit_test(number_when_rounded_then_read_by_people),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
