// A customer's life as the server tells it, a line each: a moment with what happened, and indented what it caused, with
// the place in the script in brackets behind it.
export interface Moment {
  /** RFC 3339. */
  at: string;
  what: string;
  caused: Caused[];
}

export interface Caused {
  text: string;
  /** Relative to the scripts folder; empty where the script has no part in it. */
  file: string;
  line: number;
  tone: 'message' | 'move' | 'bad' | 'quiet';
}

const moment = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) {2}(.*)$/;
const place = /^(.*) \(([^()\s]+):(\d+)\)$/;

export function readStory(lines: string[]): Moment[] {
  const moments: Moment[] = [];
  for (const line of lines) {
    const begins = moment.exec(line);
    if (begins) {
      moments.push({ at: `${begins[1]}T${begins[2]}:00Z`, what: begins[3] ?? '', caused: [] });
      continue;
    }
    const [, text = line.trim(), file = '', row = '0'] = place.exec(line.trim()) ?? [];
    moments.at(-1)?.caused.push({ text, file, line: Number(row), tone: toneOf(text) });
  }
  return moments;
}

function toneOf(text: string): Caused['tone'] {
  if (text.startsWith('message ')) return 'message';
  if (/^(refused|the script failed)/.test(text)) return 'bad';
  return /^(entered|moved|reached|left) /.test(text) ? 'move' : 'quiet';
}

/** How long after something a moment is: "now", "+14 days", "+36 h". */
export function after(from: string, at: string): string {
  const minutes = Math.round((Date.parse(at) - Date.parse(from)) / 60_000);
  if (!(minutes > 0)) return 'now';
  if (minutes < 120) return `+${minutes} min`;
  if (minutes < 2880) return `+${Math.round(minutes / 60)} h`;
  return `+${Math.round(minutes / 144) / 10} days`.replace('.0 ', ' ');
}
