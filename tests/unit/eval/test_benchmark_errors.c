/* SPDX-License-Identifier: Apache-2.0
 *
 * What is refused in each layout, with file and line: bad rows, doubles, contradictions, empty and
 * missing files, splits that are not there. CRLF, blank lines and a byte order mark are not errors.
 */
#include <sys/stat.h>

#include "benchmark_fixture.h"

/* Files of a set that is right; a test spoils one of them. */
typedef struct good_file {
  const char *name, *text;
} good_file;

static const good_file magpie_files[] = {
    {"queries.jsonl", "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n"},
    {"corpus.jsonl", "{\"id\":\"x\",\"text\":\"X\"}\n{\"id\":\"y\",\"path\":\"y.png\"}\n"},
    {"qrels.tsv", "a x 1\nb y 1\n"},
    {0}};
static const good_file beir_files[] = {
    {"queries.jsonl", "{\"_id\":\"a\",\"text\":\"one\"}\n{\"_id\":\"b\",\"text\":\"two\"}\n"},
    {"corpus.jsonl",
     "{\"_id\":\"x\",\"title\":\"t\",\"text\":\"X\"}\n{\"_id\":\"y\",\"text\":\"\"}\n"},
    {"qrels/test.tsv", "query-id\tcorpus-id\tscore\na\tx\t1\nb\ty\t1\n"},
    {0}};
static const good_file tevatron_files[] = {
    {"train.jsonl", "{\"query_id\":\"a\",\"query\":\"one\",\"positive_passages\":[{\"docid\":\"x\","
                    "\"title\":\"\",\"text\":\"X\"}],\"negative_passages\":[]}\n"},
    {0}};
static const good_file mmeb_files[] = {
    {"test.jsonl", "{\"qry_text\":\"one\",\"qry_img_path\":\"\",\"tgt_text\":[\"x\",\"y\"],"
                   "\"tgt_img_path\":[\"\",\"\"]}\n"},
    {0}};
static const good_file mixbench_files[] = {
    {"queries.jsonl", "{\"query_id\":\"a\",\"text\":\"one\"}\n"},
    {"mixed_corpus.jsonl", "{\"corpus_id\":\"x\",\"text\":\"X\",\"image\":\"\"}\n"},
    {"qrels/qrels.tsv", "query_id\tcorpus_id\tscore\na\tx\t1\n"},
    {0}};
static const good_file mbeir_files[] = {
    {"query/test/mbeir_toys_task1_test.jsonl",
     "{\"qid\":\"1:1\",\"query_txt\":\"one\",\"query_img_path\":null,\"query_modality\":\"text\","
     "\"pos_cand_list\":[\"1:7\"],\"task_id\":1}\n"},
    {"cand_pool/local/mbeir_toys_task1_cand_pool.jsonl",
     "{\"did\":\"1:7\",\"txt\":\"X\",\"img_path\":null,\"modality\":\"text\"}\n"},
    {0}};

#define MBEIR_QUERIES "query/test/mbeir_toys_task1_test.jsonl"
#define MBEIR_POOL "cand_pool/local/mbeir_toys_task1_cand_pool.jsonl"

static temp_folder make_set(const good_file *files, const char *but, const char *text) {
  const temp_folder f = folder_create();
  for (; files->name; files++)
    put_file(&f, files->name, mgp_text_equal(files->name, but) ? text : files->text);
  if (text == NULL) unlink(put_file(&f, but, NULL));
  return f;
}

/* With `text` in place of the file `name`, opening says FILE:LINE and `says`. */
static void refuse(const good_file *files, const char *format, const char *name, const char *text,
                   int line, const char *says) {
  const temp_folder f = make_set(files, name, text);
  char place[300];
  if (line > 0) snprintf(place, sizeof place, "/%s:%d: ", name, line);
  else snprintf(place, sizeof place, "/%s", name);
  assert_refused(f.path, format, NULL, MAGPIE_FORMAT, place);
  assert_refused(f.path, format, NULL, MAGPIE_FORMAT, says);
  folder_remove(&f);
}

static void sets_when_right_then_open(void **state) {
  (void)state;
  static const good_file *const all[] = {magpie_files, beir_files,     tevatron_files,
                                         mmeb_files,   mixbench_files, mbeir_files};
  static const char *const names[] = {"magpie", "beir", "tevatron", "mmeb", "mixbench", "mbeir"};
  for (size_t i = 0; i < 6; i++) {
    const temp_folder f = make_set(all[i], "-", "");
    magpie_benchmark *b = open_set(f.path, NULL, NULL);
    assert_string_equal(magpie_benchmark_format(b), names[i]);
    magpie_benchmark_destroy(b);
    folder_remove(&f);
  }
}

static void magpie_query_when_bad_then_line_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
    int line;
  } bad[] = {
      {"{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\n", "not valid JSON", 2},
      {"\n[1]\n", "an object", 2},
      {"{\"text\":\"one\"}\n", "no \"id\"", 1},
      {"{\"id\":\"a b\",\"text\":\"one\"}\n", "white space", 1},
      {"{\"id\":\"\",\"text\":\"one\"}\n", "empty", 1},
      {"{\"id\":1.5,\"text\":\"one\"}\n", "whole number", 1},
      {"{\"id\":\"a\",\"text\":5}\n", "must be a string", 1},
      {"{\"id\":\"a\",\"text\":\"\"}\n", "neither text nor picture", 1},
      {"{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"a\",\"text\":\"two\"}\n", "already, in line 1",
       2},
      {"{\"id\":\"a\",\"parts\":[]}\n", "neither text nor picture", 1},
      {"{\"id\":\"a\",\"parts\":{}}\n", "must be an array", 1},
      {"{\"id\":\"a\",\"parts\":[\"one\"]}\n", "must be an object", 1},
      {"{\"id\":\"a\",\"parts\":[{\"text\":\"\"}]}\n", "text is empty", 1},
      {"{\"id\":\"a\",\"parts\":[{\"text\":\"x\",\"image\":\"y\"}]}\n", "exactly one of", 1},
      {"{\"id\":\"a\",\"parts\":[{\"text\":\"x\",\"weight\":\"1\"}]}\n", "\"weight\"", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"parts\":[{\"text\":\"x\"}]}\n", "not both", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"candidates\":[]}\n", "\"candidates\" is empty", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"candidates\":[null]}\n", "an id is a string", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"positives\":\"y\"}\n", "must be an array", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"positives\":{\"y\":\"1\"}}\n", "whole number", 1},
      {"{\"id\":\"a\",\"text\":\"x\",\"positives\":{\"y\":1000001}}\n", "outside", 1},
      {"", "no rows", 0},
      {"\r\n \n", "no rows", 0},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refuse(magpie_files, "magpie", "queries.jsonl", bad[i].text, bad[i].line, bad[i].says);
}

static void query_when_nothing_judges_it_then_line_is_named(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  const char *file = put_file(&f, "mine.jsonl",
                              "{\"id\":\"a\",\"text\":\"x\",\"positives\":[\"y\"]}\n"
                              "{\"id\":\"b\",\"text\":\"x\"}\n");
  magpie_benchmark *b = NULL;
  magpie_error err = {0};
  assert_int_equal(magpie_benchmark_open_files(file, NULL, &b, &err), MAGPIE_FORMAT);
  assert_says(&err, "mine.jsonl:2: query b has no \"positives\"");
  assert_int_equal(magpie_benchmark_open_files(f.path, NULL, &b, &err), MAGPIE_INVALID);
  assert_int_equal(magpie_benchmark_open_files(file, "/tmp/none.tsv", &b, &err), MAGPIE_NOT_FOUND);
  assert_int_equal(magpie_benchmark_open_files(NULL, NULL, &b, &err), MAGPIE_INVALID);
  folder_remove(&f);
}

static void query_when_parts_are_too_many_then_is_refused(void **state) {
  (void)state;
  mgp_buffer text;
  mgp_buffer_init(&text, NULL);
  mgp_buffer_add_text(&text, "{\"id\":\"a\",\"parts\":[");
  for (int i = 0; i <= MGP_QUERY_PARTS_MAX; i++)
    mgp_buffer_printf(&text, "%s{\"text\":\"x\"}", i ? "," : "");
  mgp_buffer_add_text(&text, "]}\n");
  refuse(magpie_files, "magpie", "queries.jsonl", text.data, 1, "65 parts, at most 64");
  mgp_buffer_fini(&text);
}

static void magpie_record_when_bad_then_line_is_named(void **state) {
  (void)state;
  const char *name = "corpus.jsonl";
  refuse(magpie_files, NULL, name,
         "{\"id\":\"x\",\"text\":\"X\"}\n\n{\"id\":\"x\",\"text\":\"X\"}\n", 3,
         "already, in line 1");
  refuse(magpie_files, NULL, name, "{\"id\":\"x\"}\n", 1, "none of \"text\"");
  refuse(magpie_files, NULL, name, "{\"id\":\"x\",\"text\":7}\n", 1, "must be a string");
  refuse(magpie_files, NULL, name, "{\"id\":\"x\",\"text\":\"X\",\"metadata\":[]}\n", 1,
         "metadata");
  refuse(magpie_files, NULL, name, "{\"text\":\"X\"}\n", 1, "no \"id\"");
  refuse(magpie_files, NULL, name, "", 0, "no documents");
}

static void qrels_when_bad_then_line_is_named(void **state) {
  (void)state;
  const char *name = "qrels/test.tsv";
  refuse(beir_files, NULL, name, "query-id\tcorpus-id\tscore\na\tx\tone\n", 2,
         "not a whole number");
  refuse(beir_files, NULL, name, "query-id\tcorpus-id\tscore\na\tx\n", 2, "2 columns");
  refuse(beir_files, NULL, name, "query-id\tcorpus-id\tscore\na\tx\t1\na 0 x 1\n", 3, "4 columns");
  refuse(beir_files, NULL, name, "query-id\tcorpus-id\tscore\nz\tx\t1\n", 2,
         "query \"z\" is not in");
  refuse(beir_files, NULL, name, "a\tx\t1\na\tx\t2\n", 2, "judged twice");
  refuse(beir_files, NULL, name, "a x 0 1 2 3\n", 1, "6 columns");
  refuse(beir_files, NULL, name, "query-id\tcorpus-id\tscore\n", 0, "no judgements");
  refuse(beir_files, NULL, name, "", 0, "no judgements");
}

static void beir_row_when_bad_then_line_is_named(void **state) {
  (void)state;
  refuse(beir_files, "beir", "queries.jsonl", "{\"id\":\"a\",\"text\":\"one\"}\n", 1, "no \"_id\"");
  refuse(beir_files, "beir", "queries.jsonl", "{\"_id\":\"a\"}\n", 1, "no \"text\"");
  refuse(beir_files, "beir", "corpus.jsonl", "{\"_id\":\"x\"}\n", 1, "no \"text\"");
  refuse(beir_files, "beir", "corpus.jsonl",
         "{\"_id\":\"x\",\"text\":\"\"}\r\n{\"_id\":\"x\",\"text\":\"\"}\r\n", 2, "in line 1");
}

static void tevatron_row_when_bad_then_line_is_named(void **state) {
  (void)state;
#define TEVATRON(passages)                                                                         \
  "{\"query_id\":\"a\",\"query\":\"one\",\"positive_passages\":" passages "}\n"
  const char *name = "train.jsonl";
  refuse(tevatron_files, "tevatron", name, "{\"query_id\":\"a\",\"query\":\"one\"}\n", 1,
         "neither");
  refuse(tevatron_files, "tevatron", name, TEVATRON("\"x\""), 1, "must be an array");
  refuse(tevatron_files, "tevatron", name, TEVATRON("[\"x\"]"), 1, "must be an object");
  refuse(tevatron_files, "tevatron", name, TEVATRON("[{\"text\":\"x\"}]"), 1, "no \"docid\"");
  refuse(tevatron_files, "tevatron", name, TEVATRON("[{\"docid\":\"x\"}]"), 1, "none of \"text\"");
  refuse(tevatron_files, "tevatron", name, TEVATRON("[]"), 0, "none of its queries is judged");
  refuse(tevatron_files, "tevatron", name,
         TEVATRON("[{\"docid\":\"x\",\"text\":\"X\"}],\"negative_passages\":[{\"docid\":\"x\","
                  "\"text\":\"X\"}]"),
         1, "judged twice");
  refuse(
      tevatron_files, "tevatron", name,
      TEVATRON(
          "[{\"docid\":\"x\",\"text\":\"X\"}]") "\n"
                                                "{\"query_id\":\"b\",\"query\":\"two\",\"positive_"
                                                "passages\":[{\"docid\":\"x\",\"text\":"
                                                "\"another\"}]}\n",
      3, "not the same as in line 1");
}

static void tevatron_query_when_video_then_is_unsupported(void **state) {
  (void)state;
  const temp_folder f = folder_create();
  const char *file = put_file(&f, "t.jsonl",
                              "{\"query_id\":\"a\",\"query_video\":\"v.mp4\","
                              "\"positive_document_ids\":[\"x\"]}\n");
  assert_refused(file, NULL, NULL, MAGPIE_UNSUPPORTED, "t.jsonl:1: query a has a video");
  folder_remove(&f);
}

static void mmeb_row_when_bad_then_line_is_named(void **state) {
  (void)state;
#define MMEB(texts, images)                                                                        \
  "{\"qry_text\":\"one\",\"qry_img_path\":\"\",\"tgt_text\":" texts ",\"tgt_img_path\":" images    \
  "}\n"
  const char *name = "test.jsonl";
  refuse(mmeb_files, NULL, name, MMEB("[]", "[]"), 1, "no candidates");
  refuse(mmeb_files, NULL, name, MMEB("\"x\"", "[]"), 1, "must be an array");
  refuse(mmeb_files, NULL, name, MMEB("[\"x\",\"y\"]", "[\"\"]"), 1, "2 in \"tgt_text\", but 1");
  refuse(mmeb_files, NULL, name, MMEB("[1]", "[\"\"]"), 1, "hold strings");
  refuse(mmeb_files, NULL, name, MMEB("[\"x\"]", "[\"\"]") MMEB("[\" \"]", "[\"\"]"), 2,
         "neither text nor picture");
  refuse(mmeb_files, "mmeb", name,
         "{\"qry_text\":\"<|image_1|>\",\"qry_img_path\":null,\"tgt_text\":[\"x\"],"
         "\"tgt_img_path\":[\"\"]}\n",
         1, "neither text nor picture");
}

static void mixbench_row_when_bad_then_line_is_named(void **state) {
  (void)state;
  refuse(mixbench_files, NULL, "queries.jsonl", "{\"query_id\":\"a\",\"text\":\"\"}\n", 1,
         "neither");
  refuse(mixbench_files, NULL, "mixed_corpus.jsonl", "{\"corpus_id\":\"x\",\"text\":\"\"}\n", 1,
         "neither text nor picture");
  refuse(mixbench_files, NULL, "mixed_corpus.jsonl", "{\"id\":\"x\",\"text\":\"X\"}\n", 1,
         "no \"corpus_id\"");
  const temp_folder f = make_set(mixbench_files, "qrels/qrels.tsv", NULL);
  put_file(&f, "qrels.jsonl", "{\"query_id\":\"a\",\"corpus_id\":\"x\",\"score\":1.5}\n");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "/qrels.jsonl:1: \"score\"");
  put_file(&f, "qrels.jsonl", "{\"query_id\":\"z\",\"corpus_id\":\"x\",\"score\":1}\n");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "/qrels.jsonl:1: query \"z\"");
  folder_remove(&f);
}

static void mbeir_row_when_bad_then_line_is_named(void **state) {
  (void)state;
  refuse(mbeir_files, NULL, MBEIR_QUERIES,
         "{\"qid\":\"1:1\",\"query_txt\":\"one\",\"query_modality\":\"sound\"}\n", 1,
         "\"query_modality\" must be");
  refuse(mbeir_files, NULL, MBEIR_QUERIES,
         "{\"qid\":\"1:1\",\"query_txt\":null,\"query_modality\":\"text\"}\n", 1, "neither text");
  refuse(
      mbeir_files, NULL, MBEIR_QUERIES,
      "{\"qid\":\"1:1\",\"query_txt\":\"x\",\"query_modality\":\"text\",\"pos_cand_list\":[{}]}\n",
      1, "no \"did\"");
  refuse(mbeir_files, NULL, MBEIR_POOL, "{\"did\":\"1:7\",\"modality\":\"text\"}\n", 1,
         "neither text");
  refuse(mbeir_files, NULL, MBEIR_POOL, "{\"did\":\"1:7\",\"txt\":\"X\"}\n", 1,
         "\"modality\" must");
}

static void mbeir_prompt_when_bad_or_missing_then_is_said(void **state) {
  (void)state;
  const temp_folder f = make_set(mbeir_files, "-", "");
  const char *name = "instructions/query_instructions.tsv";
  assert_refused(f.path, "mbeir-instructed", NULL, MAGPIE_NOT_FOUND, name);
  put_file(&f, name, "header\ntext\ttext\n");
  assert_refused(f.path, "mbeir-instructed", NULL, MAGPIE_FORMAT, "query_instructions.tsv:2: ");
  put_file(&f, name, "header\ntext\timage\tToys\t1\tFind.\n");
  assert_refused(f.path, "mbeir-instructed", NULL, MAGPIE_FORMAT, "test.jsonl:1: ");
  folder_remove(&f);
}

static void file_when_missing_then_is_named(void **state) {
  (void)state;
  static const struct {
    const good_file *files;
    const char *format, *name;
  } missing[] = {
      {beir_files, "beir", "queries.jsonl"},     {beir_files, "beir", "corpus.jsonl"},
      {beir_files, "beir", "qrels/test.tsv"},    {mixbench_files, "mixbench", "corpus.jsonl"},
      {mbeir_files, "mbeir", MBEIR_POOL},        {mixbench_files, "mixbench", "queries.jsonl"},
      {magpie_files, "magpie", "queries.jsonl"},
  };
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    const temp_folder f = make_set(missing[i].files, missing[i].name, NULL);
    unlink(put_file(&f, "mixed_corpus.jsonl", NULL));
    assert_refused(f.path, missing[i].format, NULL, MAGPIE_NOT_FOUND, missing[i].name);
    folder_remove(&f);
  }
  assert_refused("/tmp/no-such-set", NULL, NULL, MAGPIE_NOT_FOUND, "/tmp/no-such-set");
  assert_refused("", NULL, NULL, MAGPIE_INVALID, "no benchmark");
}

static void split_when_wrong_then_those_there_are_listed(void **state) {
  (void)state;
  assert_refused(FIXTURES "magpie", NULL, "nope", MAGPIE_INVALID, "there is dev, test");
  assert_refused(FIXTURES "beir", NULL, "dev", MAGPIE_INVALID, "there is test, train");
  assert_refused(FIXTURES "mbeir", NULL, "train", MAGPIE_INVALID, "there is test, val");
  assert_refused(FIXTURES "tevatron", NULL, "test", MAGPIE_INVALID, "there is train");
  assert_refused(FIXTURES "mmeb", NULL, "val", MAGPIE_INVALID, "there is test");
  assert_refused(FIXTURES "mmeb/test.jsonl", NULL, "test", MAGPIE_INVALID, "no splits");
  const temp_folder f = make_set(magpie_files, "-", "");
  assert_refused(f.path, NULL, "dev", MAGPIE_INVALID, "not divided");
  put_file(&f, "queries.train.jsonl", "{}\n");
  put_file(&f, "qrels.val.tsv", "a x 1\n");
  assert_refused(f.path, NULL, NULL, MAGPIE_INVALID, "choose one: train, val");
  folder_remove(&f);
}

static void format_when_unknown_or_untold_then_all_are_listed(void **state) {
  (void)state;
  assert_refused(FIXTURES "beir", "trec", NULL, MAGPIE_INVALID, "mixbench");
  const temp_folder f = folder_create();
  assert_refused(f.path, NULL, NULL, MAGPIE_NOT_FOUND, "queries.jsonl");
  const char *file = put_file(&f, "rows.jsonl", "{\"a\":1}\n");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "rows.jsonl:1: ");
  assert_refused(file, NULL, NULL, MAGPIE_FORMAT, "mixbench");
  put_file(&f, "rows.jsonl", "");
  assert_refused(file, NULL, NULL, MAGPIE_FORMAT, "no rows");
  folder_remove(&f);
}

static void mbeir_when_sets_are_several_then_one_must_be_named(void **state) {
  (void)state;
  const temp_folder f = make_set(mbeir_files, "-", "");
  put_file(&f, "query/test/mbeir_other_test.jsonl", "{}\n");
  assert_refused(f.path, NULL, NULL, MAGPIE_INVALID, "name the file of one");
  folder_remove(&f);
}

static void line_when_longer_than_16_mb_then_is_refused(void **state) {
  (void)state;
  const temp_folder f = make_set(magpie_files, "-", "");
  FILE *file = fopen(put_file(&f, "corpus.jsonl", NULL), "wb");
  assert_non_null(file);
  fputs("{\"id\":\"x\",\"text\":\"X\"}\n{\"id\":\"y\",\"text\":\"", file);
  for (unsigned i = 0; i < MGP_LINE_SIZE_MAX / 16; i++) fputs("sixteen letters ", file);
  fputs("\"}\n", file);
  fclose(file);
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "corpus.jsonl:2: ");
  folder_remove(&f);
}

static void settings_when_bad_then_file_is_named(void **state) {
  (void)state;
  const temp_folder f = make_set(magpie_files, "-", "");
  put_file(&f, "benchmark.json", "{\"measure\":\"luck@3\"}");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "benchmark.json");
  put_file(&f, "benchmark.json", "{}");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "benchmark.json");
  put_file(&f, "benchmark.json", "{\"measure\":\"hit@1\"");
  assert_refused(f.path, NULL, NULL, MAGPIE_FORMAT, "benchmark.json");
  folder_remove(&f);
}

static void rows_when_crlf_and_bom_then_are_the_same(void **state) {
  (void)state;
  const temp_folder f = make_set(beir_files, "queries.jsonl",
                                 "\xEF\xBB\xBF{\"_id\":\"a\",\"text\":\"one\"}\r\n\r\n"
                                 "{\"_id\":\"b\",\"text\":\"two\"}\r\n");
  put_file(&f, "qrels/test.tsv", "query-id\tcorpus-id\tscore\r\na\tx\t1\r\n\r\nb\ty\t2\r\n");
  magpie_benchmark *b = open_set(f.path, NULL, NULL);
  assert_query(b, 0, "a text | text:one");
  assert_gain(b, "b", "y", 2);
  magpie_benchmark_destroy(b);
  folder_remove(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sets_when_right_then_open),
      cmocka_unit_test(magpie_query_when_bad_then_line_is_named),
      cmocka_unit_test(query_when_nothing_judges_it_then_line_is_named),
      cmocka_unit_test(query_when_parts_are_too_many_then_is_refused),
      cmocka_unit_test(magpie_record_when_bad_then_line_is_named),
      cmocka_unit_test(qrels_when_bad_then_line_is_named),
      cmocka_unit_test(beir_row_when_bad_then_line_is_named),
      cmocka_unit_test(tevatron_row_when_bad_then_line_is_named),
      cmocka_unit_test(tevatron_query_when_video_then_is_unsupported),
      cmocka_unit_test(mmeb_row_when_bad_then_line_is_named),
      cmocka_unit_test(mixbench_row_when_bad_then_line_is_named),
      cmocka_unit_test(mbeir_row_when_bad_then_line_is_named),
      cmocka_unit_test(mbeir_prompt_when_bad_or_missing_then_is_said),
      cmocka_unit_test(file_when_missing_then_is_named),
      cmocka_unit_test(split_when_wrong_then_those_there_are_listed),
      cmocka_unit_test(format_when_unknown_or_untold_then_all_are_listed),
      cmocka_unit_test(mbeir_when_sets_are_several_then_one_must_be_named),
      cmocka_unit_test(line_when_longer_than_16_mb_then_is_refused),
      cmocka_unit_test(settings_when_bad_then_file_is_named),
      cmocka_unit_test(rows_when_crlf_and_bom_then_are_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
