// Is a webhook really from your Stagecraft? Node 18 or newer, without packages.
//
//   verify(headers, body, secrets)
//
// headers are those of the request, with names in lower case, as Node gives them; body is the request's as it came, a
// Buffer or a string: JSON that was parsed and written again has other bytes. secrets is the signing secret, whsec_…, or
// a list of them: while one takes the other's place, either may have signed. Returns the parsed body, or throws.
import { createHmac, timingSafeEqual } from 'node:crypto';

const tolerance = 5 * 60; // seconds; who repeats a request that they have overheard comes too late

export function verify(headers, body, secrets, now = Date.now()) {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const given = headers['webhook-signature'];
  if (!id || !timestamp || !given) throw new Error('the headers of a webhook are missing');
  if (!/^\d{1,12}$/.test(timestamp)) throw new Error('the timestamp is no number');
  if (Math.abs(now / 1000 - Number(timestamp)) > tolerance) throw new Error('the timestamp is too old, or in the future');

  const text = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const expected = [secrets].flat().map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(text).digest();
  });
  const right = given.split(' ').some((one) => {
    const [version, signature = ''] = one.split(',');
    const bytes = Buffer.from(signature, 'base64');
    return version === 'v1' && expected.some((sum) => sum.length === bytes.length && timingSafeEqual(sum, bytes));
  });
  if (!right) throw new Error('no signature is right');
  return JSON.parse(text.toString());
}
