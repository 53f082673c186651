import pytest

from gateway.settings import Settings
from service_kit.settings import SettingsError, read_settings

ENVIRON = {
    "DATABASE_URL": "sqlite:///x",
    "INTERNAL_TOKEN": "t",
    "COORDINATOR_URL": "http://c",
    "MONITOR_URL": "http://m",
}


def test_connectors_are_names_and_addresses() -> None:
    settings = read_settings(Settings, {**ENVIRON, "CONNECTORS": "erp=http://erp:8080, crm=http://crm:8080"})

    assert [(door.name, door.url) for door in settings.connectors] == [
        ("erp", "http://erp:8080"),
        ("crm", "http://crm:8080"),
    ]


def test_every_missing_key_is_named_at_start() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(Settings, {})

    assert refused.value.missing == ["DATABASE_URL", "INTERNAL_TOKEN", "COORDINATOR_URL", "MONITOR_URL"]


def test_a_connector_without_an_address_is_named() -> None:
    with pytest.raises(SettingsError, match="CONNECTORS"):
        read_settings(Settings, {**ENVIRON, "CONNECTORS": "erp"})


def test_secrets_are_not_printed() -> None:
    assert "t0p" not in repr(read_settings(Settings, {**ENVIRON, "INTERNAL_TOKEN": "t0p"}))
