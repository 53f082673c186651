"""Secrets in what a connector keeps: fields that the catalogue marks `x-secret` lie sealed in its database.

One key for all of its processes (`SECRETS_KEY`), the command's id as associated data; while it is being changed, older
ones can be read (`SECRETS_KEYS_ALSO`). What was sealed with any other key counts as not known: the system itself is
asked then.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from service_kit.catalogue import Operation
from service_kit.errors import KitError
from service_kit.messages import Command, Completed, Outcome, Probed, Unknown
from service_kit.sealing import Path, SealBroken, Sealer, is_sealed, opened, sealed_at, secret_paths

LOST = "its outcome was sealed with a key that this connector does not have"


class SecretsKeyMissing(KitError):
    """SECRETS_KEY is not set, and operations of this connector take or give secrets."""


class Safe:
    """Seals and opens. Without a key nothing is sealed: only a catalogue without secrets may be kept so."""

    def __init__(
        self,
        key: bytes | None = None,
        catalogue: Mapping[str, Operation] | None = None,
        also: Iterable[bytes] = (),
    ) -> None:
        """Raises `SecretsKeyMissing`."""
        operations = (catalogue or {}).values()
        self._inputs = {operation.name: tuple(secret_paths(operation.input_schema)) for operation in operations}
        self._outputs = {operation.name: tuple(secret_paths(operation.output_schema)) for operation in operations}
        self._key = key
        self._readable = [known for known in (key, *also) if known is not None]
        secretive = sorted(name for name in self._inputs if self._inputs[name] or self._outputs[name])
        if secretive and key is None:
            raise SecretsKeyMissing(f"SECRETS_KEY is not set, and {', '.join(secretive)} takes or gives secrets")

    def sealed(self, command: str, operation: str, outcome: Outcome) -> Outcome:
        """The outcome of an operation as it may be kept."""
        if isinstance(outcome, Completed | Probed):
            output = self._seal(command, self._outputs.get(operation, ()), outcome.output)
            return outcome if output is outcome.output else msgspec.structs.replace(outcome, output=output)
        return outcome

    def opened(self, command: str, operation: str, outcome: Outcome) -> Outcome:
        """The outcome again; unknown where it cannot be opened."""
        if not self._outputs.get(operation) or not isinstance(outcome, Completed | Probed):
            return outcome
        try:
            return msgspec.structs.replace(outcome, output=self._open(command, outcome.output))
        except SealBroken:
            return Unknown(reason=LOST)

    def sealed_early(self, owner: str, outcome: Outcome) -> Outcome:
        """An outcome of which nobody knows yet what operation it is of: all of its output may be secret."""
        if self._key is None or not isinstance(outcome, Completed):
            return outcome
        return msgspec.structs.replace(outcome, output=Sealer(owner, self._key).seal(outcome.output))

    def opened_early(self, owner: str, outcome: Outcome) -> Outcome:
        """That outcome again; unknown where it cannot be opened."""
        if not isinstance(outcome, Completed) or not is_sealed(outcome.output):
            return outcome
        try:
            return msgspec.structs.replace(outcome, output=self._open(owner, outcome.output))
        except SealBroken:
            return Unknown(reason=LOST)

    def sealed_command(self, command: Command) -> Command:
        """A command as it may be kept."""
        value = self._seal(command.id, self._inputs.get(command.operation, ()), command.input)
        return command if value is command.input else msgspec.structs.replace(command, input=value)

    def opened_command(self, command: Command) -> Command:
        """The command again. Raises `SealBroken`."""
        if not self._inputs.get(command.operation):
            return command
        return msgspec.structs.replace(command, input=self._open(command.id, command.input))

    def digest(self, command: str, operation: str, digest: Callable[[], str]) -> str:
        """A digest of an input; of one with secrets, one that cannot be guessed at without the key."""
        plain = digest()
        if self._key is None or not self._inputs.get(operation):
            return plain
        return Sealer(command, self._key).digest(plain)

    def _seal(self, owner: str, paths: tuple[Path, ...], value: Any) -> Any:
        if not paths or self._key is None:
            return value
        return sealed_at(value, paths, Sealer(owner, self._key).seal)

    def _open(self, owner: str, value: Any) -> Any:
        for key in self._readable:
            try:
                return opened(value, Sealer(owner, key).open)
            except SealBroken:
                continue
        raise SealBroken
