// A real Chromium that visits a page and saves its network traffic twice: as Playwright's archive, and as the one that
// Chrome's developer tools export, fed with the same events of the browser as in Chrome.
// Arguments: 0, the path of Chromium. Order: {"do": "visit", "url", "playwright", "devtools"}, the last two are files;
// the page says with the title "done" that it is over. What the page saw is told as "saw".

import { writeFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { Log, NetworkRequest, resourceTypes } from "./node_modules/.devtools/har.mjs";
import { obey, ready, tell } from "./peer.mjs";

const DEADLINE_MS = 20_000;

const browser = await chromium.launch({
  executablePath: process.argv[3],
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

const pairs = (headers) => Object.entries(headers ?? {}).map(([name, value]) => ({ name, value }));

/** The requests of the developer tools, made of the browser's events as their NetworkManager does. */
function watchAsDevtools(session) {
  const requests = new Map();
  const on = (name, act) => session.on(`Network.${name}`, (event) => act(requests.get(event.requestId), event));
  on("webSocketCreated", (_, { requestId, url, initiator }) => {
    const request = NetworkRequest.createForSocket(requestId, url, initiator);
    request.setResourceType(resourceTypes.WebSocket);
    requests.set(requestId, request);
  });
  on("webSocketWillSendHandshakeRequest", (request, { timestamp, wallTime, request: sent }) => {
    request.requestMethod = "GET";
    request.setRequestHeaders(pairs(sent.headers));
    request.setIssueTime(timestamp, wallTime);
  });
  on("webSocketHandshakeResponseReceived", (request, { timestamp, response }) => {
    request.statusCode = response.status;
    request.statusText = response.statusText;
    request.responseHeaders = pairs(response.headers);
    request.responseReceivedTime = timestamp;
  });
  for (const [name, isSent] of [["webSocketFrameSent", true], ["webSocketFrameReceived", false]]) {
    on(name, (request, { timestamp, response }) => {
      request.addProtocolFrame(response, timestamp, isSent);
      request.responseReceivedTime = timestamp;
    });
  }
  on("webSocketFrameError", (request, { timestamp, errorMessage }) => {
    request.addProtocolFrameError(errorMessage, timestamp);
    request.responseReceivedTime = timestamp;
  });
  on("webSocketClosed", (request, { timestamp }) => {
    request.finished = true;
    request.endTime = timestamp;
  });
  return requests;
}

async function visit({ url, playwright, devtools }) {
  const context = await browser.newContext({ recordHar: { path: playwright } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const requests = watchAsDevtools(session);
  await session.send("Network.enable");
  await page.goto(url);
  await page.waitForFunction(() => document.title === "done", null, { timeout: DEADLINE_MS });
  const saw = await page.evaluate("saw");
  await context.close();
  const log = await Log.build([...requests.values()], { sanitize: false });
  writeFileSync(devtools, JSON.stringify({ log }));
  tell("saw", { version: browser.version(), saw });
}

obey({ visit });
ready(0);
