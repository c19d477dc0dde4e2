// A small Lua 5.1 tokenizer, for colours. It never fails: text that is no Lua comes back as it was, only less colourful.

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
  ('send wait wait_until wait_for move split choose score set tag untag count sum last track webhook log use now random').split(' '),
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
