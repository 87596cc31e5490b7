"""The secrets among the settings: each from the environment or from a file of its own.

Every setting that is a secret, `x`, has a twin `x_file` that names a file with nothing but the secret
in it, as Docker and Kubernetes mount them. None may stand in surveillance.yaml, which people show around.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, SecretStr

from surveillance.use_case.fault import ConfigError, ConfigFault

_URL = "database_url"


def secret_names(model: type[BaseModel]) -> tuple[str, ...]:
    """The settings that are secrets, or may hold one."""
    return tuple(n for n, field in model.model_fields.items() if "SecretStr" in str(field.annotation))


def with_secrets(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The settings of one source, and the secrets in the files that it names. Raises ConfigError."""
    faults: list[ConfigFault] = []
    read: dict[str, SecretStr] = {}
    for name in names:
        path = given.get(f"{name}_file")
        if path is None:
            continue
        if given.get(name) is not None:
            fix = f"Give {name} or {name}_file, not both"
            faults.append(ConfigFault("settings", f"{name}_file", f"{name} is set as well", fix))
            continue
        try:
            read[name] = SecretStr(read_line(Path(path)))
        except ValueError as problem:
            fix = "Name a file that this user may read, with nothing but the secret in it"
            faults.append(ConfigFault("settings", f"{name}_file", str(problem), fix))
    if faults:
        raise ConfigError(faults)
    return {**given, **read}


def read_line(path: Path) -> str:
    """The only line of a file. Raises ValueError, which says where it was looked for and nothing of it."""
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__})") from None
    if not found:
        raise ValueError(f"{path} is empty")
    return found


def misplaced(content: Mapping[str, Any], names: Collection[str], file: str) -> Iterator[ConfigFault]:
    """Secrets that stand in the file of settings, which is in a repository or a ConfigMap."""
    for name in names:
        if name not in content or (name == _URL and not _has_password(str(content[name]))):
            continue
        problem = "holds a password" if name == _URL else "a secret must not stand here"
        twin = "database_password_file" if name == _URL else f"{name}_file"
        fix = f"Remove it; set SURVEILLANCE_{name.upper()}, or {twin} to a file that holds it"
        yield ConfigFault(file, name, problem, fix)


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:  # no URL; what reads it says so
        return False
