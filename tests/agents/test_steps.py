import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

from agents.steps import backoff, finish, forever, in_thread
from surveillance.service import Outage


def run_forever(step: Callable[[], object], seconds: float, **settings: object) -> None:
    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.ensure_future(forever("test", step, stopping, **{"pause_s": 0.01, **settings}))  # type: ignore[arg-type]
        await asyncio.sleep(seconds)
        stopping.set()
        await asyncio.wait_for(loop, 2.0)

    asyncio.run(main())


def test_a_step_that_did_something_is_repeated_at_once_and_else_after_a_pause() -> None:
    times: list[float] = []

    def step() -> bool:
        times.append(time.monotonic())
        return len(times) < 4

    run_forever(step, 0.6, pause_s=0.2)
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps[:3]) < 0.15
    assert min(gaps[3:]) > 0.15


def test_a_step_that_fails_is_repeated_and_never_ends_the_loop() -> None:
    calls: list[int] = []

    def step() -> None:
        calls.append(1)
        raise (Outage if len(calls) % 2 else ValueError)("again")

    run_forever(step, 0.9)
    assert 2 <= len(calls) <= 4  # 0.2 s, 0.4 s, 0.8 s


def test_a_wake_cuts_the_pause_short() -> None:
    async def main() -> int:
        calls: list[int] = []
        stopping, wake = asyncio.Event(), asyncio.Event()
        loop = asyncio.ensure_future(forever("test", lambda: calls.append(1), stopping, 60.0, wake))
        await asyncio.sleep(0.1)
        wake.set()
        await asyncio.sleep(0.1)
        stopping.set()
        await asyncio.wait_for(loop, 2.0)
        return len(calls)

    assert asyncio.run(main()) == 2


def test_a_wake_during_the_step_is_not_missed() -> None:
    async def main() -> int:
        calls: list[int] = []
        stopping, wake = asyncio.Event(), asyncio.Event()

        def step() -> None:
            calls.append(1)
            time.sleep(0.1)

        loop = asyncio.ensure_future(forever("test", step, stopping, 60.0, wake))
        await asyncio.sleep(0.05)
        wake.set()
        await asyncio.sleep(0.3)
        stopping.set()
        await asyncio.wait_for(loop, 2.0)
        return len(calls)

    assert asyncio.run(main()) == 2


def test_a_task_in_hand_ends_before_a_cancellation_takes_effect() -> None:
    async def main() -> list[str]:
        ended: list[str] = []

        def step() -> None:
            time.sleep(0.2)
            ended.append("step")

        async def wait() -> None:
            in_hand = in_thread("test", step)
            try:
                await asyncio.shield(in_hand)
            finally:
                await finish(in_hand)

        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        return ended

    assert asyncio.run(main()) == ["step"]


def test_the_event_loop_goes_on_while_a_step_blocks() -> None:
    async def main() -> int:
        ticks = 0
        step = in_thread("slow", lambda: time.sleep(0.2))
        while not step.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 5


def test_the_pause_grows_with_failures_to_ten_seconds() -> None:
    assert [backoff(n) for n in (0, 1, 2, 3, 20, 10_000)] == [0.0, 0.2, 0.4, 0.8, 10.0, 10.0]
