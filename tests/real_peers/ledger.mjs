// What the two sides of a relayed conversation have in common: the messages they send, and hashes of what went each way.

import { createHash } from "node:crypto";

const LONG = 70_000;

/** Message number n of a side: a text or binary, empty to 70,000 bytes, in all three lengths that frames have. */
export function message(side, n) {
  if (n % 2 === 0) return JSON.stringify({ n, side, pad: "é".repeat(n % 300) });
  const size = n % 75 === 1 ? LONG : (n * 7) % 3_000;
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (n + at) & 255));
}

/** Send the messages of a side, each some milliseconds after the one before; all at once where that is 0. */
export async function sendAll(side, count, everyMs, send) {
  for (let n = 0; n < count; n++) {
    await send(message(side, n), n);
    if (everyMs) await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Everything that one side sent and received. MQTT keeps the order within a quality of service alone: sorted there. */
export class Ledger {
  #parts = { sent: [], received: [] };

  constructor({ isSorted = false } = {}) {
    this.isSorted = isSorted;
  }

  note(way, data) {
    const bytes = Buffer.from(data);
    const hash = createHash("sha256").update(typeof data === "string" ? "text" : "binary").update(bytes);
    this.#parts[way].push(hash.digest("hex"));
  }

  count(way) {
    return this.#parts[way].length;
  }

  told() {
    const whole = (way) => {
      const parts = this.isSorted ? [...this.#parts[way]].sort() : this.#parts[way];
      return { count: parts.length, hash: createHash("sha256").update(parts.join()).digest("hex") };
    };
    return { sent: whole("sent"), received: whole("received") };
  }
}

/** The same for a stream, which has no messages. */
export class StreamLedger {
  #sides = { sent: { bytes: 0, hash: createHash("sha256") }, received: { bytes: 0, hash: createHash("sha256") } };

  note(way, data) {
    this.#sides[way].bytes += data.length;
    this.#sides[way].hash.update(data);
  }

  bytes(way) {
    return this.#sides[way].bytes;
  }

  told() {
    const whole = ({ bytes, hash }) => ({ bytes, hash: hash.copy().digest("hex") });
    return { sent: whole(this.#sides.sent), received: whole(this.#sides.received) };
  }
}

/** Bytes for a stream. */
export const CHUNK = Buffer.from(Uint8Array.from({ length: 16_384 }, (_, at) => (at * 31 + (at >> 8)) & 255));
