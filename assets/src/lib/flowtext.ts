// How the nodes of a flow are said and drawn.
import type { FlowNode } from '../api';
import type { Shape } from '../view/Icon.svelte';

export interface Look {
  icon: Shape;
  /** What it does, in a word or two; may be empty. */
  verb: string;
  /** With what: a message, a time, a condition. */
  what: string;
  /** Which of the few looks it has. */
  tone: 'head' | 'act' | 'send' | 'wait' | 'ask' | 'move' | 'end';
  /** What is Lua, and not words. */
  code: boolean;
}

const looks: Record<string, [Shape, Look['tone'], string?]> = {
  enter: ['right', 'head', 'On entering the stage'],
  leave: ['left', 'head', 'On leaving the stage'],
  on: ['bolt', 'head', 'On'],
  idle: ['wait', 'head', 'Without'],
  goal: ['flag', 'head', 'Goal'],
  exit: ['cross', 'head', 'Exit'],
  send: ['mail', 'send'],
  webhook: ['link', 'act'],
  wait: ['clock', 'wait'],
  wait_until: ['clock', 'wait', 'wait until'],
  wait_for: ['wait', 'wait', 'wait for'],
  branch: ['branch', 'ask', ''],
  split: ['split', 'ask'],
  choose: ['split', 'ask'],
  loop: ['again', 'ask', ''],
  call: ['code', 'act', ''],
  move: ['right', 'move', 'move to'],
  score: ['star', 'act'],
  set: ['pen', 'act'],
  tag: ['tag', 'act'],
  untag: ['tag', 'act'],
  track: ['bolt', 'act'],
  log: ['code', 'act'],
  return: ['circle', 'end', 'ends here'],
  break: ['circle', 'end', 'leaves the loop'],
};

/** What a message looks like that leaves by a channel of a kind: "email-news" is of the kind email. */
const vehicles: Record<string, Shape> = { email: 'mail', sms: 'chat', social: 'chat', inapp: 'chat', push: 'bell', call: 'phone', letter: 'letter', webhook: 'link' };

/** One that may leave by several is a mail if it can be. */
function vehicle(channels: string[]): Shape {
  const kinds = channels.map((one) => one.replace(/-.*/, ''));
  return kinds.includes('email') ? 'mail' : (vehicles[kinds[0] ?? ''] ?? 'mail');
}

const lua = new Set(['branch', 'loop', 'call']);

export function lookOf(node: FlowNode): Look {
  const [icon, tone, verb = node.kind.replace('_', ' ')] = looks[node.kind] ?? (['code', 'act'] as const);
  // A label may begin with its own word; it is said once.
  const what = node.label.startsWith(`${node.kind} `) ? node.label.slice(node.kind.length + 1) : node.label === node.kind ? '' : node.label;
  // A silence comes as its event and how long it lasts.
  const silence = node.kind === 'idle' ? /^(.*), ([^,]*)$/.exec(what) : null;
  if (silence) return { icon, verb: `${silence[2]} without`, what: silence[1] ?? '', tone, code: false };
  return { icon: node.kind === 'send' ? vehicle(node.channels ?? []) : icon, verb, what, tone, code: lua.has(node.kind) };
}
