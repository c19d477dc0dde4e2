// A whole receiver of webhooks:
//
//   WEBHOOK_SECRET=whsec_… node receiver.mjs
//
// Several secrets, while one takes the other's place, are separated by a space.
import { createServer } from 'node:http';
import { verify } from './verify.mjs';

const secrets = (process.env.WEBHOOK_SECRET ?? '').split(' ').filter(Boolean);
const seen = new Set(); // keep this in your database: a webhook may come twice, also after a restart

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    const event = verify(request.headers, Buffer.concat(parts), secrets);
    const id = request.headers['webhook-id'];
    if (!seen.has(id)) console.log(JSON.stringify(event));
    seen.add(id);
    response.writeHead(204).end(); // quickly: what takes long is done later
  } catch (error) {
    response.writeHead(401).end(error.message);
  }
}).listen(Number(process.env.PORT ?? 8000), '127.0.0.1', function () {
  console.log(`listening on ${this.address().port}`);
});
