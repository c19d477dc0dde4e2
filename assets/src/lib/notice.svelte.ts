/** One sentence that is shown for a while: what an action came to. One per page. */
export class Notice {
  text = $state('');
  bad = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string, bad = false): void {
    clearTimeout(this.#timer);
    this.text = text;
    this.bad = bad;
    // Trouble stays until it is dismissed.
    if (!bad) this.#timer = setTimeout(() => (this.text = ''), 5000);
  }

  dismiss(): void {
    clearTimeout(this.#timer);
    this.text = '';
  }
}
