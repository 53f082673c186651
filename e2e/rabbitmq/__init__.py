"""RabbitMQ as production has it: with TLS, and as a cluster."""
