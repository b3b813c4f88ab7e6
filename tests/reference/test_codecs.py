# SPDX-License-Identifier: Apache-2.0
"""Codes and scores of src/index/codec_*.c against NumPy written from the papers' formulas.

The reference rotates by an explicit matrix product with a Hadamard matrix, rounds in double and scores decoded
codes with the query unrounded or rounded by its own code; codec_tool of MAGPIE_BUILD gives what magpie computes.
"""

import os
import subprocess
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build")) / "codec_tool"
INT8, INT8DIM, INT4, RABITQ, RABITQ1, PQ, BF16, F16 = range(8)
SIGMAS = 3.5


def run(tmp_path, kind, rows, queries, bits=0, keep=0, parts=0, l2=False, exact=False, seed=3):
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is missing: build the target reference_tools")
    names = [tmp_path / name for name in ("rows", "queries", "out")]
    rows.astype("<f4").tofile(names[0])
    queries.astype("<f4").tofile(names[1])
    subprocess.run([TOOL, *map(str, (kind, bits, rows.shape[1], keep, parts, "l2" if l2 else "dot",
                                     "exact" if exact else "fast", seed)), *names], check=True)
    out = np.fromfile(names[2], "<f4").astype(float)
    width = keep or rows.shape[1]
    count = int(out[0])
    state, out = out[1:1 + count], out[1 + count:]
    decoded, out = out[:len(rows) * width].reshape(len(rows), width), out[len(rows) * width:]
    both = out.reshape(len(queries), 2, len(rows))
    return state, decoded, both[:, 0], both[:, 1]


def data(dim, count=200, queries=10, seed=1):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(10, dim)) + 0.5
    rows = centres[rng.integers(10, size=count)] + 0.7 * rng.normal(size=(count, dim))
    near = rows[:queries] + 0.7 * rng.normal(size=(queries, dim))
    return rows.astype("f4").astype(float), near.astype("f4").astype(float)


def bytes_of(query):
    """A query as magpie rounds it: signed bytes of one step."""
    step = np.abs(query).max() / 127
    return np.rint(query / step) * step if step else query


def score(query, rounded, decoded, rows, mean, l2):
    """mean: what the unrounded query meets; the rest of a decoded row meets the rounded one."""
    dot = query @ mean + (decoded - mean) @ rounded
    return 2 * dot - (rows ** 2).sum(1) - query @ query if l2 else dot


def close(got, want, scale, tolerance=2e-5):
    assert np.abs(got - want).max() <= tolerance * scale, np.abs(got - want).max() / scale


@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("dim", [7, 64, 129])
def test_int8(tmp_path, dim, l2):
    rows, queries = data(dim)
    state, decoded, scores, _ = run(tmp_path, INT8, rows, queries, l2=l2)
    mean = rows.mean(0)
    close(state, mean, 1)
    rest = rows - mean
    step = np.abs(rest).max(1, keepdims=True) / 127
    assert np.abs(decoded - rows).max() <= step.max() * 0.5001
    want = mean + np.rint(rest / step) * step
    assert (np.abs(decoded - want) > 1e-4).mean() < 1e-3  # ties may round otherwise
    for query, got in zip(queries, scores):
        close(got, score(query, bytes_of(query), decoded, rows, mean, l2), dim * 4)


@pytest.mark.parametrize("l2", [False, True])
def test_int8_of_each_dimension(tmp_path, l2):
    dim = 90
    rows, queries = data(dim, count=1500)
    rows[3, 5] = 1e4  # left out of the range as one of a thousand
    state, decoded, scores, _ = run(tmp_path, INT8DIM, rows, queries, l2=l2)
    least, most = np.sort(rows, 0)[1], np.sort(rows, 0)[-2]
    step = (most - least) / 255
    close(state, np.concatenate([least, step]), 1)
    want = least + np.clip(np.rint((rows - least) / step), 0, 255) * step
    assert (np.abs(decoded - want) > 1e-3).mean() < 1e-3
    for query, got in zip(queries, scores):
        folded = bytes_of(query * step)
        dot = query @ least + ((decoded - least) / step) @ folded
        norms = (rows ** 2).sum(1)
        close(got, 2 * dot - norms - query @ query if l2 else dot, max(dim * 4, norms.max() if l2 else 0))


@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("dim", [7, 64, 129])
def test_int4(tmp_path, dim, l2):
    rows, queries = data(dim)
    _, decoded, scores, _ = run(tmp_path, INT4, rows, queries, l2=l2)
    mean = rows.mean(0)
    rest = rows - mean
    least = rest.min(1, keepdims=True)
    step = (rest.max(1, keepdims=True) - least) / 15
    want = mean + least + np.rint((rest - least) / step) * step
    assert (np.abs(decoded - want) > 1e-3).mean() < 2e-3
    for query, got in zip(queries, scores):
        close(got, score(query, bytes_of(query), decoded, rows, mean, l2), dim * 4)


@pytest.mark.parametrize("l2", [False, True])
def test_half_floats(tmp_path, l2):
    rows, queries = data(75)
    rows[0, :4] = [1e-7, 65504, -1e5, 3]
    for kind in (BF16, F16):
        def rounded(x):
            if kind == F16:
                return np.clip(x, -65504, 65504).astype(np.float16).astype(float)
            bits = x.astype("<f4").view("<u4").astype(np.uint64)
            return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16 << 16).astype("<u4").view("<f4").astype(float)
        _, decoded, scores, _ = run(tmp_path, kind, rows, queries, l2=l2)
        assert (decoded == rounded(rows)).all()
        for query, got in zip(rounded(queries), scores):
            want = -((decoded - query) ** 2).sum(1) if l2 else decoded @ query
            assert (np.abs(got - want) <= 1e-5 * (np.abs(decoded) @ np.abs(query) + np.abs(want)) + 1e-4).all()


# ---- RaBitQ ----

def splitmix(seed, count):
    out, mask = [], (1 << 64) - 1
    for _ in range(count):
        seed = (seed + 0x9e3779b97f4a7c15) & mask
        z = ((seed ^ seed >> 30) * 0xbf58476d1ce4e5b9) & mask
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) & mask
        out.append(z ^ z >> 31)
    return out


def hadamard(size):
    h = np.ones((1, 1))
    while len(h) < size:
        h = np.block([[h, h], [h, -h]])
    return h / np.sqrt(size)


def rotate(vectors, seed):
    """Four rounds: signs, a Hadamard matrix at the front or the back, a Givens turn of the halves."""
    dim = -(-vectors.shape[1] // 64) * 64
    block = 1 << (dim.bit_length() - 1)
    words = splitmix(seed, 4 * dim // 64)
    x = np.zeros((len(vectors), dim))
    x[:, :vectors.shape[1]] = vectors
    for turn in range(4):
        signs = [-1 if words[(turn * dim + i) // 64] >> i % 64 & 1 else 1 for i in range(dim)]
        x = x * np.array(signs)
        part = slice(dim - block, dim) if turn % 2 else slice(0, block)
        x[:, part] = x[:, part] @ hadamard(block)
        if block < dim:
            a, b = x[:, :dim // 2], x[:, dim // 2:]
            x = np.concatenate([a + b, a - b], 1) / np.sqrt(2)
    return x


def best_codes(turned, bits):
    """The grid point nearest in angle, by trying every scale at which a code changes."""
    out = np.empty_like(turned)
    levels = 2 ** (bits - 1) - 1
    for row, vector in enumerate(turned):
        size = np.abs(vector)
        scales = np.concatenate([[0.0]] + [k / size for k in range(1, levels + 1)])
        best = -1
        for scale in np.unique(scales):
            u = np.minimum(np.floor(size * scale * (1 + 1e-9)), levels) + 0.5
            cosine = (u @ size) / np.sqrt(u @ u)
            if cosine > best:
                best, out[row] = cosine, np.where(vector > 0, u, -u)
    return out


@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("kind,bits,dim", [(RABITQ, 1, 64), (RABITQ, 1, 100), (RABITQ, 1, 200), (RABITQ1, 1, 100),
                                           (RABITQ1, 1, 384), (RABITQ, 2, 100), (RABITQ, 3, 64), (RABITQ, 4, 100),
                                           (RABITQ, 8, 64)])
def test_rabitq(tmp_path, kind, bits, dim, l2):
    rows, queries = data(dim, count=40 if bits > 4 else 100)
    _, decoded, scores, bounds = run(tmp_path, kind, rows, queries, bits=bits, l2=l2, exact=True, seed=5)
    mean = rows.mean(0)
    turned, turned_queries = rotate(rows - mean, 5), rotate(queries - mean, 5)
    u = best_codes(turned, bits) if bits > 1 else np.where(turned > 0, 0.5, -0.5)
    length, along, size = (np.linalg.norm(turned, axis=1), (turned * u).sum(1), np.linalg.norm(u, axis=1))
    # decoded: |o'| in the direction of u, turned back, on the mean; what lies in the padding is lost
    matrix = rotate(np.eye(u.shape[1]), 5)
    want = mean + ((u * (length / size)[:, None]) @ matrix.T)[:, :dim]
    good = np.linalg.norm(decoded - want, axis=1) < 1e-2 * length
    assert good.mean() > 0.97  # codes agree, but for rounding at a border
    levels = {1: 15, 2: 255, 3: 255}.get(bits, 0)
    for query, turned_query, got, bound in zip(queries, turned_queries, scores, bounds):
        if kind == RABITQ1:  # sums of groups of four are rounded, not numbers
            rounded, step = turned_query, None
        elif levels:
            low = turned_query.min()
            step = (turned_query.max() - low) / levels
            rounded = low + step * np.rint((turned_query - low) / step)
        else:
            step = np.abs(turned_query).max() / 127
            rounded = bytes_of(turned_query)
        product = length ** 2 / along * (u @ rounded)
        if l2:
            want = 2 * product - length ** 2 - turned_query @ turned_query
            truth = -((rows - query) ** 2).sum(1)
        else:
            want = product + rows @ mean + query @ mean - mean @ mean
            truth = rows @ query
        unit = np.linalg.norm(turned_query) * length * (2 if l2 else 1)
        if kind == RABITQ1:
            assert (np.abs(got - want) / unit)[good].max() < 0.03
        else:
            assert (np.abs(got - want) / unit)[good].max() < (2e-3 if bits > 1 else 1e-4)
        assert (np.abs(got - truth) <= bound).mean() > 0.97
        if step is not None and bits < 8:
            err = SIGMAS * length * np.sqrt(((length * size / along) ** 2 - 1) / (len(turned_query) - 1))
            noise = SIGMAS * length ** 2 * size / along * step / np.sqrt(12)
            want_bound = (2 if l2 else 1) * np.hypot(err * np.linalg.norm(turned_query), noise)
            assert (np.abs(bound / want_bound - 1))[good].max() < 0.01


def test_rabitq_fast_codes_are_nearly_the_best(tmp_path):
    rows, queries = data(128)
    for bits in (2, 3, 4, 8):
        errors = [np.linalg.norm(run(tmp_path, RABITQ, rows, queries, bits=bits, exact=exact)[1] - rows)
                  for exact in (False, True)]
        assert errors[1] <= errors[0] * 1.001 and errors[0] < errors[1] * 1.15


# ---- product quantisation ----

@pytest.mark.parametrize("l2", [False, True])
@pytest.mark.parametrize("dim,parts", [(64, 16), (65, 0), (30, 7)])
def test_pq(tmp_path, dim, parts, l2):
    rows, queries = data(dim, count=700)
    state, decoded, scores, _ = run(tmp_path, PQ, rows, queries, parts=parts, l2=l2)
    parts = parts or -(-dim // 4)
    size = -(-dim // parts)
    centroids = state.reshape(parts, 16, size)
    padded = np.zeros((len(rows), parts * size))
    padded[:, :dim] = rows
    wide = np.zeros((len(queries), parts * size))
    wide[:, :dim] = queries
    cut = padded.reshape(len(rows), parts, 1, size)
    codes = ((cut - centroids) ** 2).sum(-1).argmin(-1)
    want = np.stack([centroids[p, codes[:, p]] for p in range(parts)], 1).reshape(len(rows), -1)[:, :dim]
    assert (np.abs(decoded - want) > 1e-5).mean() < 1e-3
    # k-means beats one mean of each dimension by far on clustered data
    assert ((decoded - rows) ** 2).sum() < 0.5 * ((rows - rows.mean(0)) ** 2).sum()
    for query, got in zip(wide, scores):
        x = query.reshape(parts, 1, size)
        table = -((x - centroids) ** 2).sum(-1) if l2 else (x * centroids).sum(-1)
        least = table.min(1, keepdims=True)
        step = (table - least).max() / 255
        table = least + np.rint((table - least) / step) * step
        close(got, table[np.arange(parts), codes].sum(1), np.abs(table).sum(), 1e-4)


@pytest.mark.parametrize("kind,bits", [(INT8, 0), (INT4, 0), (RABITQ, 4), (RABITQ1, 1)])
def test_truncated_vectors_are_of_length_one(tmp_path, kind, bits):
    rows, queries = data(96)
    _, decoded, scores, _ = run(tmp_path, kind, rows, queries, bits=bits, keep=64)
    cut = rows[:, :64] / np.linalg.norm(rows[:, :64], axis=1, keepdims=True)
    cut_queries = queries[:, :64] / np.linalg.norm(queries[:, :64], axis=1, keepdims=True)
    assert decoded.shape == (200, 64)
    assert np.abs(scores - cut_queries @ cut.T).max() < (0.3 if bits == 1 else 0.06)
