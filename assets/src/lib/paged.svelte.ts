// Lists that come in pages: of an answer, next is the cursor of what follows; see docs/api.md.

import { untrack } from 'svelte';
import { call } from '../api';

export interface Page<Entry> {
  entries: Entry[];
  /** The cursor of what follows; or empty. */
  next: string;
  /** How many the server looked at, of lists that are narrowed. */
  looked: number;
  /** Everything newer was looked at; null: everything was. */
  back: string | null;
}

/** Asks for a page of the list at a path, whose entries stand under a name. Fields that are empty are left out. */
export async function getPage<Entry>(path: string, name: string, fields: Record<string, string>, signal?: AbortSignal, read?: (text: string) => unknown): Promise<Page<Entry>> {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== '')).toString();
  const answer = await call<Partial<Page<Entry>> & Record<string, unknown>>('GET', path + (query && `?${query}`), undefined, signal, read);
  return { entries: (answer[name] as Entry[] | undefined) ?? [], next: answer.next ?? '', looked: answer.looked ?? 0, back: answer.back ?? null };
}

/** What is shown of such a list: page after page. */
export class Paged<Entry> {
  /** null: nothing was read yet. */
  entries = $state.raw<Entry[] | null>(null);
  next = $state('');
  looked = $state(0);
  back = $state<string | null>(null);
  /** The next page is being read. */
  busy = $state(false);
  /** Why the last page could not be read. */
  problem = $state('');

  #ask: (cursor: string, signal: AbortSignal) => Promise<Page<Entry>>;
  #reading: AbortController | null = null;
  #begins = false; // the first page is being read
  #pages = 0;
  #again = false;

  constructor(ask: (cursor: string, signal: AbortSignal) => Promise<Page<Entry>>) {
    this.#ask = ask;
  }

  /** Begins anew, whatever is being read; for $effect, which ends it. What is shown stays until the answer has come; see clear. */
  first(): () => void {
    untrack(() => {
      this.next = ''; // of what is not asked for any more
      [this.#pages, this.#again] = [0, false]; // should it fail, whatever follows tries again
      void this.#read('');
    });
    return () => this.#reading?.abort();
  }

  /** Begins anew, and follows every so many milliseconds; for $effect, which ends it. */
  watch(every: number): () => void {
    const end = this.first();
    const timer = setInterval(() => this.follow(), every);
    return () => {
      clearInterval(timer);
      end();
    };
  }

  /** Reads the page that follows. */
  more(): void {
    if (!this.busy && this.next !== '') void this.#read(this.next);
  }

  /** Reads the first page again, if it is all that is shown and somebody looks. */
  follow(): void {
    untrack(() => {
      if (this.#pages > 1 || this.busy || document.hidden) return;
      if (this.#begins) this.#again = true;
      else void this.#read('');
    });
  }

  /** Shows nothing: what was shown is not what is asked for any more. */
  clear(): void {
    this.#reading?.abort();
    [this.entries, this.next, this.busy, this.problem, this.#begins, this.#pages, this.#again] = [null, '', false, '', false, 0, false];
  }

  async #read(cursor: string): Promise<void> {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    const begins = (this.#begins = cursor === '');
    this.busy = !begins;
    try {
      const page = await this.#ask(cursor, reading.signal);
      if (reading.signal.aborted) return;
      this.entries = begins ? page.entries : [...(this.entries ?? []), ...page.entries];
      this.looked = begins ? page.looked : this.looked + page.looked;
      this.#pages = begins ? 1 : this.#pages + 1;
      [this.next, this.back, this.problem] = [page.next, page.back, ''];
    } catch (error) {
      if (!reading.signal.aborted) this.problem = (error as Error).message;
    } finally {
      if (this.#reading === reading) {
        this.busy = this.#begins = false;
        const again = this.#again;
        this.#again = false;
        if (again && !reading.signal.aborted) this.follow();
      }
    }
  }
}
