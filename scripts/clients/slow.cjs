// Reads 100 KB/s, and prints the age of the prices that it read.
const WebSocket = require("ws");

const [rate, warm, measure] = [100_000, 3000, 15_000];
const rooms = Array.from({ length: 20 }, (_, n) => `FEED_${n}`);
const ws = new WebSocket(process.argv[2] + "/ws");
const ages = [];
let [begin, read, skipped] = [0, 0, 0];

ws.on("open", () => {
  begin = performance.now();
  ws.send(JSON.stringify({ type: "join", rooms }));
});
ws.on("close", (code, reason) => { throw new Error(`closed with ${code} ${reason}`); });
ws.on("message", (data) => {
  const passed = performance.now() - begin;
  const event = JSON.parse(data);
  read += data.length + 4;
  skipped += event.skipped ?? 0;
  if (event.type === "price_update" && passed > warm) ages.push(Date.now() - event.ts / 1000);
  if (passed > warm + measure) report();
  const ahead = (read / rate) * 1000 - passed;
  if (ahead > 1 && !ws.isPaused) {
    ws.pause();
    setTimeout(() => ws.resume(), ahead);
  }
});

function report() {
  ages.sort((a, b) => a - b);
  const p50 = ages[ages.length >> 1];
  const p99 = ages[Math.floor(ages.length * 0.99)];
  console.log(`p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms of ${ages.length} prices, ${skipped} left out`);
  process.exit(p50 > 500 || p99 > 1000 || skipped === 0 ? 1 : 0);
}
