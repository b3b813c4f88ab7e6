# SPDX-License-Identifier: Apache-2.0
"""convert.py SOURCES OUT: EfficientNet-Lite0's PyTorch weights become efficientnet-lite0.onnx.

The network is that of Tan and Le 2019 (table 1) in its Lite form: no squeeze-and-excite, ReLU6.
Batch normalisation is folded into the convolution before it. Outputs: the 1280 pooled features and
the 1000 ILSVRC class scores."""
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from onnx_graph import FLOAT, NumberedGraph  # noqa: E402
import torch_pickle  # noqa: E402

BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS = 32
STAGES = [(1, 16), (2, 24), (2, 40), (2, 80), (1, 112), (2, 192), (1, 320)]  # stride, channels


class Network:
    def __init__(self, weights):
        self.weights = weights
        self.graph = NumberedGraph()
        self.low = self.graph.constant('lo', np.float32(0))
        self.high = self.graph.constant('hi', np.float32(6))

    def convolve(self, x, layer, norm, stride=1, group=1, activate=True):
        """Convolution with its batch normalisation folded in, then ReLU6."""
        weights, g = self.weights, self.graph
        kernel = weights[layer + '.weight']
        scale = weights[norm + '.weight'] / np.sqrt(weights[norm + '.running_var']
                                                    + BATCH_NORM_EPSILON)
        bias = weights[norm + '.bias'] - weights[norm + '.running_mean'] * scale
        x = g.op('Conv', [x, g.constant(layer, kernel * scale[:, None, None, None]),
                          g.constant(layer + '.b', bias)], auto_pad='SAME_UPPER',
                 strides=[stride, stride], group=group, kernel_shape=list(kernel.shape[2:]))
        return g.op('Clip', [x, self.low, self.high]) if activate else x

    def block(self, x, number, stride, has_shortcut):
        """Mobile inverted bottleneck: widen, filter each channel, narrow."""
        prefix = f'_blocks.{number}.'
        y = x
        if prefix + '_expand_conv.weight' in self.weights:
            y = self.convolve(y, prefix + '_expand_conv', prefix + '_bn0')
        channels = self.weights[prefix + '_depthwise_conv.weight'].shape[0]
        y = self.convolve(y, prefix + '_depthwise_conv', prefix + '_bn1', stride, channels)
        y = self.convolve(y, prefix + '_project_conv', prefix + '_bn2', activate=False)
        return self.graph.op('Add', [x, y]) if has_shortcut else y

    def blocks(self, x):
        number, channels = 0, STEM_CHANNELS
        for first_stride, width in STAGES:
            stride = first_stride
            while self._width(number) == width:
                x = self.block(x, number, stride, stride == 1 and channels == width)
                stride, channels = 1, width
                number += 1
        return x

    def _width(self, number):
        projection = self.weights.get(f'_blocks.{number}._project_conv.weight')
        return None if projection is None else projection.shape[0]


def main(sources, out):
    net = Network(torch_pickle.load(Path(sources) / 'efficientnet-lite0.pth'))
    g = net.graph
    x = net.convolve('image', '_conv_stem', '_bn0', stride=2)
    x = net.convolve(net.blocks(x), '_conv_head', '_bn1')
    pooled = g.op('Flatten', [g.op('GlobalAveragePool', [x])])
    g.node('Identity', [pooled], 'features')
    g.node('Gemm', [pooled, g.constant('fcw', net.weights['_fc.weight']),
                    g.constant('fcb', net.weights['_fc.bias'])], 'logits', transB=1)
    g.write(Path(out) / 'efficientnet-lite0.onnx', 'efficientnet_lite',
            [('image', FLOAT, ['b', 3, 'h', 'w'])],
            [('features', FLOAT, ['b', 1280]), ('logits', FLOAT, ['b', 1000])],
            opset=13, ir_version=8)


if __name__ == '__main__':
    main(*sys.argv[1:])
