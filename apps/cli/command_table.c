/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of commands and options: parsing, help and the man page all read it.
 */
#include <string.h>

#include "cli.h"

const cli_option cli_common_options[] = {
    {'x', "index", "DIR",
     "the index; default: $MAGPIE_INDEX, else ~/.local/share/magpie/default.mgp"},
    {0, "json", NULL, "print JSON: one object, or one event a line for long work"},
    {'q', "quiet", NULL, "no progress"},
    {0, "threads", "N", "threads to use; default: one a core"},
    {0, "memory", "SIZE", "ceiling for magpie's own memory, such as 512M"},
    {0, "wait", "SECONDS", "wait so long for another writer instead of giving up"},
    {0, "durability", "MODE",
     "what a power cut may cost: full (nothing; default), batched (the last commits), off (a "
     "repair)"},
    {0, "packs", "DIRS", "folders with model packs, ':' between; default: $MAGPIE_PACKS"},
    {'h', "help", NULL, "help for this command"},
    {0, NULL, NULL, NULL}};

static const cli_option no_options[] = {{0, NULL, NULL, NULL}};

static const cli_option index_options[] = {
    {0, "text-pack", "NAME", "pack that encodes texts, when the index is created"},
    {0, "keep-vanished", NULL, "keep the items of files that are gone"},
    {0, "retry", NULL, "try the files of the failure ledger again"},
    {0, "max-file", "SIZE", "larger files go to the failure ledger; default 4G"},
    {0, "max-seconds", "N", "time for reading one file; default 120"},
    {0, NULL, NULL, NULL}};

static const cli_option import_options[] = {
    {0, "text-pack", "NAME", "pack that encodes texts, when the index is created"},
    {0, "archive", NULL, "FILE is an archive of `magpie export`: it becomes the index"},
    {0, "force", NULL, "--archive: replace an index that is there"},
    {0, "max-size", "SIZE", "--archive: refuse what unpacks to more; default: what the disk holds"},
    {0, "space", "NAME", "of a file of vectors: their space; default: vectors"},
    {0, "ids", "FILE", "of a file of vectors: an id a line; default: 0, 1, 2, …"},
    {0, "metric", "NAME", "of a new space of vectors: cosine (default), dot or l2"},
    {0, NULL, NULL, NULL}};

static const cli_option search_options[] = {
    {'t', "text", "TEXT", "a text part; may be given several times, as all parts may"},
    {'i', "image", "FILE", "a picture part"},
    {'a', "audio", "FILE", "a sound part"},
    {0, "like", "ID", "an item of the index: more like this"},
    {0, "vector", "FILE", "a vector part: the first row of a .npy, .fvecs, .bvecs or .ivecs"},
    {0, "space", "NAME",
     "of --vector and --like: the space they are of; default: vectors, and all"},
    {'w', "weights", "LIST",
     "weights: t=0.4,i=0.6 for parts (t i a like v, and v2: the second vector), words=0,text=1 for "
     "spaces"},
    {0, "sum", NULL, "vectors and items: one question, the sum of weight x vector"},
    {0, "min-score", "X",
     "all that score X or more by one vector, item or sum, exactly; at most -k, default 10000"},
    {'k', "top", "N", "number of hits; default 10"},
    {0, "rrf-k", "X",
     "constant of reciprocal rank fusion; default 60; smaller trusts first ranks more"},
    {0, "kind", "LIST", "only these kinds: passage,page,row,image,sound,…"},
    {0, "records", NULL, "one hit a file or record: its best item"},
    {0, "recall", "X", "share of the nearest vectors to find in large segments; default 0.95"},
    {0, "exact", NULL, "compare every vector"},
    {0, "explain", NULL, "tell how each segment of vectors was searched"},
    {0, "html", "FILE", "write a self-contained page with pictures and sounds"},
    {0, "html-add", "FILE", "as --html, but add to a page that is there"},
    {0, "queries", "FILE",
     "run a batch: lines {\"id\",\"parts\":[{\"text\"|\"image\"|\"audio\"|\"item\",\"weight\"}]}, "
     "or a "
     "vector a row (.npy, …)"},
    {0, "run", "FILE", "where the batch goes, as a TREC run; - is standard output"},
    {0, NULL, NULL, NULL}};

static const cli_option bench_ann_options[] = {
    {0, "base", "FILE", "the vectors: .npy, .fvecs, .bvecs or .ivecs"},
    {0, "queries", "FILE", "the queries, likewise"},
    {0, "truth", "FILE", "rows of the true neighbours' numbers (.ivecs); default: computed"},
    {'k', "top", "N", "neighbours asked for; default 10"},
    {0, "space", "NAME", "cosine (default), dot or l2"},
    {0, "runs", "N", "timed runs a point, of which the median counts; default 3"},
    {0, "seconds", "S", "of one run, about; default 1"},
    {0, "svg", "FILE", "write the curves as a picture"},
    {0, "csv", "FILE", "write the points as a table"},
    {0, NULL, NULL, NULL}};

static const cli_option eval_options_table[] = {
    {0, "data", "PATH", "a benchmark's folder or file (docs/howto/benchmarks.md)"},
    {0, "format", "NAME", "its layout: magpie, beir, tevatron, mmeb, mbeir, mixbench"},
    {0, "split", "NAME", "its split; default: test, else dev, else the only one"},
    {0, "queries", "FILE", "your own questions: lines {\"id\",\"parts\",\"positives\"}"},
    {0, "qrels", "FILE", "judgements: TREC's columns or BEIR's"},
    {0, "run", "FILE", "a run to judge, instead of an index; may be given several times"},
    {0, "system", "SPEC", "lexical, dense, fused, or NAME=SETTING,…; may be given several times"},
    {'m', "measures", "LIST", "such as nDCG@10,RR@10,R@100; the first one decides"},
    {'k', "top", "N", "hits taken of each query; default 100"},
    {0, "kind", "LIST", "only these kinds"},
    {0, "explain", NULL, "say of every missed document where it was lost"},
    {0, "sweep", "SETTING=VALUES", "try values: weights.text=0..1:0.1, k=10,100, depth=…, rrf_k=…"},
    {0, "folds", "N", "of the sweep's cross-validation; default 5"},
    {0, "train-split", "NAME", "the split that chooses the sweep's point"},
    {0, "fuse", NULL, "add the reciprocal rank fusion of the runs"},
    {0, "exact", "FILE", "an exact run: tell each run's recall against it"},
    {0, "baseline", "NAME", "what the others are compared with; default: the first"},
    {0, "alpha", "P", "significance level after Holm's correction; default 0.05"},
    {0, "confidence", "C", "of the intervals; default 0.95"},
    {0, "rounds", "N", "of randomisation and bootstrap; default 10000"},
    {0, "seed", "N", "of both, and of the folds"},
    {0, "level", "N", "gains from N are relevant; default 1"},
    {0, "only-answered", NULL, "leave out queries that a run lacks; else they score 0"},
    {0, "hits", "N", "hits kept a query in what is stored; default 10"},
    {0, "html", "FILE", "write a page with tables and plots"},
    {0, "out", "FILE", "store the evaluation (.mgeval)"},
    {0, "trec", "PATH", "write each system's run into this folder (with --run: the fused run)"},
    {0, "to", "FOLDER", "convert: where to write"},
    {0, "as", "FORMAT", "convert: magpie (the default), beir or tevatron"},
    {0, NULL, NULL, NULL}};

static const cli_option failures_options[] = {{0, "retry", NULL, "read the files again now"},
                                              {0, NULL, NULL, NULL}};

static const cli_option get_options[] = {
    {0, "preview", "FILE", "write the thumbnail (JPEG) or the sound span (WAV)"},
    {0, NULL, NULL, NULL}};

static const cli_option check_options[] = {
    {0, "deep", NULL, "read every byte: checksums, postings, vectors, thumbnails"},
    {0, NULL, NULL, NULL}};

static const cli_option merge_options[] = {
    {0, "all", NULL, "one segment a space, without anything deleted in it"}, {0, NULL, NULL, NULL}};

static const cli_option export_options[] = {{0, "force", NULL, "replace a file that is there"},
                                            {0, NULL, NULL, NULL}};

static const cli_option restore_options[] = {{0, "force", NULL, "replace an index that is there"},
                                             {0, NULL, NULL, NULL}};

static const cli_option models_options[] = {
    {0, "rollback", NULL, "use: drop an unfinished change, or go back to the model before"},
    {0, "forget", NULL, "use: free the vectors of models that are not in use"},
    {0, NULL, NULL, NULL}};

static const cli_option version_options[] = {
    {0, "features", NULL, "list formats, libraries and processor tiers"}, {0, NULL, NULL, NULL}};

static const cli_option help_options[] = {{0, "man", NULL, "the whole manual in man format"},
                                          {0, NULL, NULL, NULL}};

const cli_command cli_commands[] = {
    {"index", "PATH…", "read files and folders into the index",
     "Walks the paths, reads what is new or changed, follows moved files without reading them "
     "again, "
     "and drops what vanished. Hidden names and symbolic links are passed over. What was committed "
     "stays when the work is stopped (Ctrl-C); the same command goes on from there. Files that "
     "cannot "
     "be read are listed by `magpie failures` with the reason; they never stop the work.",
     index_options, "magpie index ~/Documents ~/Pictures", cli_index},
    {"search", "[TEXT]", "search with text, pictures, sounds and items together",
     "Parts of any kind are asked together; each part asks every space that understands it, and "
     "the "
     "answers are fused by reciprocal rank. Plain words after the options are a text part.",
     search_options, "magpie search \"red bus at night\" -i bus.jpg -w t=0.4,i=0.6 --kind image",
     cli_search},
    {"import", "FILE",
     "import records {id, text | path | vector, title, kind, metadata}, vectors, or an archive",
     "One record a line; - reads standard input. A record of a known id replaces it; of records "
     "with one id in a file the last one counts. Relative paths start at the folder of the file. "
     "An "
     "item cut out of record X has the id X#n. Bad lines are "
     "listed by `magpie failures` as FILE:LINE. A FILE.npy, .fvecs, .bvecs or .ivecs is a matrix: "
     "each row becomes a vector with an id of its own. "
     "With --archive the file is one of `magpie export`, and becomes the index, which must not be "
     "there yet (--force replaces it, in one step, unless somebody writes to it). The archive may "
     "come from anywhere: names, sizes and checksums are compared with its manifest, the whole is "
     "checked as by `magpie check --deep`, and a broken one leaves nothing.",
     import_options, "magpie import corpus.jsonl -x corpus.mgp", cli_import},
    {"eval", "[diff A B|convert PATH|rows FILE|vectors A B|measures]",
     "how good are the answers, and are we sure?",
     "Asks the judged questions of a benchmark in several systems and compares them: means with "
     "intervals, significance, latency. With --run it judges runs of any engine. diff compares two "
     "stored evaluations and exits 1 when a measure fell significantly; convert writes a benchmark "
     "in another layout; rows and vectors measure answers, scores and spaces of files; measures "
     "lists what -m knows.",
     eval_options_table, "magpie eval -x corpus.mgp --data scifact --html report.html", cli_eval},
    {"bench-ann", "--base FILE --queries FILE", "our indexes on your vectors: recall and speed",
     "Builds each kind of index on the vectors, in memory, and measures recall and queries a "
     "second for rising search widths, in the manner of ann-benchmarks; one thread asks unless "
     "--threads says more. No index is read or changed.",
     bench_ann_options, "magpie bench-ann --base base.fvecs --queries query.fvecs --svg curve.svg",
     cli_bench_ann},
    {"status", "", "what the index holds", "Counts by kind and space, size, packs, failures.",
     no_options, "magpie status", cli_status},
    {"failures", "", "files that could not be read, and why",
     "The ledger of failures. A file leaves it when it is read, changed or gone.", failures_options,
     "magpie failures --retry", cli_failures},
    {"get", "ID", "one item with its text and metadata",
     "An id as shown by search; a record's id names its first item.", get_options,
     "magpie get @12#1 --preview page.jpg", cli_get},
    {"remove", "PATH|ID…", "take items, records, files or folders out of the index",
     "The files themselves are left alone. A file that still exists comes back with the next "
     "`magpie "
     "index` of its folder.",
     no_options, "magpie remove ~/Documents/old", cli_remove},
    {"check", "", "is the index damaged, and which items does that touch?",
     "Changes nothing and waits for no writer. Without --deep: headers, tables and whether they "
     "agree. Exit code 3: damaged. Search goes on without what is damaged.",
     check_options, "magpie check --deep", cli_check},
    {"repair", "", "rebuild what is damaged, and list what is lost",
     "Runs a deep check, makes words and text vectors again from stored texts, reads the files of "
     "pictures, sounds and thumbnails again, and removes files that nobody names. What cannot be "
     "made again (imported vectors, files that are gone) is listed; then the exit code is 1.",
     no_options, "magpie repair", cli_repair},
    {"merge", "", "fewer, larger files, without what was deleted",
     "Indexing merges what is due by itself; `merge` does the same for an index that only lost "
     "items, and --all frees all that `magpie status` calls dead. Searches and other writers go on "
     "meanwhile. Stopped (Ctrl-C) or killed, the index is as before.",
     merge_options, "magpie merge --all", cli_merge},
    {"snapshot", "FOLDER", "a copy of the index as it is now, while others write",
     "The copy is an index itself: search it, check it, copy it elsewhere. Files that never change "
     "are hard links where that is possible, so a snapshot on the same disk takes the catalog's "
     "size "
     "and little time; one on another disk is a full copy. It appears whole or not at all.",
     no_options, "magpie snapshot ~/backup/photos-monday.mgp -x photos.mgp", cli_snapshot},
    {"export", "FILE.tar.zst", "the index as one file, while others write",
     "Packs the last commit's content with a manifest and checksums: to keep, or for another "
     "machine, where `magpie import --archive` makes an index of it. It is checked before, as by "
     "`magpie check --deep`, and the file appears whole or not at all. The files that were indexed "
     "are not in it: only what the index knows of them, and thumbnails. A snapshot (hard links) "
     "lies beside the index meanwhile.",
     export_options, "magpie export photos.tar.zst -x photos.mgp", cli_export},
    {"restore", "SNAPSHOT", "an index from a snapshot",
     "Reads the snapshot wholly and checks it before anything changes. --force replaces the index "
     "that is there, in one step, unless somebody writes to it.",
     restore_options, "magpie restore ~/backup/photos-monday.mgp -x photos.mgp", cli_restore},
    {"models", "list|show|verify|add|pull|prepare|remove|use [NAME]",
     "the model packs, and which one an index uses",
     "list: packs installed and offered. show NAME: its pack.json. verify [NAME]: sizes and "
     "checksums. "
     "add DIR: install a folder with a pack.json. pull NAME: fetch a pack of the catalogue, or "
     "BASE-URL/ORG/NAME[@REVISION] from a model hub; an interrupted download resumes. "
     "prepare: compute what packs need of each other, once. remove NAME. "
     "use NAME: change the index (-x) to this pack: all items are encoded again beside the old "
     "vectors, which searches go on to use until one commit puts the new ones in their place. "
     "Stopped or killed, the same command goes on. --rollback goes back.",
     models_options, "magpie models use bge-small-en-v1.5 -x photos.mgp", cli_models},
    {"version", "", "version, and what this build can do", "", version_options,
     "magpie version --features", cli_version},
    {"help", "[COMMAND]", "help for a command", "", help_options, "magpie help search", cli_help},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};

const cli_command *cli_command_find(const char *name) {
  for (const cli_command *c = cli_commands; c->name; c++)
    if (strcmp(c->name, name) == 0) return c;
  return NULL;
}
