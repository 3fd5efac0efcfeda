// Bundles the part of Chrome's developer tools that writes HTTP Archives, so that node can load it: its sources are
// TypeScript, and import a list of languages that only its own build writes. `npm run devtools`; takes some seconds.

import { build } from "esbuild-wasm";

const FRONT_END = "./node_modules/chrome-devtools-frontend/front_end";
const SOURCE = `
export { Log } from "${FRONT_END}/models/har/Log.ts";
export { NetworkRequest } from "${FRONT_END}/core/sdk/NetworkRequest.ts";
export { resourceTypes } from "${FRONT_END}/core/common/ResourceType.ts";
`;
const LANGUAGES = `
export const LOCALES = ["en-US"], BUNDLED_LOCALES = ["en-US"], DEFAULT_LOCALE = "en-US";
export const REMOTE_FETCH_PATTERN = "", LOCAL_FETCH_PATTERN = "";
`;

const languages = {
  name: "languages",
  setup(bundle) {
    bundle.onResolve({ filter: /\/locales\.js$/ }, () => ({ path: "locales", namespace: "languages" }));
    bundle.onLoad({ filter: /.*/, namespace: "languages" }, () => ({ contents: LANGUAGES }));
  },
};

await build({
  stdin: { contents: SOURCE, resolveDir: import.meta.dirname ?? new URL(".", import.meta.url).pathname },
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: "node_modules/.devtools/har.mjs",
  resolveExtensions: [".ts", ".js"],
  plugins: [languages],
  logLevel: "error",
});
