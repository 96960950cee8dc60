// Publishes lines INSTRUMENT PRICE of standard input: node ingestor.mjs ws://127.0.0.1:8080
//
// Needs the package ws. BACKBONE_API_KEY holds the key, where the server asks for one. An instrument's
// newest price is sent again if the connection ended before its ack.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

const [url] = process.argv.slice(2);
const final = [1002, 1003, 1007, 1009, 4401]; // a new connection would end in the same way
const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/; // of JSON
const key = process.env.BACKBONE_API_KEY;

const unacked = new Map(); // the newest message of each instrument, by instrument
const instruments = new Map(); // by id
let [rejected, count, ended] = [0, 0, false];
let ws; // the open connection, if there is one

// A line becomes a message. The price is put in as text: as a number, 60214.30 would lose its zero.
function take(line) {
  const [, instrument, price] = line.trim().match(/^(.*) (\S+)$/) ?? []; // a name can have blanks
  if (!number.test(price)) {
    rejected++;
    return console.error("not INSTRUMENT PRICE:", line);
  }
  const id = String(++count);
  const text = `{"type":"price_update","instrument":${JSON.stringify(instrument)},"price":${price},"ts":${Date.now()},"id":"${id}"}`;
  instruments.set(id, instrument);
  unacked.set(instrument, { id, text });
  ws?.send(text);
}

// Takes an ack or an error.
function answered(answer) {
  if (answer.code === "unavailable") return; // the server stops: the next one gets it
  const instrument = instruments.get(answer.id);
  if (unacked.get(instrument)?.id === answer.id) unacked.delete(instrument); // or else a newer one waits for its own
  instruments.delete(answer.id);
  if (answer.type === "error") {
    rejected++;
    console.error("rejected:", answer.code, answer.message);
  }
  finish();
}

function finish() {
  if (ended && unacked.size === 0) process.exit(rejected ? 1 : 0);
}

// Publishes over one connection until it ends, and returns how it did.
function publish() {
  return new Promise((closed) => {
    let [opened, status, error, pongs] = [false, 0, "", true];
    const socket = new WebSocket(url + "/ws/ingest", ["backbone.v1"], {
      headers: key ? { "X-API-Key": key } : {},
      perMessageDeflate: false, // the server has none
      handshakeTimeout: 10_000,
    });
    const pings = setInterval(() => { // a dead server answers none
      if (!pongs) return socket.terminate();
      pongs = false;
      if (opened) socket.ping();
    }, 15_000);
    socket.on("pong", () => { pongs = true; });
    socket.on("open", () => {
      opened = true;
      for (const { text } of unacked.values()) socket.send(text);
      ws = socket;
    });
    socket.on("message", (data) => answered(JSON.parse(data)));
    socket.on("unexpected-response", (_, response) => {
      status = response.statusCode;
      socket.terminate();
    });
    socket.on("error", (e) => { error = e.message; });
    socket.on("close", (code, reason) => {
      clearInterval(pings);
      ws = undefined;
      instruments.clear(); // what was replaced by a newer price is not sent again
      for (const [instrument, { id }] of unacked) instruments.set(id, instrument);
      closed({ opened, status, code, why: status ? `refused with ${status}` : error || `closed with ${code} ${reason}` });
    });
  });
}

async function keepPublishing() {
  let accepted = false;
  for (let bound = 100; ; bound = Math.min(bound * 2, 5000)) {
    const { opened, status, code, why } = await publish();
    if (opened) [bound, accepted] = [100, true];
    const refused = status === 401 || status === 403;
    if (final.includes(code) || (refused && !accepted)) {
      console.error(why);
      process.exit(1);
    }
    const wait = (refused ? 60_000 : code === 4429 ? 5000 : 0) + Math.random() * bound;
    console.error(`${why}: connecting again in ${(wait / 1000).toFixed(1)} s`);
    await sleep(wait);
  }
}

keepPublishing();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim()) take(line);
  while (ws?.bufferedAmount > 1 << 20) await sleep(10); // the server takes no more: read no further
}
ended = true;
finish();
