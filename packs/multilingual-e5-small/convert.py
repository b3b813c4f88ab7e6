# SPDX-License-Identifier: Apache-2.0
"""convert.py SOURCES OUT: the Q4_0 weights of e5-small-q4.bin become encoder.onnx (int8).

Only the twelve transformer layers are written: the runtime feeds rows of the word table, which it
reads from the mapped .bin, so that the table exists once. The graph is BERT's (Devlin et al. 2018,
section 3.1) with erf GELU; MatMul weights are quantised per channel, activations at run time."""
import os
import struct
import sys
from pathlib import Path

import numpy as np
from onnxruntime.quantization import QuantType, quantize_dynamic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from onnx_graph import FLOAT, INT64, NumberedGraph  # noqa: E402

MASKED = np.float32(-1e9)  # added to the score of a padding token: its softmax weight is 0


class Weights:
    """The E5S1 file: header, tokenizer (skipped here), a directory of tensors, the tensors."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        if self.data[:4] != b'E5S1':
            raise SystemExit(f'{path}: not an E5S1 file')
        at = 8
        (self.hidden, self.layers, self.heads, self.inner, self.words, self.positions,
         self.types) = struct.unpack_from('<7i', self.data, at)
        self.epsilon, self.block = struct.unpack_from('<fi', self.data, at + 28)
        at = self._skip_tokenizer(at + 36)
        self.tensors = self._read_directory(at)

    def _skip_tokenizer(self, at):
        pieces, = struct.unpack_from('<i', self.data, at)
        blob, = struct.unpack_from('<Q', self.data, at + 20)
        at += 28 + 4 * (pieces + 1) + 4 * pieces + blob  # offsets, scores, text of the pieces
        _, map_size = struct.unpack_from('<iI', self.data, at)
        return at + 8 + map_size

    def _read_directory(self, at):
        count, = struct.unpack_from('<i', self.data, at)
        at += 4
        offsets = {}
        for _ in range(count):
            size, = struct.unpack_from('<H', self.data, at)
            name = self.data[at + 2:at + 2 + size].decode()
            at += 2 + size
            offsets[name], = struct.unpack_from('<Q', self.data, at + 5)
            at += 21  # type, count, offset, bytes
        return offsets

    def floats(self, name, *shape):
        count = int(np.prod(shape))
        return np.frombuffer(self.data, '<f4', count, self.tensors[name]).reshape(shape).copy()

    def q4(self, name, rows, columns):
        """Q4_0: blocks of 32, one half-float scale and 16 bytes; value j in the low nibble of byte
        j, value j + 16 in its high nibble, both with 8 added."""
        block = np.dtype([('scale', '<f2'), ('nibbles', 'u1', 16)])
        raw = np.frombuffer(self.data, block, rows * columns // 32, self.tensors[name])
        low = (raw['nibbles'] & 15).astype(np.int8) - 8
        high = (raw['nibbles'] >> 4).astype(np.int8) - 8
        values = np.concatenate([low, high], 1).astype(np.float32)
        return (values * raw['scale'].astype(np.float32)[:, None]).reshape(rows, columns)


def embed(g, w):
    """Word vectors + positions + type 0, normalised; and the mask as something to add to scores."""
    length = g.op('Slice', [g.op('Shape', ['inputs_embeds']), g.constant('c1', np.array([1])),
                            g.constant('c2', np.array([2]))])
    table = w.floats('emb.pos', w.positions, w.hidden) + w.floats('emb.type', w.types, w.hidden)[:1]
    positions = g.op('Slice', [g.constant('pos', table), g.constant('c0', np.array([0])), length])
    x = g.op('LayerNormalization',
             [g.op('Add', ['inputs_embeds', positions]),
              g.constant('eg', w.floats('emb.ln.w', w.hidden)),
              g.constant('eb', w.floats('emb.ln.b', w.hidden))], axis=-1, epsilon=w.epsilon)
    hidden_tokens = g.op('Sub', [g.constant('one', np.float32(1)),
                                 g.op('Cast', ['attention_mask'], to=FLOAT)])
    mask = g.op('Mul', [hidden_tokens, g.constant('neg', MASKED)])
    return x, g.op('Unsqueeze', [mask, g.constant('ax', np.array([1, 2]))])


class Layer:
    """One transformer block: attention, then the feed-forward part, each added and normalised."""

    def __init__(self, g, w, number, split, join):
        self.g, self.w, self.number = g, w, number
        self.split, self.join = split, join  # shapes: hidden <-> heads x head size

    def linear(self, x, name, rows, columns):
        name = f'l{self.number}.{name}'
        weight = self.g.constant(name + '.w', self.w.q4(name + '.w', rows, columns).T)
        product = self.g.op('MatMul', [x, weight])
        return self.g.op('Add', [product, self.g.constant(name + '.b',
                                                          self.w.floats(name + '.b', rows))])

    def normalise(self, x, name):
        name = f'l{self.number}.{name}'
        scale = self.g.constant(name + '.w', self.w.floats(name + '.w', self.w.hidden))
        shift = self.g.constant(name + '.b', self.w.floats(name + '.b', self.w.hidden))
        return self.g.op('LayerNormalization', [x, scale, shift], axis=-1, epsilon=self.w.epsilon)

    def attention(self, x, mask):
        g, hidden = self.g, self.w.hidden
        q, k, v = (g.op('Reshape', [self.linear(x, t, hidden, hidden), self.split]) for t in 'qkv')
        scores = g.op('MatMul', [g.op('Transpose', [q], perm=[0, 2, 1, 3]),
                                 g.op('Transpose', [k], perm=[0, 2, 3, 1])])
        scale = g.constant(f'sc{self.number}', np.float32((hidden // self.w.heads) ** -.5))
        weights = g.op('Softmax', [g.op('Add', [g.op('Mul', [scores, scale]), mask])], axis=-1)
        mixed = g.op('MatMul', [weights, g.op('Transpose', [v], perm=[0, 2, 1, 3])])
        heads = g.op('Transpose', [mixed], perm=[0, 2, 1, 3])
        joined = g.op('Reshape', [heads, self.join])
        return self.linear(joined, 'ao', hidden, hidden)

    def gelu(self, x):
        g, n = self.g, self.number
        erf = g.op('Erf', [g.op('Mul', [x, g.constant(f'r2{n}', np.float32(2 ** -.5))])])
        shifted = g.op('Add', [erf, g.constant(f'o{n}', np.float32(1))])
        return g.op('Mul', [g.op('Mul', [x, shifted]), g.constant(f'h{n}', np.float32(.5))])

    def apply(self, x, mask):
        hidden, inner = self.w.hidden, self.w.inner
        x = self.normalise(self.g.op('Add', [x, self.attention(x, mask)]), 'aln')
        fed = self.linear(self.gelu(self.linear(x, 'fi', inner, hidden)), 'fo', hidden, inner)
        return self.normalise(self.g.op('Add', [x, fed]), 'oln')


def main(sources, out):
    w = Weights(Path(sources) / 'e5-small-q4.bin')
    g = NumberedGraph()
    x, mask = embed(g, w)
    split = g.constant('sh', np.array([0, 0, w.heads, w.hidden // w.heads]))
    join = g.constant('sb', np.array([0, 0, w.hidden]))
    for number in range(w.layers):
        x = Layer(g, w, number, split, join).apply(x, mask)
    g.node('Identity', [x], 'last_hidden_state')
    target = Path(out) / 'encoder.onnx'
    full = str(target) + '.f32'
    vectors = ['b', 's', w.hidden]
    g.write(full, 'me5', [('inputs_embeds', FLOAT, vectors), ('attention_mask', INT64, ['b', 's'])],
            [('last_hidden_state', FLOAT, vectors)], opset=17, ir_version=8)
    quantize_dynamic(full, str(target), op_types_to_quantize=['MatMul'], per_channel=True,
                     weight_type=QuantType.QInt8, extra_options={'MatMulConstBOnly': True})
    os.remove(full)


if __name__ == '__main__':
    main(*sys.argv[1:])
