"""The SQL queue: durable queues in a SQLite file, for the embedded mode.

It may be the file that other stores use as well (WAL, `BEGIN IMMEDIATE`, short transactions), and several brokers,
in one process or in several on one machine, may share it.

- Every write goes through one thread per broker, which commits whatever waits in one transaction. Publishing is
  synced to the disk before it returns (`synchronous=FULL`). Taking and acking are not synced by themselves: after a
  power failure they may be undone, which at-least-once allows; after a killed process they are all there.
- What is taken carries its owner. An owner proves that it lives by a lock on a file beside the database, which the
  kernel releases when the process dies, however it dies: what dead owners held is delivered again.
"""

from service_kit.broker.sql.broker import SqlBroker

__all__ = ["SqlBroker"]
