#!/usr/bin/env bash
# Chrome's developer tools: in the HTTP Archive that they export, a WebSocket whose connection was refused began at
# 1969-12-31T23:59:59Z and took as long as the machine has been up, and its error has a time some hours after 1970. Where it
# was accepted, timings.wait is not the wait for the 101: it lasts until the last message.
#
# One would expect the time of `new WebSocket`, and the timings of an ordinary request. But the browser reports the two clocks
# of a WebSocket (monotonic and wall) only with its handshake request, which is not sent without a TCP connection. So the
# exporter begins at an initial value, -1 s, and has nothing to turn the browser's monotonic times into dates with. And each
# frame moves the time at which the response counts as received.
#
# Runs the package of the developer tools, their own handler of network events and their own exporter, with the events of a
# real Chromium that opens both sockets. Needs node 20 and Linux on x86-64; everything else comes from npm.
# Prints the versions and both entries, and exits 1 if it no longer does so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir tmp
export TMPDIR="$work/tmp"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" 'chrome-devtools-frontend@1.0.1705227' \
  'esbuild-wasm@0.28.2' '@sparticuz/chromium@153.0.0' 'playwright-core@1.65.1' 'ws@8.23.0' > /dev/null

# The developer tools are TypeScript, and import a list of languages that only their own build writes.
cat > bundle.mjs <<'JAVASCRIPT'
import { build } from "esbuild-wasm";

const tools = "./node_modules/chrome-devtools-frontend/front_end";
const english = `
  export const LOCALES = ["en-US"], BUNDLED_LOCALES = ["en-US"], DEFAULT_LOCALE = "en-US";
  export const REMOTE_FETCH_PATTERN = "", LOCAL_FETCH_PATTERN = "";`;
const languages = {
  name: "languages",
  setup(bundle) {
    bundle.onResolve({ filter: /\/locales\.js$/ }, () => ({ path: "locales", namespace: "languages" }));
    bundle.onLoad({ filter: /.*/, namespace: "languages" }, () => ({ contents: english }));
  },
};
const contents = `
  export { Log } from "${tools}/models/har/Log.ts";
  export { NetworkDispatcher } from "${tools}/core/sdk/NetworkManager.ts";`;
await build({
  stdin: { contents, resolveDir: "." },
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: "tools.mjs",
  resolveExtensions: [".ts", ".js"],
  plugins: [languages],
  logLevel: "error",
});
JAVASCRIPT
node bundle.mjs

cat > run.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import packed, { inflate } from "@sparticuz/chromium";
import { chromium } from "playwright-core";
import { WebSocketServer } from "ws";
import { Log, NetworkDispatcher } from "./tools.mjs";

const MESSAGE_AFTER_MS = 3000;
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** What the handler of network events asks of the application around it. */
function applicationThatKeeps(requests) {
  const targetManager = {
    settings: { resolve: () => ({ get: () => false }) },
    getConsole: () => null,
    getNetworkManager: () => ({ addEventListener() {}, inflightMainResourceRequests: new Map() }),
  };
  return {
    target: () => ({ targetManager: () => targetManager }),
    dispatchEventToListeners: (_name, what) => requests.add(what.request ?? what),
  };
}

const unused = createServer();
const pages = createServer((_request, response) => response.end("<!doctype html><title>a page</title>"));
const [unusedPort, port] = [await listening(unused), await listening(pages)];
await new Promise((resolve) => unused.close(resolve));
new WebSocketServer({ server: pages }).on("connection", (peer) => {
  setTimeout(() => {
    peer.send("a message");
    peer.close(1000);
  }, MESSAGE_AFTER_MS);
});

await inflate("node_modules/@sparticuz/chromium/bin/al2023.tar.br"); // libraries that Chromium needs
const browser = await chromium.launch({
  executablePath: await packed.executablePath(),
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
  env: { ...process.env, LD_LIBRARY_PATH: `${tmpdir()}/al2023/lib` },
});
const page = await browser.newPage();
const session = await page.context().newCDPSession(page);
const requests = new Set();
const tools = new NetworkDispatcher(applicationThatKeeps(requests));
const events = [];
const NAMES = ["Created", "WillSendHandshakeRequest", "HandshakeResponseReceived", "FrameReceived", "FrameError", "Closed"];
for (const name of NAMES) {
  session.on(`Network.webSocket${name}`, (event) => {
    events.push({ name, ...event });
    tools[`webSocket${name}`](event);
  });
}
await session.send("Network.enable");
await page.goto(`http://127.0.0.1:${port}/`);
const before = new Date();
const codes = await page.evaluate((ports) => {
  const closeOf = (port) => new Promise((resolve) => {
    new WebSocket(`ws://127.0.0.1:${port}/feed`).onclose = (event) => resolve(event.code);
  });
  return Promise.all(ports.map(closeOf));
}, [unusedPort, port]);

const { entries } = await Log.build([...requests], { sanitize: false });
const entryOf = (port) => entries.find((entry) => new URL(entry.request.url).port === String(port));
const [refused, accepted] = [entryOf(unusedPort), entryOf(port)];
const timestamp = (name) => events.find((event) => event.name === name).timestamp;
const upgradeMs = 1000 * (timestamp("HandshakeResponseReceived") - timestamp("WillSendHandshakeRequest"));
const error = refused._webSocketMessages[0];
const asDate = (seconds) => new Date(seconds * 1000).toJSON();

const tool = "chrome-devtools-frontend";
console.log(`${tool} ${version(tool)}, Chromium ${browser.version()}, node ${process.version}`);
console.log(`both sockets were opened at ${before.toJSON()} and closed with ${codes.join(" and ")}`);
console.log(`refused: startedDateTime ${refused.startedDateTime}, time ${(refused.time / 3_600_000).toFixed(2)} h, ` +
  `error at ${asDate(error.time)} (${error.data})`);
console.log(`accepted: startedDateTime ${accepted.startedDateTime}, answered with ${accepted.response.status} after ` +
  `${upgradeMs.toFixed(0)} ms, timings.wait ${accepted.timings.wait.toFixed(0)} ms, ` +
  `message at ${asDate(accepted._webSocketMessages[0].time)}`);
await browser.close();

const refusedIsOld = refused.startedDateTime === "1969-12-31T23:59:59.000Z" && error.time === timestamp("FrameError");
const waitIsLong = upgradeMs < MESSAGE_AFTER_MS / 2 && accepted.timings.wait > MESSAGE_AFTER_MS * 0.9;
process.exit(refusedIsOld && waitIsLong ? 0 : 1);
JAVASCRIPT
timeout 120 node run.mjs
