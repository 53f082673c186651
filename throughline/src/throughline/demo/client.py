"""The gateway's API as the demo uses it."""

import time
from typing import Any

import requests

from throughline.demo.errors import DemoFailed

FINAL = frozenset({"completed", "compensated", "cancelled", "failed"})


class Client:
    """Calls the gateway with an API key. Raises `DemoFailed` where it refuses."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def deploy(self, xml: bytes) -> dict[str, Any]:
        """Deploy a process; its id and version."""
        return self._ask("POST", "/processes", data=xml, headers={"Content-Type": "application/xml"})

    def find(self, business_key: str) -> dict[str, Any] | None:
        """The instance of a business key, as the monitor knows it."""
        items = self._ask("GET", "/instances", params={"business_key": business_key})["items"]
        return items[0] if items else None

    def timeline(self, instance: str) -> dict[str, Any]:
        """What happened in an instance, step by step."""
        return self._ask("GET", f"/instances/{instance}/timeline")

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Until the hub says that it can take work."""
        deadline = time.monotonic() + seconds
        while self._session.get(f"{self.url}/ready", timeout=10).status_code != 200:
            if time.monotonic() > deadline:
                raise DemoFailed("the hub did not become ready")
            time.sleep(0.1)

    def _ask(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        answer = self._session.request(method, self.url + path, timeout=30, **arguments)
        if answer.status_code >= 400:
            raise DemoFailed(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        body: dict[str, Any] = answer.json()
        return body
