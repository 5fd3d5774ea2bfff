import { describe, expect, it } from '@jest/globals';
import { chooseMeans } from './watch-means.js';

describe('chooseMeans', () => {
  it.each([
    ['NOTIFY', {}],
    ['IDLE', { notify: false }],
    ['IDLE', { notifyRefused: true }],
    ['POLL', { idle: false }],
    ['POLL', { idleRefused: true }],
    ['POLL', { idle: false, notify: false }],
  ])('watches by %s where %j', (means, input) => {
    const all = { idle: true, notify: true, idleRefused: false, notifyRefused: false };
    expect(chooseMeans({ ...all, ...input })).toBe(means);
  });
});
