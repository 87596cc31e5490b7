"""How often one client or person may ask, in this process. Locks after failures are in the database."""

import time
from dataclasses import dataclass, field

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException


def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


def _counter() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())


@dataclass(frozen=True)
class Limits:
    """Limits as the library `limits` writes them: `20 per minute`."""

    sign_in: RateLimitItem = field(default_factory=lambda: parse("20 per minute"))
    api: RateLimitItem = field(default_factory=lambda: parse("600 per minute"))
    submissions: RateLimitItem = field(default_factory=lambda: parse("20000 per minute"))
    _limiter: MovingWindowRateLimiter = field(default_factory=_limiter)
    # Counts instead of keeping each: thousands a minute would be looked through a hundred times a second.
    _counter: SlidingWindowCounterRateLimiter = field(default_factory=_counter)

    def of_sign_in(self, client: str) -> None:
        """Counts an attempt to be let in from a client's address. Raises a 429 where they are too many."""
        self._hit(self._limiter, self.sign_in, "sign-in", client)

    def of_api(self, person: str) -> None:
        """Counts what one person, or one token, asks of the API. Raises a 429 where it is too much."""
        self._hit(self._limiter, self.api, "api", person)

    def of_submissions(self, person: str) -> None:
        """Counts what one person, or one token, hands in. Raises a 429 where it is too much."""
        self._hit(self._counter, self.submissions, "submission", person)

    def _hit(self, limiter: RateLimiter, limit: RateLimitItem, *who: str) -> None:
        if not limiter.hit(limit, *who):
            ends_at = limiter.get_window_stats(limit, *who).reset_time
            raise too_many(max(1.0, ends_at - time.time()))


def too_many(seconds: float) -> HTTPException:
    """The answer to somebody who must wait."""
    return HTTPException(429, headers={"Retry-After": str(max(1, round(seconds + 0.5)))})
