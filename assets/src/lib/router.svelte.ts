import { customerHash, journeyHash, nowhere, parseRoute, type Route } from './route';

/** The page's route. One per page. */
export class Router {
  route = $state.raw<Route>(nowhere);
  /** The journey shown, which stays while a message is open. */
  journey = $state('');
  /** The page shown and its query, which stay likewise; empty: the journeys. */
  page = $state('');
  query = $state('');

  start(): () => void {
    const read = () => {
      this.route = parseRoute(location.hash);
      if (this.route.journey) this.journey = this.route.journey;
      if (!this.route.message) ({ page: this.page, query: this.query } = this.route);
    };
    read();
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }

  /** Closes what is open. */
  close(): void {
    if (!this.route.file && !this.route.message) return;
    const behind = this.journey ? journeyHash(this.journey) : '#/';
    const customer = this.page === 'customers' ? new URLSearchParams(this.query).get('id') : null;
    const page = customer ? customerHash(customer) : `#/${this.page}${this.query && `?${this.query}`}`;
    history.replaceState(null, '', this.page ? page : behind);
    this.route = { ...nowhere, journey: this.journey, page: this.page, query: this.query };
  }
}
