"""What a gateway process is told by its environment (`service_kit.settings.read_settings`)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, init=False)
class Door:
    """A connector's address: `erp=http://erp:8080`."""

    name: str
    url: str

    def __init__(self, text: str) -> None:
        name, _, url = text.partition("=")
        if not name or not url.startswith(("http://", "https://")):
            raise ValueError(f"{text!r} is not name=http://address")
        object.__setattr__(self, "name", name.strip())
        object.__setattr__(self, "url", url.strip())


@dataclass(frozen=True)
class Settings:
    """Times are in seconds, sizes in bytes.

    Each API key may make `rate_limit` requests per second and `rate_burst` at once; an address may make
    `stranger_limit` and `stranger_burst` without a valid key. `commit_wait` is how long a start or an operator's act
    is waited for before it is answered with 202.
    """

    database_url: str = field(repr=False)
    internal_token: str = field(repr=False)
    coordinator_url: str
    monitor_url: str
    connectors: tuple[Door, ...] = ()
    bind: str = "0.0.0.0:8080"
    workers: int = 1
    rate_limit: float = 500.0
    rate_burst: int = 1000
    stranger_limit: float = 20.0
    stranger_burst: int = 100
    body_limit: int = 2 * 1024 * 1024
    commit_wait: float = 5.0
