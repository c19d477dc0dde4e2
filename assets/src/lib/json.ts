// What others sent comes through as they wrote it, and may have numbers with more digits than JavaScript keeps, or written
// otherwise: 12345678901234567890, 12.00.

/** A number that JavaScript would write in other digits than it was sent with. It counts as a number, and is shown as it was sent. */
class Sent extends Number {
  constructor(readonly digits: string) {
    super(digits);
  }

  override toString(): string {
    return this.digits;
  }

  toJSON(): unknown {
    return rawJSON!(this.digits);
  }
}

// Younger than the other things that browsers need for this page: without it such numbers are shown as JavaScript writes them.
const rawJSON = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;

function keep(_: string, value: unknown, context?: { source?: string }): unknown {
  const digits = context?.source;
  return typeof value === 'number' && digits !== undefined && String(value) !== digits ? new Sent(digits) : value;
}

/** JSON in which numbers keep the digits that they were sent with. It is for what is shown, not for what is counted with. */
export function asSent(text: string): unknown {
  return rawJSON ? JSON.parse(text, keep) : JSON.parse(text);
}
