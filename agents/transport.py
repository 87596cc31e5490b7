"""Faust's Kafka consumer with a fetch wait that can be chosen.

Faust fixes it at 1,500 ms. Apache Kafka answers a fetch as soon as there is a message, so the wait does
not matter there; the embedded broker answers only when the wait is over, so it is its latency.
"""

from typing import Any

from faust.transport.drivers import aiokafka as driver


def transport_waiting(fetch_wait_ms: int) -> type[driver.Transport]:
    """Faust's own transport, but its consumer's fetches wait `fetch_wait_ms` at the broker."""

    class ConsumerThread(driver.AIOKafkaConsumerThread):
        logger = driver.logger

        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            # aiokafka hands this to its fetcher when the consumer starts, which is later.
            consumer._fetch_max_wait_ms = fetch_wait_ms
            return consumer

    class Consumer(driver.Consumer):
        logger = driver.logger

        def _new_consumer_thread(self) -> Any:
            return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    return Transport
