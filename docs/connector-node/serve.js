// serve speaks the protocol of channel.proto and go-plugin's way of starting, for any connector written in JavaScript.
import { mkdtempSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { certificate } from './tls.js';

const here = dirname(fileURLToPath(import.meta.url));
const { INVALID_ARGUMENT, FAILED_PRECONDITION, INTERNAL } = grpc.status;
const fail = (code, details) => Object.assign(new Error(details), { code, details });

// serve runs a connector: { describe, configure(settings), send(messages), health(), callback?(request), close() }.
export function serve(connector) {
  if (process.env.STAGECRAFT_CHANNEL !== '8f5f2ad0-connector') {
    console.error('This is a connector; Stagecraft starts it. See docs/connectors.md.');
    process.exit(1);
  }
  // The lifeline: when standard input ends, the host is gone, and nothing may be sent any more.
  if (process.env.STAGECRAFT_LIFELINE === 'stdin') process.stdin.on('end', () => process.exit(3)).resume();

  const description = connector.describe;
  const maxBatch = description.capabilities.max_batch;
  let configured = false;
  const answer = (job) => (call, reply) => {
    Promise.resolve().then(() => job(call.request)).then(
      (out) => reply(null, out),
      (error) => reply(error.code ? error : fail(INTERNAL, error.message)),
    );
  };
  const calls = {
    Describe: answer(() => ({ ...description, protocol_versions: [1] })),
    Configure: answer(async ({ settings }) => {
      if (configured) throw fail(FAILED_PRECONDITION, 'the connector has its settings already');
      let values;
      try {
        values = JSON.parse(settings.toString());
      } catch {
        values = null;
      }
      if (values === null || typeof values !== 'object' || Array.isArray(values)) {
        throw fail(INVALID_ARGUMENT, 'the settings must be a JSON object');
      }
      try {
        await connector.configure(values);
      } catch (error) {
        throw fail(INVALID_ARGUMENT, error.message);
      }
      configured = true;
      return {};
    }),
    Send: answer(async ({ messages }) => {
      if (!configured) throw fail(FAILED_PRECONDITION, 'Configure comes before Send');
      if (messages.length > maxBatch) throw fail(INVALID_ARGUMENT, `a batch has at most ${maxBatch} messages`);
      return { receipts: await connector.send(messages) };
    }),
    Receipts: (call) => call.end(), // nothing becomes known later but by callbacks
    Health: answer(async () => {
      const detail = configured ? await connector.health() : 'not configured yet';
      return { ok: !detail, detail: detail ?? '' };
    }),
  };
  if (connector.callback) {
    calls.Callback = answer((request) => {
      if (!configured) throw fail(FAILED_PRECONDITION, 'Configure comes before Callback');
      return connector.callback(request);
    });
  }
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 64 << 20 });
  const types = loadSync(join(here, 'channel.proto'), { keepCase: true, longs: Number, enums: String, defaults: true });
  server.addService(types['stagecraft.channel.v1.Connector'], calls);
  // go-plugin asks in this way to end. The message is empty in both directions.
  const empty = { requestSerialize: () => Buffer.alloc(0), requestDeserialize: () => ({}), responseSerialize: () => Buffer.alloc(0), responseDeserialize: () => ({}) };
  server.addService({ Shutdown: { path: '/plugin.GRPCController/Shutdown', requestStream: false, responseStream: false, ...empty } }, {
    Shutdown: (_, reply) => {
      reply(null, {});
      server.tryShutdown(async () => {
        await connector.close();
        process.exit(0);
      });
      setTimeout(() => process.exit(0), 1000).unref();
    },
  });

  // The one line that standard output is for: where the socket is, and which certificate to expect there.
  const own = certificate();
  const pem = `-----BEGIN CERTIFICATE-----\n${own.der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(process.env.PLUGIN_CLIENT_CERT ?? ''),
    [{ private_key: Buffer.from(own.key), cert_chain: Buffer.from(pem) }],
    true,
  );
  const socket = join(mkdtempSync(join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? process.env.TMPDIR ?? '/tmp', 'n')), 's');
  server.bindAsync(`unix:${socket}`, credentials, (error) => {
    if (error) {
      console.error(error.message);
      process.exit(1);
    }
    console.log(`1|1|unix|${socket}|grpc|${own.der.toString('base64').replace(/=+$/, '')}`);
  });
}
