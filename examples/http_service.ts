// A search service over HTTP: queries run side by side, and those under way are answered before it ends.
//
//     npm run example examples/http_service.ts [PORT]
//     curl localhost:8080/search -d '{ "vector": [0.9, 0.1, 0.2], "maxPrice": 1 }'
//     curl localhost:8080/fruit -d '[{ "name": "plum", "price": 0.4, "vector": [0.7, 0.3, 0.2] }]'
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { connect, type Float32Vector, QuiverError } from 'quiverdb';

interface Fruit {
  name: string;
  price: number;
  vector: Float32Vector;
}

const db = await connect('.data/service');
const fruit = await db.createTable<Fruit>(
  'fruit',
  [
    { name: 'apple', price: 0.5, vector: [0.9, 0.1, 0.2] },
    { name: 'cherry', price: 4.2, vector: [0.8, 0.2, 0.1] },
    { name: 'lemon', price: 0.7, vector: [0.2, 0.9, 0.1] },
  ],
  { mode: 'overwrite' },
);

/** What is done for each address. Values from outside go into objects, and are never read as SQL. */
const routes: Record<string, (body: any) => Promise<unknown>> = {
  '/search': ({ vector, maxPrice, limit = 3 }) => {
    const query = fruit.search(vector).select(['name', 'price']).limit(limit);
    return (maxPrice === undefined ? query : query.where({ price: { lte: maxPrice } })).toArray();
  },
  '/fruit': (rows) => fruit.add(rows),
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = request.method === 'POST' ? routes[request.url ?? ''] : undefined;
  let status = 200;
  let body: unknown;
  try {
    if (route !== undefined) body = await route(await json(request));
    else
      [status, body] = [404, { message: `there is ${Object.keys(routes).join(', ')}, with POST` }];
  } catch (error) {
    // What the caller did wrong has a code and says what to do; anything else is for the log.
    const theirs = error instanceof QuiverError || error instanceof SyntaxError;
    if (!theirs) console.error(error);
    const { code, message } = error as QuiverError;
    [status, body] = theirs ? [400, { code, message }] : [500, { message: 'something went wrong' }];
  }
  // A connection that waits for more would keep a service that is ending from its end.
  if (!server.listening) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const server = createServer(answer).listen(Number(process.argv[2] ?? 8080));
await once(server, 'listening');
const address = server.address() as { port: number };
console.log(`listening on http://localhost:${address.port}`);

async function stop(): Promise<void> {
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  fruit.close();
  db.close();
  console.log('every request was answered');
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
