"""The coordinator's rows: functions over one connection, by noun. Transactions belong to the caller.

The order in which a transaction touches things is fixed, so that two never wait for each other in a circle: journal,
blobs, instances, business keys, timers, semantic locks, correlation locks, subscriptions, messages, subscriptions to
signals, their deliveries; in each by primary key.
"""
