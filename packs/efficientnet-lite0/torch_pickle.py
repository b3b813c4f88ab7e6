# SPDX-License-Identifier: Apache-2.0
"""Reads the tensors of a PyTorch state_dict (.pth, the form before 1.6) with numpy alone.

A .pth is a pickle, and a pickle can run code: only the few names below are looked up, anything else
is refused, so opening a hostile file does nothing but fail."""
import pickle
import struct
from collections import OrderedDict

import numpy as np

STORAGE_TYPES = {'FloatStorage': '<f4', 'HalfStorage': '<f2', 'DoubleStorage': '<f8',
                 'LongStorage': '<i8', 'IntStorage': '<i4', 'ByteStorage': 'u1', 'BoolStorage': '?'}


def _tensor(storage, offset, shape, strides, *_ignored):
    return storage, offset, shape, strides


class _Reader(pickle.Unpickler):
    def __init__(self, stream):
        super().__init__(stream)
        self.storages = {}  # key -> numpy type

    def find_class(self, module, name):
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return _tensor
        if module == 'torch' and name in STORAGE_TYPES:
            return name
        raise pickle.UnpicklingError(f'a state_dict has no business with {module}.{name}')

    def persistent_load(self, reference):
        _, storage_type, key = reference[:3]
        self.storages[key] = STORAGE_TYPES[storage_type]
        return key


def load(path):
    """{name: array}. The file: magic, version and machine as three pickles, then the dictionary,
    then the storages' keys, then each storage as an 8-byte count and its values."""
    with open(path, 'rb') as stream:
        for _ in range(3):
            _Reader(stream).load()
        reader = _Reader(stream)
        tensors = reader.load()
        raw = {}
        for key in _Reader(stream).load():
            count, = struct.unpack('<q', stream.read(8))
            kind = np.dtype(reader.storages[key])
            raw[key] = np.frombuffer(stream.read(count * kind.itemsize), kind)
    result = {}
    for name, (storage, offset, shape, strides) in tensors.items():
        values = raw[storage][offset:]
        steps = [s * values.itemsize for s in strides]
        result[name] = np.lib.stride_tricks.as_strided(values, shape, steps).copy()
    return result
