"""Loads use cases, partners and scopes from a configuration directory, with every mistake at once.

surveillance.yaml      scopes
use_cases/<id>.yaml    one use case each
partners/<id>.yaml     one partner each
receivers.yaml         who is told; without it, the alerts topic alone
code_lists/<id>@<version>.yaml    lists of codes that conditions name
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from surveillance.use_case.check import (
    USE_CASE_CHECKS,
    CheckDetector,
    Mistake,
    Surroundings,
    check_coverage,
    check_partner_columns,
    check_zone,
)
from surveillance.use_case.check_receivers import CheckChannel, check_against, check_alone, check_among
from surveillance.use_case.code_list import CodeList, read_code_lists
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.fields import field_paths
from surveillance.use_case.model import Condition, Partner, Scope, UseCase
from surveillance.use_case.read import key_fix, read_directory, read_yaml, validate
from surveillance.use_case.receiver import DEFAULT, Receiver, ReceiversFile

M = TypeVar("M", bound=BaseModel)
SCOPES_FILE = "surveillance.yaml"
RECEIVERS_FILE = "receivers.yaml"


def load_use_cases(
    directory: Path,
    *,
    scopes: Mapping[str, Scope],
    check_detector: CheckDetector | None = None,
    record_models: Mapping[str, type[BaseModel]] | None = None,
    receivers: Collection[str] | None = ("alerts-topic",),
) -> dict[str, UseCase]:
    """Every use case by id; raises ConfigError with every fault of every file.

    record_models: `incident` and `admission` -> the event's model, against which fields are checked.
    check_detector: raises ValueError where a detector cannot be built from its parameters.
    """
    models = record_models or {}
    fields = {kind: field_paths(model) for kind, model in models.items()}
    lists, faults = read_code_lists(directory)
    around = Surroundings(scopes, fields, check_detector, receivers, lists)

    def check(use_case: UseCase, file: str) -> Iterator[ConfigFault]:
        for find_mistakes in USE_CASE_CHECKS:
            yield from (ConfigFault(file, *mistake) for mistake in find_mistakes(use_case, around))

    found, wrong = read_directory(directory, "use_cases", UseCase, check)
    sound = _or_raise((found, faults + wrong))
    return {name: _with_lists(use_case, lists) for name, use_case in sound.items()}


def _with_lists(use_case: UseCase, lists: Mapping[str, CodeList]) -> UseCase:
    """The use case with every list in the place of its name: what it counts depends on nothing else."""

    def resolved(condition: Condition) -> Condition:
        if condition.in_list is None:
            return condition
        return condition.model_copy(update={"in_list": tuple(lists[str(name)] for name in condition.in_list)})

    cases = {path: resolved(condition) for path, condition in use_case.cases.items()}
    return use_case.model_copy(update={"cases": cases})


def load_partners(
    directory: Path,
    *,
    scopes: Mapping[str, Scope] | None = None,
    record_models: Mapping[str, type[BaseModel]] | None = None,
) -> dict[str, Partner]:
    """Every partner by id; raises ConfigError with every fault.

    With `scopes`, coverage is of their areas; with `record_models`, columns are of their fields.
    """
    areas = {scope.areas for scope in (scopes or {}).values()}
    fields = {kind: field_paths(model) for kind, model in (record_models or {}).items()}

    def check(partner: Partner, file: str) -> Iterator[ConfigFault]:
        mistakes = (*check_coverage(partner, areas), *check_partner_columns(partner, fields))
        return (ConfigFault(file, *mistake) for mistake in mistakes)

    return _or_raise(read_directory(directory, "partners", Partner, check))


def load_scopes(directory: Path, *, settings: Collection[str] | None = None) -> dict[str, Scope]:
    """Every scope of surveillance.yaml by id; raises ConfigError with every fault.

    settings: the other keys that the file may hold; None leaves them unchecked.
    """
    content, faults = read_yaml(directory / SCOPES_FILE, SCOPES_FILE)
    found: dict[str, Scope] = {}
    if content is not None:
        faults += _key_faults(content, settings)
        for i, item in enumerate(_listed_scopes(content, faults)):
            scope, invalid = validate(Scope, item, SCOPES_FILE, under=f"scopes[{i}]")
            faults += invalid
            if scope is not None:
                faults += _scope_faults(scope, found, i)
                found[scope.id] = scope
    return _or_raise((found, faults))


def load_receivers(directory: Path, *, check_channel: CheckChannel | None = None) -> ReceiversFile:
    """Everybody who can be told; raises ConfigError with every fault that shows without the use cases.

    check_channel: yields what a channel finds wrong with a receiver of it, or that there is no such channel.
    """
    path = directory / RECEIVERS_FILE
    if not path.exists():
        return DEFAULT
    content, faults = read_yaml(path, RECEIVERS_FILE)
    found = None
    if content is not None:
        found, invalid = validate(ReceiversFile, content, RECEIVERS_FILE)
        faults += invalid
    if found is not None:
        faults += _receiver_faults(found, check_channel or (lambda _: ()))
    if faults or found is None:
        raise ConfigError(faults)
    return found


def _receiver_faults(file: ReceiversFile, check_channel: CheckChannel) -> Iterator[ConfigFault]:
    by_id = {receiver.id: receiver for receiver in file.receivers}
    for i, receiver in enumerate(file.receivers):
        mistakes = [*check_alone(receiver), *check_among(receiver, by_id), *check_channel(receiver)]
        if by_id[receiver.id] is not receiver:
            mistakes.append(("id", "stands twice", "Give every receiver an id of its own"))
        yield from (receiver_fault(i, mistake) for mistake in mistakes)


def receivers_against(
    receivers: Iterable[Receiver], use_cases: Mapping[str, UseCase], scopes: Collection[str]
) -> Iterator[ConfigFault]:
    """What is wrong with receivers beside the use cases and scopes that there are."""
    for i, receiver in enumerate(receivers):
        yield from (receiver_fault(i, mistake) for mistake in check_against(receiver, use_cases, scopes))


def receiver_fault(position: int, mistake: Mistake) -> ConfigFault:
    """A mistake in the receiver at a position of the file."""
    key, problem, fix = mistake
    return ConfigFault(RECEIVERS_FILE, f"receivers[{position}].{key}", problem, fix)


def _key_faults(content: Mapping[str, object], settings: Collection[str] | None) -> Iterator[ConfigFault]:
    known = None if settings is None else {"scopes", *settings}
    for key in content:
        if known is not None and key not in known:
            yield ConfigFault(SCOPES_FILE, str(key), "there is no such key", key_fix(str(key), sorted(known)))


def _listed_scopes(content: Mapping[str, object], faults: list[ConfigFault]) -> list[object]:
    items = content.get("scopes")
    if isinstance(items, list) and items:
        return items
    faults.append(ConfigFault(SCOPES_FILE, "scopes", "is not a list of scopes", "Give at least one scope"))
    return []


def _scope_faults(scope: Scope, found: Mapping[str, Scope], i: int) -> Iterator[ConfigFault]:
    if scope.id in found:
        yield ConfigFault(SCOPES_FILE, f"scopes[{i}].id", "stands twice", "Give every scope an id of its own")
    for key, problem, fix in check_zone(scope):
        yield ConfigFault(SCOPES_FILE, f"scopes[{i}].{key}", problem, fix)


def _or_raise(outcome: tuple[dict[str, M], list[ConfigFault]]) -> dict[str, M]:
    found, faults = outcome
    if faults:
        raise ConfigError(faults)
    return found
