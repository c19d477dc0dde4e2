// A broadcast while it is edited.
import { AudienceDraft } from './audience.svelte';
import { mailFile, readMail, type Broadcast, type Definition, type Part } from './broadcasts';
import { Unsaved } from './unsaved';

interface Edited {
  share: number;
  subject: string;
  kind: string;
  body: string;
  from: string;
  /** Files that the form has no fields for. They are kept as they are. */
  kept: Record<string, string> | null;
}

function edited(part: Part): Edited {
  const mail = part.texts && Object.keys(part.texts).join() === 'email' ? readMail(part.texts.email ?? '') : null;
  return { share: part.share ?? 50, subject: part.subject || mail?.subject || '', kind: mail?.kind ?? 'marketing', body: mail?.body ?? '', from: part.from ?? '', kept: part.texts && !mail ? part.texts : null };
}

export class BroadcastDraft {
  title = $state('');
  readonly audience: AudienceDraft;
  when = $state<'now' | 'at' | 'local'>('now');
  at = $state('');
  on = $state('');
  local = $state('');
  parts = $state<Edited[]>([]);
  holdout = $state(0);
  rate = $state(0);
  #began: string;

  constructor(before: Broadcast | null) {
    this.title = before?.title ?? '';
    this.audience = new AudienceDraft(before?.audience);
    this.when = before?.local ? 'local' : before?.at ? 'at' : 'now';
    this.at = before?.at ? new Date(Date.parse(before.at) - new Date(before.at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '';
    this.on = before?.on ?? '';
    this.local = before?.local || '09:00';
    this.parts = (before?.parts ?? [{}]).map(edited);
    this.holdout = Math.round((before?.holdout ?? 0) * 100);
    this.rate = before?.rate ?? 0;
    this.#began = JSON.stringify(this.definition);
  }

  /** Something was typed since it began. */
  get changed(): boolean {
    return JSON.stringify(this.definition) !== this.#began;
  }

  /** Somebody has saved something else since it began: to save this would undo it. */
  behind(now: Broadcast | null): boolean {
    return now !== null && JSON.stringify(new BroadcastDraft(now).definition) !== this.#began;
  }

  get definition(): Definition {
    return {
      title: this.title.trim(),
      audience: this.audience.value,
      ...(this.when === 'at' && this.at ? { at: new Date(this.at).toISOString() } : {}),
      ...(this.when === 'local' ? { local: this.local, on: this.on } : {}),
      holdout: (this.holdout || 0) / 100,
      rate: this.rate || 0,
      parts: this.parts.map((one) => ({
        share: this.parts.length > 1 ? one.share : 100,
        ...(one.from ? { from: one.from, subject: one.subject } : one.kept ? { texts: one.kept, subject: one.subject } : { texts: { email: mailFile(one.subject, one.kind, one.body) } }),
      })),
    };
  }

  another(): void {
    this.parts = [...this.parts, { ...$state.snapshot(this.parts[0]!), subject: '' }];
    const even = Math.floor(100 / this.parts.length);
    this.parts.forEach((one, i) => (one.share = i === 0 ? 100 - even * (this.parts.length - 1) : even));
  }

  less(index: number): void {
    this.parts = this.parts.filter((_, i) => i !== index);
    if (this.parts.length === 1) this.parts[0]!.share = 100;
  }
}

/** The forms of broadcasts that were begun and not saved. */
export const broadcastForms = new Unsaved<BroadcastDraft>();
