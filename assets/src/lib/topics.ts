// How topics are called. GET /api/topics.

import { call } from '../api';

export interface Topic {
  name: string;
  /** By language; under '' what holds for all that are not named. */
  title: Record<string, string>;
}

export async function readTopics(signal?: AbortSignal): Promise<Topic[]> {
  return (await call<{ topics: Topic[] }>('GET', '/api/topics', undefined, signal)).topics;
}

/** The title of a topic in the language of the console; without one its name. */
export function topicTitle(topics: Topic[], name: string): string {
  const title = topics.find((topic) => topic.name === name)?.title;
  return title?.en || title?.[''] || name;
}
