"""The footer of a Parquet file as plain values, and back: so that what was written as several files can stand in one.

A footer is a structure of Thrift's compact protocol. It is read without knowing what its fields mean, so that whatever
the writer put into it is kept as it was.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_WHOLE = (4, 5, 6)

Structure: TypeAlias = dict[int, tuple[int, Any]]
"""By its number, the kind and the value of each field: numbers, bytes, structures, and (kind, values) of a list."""


def footer_of(file: memoryview) -> tuple[Structure, int]:
    """The footer, and where in the file it begins."""
    begin = len(file) - 8 - int.from_bytes(file[-8:-4], "little")
    return _Reader(bytes(file[begin:-8])).structure(), begin


def footer_bytes(footer: Structure) -> bytes:
    """What stands behind the columns of a file, to its end."""
    found = bytearray()
    _write_structure(found, footer)
    return bytes(found) + len(found).to_bytes(4, "little") + MAGIC


class _Reader:
    def __init__(self, text: bytes) -> None:
        self._text, self._place = text, 0

    def structure(self) -> Structure:
        found: Structure = {}
        number = 0
        while head := self._byte():
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else _signed(self._number())
            found[number] = (kind, kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind))
        return found

    def _value(self, kind: int) -> Any:
        if kind in _WHOLE:
            return _signed(self._number())
        if kind == _BINARY:
            return self._bytes(self._number())
        if kind == _STRUCT:
            return self.structure()
        if kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._number()
            return head & 15, [self._value(head & 15) for _ in range(count)]
        if kind == _DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind in (_TRUE, _FALSE, _BYTE):  # of a list
            return self._byte()
        raise ValueError(f"a footer does not hold values of kind {kind}")

    def _byte(self) -> int:
        self._place += 1
        return self._text[self._place - 1]

    def _bytes(self, count: int) -> bytes:
        self._place += count
        return self._text[self._place - count : self._place]

    def _number(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _write_structure(out: bytearray, fields: Structure) -> None:
    before = 0
    for number, (kind, value) in sorted(fields.items()):
        stored = (_TRUE if value else _FALSE) if kind in (_TRUE, _FALSE) else kind
        if 0 < number - before < 16:
            out.append((number - before) << 4 | stored)
        else:
            out.append(stored)
            _write_number(out, number << 1)
        before = number
        if kind not in (_TRUE, _FALSE):
            _write_value(out, kind, value)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in _WHOLE:
        _write_number(out, value << 1 if value >= 0 else ~(value << 1))
    elif kind == _BINARY:
        _write_number(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_structure(out, value)
    elif kind in (_LIST, _SET):
        of, values = value
        out.append(min(len(values), 15) << 4 | of)
        if len(values) >= 15:
            _write_number(out, len(values))
        for one in values:
            _write_value(out, of, one)
    elif kind == _DOUBLE:
        out += struct.pack("<d", value)
    else:
        out.append(value)


def _write_number(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
