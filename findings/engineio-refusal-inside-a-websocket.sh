#!/usr/bin/env bash
# engine.io (npm; the server below Socket.IO): a client of protocol version 3 (Socket.IO 2) that comes by WebSocket is accepted
# with 101 and then refused with an HTTP response, written into the stream of the WebSocket. The client reads "HTTP/1.1 400"
# as a frame: its error is about a reserved bit, and the message "Unsupported protocol version" is lost.
#
# One would expect the answer that the same client has by long polling: 400 with that message as JSON, before any upgrade.
# But the version is checked in the handshake of engine.io, which comes after the one of WebSocket, and a refusal by either
# writes the same text to the socket.
#
# Prints the version, what the client has by each transport, and exits 1 if it no longer does so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" 'engine.io@6.6.13' 'ws@8.23.0' > /dev/null

cat > run.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { attach } from "engine.io";
import WebSocket from "ws";

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;

const http = createServer();
attach(http);
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
const { port } = http.address();
const path = "/engine.io/?EIO=3&transport=";

/** Everything that the server writes after a request for an upgrade. */
function written() {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1").on("data", (data) => (text += data)).on("close", () => resolve(text));
    socket.write([`GET ${path}websocket HTTP/1.1`, "Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket",
      "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""].join("\r\n"));
  });
}

function asWebSocket() {
  return new Promise((resolve) => {
    const saw = [];
    new WebSocket(`ws://127.0.0.1:${port}${path}websocket`)
      .on("open", () => saw.push("open"))
      .on("message", (data) => saw.push(`message ${data}`))
      .on("error", (error) => saw.push(error.message))
      .on("close", (code) => resolve([...saw, `closed with ${code}`]));
  });
}

console.log(`engine.io ${version("engine.io")}, ws ${version("ws")}, node ${process.version}`);
const polled = await fetch(`http://127.0.0.1:${port}${path}polling`);
const body = await polled.text();
console.log(`by polling: ${polled.status} ${polled.headers.get("content-type")} ${body}`);
const text = await written();
console.log("by WebSocket, the bytes:", JSON.stringify(text));
const saw = await asWebSocket();
console.log("by WebSocket, the client:", saw.join("; "));

const expected = polled.status === 400 && body.includes("Unsupported protocol version");
const responses = text.match(/HTTP\/1\.1 \d+/g).join(", ");
const misread = saw[0] === "open" && saw[1].includes("RSV1") && !saw.join().includes("protocol version");
process.exit(expected && responses === "HTTP/1.1 101, HTTP/1.1 400" && misread ? 0 : 1);
JAVASCRIPT
timeout 60 node run.mjs
