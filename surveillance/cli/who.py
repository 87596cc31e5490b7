"""Who runs a command, for the audit chain."""

import getpass


def who_runs_it() -> str:
    """As the machine knows them."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # a container's user may have no name
        return "command line"
