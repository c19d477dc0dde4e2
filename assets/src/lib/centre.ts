/** Moves a row that is wider than its place so that the current one of it is seen, in the middle where that can be. */
export function centre(row: HTMLElement): void {
  const current = row.querySelector('[aria-current]')?.getBoundingClientRect();
  if (!current) return;
  const box = row.getBoundingClientRect();
  row.scrollLeft += current.left + current.width / 2 - (box.left + box.width / 2);
}
