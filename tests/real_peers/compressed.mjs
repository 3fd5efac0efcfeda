// Feeds that compress and pack what they say, with node's zlib and @msgpack/msgpack, over ws: by the path of the URL.
//   /gzip     a market as Huobi has it: gzip in binary frames, {"ping": T} until {"pong": T} comes
//   /stream   a gateway as Discord has it: one zlib stream over all messages, each flushed
//   /deflate  deflate without a head, as OKX and BitMart had it
//   /msgpack  MessagePack
//   /base64   zlib as base64 in text frames

import { createServer } from "node:http";
import { constants, createDeflate, deflateRawSync, deflateSync, gzipSync } from "node:zlib";

import { encode } from "@msgpack/msgpack";
import { WebSocketServer } from "ws";

import { DEFLATE, listen, obey, tell, watch } from "./peer.mjs";

const TICKS = [1, 2, 3, 4, 5].map((n) => ({ type: "tick", channel: "btc-ü", n, price: 64123.5, token: "canary-0123456789" }));

/** Compress with one context for all messages; each ends with 00 00 FF FF. */
function sharedStream() {
  const stream = createDeflate({ flush: constants.Z_SYNC_FLUSH });
  let parts = [];
  stream.on("data", (part) => parts.push(part));
  return (text) =>
    new Promise((resolve) => {
      stream.write(text, () => stream.flush(constants.Z_SYNC_FLUSH, () => {
        resolve(Buffer.concat(parts));
        parts = [];
      }));
    });
}

const server = createServer();
const websockets = new WebSocketServer({ server, perMessageDeflate: DEFLATE });
websockets.on("connection", async (socket, request) => {
  watch(socket);
  const path = request.url.slice(1);
  const shared = sharedStream();
  const encoders = {
    gzip: (each) => gzipSync(JSON.stringify(each)),
    stream: (each) => shared(JSON.stringify(each)),
    deflate: (each) => deflateRawSync(JSON.stringify(each)),
    msgpack: (each) => encode(each),
    base64: (each) => deflateSync(JSON.stringify(each)).toString("base64"),
  };
  const send = async (each) => {
    const message = await encoders[path](each);
    socket.send(message);
    tell("sent", { path, text: JSON.stringify(each), size: message.length });
  };
  socket.on("message", (text) => tell("received", { path, text: text.toString() }));
  if (path === "gzip") {
    await send({ ping: 1700000000000 });
    await new Promise((resolve) => socket.once("message", resolve));
  }
  for (const each of TICKS) await send(each);
});
listen(server);
obey({});
