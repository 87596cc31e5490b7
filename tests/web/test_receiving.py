"""A body that is handed in: a small one never touches the disk, a larger one lies there for a while."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from surveillance.sealing import SealingKeys
from surveillance.submitting.staging import Body
from surveillance.web.receiving import SMALL_BYTES, Held

KEYS = SealingKeys("one", {"one": AESGCM(bytes(range(32)))})
SIZES = st.integers(0, SMALL_BYTES + 1)


@given(st.lists(SIZES.map(lambda size: b"planted"[: size % 8] + bytes(size)), max_size=4), st.booleans())
def test_a_body_is_read_as_it_was_written_and_only_a_large_one_is_a_file(
    pieces: Sequence[bytes], sealed: bool
) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "a.body"
        held = Held(Body(path, KEYS if sealed else None))
        with held.create() as file:
            for piece in pieces:
                file.write(piece)
        for _ in range(2):
            with held.open("rb") as opened:
                assert opened.read() == b"".join(pieces)
        assert path.exists() == (sum(map(len, pieces)) > SMALL_BYTES)
        assert not (sealed and path.exists() and b"planted" in path.read_bytes())
