// The console's API of sources: what brings events in beside the SDKs.
import { call } from '../api';

export interface Source {
  name: string;
  title: string;
  file: string;
  /** Why the newest version does not run. */
  problem?: { file?: string; line?: number; message: string; hint?: string };
  /** Whoever calls proves nothing. */
  open: boolean;
  /** Where the provider posts to. */
  address?: string;
  secrets: { name: string; set: boolean; former: boolean }[];
  pull?: Pull;
  requests: number;
  events: number;
  repeats: number;
  refused: number;
  last?: string;
  /** Requests and rows that are kept. */
  rejects: number;
  /** In the order of precedence, from 1; none: not in it. */
  rank?: number;
}

export interface Pull {
  url: string;
  every: string;
  cursor?: string;
  value?: string;
  old: number;
  fetched?: string;
  next: string;
  failures: number;
  problem?: string;
}

export interface Reject {
  id: string;
  at: string;
  reason: string;
  file?: string;
  line?: number;
  row?: boolean;
  body: string;
  /** It can be given to the source once more. */
  again: boolean;
}

const path = (name: string) => `/api/sources/${encodeURIComponent(name)}`;

export async function listSources(signal?: AbortSignal): Promise<Source[]> {
  return (await call<{ sources: Source[] }>('GET', '/api/sources', undefined, signal)).sources;
}

export async function setSecret(name: string, secret: string, value: string, keep: boolean): Promise<Source[]> {
  return (await call<{ sources: Source[] }>('PUT', `${path(name)}/secrets/${encodeURIComponent(secret)}`, { value, keep })).sources;
}

/** What came of a fetch. */
export interface Fetched {
  /** It is what it was last time, and was not read. */
  unchanged?: boolean;
  accepted: number;
  repeats: number;
  rejected: number;
  old: number;
}

export function fetchSource(name: string): Promise<{ sources: Source[]; fetched: Fetched }> {
  return call('POST', `${path(name)}/fetch`, {});
}

export async function listRejects(name: string, signal?: AbortSignal): Promise<Reject[]> {
  return (await call<{ rejects: Reject[] }>('GET', `${path(name)}/rejects`, undefined, signal)).rejects;
}

export function replayReject(name: string, id: string): Promise<{ accepted: number; repeats?: number; refused?: string }> {
  return call('POST', `${path(name)}/rejects/${id}/replay`, {});
}

export function forgetReject(name: string, id: string): Promise<object> {
  return call('DELETE', `${path(name)}/rejects/${id}`);
}
