'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Limits, rounded } = require('../limits');

test('what the environment says', () => {
  const limits = new Limits({ TIMEOUT: '1s500ms', MEMORY: '64', THREADS: '2', MAX_MEMORY: '' });
  assert.deepEqual({ ...limits }, { threads: 2, maxTimeout: 30_000, timeout: 1500, maxMemory: 256, memory: 64 });
  const wrong = (env, message) => assert.throws(() => new Limits(env), { message });
  wrong({ TIMEOUT: '5' }, 'TIMEOUT: expected a duration like 500ms or 10s, got "5"');
  wrong({ TIMEOUT: '0s' }, 'TIMEOUT: expected a duration like 500ms or 10s, got "0s"');
  wrong({ TIMEOUT: '1m' }, 'TIMEOUT: expected at most 30000ms, got 1m');
  wrong({ MAX_TIMEOUT: '2m' }, 'MAX_TIMEOUT: expected at most 50000ms, got 2m');
  wrong({ MEMORY: 'much' }, 'MEMORY: expected a whole number from 1 to 256, got "much"');
  wrong({ THREADS: '0' }, 'THREADS: expected a whole number from 1 to 64, got "0"');
});

test('what a task asks for', () => {
  const limits = new Limits({});
  assert.deepEqual(limits.of({}), { timeout: 5000, memory: 32 });
  assert.deepEqual(limits.of({ timeout: '250ms', memory: 256 }), { timeout: 250, memory: 256 });
  assert.throws(() => limits.of({ timeout: '31s' }), { message: 'timeout: expected at most 30000ms, got 31s' });
  assert.throws(() => limits.of({ memory: 1.5 }), { message: 'memory: expected a whole number from 1 to 256, got 1.5' });
});

test('numbers that JavaScript would round are found', () => {
  assert.equal(rounded('{"a": [9007199254740992, 0.1, 1e300, -12], "b": "9007199254740993"}'), undefined);
  assert.equal(rounded('{"b": "\\"", "a": 9007199254740993}'), '9007199254740993');
  assert.equal(rounded('[340282366920938463463374607431768211455]'), '340282366920938463463374607431768211455');
  assert.equal(rounded(`["${'x'.repeat(4_000_000)}"]`), undefined);
});
