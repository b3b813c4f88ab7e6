# SPDX-License-Identifier: Apache-2.0
"""Zstandard through libzstd, which is there wherever archives are: to open archives up and to forge them."""

import ctypes
import ctypes.util


def _library():
    lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    for name in ("ZSTD_compressBound", "ZSTD_compress", "ZSTD_decompress"):
        getattr(lib, name).restype = ctypes.c_size_t
    lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    lib.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    lib.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return lib


def pack(data):
    lib = _library()
    room = ctypes.create_string_buffer(lib.ZSTD_compressBound(len(data)))
    size = lib.ZSTD_compress(room, len(room), data, len(data), 1)
    assert 0 < size <= len(room)
    return room.raw[:size]


def unpack(data, limit=1 << 28):
    lib = _library()
    room = ctypes.create_string_buffer(limit)
    size = lib.ZSTD_decompress(room, limit, data, len(data))
    assert size <= limit, "not a Zstandard frame"
    return ctypes.string_at(room, size)
