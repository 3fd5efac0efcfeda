// A Socket.IO server: namespaces of which one wants a password, acknowledgements both ways, its own heartbeats.

import { createServer } from "node:http";

import { Server } from "socket.io";

import { DEFLATE, listen, obey, tell } from "./peer.mjs";

// the second argument: by default what a busy machine keeps
const PING_TIMEOUT_MS = Number(process.argv[3] ?? 10_000);

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  pingInterval: 200,
  pingTimeout: PING_TIMEOUT_MS,
  perMessageDeflate: DEFLATE,
});

io.engine.on("connection", (engine) => {
  tell("connection");
  engine.on("packet", ({ type }) => type === "pong" && tell("pong.received"));
  engine.on("packetCreate", ({ type }) => type === "ping" && tell("ping.sent"));
  engine.on("close", (reason) => tell("close", { reason }));
});

io.of("/admin").use((socket, next) => {
  const ok = socket.handshake.auth.password === "correct horse";
  tell("auth", { ok });
  next(ok ? undefined : new Error("wrong password"));
});

for (const name of ["/", "/admin"])
  io.of(name).on("connection", (socket) => {
    tell("subscribe", { topic: name });
    socket.on("disconnect", (reason) => tell("unsubscribe", { topic: name, reason }));
    socket.on("add", (left, right, reply) => {
      tell("request", { method: "add" });
      reply(left + right);
      tell("reply", { method: "add" });
    });
    socket.on("note", (text) => tell("event", { text }));
  });

listen(server);
obey({
  emit: ({ event, payload, namespace }) => {
    io.of(namespace ?? "/").emit(event, payload);
    tell("emit", { event });
  },
});
