// A STOMP broker (stomp-broker-js, version 1.1): logins, subscriptions, messages, heart-beats of the client. The second
// argument is its transport: ws, or sockjs.

import { createServer } from "node:http";

import StompBroker from "stomp-broker-js";

import { listen, obey, tell } from "./peer.mjs";

// SockJS says there which path it has taken
console.log = console.error;
const server = createServer();
const broker = new StompBroker({
  server,
  path: "/stomp",
  protocol: process.argv[3] ?? "ws",
  heartbeat: [500, 500],
  debug: (...words) => tell("debug", { text: words.filter((word) => typeof word === "string").join(" ") }),
});
broker.addMiddleware("connect", (_socket, { headers }, next) => {
  const ok = headers.passcode === "correct horse";
  tell("connect", { ok });
  return ok ? next() : false;
});
broker.on("subscribe", ({ id, topic }) => tell("subscribe", { id, topic }));
broker.on("unsubscribe", ({ id, topic }) => tell("unsubscribe", { id, topic }));
broker.on("send", ({ dest, frame }) => tell("send", { topic: dest, body: String(frame.body) }));
broker.on("disconnected", () => tell("disconnected"));

listen(server);
obey({
  publish: ({ topic, payload }) => broker.send(topic, {}, payload),
  stop: () => server.closeAllConnections(),
});
