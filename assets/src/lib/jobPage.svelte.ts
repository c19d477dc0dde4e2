// The state of a page of jobs: the list, or the one whose name stands in the address, and the dialog in which one is written.

import { untrack } from 'svelte';
import type { Jobs } from './jobs';
import { Paged } from './paged.svelte';
import { reread } from './reread';
import { pageHash } from './route';

const every = 2000; // milliseconds between two looks

export class JobPage<Job extends { name: string }> {
  readonly list: Paged<Job>;
  shown = $state.raw<Job | null>(null);
  editing = $state<'new' | 'draft' | null>(null);
  /** Why the one that is shown cannot be read. */
  private failed = $state('');

  /** Watches what name() names, the whole list if that is empty. It belongs into the script of a page. */
  constructor(
    private readonly jobs: Pick<Jobs<Job, never, unknown>, 'list' | 'get'>,
    private readonly page: string,
    private readonly name: () => string,
  ) {
    this.list = new Paged(jobs.list);
    $effect(() => {
      const name = this.name();
      if (untrack(() => this.shown?.name) !== name) this.shown = null;
      this.failed = '';
      if (!name) return this.list.watch(every);
      return reread(
        every,
        async (signal) => {
          this.shown = await this.jobs.get(name, signal);
        },
        (why) => (this.failed = why),
      );
    });
  }

  get problem(): string {
    return this.failed || (this.name() ? '' : this.list.problem);
  }

  /** Shows a draft that was saved. */
  readonly saved = (job: Job): void => {
    this.editing = null;
    this.shown = job;
    location.hash = pageHash(this.page, { name: job.name });
  };
}
