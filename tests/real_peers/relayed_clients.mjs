// Applications that are relayed: clients of ws, MQTT (mqtt.js) and Socket.IO, a binary stream, and a page in Chromium.
// Arguments: 0, how many messages each side sends, milliseconds between two of them, the path of Chromium (none: no page).
// Orders: {"do": "talk", "url", "page"}: where the relay is, and where the page is; {"do": "mqtt", "url"}; {"do": "terminate", "url"}.
// Each tells what it sent and received when its connection is closed.

import mqtt from "mqtt";
import { io } from "socket.io-client";
import WebSocket, { createWebSocketStream } from "ws";

import { CHUNK, Ledger, sendAll, StreamLedger } from "./ledger.mjs";
import { DEFLATE, obey, ready, tell } from "./peer.mjs";

const COUNT = Number(process.argv[3]);
const EVERY_MS = Number(process.argv[4]);
const DEADLINE_MS = 20_000 + COUNT * EVERY_MS * 2;

function node(url) {
  const ledger = new Ledger();
  const socket = new WebSocket(`${url}/node`, { perMessageDeflate: DEFLATE });
  let isSent = false;
  const closeWhenDone = () => isSent && ledger.count("received") === COUNT && socket.close(1000, "done");
  socket.on("message", (data, isBinary) => {
    ledger.note("received", isBinary ? data : data.toString());
    closeWhenDone();
  });
  socket.on("open", async () => {
    await sendAll("client", COUNT, EVERY_MS, (data) => {
      ledger.note("sent", data);
      socket.send(data);
    });
    isSent = true;
    closeWhenDone();
  });
  socket.on("close", (code, reason) => tell("ended", { app: "node", code, reason: reason.toString(), ...ledger.told() }));
}

function stream(url) {
  const ledger = new StreamLedger();
  const socket = new WebSocket(`${url}/stream`, { perMessageDeflate: false });
  const duplex = createWebSocketStream(socket);
  let isSent = false;
  const closeWhenDone = () => isSent && ledger.bytes("received") === COUNT * CHUNK.length && duplex.end();
  duplex.on("data", (data) => {
    ledger.note("received", data);
    closeWhenDone();
  });
  sendAll("client", COUNT, EVERY_MS, () => {
    ledger.note("sent", CHUNK);
    return new Promise((resolve) => duplex.write(CHUNK, resolve));
  }).then(() => {
    isSent = true;
    closeWhenDone();
  });
  socket.on("close", (code) => tell("ended", { app: "stream", code, ...ledger.told() }));
}

function broker(url) {
  const ledger = new Ledger({ isSorted: true });
  const client = mqtt.connect(`${url}/mqtt`, { reconnectPeriod: 0 });
  let isSent = false;
  const endWhenDone = () => isSent && ledger.count("received") === COUNT && client.end();
  client.on("message", (_topic, payload) => {
    ledger.note("received", payload);
    endWhenDone();
  });
  client.on("connect", async () => {
    await client.subscribeAsync("feed/#", { qos: 2 });
    await sendAll("client", COUNT, EVERY_MS, (data, n) => {
      const payload = Buffer.from(data);
      ledger.note("sent", payload);
      return client.publishAsync(`own/${n}`, payload, { qos: n % 3 });
    });
    isSent = true;
    endWhenDone();
  });
  client.on("error", (error) => tell("failed", { app: "mqtt", error: String(error) }));
  client.on("close", () => tell("ended", { app: "mqtt", ...ledger.told() }));
}

function socketio(url) {
  const ledger = new Ledger();
  const client = io(url.replace("ws://", "http://"), { transports: ["websocket"], reconnection: false, perMessageDeflate: DEFLATE });
  let replies = 0;
  const endWhenDone = () => replies === COUNT && ledger.count("received") === COUNT && client.disconnect();
  client.on("news", (data) => {
    ledger.note("received", data);
    endWhenDone();
  });
  client.on("connect", () =>
    sendAll("client", COUNT, EVERY_MS, (data) => {
      ledger.note("sent", data);
      client.emit("note", data, () => {
        replies++;
        endWhenDone();
      });
    }),
  );
  client.on("connect_error", (error) => tell("failed", { app: "socketio", error: String(error) }));
  client.on("disconnect", (reason) => tell("ended", { app: "socketio", reason, ...ledger.told() }));
}

/** Chromium; what drives it wants a newer node than the others. */
async function launched(executablePath) {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

const browser = process.argv[5] ? await launched(process.argv[5]) : null;

async function page(url, http) {
  const tab = await browser.newPage();
  await tab.goto(`${http}/?${encodeURIComponent(`${url}/page`)}`);
  await tab.waitForFunction(() => document.title === "done", null, { timeout: DEADLINE_MS });
  tell("ended", { app: "page", version: browser.version(), ...(await tab.evaluate("ended")) });
}

obey({
  talk: ({ url, page: http }) => {
    for (const begin of [node, stream, broker, socketio]) begin(url);
    if (browser) page(url, http).catch((error) => tell("failed", { app: "page", error: String(error) }));
  },
  mqtt: ({ url }) => broker(url),
  terminate: ({ url }) => {
    const socket = new WebSocket(url);
    socket.on("message", () => socket.terminate());
    socket.on("error", (error) => tell("error", { error: String(error) }));
    socket.on("close", (code, reason) => tell("terminated", { code, reason: reason.toString() }));
  },
});
ready(0);
