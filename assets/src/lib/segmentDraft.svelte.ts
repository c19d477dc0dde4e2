// A segment while it is edited.
import type { Filter } from './segments';

const example = 'segment { title = "New segment" }\n\nmember(function(customer)\n  return count("Order Completed", "90 days") >= 1\nend)\n';

export class SegmentDraft {
  name = $state('');
  text = $state('');
  filter = $state<Filter | null>(null);
  #began: string;

  /** key: under what it is kept; base: the file as it was, null: there was none. */
  constructor(
    readonly key: string,
    name: string,
    readonly base: string | null,
    filter: Filter | null,
  ) {
    this.name = name;
    this.text = base ?? example;
    this.filter = filter;
    this.#began = this.#now;
  }

  get isNew(): boolean {
    return this.base === null;
  }

  /** Something was typed since it began. */
  get changed(): boolean {
    return this.#now !== this.#began;
  }

  get #now(): string {
    return JSON.stringify([this.name, this.text, this.filter]);
  }
}
