// A management system of charging stations (ocpp-rpc): calls both ways, strict about what they say.

import { createServer } from "node:http";

import { createRPCError, RPCServer } from "ocpp-rpc";

import { listen, obey, tell } from "./peer.mjs";

const server = new RPCServer({ protocols: ["ocpp1.6", "ocpp2.0.1"], strictMode: true, pingIntervalMs: 0 });
let station;

server.on("client", (client) => {
  station = client;
  tell("connection", { subprotocol: client.protocol, identity: client.identity });
  client.on("message", ({ message, outbound }) => {
    const [kind, id, action] = JSON.parse(message);
    tell(outbound ? "sent" : "received", { kind, id, action });
  });
  client.on("close", ({ code, reason }) => tell("close", { code, reason }));
  const currentTime = "2026-01-01T00:00:00Z";
  client.handle("BootNotification", ({ params }) => {
    const status = params.chargePointVendor === "unknown" ? "Rejected" : "Accepted";
    tell("boot", { status });
    return { status, interval: 60, currentTime };
  });
  client.handle("Heartbeat", () => {
    tell("heartbeat");
    return { currentTime };
  });
  client.handle("Authorize", ({ params }) => {
    tell("authorize", { idTag: params.idTag });
    throw createRPCError("SecurityError", "no rights for this tag");
  });
});

const http = createServer();
http.on("upgrade", server.handleUpgrade);
listen(http);
obey({
  call: ({ action, params }) =>
    station.call(action, params).then(
      (result) => tell("result", { action, result }),
      (error) => tell("error", { action, code: error.rpcErrorCode }),
    ),
  stop: () => server.close({ code: 1012, reason: "maintenance" }),
});
