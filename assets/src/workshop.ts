// The API of drafts: what is edited here lies over the scripts folder until it is published.
import { call, journeyPath, nodes, type FlowNode, type MessageState, type Reach, type Rendered, type SMSSize } from './api';

/** The files that were changed, by their names in the journey's folder. */
export type Files = Record<string, string>;

/** GET /api/journeys/NAME/folder: a journey as it stands on the disk. */
export interface Folder {
  version: string;
  files: Files;
}

/** One thing that `check` found. */
export interface Problem {
  /** In the scripts folder: "customer-lifecycle/lost.lua". */
  file: string;
  line: number;
  /** 1-based, in characters; 0: the whole line. */
  column: number;
  /** Behind the last character. */
  end_column: number;
  severity: 'error' | 'warning';
  message: string;
  hint: string;
}

export interface Checked {
  problems: Problem[];
  /** Of the file that was asked for; null while it cannot be read as Lua. */
  flow: FlowNode[] | null;
}

export interface DiffLine {
  /** gap: lines that are the same and not shown. */
  kind: 'same' | 'old' | 'new' | 'gap';
  /** 1-based; 0 where it has none. */
  old: number;
  new: number;
  text: string;
}

export interface FileDiff {
  file: string;
  /** Everything that changed, with three lines around. */
  lines: DiffLine[];
}

/** POST /api/journeys/NAME/preview: what publishing a draft would meet. */
export interface Preview {
  files: FileDiff[];
  reach: Reach;
  mode: string;
  /** Runs that wait now, and how many of them at a line that the draft changes. */
  waiting: number;
  changed: number;
  problems: Problem[];
}

/** POST /api/journeys/NAME/dryrun */
export interface DryRun {
  user: string;
  at: string;
  /** The stage in which the customer is, or empty. */
  before: string;
  after: string;
  /** What happens at once, a line each; a line that begins with spaces belongs to the one above. */
  now: string[];
  /** What follows if nothing else happens. */
  later: string[];
  messages: DryMessage[];
  failure: { file: string; line: number; message: string; hint?: string } | null;
  note: string;
}

export interface DryMessage {
  name: string;
  channel: string;
  at: string;
  state: MessageState;
  reason: string;
  to: string;
  subject: string;
  text: string;
  file: string;
  line: number;
}

/** POST /api/journeys/NAME/diff: both versions over the stored history. */
export interface HistoryDiff {
  events: number;
  customers: number;
  differ: number;
  /** There was more history than was looked at. */
  partial: boolean;
  /** Only what differs. */
  changes: HistoryCount[];
  examples: HistoryLife[];
  /** Of the draft's scripts. */
  errors: string[];
  note: string;
}

export interface HistoryCount {
  kind: string;
  name: string;
  old: number;
  new: number;
}

export interface HistoryLife {
  customer: string;
  user: string;
  lines: { in: 'old' | 'new' | 'both'; text: string }[];
}

/** GET /api/reference: every word of the language. */
export interface Word {
  name: string;
  kind: string;
  signature: string;
  doc: string;
}

export function getFolder(journey: string, signal?: AbortSignal): Promise<Folder> {
  return call('GET', journeyPath(journey, 'folder'), undefined, signal);
}

export async function check(journey: string, files: Files, file: string, signal?: AbortSignal): Promise<Checked> {
  const answer = await call<Checked>('POST', journeyPath(journey, 'check'), { files, file }, signal);
  const problems = (answer.problems ?? []).map((one) => ({ ...one, column: one.column ?? 0, end_column: one.end_column ?? 0, hint: one.hint ?? '' }));
  return { problems, flow: answer.flow ? nodes(answer.flow) : null };
}

export async function preview(journey: string, files: Files, signal?: AbortSignal): Promise<Preview> {
  return call('POST', journeyPath(journey, 'preview'), { files }, signal);
}

export interface DryEvent {
  name: string;
  properties: Record<string, unknown>;
}

export async function dryRun(journey: string, files: Files, user: string, event: DryEvent | null, signal?: AbortSignal): Promise<DryRun> {
  const answer = await call<DryRun>('POST', journeyPath(journey, 'dryrun'), { files, user, event }, signal);
  return { ...answer, now: answer.now ?? [], later: answer.later ?? [], messages: answer.messages ?? [], failure: answer.failure ?? null };
}

export async function diffHistory(journey: string, files: Files, signal?: AbortSignal): Promise<HistoryDiff> {
  const answer = await call<HistoryDiff>('POST', journeyPath(journey, 'diff'), { files }, signal);
  return { ...answer, changes: answer.changes ?? [], examples: answer.examples ?? [], errors: answer.errors ?? [], partial: answer.partial ?? false };
}

/** One file as it was when the editing began (null: there was none), and as it is to be. */
export interface Edit {
  file: string;
  base: string | null;
  text: string;
}

export async function publish(journey: string, edits: Edit[], drain: boolean, yes: boolean): Promise<void> {
  await call('POST', journeyPath(journey, 'publish'), { edits, drain, yes });
}

let words: Promise<Word[]> | null = null;

/** The reference is the same as long as the server runs. */
export function reference(): Promise<Word[]> {
  words ??= call<{ words: Word[] }>('GET', '/api/reference')
    .then((answer) => answer.words ?? [])
    .catch(() => {
      words = null;
      return [];
    });
  return words;
}

/** Which message, for whom. Without a locale it is the customer's; without an event their newest. */
export interface MessageWanted {
  files?: Files;
  version?: string;
  message: string;
  channel: string;
  locale?: string;
  user: string;
  event?: DryEvent;
  /** Of a test: where it is to go. */
  to?: string;
}

/** POST /api/journeys/NAME/messages/preview: a message as a customer would get it. */
export interface MessagePreview {
  file: string;
  channel: string;
  channels: string[];
  /** Of the text that was chosen; empty: the one without a language. */
  locale: string;
  locales: string[];
  kind: string;
  user: string;
  event: string;
  /** Why there is no address. */
  problem: string;
  rendered: Rendered;
  /** Of a text message. */
  sms?: SMSSize;
}

export function previewMessage(journey: string, wanted: MessageWanted, signal?: AbortSignal): Promise<MessagePreview> {
  return call('POST', journeyPath(journey, 'messages/preview'), wanted, signal);
}

/** Sends it to somebody who wants to look at it, and answers by what the ledger knows it. */
export function sendTest(journey: string, wanted: MessageWanted): Promise<{ ref: string; sms?: SMSSize }> {
  return call('POST', journeyPath(journey, 'messages/test'), wanted);
}
