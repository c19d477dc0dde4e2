// Script errors as they are shown: the same one of the same line once, however many customers it met.
import type { ScriptError } from '../api';

export interface ErrorGroup {
  id: string;
  /** The newest of them, which stands for all. */
  first: ScriptError;
  /** Those that are listed, newest first. */
  errors: ScriptError[];
  /** How many there are; those listed may be fewer. */
  count: number;
}

/** The errors in groups, each where its newest one stands. */
export function groupErrors(errors: ScriptError[]): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup>();
  for (const error of errors) {
    const id = JSON.stringify([error.journey, error.file, error.line, error.message]);
    const group = groups.get(id) ?? { id, first: error, errors: [], count: 0 };
    groups.set(id, group);
    group.errors.push(error);
    group.count = Math.max(group.count, error.alike ?? 0, group.errors.length);
  }
  return [...groups.values()];
}
