// What somebody changed in a journey's files and has not published yet. It lives as long as the page does.
import { SvelteMap } from 'svelte/reactivity';
import { getFolder, type Edit, type Files, type Folder } from '../workshop';

export class Draft {
  /** The folder as it was when the editing began; null until it was read. */
  folder = $state.raw<Folder | null>(null);
  problem = $state('');
  #texts = new SvelteMap<string, string>();

  constructor(readonly journey: string) {}

  /** Reads the folder, unless something is being edited: then what it began with has to stay. */
  async load(again = false): Promise<void> {
    if (this.folder && !again && this.dirty) return;
    try {
      this.folder = await getFolder(this.journey);
      this.problem = '';
      this.#settle();
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  /** A file's text as it is being edited; null if there is no such file. */
  text(file: string): string | null {
    return this.#texts.get(file) ?? this.folder?.files[file] ?? null;
  }

  set(file: string, text: string): void {
    if (text === this.folder?.files[file]) this.#texts.delete(file);
    else this.#texts.set(file, text);
  }

  changed(file: string): boolean {
    return this.#texts.has(file);
  }

  get dirty(): boolean {
    return this.#texts.size > 0;
  }

  /** The changed files, for the server. */
  get files(): Files {
    return Object.fromEntries([...this.#texts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  get edits(): Edit[] {
    return Object.entries(this.files).map(([file, text]) => ({ file, base: this.folder?.files[file] ?? null, text }));
  }

  /** Forgets the changes of one file, or all of them. */
  discard(file?: string): void {
    if (file === undefined) this.#texts.clear();
    else this.#texts.delete(file);
  }

  // What the folder has by now is no change any more.
  #settle(): void {
    for (const [file, text] of this.#texts) if (this.folder?.files[file] === text) this.#texts.delete(file);
  }
}

/** The drafts of all journeys. One per page. */
export class Drafts {
  #all = new Map<string, Draft>();

  of(journey: string): Draft {
    let draft = this.#all.get(journey);
    if (!draft) {
      draft = new Draft(journey);
      this.#all.set(journey, draft);
    }
    return draft;
  }

  /** Somebody who leaves the page is asked first if something would be lost. */
  start(): () => void {
    const ask = (event: BeforeUnloadEvent) => {
      if ([...this.#all.values()].some((draft) => draft.dirty)) event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }
}
