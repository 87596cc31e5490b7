"""A directory of configuration as values of the chart: `python config_values.py ../../config > config.yaml`.

Then: helm upgrade --install NAME surveillance --values values.yaml --values config.yaml
"""

import sys
from pathlib import Path

import yaml

LEFT_OUT = {"prometheus", "grafana", "secrets"}


def values_of(directory: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Every file of it, by its path; what others read, and secrets, are left out."""
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    kept = [path for path in paths if path.relative_to(directory).parts[0] not in LEFT_OUT]
    return {"config": {"files": {str(p.relative_to(directory)): p.read_text("utf-8") for p in kept}}}


if __name__ == "__main__":
    yaml.safe_dump(values_of(Path(sys.argv[1])), sys.stdout)
