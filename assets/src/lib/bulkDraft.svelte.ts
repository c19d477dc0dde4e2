// A bulk while it is edited.
import { AudienceDraft } from './audience.svelte';
import type { Act, Bulk } from './moves';
import { Unsaved } from './unsaved';

export class BulkDraft {
  title = $state('');
  act = $state<Act>('move');
  journey = $state('');
  to = $state('');
  why = $state('');
  rate = $state(0);
  readonly audience: AudienceDraft;
  #began: string;

  constructor(before: Bulk | null, journey: string) {
    this.title = before?.title ?? '';
    this.act = before?.act ?? 'move';
    this.journey = before?.journey ?? journey;
    this.to = before?.to ?? '';
    this.why = before?.why ?? '';
    this.rate = before?.rate ?? 100;
    this.audience = new AudienceDraft(before?.audience);
    this.#began = JSON.stringify(this.definition);
  }

  /** Something was typed since it began. */
  get changed(): boolean {
    return JSON.stringify(this.definition) !== this.#began;
  }

  /** Somebody has saved something else since it began: to save this would undo it. */
  behind(now: Bulk | null): boolean {
    return now !== null && JSON.stringify(new BulkDraft(now, '').definition) !== this.#began;
  }

  get definition() {
    return { title: this.title.trim(), act: this.act, journey: this.journey, to: this.to, audience: this.audience.value, rate: this.rate || 0, why: this.why.trim() };
  }
}

/** The forms of bulks that were begun and not saved. */
export const bulkForms = new Unsaved<BulkDraft>();
