"""Reads 100 KB/s, and prints the age of the prices that it read."""
import asyncio
import json
import sys
import time

from websockets import connect

RATE, WARM, MEASURE = 100_000, 3, 15


async def main(url):
    async with connect(url + "/ws") as consumer:
        await consumer.send(json.dumps({"type": "join", "rooms": [f"FEED_{n}" for n in range(20)]}))
        begin, read, ages, skipped = time.monotonic(), 0, [], 0
        while (passed := time.monotonic() - begin) < WARM + MEASURE:
            text = await consumer.recv()
            read += len(text) + 4
            event = json.loads(text)
            skipped += event.get("skipped", 0)
            if event["type"] == "price_update" and passed > WARM:
                ages.append(time.time() - event["ts"] / 1e6)
            await asyncio.sleep(max(0, read / RATE - (time.monotonic() - begin)))
        ages.sort()
        p50, p99 = ages[len(ages) // 2], ages[len(ages) * 99 // 100]
        print(f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of {len(ages)} prices, {skipped} left out")
        sys.exit(p50 > 0.5 or p99 > 1 or skipped == 0)


asyncio.run(main(sys.argv[1]))
