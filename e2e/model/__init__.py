"""A model of the command protocol that is checked exhaustively, for small sizes.

The world is one saga, a coordinator or two, connector processes, a broker that duplicates, loses and reorders, and a
vendor's system with an index that lags. Everything that decides is the real thing: `saga_coordinator`'s `Decider`,
`decide` and `fold`; `service_kit.connector`'s `Worker`, `Operations`, `rules`, and `Inbox` on a store in memory.

    world         what is true between two moves: a value
    saga          the coordinator's side of a move
    inbox         the connectors' store, with ages in the place of times
    connector     the connector's side of a move: a real worker, repeated from its beginning
    vendor        calls under way and documents
    moves         everything that can happen next
    invariants    what must hold in every world, and at the end
    checker       breadth first through all worlds; the shortest trace to a violation

What is merged: a coordinator's turn is one move that a crash may cut anywhere (before its commit, after it, between
two publishes, before the acknowledgement). Nothing else sees what lies between those points, and an unordered broker
makes "published a little later" the same as "delivered a little later". So is a worker's turn.
"""
