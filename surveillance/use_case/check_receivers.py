"""What a receiver must hold beyond its keys and types, alone and beside the others and the use cases.

Each check yields (key, problem, fix), the key within the file.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from surveillance.use_case.check import Mistake
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import OnCall, Receiver

CheckChannel = Callable[[Receiver], Iterable[Mistake]]


def check_alone(receiver: Receiver) -> Iterator[Mistake]:
    """Its hours make sense, and its time zone exists where hours ask for one."""
    timed = [k for k in ("working_hours", "on_call", "quiet_hours", "digest_at") if getattr(receiver, k)]
    if timed and receiver.time_zone is None:
        yield "time_zone", f"is missing, and {timed[0]} needs it", "Give a name such as Europe/London"
    if receiver.time_zone is not None and not _is_zone(receiver.time_zone):
        yield "time_zone", "there is no such time zone", "Use a name such as Europe/London"
    hours, quiet = receiver.working_hours, receiver.quiet_hours
    if hours is not None and hours.opens >= hours.closes:
        yield "working_hours.closes", "is not after `opens`", 'Write hours of one day, such as "17:00"'
    if hours is not None and not receiver.on_call:
        yield "working_hours", "nobody hears outside them", "Add on_call, or remove working_hours"
    if quiet is not None and quiet.begins == quiet.ends:
        yield "quiet_hours.ends", "is when they begin", "Give the hour at which they end"
    if receiver.secret_file is not None and receiver.secret_env is not None:
        yield "secret_env", "stands beside secret_file", "Keep one of the two"
    for i, entry in enumerate(receiver.on_call):
        if entry.first is not None and entry.last is not None and entry.last < entry.first:
            yield f"on_call[{i}].last", "comes before `first`", "Give the last day, or leave it out"


def check_among(receiver: Receiver, others: Mapping[str, Receiver]) -> Iterator[Mistake]:
    """Those on call exist, and are not away themselves; somebody is on call on every day."""
    for i, entry in enumerate(receiver.on_call):
        for j, called in enumerate(entry.receivers):
            key = f"on_call[{i}].receivers[{j}]"
            if called not in others:
                yield key, "there is no such receiver", f"Use one of: {_listed(others)}"
            elif called == receiver.id or others[called].on_call:
                yield key, "has an on-call list of its own", "Name receivers that are called themselves"
    if receiver.on_call and not any(_holds_always(entry) for entry in receiver.on_call):
        yield "on_call", "some days have nobody on call", "End it with an entry without days and dates"


def check_against(
    receiver: Receiver, use_cases: Mapping[str, UseCase], scopes: Collection[str]
) -> Iterator[Mistake]:
    """The use cases, scopes and severities that it names exist."""
    for i, use_case in enumerate(receiver.use_cases):
        if use_case not in use_cases:
            yield f"use_cases[{i}]", "there is no such use case", f"Use one of: {_listed(use_cases)}"
    for i, scope in enumerate(receiver.scopes):
        if scope not in scopes:
            yield f"scopes[{i}]", "there is no such scope", f"Use one of: {_listed(scopes)}"
    least = receiver.minimum_severity
    for telling in _telling(receiver, use_cases) if least is not None else ():
        bands = [band.name for band in telling.bands]
        if least not in bands:
            problem = f"use case {telling.id} has no severity {least}"
            yield "minimum_severity", problem, f"It has: {', '.join(bands)}; or restrict use_cases"


def _telling(receiver: Receiver, use_cases: Mapping[str, UseCase]) -> Iterator[UseCase]:
    """The use cases whose alerts the receiver may be told of."""
    for use_case in use_cases.values():
        wanted = not receiver.use_cases or use_case.id in receiver.use_cases
        if wanted and (receiver.use_cases or receiver.id in use_case.receivers):
            yield use_case


def _holds_always(entry: OnCall) -> bool:
    return not entry.days and entry.first is None and entry.last is None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
