"""The keys of instances: made when the first secret comes, destroyed when the instance is to be forgotten."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Engine

from saga_coordinator import sealing
from saga_coordinator.errors import SecretsForgotten, SecretsUnreadable, WrongSecretsKey
from saga_coordinator.lanes import root_of
from saga_coordinator.store import keys
from saga_coordinator.store.keys import Wrapped
from service_kit.database import reading, writing
from service_kit.sealing import KEY_BYTES, SealBroken, Sealer, opened

# A key that another coordinator destroyed is used here for so many seconds at most.
REMEMBERED_S = 60.0
MOST_REMEMBERED = 1_000


class Rewrapped(msgspec.Struct, frozen=True):
    """How many keys were wrapped again, and how many could not be: their master key is not known."""

    keys: int = 0
    unreadable: int = 0


class Vault:
    """Seals and opens. Thread-safe. `master` (a 32 byte key) wraps the keys in the store; those that one of
    `also` wraps can be used, too. A key is made and read in a transaction of its own: never ask within a writing one.
    An instance has its root's key, so that what is sealed passes between callers and children as it is."""

    def __init__(self, store: Engine, master: bytes | None, also: Iterable[bytes] = ()) -> None:
        self._store = store
        self._master = master
        self._masters = {sealing.name_of(key): key for key in (master, *also) if key is not None}
        self._sealers: OrderedDict[str, tuple[float, Sealer]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raises `WrongSecretsKey` if the store holds keys that this coordinator cannot use."""
        mine = sealing.name_of(self._master)
        with reading(self._store) as connection:
            other = keys.other_master(connection, self._masters)
        if other is not None:
            has = f"that of this coordinator is {mine}" if mine else "this coordinator has none"
            raise WrongSecretsKey(f"SECRETS_KEY: the store holds keys wrapped by the master key {other}; {has}")

    def seal(self, instance: str, value: Any) -> dict[str, str]:
        """Seal a value; what comes after the key was destroyed is sealed with one that nobody keeps.

        Raises `SecretsUnreadable`, and sqlalchemy's errors."""
        try:
            return self._sealer(instance, make=True).seal(value)
        except SecretsForgotten:
            return Sealer(instance, secrets.token_bytes(KEY_BYTES)).seal(value)

    def digest(self, instance: str, text: str) -> str:
        """A hash of `text` that can only be guessed at with the instance's key. Raises as `seal`."""
        try:
            return self._sealer(instance, make=True).digest(text)
        except SecretsForgotten:
            return Sealer(instance, secrets.token_bytes(KEY_BYTES)).digest(text)

    def open(self, instance: str, value: Any) -> Any:
        """`value` with every sealed value opened. Raises `SecretsUnreadable`, and sqlalchemy's errors."""
        try:
            return opened(value, lambda sealed: self._sealer(instance).open(sealed))
        except SealBroken as error:
            raise SecretsUnreadable("a value was not sealed with the key of this instance") from error

    def verify(self, instance: str, value: Any) -> None:
        """Raises `SecretsUnreadable` if `value` holds what this instance has not sealed."""
        try:
            self.open(instance, value)
        except SecretsForgotten:
            return

    def forget(self, instance: str) -> None:
        """Destroy the key: nobody will ever read the secrets of the instance and all that share its root again."""
        root = root_of(instance)
        with writing(self._store) as connection:
            keys.destroy(connection, root)
        with self._lock:
            self._sealers.pop(root, None)

    def rewrap(self, page: int = 500) -> Rewrapped:
        """Wrap every key again by the master key, also those that none wraps; coordinators may go on meanwhile. Raises
        `WrongSecretsKey` where there is no master key, and sqlalchemy's errors: what is done is done."""
        if self._master is None:
            raise WrongSecretsKey("SECRETS_KEY is not set: there is nothing to wrap keys with")
        found, after = Rewrapped(), ""
        while True:
            with reading(self._store) as connection:
                wrapped = keys.not_wrapped_by(connection, sealing.name_of(self._master), after, page)
            for row in wrapped:
                found = self._rewrapped(found, row, self._master)
            if len(wrapped) < page:
                return found
            after = wrapped[-1].instance

    def _rewrapped(self, found: Rewrapped, row: Wrapped, master: bytes) -> Rewrapped:
        try:
            key = self._unwrapped(row.instance, row.key, row.master)
        except SecretsUnreadable:
            return replace(found, unreadable=found.unreadable + 1)
        wrapped = sealing.wrap(master, row.instance, key)
        with writing(self._store) as connection:
            done = keys.wrap_again(connection, row, wrapped, sealing.name_of(master))
        return replace(found, keys=found.keys + done)

    def _sealer(self, instance: str, *, make: bool = False) -> Sealer:
        now, root = time.monotonic(), root_of(instance)
        with self._lock:
            read_at, sealer = self._sealers.get(root, (0.0, None))
        if sealer is not None and now - read_at < REMEMBERED_S:
            return sealer
        sealer = Sealer(root, self._key(root, make))
        with self._lock:
            self._sealers[root] = (now, sealer)
            while len(self._sealers) > MOST_REMEMBERED:
                self._sealers.popitem(last=False)
        return sealer

    def _key(self, instance: str, make: bool) -> bytes:
        with reading(self._store) as connection:
            found = keys.find(connection, instance)
        if found is None and make:
            fresh = sealing.wrap(self._master, instance, secrets.token_bytes(KEY_BYTES))
            with writing(self._store) as connection:
                keys.insert(connection, instance, fresh, sealing.name_of(self._master))
                found = keys.find(connection, instance)
        if found is None:
            raise SecretsUnreadable(f"instance {instance} has no secrets")
        return self._unwrapped(instance, *found)

    def _unwrapped(self, instance: str, key: bytes | None, master: str) -> bytes:
        if key is None:
            raise SecretsForgotten(f"the secrets of instance {instance} are forgotten")
        if not master:
            return key
        if master not in self._masters:
            raise SecretsUnreadable(f"the key of instance {instance} is wrapped by another master key, {master}")
        return sealing.unwrap(self._masters[master], instance, key)
