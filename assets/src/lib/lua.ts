// A small Lua 5.1 tokenizer, for colours, and an outline of the handlers that a stage script registers. It never
// fails: text that is no Lua comes back as it was, only less colourful.

export type Kind = 'comment' | 'string' | 'number' | 'keyword' | 'register' | 'word' | 'name' | 'operator' | 'space';

export interface Token {
  kind: Kind;
  text: string;
  /** 1-based; of a token that spans lines: its first. */
  line: number;
}

const keywords = new Set(
  ('and break do else elseif end false for function if in local nil not or repeat return then true until while').split(' '),
);

/** What registers handlers or declares. */
const registers = new Set('journey stage enter leave on idle'.split(' '));

/** What scripts do and ask. */
const words = new Set(
  ('send wait wait_until wait_for move split choose score set tag count sum last track webhook log use now random').split(' '),
);

const space = /\s+/y;
const longComment = /--\[(=*)\[[^]*?(?:\]\1\]|$)/y;
const comment = /--[^\n]*/y;
const longString = /\[(=*)\[[^]*?(?:\]\1\]|$)/y;
// A string ends at its quote, or, when somebody forgot it, at the end of the line.
const string = /"(?:\\[^]|[^"\\\n])*(?:"|(?=\n)|$)|'(?:\\[^]|[^'\\\n])*(?:'|(?=\n)|$)/y;
const numeral = /0[xX][0-9a-fA-F]*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const operator = /\.\.\.|\.\.|==|~=|<=|>=|[^]/y;

/** All tokens of a source, in order. Their texts, joined, are the source. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0] ?? '';
  };
  while (at < source.length) {
    let kind: Kind;
    let text: string;
    if ((text = take(space))) kind = 'space';
    else if ((text = take(longComment) || take(comment))) kind = 'comment';
    else if ((text = take(longString) || take(string))) kind = 'string';
    else if ((text = take(numeral))) kind = 'number';
    else if ((text = take(name))) kind = nameKind(text, tokens);
    else {
      text = take(operator);
      kind = 'operator';
    }
    tokens.push({ kind, text, line });
    at += text.length;
    for (const c of text) if (c === '\n') line++;
  }
  return tokens;
}

function nameKind(text: string, before: Token[]): Kind {
  if (keywords.has(text)) return 'keyword';
  // customer.score and t:send are fields, not Stagecraft's words.
  const last = significant(before, -1);
  if (last && (last.text === '.' || last.text === ':')) return 'name';
  if (registers.has(text)) return 'register';
  if (words.has(text)) return 'word';
  return 'name';
}

function significant(tokens: Token[], offset: -1): Token | undefined {
  for (let i = tokens.length + offset; i >= 0; i--) {
    const token = tokens[i];
    if (token && token.kind !== 'space' && token.kind !== 'comment') return token;
  }
  return undefined;
}

/** The tokens line by line, without line ends; a token that spans lines is cut. There is at least one line. */
export function lines(source: string): Token[][] {
  const result: Token[][] = [[]];
  for (const token of tokenize(source)) {
    const parts = token.text.split('\n');
    parts.forEach((part, i) => {
      if (i > 0) result.push([]);
      const text = part.replace(/\r$/, '');
      if (text) result[result.length - 1]?.push({ kind: token.kind, text, line: token.line + i });
    });
  }
  // A file ends with a line end; there is no line behind it.
  if (result.length > 1 && result[result.length - 1]?.length === 0) result.pop();
  return result;
}

/** One thing that a handler does. */
export interface Step {
  word: string;
  /** What it is done with, if the script says so in plain text: send "thank-you". */
  what: string;
  line: number;
}

/** A handler as a script registers it. */
export interface Handler {
  kind: 'enter' | 'leave' | 'on' | 'idle';
  /** Of on and idle. */
  event: string;
  /** Of idle: how long the silence lasts. */
  after: string;
  line: number;
  /** Its last line. */
  end: number;
  steps: Step[];
}

const outlined = new Set('send wait wait_until wait_for move split choose score set tag track webhook'.split(' '));

/** The handlers of a source, in order. It reads what is written and runs nothing. */
export function outline(source: string): Handler[] {
  const tokens = tokenize(source).filter((token) => token.kind !== 'space' && token.kind !== 'comment');
  const handlers: Handler[] = [];
  let handler: Handler | null = null;
  let depth = 0;
  let within = 0;
  let texts = 0;
  let inBody = false;
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    if (token.text === '(' || token.text === '{') depth++;
    if (token.text === ')' || token.text === '}') depth = Math.max(0, depth - 1);
    if (handler) {
      if (depth < within) {
        handler.end = token.line;
        handler = null;
        return;
      }
      if (token.text === 'function') inBody = true;
      if (!inBody && token.kind === 'string' && depth === within) {
        if (texts++ === 0) handler.event = unquote(token.text);
        else handler.after ||= unquote(token.text);
      }
      if (token.kind === 'word' && outlined.has(token.text)) {
        const argument = next?.text === '(' ? tokens[i + 2] : next;
        if (next?.text === '(' || next?.kind === 'string') {
          handler.steps.push({
            word: token.text,
            what: argument?.kind === 'string' ? unquote(argument.text) : '',
            line: token.line,
          });
        }
      }
      return;
    }
    if (token.kind === 'register' && depth === 0 && next?.text === '(') {
      const kind = token.text;
      if (kind === 'enter' || kind === 'leave' || kind === 'on' || kind === 'idle') {
        handler = { kind, event: '', after: '', line: token.line, end: token.line, steps: [] };
        handlers.push(handler);
        within = depth + 1;
        texts = 0;
        inBody = false;
      }
    }
  });
  return handlers;
}

/** The text of a string token as far as it is plain. */
export function unquote(text: string): string {
  const long = /^\[(=*)\[\n?([^]*?)(?:\]\1\])?$/.exec(text);
  if (long) return long[2] ?? '';
  const quote = text[0];
  const body = text.slice(1, text.length > 1 && text.endsWith(quote ?? '') ? -1 : undefined);
  return body.replace(/\\([^])/g, (_, c: string) => (c === 'n' ? '\n' : c === 't' ? '\t' : c));
}

/** What starts a handler, in words. */
export function trigger(handler: Handler): string {
  switch (handler.kind) {
    case 'enter':
      return 'On entering the stage';
    case 'leave':
      return 'On leaving the stage';
    case 'on':
      return handler.event ? `On “${handler.event}”` : 'On an event';
    case 'idle':
      return `After ${handler.after || 'a time'} without “${handler.event || 'an event'}”`;
  }
}
