// A whole connector: it writes each message as one line into a file. Put in place of the file what you want to reach.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { serve } from './serve.js';

let file;
let secret = '';

serve({
  describe: {
    name: 'notebook',
    version: '1.0.0',
    channels: ['letter', 'sms', 'email'],
    capabilities: { idempotent: false, max_batch: 50, receipts: false, callbacks: true },
    settings_schema: JSON.stringify({
      type: 'object',
      required: ['file'],
      properties: {
        file: { type: 'string', title: 'File', description: 'Where the messages are written.' },
        secret: { type: 'string', title: 'Secret', description: 'What callbacks are signed with.', writeOnly: true },
      },
    }),
  },

  configure(settings) {
    if (typeof settings.file !== 'string' || settings.file === '') throw new Error('file is missing; name the file to write messages to');
    file = openSync(settings.file, 'a', 0o600);
    secret = settings.secret ?? '';
  },

  // One receipt for each message, in their order.
  send(messages) {
    const receipts = messages.map((message) => {
      if (message.to === '') return { id: message.id, outcome: 'OUTCOME_PERMANENT', reason: 'there is no address' };
      writeSync(file, `${JSON.stringify({ id: message.id, to: message.to, subject: message.subject, text: message.text })}\n`);
      return { id: message.id, outcome: 'OUTCOME_ACCEPTED' };
    });
    fsyncSync(file); // accepted is a promise
    return receipts;
  },

  // What the provider calls: {"id": …, "event": "delivered"}, signed with the secret.
  callback({ headers, body }) {
    const expected = createHmac('sha256', secret).update(body).digest('hex');
    const given = headers['x-signature'] ?? '';
    if (secret === '' || given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected))) {
      return { status: 403, content_type: 'text/plain', body: Buffer.from('wrong signature\n') };
    }
    try {
      const { id, event } = JSON.parse(body.toString());
      return { status: 204, reports: [{ id: String(id), event: String(event), date_unix_ms: Date.now() }] };
    } catch {
      return { status: 400, content_type: 'text/plain', body: Buffer.from('not JSON\n') };
    }
  },

  health() {}, // a text here is shown to the operator

  close() {
    if (file !== undefined) closeSync(file);
  },
});
