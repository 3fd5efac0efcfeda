// A client of NATS (nats.ws), beside the one that wsmon records: it answers requests and publishes. Arguments: the port
// of the server's WebSocket, and the password of "app".

import { connect, headers, StringCodec } from "nats.ws";
import { WebSocket } from "ws";

import { obey, ready, tell } from "./peer.mjs";

globalThis.WebSocket = WebSocket;
const [port, password] = process.argv.slice(3);
const text = StringCodec();
const client = await connect({ servers: `ws://127.0.0.1:${port}`, user: "app", pass: password });

client.subscribe("time", {
  callback: (_error, message) => {
    tell("request", { subject: message.subject, reply: message.reply });
    message.respond(text.encode("noon\r\nor so"));
  },
});
client.subscribe("own.>", {
  callback: (_error, message) => tell("message", { subject: message.subject, payload: text.decode(message.data) }),
});
await client.flush();
ready(Number(port));

obey({
  publish: async ({ subject, payload, times = 1 }) => {
    for (let number = 0; number < times; number++) client.publish(subject, text.encode(payload));
    await client.flush();
    tell("published", { subject });
  },
  publishWithHeaders: async ({ subject, payload }) => {
    const about = headers();
    about.set("Kind", "news");
    client.publish(subject, text.encode(payload), { headers: about });
    await client.flush();
    tell("published", { subject });
  },
  request: async ({ subject }) => {
    const reply = await client.request(subject, text.encode("?"), { timeout: 5000 });
    tell("reply", { payload: text.decode(reply.data) });
  },
});
