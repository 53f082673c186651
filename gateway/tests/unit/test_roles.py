from gateway.roles import ALLOWED, AUDITED, PUBLIC, Role, may
from service_kit.contracts import Contracts
from service_kit.http import contract

METHODS = {"get", "post", "put", "patch", "delete"}


def _operations() -> dict[str, str]:
    """Descriptions by operationId, as the contract has them."""
    paths = Contracts().read(contract("gateway.yaml"))["paths"]
    return {
        operation["operationId"]: operation.get("description", "")
        for item in paths.values()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_table_names_every_operation_of_the_contract_and_no_other() -> None:
    assert set(ALLOWED) == set(_operations())


def test_what_the_contract_tells_about_roles_is_what_the_table_says() -> None:
    for operation, description in _operations().items():
        if ALLOWED[operation] == PUBLIC:
            assert "Roles:" not in description, operation
            continue
        told = description.rpartition("Roles: ")[2].strip().rstrip(".")
        expected = set(Role) if told == "any" else {*(Role(name) for name in told.split(", ")), Role.ADMIN}
        assert ALLOWED[operation] == expected, operation


def test_an_admin_may_do_everything_that_needs_a_role() -> None:
    assert all(may(frozenset({"admin"}), operation) for operation, roles in ALLOWED.items() if roles)


def test_a_viewer_may_read_and_nothing_else() -> None:
    allowed = {operation for operation in ALLOWED if may(frozenset({"viewer"}), operation)}

    assert allowed.isdisjoint(AUDITED)
    assert "read_instance" in allowed
    assert "start_instance" not in allowed


def test_an_operation_that_the_table_does_not_know_is_nobodys() -> None:
    assert not may(frozenset(Role), "format_disk")
