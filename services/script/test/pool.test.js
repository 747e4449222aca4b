'use strict';
// Threads: scripts beside each other, and those that have to be ended.
const assert = require('node:assert/strict');
const { after, test } = require('node:test');
const { Pool } = require('../pool');
const { ScriptError } = require('../sandbox');

const pool = new Pool(2);
after(() => pool.close());

const job = (code, limits = {}) => ({ code, input: '1', timeout: 60_000, memory: 32, ...limits });
const answer = async (code) => (await pool.run(job(code))).result;

test('a script that computes keeps no other waiting', async () => {
  const abort = new AbortController();
  const busy = pool.run(job('for (;;);'), abort.signal);
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map((n) => answer(`return ${n} + input;`))), ['2', '3', '4', '5']);
  abort.abort(new Error('enough'));
  await assert.rejects(busy, /^Error: enough$/);
  assert.equal(await answer('return 7;'), '7');
});

test('more scripts than threads', async () => {
  const codes = Array.from({ length: 50 }, (_, n) => (n % 5 ? `return ${n};` : 'throw new Error("fifth");'));
  const ended = await Promise.allSettled(codes.map(answer));
  ended.forEach(({ value, reason }, n) => {
    if (n % 5) assert.equal(value, String(n));
    else assert.match(reason.message, /^line 1: Error: fifth$/);
  });
});

test('what its engine cannot interrupt ends with its thread', async () => {
  // The engine ends the inner function alone, and its promise takes the interruption for an error.
  const code = 'for (;;) (async () => { for (;;); })();';
  await assert.rejects(pool.run(job(code, { timeout: 50 })), (error) => {
    assert.ok(error instanceof ScriptError);
    assert.match(error.message, /^it ran longer than 50 ms, its time limit$/);
    return true;
  });
  assert.deepEqual(await Promise.all([answer('return 1;'), answer('return 2;'), answer('return 3;')]), ['1', '2', '3']);
});

test('a script that was given up before it began is not run', async () => {
  const abort = new AbortController();
  abort.abort(new Error('not wanted'));
  await assert.rejects(pool.run(job('return 1;'), abort.signal), /^Error: not wanted$/);
  const enough = [new AbortController(), new AbortController()];
  const busy = enough.map(({ signal }) => pool.run(job('for (;;);'), signal));
  const late = new AbortController();
  const waiting = pool.run(job('return 1;'), late.signal);
  late.abort(new Error('not wanted'));
  await assert.rejects(waiting, /^Error: not wanted$/);
  for (const one of enough) one.abort(new Error('enough'));
  for (const one of busy) await assert.rejects(one, /^Error: enough$/);
});

test('closed, it rejects what it holds', async () => {
  const other = new Pool(1);
  const held = [other.run(job('for (;;);')), other.run(job('return 1;'))];
  const told = Promise.all(held.map((one) => assert.rejects(one, /^Error: the service stops$/)));
  await other.close();
  await told;
});
