"""A small threaded WSGI server with what a simulator needs: connections that really drop, ports that really refuse.

An application drops the connection instead of answering by setting `environ[DROP] = True`; its work is done and
committed by then.
"""

import io
import socket
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

DROP = "sandbox.drop_connection"


class HttpServer:
    """Serves one application on one address, and can be taken down and up again on the same port."""

    def __init__(self, host: str, port: int, application: WSGIApplication) -> None:
        self._application = application
        self._lock = Lock()
        self._listener: _Listener | None = None
        self._reservation: socket.socket | None = None
        self._address = (host, port)
        self.up()

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def up(self) -> None:
        """Listens; nothing happens when it does already."""
        with self._lock:
            if self._listener:
                return
            if self._reservation:
                self._reservation.close()
            self._listener = _Listener(self._address, self._application)
            self._address = (self._address[0], self._listener.server_address[1])
            Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        """Closes the listening socket and cuts every open connection: who connects is refused."""
        with self._lock:
            if not self._listener:
                return
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.cut_connections()
            self._listener = None
            self._reservation = _reserve(self._address)

    def close(self) -> None:
        """Stops for good."""
        self.down()
        if self._reservation:
            self._reservation.close()


def _reserve(address: tuple[str, int]) -> socket.socket:
    # bound but not listening: connecting is refused, and nobody else gets the port meanwhile
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(address)
    return reservation


class _Listener(ThreadingMixIn, TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: WSGIApplication) -> None:
        self.application = application
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            _shut(connection)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def serve(self) -> None:
        """Answers one request of the connection."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.send_error(411)  # where such a body ends is not known here
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ = self._environ(body)
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = [status, headers]
            return None

        chunks = self.server.application(environ, start_response)
        answer = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        if environ.get(DROP):
            self.close_connection = True
            _shut(self.connection)
        else:
            self._answer(head[0], head[1], answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = serve  # noqa: N815 - the standard library's names

    def _environ(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and code != "204":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Says nothing: the books tell what happened."""
