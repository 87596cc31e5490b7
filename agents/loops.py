"""The loops beside the stream: evaluation, what is drawn ahead of it, delivery, receipts, repair and clock.

Each has a thread of its own.

None of them passes anything through Kafka or memory: each asks the database what is due. They go on
while the broker is away. The events only wake them earlier.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agents.house import House
from agents.steps import forever

EVALUATE_PAUSE_S = 1.0
DRAW_AHEAD_PAUSE_S = 60.0
DELIVER_PAUSE_S = 1.0
DELIVERERS = 4
"""Deliver at once: no two send to the same receiver, so that a slow one holds up one of them at most."""
RECEIPTS_PAUSE_S = 1.0
REPAIR_PAUSE_S = 2.0
TICK_PAUSE_S = 5.0


class Wakes:
    """Who is told that there may be work: set by one step, cleared by the loop that waits for it."""

    def __init__(self) -> None:
        self.stored = asyncio.Event()
        self.evaluated = asyncio.Event()


def loops(house: House, wakes: Wakes, stopping: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
    """The loops, ready to run until `stopping`: one of each kind, and several that deliver."""
    stored, evaluated = wakes.stored, wakes.evaluated
    return [
        forever("evaluate", house.evaluate_next, stopping, EVALUATE_PAUSE_S, stored, evaluated.set),
        forever("draw ahead", house.draw_ahead, stopping, DRAW_AHEAD_PAUSE_S),
        *(
            forever("deliver", house.deliver_due, stopping, DELIVER_PAUSE_S, evaluated)
            for _ in range(DELIVERERS)
        ),
        forever("receipts", house.send_receipts, stopping, RECEIPTS_PAUSE_S),
        forever("repair", house.repair, stopping, REPAIR_PAUSE_S, None, stored.set),
        forever("tick", house.tick, stopping, TICK_PAUSE_S, None, stored.set),
    ]
