// Parses protocol/asyncapi.yaml, and prints what the parser finds wrong.
import { createRequire } from "node:module";

const require = createRequire(process.env.MODULES + "/");
const { Parser, fromFile } = require("@asyncapi/parser");

const file = process.argv[2];
const { document, diagnostics } = await fromFile(new Parser(), file).parse();
for (const d of diagnostics) {
  console.log(`${file}:${d.range.start.line + 1}: ${d.message} (${d.code})`);
}
if (!document || diagnostics.length > 0) process.exit(1);
console.log(`${document.operations().all().length} operations, ${document.messages().all().length} messages: ok`);
