// Prints the prices of rooms with the WebSocket that Node and browsers have:
//
//   node consumer-builtin.mjs ws://127.0.0.1:8080 BTC_USDT ETH_USDT
//
// Node 22 and later; Node 20 needs --experimental-websocket. BACKBONE_API_KEY holds the key, where the
// server asks for one.
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
    // It can set no header: the key is a second subprotocol, which the server does not repeat.
    const ws = new WebSocket(url + "/ws", key ? ["backbone.v1", "bearer." + key] : ["backbone.v1"]);
    let [opened, joined, silence, pause] = [false, false, undefined, 1000];
    const end = (code, reason) => {
      clearTimeout(silence);
      ended({ joined, why: `closed with ${code} ${reason}`, code });
    };
    const alive = (longer = 0) => {
      clearTimeout(silence);
      silence = setTimeout(() => { // close would wait for an answer of the dead
        ws.onclose = ws.onmessage = ws.onerror = null;
        ws.close();
        end(1006, "no heartbeat");
      }, heartbeat * 2.5 + longer);
    };
    const joinLater = () => { // nothing comes until then
      const wait = pause * (1 + Math.random());
      pause = Math.min(pause * 2, 15_000);
      alive(wait);
      setTimeout(() => ws.send(join), wait);
    };
    alive();
    ws.onopen = () => {
      opened = true;
      ws.send(join);
    };
    ws.onmessage = ({ data }) => {
      alive();
      const event = JSON.parse(data);
      handle(event, data);
      joined ||= event.type === "joined";
      if (event.id === "join" && event.code === "rate_limited") joinLater();
      if (event.type === "mark") ws.send(JSON.stringify({ type: "marked", n: event.n })); // all before it is handled
    };
    ws.onerror = () => { // it does not say what; close follows, but in Node 20 not where nothing was open
      if (!opened) end(1006, "no connection");
    };
    ws.onclose = ({ code, reason }) => end(code, reason);
  });
}

// The status of a refused handshake is not to be had here: a wrong key looks like a server that is
// away. So it says what to check, and goes on slowly.
for (let bound = 100; ; bound = Math.min(bound * 2, 5000)) {
  const { joined, why, code } = await consume();
  if (joined) bound = 100;
  if (final.includes(code)) {
    console.error(why);
    process.exit(1);
  }
  const wait = (code === 4429 ? 5000 : 0) + Math.random() * bound;
  console.error(`${why}: connecting again in ${(wait / 1000).toFixed(1)} s${joined ? "" : " (is the server there, and the key right?)"}`);
  await new Promise((resolve) => setTimeout(resolve, wait));
}
