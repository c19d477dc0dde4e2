// The console's API of keys: with what programs prove that they may use the API.
import { call } from '../api';

export type Scope = 'ingest' | 'read' | 'send' | 'admin';

export const scopes: { name: Scope; about: string }[] = [
  { name: 'ingest', about: 'bring in events, customers and consent' },
  { name: 'read', about: 'look at everything but keys' },
  { name: 'send', about: 'send one message, move one customer, open one inbox' },
  { name: 'admin', about: 'everything' },
];

export interface Key {
  id: string;
  name: string;
  scopes: Scope[];
  /** How the secret begins. */
  hint: string;
  /** Requests a second; 0: as many as the server's setting says. */
  rate: number;
  by: string;
  created: string;
  expires?: string;
  used?: string;
}

const path = '/v1/keys';

/** rate: of keys that have none of their own; 0: no limit. */
export function listKeys(signal?: AbortSignal): Promise<{ keys: Key[]; rate: number }> {
  return call('GET', path, undefined, signal);
}

export function makeKey(name: string, wanted: Scope[], rate: number, expires: string): Promise<Key & { secret: string }> {
  return call('POST', path, { name, scopes: wanted, rate, ...(expires === '' ? {} : { expires }) });
}

export function revokeKey(id: string): Promise<object> {
  return call('DELETE', `${path}/${encodeURIComponent(id)}`);
}
