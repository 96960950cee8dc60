"""Prints the prices of rooms: python3 consumer.py ws://127.0.0.1:8080 BTC_USDT ETH_USDT

Needs the package websockets. BACKBONE_API_KEY holds the key, where the server asks for one.
"""
import asyncio
import json
import os
import random
import sys
from decimal import Decimal

import websockets

HEARTBEAT = 5  # seconds: if nothing comes for two and a half times as long, the line is dead
FINAL = {1002, 1003, 1007, 1009, 4401}  # a new connection would end in the same way
OPTIONS = {  # the name of the headers differs between versions of the library
    "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers": {
        "X-API-Key": os.environ["BACKBONE_API_KEY"]} if "BACKBONE_API_KEY" in os.environ else None,
    "subprotocols": ["backbone.v1"],
    "compression": None,  # the server has none
    "max_queue": 16,  # messages that wait in this process: they grow old there
    "ping_interval": None,  # heartbeats do that
    "close_timeout": 1,  # a dead server answers no close
}


def handle(event):
    """Does with an event what the program is for."""
    match event["type"]:
        case "price_update":  # a snapshot is the current value, not a tick
            print(event["instrument"], event["price"], "snapshot" if event.get("snapshot") else "", flush=True)
        case "retired":
            print(event["instrument"], "has no price any more", flush=True)
        case "no_snapshot":  # what was held before a reconnection is void
            print(event["room"], "has no price", flush=True)
        case "conflated":
            print(event["room"], event["skipped"], "prices left out", flush=True)
        case "joined":
            for room in event.get("rejected", []):
                print("not joined:", room["message"], file=sys.stderr)
        case "error":
            print("error:", event["code"], event["message"], file=sys.stderr)


async def consume(url, rooms):
    """Handles the events of one connection, until it ends with an exception."""
    join = json.dumps({"type": "join", "rooms": rooms, "mark_empty": True, "marks": True,
                       "heartbeat_ms": HEARTBEAT * 1000, "id": "join"})
    pause = 1
    async with websockets.connect(url + "/ws", **OPTIONS) as ws:
        await ws.send(join)
        while True:
            text = await asyncio.wait_for(ws.recv(), HEARTBEAT * 2.5)
            event = json.loads(text, parse_float=Decimal)  # 60214.30 keeps its zero
            handle(event)
            if event["type"] == "joined":
                yield  # all is well: the next wait is short again
            if event["type"] == "mark":  # everything before it is handled
                await ws.send(json.dumps({"type": "marked", "n": event["n"]}))
            if event.get("id") == "join" and event.get("code") == "rate_limited":  # nothing comes until it is joined
                await asyncio.sleep(pause * random.uniform(1, 2))
                pause = min(pause * 2, 15)
                await ws.send(join)


async def main(url, *rooms):
    bound, accepted = 0.1, False
    while True:
        least = 0
        try:
            async for _ in consume(url, rooms):
                bound, accepted = 0.1, True
        except websockets.ConnectionClosed as e:
            code, why = (e.rcvd.code, e.rcvd.reason) if e.rcvd else (1006, "without a goodbye")
            why = f"closed with {code} {why}"
            if code in FINAL:
                sys.exit(why)
            least = 5 if code == 4429 else 0
        except websockets.InvalidHandshake as e:
            status = getattr(e, "status_code", None) or getattr(getattr(e, "response", None), "status_code", None)
            if status in (401, 403) and not accepted:
                sys.exit(f"refused with {status}")
            least, why = 60 if status in (401, 403) else 0, e
        except asyncio.TimeoutError:
            why = "no heartbeat"
        except OSError as e:
            why = e
        wait = least + random.uniform(0, bound)
        bound = min(bound * 2, 5)
        print(f"{why}: connecting again in {wait:.1f} s", file=sys.stderr, flush=True)
        await asyncio.sleep(wait)


asyncio.run(main(*sys.argv[1:]))
