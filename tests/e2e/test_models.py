# SPDX-License-Identifier: Apache-2.0
"""magpie models: list, show, verify, add, remove; pull from a hub on the loopback, with its troubles."""

import hashlib
import http.server
import json
import shutil
import threading

import numpy as np
import pytest
from conftest import ROOT, needs_pack

DIM = 4


def tower(input_name, shape, output, element):
    """The smallest ONNX of a tower: `output` = what is fed, summed, times 1..DIM."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.arange(1, DIM + 1, dtype=np.float32)[None], "w")
    axes = numpy_helper.from_array(np.arange(1, len(shape), dtype=np.int64), "axes")
    nodes = [
        helper.make_node("Cast", [input_name], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["x", "axes"], ["s"], keepdims=0),
        helper.make_node("Reshape", ["s", "column"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], [output]),
    ]
    column = numpy_helper.from_array(np.array([-1, 1], dtype=np.int64), "column")
    inputs = [helper.make_tensor_value_info(input_name, element, shape)]
    if output == "text_embeds":
        inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape))
    graph = helper.make_graph(
        nodes, "tower", inputs, [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["b", DIM])],
        [weights, axes, column])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def model_files():
    from onnx import TensorProto

    letters = [chr(c) for c in range(97, 123)]
    words = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    files = {
        "config.json": json.dumps({"projection_dim": DIM, "text_config": {"max_position_embeddings": 16}}),
        "preprocessor_config.json": json.dumps({
            "size": {"shortest_edge": 8}, "crop_size": {"height": 8, "width": 8}, "resample": 3,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3}),
        "vocab.json": json.dumps({w: i for i, w in enumerate(words)}),
        "merges.txt": "#version: 0.2\n",
        "onnx/text_model.onnx": tower("input_ids", ["b", "s"], "text_embeds", TensorProto.INT64),
        "onnx/vision_model.onnx": tower("pixel_values", ["b", 3, 8, 8], "image_embeds", TensorProto.FLOAT),
    }
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}


class Hub:
    """A model hub on the loopback: lists files with sums, resumes, and misbehaves when told to."""

    def __init__(self, files):
        self.files, self.cut, self.ranges = files, {}, []
        self.lists = self.ranged = True
        self.wrong = set()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        path = request.path.split("?")[0]
        if path == "/api/models/org/tiny-clip/tree/main" and self.lists:
            tree = [{"type": "file", "path": n, "size": len(b),
                     "lfs": {"oid": hashlib.sha256(b).hexdigest(), "size": len(b)}}
                    for n, b in self.files.items()]
            return self.send(request, 200, json.dumps(tree).encode())
        name = path.removeprefix("/org/tiny-clip/resolve/main/")
        if name not in self.files:
            return self.send(request, 404, b"no such file")
        body = self.files[name]
        if name in self.wrong:
            body = body[:-1] + bytes([body[-1] ^ 1])
        wanted = request.headers.get("Range")
        start = int(wanted.split("=")[1].split("-")[0]) if wanted else 0
        if wanted:
            self.ranges.append((name, start))
        if wanted and self.ranged:
            place = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self.send(request, 206, body[start:], self.cut.pop(name, None), place)
        return self.send(request, 200, body, self.cut.pop(name, None))

    @staticmethod
    def send(request, code, body, cut=None, place=None):
        request.send_response(code)
        if place:
            request.send_header("Content-Range", place)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:cut])
        request.close_connection = True


@pytest.fixture
def hub(model_files):
    server = Hub(model_files)
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def packs(tmp_path):
    (tmp_path / "packs").mkdir()
    return tmp_path / "packs"


def models(magpie, packs, *args, **more):
    return magpie.run("models", *args, "--packs", f"{packs}:{ROOT}/.deps/packs", index=False, **more)


def test_pull_from_a_hub_gives_a_pack_that_verifies_and_searches(magpie, packs, hub, folder):
    import media_files

    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    shown = json.loads(models(magpie, packs, "show", "tiny-clip").stdout)
    assert shown["spaces"][0]["dim"] == DIM and shown["source"] == "org/tiny-clip@main"
    models(magpie, packs, "verify", "tiny-clip")
    (folder / "red.png").write_bytes(media_files.png(20, 20))
    both = f"{packs}:{ROOT}/.deps/packs"
    magpie.run("index", folder, "-q", "--packs", both)
    assert any(s["name"] == "clip" and s["vectors"] == 1 for s in magpie_spaces(magpie))
    hits = json.loads(magpie.run("search", "cat", "--json", "--packs", both).stdout)["hits"]
    assert hits[0]["source"].endswith("red.png") and "clip" in hits[0]["scores"]


def magpie_spaces(magpie):
    return magpie.status()["spaces"]


def test_an_interrupted_download_resumes(magpie, packs, hub):
    whole = len(hub.files["onnx/text_model.onnx"])
    hub.cut["onnx/text_model.onnx"] = whole // 2
    done = models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q", code=1)
    assert b"again" in done.stderr
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    assert ("onnx/text_model.onnx", whole // 2) in hub.ranges
    models(magpie, packs, "verify", "tiny-clip")


def test_a_server_without_ranges_gives_the_file_anew(magpie, packs, hub):
    hub.ranged = False
    hub.cut["onnx/vision_model.onnx"] = 10
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q", code=1)
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    models(magpie, packs, "verify", "tiny-clip")


def test_a_wrong_checksum_is_refused_and_removed(magpie, packs, hub):
    hub.wrong.add("onnx/vision_model.onnx")
    done = models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q", code=1)
    assert b"sha256" in done.stderr and b"removed" in done.stderr
    assert not list(packs.rglob("vision_model.onnx*"))
    assert not (packs / "tiny-clip" / "pack.json").exists()
    hub.wrong.clear()
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")


def test_a_hub_without_a_listing_is_served_as_well(magpie, packs, hub):
    hub.lists = False
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    models(magpie, packs, "verify", "tiny-clip")


def test_what_cannot_be_pulled_says_why(magpie, packs, hub):
    done = models(magpie, packs, "pull", f"{hub.url}/org/no-such-model", code=1)
    assert b"no-such-model" in done.stderr
    done = models(magpie, packs, "pull", "no-such-pack", code=1)
    assert b"magpie models list" in done.stderr
    del hub.files["merges.txt"]
    try:
        done = models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", code=1)
        assert b"merges.txt" in done.stderr
    finally:
        hub.files["merges.txt"] = b"#version: 0.2\n"


def test_list_names_installed_and_offered_packs(magpie, packs):
    needs_pack("multilingual-e5-small")
    rows = {r["name"]: r for r in json.loads(models(magpie, packs, "list", "--json").stdout)}
    assert rows["multilingual-e5-small"]["installed"]
    assert rows["multilingual-e5-small"]["licence"] == "MIT"
    assert "bge-small-en-v1.5" in rows


def test_add_and_remove_a_folder(magpie, packs, hub, tmp_path):
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    shutil.move(packs / "tiny-clip", tmp_path / "elsewhere")
    models(magpie, packs, "show", "tiny-clip", code=1)
    models(magpie, packs, "add", tmp_path / "elsewhere")
    models(magpie, packs, "verify", "tiny-clip")
    models(magpie, packs, "remove", "tiny-clip")
    models(magpie, packs, "show", "tiny-clip", code=1)
    (tmp_path / "elsewhere" / "text_model.onnx").write_bytes(b"other")
    done = models(magpie, packs, "add", tmp_path / "elsewhere", code=1)
    assert b"text_model.onnx" in done.stderr
    assert not (packs / "tiny-clip").exists()


def test_verify_names_the_wrong_file(magpie, packs, hub):
    models(magpie, packs, "pull", f"{hub.url}/org/tiny-clip", "-q")
    with (packs / "tiny-clip" / "merges.txt").open("ab") as out:
        out.write(b"x y\n")
    done = models(magpie, packs, "verify", "tiny-clip", code=1)
    assert b"merges.txt" in done.stdout


@pytest.mark.parametrize("damage", ["short", "other", "gone"])
def test_a_damaged_sound_pack_is_one_warning_that_names_its_file(magpie, packs, folder, damage):
    import media_files

    needs_pack("yamnet")
    shutil.copytree(ROOT / ".deps/packs/yamnet", packs / "yamnet")
    (folder / "a.txt").write_text("a dog barks")
    sound = folder / "tone.wav"
    media_files.tone(sound)
    both = f"{packs}:{ROOT}/.deps/packs"
    magpie.run("index", folder, "-q", "--packs", both)
    model = packs / "yamnet" / "yamnet.onnx"
    if damage == "gone":
        model.unlink()
    else:
        size = model.stat().st_size
        model.write_bytes(b"\x07" * (size if damage == "other" else size // 2))
    done = magpie.run("search", "dog", "-a", sound, "--packs", both)
    warnings = done.stderr.decode().splitlines()
    assert len(warnings) == 1 and "yamnet.onnx" in warnings[0] and "magpie models" in warnings[0]
    done = models(magpie, packs, "verify", "yamnet", code=1)
    assert "WRONG  yamnet/yamnet.onnx" in done.stdout.decode()
