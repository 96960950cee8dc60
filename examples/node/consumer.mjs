// Prints the prices of rooms: node consumer.mjs ws://127.0.0.1:8080 BTC_USDT ETH_USDT
//
// Needs the package ws. BACKBONE_API_KEY holds the key, where the server asks for one.
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

const [url, ...rooms] = process.argv.slice(2);
const heartbeat = 5000; // ms: if nothing comes for two and a half times as long, the line is dead
const final = [1002, 1003, 1007, 1009, 4401]; // a new connection would end in the same way
const key = process.env.BACKBONE_API_KEY;
// The library reads on whatever the program does, and answers pings meanwhile. Marks are messages: they
// tell the server how far the program is.
const join = JSON.stringify({ type: "join", rooms, mark_empty: true, marks: true, heartbeat_ms: heartbeat, id: "join" });

// The price as it was written: JSON.parse would make 60214.3 of 60214.30. A name has no quotation
// marks, and data comes later, so the first "price" is the key.
const priceOf = (text) => text.match(/"price":([^,}]+)/)[1];

// Does with an event what the program is for.
function handle(event, text) {
  switch (event.type) {
    case "price_update": // a snapshot is the current value, not a tick
      return console.log(event.instrument, priceOf(text), event.snapshot ? "snapshot" : "");
    case "retired":
      return console.log(event.instrument, "has no price any more");
    case "no_snapshot": // what was held before a reconnection is void
      return console.log(event.room, "has no price");
    case "conflated":
      return console.log(event.room, event.skipped, "prices left out");
    case "joined":
      return event.rejected?.forEach((room) => console.error("not joined:", room.message));
    case "error":
      return console.error("error:", event.code, event.message);
  }
}

// Handles the events of one connection until it ends, and returns how it did.
function consume() {
  return new Promise((ended) => {
    const ws = new WebSocket(url + "/ws", ["backbone.v1"], {
      headers: key ? { "X-API-Key": key } : {},
      perMessageDeflate: false, // the server has none
      maxPayload: 128 * 1024,
      handshakeTimeout: 10_000,
    });
    let [joined, status, error, silence, pause] = [false, 0, "", undefined, 1000];
    const alive = (longer = 0) => {
      clearTimeout(silence);
      silence = setTimeout(() => ws.terminate(), heartbeat * 2.5 + longer);
    };
    const joinLater = () => { // nothing comes until then
      const wait = pause * (1 + Math.random());
      pause = Math.min(pause * 2, 15_000);
      alive(wait);
      setTimeout(() => ws.send(join), wait);
    };
    ws.on("open", () => {
      alive();
      ws.send(join);
    });
    ws.on("message", (data) => {
      alive();
      const text = data.toString();
      const event = JSON.parse(text);
      handle(event, text);
      joined ||= event.type === "joined";
      if (event.id === "join" && event.code === "rate_limited") joinLater();
      if (event.type === "mark") ws.send(JSON.stringify({ type: "marked", n: event.n })); // all before it is handled
    });
    ws.on("unexpected-response", (_, response) => {
      status = response.statusCode;
      ws.terminate();
    });
    ws.on("error", (e) => { error = e.message; });
    ws.on("close", (code, reason) => {
      clearTimeout(silence);
      ended({ joined, status, code, why: status ? `refused with ${status}` : error || `closed with ${code} ${reason}` });
    });
  });
}

let [bound, accepted] = [100, false];
for (;;) {
  const { joined, status, code, why } = await consume();
  if (joined) [bound, accepted] = [100, true];
  const refused = status === 401 || status === 403;
  if (final.includes(code) || (refused && !accepted)) {
    console.error(why);
    process.exit(1);
  }
  const wait = (refused ? 60_000 : code === 4429 ? 5000 : 0) + Math.random() * bound;
  bound = Math.min(bound * 2, 5000);
  console.error(`${why}: connecting again in ${(wait / 1000).toFixed(1)} s`);
  await sleep(wait);
}
