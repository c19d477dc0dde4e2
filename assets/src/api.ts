// The console's API as the server speaks it. Times are RFC 3339; hashes and refs are opaque text.

export type Mode = 'off' | 'shadow' | 'live';

export type MessageState = 'queued' | 'accepted' | 'failed' | 'suppressed' | 'expired' | 'held';

/** GET /api/overview, and the data of every `overview` event of GET /api/stream. */
export interface Overview {
  at: string;
  version: string;
  publicUrl: string;
  journeys: Journey[];
  /** Newest first. */
  messages: Message[];
  /** Newest first. */
  errors: ScriptError[];
  channels: Channel[];
  /** Attempts whose result was never learned. */
  inDoubt: number;
}

export interface Journey {
  name: string;
  title: string;
  mode: Mode;
  /** The hash over the journey's files. */
  version: string;
  /** How many customers are in the journey now. */
  customers: number;
  /** How many moves were refused. */
  refused: number;
  /** In the order of the journey. */
  stages: Stage[];
  moves: Move[];
  messages: MessageTotals[];
  publishError: PublishError | null;
}

export interface Stage {
  name: string;
  title: string;
  /** The event that counts as the stage's conversion, or empty. */
  goal: string;
  /** Where the goal moves a customer, or empty. */
  next: string;
  /** The script's file, such as lost.lua. */
  file: string;
  /** How many customers are in it now. */
  customers: number;
  entered: number;
  converted: number;
  errors: number;
}

export interface Move {
  from: string;
  to: string;
  count: number;
  direction: 'forward' | 'back';
  refused: number;
}

/** What became of one message of a journey, by its name. */
export interface MessageTotals {
  name: string;
  decided: number;
  accepted: number;
  failed: number;
  suppressed: number;
  queued: number;
}

/** Why the newest version of a journey's files is not the one that runs. */
export interface PublishError {
  message: string;
  file: string;
  line: number;
  hint: string;
}

export interface Message {
  ref: string;
  decided: string;
  /** The identity people know the customer by. */
  user: string;
  customer: string;
  journey: string;
  stage: string;
  name: string;
  channel: string;
  kind: string;
  state: MessageState;
  reason: string;
  attempts: number;
  inDoubt: number;
  settled: string | null;
  /** Where the send stands. */
  file: string;
  line: number;
  version: string;
}

/** GET /api/messages/REF */
export interface MessageDetail extends Message {
  /** Null until the first attempt. */
  rendered: Rendered | null;
}

export interface Rendered {
  to: string;
  subject: string;
  text: string;
  html: string;
  headers: Record<string, string>;
  date: string;
}

export interface ScriptError {
  ref: string;
  at: string;
  journey: string;
  stage: string;
  file: string;
  line: number;
  message: string;
  hint: string;
  user: string;
  replayable: boolean;
}

export interface Channel {
  channel: string;
  connector: string;
  state: string;
  pid: number;
  restarts: number;
  lastError: string;
}

/** GET /api/journeys/NAME/files/FILE */
export interface ScriptFile {
  file: string;
  version: string;
  source: string;
}

/** What the server answers with a status of 4xx or 5xx: {"error": ErrorBody}. */
export interface ErrorBody {
  code: string;
  message: string;
  field?: string;
  hint?: string;
}

/** Thrown by every call below. Its message is a sentence for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
  ) {
    super(body.hint ? `${body.message} (${body.hint})` : body.message);
    this.name = 'ApiError';
  }
}

async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (method === 'POST') {
    // A page of another origin cannot send this header without asking first.
    headers['X-Stagecraft'] = 'console';
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body ?? {});
  }
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, { code: 'unreachable', message: 'The server does not answer.' });
  }
  const text = await response.text();
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!response.ok) {
    const error = (value as { error?: ErrorBody } | undefined)?.error;
    throw new ApiError(
      response.status,
      error?.message
        ? error
        : { code: 'status', message: `The server answered ${response.status} ${response.statusText}`.trim() + '.' },
    );
  }
  if (value === undefined) {
    throw new ApiError(response.status, { code: 'json', message: 'The server’s answer is not JSON.' });
  }
  return value as T;
}

export async function getOverview(signal?: AbortSignal): Promise<Overview> {
  return complete(await call<Partial<Overview>>('GET', '/api/overview', undefined, signal));
}

export function getFile(journey: string, file: string, signal?: AbortSignal): Promise<ScriptFile> {
  const path = file.split('/').map(encodeURIComponent).join('/');
  return call('GET', `/api/journeys/${encodeURIComponent(journey)}/files/${path}`, undefined, signal);
}

export function getMessage(ref: string, signal?: AbortSignal): Promise<MessageDetail> {
  return call('GET', `/api/messages/${encodeURIComponent(ref)}`, undefined, signal);
}

export async function setMode(journey: string, mode: Mode): Promise<void> {
  await call('POST', `/api/journeys/${encodeURIComponent(journey)}/mode`, { mode });
}

export async function replay(ref: string): Promise<void> {
  await call('POST', `/api/errors/${encodeURIComponent(ref)}/replay`);
}

/**
 * Puts empty lists where an overview has none, so that nobody behind it needs to ask: a server may well write null for
 * an empty list.
 */
export function complete(overview: Partial<Overview>): Overview {
  return {
    at: overview.at ?? '',
    version: overview.version ?? '',
    publicUrl: overview.publicUrl ?? '',
    journeys: (overview.journeys ?? []).map((journey) => ({
      ...journey,
      title: journey.title || journey.name,
      stages: (journey.stages ?? []).map((stage) => ({ ...stage, title: stage.title || stage.name })),
      moves: journey.moves ?? [],
      messages: journey.messages ?? [],
      publishError: journey.publishError ?? null,
    })),
    messages: overview.messages ?? [],
    errors: overview.errors ?? [],
    channels: overview.channels ?? [],
    inDoubt: overview.inDoubt ?? 0,
  };
}
