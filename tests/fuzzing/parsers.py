"""Every parser of what strangers or operators write: valid seeds, and what may come of any bytes at all.

A parser's `read` returns, or raises one of its declared errors, whose words are checked to name what to mend.
"""

import hashlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import openpyxl
from itsdangerous import URLSafeSerializer

import small_house
from factories import ORGANISATION, RECEIVED_AT, admission, as_bytes, incident
from surveillance.adapters.fhir.conversion import fhir_to_events
from surveillance.adapters.fhir.encounter import Setting
from surveillance.adapters.hl7.receiver import Receiver
from surveillance.adapters.publishing import Partner
from surveillance.alerting.identifying import Identifying, refuse_identifying
from surveillance.configuration import RECORD_MODELS, Configuration
from surveillance.events.columns import ColumnsError
from surveillance.events.decode import decode
from surveillance.events.refusal import Fault, Refused
from surveillance.events.topics import Source
from surveillance.geography.area import load_areas
from surveillance.geography.area_file import read_area_file
from surveillance.geography.boundaries import load_boundaries
from surveillance.geography.lookup import Gazetteer
from surveillance.scan_files.columns import ColumnChoice
from surveillance.scan_files.fault import ScanFilesError
from surveillance.scan_files.study import ScanFiles, read_scan
from surveillance.settings import Settings
from surveillance.submitting.feed import Feed
from surveillance.submitting.shape import Shape
from surveillance.use_case.fault import ConfigError
from surveillance.use_case.load import load_partners, load_receivers, load_scopes, load_use_cases
from surveillance.web import boundaries as outlines
from surveillance.web.door import own_path
from surveillance.web.session import Seal, begin

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)
SEAL = Seal(b"s" * 32, secure=True)


@dataclass(frozen=True)
class Parser:
    """`read` is given the bytes and an empty folder. `declared`: all that it may raise."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes, Path], object]
    declared: tuple[type[Exception], ...] = ()
    suffix: str = field(default="")


def check_words(error: Exception) -> None:
    """A person can mend it: what is wrong stands there, and for structured faults the field and the fix."""
    assert str(error).strip(), f"{type(error).__name__} without words"
    faults: Iterable[object] = getattr(error, "faults", ())
    for fault in faults:
        if isinstance(fault, Fault):
            assert fault.field, fault
            assert fault.fix, fault
        else:
            assert fault.file, fault  # type: ignore[attr-defined]
            assert fault.fix, fault  # type: ignore[attr-defined]


def _decode(kind: str) -> Callable[[bytes, Path], object]:
    source = Source(kind, "north-police" if kind == "incident" else "royal")  # type: ignore[arg-type]
    return lambda content, _: decode(content, source, ORGANISATION, RECEIVED_AT)


def _envelope() -> bytes:
    around = {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/north-police",
        "type": "incident.v1",
        "time": "2024-03-03T09:31:00Z",
        "subject": "inc-0001",
        "datacontenttype": "application/json",
    }
    return as_bytes({**around, "data": incident()})


@cache
def configuration() -> Configuration:
    """A small one, made once."""
    return small_house.load_house(Path(tempfile.mkdtemp(prefix="fuzz-")))


def _upload(shape: Shape) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        path = folder / "upload"
        path.write_bytes(content)
        house = configuration()
        partner = house.partners["alpha"]
        columns = {"record_id": "id", "version": "version", "action": "action", "age": "age"}
        zone = house.regions["north"].zone
        feed = Feed(path, partner, "incident", columns, zone, named=shape)
        for judged in feed.judged(house.gazetteer, NOW):
            for fault in judged.faults:
                check_words(Refused((fault,)))
        return None

    return read


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["id", "version", "action", "age", "when"])
    book.active.append(["i-1", 1, "reported", 30, datetime(2024, 3, 1)])
    book.active.append(["i-2", "1", "=1+1", "thirty", "x"])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer.load((load_areas("cheshire_merseyside", ROOT / "config"),))


def _hl7() -> tuple[tuple[bytes, ...], Callable[[bytes, Path], object]]:
    from adapters.messages import DIALECT, MRG, OLD_SECRET, PARTNER, SECRET, Taken, journal, message

    seeds = (*(message(trigger, str(i)) for i, trigger in enumerate(("A01", "A03", "A08", "A11"))),
             message("A40", "9", "20240302090000", MRG))  # fmt: skip

    def read(content: bytes, _: Path) -> object:
        memory = journal()
        receiver = Receiver(PARTNER, [SECRET, OLD_SECRET], gazetteer(), memory, Taken(), DIALECT, lambda: NOW)
        answer = receiver.answer(content)
        memory.close()
        assert b"MSA" in answer
        assert b"a defect of the receiver" not in answer
        return answer

    return seeds, read


def _fhir() -> tuple[tuple[bytes, ...], Callable[[bytes, Path], object]]:
    from adapters.bundles import bundle, condition, encounter, patient
    from adapters.messages import SECRET
    from surveillance.cli.feeding import read_zone

    setting = Setting([SECRET], gazetteer(), read_zone("Europe/London"), "RXX01")
    seeds = (
        json.dumps(bundle(patient(), encounter(), condition())).encode(),
        json.dumps(bundle(encounter(status="finished"))).encode(),
    )

    def read(content: bytes, _: Path) -> object:
        outcome = fhir_to_events(content, Partner("royal", "ROYAL"), setting, NOW).outcome
        assert outcome["issue"]
        json.dumps(outcome)
        return outcome

    return seeds, read


def _scan(suffix: str, role: str) -> Callable[[bytes, Path], object]:
    around: dict[str, tuple[str, bytes]] = {
        "cases": (".csv", b"crater,day,cases\nn1,2024-01-01,2\nn2,2024-01-05,1\n"),
        "locations": (".csv", b"crater,x_km,y_km\nn1,0,0\nn2,3,4\n"),
    }
    if suffix != ".csv":
        around = {"cases": (".cas", _CAS), "locations": (".geo", _GEO)}

    def read(content: bytes, folder: Path) -> object:
        paths = {}
        for name, (ending, text) in (around | {role: (suffix, content)}).items():
            paths[name] = folder / f"{name}{ending}"
            paths[name].write_bytes(text)
        files = ScanFiles(**paths)
        return read_scan(files, ColumnChoice(), "space-time", "day", date(2024, 1, 1), date(2024, 1, 31))

    return read


def use_cases(folder: Path) -> object:
    """With the scopes and code lists that ship."""
    if not (folder / "code_lists").exists():
        shutil.copytree(ROOT / "config" / "code_lists", folder / "code_lists")
    return load_use_cases(folder, scopes=load_scopes(ROOT / "config"), record_models=RECORD_MODELS)


def partners(folder: Path) -> object:
    return load_partners(folder, scopes=load_scopes(ROOT / "config"), record_models=RECORD_MODELS)


def scopes(folder: Path) -> object:
    return load_scopes(folder, settings=tuple(Settings.model_fields))


def _config(file: str, load: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return load(folder)

    return read


def _file(name: str, load: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    return _config(name, lambda folder: load(folder / name))


def _seeds(pattern: str, as_id: str = "") -> tuple[bytes, ...]:
    """What ships; under one id where a file's name must be it."""
    texts = [path.read_bytes() for path in sorted((ROOT / "config").glob(pattern))]
    return tuple(re.sub(rb"(?m)^id: .+$", b"id: " + as_id.encode(), t) if as_id else t for t in texts)


def _cookies() -> tuple[bytes, ...]:
    session = begin(NOW, "lead-1")
    return (SEAL.header(session).split("=", 1)[1].split(";")[0].encode(), b"a.b", b"")


def _signed(content: bytes, _: Path) -> object:
    """What is rightly signed and says nonsense: of an older version of this service, say."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    serializer = URLSafeSerializer(SEAL.key, salt="surveillance session", signer_kwargs=options)
    try:
        cookie = str(serializer.dumps(said))
    except UnicodeEncodeError:  # no service could have signed it
        return None
    return SEAL.opened(cookie, NOW)


def _session_json() -> bytes:
    opened = begin(NOW, "lead-1")
    times = {"began_at": NOW.timestamp(), "seen_at": NOW.timestamp()}
    return json.dumps(
        {"id": opened.id, "account": "lead-1", "generation": 0, "transit": {"state": "x"}} | times
    ).encode()


_CAS, _GEO = b"a 1 2024/01/01\nb 2 2024/1/2\n", b"a 53.4 -2.9\nb 53.5 -2.8\n"
_AREAS = (
    b"code,name,latitude,longitude,population,lad_name\nA1,One,53.4,-2.9,1000,X\nA2,Two,53.5,-2.8,900,X\n"
)
_GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"code": code, "lad_name": "X"},
                "geometry": {"type": kind, "coordinates": coordinates},
            }
            for code, kind, coordinates in (
                ("A1", "Polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]]),
                ("A2", "MultiPolygon", [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]),
            )
        ],
    }
).encode()
_CSV = b'id,version,action,age,when\ni-1,1,reported,30,2024-03-01\n"i-2",1,"am""ended",,"a\nb"\n'
_NOTES = (
    b"Called the school on 3 March 2024, 07700 900123, CH1 1AB",
    b"Mrs Example, NHS number 999 000 0018, born 31/01/1970",
)


@cache
def parsers() -> tuple[Parser, ...]:
    """All of them; a new parser is a new line."""
    hl7_seeds, hl7 = _hl7()
    fhir_seeds, fhir = _fhir()
    lines = b"\n".join(as_bytes(incident(record_id=f"i-{n}")) for n in range(3))
    listed = b"[" + as_bytes(incident()) + b"," + as_bytes(incident(record_id="i-2")) + b"]"
    refused, wrong, config = (Refused,), (ColumnsError, Refused), (ConfigError,)
    return (
        Parser("events: incidents", (as_bytes(incident()), _envelope()), _decode("incident"), refused),
        Parser("events: admissions", (as_bytes(admission()),), _decode("admission"), refused),
        Parser("upload: CSV", (_CSV, _CSV.replace(b",", b";")), _upload(Shape.CSV), wrong),
        Parser("upload: Excel", (_workbook(),), _upload(Shape.EXCEL), wrong),
        Parser("upload: JSON Lines", (lines,), _upload(Shape.JSON_LINES), wrong),
        Parser("upload: JSON", (as_bytes(incident()), listed), _upload(Shape.JSON), wrong),
        Parser("HL7 v2", hl7_seeds, hl7),
        Parser("FHIR", fhir_seeds, fhir),
        Parser("SaTScan: cases", (_CAS,), _scan(".cas", "cases"), (ScanFilesError,)),
        Parser("SaTScan: places", (_GEO,), _scan(".geo", "locations"), (ScanFilesError,)),
        Parser("scan: cases, CSV", (b"crater,day,cases\nn1,2024-01-01,2\n",),
               _scan(".csv", "cases"), (ScanFilesError,)),
        Parser("scan: population", (b"a 2024 100\nb 2024 200\n",),
               _scan(".pop", "population"), (ScanFilesError,)),
        Parser("YAML: use cases", _seeds("use_cases/*.yaml", "suspected-suicide"),
               _config("use_cases/suspected-suicide.yaml", use_cases), config),
        Parser("YAML: partners", _seeds("partners/*.yaml", "example-police"),
               _config("partners/example-police.yaml", partners), config),
        Parser("YAML: scopes", _seeds("surveillance.yaml"), _config("surveillance.yaml", scopes), config),
        Parser("YAML: receivers", (*_seeds("receivers.yaml"), _RECEIVERS),
               _config("receivers.yaml", load_receivers), config),
        Parser("areas: CSV", (_AREAS,), _file("areas.csv", read_area_file), config),
        Parser("areas: GeoJSON", (_GEOJSON,), _file("areas.geojson", load_boundaries), config),
        Parser("outlines: GeoJSON", (_GEOJSON,),
               _file("outlines.geojson", outlines.load_boundaries.__wrapped__), config),
        Parser("cookies", _cookies(), lambda text, _: SEAL.opened(text.decode("latin-1"), NOW)),
        Parser("sessions, signed", (_session_json(),), _signed),
        Parser("form tokens", (b"a" * 64,),
               lambda text, _: SEAL.is_csrf(begin(NOW), text.decode("utf-8", "surrogateescape"))),
        Parser("ways back", (b"/alerts/a1?x=1", b"//evil.example"), lambda t, _: _own(t.decode("latin-1"))),
        Parser("notes", _NOTES,
               lambda text, _: refuse_identifying(text.decode("utf-8", "replace"), NOW.date()),
               (Identifying,)),
    )  # fmt: skip


_RECEIVERS = b"""receivers:
  - id: team
    channel: email
    address: team@example.org
    time_zone: Europe/London
    working_hours: {days: [monday], opens: "09:00", closes: "17:00"}
    on_call:
      - {first: 2026-12-24, last: 2027-01-03, receivers: [deputy]}
      - {receivers: [deputy]}
  - id: deputy
    channel: email
    address: deputy@example.org
escalate_every_minutes: 60
"""


def _own(text: str) -> str:
    way = own_path(text)
    assert way.startswith("/")
    assert not way.startswith("//")
    assert "\r" not in way
    assert "\n" not in way
    return way
