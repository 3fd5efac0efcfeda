// Checks JSON against a JSON Schema: `node validate_schema.mjs SCHEMA FILE [lines]`; `lines`: a document a line.
// Schemas that lie beside SCHEMA may be referred to. Prints {documents, faults}, at most ten of the latter.
import { createReadStream, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import Ajv from "ajv";

const [schemaPath, path, mode] = process.argv.slice(2);
const ajv = new Ajv();
const folder = dirname(schemaPath);
for (const name of readdirSync(folder)) {
  if (name.endsWith(".json")) ajv.addSchema(JSON.parse(readFileSync(join(folder, name), "utf8")));
}
const validate = ajv.getSchema(JSON.parse(readFileSync(schemaPath, "utf8")).$id);
const faults = [];
let documents = 0;

function check(text) {
  documents += 1;
  if (validate(JSON.parse(text)) || faults.length === 10) return;
  const [first] = validate.errors;
  faults.push(`${documents}: ${first.dataPath} ${first.message}`);
}

if (mode === "lines") {
  for await (const line of createInterface({ input: createReadStream(path, "utf8") })) check(line);
} else {
  check(readFileSync(path, "utf8"));
}
console.log(JSON.stringify({ documents, faults }));
