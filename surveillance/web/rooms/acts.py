"""What a person does with an alert: every form of the table, each sent, checked, done and answered alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.alerting.identifying import Identifying
from surveillance.alerting.workflow import NotAllowed
from surveillance.deciding import Decision, Unknown
from surveillance.store.alerts import StaleAlert
from surveillance.store.responses import StaleTask
from surveillance.web.acting import PATHS, Shown, Wrong, check, read_circumstances, show
from surveillance.web.deeds import Circumstances, Deed, Typed
from surveillance.web.house import House, needs
from surveillance.web.pairs import compare
from surveillance.web.summary import step_of, summarise

SEE_OTHER, CONFLICT, UNPROCESSABLE = 303, 409, 422
STALE = "This was changed meanwhile. Look again: what you typed is still here, and nothing was stored."


async def read_form(request: Request) -> Typed:
    """What was sent with a form; a file is no text, and is left out."""
    async with request.form(max_files=0, max_fields=1_000) as sent:
        names = dict.fromkeys(sent.keys())
        return Typed({n: tuple(v for v in sent.getlist(n) if isinstance(v, str)) for n in names})


Sent = Annotated[Typed, Depends(read_form)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the forms of an alert: those of the workflow and the response, and those about its records."""
    for permission in PATHS:
        _add_forms(app, house, permission)


def _add_forms(app: FastAPI, house: House, permission: Permission) -> None:
    path, _ = PATHS[permission]
    Actor = Annotated[Person, needs(permission)]  # a type

    @app.get(f"/alerts/{{alert_id}}/{path}/{{name}}", response_class=HTMLResponse, include_in_schema=False)
    def form(request: Request, person: Actor, alert_id: str, name: str) -> Response:
        alert, deed = _find(house, person, permission, alert_id, name)
        query = request.query_params
        typed = Typed({key: tuple(query.getlist(key)) for key in query})
        around = read_circumstances(house, alert)
        if not deed.offered(around):
            raise HTTPException(404)
        shown = replace(show(around, permission, deed), typed=typed, seen=_seen(alert, typed))
        house.record(person, "viewed", f"alert/{alert.id}", form=name, revision=alert.revision)
        return _page(house, person, around, shown)

    @app.post(f"/alerts/{{alert_id}}/{path}/{{name}}", include_in_schema=False)
    def act(person: Actor, alert_id: str, name: str, typed: Sent) -> Response:
        alert, deed = _find(house, person, permission, alert_id, name)
        around = read_circumstances(house, alert)
        shown = replace(show(around, permission, deed), typed=typed, seen=_seen(alert, typed))
        wrong = check(shown, typed, house.now())
        if wrong.fields:
            return _page(house, person, around, replace(shown, wrong=wrong), UNPROCESSABLE)
        why = decision(house, person, typed)
        refused = attempt(lambda: deed.do(house.desk, around, typed, why))
        if refused is None:
            return RedirectResponse(f"/alerts/{alert.id}#act", SEE_OTHER)
        return _refused(house, person, around, replace(shown, wrong=refused[0]), refused[1])


def _refused(house: House, person: Person, around: Circumstances, shown: Shown, status: int) -> Response:
    """The form again. What was changed meanwhile is shown beside it, and rests on what stands now."""
    if status == CONFLICT:
        alert = house.alert(person, around.alert.id)
        around = read_circumstances(house, alert)
        tasks = {str(t.id): t.revision for plan in around.plans for t in plan.tasks}
        shown = replace(shown, seen=tasks.get(shown.typed.one("task"), alert.revision))
    return _page(house, person, around, shown, status)


def decision(house: House, person: Person, typed: Typed) -> Decision:
    """Who decides now and why, on which revision."""
    confirmed = frozenset(typed.all("confirmed"))
    return Decision(person.id, house.now(), typed.one("reason"), confirmed, typed.number("seen"))


def attempt(do: Callable[[], Any]) -> tuple[Wrong, int] | None:
    """Does it; where the desk refuses, why, and the status that says so. Its words hold no typed text."""
    try:
        do()
    except (StaleAlert, StaleTask):
        return Wrong(whole=STALE), CONFLICT
    except (NotAllowed, Unknown, Identifying) as refused:
        text = str(refused)
        return Wrong(whole=text[:1].upper() + text[1:] + "."), UNPROCESSABLE
    return None


def _find(
    house: House, person: Person, permission: Permission, alert_id: str, name: str
) -> tuple[Alert, Deed]:
    alert = house.alert(person, alert_id, permission)
    deed = next((one for one in PATHS[permission][1] if one.name == name), None)
    if deed is None:
        raise HTTPException(404)
    return alert, deed


def _seen(alert: Alert, typed: Typed) -> int:
    seen = typed.number("seen")
    return alert.revision if seen is None else seen


def _page(
    house: House, person: Person, around: Circumstances, shown: Shown, status: int = 200
) -> HTMLResponse:
    """One form as a page of its own, with the alert's sentence and what changed last above it."""
    alert = around.alert
    summary = summarise(house.source, alert, step_of(house.source.history(alert.id)[-1]), house.now())
    pair = compare(house, alert, shown.typed) if shown.deed.name == "duplicate" else None
    task = next((t for p in around.plans for t in p.tasks if str(t.id) == shown.typed.one("task")), None)
    return house.render("acts/form.html", person, status, form=shown, summary=summary, pair=pair, task=task)
