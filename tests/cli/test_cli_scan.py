"""surveillance scan: SaTScan's results, from CSV and from its own files; told to people and to machines."""

import csv
import json
import math
import os
import pty
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Run, run_apart
from scan_references import (
    RUNS,
    covariate_arguments,
    file_arguments,
    files_of,
    settings_arguments,
)

from surveillance.geography.distance import EARTH_RADIUS_KM

FEVER = RUNS["nyc_stp_prospective_3km_std"]
FEVER_ARGUMENTS = [*file_arguments(files_of(FEVER)), *settings_arguments(FEVER)]
# A row of SaTScan's own files: kind of file -> the columns of ours, in its order.
SATSCAN_LAYOUTS = {
    "nyc": {"cases": "cas:zip,cases,date", "locations": "geo:zip,latitude,longitude"},
    "nm": {
        "cases": "cas:county,cases,year,age_group,sex",
        "locations": "geo:county,latitude,longitude",
        "population": "pop:county,year,population,age_group,sex",
    },
    "syn500": {
        "cases": "cas:location,cases,date",
        "locations": "geo:location,x_km,y_km",
        "population": "pop:location,year,population",
    },
}


def answer(run: Run, *arguments: object) -> dict[str, Any]:
    done = run("scan", *arguments, "--json")
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


@pytest.mark.parametrize("name", RUNS)
def test_every_reference_run_is_matched(run: Run, name: str) -> None:
    """Statistic to six decimals, members and times exactly, p-value to Monte Carlo error."""
    reference = RUNS[name]
    clusters = answer(
        run,
        *file_arguments(files_of(reference)),
        *settings_arguments(reference),
        *covariate_arguments(reference),
    )["clusters"]
    # One that nearly every replicate reaches may have p = 1 here, and is then not told.
    assert len(clusters) >= sum(one["P_VALUE"] < 0.99 for one in reference["clusters"]) > 0
    for ours, theirs in zip(clusters, reference["clusters"], strict=False):
        statistic = theirs.get("TEST_STAT", theirs.get("LLR"))
        assert ours["statistic"] == pytest.approx(statistic, abs=5.1e-7)
        assert ours["locations"] == [str(code) for code in theirs["locations"]]
        assert ours["centre"] == str(theirs["LOC_ID"])
        days = [theirs[day].replace("/", "-").split("-") for day in ("START_DATE", "END_DATE")]
        expected_days = [f"{int(y):04}-{int(m):02}-{int(d):02}" for y, m, d in days]
        assert [ours["start"], ours["end"]] == expected_days
        assert ours["observed"] == theirs["OBSERVED"]
        assert ours["expected"] == pytest.approx(theirs["EXPECTED"], abs=0.0051)
        assert ours["radius_km"] == pytest.approx(theirs["RADIUS"], abs=0.0051)
        assert ours["relative_risk"] == pytest.approx(theirs.get("REL_RISK", theirs["ODE"]), abs=0.0051)
        p = theirs["P_VALUE"]
        assert ours["p_value"] == pytest.approx(p, abs=4 * math.sqrt(2 * p * (1 - p) / 1000) + 0.002)


@pytest.mark.parametrize(
    "name", ["nyc_stp_prospective_50pct_dow", "nm_poisson_prospective", "syn500_poisson_prospective"]
)
@pytest.mark.parametrize("separator", [" ", ","])
def test_satscans_own_files_give_the_same_answer(run: Run, tmp_path: Path, name: str, separator: str) -> None:
    reference = RUNS[name]
    layouts = SATSCAN_LAYOUTS[name.partition("_")[0]]
    files = files_of(reference)
    theirs = {role: write_satscan(tmp_path, path, layouts[role], separator) for role, path in files.items()}
    settings = [*settings_arguments(reference), "--replicates", "99"]
    from_csv = answer(run, *file_arguments(files), *settings, *covariate_arguments(reference))
    from_satscan = answer(run, *file_arguments(theirs), *settings)
    assert from_satscan["clusters"] == from_csv["clusters"]


def write_satscan(directory: Path, path: Path, layout: str, separator: str) -> Path:
    suffix, _, names = layout.partition(":")
    with path.open(newline="") as file:
        rows = [[row[name] for name in names.split(",")] for row in csv.DictReader(file)]
    lines = [
        separator.join(
            [
                f'"{row[0]}"',
                *(
                    cell.replace("-", "/") if n == 2 and suffix == "cas" else cell
                    for n, cell in enumerate(row[1:], 1)
                ),
            ]
        )
        for row in rows
    ]
    target = directory / f"{path.stem}.{suffix}"
    target.write_text("\n".join(lines) + "\n")
    return target


def test_the_json_says_everything_that_a_repetition_needs(run: Run) -> None:
    told = answer(run, *FEVER_ARGUMENTS, "--seed", "7", "--maxima", "--replicates", "19")
    assert told["software"]["name"] == "surveillance"
    assert told["software"]["version"]
    assert told["seed"] == 7
    settings = told["settings"]
    assert (settings["model"], settings["analysis"], settings["max_radius_km"]) == (
        "permutation",
        "prospective",
        3,
    )
    assert (settings["max_window"], settings["replicates"], settings["secondary"]) == (7, 19, "no-overlap")
    assert told["files"]["cases"]["columns"] == {
        "location": "zip",
        "day": "date",
        "count": "cases",
        "covariates": [],
    }
    assert told["study"]["cases"] == 194
    assert told["study"]["left_out"] == {"cases_outside_the_study_period": 0}
    assert len(told["replicate_maxima"]) == 19
    assert told["replicate_maxima"] == sorted(told["replicate_maxima"])
    assert list(told["clusters"][0]) == [
        "centre", "latitude", "longitude", "radius_km", "locations", "start", "end", "observed", "expected",
        "statistic", "relative_risk", "p_value", "gumbel_p_value", "recurrence_interval_days",
    ]  # fmt: skip
    statistics = [cluster["statistic"] for cluster in told["clusters"]]
    assert statistics == sorted(statistics, reverse=True)


def test_the_seed_fixes_the_answer_and_threads_do_not_change_it(run: Run) -> None:
    one, again, other = (
        answer(run, *FEVER_ARGUMENTS, "--maxima", "--replicates", "99", "--seed", seed, "--threads", threads)
        for seed, threads in ((5, 1), (5, 2), (6, 1))
    )
    assert one["clusters"] == again["clusters"]
    assert one["replicate_maxima"] == again["replicate_maxima"]
    assert one["replicate_maxima"] != other["replicate_maxima"]
    assert "replicate_maxima" not in answer(run, *FEVER_ARGUMENTS, "--replicates", "9")


def test_people_read_a_table_and_what_its_numbers_mean(run: Run) -> None:
    done = run("scan", *FEVER_ARGUMENTS)
    assert done.code == 0
    assert "permutation scan, prospective: 194 cases at 192 locations, 2001-11-01 to 2001-11-24" in done.words
    assert "3.845418" in done.words
    for word in (
        "expected:",
        "statistic: the log likelihood ratio",
        "once in:",
        "Each of these may be chance",
    ):
        assert word in done.words
    assert done.err == ""  # no progress where nobody watches


def test_ids_are_told_as_they_are_and_a_radius_beside_them(run: Run, tmp_path: Path) -> None:
    cases, locations = tmp_path / "cases.csv", tmp_path / "locations.csv"
    cases.write_text("id,date\n" + "[n1],2024-03-31\n:pig:,2024-03-31\n" * 2 + "n3,2024-03-01\n" * 9)
    locations.write_text("id,x_km,y_km\n[n1],0,0\n:pig:,0,1.5\nn3,90,90\n")
    files = ["--cases", cases, "--locations", locations, "--max-window", "7"]
    told = run("scan", *files, "--start", "2024-03-01", "--end", "2024-03-31", "--replicates", "99").words
    assert "[n1]" in told or ":pig:" in told
    assert "+ 1, 1.50 km" in told


def test_a_plane_that_could_be_degrees_is_said_to_be_read_as_degrees(run: Run, tmp_path: Path) -> None:
    cases, locations = tmp_path / "few.cas", tmp_path / "few.geo"
    cases.write_text("a 2 2024/3/31\nb 3 2024/3/1\n")
    locations.write_text("a 1 2\nb 3 4\n")
    arguments = ["scan", "--cases", cases, "--locations", locations, "--start", "2024-03-01"]
    arguments += ["--end", "2024-03-31", "--replicates", "9"]
    assert "few.geo: read as latitude and longitude; if it holds x and y, add --coord" in run(*arguments).err
    assert run(*arguments, "--coordinates", "km").err == ""


def test_cases_outside_the_study_are_told_and_left_out(run: Run) -> None:
    arguments = [*FEVER_ARGUMENTS, "--replicates", "9", "--start", "2001-11-03"]
    assert "left out: 10 cases outside the study period" in run("scan", *arguments).err
    assert answer(run, *arguments)["study"]["cases"] == 184


def test_geojson_holds_each_circle_with_its_locations_inside(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "clusters.geojson"
    told = answer(run, *FEVER_ARGUMENTS, "--replicates", "9", "--geojson", target)
    features = json.loads(target.read_text())["features"]
    circles = [one for one in features if one["properties"]["kind"] == "cluster"]
    assert [one["properties"]["statistic"] for one in circles] == [c["statistic"] for c in told["clusters"]]
    for circle in circles:
        number = circle["properties"]["cluster"]
        members = [
            one
            for one in features
            if one["properties"]["kind"] == "location" and one["properties"]["cluster"] == number
        ]
        assert [one["properties"]["location"] for one in members] == circle["properties"]["locations"]
        if circle["geometry"]["type"] == "Polygon":
            (ring,) = circle["geometry"]["coordinates"]
            assert ring[0] == ring[-1]
            assert area(ring) > 0  # counterclockwise, as RFC 7946 wants it
            assert all(inside(ring, one["geometry"]["coordinates"]) for one in members)
            centre = members[0]["geometry"]["coordinates"]
            assert km(centre, ring[0]) == pytest.approx(circle["properties"]["radius_km"], rel=1e-3)
        else:
            assert circle["properties"]["radius_km"] == 0


def area(ring: list[list[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def inside(ring: list[list[float]], point: list[float]) -> bool:
    x, y = point
    crossed = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            crossed = not crossed
    return crossed


def km(one: list[float], other: list[float]) -> float:
    (lon1, lat1), (lon2, lat2) = (map(math.radians, point) for point in (one, other))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def test_a_map_is_drawn_as_a_picture_or_as_lines_and_always_the_same(run: Run, tmp_path: Path) -> None:
    png, svg, again = (tmp_path / name for name in ("a.png", "b.svg", "c.svg"))
    for target in (png, svg, again):
        assert run("scan", *FEVER_ARGUMENTS, "--replicates", "99", "--map", target).code == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    drawn = svg.read_text()
    assert drawn == again.read_text()
    for words in ("4 observed, 0.67 expected", "may be chance", "10 km", "Cases: 194"):
        assert words in drawn


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "poisson"], "--model poisson: needs --population FILE"),
        (["--model", "bernoulli"], "--model bernoulli: needs --controls FILE"),
        (
            ["--population", "p.csv", "--model", "permutation"],
            "--population: only --model poisson looks at it",
        ),
        (
            ["--controls", "c.csv", "--model", "permutation"],
            "--controls: only --model bernoulli looks at them",
        ),
        (["--analysis", "spatial"], "--model permutation: is of space and time together; use --analysis pro"),
        (["--analysis", "temporal"], "--model permutation: is of space and time together"),
        (["--trend", "log-linear"], "--trend: only with --model poisson"),
        (["--randomisation", "time-stratified"], "--randomisation: only with --model poisson"),
        (["--day-of-week", "--time-unit", "week"], "--day-of-week: only with --time-unit day"),
        (["--day-of-week", "--population", "p.csv"], "--day-of-week: only with --model permutation"),
        (
            ["--analysis", "retrospective", "--earlier-analyses-since", "2001-11-18"],
            "--earlier-analyses-since: only with --analysis prospective",
        ),
        (["--earlier-analyses-since", "2002-01-01"], "--earlier-analyses-since: lies outside the study"),
        (
            ["--earlier-analyses-since", "soon"],
            "--earlier-analyses-since: 'soon' is not a day; write YYYY-MM",
        ),
        (["--max-window-share", "0.5"], "--max-window, --max-window-share: give one of the two"),
        (["--min-window", "8"], "--max-window: is shorter than --min-window"),
        (["--min-window", "0"], "--min-window: give a whole number of time units, at least 1"),
        (["--max-share", "0"], "--max-share: give a share above 0 and at most 1"),
        (["--max-share", "50"], "--max-share: give a share above 0 and at most 1"),
        (["--max-radius-km", "0"], "--max-radius-km: give a radius above 0"),
        (["--end", "2001-10-01"], "--end: is before --start"),
        (["--start", "November"], "--start: 'November' is not a day; write YYYY-MM-DD"),
        (["--min-cases", "0"], "--min-cases: give a whole number, at least 1"),
        (["--replicates", "-1"], "--replicates: give a whole number, such as 999"),
        (["--seed", "-1"], "--seed: give a whole number, 0 or more"),
        (["--threads", "0"], "--threads: give a whole number, at least 1"),
        (["--maxima"], "--maxima: they are part of the JSON; add --json"),
        (["--maxima", "--json", "--replicates", "0"], "--maxima: there are none with --replicates 0"),
        (["--map", "map.pdf"], "--map map.pdf: name a .png or .svg file"),
        (["--map", "no/such/map.png"], "--map no/such/map.png: there is no such directory"),
        (["--geojson", FEVER_ARGUMENTS[1]], "is one of the files to read; name another one"),
    ],
)
def test_what_contradicts_is_refused_naming_option_and_fix(
    run: Run, arguments: list[str], words: str
) -> None:
    done = run(
        "scan",
        *FEVER_ARGUMENTS[:4],
        "--start",
        "2001-11-01",
        "--end",
        "2001-11-24",
        "--max-window",
        "7",
        *arguments,
    )
    assert (done.code, done.out) == (2, "")
    assert words in done.words
    assert "Traceback" not in done.words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--analysis", "spatial", "--max-window", "3"], "a purely spatial analysis has no window"),
        (
            ["--analysis", "spatial", "--trend", "log-linear"],
            "--trend: a purely spatial analysis has no time",
        ),
        (["--analysis", "temporal", "--max-radius-km", "3"], "a purely temporal analysis has no circle"),
        (["--analysis", "temporal", "--map", "m.png"], "a purely temporal cluster has no place"),
        (["--analysis", "temporal", "--randomisation", "space-stratified"], "needs space and time"),
        (
            ["--trend", "log-linear", "--randomisation", "time-stratified"],
            "--randomisation time-stratified adjusts for time already",
        ),
    ],
)
def test_what_contradicts_a_poisson_model_is_refused_too(run: Run, arguments: list[str], words: str) -> None:
    files = file_arguments(files_of(RUNS["syn500_poisson_prospective"]))
    done = run("scan", *files, "--start", "2024-01-01", "--end", "2024-12-30", *arguments)
    assert done.code == 2
    assert words in done.words


def test_every_contradiction_is_told_at_once(run: Run) -> None:
    done = run("scan", "--cases", FEVER_ARGUMENTS[1], "--seed", "-1", "--trend", "log-linear")
    assert done.code == 2
    for option in ("--locations:", "--start, --end:", "--trend:", "--seed:"):
        assert option in done.words


def test_faults_of_the_files_end_the_command_in_words(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "cases.csv"
    bad.write_text("zip,cases,date\n11217,one,2001-11-01\n00000,1,2001-11-01\n")
    done = run("scan", "--cases", bad, *FEVER_ARGUMENTS[2:])
    assert done.code == 2
    assert "line 2, column cases: 'one' is not a count" in done.words
    assert "1 cases at 1 locations that the locations file does not have: 00000" in done.words


def test_a_terminal_shows_progress_on_standard_error_only(tmp_path: Path) -> None:
    watching, terminal = pty.openpty()
    told = tmp_path / "told.json"
    with told.open("w") as out:
        done = subprocess.Popen(
            [sys.executable, "-m", "surveillance", "scan", *FEVER_ARGUMENTS, "--json"],
            cwd=ROOT, stdout=out, stderr=terminal,
        )  # fmt: skip
        os.close(terminal)
        assert b"simulating" in read_until_closed(watching)
        assert done.wait(60) == 0
    assert json.loads(told.read_text())["clusters"]


def read_until_closed(terminal: int) -> bytes:
    """All that is written to a terminal; while it is read, its writer never waits."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        try:
            while part := screen.read(4096):
                shown += part
        except OSError:  # how Linux tells that nobody has it open any more
            pass
    return shown


def test_help_loads_neither_the_numerics_nor_the_service() -> None:
    probe = (
        "import sys; sys.argv = ['surveillance', 'scan', '--help']; from surveillance import cli\n"
        "try: cli.main()\n"
        "except SystemExit: print(sorted({'numpy', 'numba', 'sqlalchemy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--max-radius-km" in done.stdout


def test_after_warming_no_model_is_compiled_anew() -> None:
    """In a process of its own: others may have compiled here what warming forgot."""
    scans = [
        ["surveillance", "scan", *file_arguments(files_of(RUNS[name])), *settings_arguments(RUNS[name])]
        for name in ("nyc_stp_prospective_50pct_dow", "syn500_poisson_prospective")
    ]
    done = subprocess.run(
        [sys.executable, "-c", _COMPILED, json.dumps([[*scan, "--replicates", "99"] for scan in scans])],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    warmed, *after = (line for line in done.stdout.splitlines() if line.startswith("compiled"))
    assert warmed != "compiled {}"
    assert after == [warmed] * 2


# Prints how many variants there are of each compiled function: after warming, and after each scan.
_COMPILED = """
import json, sys
from surveillance import cli
from surveillance.cli.scan_warm import warm_scan

def tell():
    modules = [m for name, m in sorted(sys.modules.items()) if name.startswith("surveillance.detection.scan")]
    made = {f"{m.__name__}.{n}": len(f.signatures) for m in modules for n, f in vars(m).items()
            if hasattr(f, "signatures")}
    print("compiled", made)

warm_scan()
tell()
for sys.argv in json.loads(sys.argv[1]):
    try:
        cli.main()
    except SystemExit:
        tell()
"""


def test_it_is_one_of_the_commands_and_needs_no_configuration(tmp_path: Path) -> None:
    assert "scan " in run_apart("--help").out
    done = run_apart(
        "scan", *FEVER_ARGUMENTS, "--replicates", "9", SURVEILLANCE_CONFIG_DIR=str(tmp_path / "none")
    )
    assert (done.code, done.err) == (0, "")
