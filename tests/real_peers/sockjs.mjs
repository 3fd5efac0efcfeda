// A SockJS server: each message it takes is a JSON-RPC call, each it sends an answer or a tick; it closes as it is told to.

import { createServer } from "node:http";

import sockjs from "sockjs";

import { listen, obey, tell } from "./peer.mjs";

const connections = new Set();
const service = sockjs.createServer({ heartbeat_delay: 300, disconnect_delay: 1_000, log: () => {} });

service.on("connection", (connection) => {
  connections.add(connection);
  tell("connection", { protocol: connection.protocol });
  // over WebSockets its heartbeats are pings, of which it has no event
  const receiver = connection._session.recv;
  const beat = receiver.heartbeat.bind(receiver);
  receiver.heartbeat = () => {
    tell("heartbeat.sent");
    return beat();
  };
  connection.on("data", (text) => {
    const call = JSON.parse(text);
    tell("request", { method: call.method, id: call.id });
    const result = call.method === "eth_subscribe" ? "0x1" : call.params;
    const answer = call.method === "fail" ? { error: { code: -32000, message: "not today" } } : { result };
    connection.write(JSON.stringify({ jsonrpc: "2.0", id: call.id, ...answer }));
  });
  connection.on("close", () => {
    connections.delete(connection);
    tell("close");
  });
});

const server = createServer();
service.installHandlers(server, { prefix: "/feed" });
listen(server);
obey({
  emit: ({ text }) => {
    for (const connection of connections) connection.write(text);
    tell("emit", { text });
  },
  close: ({ code, reason }) => {
    for (const connection of [...connections]) connection.close(code, reason);
  },
});
