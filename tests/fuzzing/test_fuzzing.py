"""A few hundred inputs to each parser at every run; `make fuzz N=...` tries as many as one likes."""

import pytest

from fuzzing.parsers import Parser, parsers
from fuzzing.trying import try_parser

INPUTS = 150


@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.name)
def test_a_parser_raises_what_it_declares_and_nothing_else_and_comes_to_an_end(parser: Parser) -> None:
    tally = try_parser(parser, INPUTS, seed=7)
    assert tally.failures == {}
    assert tally.tried == INPUTS


def test_a_failure_would_be_found() -> None:
    """A parser that cannot take what its seed becomes is told with the input that did it."""

    def fragile(content: bytes, _: object) -> object:
        return content.decode("ascii").index("a")

    tally = try_parser(Parser("fragile", (b"a",), fragile), 200, seed=1)
    assert {kind.split()[0] for kind in tally.failures} == {"UnicodeDecodeError", "ValueError"}
