// How far a line of Lua is indented, by the line before it: what opens goes in, what closes comes out. Two spaces a step.
const opens = /(?:\b(?:then|do|else|repeat)|\bfunction\b[^()]*\([^()]*\)|[{(])\s*$/;
const closes = /^\s*(?:end\b|else\b|elseif\b|until\b|[})])/;

/** before is the last line that is not blank; line is what stands on the new one so far. */
export function indentOf(before: string, line: string): number {
  const lead = /^[ \t]*/.exec(before)?.[0].replaceAll('\t', '    ').length ?? 0;
  const step = (opens.test(before.replace(/--.*$/, '')) ? 2 : 0) - (closes.test(line) ? 2 : 0);
  return Math.max(0, lead + step);
}
