// A Node program that OpenTelemetry's SDK watches, as it is by default: OTLP over HTTP, protobuf, to localhost:4318.
// wsmon receives it with `otlp_listen = "127.0.0.1:4318"` in its configuration.
//
//   npm --prefix examples/otel-node start
//   wsmon search conn:shop-node
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { logs, SeverityNumber } from "@opentelemetry/api-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";

process.env.OTEL_SERVICE_NAME ??= "shop-node";
// Its other default exporters: wsmon takes no metrics
process.env.OTEL_METRICS_EXPORTER ??= "none";
process.env.OTEL_LOGS_EXPORTER ??= "otlp";

const sdk = new NodeSDK();
sdk.start();

const tracer = trace.getTracer("shop");
const logger = logs.getLogger("shop");

async function order(quantity) {
  await tracer.startActiveSpan("GET /orders", { kind: SpanKind.SERVER }, async (request) => {
    await tracer.startActiveSpan("reserve", { attributes: { quantity } }, async (span) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      logger.emit({
        severityNumber: SeverityNumber.INFO,
        body: `order of ${quantity} placed`,
        attributes: { quantity },
      });
      span.end();
    });
    const failed = quantity > 2;
    request.setAttribute("http.response.status_code", failed ? 503 : 200);
    if (failed) {
      request.recordException(new RangeError("out of stock"));
      request.setStatus({ code: SpanStatusCode.ERROR, message: "out of stock" });
    }
    request.end();
    console.log(`trace:${request.spanContext().traceId}`);
  });
}

for (const quantity of [1, 2, 3]) await order(quantity);
await sdk.shutdown();
