export type Shade = 'light' | 'dark';

const key = 'stagecraft-theme';

/** Light or dark: as the system has it, unless somebody chose otherwise here. One per page. */
export class Theme {
  #system = $state<Shade>('light');
  #chosen = $state<Shade | null>(null);

  get shade(): Shade {
    return this.#chosen ?? this.#system;
  }

  start(): () => void {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const read = () => (this.#system = dark.matches ? 'dark' : 'light');
    read();
    const saved = recall();
    this.#chosen = saved === 'light' || saved === 'dark' ? saved : null;
    this.#apply();
    dark.addEventListener('change', read);
    return () => dark.removeEventListener('change', read);
  }

  /** Switches. Choosing what the system has means following the system again. */
  toggle(): void {
    const next: Shade = this.shade === 'dark' ? 'light' : 'dark';
    this.#chosen = next === this.#system ? null : next;
    remember(this.#chosen);
    this.#apply();
  }

  #apply(): void {
    if (this.#chosen) document.documentElement.dataset.theme = this.#chosen;
    else delete document.documentElement.dataset.theme;
  }
}

// A browser may forbid storage; then the choice lasts as long as the page.
function recall(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(shade: Shade | null): void {
  try {
    if (shade) localStorage.setItem(key, shade);
    else localStorage.removeItem(key);
  } catch {
    // See above.
  }
}
