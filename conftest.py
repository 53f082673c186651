"""Fixtures for tests on real servers; `make test` provides them (see scripts/servers).

AMQP has no way to make a virtual host, so these are made by RabbitMQ's management API (AMQP_API_URL): one for every
xdist worker, so that queues with fixed names never meet between workers, and one for any test that asks for
`fresh_amqp_url`. A broker that is given without its management API serves its one virtual host to everybody.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from hypothesis import settings
from sqlalchemy import make_url

settings.register_profile("ci", derandomize=True, max_examples=60, deadline=None)
settings.register_profile("long", derandomize=True, max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest begins first, so that no worker is alone with it at the end."""

    def patience(item: pytest.Item) -> float:
        allowed = item.get_closest_marker("timeout")
        return float(allowed.args[0]) if allowed else 0.0

    items.sort(key=patience, reverse=True)


def _required(name: str) -> str:
    if value := os.environ.get(name):
        return value
    pytest.fail(f'{name} is not set. Run `make test`, or eval "$(make servers)" first.', pytrace=False)


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    """A virtual host that the tests of this worker share."""
    url = _required("AMQP_URL")
    with _virtual_host(url) if "AMQP_API_URL" in os.environ else nullcontext(url) as shared:
        yield shared


@pytest.fixture
def fresh_amqp_url() -> Iterator[str]:
    """An empty virtual host of this test's own."""
    with _virtual_host(_required("AMQP_URL")) as url:
        yield url


@contextmanager
def _virtual_host(url: str) -> Iterator[str]:
    api, name = _required("AMQP_API_URL"), f"test-{uuid.uuid4().hex}"
    user = urlsplit(api).username
    with requests.Session() as session:
        session.put(f"{api}/vhosts/{name}").raise_for_status()
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        session.put(f"{api}/permissions/{name}/{user}", json=rights).raise_for_status()
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        session.delete(f"{api}/vhosts/{name}").raise_for_status()


@pytest.fixture
def queue_prefix() -> str:
    """Put before queue names, makes them this test's own."""
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture(scope="session")
def database_url() -> str:
    """A PostgreSQL superuser's URL, for psycopg."""
    return make_url(_required("DATABASE_URL")).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def postgres_database(database_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database of this test's own."""
    with _empty_database(database_url) as url:
        yield url


@pytest.fixture(scope="module")
def module_database(database_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a database that the tests of one module share."""
    with _empty_database(database_url) as url:
        yield url


@contextmanager
def _empty_database(admin_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            url = make_url(admin_url).set(drivername="postgresql+psycopg", database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
