import { complete, getOverview, ApiError, type Overview } from '../api';

export type Connection = 'connecting' | 'live' | 'reconnecting';

/** The newest overview, kept up to date by the server's stream. One per page. */
export class Live {
  overview = $state.raw<Overview | null>(null);
  connection = $state<Connection>('connecting');
  /** Why there is nothing to show yet. */
  problem = $state('');
  /** The server's time, in milliseconds; it moves on once a second. */
  now = $state(Date.now());

  #source: EventSource | null = null;
  #skew = 0;
  // When what is shown was so, by the server's clock.
  #newest = Number.NaN;
  #pause = 1000;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;

  /** Connects, and returns what disconnects. */
  start(): () => void {
    this.#tick = setInterval(() => {
      if (!document.hidden) this.now = Date.now() + this.#skew;
    }, 1000);
    const back = () => this.#retry !== undefined && this.#connect();
    window.addEventListener('online', back);
    this.#connect();
    return () => {
      window.removeEventListener('online', back);
      clearInterval(this.#tick);
      clearTimeout(this.#retry);
      clearTimeout(this.#again);
      this.#source?.close();
    };
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#source?.close();
    const source = new EventSource('/api/stream');
    this.#source = source;
    // The stream speaks up when something changes; the first picture is fetched.
    void this.refresh();
    source.addEventListener('open', () => {
      this.#pause = 1000;
      // A server that was started anew may have set its clock back.
      this.#newest = Number.NaN;
      if (this.connection === 'reconnecting') void this.refresh();
      this.connection = 'live';
    });
    source.addEventListener('overview', (event) => {
      try {
        this.#take(complete(JSON.parse((event as MessageEvent<string>).data) as Partial<Overview>));
      } catch {
        // Half a message, from a connection that broke: the next one is whole.
      }
    });
    source.addEventListener('error', () => {
      if (this.#source !== source) return;
      this.connection = 'reconnecting';
      // After a broken connection the browser tries again by itself; after an answer that is no stream it gives up.
      if (source.readyState === EventSource.CLOSED) {
        this.#retry = setTimeout(() => this.#connect(), this.#pause);
        this.#pause = Math.min(this.#pause * 2, 15_000);
      }
    });
  }

  /** Fetches the overview now, and until it is there: the stream is silent while nothing changes. */
  async refresh(): Promise<void> {
    clearTimeout(this.#again);
    try {
      this.#take(await getOverview());
    } catch (error) {
      this.problem = error instanceof ApiError ? error.message : String(error);
      this.#again = setTimeout(() => void this.refresh(), 2000);
    }
  }

  #take(overview: Overview): void {
    const at = Date.parse(overview.at);
    // An answer that was overtaken by the stream.
    if (at < this.#newest) return;
    if (!Number.isNaN(at)) {
      this.#newest = at;
      this.#skew = at - Date.now();
      this.now = at;
    }
    this.problem = '';
    this.overview = overview;
  }
}
