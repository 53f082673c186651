"""Run an app: inside this process (embedded mode, tests) or as workers of gunicorn (services mode)."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

import uvicorn
from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp

from service_kit.errors import KitError

START_SECONDS = 30.0


class ServerNotStarted(KitError):
    """The HTTP server did not come up; the log says why."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 takes a free one. Raises `OSError` where it is taken."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class EmbeddedServer:
    """An app served by uvicorn on a thread of this process. Port 0 takes a free one; `url` tells which.

    The address is bound when this is made, so that a port in use is an `OSError` here. Use it as a context manager or
    call `start` and `stop`. Who wants to know earlier whether the address is free gives a socket from `listen`.
    """

    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0, *, bound_to: socket.socket | None = None
    ) -> None:
        self._socket = bound_to or listen(host, port)
        bound = self._socket.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> None:
        """Serve; returns when requests are taken. Raises `ServerNotStarted`."""
        self._thread.start()
        if not self._server.up.wait(START_SECONDS) or self._server.should_exit:
            raise ServerNotStarted

    def stop(self) -> None:
        """Finish what is being answered (5 seconds at most), then end."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Gunicorn(BaseApplication):
    def __init__(self, make_app: Callable[[], ASGIApp], options: dict[str, Any]) -> None:
        self._make_app = make_app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        return self._make_app()


def serve(make_app: Callable[[], ASGIApp], bind: str, workers: int = 1) -> None:
    """Serve with gunicorn until a signal ends it. Each worker process makes its own app; `bind` is `host:port`."""
    options = {
        "bind": bind,
        "workers": workers,
        "worker_class": "uvicorn_worker.UvicornWorker",
        "graceful_timeout": 30,
        "keepalive": 75,
    }
    _Gunicorn(make_app, options).run()
