"""Checks an exported audit trail. Needs Python 3.9 or newer and nothing else: not Lingque, not a network.

    python3 audit.pyz                    checks the file it is in
    python3 audit.pyz BLOCK DIGEST       and that this block, noted down earlier, is in it

It proves that no entry was changed, taken out, put in or moved since its block was sealed, given the digest of any
later block from a source you trust (what `lingque audit seal` printed). Exit code 0: sound; 1: not; 2: cannot tell.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile

GENESIS = bytes(32)
LEAF_BYTES = 8


def text_of(entry: list[object]) -> str:
    """The one text of an entry [id, at, actor, act, subject, detail]; lengths in characters keep fields apart."""
    number, at, *words = entry
    return f"{number}|{at}|" + "|".join(f"{len(str(word))}:{word}" for word in words) + "\n"


def digest_of(algorithm: str, previous: bytes, block: int, last_id: int, text: str) -> bytes:
    """The digest of a block: of the one before it, its number, its last id, and the texts of all its entries."""
    return hashlib.new(algorithm, previous + f"{block}|{last_id}|".encode() + text.encode()).digest()


def leaf_of(algorithm: str, text: str) -> bytes:
    """Eight bytes that tell entries apart; the block's digest is what proves."""
    return hashlib.new(algorithm, text.encode()).digest()[:LEAF_BYTES]


def first_difference(algorithm: str, leaves: bytes, texts: list[str]) -> str:
    """Where entries are no longer what was sealed, in words."""
    sealed = [leaves[n : n + LEAF_BYTES] for n in range(0, len(leaves), LEAF_BYTES)]
    found = [leaf_of(algorithm, text) for text in texts]
    pairs = zip(sealed, found)  # noqa: B905 - not of one length where something was taken out
    here = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(sealed), len(found)))
    after = texts[here - 1].partition("|")[0] if here else "the beginning of the block"
    number = texts[here].partition("|")[0] if here < len(texts) else ""
    if here == len(sealed) and here == len(found):
        return "its entries are those sealed, but its digest or its place in the chain is not"
    if sorted(sealed) == sorted(found):
        return f"entry {number} is not in the place in which it was sealed"
    if len(found) < len(sealed) and found[here:] == sealed[here + len(sealed) - len(found) :]:
        return f"{len(sealed) - len(found)} entries after {after} were taken out"
    if len(found) > len(sealed) and sealed[here:] == found[here + len(found) - len(sealed) :]:
        return f"entry {number} was put in"
    return f"entry {number or 'after ' + after} was changed"


def check(algorithm: str, blocks: list[dict[str, object]], entries: list[list[object]]) -> tuple[list[str], bytes]:
    """Every fault in words, and the digest of the last block."""
    faults: list[str] = []
    previous, last, position = GENESIS, 0, 0
    for number, block in enumerate(blocks, start=1):
        if block["block"] != number:
            faults.append(f"block {number} is missing")
            break
        texts = []
        while position < len(entries) and int(str(entries[position][0])) <= int(str(block["last_id"])):
            texts.append(text_of(entries[position]))
            position += 1
        made = digest_of(algorithm, previous, number, int(str(block["last_id"])), "".join(texts))
        if made.hex() != block["digest"] or int(str(block["last_id"])) <= last:
            leaves = bytes.fromhex(str(block["leaves"]))
            faults.append(f"block {number}: {first_difference(algorithm, leaves, texts)}")
        previous, last = bytes.fromhex(str(block["digest"])), int(str(block["last_id"]))
    if position < len(entries):
        faults.append(f"entry {entries[position][0]} is in no block")
    return faults, previous


def main(archive: str, expected: list[str]) -> int:
    """Check the archive; print what was found."""
    with zipfile.ZipFile(archive) as file:
        head = json.loads(file.read("head.json"))
        blocks = [json.loads(line) for line in io.TextIOWrapper(file.open("blocks.jsonl"), "utf-8")]
        entries = [json.loads(line) for line in io.TextIOWrapper(file.open("entries.jsonl"), "utf-8")]
    try:
        hashlib.new(head["algorithm"])
    except ValueError:
        print(f"This Python does not know {head['algorithm']}; one whose OpenSSL does can check.")  # noqa: T201
        return 2
    faults, digest = check(head["algorithm"], blocks, entries)
    if expected:
        known = {str(block["block"]): block["digest"] for block in blocks}
        if known.get(expected[0]) != expected[1]:
            faults.append(f"block {expected[0]} is not the one noted down")
    for fault in faults:
        print(f"FAULT {fault}")  # noqa: T201
    print(f"{len(entries)} entries in {len(blocks)} blocks, the last one {digest.hex()}")  # noqa: T201
    print("NOT SOUND" if faults else "SOUND")  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[0], sys.argv[1:]))
