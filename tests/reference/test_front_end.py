# SPDX-License-Identifier: Apache-2.0
"""What the models are fed, value by value: pictures against Pillow's resize, log-mel against NumPy.

test_encoder.py compares the vectors behind them. MAGPIE_BUILD names the build folder.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(os.environ.get("MAGPIE_BUILD", ROOT / "build")) / "front_end_tool"
FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
SIZES = [(240, 320), (500, 375), (1, 1), (1, 700), (900, 2), (3, 7), (255, 257), (256, 256),
         (2000, 1300), (31, 640), (4000, 61)]


def ask(values, *words):
    done = subprocess.run([TOOL, *map(str, words)], input=values.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.float32)


def pillow(pixels, kind, size, crop):
    height, width, _ = pixels.shape
    short = min(width, height)
    resized = (width * size // short, height * size // short)
    left, top = ((side - crop) // 2 for side in resized)
    picture = Image.fromarray(pixels).resize(resized, FILTERS[kind])
    cut = np.asarray(picture.crop((left, top, left + crop, top + crop)), np.float32)
    return cut.transpose(2, 0, 1).ravel()


def noise_and_ramp(width, height):
    yield np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    steps = np.add.outer(np.arange(height) * 3, np.arange(width) * 5)[..., None]
    yield (steps // np.array([1, 2, 3]) % 256).astype(np.uint8)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_pictures_equal_pillow_within_a_level(size, kind):
    for pixels in noise_and_ramp(*size):
        ours = ask(pixels, "picture", *size, kind, 256, 224)
        assert np.abs(ours - pillow(pixels, kind, 256, 224)).max() <= 1


def log_mel(samples):
    """YAMNet's front end in double precision."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)

    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    points, at = np.linspace(mel(125), mel(7500), 66), mel(np.arange(257) * 8000 / 256)
    left, centre, right = points[:-2, None], points[1:-1, None], points[2:, None]
    bank = np.maximum(0, np.minimum((at - left) / (centre - left), (right - at) / (right - centre)))
    bank[:, 0] = 0
    starts = range(0, len(samples) - 399, 160)
    frames = np.stack([samples[s:s + 400].astype(np.float64) * window for s in starts])
    return np.log(np.abs(np.fft.rfft(frames, 512)) @ bank.T + 0.001)


def sounds():
    rng, t = np.random.default_rng(1), np.arange(15600) / 16000
    yield "tone", 0.5 * np.sin(2 * np.pi * 440 * t)
    yield "noise", rng.normal(0, 0.2, 48000)
    yield "faint noise", rng.normal(0, 1e-4, 20000)
    yield "silence, then loud", np.concatenate([np.zeros(8000), rng.uniform(-1, 1, 9000)])
    yield "one frame", rng.normal(0, 0.1, 400)
    yield "constant", np.full(5000, 0.7)


@pytest.mark.parametrize("name, samples", list(sounds()), ids=lambda v: v if isinstance(v, str) else "")
def test_log_mel_equals_numpy_within_a_ten_thousandth(name, samples):
    samples = samples.astype(np.float32)
    expected = log_mel(samples)
    ours = ask(samples, "log_mel").reshape(-1, 64)
    assert ours.shape == expected.shape, name
    assert np.abs(ours - expected).max() < 1e-4, name
