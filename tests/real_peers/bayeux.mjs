// A Bayeux server (Faye) that refuses a handshake with the word "wrong".

import { createServer } from "node:http";

import faye from "faye";

import { listen, obey, tell } from "./peer.mjs";

const server = createServer();
const bayeux = new faye.NodeAdapter({ mount: "/faye", timeout: 45 });
bayeux.addExtension({
  incoming(message, done) {
    tell("message", { channel: message.channel, subscription: message.subscription ?? "" });
    if (message.ext?.word === "wrong") message.error = "403::Wrong word";
    done(message);
  },
});
bayeux.attach(server);

listen(server);
obey({});
