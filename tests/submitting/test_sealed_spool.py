"""Where there are keys, what partners hand in lies sealed on the disk until the broker has it."""

from pathlib import Path

import pytest

from sealed_store import ONE, TWO, keys
from surveillance.sealing import SealFault, SealingKeys
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.spool import Heading, Spool

MESSAGES = [
    Outgoing("m-1", b"planted-key", b'{"planted": "a\\tb"}'),
    Outgoing("sealed:x", b"", b"sealed:one:AAAA"),
]


def spool(directory: Path, with_keys: SealingKeys | None) -> Spool:
    return Spool(directory / "spool", 1_000_000, with_keys)


def hand_in(to: Spool) -> str:
    with to.draft() as draft:
        for one in MESSAGES:
            draft.add(one)
        to.keep(draft, Heading(draft.id, "alpha", "incident", "t", 2, "somebody")).file.close()
        return draft.id


@pytest.mark.parametrize("sealed", [True, False])
def test_what_waits_in_the_spool_is_sealed_and_published_as_it_was(tmp_path: Path, sealed: bool) -> None:
    one = keys(tmp_path, ONE) if sealed else None
    identity = hand_in(spool(tmp_path, one))
    assert (b"planted" in (tmp_path / "spool" / f"{identity}.spool").read_bytes()) is not sealed
    for later in (one, keys(tmp_path, TWO, ONE)):
        kept = spool(tmp_path, later).hold(identity)
        assert kept is not None
        assert list(kept.messages()) == MESSAGES
        assert kept.heading.records == 2
        kept.file.close()


def test_without_its_key_it_waits_and_the_setting_is_named(tmp_path: Path) -> None:
    identity = hand_in(spool(tmp_path, keys(tmp_path, ONE)))
    for wrong in (None, keys(tmp_path, TWO)):
        kept = spool(tmp_path, wrong).hold(identity)
        assert kept is not None
        with pytest.raises(SealFault, match="restricted_keys_file"):
            list(kept.messages())
        kept.file.close()
    assert spool(tmp_path, None).waiting() == [identity]
