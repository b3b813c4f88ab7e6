# SPDX-License-Identifier: Apache-2.0
"""Approximate indexes: magpie's graph and the peers', each a function (base, l2, threads, efc) -> (bytes or a function
that gives them, search, knobs), where search(queries, knob, threads) gives the best K of each. Graphs: degree 32,
construction width efc; the rest as the peers' bench calls them."""
import tempfile
from pathlib import Path

import numpy as np

import ours
from workers import K

WIDTHS = [16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 400, 640]
RECALLS = [0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995]
PROBES = [1, 2, 4, 8, 16, 32, 64, 128, 256]


def file_size(write):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        write(str(path))
        return path.stat().st_size


def magpie(base, l2, threads, efc):
    graph = ours.Graph(ours.aligned(base), int(l2), threads)
    return graph.size + base.nbytes, lambda q, wanted, t: graph.search(q, K, wanted, t), RECALLS


def magpie_clusters(base, l2, threads, efc):
    clusters = ours.Clusters(ours.aligned(base), int(l2), threads)
    return clusters.size + base.nbytes, lambda q, wanted, t: clusters.search(q, K, wanted), RECALLS


def symphonyqg(base, l2, threads, efc):
    import rabitqlib
    index = rabitqlib.SymqgIndex(base.shape[1], 32)
    index.build(base, efc, threads)
    return (lambda: file_size(index.save)), lambda q, width, t: index.search_batch(q, K, width, t)[0], WIDTHS


def hnswlib(base, l2, threads, efc):
    import hnswlib as peer
    index = peer.Index(space="l2" if l2 else "ip", dim=base.shape[1])
    index.init_index(max_elements=len(base), M=16, ef_construction=efc, random_seed=100)
    index.set_num_threads(threads)
    index.add_items(base, num_threads=threads)

    def search(queries, width, t):
        index.set_ef(width)
        return index.knn_query(queries, K, num_threads=t)[0]
    return (lambda: file_size(index.save_index)), search, WIDTHS


def faiss_hnsw(base, l2, threads, efc):
    import faiss
    faiss.omp_set_num_threads(threads)
    index = faiss.index_factory(base.shape[1], "HNSW16,Flat", faiss.METRIC_L2)
    index.hnsw.efConstruction = efc
    index.add(base)

    def search(queries, width, t):
        faiss.omp_set_num_threads(t)
        index.hnsw.efSearch = width
        return index.search(queries, K)[1]
    return (lambda: len(faiss.serialize_index(index))), search, WIDTHS


def faiss_ivf(k_factor):
    def make(base, l2, threads, efc):
        import faiss
        faiss.omp_set_num_threads(threads)
        lists, parts = (512, base.shape[1] // 2) if len(base) <= 200_000 else (2048, base.shape[1] // 2)
        text = f"IVF{lists},PQ{parts}x4fs,RFlat"
        index = faiss.index_factory(base.shape[1], text, faiss.METRIC_L2)
        inner = faiss.extract_index_ivf(index)
        inner.cp.max_points_per_centroid = 64
        inner.cp.niter = 10
        index.train(base)
        index.add(base)
        index.k_factor = k_factor

        def search(queries, probes, t):
            faiss.omp_set_num_threads(t)
            inner.nprobe = probes
            return index.search(queries, K)[1]
        return (lambda: len(faiss.serialize_index(index))), search, PROBES
    return make


def usearch(base, l2, threads, efc):
    from usearch.index import Index
    index = Index(ndim=base.shape[1], metric="l2sq" if l2 else "cos", dtype="f32", connectivity=16, expansion_add=efc)
    index.add(np.arange(len(base)), base, threads=threads)

    def search(queries, width, t):
        index.expansion_search = width
        return index.search(queries, K, threads=t).keys
    return (lambda: file_size(index.save)), search, WIDTHS


def svs_vamana(base, l2, threads, efc):
    import svs
    how = svs.VamanaBuildParameters(alpha=1.2, graph_max_degree=32, window_size=efc)
    index = svs.Vamana.build(how, base, svs.DistanceType.L2, num_threads=threads)

    def search(queries, width, t):
        if index.num_threads != t:
            index.num_threads = t
        index.search_window_size = width
        return index.search(queries, K)[0]
    return base.nbytes + len(base) * 33 * 4, search, WIDTHS


def scann(base, l2, threads, efc):
    import scann as peer
    leaves = 316 if len(base) <= 200_000 else 1000
    builder = peer.scann_ops_pybind.builder(base, K, "squared_l2" if l2 else "dot_product")
    builder = builder.tree(leaves, 10, training_sample_size=100_000)
    threshold = float("nan") if l2 else 0.2
    index = builder.score_ah(2, anisotropic_quantization_threshold=threshold).reorder(100).build()
    return 0, lambda q, probes, t: index.search_batched(q, leaves_to_search=probes)[0], PROBES


PEERS = {
    "magpie": magpie, "magpie clusters": magpie_clusters, "SymphonyQG": symphonyqg,
    "FAISS IVF-PQfs, 100 refined": faiss_ivf(10), "FAISS IVF-PQfs, 400 refined": faiss_ivf(40), "ScaNN": scann,
    "SVS Vamana": svs_vamana, "FAISS HNSW": faiss_hnsw, "hnswlib": hnswlib, "usearch": usearch,
}
