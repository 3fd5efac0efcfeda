// A GraphQL server (graphql-ws on ws): queries, subscriptions, refused logins, pings of the WebSocket protocol.

import { createServer } from "node:http";

import { GraphQLError, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/lib/use/ws";
import { WebSocketServer } from "ws";

import { DEFLATE, listen, obey, tell, watch } from "./peer.mjs";

const KEEP_ALIVE_MS = Number(process.argv[3] ?? 200); // between two pings; who answers none in that time is let go

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: "Query",
    fields: {
      hello: { type: GraphQLString, resolve: () => "world" },
      fails: {
        type: GraphQLString,
        resolve: () => {
          throw new GraphQLError("out of order");
        },
      },
    },
  }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      // counts to its argument; without one it goes on
      count: { type: GraphQLInt, args: { to: { type: GraphQLInt } }, subscribe: count, resolve: (value) => value },
    },
  }),
});

async function* count(_source, { to }) {
  for (let number = 1; to === undefined || number <= to; number++) {
    yield number;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const server = createServer();
const sockets = new WebSocketServer({ server, path: "/graphql", perMessageDeflate: DEFLATE });
sockets.on("connection", watch);
useServer(
  {
    schema,
    onConnect: ({ connectionParams }) => {
      const ok = connectionParams?.password === "correct horse";
      tell("auth", { ok });
      return ok;
    },
    onSubscribe: (_context, { id, payload }) => tell("subscribe", { id, operation: payload.operationName ?? payload.query }),
    onNext: (_context, { id }, _args, result) => tell("next", { id, errors: result.errors?.length ?? 0 }),
    onError: (_context, { id }) => tell("error", { id }),
    onComplete: (_context, { id }) => tell("complete", { id }),
  },
  sockets,
  KEEP_ALIVE_MS,
);

listen(server);
obey({});
