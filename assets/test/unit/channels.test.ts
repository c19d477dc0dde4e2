import { describe, expect, test } from 'vitest';
import { pauseText, standOf } from '../../src/lib/channels';

const pause = { channel: 'email', by: 'Ops', why: 'the price is wrong', at: '2026-11-23T12:00:00Z' };

describe('standOf', () => {
  test('how a connector is', () => {
    expect(standOf({ state: 'running' })).toEqual({ word: 'running', tone: 'good' });
    expect(standOf({ state: 'starting' })).toEqual({ word: 'starting', tone: 'warn' });
    expect(standOf({ state: 'backoff' })).toEqual({ word: 'backoff', tone: 'bad' });
    expect(standOf({ state: 'idle' })).toEqual({ word: 'idle', tone: '' });
    expect(standOf({ state: 'none' })).toEqual({ word: 'not set up', tone: '' });
    expect(standOf({ state: 'none', lastError: 'the file was changed' })).toEqual({ word: 'not started', tone: 'bad' });
  });

  test('what runs and is paused is not green', () => {
    expect(standOf({ state: 'running', pauses: [pause] })).toEqual({ word: 'paused', tone: 'warn' });
    expect(standOf({ state: 'running', pauses: [{ ...pause, kind: 'marketing' }] })).toEqual({ word: 'marketing paused', tone: 'warn' });
    expect(standOf({ state: 'running', pauses: [{ ...pause, kind: 'marketing' }, { ...pause, kind: 'transactional' }] }).word).toBe('paused');
    expect(standOf({ state: 'stopped', pauses: [pause] }).tone).toBe('bad');
  });
});

test('a pause is told with who and why', () => {
  expect(pauseText(pause)).toBe('It is paused by Ops: the price is wrong.');
  expect(pauseText({ ...pause, kind: 'marketing', why: '' })).toBe('Its marketing messages are paused by Ops.');
});
