// The console's API of channels: by which connectors they are served, and with what settings.
import { call } from './api';
import type { Order } from './lib/ledger';
import type { Schema, Settings } from './lib/schema';

/** GET /api/channels, and the answer to every change. Secrets are hidden: see hidden in lib/schema. */
export interface ChannelsView {
  channels: ChannelView[];
  /** Those that may be chosen. */
  connectors: Connector[];
  /** Connectors of others, approved or not. */
  plugins: Plugin[];
}

export interface ChannelView {
  channel: string;
  /** "email" of email and email-news: what it is like. */
  kind: string;
  connector: string;
  /** starting, running, backoff, stopped, idle, or none. */
  state: string;
  version?: string;
  pid?: number;
  restarts: number;
  /** It runs, but fails one call after the other, and has a pause. */
  broken?: boolean;
  lastError?: string;
  since: string;
  /** The connector's last lines. */
  log?: string[];
  /** Messages a second, and with the connector at the same time, at most; none: as many as the connector takes. */
  rate?: number;
  concurrency?: number;
  /** Messages that have not left; maxQueued: that many or more. */
  queued?: number;
  /** Those of the whole channel, or of all of a kind that leaves by it. */
  pauses?: Order[];
  from: 'settings' | 'flags' | 'default' | 'built-in' | 'none';
  /** The flag that keeps it from being set here. */
  fixed?: string;
  settings?: Settings;
  /** The address to give to the provider. */
  callback?: string;
}

export interface Connector {
  name: string;
  builtIn: boolean;
  version: string;
  channels: string[];
  schema?: Schema;
  problem?: string;
}

export interface Plugin {
  name: string;
  path: string;
  approval: 'approved' | 'not approved' | 'changed' | 'missing' | 'unfit';
  sha256?: string;
  problem?: string;
}

/** A TXT record that lets receivers see that mail is the sender's. */
export interface DnsRecord {
  name: string;
  want: string;
  /** Empty when what is there will do. */
  problem: string;
}

/** How far the messages of a channel are counted. */
export const maxQueued = 10_000;

const path = (channel: string) => `/api/channels/${encodeURIComponent(channel)}`;
const approval = (name: string) => `/api/connectors/${encodeURIComponent(name)}/approve`;

export function getChannels(signal?: AbortSignal): Promise<ChannelsView> {
  return call('GET', '/api/channels', undefined, signal);
}

export function setChannel(channel: string, connector: string, settings: Settings): Promise<ChannelsView> {
  return call('PUT', path(channel), { connector, settings });
}

/** A further channel of a kind before it has settings. */
export function unset(kind: string, word: string): ChannelView {
  return { channel: `${kind}-${word}`, kind, connector: '', state: 'none', restarts: 0, since: '', from: 'none' };
}

/** Limits a channel; 0 lifts a limit. */
export function limitChannel(channel: string, rate: number, concurrency: number): Promise<ChannelsView> {
  return call('PUT', path(channel), { rate, concurrency });
}

export function removeChannel(channel: string): Promise<ChannelsView> {
  return call('DELETE', path(channel));
}

export async function getRecords(channel: string, signal?: AbortSignal): Promise<DnsRecord[]> {
  return (await call<{ records: DnsRecord[] }>('GET', `${path(channel)}/records`, undefined, signal)).records;
}

export function approve(name: string, sha256: string): Promise<ChannelsView> {
  return call('POST', approval(name), { sha256 });
}

export function disapprove(name: string): Promise<ChannelsView> {
  return call('DELETE', approval(name));
}
