# SPDX-License-Identifier: Apache-2.0
"""Exact and compressed scans: magpie's and the peers', each a function (base, threads) -> (bytes a scan reads, search),
where search(queries) gives the best K of each. Called as the peers' documentation says."""
import numpy as np

import ours
from workers import K


def best(scores):
    """As a NumPy user selects."""
    scores = np.asarray(scores)
    part = np.argpartition(-scores, K, axis=1)[:, :K]
    return np.take_along_axis(part, np.argsort(np.take_along_axis(-scores, part, 1), 1), 1)


def magpie(codec, bits=0, rerank=0):
    def make(base, threads):
        scan = ours.Scan(base, codec, bits, threads)
        return scan.size, lambda queries: scan.search(queries, K, rerank)
    return make


def numpy_product(base, threads):
    return base.nbytes, lambda q: best((base @ q[0])[None]) if len(q) == 1 else best(q @ base.T)


def faiss(text):
    def make(base, threads):
        import faiss as peer
        peer.omp_set_num_threads(threads)
        kinds = {"SQ8": "QT_8bit", "SQbf16": "QT_bf16", "SQfp16": "QT_fp16"}
        if text in kinds:
            kind = getattr(peer.ScalarQuantizer, kinds[text])
            index = peer.IndexScalarQuantizer(base.shape[1], kind, peer.METRIC_INNER_PRODUCT)
        else:
            index = peer.index_factory(base.shape[1], text, peer.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(base)
        index.add(base)
        return len(peer.serialize_index(index)), lambda q: index.search(q, K)[1]
    return make


def faiss_binary(base, threads):
    import faiss as peer
    peer.omp_set_num_threads(threads)
    index = peer.IndexBinaryFlat(base.shape[1])
    index.add(np.packbits(base > 0, axis=1))
    return base.size // 8, lambda q: index.search(np.packbits(q > 0, axis=1), K)[1]


def svs_flat(base, threads):
    import svs
    index = svs.Flat(base, svs.DistanceType.MIP, num_threads=threads)
    return base.nbytes, lambda q: index.search(q, K)[0]


def numkong(kind):
    def make(base, threads):
        import numkong as nk
        most = np.abs(base).max()

        def ready(rows):
            if kind == "bf16":
                return nk.astype(nk.Tensor(rows), "bf16")
            if kind == "i8":
                return nk.Tensor(np.clip(np.rint(rows * 127 / most), -127, 127).astype(np.int8))
            return nk.Tensor(np.packbits(rows > 0, axis=1)) if kind == "b1" else nk.Tensor(rows)
        packed = nk.dots_pack(ready(base), dtype="bf16") if kind == "bf16" else nk.dots_pack(ready(base))
        return base.size * (2 if kind == "bf16" else 1), lambda q: best(nk.dots_packed(ready(q), packed))
    return make


def turbovec(width, rerank=0):
    def make(base, threads):
        import turbovec as peer
        index = peer.TurboQuantIndex(base.shape[1], width)
        index.add(base)
        if not rerank:
            return base.size * width // 8, lambda q: index.search(q, K)[1]

        def search(q):
            ids = np.asarray(index.search(q, rerank)[1])
            scores = np.einsum("qd,qrd->qr", q, base[ids])
            return np.take_along_axis(ids, np.argsort(-scores, axis=1)[:, :K], 1)
        return base.size * width // 8, search
    return make


NO_PLANES = {"TURBOVEC_4BIT_PLANES": "0"}  # its switch: every code is read, as one would think it does
GROUPS = {
    "f32": {"magpie f32": magpie("f32"), "svs Flat": svs_flat, "faiss Flat": faiss("Flat"), "numpy": numpy_product},
    "half": {"magpie bf16": magpie("bf16"), "numkong bf16": numkong("bf16"), "faiss SQbf16": faiss("SQbf16")},
    "int8": {"magpie int8": magpie("int8"), "faiss SQ8": faiss("SQ8"), "numkong i8": numkong("i8")},
    "1 bit": {"magpie rabitq1": magpie("rabitq1"), "faiss BinaryFlat signs": faiss_binary,
              "faiss RaBitQfs": faiss("RaBitQfs")},
    "4 bit": {
        "magpie int4": magpie("int4"), "magpie rabitq 4 bit": magpie("rabitq", 4), "turbovec 4 bit": turbovec(4),
        "turbovec 4 bit, no planes": turbovec(4), "faiss PQ192x4fs": faiss("PQ192x4fs"),
    },
    "re-scored": {
        "magpie int4, 30 re-scored": magpie("int4", 0, 30), "magpie rabitq1, 60 re-scored": magpie("rabitq1", 0, 60),
        "magpie rabitq1, 100 re-scored": magpie("rabitq1", 0, 100),
        "magpie rabitq1, 200 re-scored": magpie("rabitq1", 0, 200),
        "magpie rabitq1, 300 re-scored": magpie("rabitq1", 0, 300), "magpie pq, 300 re-scored": magpie("pq", 0, 300),
        "turbovec 4 bit, 30 re-scored in NumPy": turbovec(4, 30),
    },
}
