// A JSON-RPC 2.0 server (rpc-websockets): slow and failing methods, batches, subscriptions, pings of its own.

import { Server } from "rpc-websockets";

import { DEFLATE, obey, ready, tell, watch } from "./peer.mjs";

const PING_EVERY_MS = 200;

const server = new Server({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), perMessageDeflate: DEFLATE });
const subscriptions = new Map(); // id → the socket's id

server.register("echo", (params) => params);
server.register("slow", ([ms]) => new Promise((resolve) => setTimeout(() => resolve("done"), ms)));
server.register("fail", () => {
  throw server.createError(4711, "out of stock", { left: 0 });
});
server.register("secret", () => "for those who are let in").protected();
server.register("feed_subscribe", ([name], socketId) => {
  if (name !== "ticks") throw server.createError(-32602, `no feed ${name}`);
  const id = `sub-${subscriptions.size + 1}`;
  subscriptions.set(id, socketId);
  tell("subscribe", { topic: name, id });
  return id;
});
server.register("feed_unsubscribe", ([id]) => {
  tell("unsubscribe", { id });
  return subscriptions.delete(id);
});
server.setAuth(async ({ password }) => {
  const ok = password === "correct horse";
  tell("auth", { ok });
  return ok;
});

server.on("connection", (socket) => {
  watch(socket);
  const pinging = setInterval(() => socket.ping("from the server"), PING_EVERY_MS);
  socket.on("close", () => clearInterval(pinging));
  socket.on("message", (text) => each(text, ({ id, method }) => tell(id === undefined ? "notification" : "request", { id, method })));
  const send = socket.send.bind(socket);
  socket.send = (text, ...rest) => {
    each(text, ({ id, error }) => id !== undefined && tell("reply", { id, error: error?.code }));
    send(text, ...rest);
  };
});
server.on("listening", () => ready(server.wss.address().port));

function each(text, callback) {
  const message = JSON.parse(text);
  for (const one of Array.isArray(message) ? message : [message]) callback(one);
}

obey({
  tick({ count }) {
    for (const [subscription] of subscriptions)
      for (let number = 1; number <= count; number++) {
        const params = { subscription, result: { number } };
        for (const client of server.wss.clients) client.send(JSON.stringify({ jsonrpc: "2.0", method: "feed_subscription", params }));
        tell("tick", { subscription, number });
      }
  },
});
