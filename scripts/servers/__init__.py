"""A PostgreSQL and a RabbitMQ of our own, for tests and measurements. Linux, standard library only.

`python3 -m scripts.servers run -- COMMAND`  starts both, runs COMMAND with AMQP_URL and DATABASE_URL, throws them away
`python3 -m scripts.servers up | env | down` the same pair, kept for working by hand: `eval "$(... up)"`

Where AMQP_URL or DATABASE_URL is already set, that server is used and none is started. Everything lives in one
directory per pair (`Home`): data, logs, free loopback ports. The machine's own services are never touched.
"""
