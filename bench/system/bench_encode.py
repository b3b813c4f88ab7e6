# SPDX-License-Identifier: Apache-2.0
"""Encoding throughput: magpie's text encoder against ONNX Runtime called directly.

    bench_encode.py [--texts N] [--rounds N] [--threads 1,2] [--tokens 256,1024]

Both get the same length-sorted batches. The reference is the best case: its input arrays lie ready
(no tokens, no table rows, no pooling) and it does nothing but session.run. Rounds of both alternate;
medians are printed as CSV. `ratio` is reference time / our time, the median of the rounds' own ratios:
1 is as fast. `cpu_ratio` is the same of processor time, which a busy machine blurs less. Exit 1 when
both are under 0.9 anywhere.
"""

import argparse
import concurrent.futures
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build"))
PACKS = Path(os.environ.get("MAGPIE_DEPS", ROOT / ".deps")) / "packs"
SCIFACT = ROOT.parent / "shared" / "data" / "scifact" / "corpus.jsonl"
PACK = "multilingual-e5-small"
FLOOR = 0.9


def passages(count):
    """Passages of up to 130 words: SciFact's where it is, else made of seeded syllables."""
    rng = random.Random(1)
    if SCIFACT.exists():
        records = map(json.loads, SCIFACT.read_text(encoding="utf-8").splitlines()[:count])
        texts = [f"{r['title']} {r['text']}" for r in records]
    else:
        syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
        word = lambda: "".join(rng.choices(syllables, k=rng.randint(1, 4)))  # noqa: E731
        texts = [" ".join(word() for _ in range(rng.randint(20, 200))) for _ in range(count)]
    cut = [" ".join(t.split()[i:i + 130]) for t in texts for i in range(0, len(t.split()), 130)]
    rng.shuffle(cut)
    return cut[:count]


class Tool:
    def __init__(self):
        env = dict(os.environ, MAGPIE_ORT=str(PACKS / "runtime" / "libonnxruntime.so.1"))
        self.process = subprocess.Popen([BUILD / "encode_tool", str(PACKS), PACK], text=True, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def cut_batches(texts, lengths, budget, most=32):
    order = sorted(range(len(texts)), key=lambda i: -lengths[i])
    batches = []
    while order:
        size = max(1, min(most, budget // lengths[order[0]]))
        batches.append(order[:size])
        order = order[size:]
    return batches


def prepare(batches, lengths, dim):
    rng = np.random.default_rng(0)
    feeds = []
    for batch in batches:
        width = lengths[batch[0]]
        mask = np.array([[1] * lengths[i] + [0] * (width - lengths[i]) for i in batch], np.int64)
        rows = rng.standard_normal((len(batch), width, dim), dtype=np.float32) * 0.05
        feeds.append({"inputs_embeds": rows, "attention_mask": mask})
    return feeds


def time_reference(session, feeds, pool):
    start, start_cpu = time.perf_counter(), time.process_time()
    list(pool.map(lambda feed: session.run(None, feed), feeds))
    return time.perf_counter() - start, time.process_time() - start_cpu


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--tokens", default="256,1024")
    options = parser.parse_args()
    tool = Tool()
    texts = passages(options.texts)
    lengths = [tool.ask(op="tokens", text=t)["count"] for t in texts]
    session_options = ort.SessionOptions()
    session_options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(PACKS / PACK / "encoder.onnx"), session_options,
                                   providers=["CPUExecutionProvider"])
    print("pack,threads,batch_tokens,texts,tokens,ours_s,reference_s,ratio,cpu_ratio,texts_per_s,rss_mb")
    worst = 9.0
    for threads in map(int, options.threads.split(",")):
        for budget in map(int, options.tokens.split(",")):
            batches = cut_batches(texts, lengths, budget)
            feeds = prepare(batches, lengths, 384)
            named = [[texts[i] for i in b] for b in batches]
            ours, theirs, rss = [], [], 0
            with concurrent.futures.ThreadPoolExecutor(threads) as pool:
                for _ in range(options.rounds):
                    answer = tool.ask(op="bench", batches=named, threads=threads, rounds=1)
                    assert not answer["failed"], answer
                    ours.append(answer["seconds"][0])
                    rss = answer["rss_mb"]
                    theirs.append(time_reference(session, feeds, pool))
            a, b = (statistics.median(wall for wall, _ in rounds) for rounds in (ours, theirs))
            ratio, cpu_ratio = (statistics.median(t[k] / o[k] for o, t in zip(ours, theirs))
                                for k in (0, 1))
            worst = min(worst, max(ratio, cpu_ratio))
            print(f"{PACK},{threads},{budget},{len(texts)},{sum(lengths)},{a:.3f},{b:.3f},{ratio:.3f},"
                  f"{cpu_ratio:.3f},{len(texts) / a:.1f},{rss}", flush=True)
    if worst < FLOOR:
        print(f"bench_encode: the worst ratio {worst:.3f} is under {FLOOR}", file=sys.stderr)
    return int(worst < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
