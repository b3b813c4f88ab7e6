# SPDX-License-Identifier: Apache-2.0
"""A small builder for ONNX graphs: what the pack conversions write their networks with.

Nodes are numbered in the order they are made, so the same calls give the same bytes: the sums that
pack.in.json pins depend on it."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    def __init__(self):
        self.nodes = []
        self.constants = []

    def node(self, kind, inputs, output, **attributes):
        """Adds one operation with a named result."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name, values):
        """Stores values (a scalar becomes a vector of one) and returns the name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def write(self, path, name, inputs, outputs, opset, ir_version, check=False):
        """inputs, outputs: [(name, element type, shape)], where a string in a shape is free."""
        describe = helper.make_tensor_value_info
        graph = helper.make_graph(self.nodes, name, [describe(*i) for i in inputs],
                                  [describe(*o) for o in outputs], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)],
                                  ir_version=ir_version)
        if check:
            onnx.checker.check_model(model)
        onnx.save(model, str(path))


class NumberedGraph(Graph):
    """A graph whose results are named v1, v2, ... where the caller does not care."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def op(self, kind, inputs, **attributes):
        self.count += 1
        return self.node(kind, inputs, f'v{self.count}', **attributes)


FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64
