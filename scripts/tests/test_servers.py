import pika
import psycopg
from sqlalchemy import make_url
from sqlalchemy.engine import create_engine


def test_the_database_of_a_test_is_empty_and_its_own(postgres_database: str, database_url: str) -> None:
    # when
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table orders (id int primary key)")
        tables = connection.exec_driver_sql("select count(*) from pg_tables where schemaname = 'public'").scalar()
    engine.dispose()

    # then
    assert tables == 1
    assert make_url(postgres_database).database != make_url(database_url).database


def test_the_database_holds_chinese_text(database_url: str) -> None:
    # when
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select length('贯通')").fetchone()

    # then
    assert row == (2,)


def test_a_quorum_queue_confirms_and_dead_letters_at_least_once(amqp_url: str, queue_prefix: str) -> None:
    # given
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        orders, dead = f"{queue_prefix}orders", f"{queue_prefix}dead"
        channel.queue_declare(dead, durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_declare(
            orders,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": dead,
                "x-dead-letter-strategy": "at-least-once",
            },
        )

        # when
        channel.basic_publish("", orders, b"order 1", mandatory=True)  # raises unless confirmed
        for method, _, _ in channel.consume(orders, inactivity_timeout=10):
            assert method, "nothing was delivered"
            channel.basic_reject(method.delivery_tag, requeue=False)
            break
        channel.cancel()

        # then
        bodies = [next(channel.consume(dead, auto_ack=True, inactivity_timeout=10))[2]]
        assert bodies == [b"order 1"]


def test_a_fresh_virtual_host_is_empty_and_not_the_workers(amqp_url: str, fresh_amqp_url: str) -> None:
    # when
    with pika.BlockingConnection(pika.URLParameters(fresh_amqp_url)) as connection:
        connection.channel().queue_declare("orders")

    # then
    assert fresh_amqp_url != amqp_url
