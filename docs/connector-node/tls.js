// The certificate with which the connector shows the host who it is: drawn at every start, known to nobody else. Node
// reads certificates but makes none, so the few bytes of X.509 (RFC 5280) are written out here.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const der = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const size = [];
  for (let n = body.length; n > 0; n = Math.floor(n / 256)) size.unshift(n % 256);
  const head = body.length < 128 ? [tag, body.length] : [tag, 0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from(head), body]);
};
const sequence = (...parts) => der(0x30, ...parts);
const octets = (part) => der(0x04, part);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const yes = Buffer.from([0x01, 0x01, 0xff]);
const time = (date) => der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, '')));

// certificate returns a key in PEM and a certificate for "localhost" in DER.
export function certificate() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('localhost')))));
  const now = Date.now();
  const extensions = sequence(
    sequence(oid('551d13'), yes, octets(sequence(yes))), // it is its own authority
    sequence(oid('551d11'), octets(sequence(der(0x82, Buffer.from('localhost'))))), // for this name
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(new Date(now - 60e3)), time(new Date(now + 10 * 365 * 86400e3))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', body, privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    der: sequence(body, algorithm, der(0x03, Buffer.from([0]), signature)),
  };
}
