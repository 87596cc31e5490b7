"""Links need not run at a look where they are certain to find nothing."""

from datetime import timedelta

from surveillance.detection.cluster import Detector
from surveillance.detection.links import Links
from surveillance.evaluation.known import Known
from surveillance.looking import Question


class LinkScreen:
    """For links at one place: may they find anything?"""

    def __init__(self, links: Links) -> None:
        self.links = links

    def may_find(self, question: Question, known: Known) -> bool:
        """False where no two cases share a token in the last two windows.

        The last case of a cluster that goes on lies in the last window, and what links it in the one before.
        """
        seen: set[str] = set()
        for one in known.counted_since(question.as_of - timedelta(days=2 * self.links.window_days)):
            tokens = {token for token in one.tokens if self._links(token)}
            if not seen.isdisjoint(tokens):
                return True
            seen |= tokens
        return False

    def _links(self, token: str) -> bool:
        types = self.links.token_types
        return types is None or token.partition(":")[0] in types


def screen_of(detector: Detector) -> LinkScreen | None:
    """A new screen for a detector; None for one that is run at every look."""
    return LinkScreen(detector) if isinstance(detector, Links) else None
