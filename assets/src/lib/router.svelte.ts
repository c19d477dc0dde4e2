import { journeyHash, nowhere, parseRoute, type Route } from './route';

/** The page's route. One per page. */
export class Router {
  route = $state.raw<Route>(nowhere);
  /** The journey shown, which stays while a message is open. */
  journey = $state('');

  start(): () => void {
    const read = () => {
      this.route = parseRoute(location.hash);
      if (this.route.journey) this.journey = this.route.journey;
    };
    read();
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }

  /** Closes what is open. */
  close(): void {
    if (!this.route.file && !this.route.message) return;
    history.replaceState(null, '', this.journey ? journeyHash(this.journey) : '#/');
    this.route = { ...nowhere, journey: this.journey };
  }
}
