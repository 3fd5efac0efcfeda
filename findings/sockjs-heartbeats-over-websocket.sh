#!/usr/bin/env bash
# sockjs (npm, the server of SockJS for Node): its heartbeats reach a client by streaming as "h" frames, as the protocol of
# SockJS has them, but over WebSocket as pings of WebSocket, while no "h" is ever sent. A browser hides pings from its page:
# a client that takes an absence of "h" for a dead connection, as the protocol suggests, closes connections that are well.
#
# One would expect the same frames by each transport: SockJS defines o, h, a and c for all of them.
#
# Prints the versions and what comes by each transport within some heartbeats, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" 'sockjs@0.3.24' 'ws@8.23.0' > /dev/null

cat > run.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import sockjs from "sockjs";
import WebSocket from "ws";

const DELAY_MS = 200;
const WATCHED_MS = 1700;
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;

const http = createServer();
sockjs.createServer({ heartbeat_delay: DELAY_MS, log: () => {} }).installHandlers(http, { prefix: "/feed" });
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
const { port } = http.address();
const counts = (seen) => JSON.stringify(Object.fromEntries(["o", "h", "ping"].map((each) =>
  [each, seen.filter((one) => one === each).length])));

function byWebSocket() {
  return new Promise((resolve) => {
    const seen = [];
    const socket = new WebSocket(`ws://127.0.0.1:${port}/feed/000/first/websocket`)
      .on("message", (data) => seen.push(String(data)))
      .on("ping", () => seen.push("ping"));
    setTimeout(() => { socket.terminate(); resolve(seen); }, WATCHED_MS);
  });
}

function byStreaming() {
  return new Promise((resolve) => {
    const seen = [];
    const sent = request({ port, host: "127.0.0.1", method: "POST", path: "/feed/000/second/xhr_streaming" }, (answer) =>
      answer.setEncoding("utf8").on("data", (text) => seen.push(...text.split("\n").filter((line) => /^[oh]$/.test(line)))));
    sent.on("error", () => {});
    sent.end();
    setTimeout(() => { sent.destroy(); resolve(seen); }, WATCHED_MS);
  });
}

console.log(`sockjs ${version("sockjs")}, ws ${version("ws")}, node ${process.version}; a heartbeat each ${DELAY_MS} ms`);
const [socket, stream] = await Promise.all([byWebSocket(), byStreaming()]);
console.log("by WebSocket:", counts(socket));
console.log("by streaming:", counts(stream));
const count = (seen, what) => seen.filter((one) => one === what).length;
const same = count(socket, "h") === 0 && count(socket, "ping") >= 3 && count(stream, "h") >= 3;
process.exit(same ? 0 : 1);
JAVASCRIPT
timeout 60 node run.mjs
