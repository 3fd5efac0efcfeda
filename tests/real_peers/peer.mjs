// What all peers share: they tell what they see as JSON lines on stdout, take orders on stdin, and end with it.

import { createInterface } from "node:readline";

/** Tell one thing that was seen; times are milliseconds of this process's monotonic clock. */
export function tell(what, about = {}) {
  process.stdout.write(JSON.stringify({ what, at_ms: performance.now(), ...about }) + "\n");
}

/** Listen on loopback, on the port of the first argument (0: any), and tell which it is. */
export function listen(server) {
  server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => ready(server.address().port));
}

/** The peer takes connections. */
export function ready(port) {
  tell("ready", { port });
}

/** Obey orders, one a line: {"do": name, ...}. The end of stdin is the end of the test. */
export function obey(orders) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    orders[order.do](order);
  });
  lines.on("close", () => process.exit(0));
}

/** Tell the life of a socket of ws: its pings and pongs, both ways, how it compresses, and its end. */
export function watch(socket) {
  tell("connection", { extensions: socket.extensions, subprotocol: socket.protocol });
  socket.on("ping", (payload) => tell("ping.received", { payload: payload.toString() }));
  socket.on("pong", (payload) => tell("pong.received", { payload: payload.toString() }));
  socket.on("close", (code) => tell("close", { code }));
  for (const method of ["ping", "pong"]) {
    const send = socket[method].bind(socket);
    socket[method] = (payload, ...rest) => {
      tell(`${method}.sent`, { payload: payload === undefined ? "" : payload.toString() });
      return send(payload, ...rest);
    };
  }
}

/** Compress every message, however short. */
export const DEFLATE = { threshold: 0 };
