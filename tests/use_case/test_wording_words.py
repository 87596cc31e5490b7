"""Words that harm are found however they are written; ordinary words are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.use_case.wording import harmful_words


@pytest.mark.parametrize(
    "text",
    [
        *("committed suicide", "COMMITTED", "he commits", "a successful attempt", "failed attempt"),
        *("unsuccessfully", "an epidemic of", "hotspot", "hot spots", "hot-spot"),
    ],
)
def test_a_harmful_word_is_found(text: str) -> None:
    assert len(harmful_words(text)) == 1


@pytest.mark.parametrize("text", ["died by suicide", "a committee met", "success", "spot", "failure", ""])
def test_a_safe_text_stays(text: str) -> None:
    assert harmful_words(text) == ()


@given(st.text(), st.sampled_from(["committed", "Epidemic", "HOTSPOT"]), st.text())
def test_a_harmful_word_is_found_wherever_it_stands(before: str, word: str, after: str) -> None:
    assert word in harmful_words(f"{before} {word} {after}")
