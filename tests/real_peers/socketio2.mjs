// A Socket.IO 2 server over Engine.IO 3, where the client pings: namespaces of which one wants a password, acknowledgements.

import { createServer } from "node:http";

import io from "socket.io-2";

import { listen, obey, tell } from "./peer.mjs";

const server = createServer();
const service = io(server, { transports: ["websocket"], pingInterval: 1_000, pingTimeout: 10_000 });

service.engine.on("connection", (engine) => {
  tell("connection", { protocol: engine.request._query.EIO });
  engine.on("packet", ({ type }) => type === "ping" && tell("ping.received"));
  engine.on("packetCreate", ({ type }) => type === "pong" && tell("pong.sent"));
  engine.on("close", (reason) => tell("close", { reason }));
});

service.of("/admin").use((socket, next) => {
  const ok = socket.handshake.query.password === "correct horse";
  tell("auth", { ok });
  next(ok ? undefined : new Error("wrong password"));
});

for (const name of ["/", "/admin"])
  service.of(name).on("connection", (socket) => {
    tell("subscribe", { topic: name });
    socket.on("disconnect", (reason) => tell("unsubscribe", { topic: name, reason }));
    socket.on("add", (left, right, reply) => {
      tell("request", { method: "add" });
      reply(left + right);
      tell("reply", { method: "add" });
    });
    socket.on("kick", () => socket.disconnect(true));
  });

listen(server);
obey({
  emit: ({ event, payload, namespace }) => {
    service.of(namespace ?? "/").emit(event, payload === "binary" ? Buffer.from("a picture") : payload);
    tell("emit", { event });
  },
});
