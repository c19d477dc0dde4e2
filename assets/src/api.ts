// The console's API as the server speaks it. Times are RFC 3339; hashes and refs are opaque text.

import type { Order } from './lib/ledger';

export type Mode = 'off' | 'braked' | 'shadow' | 'live';

export type MessageState = 'queued' | 'accepted' | 'failed' | 'suppressed' | 'expired' | 'held' | 'cancelled';

/** GET /api/overview, and the data of every `overview` event of GET /api/stream. */
export interface Overview {
  at: string;
  version: string;
  publicUrl: string;
  journeys: Journey[];
  /** What keeps the newest scripts beside the journeys, such as segments, from running. */
  problems: PublishError[];
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
  /** How many runs wait. */
  waiting: number;
  /** In the order of the journey. */
  stages: Stage[];
  moves: Move[];
  messages: MessageTotals[];
  publishError: PublishError | null;
  /** Its folder is gone: what was published last goes on. */
  gone?: boolean;
}

export interface Stage {
  name: string;
  title: string;
  /** The group of stages that it belongs to, or empty. */
  phase: string;
  /** The events that count as the stage's conversion, joined by " or "; or empty. */
  goal: string;
  /** Where the goal moves a customer, or empty. */
  next: string;
  /** The script's file, such as lost.lua. */
  file: string;
  /** How many customers are in it now. */
  customers: number;
  entered: number;
  converted: number;
  /** Moved on, moved back or left the journey. */
  left: number;
  /** Of those: by one of the journey's exits. */
  exited: number;
  /** Of those: back to an earlier stage. */
  back: number;
  /** Half of those who left stayed less than this many seconds; null: nobody has left. */
  median: number | null;
  /** The share of customers who get no marketing here, 0 to 1. */
  holdout: number;
  /** How the hold-out group fares; entered and converted count everyone. */
  heldEntered: number;
  heldConverted: number;
  /** The events at which the journey is left. */
  exit: string[];
  /** When one may come again, in words; or empty. */
  reenter: string;
  /** Script errors since the first day. */
  errors: number;
  /** Those that wait to be replayed. */
  openErrors: number;
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
  /** What came back of it: delivered, opened, bounced and so on. */
  answers?: string[];
  /** Of one that became a call: where that stands. */
  call?: 'open' | 'claimed' | 'closed' | 'dropped';
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
  /** Of a text message. */
  sms?: SMSSize;
  /** All that happened to it, oldest first. */
  life: LifeStep[];
}

/** What a text message takes on its way. */
export interface SMSSize {
  encoding: string;
  units: number;
  parts: number;
  /** Why it would be refused. */
  problem?: string;
}

/** One thing that happened to a message; which fields are there depends on the kind. */
export interface LifeStep {
  kind: 'decided' | 'queued' | 'deferred' | 'paused' | 'resumed' | 'policy' | 'attempt' | 'temporary' | 'in doubt' | 'ordered' | 'answer' | 'replayed' | 'settled' | 'fallback' | 'instead' | 'event';
  at: string;
  reason?: string;
  until?: string;
  attempt?: number;
  state?: MessageState;
  /** Of a fallback the message that was sent instead; of instead the one that had failed. */
  ref?: string;
  channel?: string;
  /** Of an event: its name. */
  name?: string;
  file?: string;
  line?: number;
  version?: string;
  to?: string;
  /** A program did it, not the customer. */
  machine?: boolean;
  /** What the other side of an attempt said: the HTTP status, none without an answer, and the beginning of its words. */
  reply?: { status?: number; tookMs: number; text?: string };
}

export interface Rendered {
  to: string;
  subject: string;
  text: string;
  html: string;
  headers?: Record<string, string>;
  /** What the connector gets besides, such as a title and a url. */
  data?: Record<string, string>;
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
  /** How many wait that are the same of the same line, itself among them; of those listed there may be fewer. */
  alike?: number;
}

export interface Channel {
  channel: string;
  connector: string;
  state: string;
  pid: number;
  restarts: number;
  lastError: string;
  /** Those of the whole channel, or of all of a kind that leaves by it. */
  pauses?: Order[];
}

/** GET /api/journeys/NAME/files/FILE: a file of the version that runs. */
export interface ScriptFile {
  file: string;
  version: string;
  source: string;
  /** What the file does, drawn from its syntax tree: its handlers. Empty for what is no script. */
  flow: FlowNode[];
}

/** A handler, or one thing that it does. What follows it is the next node of the list that it is in. */
export interface FlowNode {
  kind: string;
  label: string;
  /** Where it stands, if that is a helper's file; or empty. */
  file: string;
  line: number;
  /** The last line of what is inside. */
  end_line: number;
  /** Of a send the message, of a move the stage, where the script says so in plain text. */
  name: string;
  /** Of a send: by which the message may leave. */
  channels?: string[];
  /** What is done in it, in order: of a handler, a loop, a call. */
  children: FlowNode[];
  /** The ways that it can go; those that do not end meet again behind it. */
  branches: FlowBranch[];
}

export interface FlowBranch {
  label: string;
  line: number;
  end_line: number;
  /** It does not come back to what follows the node. */
  ends: boolean;
  children: FlowNode[];
}

/** GET /api/journeys/NAME/figures/FILE: what happened at its lines, as the newest version counts them. */
export interface Figures {
  /** Newest first; only those with runs in flight, and the newest. */
  versions: VersionFigures[];
  /** Figures of older versions stand at the line that the newest version has instead, where it did not change. */
  lines: LineFigures[];
  /** Waits of older versions at lines that the newest one changed or dropped. */
  changed: ChangedWait[];
}

export interface VersionFigures {
  version: string;
  /** How many runs wait in it, in the whole journey. */
  runs: number;
  /** Of those: how many wait at a line that the newest version changed. */
  changed: number;
}

export interface LineFigures {
  line: number;
  waiting: number;
  sent: number;
  opened: number;
  clicked: number;
  converted: number;
  failed: number;
  /** Kept back by policy, or too old. */
  suppressed: number;
}

export interface ChangedWait {
  version: string;
  line: number;
  text: string;
  waiting: number;
}

/** GET /api/journeys/NAME/reach: how many people have a timer that is due in this journey. */
export interface Reach {
  nextHour: number;
  nextWeek: number;
  /** There are more than were counted. */
  more: boolean;
  /** Above this many in the next hour the server wants to be told twice. */
  limit: number;
  /** Journeys that may be this one under another name, beside which it would go live. */
  beside?: string[];
}

/** What the server answers with a status of 4xx or 5xx, as RFC 9457 writes problems: message is its detail. */
export interface ErrorBody {
  code: string;
  message: string;
  field?: string;
  hint?: string;
  /** Of a script, and where in it. */
  file?: string;
  line?: number;
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

/** One request, whose answer is read as JSON or as `read` says. It throws an ApiError. */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  read: (text: string) => unknown = JSON.parse,
): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (method !== 'GET') {
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
    value = text === '' ? {} : read(text);
  } catch {
    value = undefined;
  }
  if (!response.ok) {
    throw failureOf(response, value);
  }
  if (value === undefined) {
    throw new ApiError(response.status, { code: 'json', message: 'The server’s answer is not JSON.' });
  }
  return value as T;
}

/** The error that an answer without success tells of; value is its JSON. */
export function failureOf(response: Response, value: unknown): ApiError {
  const problem = (value ?? {}) as Partial<ErrorBody> & { detail?: string };
  const message = problem.detail ?? `The server answered ${response.status} ${response.statusText}`.trim() + '.';
  return new ApiError(response.status, { ...problem, code: problem.code ?? 'status', message });
}

export async function getOverview(signal?: AbortSignal): Promise<Overview> {
  return complete(await call<Partial<Overview>>('GET', '/api/overview', undefined, signal));
}

/** The path of a journey's resource, or of one of its files there. */
export function journeyPath(journey: string, resource: string, file = ''): string {
  const path = `/api/journeys/${encodeURIComponent(journey)}/${resource}`;
  return file === '' ? path : `${path}/${file.split('/').map(encodeURIComponent).join('/')}`;
}

export async function getFile(journey: string, file: string, signal?: AbortSignal): Promise<ScriptFile> {
  const answer = await call<ScriptFile>('GET', journeyPath(journey, 'files', file), undefined, signal);
  return { ...answer, flow: nodes(answer.flow) };
}

export async function getFigures(journey: string, file: string, signal?: AbortSignal): Promise<Figures> {
  const answer = await call<Partial<Figures>>('GET', journeyPath(journey, 'figures', file), undefined, signal);
  return { versions: answer.versions ?? [], lines: answer.lines ?? [], changed: answer.changed ?? [] };
}

export function getReach(journey: string, signal?: AbortSignal): Promise<Reach> {
  return call('GET', journeyPath(journey, 'reach'), undefined, signal);
}

/** Puts empty lists where a flow has none. */
export function nodes(list: FlowNode[] | null | undefined): FlowNode[] {
  return (list ?? []).map((node) => ({
    ...node,
    file: node.file ?? '',
    name: node.name ?? '',
    children: nodes(node.children),
    branches: (node.branches ?? []).map((branch) => ({ ...branch, ends: branch.ends ?? false, children: nodes(branch.children) })),
  }));
}

export function getMessage(ref: string, signal?: AbortSignal): Promise<MessageDetail> {
  return call('GET', `/api/messages/${encodeURIComponent(ref)}`, undefined, signal);
}

/** Sets a mode. yes: whoever asks knows that it reaches more people than the limit. */
export async function setMode(journey: string, mode: Mode, yes = false): Promise<void> {
  await call('POST', journeyPath(journey, 'mode'), { mode, yes });
}

/** Makes a test person of a customer, or a customer again. They are named by one of their identities. */
export async function setTest(user: string, on: boolean): Promise<void> {
  await call('POST', '/api/customers/test', { user, on });
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
    problems: overview.problems ?? [],
    messages: overview.messages ?? [],
    errors: overview.errors ?? [],
    channels: overview.channels ?? [],
    inDoubt: overview.inDoubt ?? 0,
  };
}
