// Tells what is wrong with an HTTP Archive, as the schema of har-validator has it: `node validate_har.mjs FILE`.
// Prints a JSON list of faults, empty where the archive is valid.
import { readFileSync } from "node:fs";
import validator from "har-validator";

const archive = JSON.parse(readFileSync(process.argv[2], "utf8"));
const faults = await validator.har(archive).then(
  () => [],
  (error) => error.errors.map(({ dataPath, message }) => `${dataPath} ${message}`),
);
console.log(JSON.stringify(faults));
