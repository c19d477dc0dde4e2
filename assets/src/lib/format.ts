// How numbers, times and names are written. Pure: the time comes in.

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 18229 -> "18,229". Anything that is no number counts as none. */
export function number(value: number | null | undefined): string {
  return grouped.format(Number.isFinite(value) ? (value as number) : 0);
}

/** 18229 -> "18.2k", 1015 -> "1,015": where there is room for five characters only. */
export function compact(value: number): string {
  if (value < 9999.5) return number(value);
  for (const [unit, size] of [['B', 1e9], ['M', 1e6], ['k', 1e3]] as const) {
    // What would be rounded up to 1,000 of the smaller unit is one of the larger.
    if (value >= size * 0.9995) {
      const scaled = value / size;
      return `${trim(scaled.toFixed(scaled >= 99.95 ? 0 : 1))}${unit}`;
    }
  }
  return number(value);
}

/** The share of a whole in percent: "38 %", "0.4 %", "<0.1 %". A whole of nothing has no share: "–". */
export function share(part: number, whole: number): string {
  if (!(whole > 0)) return '–';
  const percent = (part / whole) * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '<0.1 %';
  if (percent < 10) return `${trim(percent.toFixed(1))} %`;
  // Nearly all is not all.
  if (percent > 99 && percent < 100) return '99 %';
  return `${Math.round(percent)} %`;
}

function trim(text: string): string {
  return text.replace(/\.0$/, '');
}

/** "1 customer", "2 customers" */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Milliseconds since 1970, or null for what is no time: empty, absent, or the zero time of the server (year 1). */
export function parseTime(text: string | null | undefined): number | null {
  if (!text || text.startsWith('0001-')) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** "now", "12 s ago", "in 3 min", "5 h ago", "yesterday", "12 days ago"; beyond 30 days the date. */
export function relative(text: string | null | undefined, now: number): string {
  const time = parseTime(text);
  if (time === null) return '–';
  const past = time <= now;
  const seconds = Math.floor(Math.abs(now - time) / 1000);
  if (seconds < 2) return 'now';
  const say = (count: number, unit: string) => (past ? `${count} ${unit} ago` : `in ${count} ${unit}`);
  if (seconds < 60) return say(seconds, 's');
  if (seconds < 3600) return say(Math.floor(seconds / 60), 'min');
  if (seconds < 86_400) return say(Math.floor(seconds / 3600), 'h');
  const days = Math.floor(seconds / 86_400);
  if (days === 1) return past ? 'yesterday' : 'tomorrow';
  if (days <= 30) return say(days, 'days');
  return day(time);
}

function day(time: number): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' }).format(time);
}

/** The whole date and time, to the second, with its zone: for titles. */
export function absolute(text: string | null | undefined, timeZone?: string): string {
  const time = parseTime(text);
  if (time === null) return '';
  return new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    ...(timeZone ? { timeZone } : {}),
  }).format(time);
}

/** How long it took: "0.4 s", "12 s", "3 min", "2 h", "4 days"; empty if either end is missing. */
export function took(from: string | null | undefined, to: string | null | undefined): string {
  const start = parseTime(from);
  const end = parseTime(to);
  if (start === null || end === null || end < start) return '';
  const seconds = (end - start) / 1000;
  if (seconds < 0.05) return 'less than 0.1 s';
  if (seconds < 10) return `${trim(seconds.toFixed(1))} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return plural(Math.floor(seconds / 86_400), 'day');
}

/** The first eight characters of a hash. */
export function short(hash: string | null | undefined): string {
  return (hash ?? '').slice(0, 8);
}

/** The file's name inside its journey's folder: "customer-lifecycle/lost.lua" -> "lost.lua". */
export function inJourney(file: string, journey: string): string {
  return file.startsWith(`${journey}/`) ? file.slice(journey.length + 1) : file;
}

/** "lost.lua:12", or the file alone where no line is known. */
export function place(file: string, line: number, journey = ''): string {
  const name = inJourney(file, journey);
  return line > 0 ? `${name}:${line}` : name;
}

/** How a long text begins: at most so many characters, and a sign that there is more. */
export function beginning(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

/** A text that others wrote, in which what turns the direction of writing around is seen instead of heeded. */
export function upright(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (sign) => `[U+${sign.charCodeAt(0).toString(16).toUpperCase()}]`);
}
