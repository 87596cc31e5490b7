"""Partners' pages and their API: what became of what each sent."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.events.refusal import RefusalCode
from surveillance.store.dead_letters import Wanted
from surveillance.web import answers
from surveillance.web.api.answer import PROBLEMS, UNCHANGED, answer
from surveillance.web.house import House, needs
from surveillance.web.partner_answers import CODES, REFUSALS, partner_page, partners_page, refusals_page
from surveillance.web.summary import page_zone

Reader = Annotated[Person, needs(Permission.READ_PARTNERS)]
_BLANK = BeforeValidator(lambda value: None if value == "" else value)
_SHOWN = {"open": True, "resolved": False, "all": None}
NEWEST = 5  # refusals on the partner's own page


class AskedRefusals(BaseModel):
    """Which refused messages."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    reason: Annotated[RefusalCode | None, _BLANK] = Field(None, description="Refused for this reason only")
    show: Literal["open", "resolved", "all"] = Field(
        "all", description="Those that wait for a correction, those that were mended, or both"
    )
    before: Annotated[int | None, _BLANK] = Field(
        None, ge=1, le=2**62, description="`next` of the page before: goes on after it"
    )
    size: int = Field(REFUSALS, ge=1, le=100, description="How many refusals a page holds")

    def told(self) -> dict[str, str]:
        """What was asked for, without the page."""
        given = {
            "reason": self.reason and self.reason.value,
            "show": None if self.show == "all" else self.show,
        }
        return {name: value for name, value in given.items() if value}


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages and the API."""
    _add_pages(app, house)
    _add_api(app, house)


def _add_pages(app: FastAPI, house: House) -> None:
    @app.get("/partners", response_class=HTMLResponse, include_in_schema=False)
    def partners(person: Reader) -> HTMLResponse:
        return house.render("partners.html", person, page=read_partners(house, person, "page"))

    @app.get("/partners/{partner}", response_class=HTMLResponse, include_in_schema=False)
    def partner(person: Reader, partner: str) -> HTMLResponse:
        page = read_partner(house, person, partner, "page")
        newest = _refusals(
            house, person, partner, AskedRefusals(reason=None, show="open", before=None, size=NEWEST)
        )
        several = len(_reachable(house, person)) > 1
        return house.render("partner.html", person, page=page, newest=newest.rows, several=several)

    @app.get("/partners/{partner}/refusals", response_class=HTMLResponse, include_in_schema=False)
    def refusals(person: Reader, partner: str, asked: Annotated[AskedRefusals, Query()]) -> HTMLResponse:
        page = read_refusals(house, person, partner, asked, "page")
        more = urlencode(asked.told() | {"before": str(page.next)}) if page.next else ""
        return house.render(
            "refusals.html",
            person,
            page=page,
            asked=asked,
            codes=CODES,
            more=more,
            query=urlencode(asked.told()),
        )


def _add_api(app: FastAPI, house: House) -> None:
    shown = {"responses": PROBLEMS | UNCHANGED, "tags": ["Partners"]}

    @app.get("/api/partners", response_model=answers.PartnersPage, **shown)  # type: ignore[arg-type]
    def partners(request: Request, person: Reader) -> Response:
        """The partners that you may see, a line for each kind of record: heard of, refused, late."""
        return answer(request, read_partners(house, person, "json"))

    @app.get("/api/partners/{partner}", response_model=answers.PartnerPage, **shown)  # type: ignore[arg-type]
    def partner(request: Request, person: Reader, partner: str) -> Response:
        """What became of what a partner sent: by month, by reason, how late and how complete."""
        return answer(request, read_partner(house, person, partner, "json"))

    @app.get(
        "/api/partners/{partner}/refusals",
        response_model=answers.Refusals,
        **shown,  # type: ignore[arg-type]
    )
    def refusals(
        request: Request, person: Reader, partner: str, asked: Annotated[AskedRefusals, Query()]
    ) -> Response:
        """A partner's refused messages, the newest first, with every broken rule and what to send instead."""
        return answer(request, read_refusals(house, person, partner, asked, "json"))


def read_partners(house: House, person: Person, form: str) -> answers.PartnersPage:
    """The partners that somebody may see, entered into the audit chain."""
    configuration = house.desk.configuration
    shown = [configuration.partners[partner] for partner in _reachable(house, person)]
    with house.desk.store.reading() as tx:
        page = partners_page(tx, configuration, shown, house.now(), page_zone(house.source))
    house.record(person, "viewed", "partners", form=form)
    return page


def read_partner(house: House, person: Person, partner: str, form: str) -> answers.PartnerPage:
    """One partner's answers, entered into the audit chain."""
    found, zone = house.partner(person, partner), page_zone(house.source)
    with house.desk.store.reading() as tx:
        page = partner_page(tx, house.desk.configuration, found, house.now(), zone)
    house.record(person, "viewed", f"partner/{found.id}", form=form)
    return page


def read_refusals(
    house: House, person: Person, partner: str, asked: AskedRefusals, form: str
) -> answers.Refusals:
    """A page of a partner's refusals, entered into the audit chain."""
    page = _refusals(house, person, partner, asked)
    house.record(person, "viewed", f"partner/{page.partner}", form=form, what="refusals", filter=asked.told())
    return page


def _refusals(house: House, person: Person, partner: str, asked: AskedRefusals) -> answers.Refusals:
    found = house.partner(person, partner)
    wanted = Wanted(found.id, asked.reason, open=_SHOWN[asked.show], before=asked.before)
    with house.desk.store.reading() as tx:
        return refusals_page(tx, found, wanted, asked.size, page_zone(house.source))


def _reachable(house: House, person: Person) -> list[str]:
    known = house.desk.configuration.partners
    return [partner for partner in known if house.reaches(person, partner, Permission.READ_PARTNERS)]
