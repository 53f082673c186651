"""The same faults on real sockets: what the libraries raise is theirs to change."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from service_kit.connector.http import SystemSession
from service_kit.connector.outcomes import NotApplied, Uncertain
from service_kit.connector.systems import System

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection: socket.socket) -> None:
    pass


def say_nothing(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def stop_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"half")


def stall_in_the_middle(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"half")
    say_nothing(connection)


def answer_without_tls(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def post(address: str, timeout: float = 5) -> None:
    system = System(name="erp", connector="erp", adapter="a", address=address)
    session = SystemSession(system)
    try:
        session.request("POST", "/orders", json={"a": 1}, timeout=timeout)
    finally:
        session.close()


@pytest.mark.parametrize("behave", [reset, close, say_nothing, stop_in_the_middle, stall_in_the_middle])
def test_a_connection_that_breaks_after_the_request_is_uncertain(behave: Callable[[socket.socket], None]) -> None:
    with server(behave) as address, pytest.raises(Uncertain):
        post(f"http://{address}", timeout=0.5)


def test_a_server_without_tls_got_nothing() -> None:
    with server(answer_without_tls) as address, pytest.raises(NotApplied, match="TLS"):
        post(f"https://{address}")


def test_a_closed_port_got_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(NotApplied, match="no connection"):
        post(f"http://127.0.0.1:{port}")


def test_a_name_that_does_not_exist_got_nothing() -> None:
    with pytest.raises(NotApplied, match="name"):
        post("http://erp.invalid")
