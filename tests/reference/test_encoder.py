# SPDX-License-Identifier: Apache-2.0
"""Vectors of magpie's encoders against ONNX Runtime called from Python on the reference pipeline.

Text: multilingual-e5-small with e5.c's tokens. Pictures: Pillow's resize. Sounds: a NumPy front end.
Two-tower packs: a small text/vision pair made here with the names and inputs of the usual exports.
MAGPIE_BUILD names the build folder (default: build); .deps/ is what tools/setup.sh leaves.
"""

import ctypes
import hashlib
import json
import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from PIL import Image, ImageDraw, ImageFilter  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
DEPS = Path(os.environ.get("MAGPIE_DEPS", ROOT / ".deps"))
PACKS = DEPS / "packs"
FLICKR = ROOT.parent / "shared" / "data" / "flickr8k-1k" / "images"
TOOL = BUILD / "encode_tool"


class Encoder:
    """encode_tool over one pack."""

    def __init__(self, packs, name, env=None):
        runtime = PACKS / "runtime" / "libonnxruntime.so.1"
        own = {"MAGPIE_ORT": str(runtime)} if runtime.exists() else {}
        env = {**os.environ, **own, **(env or {})}
        self.process = subprocess.Popen([TOOL, str(packs), name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=env)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def rows(self, **request):
        answer = self.ask(**request)
        assert "vectors" in answer, answer
        return np.array(answer["vectors"], np.float32)

    def documents(self, texts):
        return self.rows(op="documents", texts=texts)

    def query(self, text, space=0):
        return self.rows(op="query", text=text, space=space)[0]

    def image(self, pixels, tmp_path):
        path = tmp_path / "pixels.rgb"
        path.write_bytes(np.ascontiguousarray(pixels, np.uint8).tobytes())
        return self.ask(op="image", file=str(path), width=pixels.shape[1], height=pixels.shape[0])

    def sound(self, samples, tmp_path):
        path = tmp_path / "samples.f32"
        path.write_bytes(np.asarray(samples, np.float32).tobytes())
        return self.ask(op="sound", file=str(path))

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) in (0, 1)  # 1: the pack did not open; sanitizers exit otherwise


@pytest.fixture
def open_encoder():
    opened = []

    def make(name, packs=PACKS, env=None):
        if packs == PACKS and not (PACKS / name / "pack.json").exists():
            pytest.skip(f"the pack {name} is not in {PACKS}: run make setup")
        opened.append(Encoder(packs, name, env))
        return opened[-1]

    yield make
    for encoder in opened:
        encoder.close()


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


# ---- text ---------------------------------------------------------------------------------

TEXTS = ["The quick brown fox jumps over the lazy dog.", "a", "",
         "Der Zug nach München fährt um acht Uhr ab, sagte der Schaffner.",
         "北京是中华人民共和国的首都。", "كيف حالك اليوم؟",
         "Diffusion tensor imaging of human newborn white matter " * 20]


class E5:
    """The model by its parts: e5.c's tokens, the Q4_0 table, the encoder, mean and length 1."""

    def __init__(self, folder, tmp_path):
        source = DEPS / "reference" / "e5.c"
        if not source.exists():
            pytest.skip(f"{source} is missing: run make setup")
        wrapper, library = tmp_path / "ids.c", tmp_path / "ids.so"
        wrapper.write_text(
            '#include "e5.c"\n'
            "int ids(e5_model *m, const char *t, int *out, int cap) {\n"
            "  out[0] = m->tok.bos; int n = tok_content(&m->tok, (char *)t, out + 1, cap - 2);\n"
            "  out[n + 1] = m->tok.eos; return n + 2; }\n")
        subprocess.run(["cc", "-O2", "-w", "-shared", "-fPIC", f"-I{source.parent}", "-o", library,
                        wrapper, "-lm", "-lpthread"], check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.e5_load.restype = ctypes.c_void_p
        table = folder / "e5-small-q4.bin"
        self.model = ctypes.c_void_p(self.library.e5_load(str(table).encode()))
        self.session = session(folder / "encoder.onnx")
        self.offset, self.dim, self.data = *self.find(table, b"emb.word"), np.memmap(table, "u1", "r")

    @staticmethod
    def find(path, tensor):
        data = path.read_bytes()
        at = data.index(struct.pack("<H", len(tensor)) + tensor) + 2 + len(tensor)
        return struct.unpack_from("<Q", data, at + 5)[0], struct.unpack_from("<i", data, 8)[0]

    def ids(self, text, limit=512):
        out = (ctypes.c_int * (len(text.encode()) * 2 + 64))()
        count = self.library.ids(self.model, text.encode(), out, len(out))
        ids = list(out[:count])
        return ids if count <= limit else ids[:limit - 1] + ids[-1:]

    def row(self, i):
        size = self.dim // 32 * 18
        at = self.offset + i * size
        blocks = np.frombuffer(self.data[at:at + size].tobytes(),
                               np.dtype([("d", "<f2"), ("q", "u1", 16)]))
        values = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], 1).astype(np.float32) - 8
        return (values * blocks["d"].astype(np.float32)[:, None]).reshape(-1)

    def encode(self, texts):
        ids = [self.ids(t) for t in texts]
        width = max(map(len, ids))
        mask = np.array([[1] * len(i) + [0] * (width - len(i)) for i in ids], np.int64)
        rows = np.stack([[self.row(t) for t in i + [1] * (width - len(i))] for i in ids])
        states = self.session.run(None, {"inputs_embeds": rows.astype(np.float32),
                                         "attention_mask": mask})[0]
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


@pytest.fixture
def e5(open_encoder, tmp_path):
    ours = open_encoder("multilingual-e5-small")
    return ours, E5(PACKS / "multilingual-e5-small", tmp_path)


def test_e5_documents_equal_the_reference_in_the_same_batch(e5):
    ours, reference = e5
    expected = reference.encode(["passage: " + t for t in TEXTS])
    for text, a, b in zip(TEXTS, ours.documents(TEXTS), expected):
        assert cosine(a, b) > 0.9999, (text, cosine(a, b))
        assert abs(np.linalg.norm(a) - 1) < 1e-5


def test_e5_queries_equal_the_reference_and_themselves(e5):
    ours, reference = e5
    for text in TEXTS:
        a = ours.query(text)
        assert cosine(a, reference.encode(["query: " + text])[0]) > 0.9999, text
        ours.documents(TEXTS)
        assert np.array_equal(a, ours.query(text)), "the same question gave another vector"


def test_e5_long_texts_are_cut_at_512_tokens_with_the_end_token(e5):
    ours, reference = e5
    text = " ".join(f"word{i}" for i in range(2000))
    assert ours.ask(op="tokens", text=text) == {"count": 512}
    assert len(reference.ids("passage: " + text)) == 512
    assert cosine(ours.documents([text])[0], reference.encode(["passage: " + text])[0]) > 0.9999


# ---- pictures -----------------------------------------------------------------------------

def prepare(picture, size=256, crop=224, mean=127.0, std=128.0, scale=1.0):
    w, h = picture.size
    short = min(w, h)
    picture = picture.resize((w * size // short, h * size // short), Image.BICUBIC)
    left, top = (picture.width - crop) // 2, (picture.height - crop) // 2
    pixels = np.asarray(picture.crop((left, top, left + crop, top + crop)), np.float32)
    return ((pixels / scale - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)


def pictures():
    rng = np.random.default_rng(7)
    for w, h in [(640, 480), (333, 1000), (256, 256), (61, 47), (1600, 900)]:
        noise = Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8))
        drawing = Image.new("RGB", (w, h), (200, 220, 255))
        pen = ImageDraw.Draw(drawing)
        for _ in range(30):
            box = sorted(rng.integers(0, w, 2).tolist()), sorted(rng.integers(0, h, 2).tolist())
            pen.ellipse((box[0][0], box[1][0], box[0][1], box[1][1]),
                        fill=tuple(rng.integers(0, 256, 3).tolist()))
        yield f"noise {w}x{h}", noise.filter(ImageFilter.GaussianBlur(2))
        yield f"drawing {w}x{h}", drawing


def check_picture(ours, model, picture, name, tmp_path):
    answer = ours.image(np.asarray(picture), tmp_path)
    assert "picture" in answer, (name, answer)
    expected = model.run(["features"], {"image": prepare(picture)})[0][0]
    assert cosine(answer["picture"], expected) >= 0.999, (name, cosine(answer["picture"], expected))
    assert abs(np.linalg.norm(answer["picture"]) - 1) < 1e-5


def test_picture_vectors_equal_pillows_pipeline(open_encoder, tmp_path):
    ours = open_encoder("efficientnet-lite0")
    model = session(PACKS / "efficientnet-lite0" / "efficientnet-lite0.onnx")
    for name, picture in pictures():
        check_picture(ours, model, picture, name, tmp_path)


def test_photo_vectors_equal_pillows_pipeline(open_encoder, tmp_path):
    ours = open_encoder("efficientnet-lite0")
    if not FLICKR.exists():
        pytest.skip(f"{FLICKR} is absent")
    model = session(PACKS / "efficientnet-lite0" / "efficientnet-lite0.onnx")
    for path in sorted(FLICKR.iterdir())[:40]:
        check_picture(ours, model, Image.open(path).convert("RGB"), path.name, tmp_path)


# ---- sounds -------------------------------------------------------------------------------

def log_mel(samples):
    """shared/models.md 5b, in double precision."""
    n = np.arange(400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 400)
    mel = lambda f: 1127 * np.log(1 + f / 700)  # noqa: E731
    points = np.linspace(mel(125), mel(7500), 66)
    at = mel(np.arange(257) * 8000 / 256)
    left, centre, right = points[:-2, None], points[1:-1, None], points[2:, None]
    bank = np.maximum(0, np.minimum((at - left) / (centre - left), (right - at) / (right - centre)))
    bank[:, 0] = 0
    starts = np.arange(0, len(samples) - 399, 160)
    frames = np.stack([samples[s:s + 400] * window for s in starts])
    return np.log(np.abs(np.fft.rfft(frames, 512)) @ bank.T + 0.001)


def sound_vector(model, samples, block=160000, least=15600):
    edges = list(range(0, len(samples), block)) or [0]
    if len(edges) > 1 and len(samples) - edges[-1] < least:
        edges.pop()
    patches = []
    for start, end in zip(edges, edges[1:] + [len(samples)]):
        part = np.asarray(samples[start:end], np.float64)
        peak = np.abs(part).max()
        if peak < 5e-5:
            continue
        part = np.pad(part * (0.3 / peak), (0, max(0, least - len(part))))
        frames = log_mel(part)
        patches += [frames[i:i + 96] for i in range(0, len(frames) - 95, 48)]
    level = np.array([np.exp(p).mean() for p in patches])
    kept = np.stack([p for p, v in zip(patches, level) if v >= level.max() / 10 ** 1.5])
    mean = model.run(["embedding"], {"logmel": kept.astype(np.float32)})[0].mean(0)
    return mean / np.linalg.norm(mean)


def sounds():
    rng = np.random.default_rng(3)
    t = np.arange(16000 * 25) / 16000
    yield "tone", 0.5 * np.sin(2 * np.pi * 440 * t[:15600])
    yield "short", 0.1 * rng.standard_normal(4000)
    yield "noise 5 s", 0.05 * rng.standard_normal(80000)
    chirp = np.sin(2 * np.pi * (200 + 150 * t) * t)
    yield "chirp 25 s, rising level", 0.3 * chirp * t / 25
    yield "10.5 s: the rest joins", 0.2 * chirp[:168000]
    gaps = chirp[:80000] * (np.arange(80000) % 40000 < 15000)
    yield "with silence", 0.01 * gaps


def test_sound_vectors_equal_a_numpy_front_end(open_encoder, tmp_path):
    ours = open_encoder("yamnet")
    model = session(PACKS / "yamnet" / "yamnet.onnx")
    for name, samples in sounds():
        answer = ours.sound(samples, tmp_path)
        assert "sound" in answer, (name, answer)
        similarity = cosine(answer["sound"], sound_vector(model, samples.astype(np.float32)))
        assert similarity > 0.9999, (name, similarity)


def test_silence_has_no_vector_and_says_so(open_encoder, tmp_path):
    ours = open_encoder("yamnet")
    for samples in (np.zeros(80000), np.zeros(0), np.full(20000, np.nan)):
        answer = ours.sound(samples, tmp_path)
        assert answer.get("code") == -6 and "silent" in answer["error"], answer


# ---- two towers ---------------------------------------------------------------------------

DIM = 24


def byte_letters():
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in own}
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + len(letters) - len(own))
    return [letters[b] for b in own] + [letters[b] for b in range(256) if b not in own]


def vocabulary(folder):
    """CLIP's layout with a handful of merges."""
    merges = [("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>"), ("r", "e"), ("re", "d</w>")]
    letters = byte_letters()
    words = letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {w: i for i, w in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2"] + [" ".join(m) for m in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return vocab


def save(path, nodes, inputs, output, weights):
    graph = helper.make_graph(nodes, "tower", inputs, [output],
                              [numpy_helper.from_array(v, k) for k, v in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def text_model(path, size, with_mask, rng):
    """Token vectors, summed over what the mask (or a pad id of 0 weight) leaves, and projected."""
    value = helper.make_tensor_value_info
    inputs = [value("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"])]
    weights = {"table": rng.standard_normal((size, 16)).astype(np.float32),
               "projection": rng.standard_normal((16, DIM)).astype(np.float32),
               "axis": np.array([2])}
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["words"])]
    words = "words"
    if with_mask:
        inputs.append(value("attention_mask", TensorProto.INT64, ["batch_size", "sequence_length"]))
        nodes += [helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
                  helper.make_node("Unsqueeze", ["mask", "axis"], ["mask3"]),
                  helper.make_node("Mul", ["words", "mask3"], ["kept"])]
        words = "kept"
    nodes += [helper.make_node("ReduceMax", [words], ["most"], axes=[1], keepdims=0),
              helper.make_node("MatMul", ["most", "projection"], ["text_embeds"])]
    save(path, nodes, inputs, value("text_embeds", TensorProto.FLOAT, ["batch_size", DIM]), weights)


def vision_model(path, rng):
    value = helper.make_tensor_value_info
    weights = {"kernel": rng.standard_normal((16, 3, 16, 16)).astype(np.float32) / 16,
               "projection": rng.standard_normal((16, DIM)).astype(np.float32)}
    nodes = [helper.make_node("Conv", ["pixel_values", "kernel"], ["patches"], strides=[16, 16]),
             helper.make_node("Relu", ["patches"], ["active"]),
             helper.make_node("GlobalAveragePool", ["active"], ["mean"]),
             helper.make_node("Flatten", ["mean"], ["flat"]),
             helper.make_node("MatMul", ["flat", "projection"], ["image_embeds"])]
    save(path, nodes, [value("pixel_values", TensorProto.FLOAT, ["batch_size", 3, 224, 224])],
         value("image_embeds", TensorProto.FLOAT, ["batch_size", DIM]), weights)


def write_pack(folder, manifest):
    manifest["files"] = [
        {"file": p.name, "size": p.stat().st_size,
         "sha256": hashlib.sha256(p.read_bytes()).hexdigest()}
        for p in sorted(folder.iterdir()) if p.name != "pack.json"]
    (folder / "pack.json").write_text(json.dumps(manifest))


def two_towers(tmp_path, with_mask=True, quantised=False):
    folder = tmp_path / "packs" / "towers"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(11)
    vocab = vocabulary(folder)
    suffix = "_quantized" if quantised else ""
    text, vision = folder / f"text_model{suffix}.onnx", folder / f"vision_model{suffix}.onnx"
    plain = tmp_path / "plain.onnx"
    text_model(plain if quantised else text, len(vocab), with_mask, rng)
    if quantised:
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantize_dynamic(plain, text, weight_type=QuantType.QUInt8)
    vision_model(vision, rng)
    inputs = {"ids": "input_ids", **({"mask": "attention_mask"} if with_mask else {})}
    manifest = {
        "format": 1, "name": "towers", "licence": "none", "source": "made by a test",
        "spaces": [{"name": "towers", "metric": "cosine", "dim": DIM, "items": ["image"],
                    "queries": ["text", "image"], "weight": 1.0}],
        "text": {"model": text.name, "space": "towers",
                 "tokenizer": {"kind": "clip-bpe", "file": "vocab.json", "file2": "merges.txt"},
                 "max_tokens": 77, **({} if with_mask else {"pad_to": 77}), "inputs": inputs,
                 "output": "text_embeds", "pooling": "none", "normalise": True},
        "image": {"model": vision.name, "input": "pixel_values",
                  "recipe": {"resize": 224, "crop": 224, "filter": "bicubic", "scale": 255,
                             "mean": [0.48145466, 0.4578275, 0.40821073],
                             "std": [0.26862954, 0.26130258, 0.27577711]},
                  "outputs": [{"output": "image_embeds", "space": "towers", "normalise": True}]}}
    write_pack(folder, manifest)
    return folder, manifest, vocab


@pytest.mark.parametrize("with_mask,quantised", [(True, False), (False, False), (True, True)])
def test_two_towers_share_one_space(open_encoder, tmp_path, with_mask, quantised):
    folder, manifest, vocab = two_towers(tmp_path, with_mask, quantised)
    ours = open_encoder("towers", folder.parent)
    start, end = vocab["<|startoftext|>"], vocab["<|endoftext|>"]
    ids = [start, vocab["red</w>"], vocab["cat</w>"], end]
    if not with_mask:
        ids += [end] * (77 - len(ids))
    feed = {"input_ids": np.array([ids])}
    if with_mask:
        feed["attention_mask"] = np.ones_like(feed["input_ids"])
    expected = session(folder / manifest["text"]["model"]).run(None, feed)[0][0]
    got = ours.query("Red cat")
    assert cosine(got, expected) > 0.9999 and abs(np.linalg.norm(got) - 1) < 1e-5
    batch = ours.documents(["red cat", "dog"])
    if not quantised:
        assert cosine(batch[0], expected) > 0.9999
    picture = next(p for n, p in pictures() if n.startswith("drawing"))
    pixels = prepare(picture, 224, 224, np.array([0.48145466, 0.4578275, 0.40821073]),
                     np.array([0.26862954, 0.26130258, 0.27577711]), 255)
    expected = session(folder / manifest["image"]["model"]).run(None, {"pixel_values": pixels})[0][0]
    assert cosine(ours.image(np.asarray(picture), tmp_path)["towers"], expected) >= 0.999


# ---- wrong packs --------------------------------------------------------------------------

def break_output(folder, manifest):
    manifest["text"]["output"] = "sentence_embedding"
    return ["sentence_embedding", "text_embeds", "text_model.onnx"]


def break_input(folder, manifest):
    manifest["text"]["inputs"]["types"] = "token_type_ids"
    return ["token_type_ids", "input_ids, attention_mask"]


def forget_input(folder, manifest):
    del manifest["text"]["inputs"]["mask"]
    return ["attention_mask", "does not name"]


def break_dim(folder, manifest):
    manifest["spaces"][0]["dim"] = 32
    return ["32", str(DIM), "text_embeds"]


def not_a_model(folder, manifest):
    (folder / "text_model.onnx").write_bytes(b"<html>not found</html>")
    return ["text_model.onnx", "ONNX model", "verify"]


def broken_vocabulary(folder, manifest):
    (folder / "vocab.json").write_text("{}")
    return ["vocab.json"]


@pytest.mark.parametrize("damage", [break_output, break_input, forget_input, break_dim, not_a_model,
                                    broken_vocabulary])
def test_wrong_packs_are_told_by_name(open_encoder, tmp_path, damage):
    folder, manifest, _ = two_towers(tmp_path)
    words = damage(folder, manifest)
    write_pack(folder, manifest)
    answer = json.loads(open_encoder("towers", folder.parent).process.stdout.readline())
    assert answer["code"] == -10, answer
    for word in words:
        assert word in answer["error"], (word, answer)


def test_a_file_of_another_size_is_refused(open_encoder, tmp_path):
    folder, _, _ = two_towers(tmp_path)
    path = folder / "text_model.onnx"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    answer = json.loads(open_encoder("towers", folder.parent).process.stdout.readline())
    assert answer["code"] == -10 and str(size) in answer["error"] and str(size - 100) in answer["error"]
    path.unlink()
    answer = json.loads(open_encoder("towers", folder.parent).process.stdout.readline())
    assert answer["code"] == -10 and "missing" in answer["error"], answer


def test_a_broken_picture_model_leaves_text_working(open_encoder, tmp_path):
    folder, manifest, _ = two_towers(tmp_path)
    (folder / "vision_model.onnx").write_bytes(b"\x08\x07 nonsense")
    write_pack(folder, manifest)
    ours = open_encoder("towers", folder.parent)
    assert ours.query("cat").shape == (DIM,)
    for _ in range(2):
        answer = ours.image(np.zeros((50, 50, 3)), tmp_path)
        assert answer["code"] == -10 and "vision_model.onnx" in answer["error"], answer


def test_a_missing_or_wrong_runtime_says_what_to_do(open_encoder, tmp_path):
    folder, _, _ = two_towers(tmp_path)
    for name in ("nothing.so", "text.so"):
        path = tmp_path / name
        if name == "text.so":
            path.write_text("not a library")
        encoder = open_encoder("towers", folder.parent, {"MAGPIE_ORT": str(path)})
        answer = json.loads(encoder.process.stdout.readline())
        assert answer["code"] == -10 and str(path) in answer["error"], answer
        assert "make setup" in answer["error"]
