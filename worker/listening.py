"""A listening socket whose connections answer at once."""

import socket

BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises `OSError` if the port is taken.

    The protocol is named: of a socket without one asyncio does not know that it is TCP, and leaves Nagle's algorithm
    on. An answer written as head and body then waits 40 ms for the asker's delayed acknowledgement
    (docs/performance.md).
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A port whose last connections are still dying is free to whoever serves it next.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    """Return the address to ask a listener at, as `http://host:port`."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"
