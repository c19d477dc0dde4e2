import { complete, getOverview, ApiError, type Overview } from '../api';
import { Stream, type Connection } from './stream';

/** The newest overview, kept up to date by the server's stream. One per page. */
export class Live {
  overview = $state.raw<Overview | null>(null);
  connection = $state<Connection>('connecting');
  /** Why there is nothing to show yet. */
  problem = $state('');
  /** Why the server gives nothing any more to whoever looks, such as with a key that was changed. */
  refused = $state('');
  /** The server's time, in milliseconds; it moves on once a second. */
  now = $state(Date.now());

  #skew = 0;
  // When what is shown was so, by the server's clock.
  #newest = Number.NaN;
  #again: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;

  /** Connects, and returns what disconnects. */
  start(): () => void {
    this.#tick = setInterval(() => {
      if (!document.hidden) this.now = Date.now() + this.#skew;
    }, 1000);
    // The stream speaks up when something changes; the first picture is fetched.
    const stop = new Stream({
      overview: (text) => this.#read(text),
      connection: (state) => this.#connected(state),
      shown: () => this.#shown(),
    }).start();
    return () => {
      stop();
      clearInterval(this.#tick);
      clearTimeout(this.#again);
    };
  }

  #shown(): void {
    // A server that was started anew may have set its clock back.
    this.#newest = Number.NaN;
    void this.refresh();
  }

  #connected(state: Connection): void {
    if (state === this.connection) return;
    if (state === 'live') this.#newest = Number.NaN;
    // A stream does not say why it ended: an answer does.
    if (this.connection === 'reconnecting' || state === 'reconnecting') void this.refresh();
    this.connection = state;
  }

  #read(text: string): void {
    try {
      this.#take(complete(JSON.parse(text) as Partial<Overview>));
    } catch {
      // Half a message, from a connection that broke: the next one is whole.
    }
  }

  /** Fetches the overview now, and until it is there: the stream is silent while nothing changes. */
  async refresh(): Promise<void> {
    clearTimeout(this.#again);
    try {
      this.#take(await getOverview());
    } catch (error) {
      this.problem = error instanceof ApiError ? error.message : String(error);
      if (error instanceof ApiError && error.status === 401) {
        this.refused = this.problem; // the browser has asked for the key; to ask again and again would not let anybody work
        return;
      }
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
    this.problem = this.refused = '';
    this.overview = overview;
  }
}
