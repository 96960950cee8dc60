"""Publishes 5,000 prices a second in 20 rooms, stamped with Unix microseconds, until it is killed."""
import asyncio
import sys
import time

from websockets import connect

ROOMS, EVERY, BATCH = 20, 0.02, 100


async def main(url):
    async with connect(url + "/ws/ingest") as ingestor:
        due, n = time.monotonic(), 0
        while True:
            events = []
            for _ in range(BATCH):
                n += 1
                ts = time.time_ns() // 1000
                events.append(f'{{"type":"price_update","instrument":"FEED_{n % ROOMS}","price":{n},"ts":{ts}}}')
            await ingestor.send("[" + ",".join(events) + "]")
            due += EVERY
            await asyncio.sleep(max(0, due - time.monotonic()))


asyncio.run(main(sys.argv[1]))
