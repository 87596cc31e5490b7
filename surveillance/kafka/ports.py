"""TCP ports."""

import socket


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(address: str) -> bool:
    """Whether anything accepts connections at host:port, asked for at most half a second."""
    try:
        socket.create_connection(split_address(address), timeout=0.5).close()
    except OSError:
        return False
    return True


def split_address(address: str) -> tuple[str, int]:
    """Host and port of host:port."""
    host, _, port = address.strip().rpartition(":")
    return host.strip("[]"), int(port)
