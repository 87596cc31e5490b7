"""Words that harm people who read about suicide, and words that frighten: never in any text for people.

After the media guidelines of Samaritans and the World Health Organization's resource for professionals.
"""

import re

# `commit` with `suicide` near it is the harm, but no text of ours needs the word in another sense.
HARMFUL = re.compile(
    r"\b(?:commit(?:s|ted|ting)?|(?:un)?successful(?:ly)?|failed|epidemics?|hot[ -]?spots?)\b", re.IGNORECASE
)


def harmful_words(text: str) -> tuple[str, ...]:
    """The harmful words in `text`, as they stand there, in order; empty where it is safe."""
    return tuple(HARMFUL.findall(text))
