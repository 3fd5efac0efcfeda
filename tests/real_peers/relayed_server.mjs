// What applications talk to through a relay: WebSockets at /node and /page, a binary stream at /stream, an MQTT broker
// (aedes) at /mqtt, Socket.IO at /socket.io; http://…/?URL is a page that talks to that URL. Each tells what it sent and received.
// Arguments: 0, how many messages each side sends, milliseconds between two of them.

import { createServer } from "node:http";

import Aedes from "aedes";
import { Server } from "socket.io";
import { createWebSocketStream, WebSocketServer } from "ws";

import { CHUNK, Ledger, sendAll, StreamLedger } from "./ledger.mjs";
import { DEFLATE, listen, obey, tell } from "./peer.mjs";

const COUNT = Number(process.argv[3]);
const EVERY_MS = Number(process.argv[4]);

const PAGE = `<!doctype html><title>busy</title><script>
const COUNT = ${COUNT}, EVERY_MS = ${EVERY_MS};
const parts = { sent: [], received: [] };
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const digest = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));
function note(way, data) {
  const isText = typeof data === "string";
  parts[way].push(new Blob([isText ? "text" : "binary", data]).arrayBuffer().then(digest));
}
function message(n) {
  if (n % 2 === 0) return JSON.stringify({ n, side: "page", pad: "é".repeat(n % 300) });
  const bytes = Uint8Array.from({ length: n % 75 === 1 ? 70000 : (n * 7) % 3000 }, (_, at) => (n + at) & 255);
  return n % 4 === 1 ? bytes : new Blob([bytes]);
}
const socket = new WebSocket(decodeURIComponent(location.search.slice(1)));
socket.binaryType = "arraybuffer";
let isSent = false;
const closeWhenDone = () => isSent && parts.received.length === COUNT && socket.close(1000, "done");
socket.onopen = async () => {
  for (let n = 0; n < COUNT; n++) {
    const data = message(n);
    socket.send(data);
    note("sent", data);
    if (EVERY_MS) await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  isSent = true;
  closeWhenDone();
};
socket.onmessage = ({ data }) => { note("received", data); closeWhenDone(); };
let ended;
socket.onclose = async ({ code, reason }) => {
  const whole = async (way) => ({
    count: parts[way].length,
    hash: await digest(new TextEncoder().encode((await Promise.all(parts[way])).join())),
  });
  ended = { code, reason, extensions: socket.extensions, sent: await whole("sent"), received: await whole("received") };
  document.title = "done";
};
</script>`;

const server = createServer((request, response) => {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(PAGE);
});

/** A conversation over a plain WebSocket. */
function talk(app, socket) {
  const ledger = new Ledger();
  socket.on("message", (data, isBinary) => ledger.note("received", isBinary ? data : data.toString()));
  socket.on("close", (code, reason) => tell("ended", { app, code, reason: reason.toString(), ...ledger.told() }));
  sendAll(app, COUNT, EVERY_MS, (data) => {
    ledger.note("sent", data);
    socket.send(data);
  });
}

/** A stream over a WebSocket: as many chunks as there are messages. */
function stream(socket) {
  const ledger = new StreamLedger();
  const duplex = createWebSocketStream(socket);
  duplex.on("data", (data) => ledger.note("received", data));
  socket.on("close", (code) => tell("ended", { app: "stream", code, ...ledger.told() }));
  sendAll("stream", COUNT, EVERY_MS, () => {
    ledger.note("sent", CHUNK);
    return new Promise((resolve) => duplex.write(CHUNK, resolve));
  });
}

const mqtt = new Ledger({ isSorted: true });
const broker = new Aedes({
  authorizePublish(_client, { payload }, done) {
    mqtt.note("received", payload);
    done(null);
  },
});
broker.on("subscribe", () =>
  sendAll("mqtt", COUNT, EVERY_MS, (data, n) => {
    const payload = Buffer.from(data);
    mqtt.note("sent", payload);
    return new Promise((resolve) => broker.publish({ cmd: "publish", topic: `feed/${n}`, payload, qos: n % 3 }, resolve));
  }),
);

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: DEFLATE, handleProtocols: ([first]) => first });
const plain = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: ([first]) => first });
server.on("upgrade", (request, socket, head) => {
  const path = new URL(request.url, "ws://x").pathname;
  const upgrade = (to, act) => to.handleUpgrade(request, socket, head, act);
  if (path === "/node" || path === "/page") upgrade(sockets, (websocket) => talk(path.slice(1), websocket));
  if (path === "/stream") upgrade(plain, stream);
  if (path === "/mqtt")
    upgrade(plain, (websocket) => {
      websocket.on("close", (code) => tell("ended", { app: "mqtt", code, ...mqtt.told() }));
      broker.handle(createWebSocketStream(websocket), request);
    });
});

const io = new Server(server, { transports: ["websocket"], perMessageDeflate: DEFLATE, destroyUpgrade: false });
io.on("connection", (socket) => {
  const ledger = new Ledger();
  socket.on("note", (data, reply) => {
    ledger.note("received", data);
    reply();
  });
  socket.on("disconnect", (reason) => tell("ended", { app: "socketio", reason, ...ledger.told() }));
  sendAll("socketio", COUNT, EVERY_MS, (data) => {
    ledger.note("sent", data);
    socket.emit("news", data);
  });
});

listen(server);
obey({});
