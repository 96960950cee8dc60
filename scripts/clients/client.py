"""Joins, publishes with acks, receives, answers pings and stays."""
import asyncio
import json
import statistics
import sys
import time

from websockets import connect

ROOM, PRICES, STAY = "CLIENT Python", 100, 6


async def main(url):
    async with connect(url + "/ws") as consumer, connect(url + "/ws/ingest") as ingestor:
        await consumer.send(json.dumps({"type": "join", "room": ROOM}))
        assert json.loads(await consumer.recv())["type"] == "joined"
        took = []

        async def publish(n):
            begin = time.perf_counter()
            price = {"type": "price_update", "instrument": ROOM, "price": n, "ts": n, "id": str(n)}
            await ingestor.send(json.dumps(price))
            ack = json.loads(await ingestor.recv())
            assert ack == {"type": "ack", "id": str(n)}, ack
            took.append(time.perf_counter() - begin)
            live = json.loads(await consumer.recv())
            assert live["price"] == n, live

        for n in range(PRICES):
            await publish(n)
        await asyncio.sleep(STAY)
        await publish(PRICES)
        print(f"ok, ack p50 {statistics.median(took) * 1000:.2f} ms")


asyncio.run(main(sys.argv[1]))
