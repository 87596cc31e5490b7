"""Inputs from strangers: valid ones, changed in the ways in which bytes go wrong or are made to."""

import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

NASTY: tuple[bytes, ...] = (
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\r\n", b"\n", b'"', b"'", b"\\"),
    *(b"," * 50, b"|" * 400, b"^~\\&", b"[" * 2_000, b'{"a":' * 500, b"(" * 500, b"&a *a", b"!!python/x"),
    *(b"9" * 5_000, b"1e999", b"-1", b"NaN", b"Infinity", b"0x10", b"1_0", b"\\ud800", b"\\u0000", b"=1+1"),
    *(b"9999-99-99", b"0000-00-00T00:00:00Z", b"2024-02-30", b"24:60", b"+99:99", b"../../etc/passwd"),
    *(
        b"<script>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"%s%n",
        b"{{7*7}}",
        "\u202e\u0660".encode(),
        b"A" * 9_000,
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**30, 1e308, 0.1, "", " ", "\x00", "\ud800", "\u202e", "9" * 400, "A" * 5_000),
    *([], {}, [[]], [None], {"": None}, [{}] * 300, "2024-02-30", "0000-00-00", "9999-12-31T23:59:60Z"),
    *("../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "NaN", "1e999", "\u0661", "yes", "on"),
)


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the seeds with one to four changes to its bytes, or to what they say where that is JSON."""
    content = rng.choice(seeds)
    if rng.random() < 0.5 and content[:1] in (b"{", b"["):
        content = _changed_json(content, rng)
        if rng.random() < 0.7:
            return content
    if content[:2] == b"PK" and rng.random() < 0.8:
        return _changed_package(content, rng)
    for _ in range(rng.randint(1, 4)):
        content = rng.choice(_CHANGES)(content, seeds, rng)
    return content[:200_000]


def _flip(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    if not content:
        return content
    at = rng.randrange(len(content))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def _cut(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[end:]


def _end_early(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _insert(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(NASTY) + content[at:]


def _replace_word(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A value between two signs of the format becomes a nasty one."""
    signs = [i for i, byte in enumerate(content) if byte in b',|":\r\n\t ^']
    if len(signs) < 2:
        return content
    at = rng.randrange(len(signs) - 1)
    return content[: signs[at] + 1] + rng.choice(NASTY) + content[signs[at + 1] :]


def _repeat(content: bytes, _seeds: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[start:end] * rng.choice((1, 2, 20)) + content[end:]


def _splice(content: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(seeds)
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


_CHANGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    *(_flip, _cut, _end_early, _insert, _replace_word, _repeat, _splice),
    _replace_word,  # the one that most often reaches what is behind the format
)


def _changed_json(content: bytes, rng: random.Random) -> bytes:
    try:
        whole = json.loads(content)
    except ValueError:
        return content
    for _ in range(rng.randint(1, 3)):
        _change_somewhere(whole, rng)
    return json.dumps(whole).encode()


def _change_somewhere(node: Any, rng: random.Random) -> None:
    """Goes down at random and replaces, removes or adds."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        act = rng.random()
        if act < 0.15 and isinstance(node, dict):
            del node[key]
        elif act < 0.25 and isinstance(node, dict):
            node[rng.choice(("", "unknown", "\x00", str(key).upper()))] = node[key]
        else:
            node[key] = rng.choice(VALUES)
        return


def _changed_package(content: bytes, rng: random.Random) -> bytes:
    """A workbook of which one part is another."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as package, zipfile.ZipFile(made, "w") as changed:
        names = package.namelist()
        chosen = rng.choice([n for n in names if "sheet1" in n or "workbook" in n] * 3 + names)
        for name in names:
            part = package.read(name)
            if name == chosen:
                part = rng.choice(_CHANGES)(part, [part], rng)[:200_000]
            changed.writestr(name, part)
    return made.getvalue()
