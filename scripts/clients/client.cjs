// Joins, publishes with acks, receives, answers pings and stays.
const { once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");
const WebSocket = require("ws");

const [room, prices, stay] = ["CLIENT Node", 100, 6000];

// inbox collects messages, so that none is missed between two waits.
function open(url) {
  const ws = new WebSocket(url);
  const messages = [];
  ws.on("message", (data) => messages.push(JSON.parse(data)));
  ws.on("close", (code, reason) => { throw new Error(`closed with ${code} ${reason}`); });
  ws.next = async () => {
    while (messages.length === 0) await once(ws, "message");
    return messages.shift();
  };
  return ws;
}

async function main(url) {
  const consumer = open(url + "/ws");
  const ingestor = open(url + "/ws/ingest");
  await Promise.all([once(consumer, "open"), once(ingestor, "open")]);
  const expect = (got, key, want) => {
    if (got[key] !== want) throw new Error(`${JSON.stringify(got)}: ${key} is not ${want}`);
  };
  consumer.send(JSON.stringify({ type: "join", room }));
  expect(await consumer.next(), "type", "joined");
  const took = [];
  const publish = async (n) => {
    const begin = performance.now();
    ingestor.send(JSON.stringify({ type: "price_update", instrument: room, price: n, ts: n, id: String(n) }));
    expect(await ingestor.next(), "id", String(n));
    took.push(performance.now() - begin);
    expect(await consumer.next(), "price", n);
  };
  for (let n = 0; n < prices; n++) await publish(n);
  await sleep(stay);
  await publish(prices);
  took.sort((a, b) => a - b);
  console.log(`ok, ack p50 ${took[prices / 2].toFixed(2)} ms`);
  process.exit(0);
}

main(process.argv[2]);
