// Forms that somebody has begun to fill in. They live as long as the page does, and not only while they are shown: what was
// typed is there again after one Esc too many, or after a look at something else.

interface Form {
  /** Something was typed that is not saved. */
  readonly changed: boolean;
}

const all: Unsaved<Form>[] = [];

/** The forms of one kind, by what they are about. */
export class Unsaved<F extends Form> {
  #forms = new Map<string, F>();

  constructor() {
    all.push(this);
  }

  /** The form about something as it was left, or a new one. */
  of(what: string, begin: () => F): F {
    const left = this.#forms.get(what);
    if (left?.changed) return left;
    const form = begin();
    this.#forms.set(what, form);
    return form;
  }

  /** What was typed is saved, or not wanted. */
  drop(what: string): void {
    this.#forms.delete(what);
  }

  /** The form about something that was left with changes, if there is one. */
  left(what: string): F | undefined {
    const form = this.#forms.get(what);
    return form?.changed ? form : undefined;
  }

  get some(): boolean {
    return [...this.#forms.values()].some((form) => form.changed);
  }
}

/** Whether something would be lost with the page. */
export const unsaved = (): boolean => all.some((one) => one.some);
