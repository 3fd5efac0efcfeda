// An MQTT broker (aedes on ws): logins, refused topics, messages of every quality of service, pings.

import { createServer } from "node:http";

import Aedes from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";

import { listen, obey, tell, watch } from "./peer.mjs";

const NOT_AUTHORIZED = 5;

const broker = new Aedes({
  authenticate(_client, username, password, done) {
    const ok = username === undefined || password?.toString() === "correct horse";
    if (username !== undefined) tell("auth", { ok });
    done(ok ? null : Object.assign(new Error("wrong password"), { returnCode: NOT_AUTHORIZED }), ok);
  },
  authorizeSubscribe(_client, subscription, done) {
    done(null, subscription.topic.startsWith("private/") ? null : subscription);
  },
  authorizePublish(_client, { topic, qos }, done) {
    tell("published", { topic, qos });
    done(null);
  },
});
broker.on("clientReady", () => tell("ready.client"));
broker.on("subscribe", (subscriptions) => {
  for (const { topic, qos } of subscriptions) tell("subscribe", { topic, qos });
});
broker.on("unsubscribe", (topics) => topics.forEach((topic) => tell("unsubscribe", { topic })));
broker.on("ping", () => tell("pingreq"));
broker.on("ack", (packet) => tell("ack", { id: packet?.messageId }));
broker.on("clientDisconnect", () => tell("disconnect"));

const server = createServer();
const sockets = new WebSocketServer({
  server,
  // uncompressed: the broker ends a refused session before a compressed CONNACK is on its way
  handleProtocols: (offered) => (offered.has("mqtt") ? "mqtt" : false),
});
sockets.on("connection", (socket, request) => {
  watch(socket);
  broker.handle(createWebSocketStream(socket), request);
});

listen(server);
obey({
  publish: ({ topic, payload, qos }) => broker.publish({ cmd: "publish", topic, payload, qos }, () => tell("publish", { topic, qos })),
});
