/**
 * Reads at once, and again every so many milliseconds while the page is seen; for $effect, which ends it. told gets why it
 * failed, and nothing when it did not.
 */
export function reread(every: number, read: (signal: AbortSignal) => Promise<void>, told: (problem: string) => void): () => void {
  const abort = new AbortController();
  const load = () =>
    read(abort.signal).then(
      () => told(''),
      (error: Error) => {
        if (!abort.signal.aborted) told(error.message);
      },
    );
  void load();
  const timer = setInterval(() => document.visibilityState === 'visible' && load(), every);
  return () => {
    clearInterval(timer);
    abort.abort();
  };
}
