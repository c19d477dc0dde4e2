// The console's pages beside the journeys, in the order of the navigation. Each is a chunk of its own, loaded when it is
// opened. Those of which there is nothing yet are not in the list, so that no link leads nowhere.

import type { Component } from 'svelte';
import type { Overview } from '../api';
import type { Notice } from './notice.svelte';

/** What every page is given. */
export interface PageProps {
  overview: Overview;
  /** The server's time, milliseconds since 1970. */
  now: number;
  notice: Notice;
  /** What stands behind the ? of the page's address, such as filters; see pageHash. */
  query: string;
  /** The message whose drawer is open over the page, or empty. */
  open: string;
}

export interface Page {
  /** Its address is #/NAME. */
  name: string;
  title: string;
  /** It is opened from a customer, and not from the navigation. */
  beside?: boolean;
  load: () => Promise<{ default: Component<PageProps> }>;
}

export const pages: Page[] = [
  { name: 'customers', title: 'Customers', load: () => import('../view/CustomersPage.svelte') },
  { name: 'events', title: 'Events', load: () => import('../view/EventsPage.svelte') },
  { name: 'figures', title: 'Figures', load: () => import('../view/FiguresPage.svelte') },
  { name: 'moves', title: 'Moves', load: () => import('../view/MovesPage.svelte') },
  { name: 'why', title: 'Why', beside: true, load: () => import('../view/WhyPage.svelte') },
  { name: 'segments', title: 'Segments', load: () => import('../view/SegmentsPage.svelte') },
  { name: 'broadcasts', title: 'Broadcasts', load: () => import('../view/BroadcastsPage.svelte') },
  { name: 'messages', title: 'Messages', load: () => import('../view/MessagesPage.svelte') },
  { name: 'forms', title: 'Forms', load: () => import('../view/FormsPage.svelte') },
  { name: 'calls', title: 'Calls', load: () => import('../view/CallsPage.svelte') },
  { name: 'sources', title: 'Sources', load: () => import('../view/SourcesPage.svelte') },
  { name: 'data', title: 'Data', load: () => import('../view/DataPage.svelte') },
  { name: 'channels', title: 'Channels', load: () => import('../view/ChannelsPage.svelte') },
  { name: 'keys', title: 'Keys', load: () => import('../view/KeysPage.svelte') },
];
