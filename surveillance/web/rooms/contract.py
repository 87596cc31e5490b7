"""The contract with partners as pages, and its documents of every version to be downloaded.

For whoever signed in, a partner's own people included. Not for everybody: nothing of this service is found
by who has no account. Before there is one, the contract is handed over as files, which
`surveillance contract --out` writes.
"""

from typing import Annotated

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.events.contract import VERSION
from surveillance.web import contract_words
from surveillance.web.house import House, needs

Anybody = Annotated[Person, needs(None)]
MEDIA_TYPES = {"json": "application/json", "yaml": "application/yaml"}


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages and the documents."""

    @app.get("/contract", response_class=HTMLResponse, include_in_schema=False)
    def contract(person: Anybody) -> HTMLResponse:
        found = {"topics": contract_words.topics(), "reasons": contract_words.reasons()}
        return house.render(
            "contract.html", person, version=VERSION, versions=contract_words.versions(), **found
        )

    @app.get("/contract/{topic}", response_class=HTMLResponse, include_in_schema=False)
    def of_topic(person: Anybody, topic: str) -> HTMLResponse:
        found = contract_words.topics().get(topic)
        if found is None:
            raise HTTPException(404)
        return house.render("contract_topic.html", person, topic=found, version=VERSION)

    @app.get("/contract/{version}/{document}", include_in_schema=False)
    def document(person: Anybody, version: str, document: str) -> Response:
        del person  # whoever signed in
        text = contract_words.text_of(version, document)
        if text is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="{version}-{document}"'}
        return Response(text, media_type=MEDIA_TYPES[document.rpartition(".")[2]], headers=headers)
