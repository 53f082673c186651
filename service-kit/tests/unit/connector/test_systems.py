"""systems.yaml and mapping files."""

import os
from pathlib import Path

import pytest

from service_kit.connector import systems as systems_module
from service_kit.connector.mapping import MappingError, MappingFailed, Mappings
from service_kit.connector.systems import Systems, SystemsError, UnknownSystem, load_systems

SYSTEMS = """
systems:
  erp:
    connector: erp
    adapter: sap-s4
    address: "http://erp.test"
    options: {client: "100"}
    credentials: {user: {env: ERP_USER}, password: {file: FILE}}
  crm: {connector: crm, adapter: salesforce}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("hunter2\n")
    file = tmp_path / "systems.yaml"
    file.write_text(SYSTEMS.replace("FILE", str(tmp_path / "secret")))
    return file


def test_credentials_come_from_where_they_are_said_to_be(file: Path) -> None:
    system = load_systems(file, {"ERP_USER": "hub"})["erp"]

    assert system.credentials == {"user": "hub", "password": "hunter2"}


def test_a_missing_credential_is_named_and_no_secret_is(file: Path) -> None:
    with pytest.raises(SystemsError, match=r"systems\.erp\.credentials\.user: the environment has no ERP_USER"):
        load_systems(file, {})


def test_a_connector_sees_its_own_systems_only(file: Path) -> None:
    systems = Systems("erp", file, {"ERP_USER": "hub"})

    assert [system.name for system in systems.all()] == ["erp"]
    with pytest.raises(UnknownSystem):
        systems.get("crm")


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(systems_module, "CHECK_INTERVAL", 0)
    systems = Systems("erp", file, {"ERP_USER": "hub"})

    # when
    file.write_text(file.read_text().replace("http://erp.test", "http://erp-2.test"))
    changed = systems.get("erp").address
    file.write_text("systems: [")
    os.utime(file, (1, 1))

    # then
    assert changed == "http://erp-2.test"
    assert systems.get("erp").address == "http://erp-2.test"


def test_a_mapping_renders_fields_tables_and_functions(tmp_path: Path) -> None:
    # given
    (tmp_path / "tables.yaml").write_text("tables: {units: {C62: PCE}}\n")
    (tmp_path / "order.yaml").write_text(
        "fields:\n"
        "  SoldToParty: customer\n"
        "  Missing: nothing\n"
        "  Date: $day(date)\n"
        "  Key: $hubKey\n"
        "  to_Item: '[lines.{\"Unit\": $lookup($tables.units, unit)}]'\n"
        "functions: {day: 'function($d) { $d & \"T00:00:00\" }'}\n"
    )

    # when
    document = {"customer": "1", "date": "2026-01-02", "lines": [{"unit": "C62"}]}
    mapped = Mappings(tmp_path).apply("order", document, hubKey="K")

    # then
    assert mapped == {"SoldToParty": "1", "Date": "2026-01-02T00:00:00", "Key": "K", "to_Item": [{"Unit": "PCE"}]}


def test_a_customers_file_replaces_the_packages(tmp_path: Path) -> None:
    for name, text in (("package", "a"), ("customer", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "order.yaml").write_text(f"value: {text}\n")

    assert Mappings(tmp_path / "package", tmp_path / "customer").apply("order", {"a": 1, "b": 2}) == 2


def test_a_mistake_in_a_mapping_is_found_when_it_is_loaded_and_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text("fields: {Good: a, Bad: 'a +'}\n")

    with pytest.raises(MappingError, match=r"order\.yaml: Bad"):
        Mappings(tmp_path)


def test_a_mapping_that_cannot_be_applied_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text("fields: {Number: $number(text)}\n")

    with pytest.raises(MappingFailed, match=r"order\.Number"):
        Mappings(tmp_path).apply("order", {"text": "many"})
