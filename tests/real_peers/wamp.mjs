// A WAMP router (fox-wamp): logins by ticket, topics, remote calls; it tells every message, both ways.

import FoxRouter from "fox-wamp";
import MSG from "fox-wamp/lib/messages.js";

import { obey, ready, tell } from "./peer.mjs";

// What it logs
console.log = () => {};

const router = new FoxRouter();
for (const [event, what] of [[MSG.SESSION_RX, "received"], [MSG.SESSION_TX, "sent"]])
  router.on(event, (_session, text) => {
    const message = JSON.parse(text);
    tell(what, { kind: message[0], message });
  });

const tickets = {
  getAuthMethods: () => ["ticket"],
  ticket_auth(_realm, { authid }, ticket, _extra, done) {
    const ok = ticket === "correct horse";
    tell("auth", { authid, ok });
    done(ok ? undefined : new Error("wrong ticket"), { role: "user" });
  },
};

let api;
router.getRealm("realm1", (realm) => {
  api = realm.wampApi();
  api.register("com.add", (id, [one, other]) => api.resrpc(id, null, [one + other]));
});
const server = router.listenWAMP({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0) }, process.argv[3] === "login" ? tickets : undefined);
server.on("listening", () => ready(server.address().port));
server.on("connection", (socket) => {
  tell("connection", { subprotocol: socket.protocol });
  socket.on("close", (code) => tell("close", { code }));
});

obey({
  publish: ({ topic, text }) => api.publish(topic, [text]),
  stop: () => server.clients.forEach((socket) => socket.close(1001)),
});
