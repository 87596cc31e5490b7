"""Sealed values open under any key of the file, in their own place only; a wrong key is told by its id."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.sealing import SealFault, SealingKeys, read_keys

OLD, NEW = (b64encode(bytes([n]) * 32).decode() for n in (1, 2))
PLACE = "record_versions.content"


def keys(directory: Path, *lines: str) -> SealingKeys:
    file = directory / f"keys-{os.urandom(4).hex()}"
    file.write_text("\n".join(lines))
    return read_keys(file)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> SealingKeys:
    return keys(tmp_path_factory.mktemp("keys"), f"old {OLD}")


@given(plain=st.binary(max_size=200))
def test_what_was_sealed_opens_to_what_it_was(old: SealingKeys, plain: bytes) -> None:
    assert old.open(old.seal(plain, PLACE), PLACE) == plain


def test_a_sealed_value_shows_nothing_of_it_and_equal_values_differ(old: SealingKeys) -> None:
    one, other = (old.seal(b"planted marker", PLACE) for _ in range(2))
    assert one != other
    assert one.startswith("sealed:old:")
    assert "planted" not in one


def test_the_first_key_seals_and_every_key_opens(tmp_path: Path, old: SealingKeys) -> None:
    both = keys(tmp_path, f"new {NEW}", "", f"old {OLD}")
    assert both.open(old.seal(b"x", PLACE), PLACE) == b"x"
    assert both.seal(b"x", PLACE).startswith("sealed:new:")


def test_a_key_that_is_missing_is_named_by_its_id(tmp_path: Path, old: SealingKeys) -> None:
    with pytest.raises(SealFault, match="key old, which restricted_keys_file does not hold"):
        keys(tmp_path, f"new {NEW}").open(old.seal(b"x", PLACE), PLACE)


def test_another_key_of_the_same_id_opens_nothing(tmp_path: Path, old: SealingKeys) -> None:
    with pytest.raises(SealFault, match="does not open with key old"):
        keys(tmp_path, f"old {NEW}").open(old.seal(b"x", PLACE), PLACE)


def test_a_value_moved_to_another_column_does_not_open(old: SealingKeys) -> None:
    with pytest.raises(SealFault):
        old.open(old.seal(b"x", PLACE), "alert_notes.text")


@pytest.mark.parametrize(
    "line", ["", "old", f"two words {OLD}", f"old {OLD[:-8]}", f"o:d {OLD}", f"old !{OLD}"]
)
def test_a_line_that_is_no_key_is_told_without_repeating_it(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="base64-of-32-bytes") as told:
        keys(tmp_path, line)
    assert OLD[:8] not in str(told.value)


def test_two_keys_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2 repeats"):
        keys(tmp_path, f"old {OLD}", f"old {NEW}")


def test_keys_show_nothing_of_themselves(old: SealingKeys) -> None:
    assert repr(old) == "SealingKeys(first='old')"
