"""A file in another encoding, written again in UTF-8: the engine reads no other without an extension."""

from __future__ import annotations

import codecs
from pathlib import Path

from lingque.warehouse.bank_files import wrong_encoding

CHUNK = 1 << 22


def to_utf8(source: Path, label: str, encoding: str, target: Path) -> None:
    """Write `target` anew, chunk by chunk. Bytes that are not of the encoding: `SourceError` with file and line."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    with source.open("rb") as reading, target.open("wb") as writing:
        while True:
            part = reading.read(CHUNK)
            try:
                text = decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                # a decoder's own buffer is a broken-off character, which holds no line's end
                line = lines + error.object.count(b"\n", 0, error.start)
                raise wrong_encoding(f"{label}, line {line}") from None
            lines += text.count("\n")
            writing.write(text.encode())
            if not part:
                return
