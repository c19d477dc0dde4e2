/** Moves a row that is wider than its place so that the current one of it is seen, in the middle where that can be. */
export function centre(row: HTMLElement): void {
  const current = row.querySelector('[aria-current]')?.getBoundingClientRect();
  if (!current) return;
  const box = row.getBoundingClientRect();
  row.scrollLeft += current.left + current.width / 2 - (box.left + box.width / 2);
}

/** Says on which sides a row goes on that is wider than its place; see .edged. */
export function edges(row: HTMLElement): () => void {
  const tell = () => {
    const right = row.scrollWidth - row.clientWidth - row.scrollLeft;
    row.dataset.more = `${row.scrollLeft > 1 ? 'left' : ''} ${right > 1 ? 'right' : ''}`.trim();
  };
  tell();
  row.addEventListener('scroll', tell, { passive: true });
  const sized = new ResizeObserver(tell);
  sized.observe(row);
  const filled = new MutationObserver(tell);
  filled.observe(row, { childList: true });
  return () => {
    row.removeEventListener('scroll', tell);
    sized.disconnect();
    filled.disconnect();
  };
}
