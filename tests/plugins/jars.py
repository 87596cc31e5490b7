"""Java programs from Maven Central, copied once into .cache, whichever of several processes asks first."""

import fcntl
import shutil
import subprocess
from pathlib import Path

JARS_SECONDS = 600


def copy_jars(pom: Path, libs: Path, absent: type[Exception]) -> None:
    """Copies the jars that a POM names; raises `absent` saying what is missing."""
    if shutil.which("java") is None:
        raise absent("java is not installed (Java 17 or later)")
    libs.parent.mkdir(parents=True, exist_ok=True)
    with (libs.parent / "jars.lock").open("w") as lock:  # Maven's own repository takes one at a time as well
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (libs / "complete").exists():
            _copy(pom, libs, absent)
            (libs / "complete").touch()


def _copy(pom: Path, libs: Path, absent: type[Exception]) -> None:
    if shutil.which("mvn") is None:
        raise absent(f"mvn (Maven) is not installed, and {libs} holds nothing")
    copy = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run(
        [*copy, f"-DoutputDirectory={libs}"],
        capture_output=True,
        text=True,
        timeout=JARS_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise absent(f"Maven could not copy the jars: {(done.stdout + done.stderr)[-500:]}")
