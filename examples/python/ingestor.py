"""Publishes lines INSTRUMENT PRICE of standard input: python3 ingestor.py ws://127.0.0.1:8080

Needs the package websockets. BACKBONE_API_KEY holds the key, where the server asks for one. An
instrument's newest price is sent again if the connection ended before its ack.
"""
import asyncio
import itertools
import json
import os
import random
import re
import sys
import time

import websockets

FINAL = {1002, 1003, 1007, 1009, 4401}  # a new connection would end in the same way
OPTIONS = {  # the name of the headers differs between versions of the library
    "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers": {
        "X-API-Key": os.environ["BACKBONE_API_KEY"]} if "BACKBONE_API_KEY" in os.environ else None,
    "subprotocols": ["backbone.v1"],
    "compression": None,  # the server has none
}

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")  # of JSON
ids = map(str, itertools.count(1))
unacked = {}  # the newest message of each instrument, by instrument
instruments = {}  # by id
rejected = 0
accepted = False


async def publish(ws, lines):
    """Sends what no ack has come for, then new lines until there are no more."""
    global rejected
    instruments.clear()  # what was replaced by a newer price is not sent again
    for instrument, message in list(unacked.items()):
        instruments[message["id"]] = instrument
        await ws.send(message["text"])
    while (line := await lines.get()) is not None:
        instrument, _, price = line.strip().rpartition(" ")  # a name can have blanks
        if not NUMBER.fullmatch(price):
            print("not INSTRUMENT PRICE:", line.strip(), file=sys.stderr)
            rejected += 1
            continue
        id = next(ids)
        # The price is put in as text: as a float, 60214.30 would lose its zero.
        text = '{"type":"price_update","instrument":%s,"price":%s,"ts":%d,"id":"%s"}' % (
            json.dumps(instrument), price, time.time_ns() // 1_000_000, id)
        instruments[id], unacked[instrument] = instrument, {"id": id, "text": text}
        await ws.send(text)
    lines.put_nowait(None)  # for the next connection
    while unacked:
        await asyncio.sleep(0.01)


async def listen(ws):
    """Takes acks and errors."""
    global rejected
    async for text in ws:
        answer = json.loads(text)
        if answer.get("code") == "unavailable":  # the server stops: the next one gets it
            continue
        instrument = instruments.pop(answer.get("id"), None)
        if instrument in unacked and unacked[instrument]["id"] == answer["id"]:  # or else a newer one waits for its own
            del unacked[instrument]
        if answer["type"] == "error":
            rejected += 1
            print("rejected:", answer["code"], answer["message"], file=sys.stderr)
    raise OSError(f"closed with {ws.close_code} {ws.close_reason}")  # the loop ends silently at 1000 and 1001


async def connection(url, lines):
    global accepted
    async with websockets.connect(url + "/ws/ingest", **OPTIONS) as ws:
        accepted = True
        tasks = [asyncio.ensure_future(publish(ws, lines)), asyncio.ensure_future(listen(ws))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def read(lines):
    """Hands on standard input, and waits while the server is away."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            await lines.put(line)
    await lines.put(None)


async def main(url):
    lines = asyncio.Queue(1000)
    reader = asyncio.ensure_future(read(lines))
    bound = 0.1
    while True:
        least = 0
        try:
            await connection(url, lines)
            break
        except websockets.InvalidHandshake as e:
            refused = "401" in str(e) or "403" in str(e)
            if refused and not accepted:
                sys.exit(f"refused: {e}")
            least, why = 60 if refused else 0, e
        except websockets.ConnectionClosed as e:
            bound, why = 0.1, e
            if e.rcvd and e.rcvd.code in FINAL:
                sys.exit(f"closed: {e}")
            least = 5 if e.rcvd and e.rcvd.code == 4429 else 0
        except OSError as e:
            why = e
        wait = least + random.uniform(0, bound)
        bound = min(bound * 2, 5)
        print(f"{why}: connecting again in {wait:.1f} s", file=sys.stderr, flush=True)
        await asyncio.sleep(wait)
    await reader
    sys.exit(1 if rejected else 0)


asyncio.run(main(*sys.argv[1:]))
