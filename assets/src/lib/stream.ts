export type Connection = 'connecting' | 'live' | 'reconnecting';

/** Who is told what comes in. */
export interface Listener {
  /** An overview, as JSON. */
  overview(text: string): void;
  connection(state: Connection): void;
  /** This tab is looked at again: what it shows may be old. */
  shown(): void;
}

const name = 'stagecraft-stream';

// Locks are missing where the page came by plain HTTP from another machine.
const shared = () => 'BroadcastChannel' in window && 'locks' in navigator;

// What tabs say to each other. One that comes in asks how things stand.
type Word = { overview: string } | { connection: Connection } | { asks: true };

/**
 * The server's stream, shared by all tabs of the console: a browser opens six connections to a server, and each stream
 * takes one for good. Of the tabs that are looked at one holds the stream, and tells the others what comes in. Where
 * a browser has no locks, each tab that is looked at has a stream of its own.
 */
export class Stream {
  #listener: Listener;
  #source: EventSource | null = null;
  #connection: Connection = 'connecting';
  #channel: BroadcastChannel | null = null;
  // Ends what this tab has, or waits for. Without it the tab wants no stream.
  #wish: AbortController | null = null;
  #pause = 1000;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Connects, and returns what disconnects. */
  start(): () => void {
    const stop = new AbortController();
    const { signal } = stop;
    document.addEventListener('visibilitychange', () => this.#look(), { signal });
    // A page that was left may be kept, to come back to. It keeps nothing that others wait for.
    window.addEventListener('pagehide', () => this.#leave(), { signal });
    window.addEventListener('pageshow', (event) => event.persisted && this.#join(), { signal });
    window.addEventListener('online', () => this.#retry !== undefined && this.#open(), { signal });
    this.#join();
    return () => {
      stop.abort();
      this.#leave();
    };
  }

  #join(): void {
    if (shared()) {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = (event: MessageEvent<Word>) => this.#hear(event.data);
      this.#tell({ asks: true });
    }
    // A tab that is opened behind others shows something, too.
    this.#listener.shown();
    if (!document.hidden) this.#want();
  }

  #leave(): void {
    this.#yield();
    this.#channel?.close();
    this.#channel = null;
  }

  // Who is not looked at holds no stream: a browser may put it to sleep.
  #look(): void {
    if (shared() && !this.#channel) return; // it comes back from where pages are kept, and joins in a moment
    if (document.hidden) return this.#yield();
    this.#listener.shown();
    this.#want();
  }

  #want(): void {
    if (this.#wish) return;
    this.#wish = new AbortController();
    if (this.#channel) void this.#queue(this.#wish.signal);
    else this.#hold(this.#wish.signal);
  }

  #yield(): void {
    this.#wish?.abort();
    this.#wish = null;
  }

  async #queue(signal: AbortSignal): Promise<void> {
    try {
      await navigator.locks.request(name, { signal }, () => {
        if (!signal.aborted) this.#hold(signal);
        return new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done())));
      });
    } catch {
      // Given up, or a browser that forbids locks.
      if (!signal.aborted) this.#hold(signal);
    }
  }

  #hold(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.#close());
    this.#open();
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#source?.close();
    this.#source = null;
  }

  #open(): void {
    this.#close();
    const source = new EventSource('/api/stream');
    this.#source = source;
    source.addEventListener('open', () => {
      this.#pause = 1000;
      this.#pass({ connection: 'live' });
    });
    source.addEventListener('overview', (event) => this.#pass({ overview: (event as MessageEvent<string>).data }));
    source.addEventListener('error', () => {
      if (this.#source !== source) return;
      this.#pass({ connection: 'reconnecting' });
      // After a broken connection the browser tries again by itself; after an answer that is no stream it gives up.
      if (source.readyState === EventSource.CLOSED) {
        this.#retry = setTimeout(() => this.#open(), this.#pause);
        this.#pause = Math.min(this.#pause * 2, 15_000);
      }
    });
  }

  #pass(word: Word): void {
    this.#tell(word);
    this.#hear(word);
  }

  #tell(word: Word): void {
    this.#channel?.postMessage(word);
  }

  #hear(word: Word): void {
    if ('overview' in word) {
      this.#listener.overview(word.overview);
    } else if ('connection' in word) {
      this.#connection = word.connection;
      this.#listener.connection(word.connection);
    } else if (this.#source) {
      this.#tell({ connection: this.#connection });
    }
  }
}
