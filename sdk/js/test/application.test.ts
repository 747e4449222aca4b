import * as assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Application, ApplicationOptions, Event, ExecutionError, Service } from '@mesg/sdk';
import { FakeCore, TOKEN, until } from './fake-core';

let core: FakeCore;
let app: Application;
let service: Service | undefined;

beforeEach(async () => {
  core = new FakeCore();
  await core.start();
  app = newApplication();
  service = undefined;
});
afterEach(async () => {
  app.close();
  await service?.stop({ timeout: 100 });
  core.stop();
});

const connection = () => ({ endpoint: core.endpoint, log: () => {}, reconnect: { initial: 5, max: 50 } });

function newApplication(options: ApplicationOptions = {}): Application {
  return new Application({ ...connection(), ...options });
}

async function serve(): Promise<Service> {
  service = new Service({ ...connection(), token: TOKEN, handleSignals: false });
  service.task('double', ({ n }) => ({ n: n * 2 }));
  service.task('fail', (_inputs, { executionId }) => {
    throw new Error(`no: ${executionId}`);
  });
  await service.start();
  return service;
}

async function restart(): Promise<void> {
  core.stop();
  await core.start();
}

test('execute() resolves with the output', async () => {
  await serve();
  const result = await app.execute('shop', 'double', { n: 21 }, {
    tags: ['a'], timeout: 1_500, retry: { attempts: 2, initial: 100 }, priority: 5,
  });
  assert.deepEqual(result.outputs, { n: 42 });
  assert.equal(result.output, '');
  assert.equal(result.raw.toString(), '{"n":42}');
  const { request } = core.createMessages[0].creates[0];
  assert.equal(request.timeoutUs, '1500000');
  assert.equal(request.retry.attempts, 2);
  assert.equal(request.retry.initialUs, '100000');
  assert.equal(request.priority, 5);
  assert.deepEqual(request.tags, ['a']);
  assert.notEqual(request.idempotencyKey, '');
  const execution = await app.get(result.id);
  assert.equal(execution.state, 'COMPLETED');
  assert.deepEqual(execution.result, result);
  assert.deepEqual(execution.inputs, { n: 21 });
});

test('many calls at once share a stream and its messages', async () => {
  await serve();
  const all = await Promise.all(Array.from({ length: 1_000 }, (_, n) => app.execute('shop', 'double', { n })));
  assert.deepEqual(all.map((result) => result.outputs.n), Array.from({ length: 1_000 }, (_, n) => n * 2));
  assert.equal(core.createMessages.length, 2);
});

test('a failed execution rejects with what the service said', async () => {
  await serve();
  await assert.rejects(app.execute('shop', 'fail'), (error: any) => {
    assert.ok(error instanceof ExecutionError);
    assert.equal(error.state, 'FAILED');
    assert.equal(error.error, `no: ${error.execution.id}`);
    assert.deepEqual({ ...error.execution, id: '' }, { id: '', service: 'shop', task: 'fail' });
    return true;
  });
});

test('a refused request rejects with the reason, and takes no other with it', async () => {
  await serve();
  const [good, bad] = await Promise.allSettled([
    app.execute('shop', 'double', { n: 1 }),
    app.execute('shop', 'missing'),
  ]);
  assert.equal(good.status, 'fulfilled');
  const { reason } = bad as PromiseRejectedResult;
  assert.deepEqual([reason.code, reason.reason, reason.message], ['NOT_FOUND', 'TASK_NOT_FOUND', 'no such task']);
  await assert.rejects(app.execute('shop', 'double', []), { code: 'INVALID_ARGUMENT', reason: 'NOT_AN_OBJECT' });
});

test('an unknown execution is a clear error with its details', async () => {
  await assert.rejects(app.get('nope'), {
    code: 'NOT_FOUND', reason: 'EXECUTION_NOT_FOUND',
    violations: [{ field: 'id', description: 'expected a Number, got a String' }],
  });
});

test('a create whose acknowledgement was lost is not executed twice', async () => {
  core.loseCreateAnswers = 1;
  const pending = app.execute('shop', 'double', { n: 4 });
  await until(() => core.createMessages.length === 2, 'the second try');
  await serve();
  assert.equal((await pending).outputs.n, 8);
  assert.equal(core.executions.size, 1);
});

test('a wait goes on after Core was away', async () => {
  const pending = app.execute('shop', 'double', { n: 4 });
  await until(() => core.executions.size === 1, 'the creation');
  // Behind the acknowledgement of a later one, the first is known to be durable.
  await app.create('shop', 'double', { n: 5 });
  await restart();
  await serve();
  assert.equal((await pending).outputs.n, 8);
  assert.equal(core.executions.size, 2);
  assert.equal(core.waits, 1);
});

test('executions asked for while Core is away are made when it is back', async () => {
  core.stop();
  const all = Array.from({ length: 20 }, (_, n) => app.execute('shop', 'double', { n }));
  await core.start();
  await serve();
  assert.deepEqual((await Promise.all(all)).map((result) => result.outputs.n), all.map((_, n) => n * 2));
  assert.equal(core.executions.size, 20);
});

test('create() gives the id, wait() the result, and an idempotency key the first execution', async () => {
  const id = await app.create('shop', 'double', { n: 3 }, { idempotencyKey: 'order-7' });
  assert.equal(await app.create('shop', 'double', { n: 3 }, { idempotencyKey: 'order-7' }), id);
  const waiting = app.wait(id);
  await serve();
  assert.deepEqual((await waiting).outputs, { n: 6 });
});

test('cancel() makes the wait reject, and refuses what is over', async () => {
  const pending = app.execute('shop', 'double', { n: 3 });
  const rejected = assert.rejects(pending, { name: 'ExecutionError', state: 'CANCELLED', error: 'changed my mind' });
  await until(() => core.executions.size === 1, 'the creation');
  const [id] = core.executions.keys();
  assert.equal((await app.cancel(id, 'changed my mind')).state, 'CANCELLED');
  await rejected;
  // Said twice it is still cancelled.
  assert.equal((await app.cancel(id)).state, 'CANCELLED');
  await serve();
  const done = await app.execute('shop', 'double', { n: 1 });
  await assert.rejects(app.cancel(done.id), { code: 'FAILED_PRECONDITION', reason: 'EXECUTION_FINAL' });
});

test('an unknown outcome rejects with its state', async () => {
  const pending = app.execute('shop', 'double', { n: 3 });
  const rejected = assert.rejects(pending, { state: 'OUTCOME_UNKNOWN', code: 'ABORTED', error: 'worker lost' });
  await until(() => core.executions.size === 1, 'the creation');
  core.complete([...core.executions.values()][0], 'OUTCOME_UNKNOWN', { error: 'worker lost' });
  await rejected;
});

test('an aborted signal ends the wait and not the execution', async () => {
  const abort = new AbortController();
  const pending = app.execute('shop', 'double', { n: 3 }, { signal: abort.signal });
  const rejected = assert.rejects(pending, { code: 'CANCELLED', reason: 'ABORTED_BY_SIGNAL' });
  await until(() => core.executions.size === 1, 'the creation');
  abort.abort();
  await rejected;
  await assert.rejects(app.execute('shop', 'double', {}, { signal: abort.signal }), { code: 'CANCELLED' });
  assert.equal([...core.executions.values()][0].state, 'CREATED');
});

test('patience and maxPending bound what waits', async () => {
  const bounded = newApplication({ maxPending: 1, patience: 30 });
  const first = bounded.execute('shop', 'double', {}).catch((error) => error);
  await assert.rejects(bounded.execute('shop', 'double', {}), { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_PENDING' });
  core.stop();
  assert.equal((await first).code, 'UNAVAILABLE');
  bounded.close();
});

test('close() rejects what is under way', async () => {
  const pending = assert.rejects(app.execute('shop', 'double', {}), { code: 'CANCELLED', reason: 'CLOSED' });
  app.close();
  await pending;
  await assert.rejects(app.execute('shop', 'double', {}), { reason: 'CLOSED' });
  assert.throws(() => app.listenEvents({}, () => {}), { reason: 'CLOSED' });
});

test('a live listener hears what matches, from now on, in order', async () => {
  core.emit('order', { total: 500 });
  const heard: Event[] = [];
  const listener = await app.listenEvents(
    { service: 'shop', key: 'order', where: [{ path: 'total', op: 'GT', value: 100 }] },
    async (event) => {
      await new Promise((resolve) => setImmediate(resolve));
      heard.push(event);
    },
  );
  core.emit('order', { total: 101 });
  core.emit('order', { total: 99 });
  core.emit('refund', { total: 1000 });
  core.emit('order', { total: 102 });
  await until(() => heard.length === 2, 'two events');
  assert.deepEqual(heard.map((event) => event.data.total), [101, 102]);
  assert.equal(heard[0].source.service, 'shop');
  assert.equal(heard[0].raw.toString(), '{"total":101}');
  assert.equal(heard[0].time.getTime(), 1_700_000_000_000);
  await listener.stop();
  assert.equal(listener.position, '5');
  await until(() => core.connectedListeners === 0, 'the stream to end');
});

test('a live listener misses nothing while it is disconnected', async () => {
  const heard: number[] = [];
  const listener = await app.listenEvents({ key: 'tick' }, (event) => heard.push(event.data.n));
  // Nothing heard yet: it goes on from where it was ready.
  core.stop();
  core.emit('tick', { n: 1 });
  await core.start();
  await until(() => heard.length === 1, 'the first');
  core.emit('tick', { n: 2 });
  core.emit('other', {});
  await until(() => heard.length === 2, 'the second');
  core.dropStreams();
  core.emit('tick', { n: 3 });
  await until(() => heard.length === 3, 'the third');
  assert.deepEqual(heard, [1, 2, 3]);
  await listener.stop();
});

test('history is replayed from the oldest or from behind a position', async () => {
  const positions = [1, 2, 3].map((n) => core.emit('tick', { n }));
  const all: number[] = [];
  const some: number[] = [];
  await app.listenEvents({ from: 'oldest' }, (event) => all.push(event.data.n));
  await app.listenEvents({ from: positions[0] }, (event) => some.push(event.data.n));
  core.emit('tick', { n: 4 });
  await until(() => all.length === 4 && some.length === 3, 'history and the live event');
  assert.deepEqual([all, some], [[1, 2, 3, 4], [2, 3, 4]]);
  await assert.rejects(app.listenEvents({ from: '999' }, () => {}), { code: 'OUT_OF_RANGE', reason: 'POSITION_GONE' });
});

test('results are heard by task, output, tags and outputs', async () => {
  const heard: string[] = [];
  await app.listenResults(
    { service: 'shop', task: 'pay', output: 'ok', tags: ['a', 'b'], where: [{ path: 'sum', op: 'EXISTS' }] },
    (result) => heard.push(`${result.id} ${result.state} ${result.result!.outputs.sum}`),
  );
  const finish = (task: string, tags: string[], outputKey: string, outputs: object) => {
    const execution = core.execute(task, {}, { tags });
    core.complete(execution, 'COMPLETED', { outputKey, outputs: Buffer.from(JSON.stringify(outputs)) });
    return execution.id;
  };
  finish('pay', ['a'], 'ok', { sum: 1 });
  finish('pay', ['a', 'b'], 'error', { sum: 2 });
  finish('pay', ['a', 'b'], 'ok', {});
  finish('other', ['a', 'b'], 'ok', { sum: 3 });
  const id = finish('pay', ['c', 'b', 'a'], 'ok', { sum: 4 });
  await until(() => heard.length === 1, 'the result');
  assert.deepEqual(heard, [`${id} COMPLETED 4`]);
});

test('a subscription is made, acknowledged after the handler, and goes on where it was', async () => {
  const heard: number[] = [];
  const options = { key: 'tick', subscription: 'mine', from: 'oldest' };
  core.emit('tick', { n: 1 });
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = await app.listenEvents(options, async (event) => {
    if (event.data.n === 2) await held;
    heard.push(event.data.n);
  });
  core.emit('tick', { n: 2 });
  await until(() => core.subscriptions.get('mine')!.acknowledged === 1, 'the first acknowledgement');
  assert.deepEqual(heard, [1]);
  release();
  await until(() => core.subscriptions.get('mine')!.acknowledged === 2, 'the second acknowledgement');
  await first.stop();
  core.emit('tick', { n: 3 });
  await restart();
  const second = await app.listenEvents(options, (event) => heard.push(event.data.n));
  await until(() => heard.length === 3, 'the third');
  assert.deepEqual(heard, [1, 2, 3]);
  await second.stop();
  await assert.rejects(app.listenEvents({ ...options, key: 'tock' }, () => {}), { code: 'ALREADY_EXISTS' });
});

test('what a subscription has handled does not come again after a broken connection', async () => {
  const heard: number[] = [];
  await app.listenEvents({ subscription: 'mine' }, (event) => {
    heard.push(event.data.n);
    if (event.data.n === 2) core.dropStreams();
  });
  core.emit('tick', { n: 1 });
  core.emit('tick', { n: 2 });
  core.emit('tick', { n: 3 });
  await until(() => heard.includes(3), 'the third');
  await until(() => core.subscriptions.get('mine')!.acknowledged === 3, 'the acknowledgement');
  assert.deepEqual(heard, [1, 2, 3]);
});

test('a handler that throws stops the listener and leaves its event unacknowledged', async () => {
  const listener = await app.listenEvents({ subscription: 'mine' }, (event) => {
    if (event.data.n === 2) throw new Error('cannot');
  });
  const closed = assert.rejects(listener.closed, { message: 'cannot' });
  [1, 2, 3].forEach((n) => core.emit('tick', { n }));
  await closed;
  assert.equal(core.subscriptions.get('mine')!.acknowledged, 1);
});

test('onError may skip an event or have it handled again', async () => {
  const heard: number[] = [];
  let tries = 0;
  await app.listenEvents(
    { onError: (_error, event) => (event.data.n === 1 ? 'skip' : 'retry') },
    (event) => {
      if (event.data.n === 1 || (event.data.n === 2 && ++tries < 3)) throw new Error('cannot');
      heard.push(event.data.n);
    },
  );
  [1, 2, 3].forEach((n) => core.emit('tick', { n }));
  await until(() => heard.length === 2, 'the others');
  assert.deepEqual(heard, [2, 3]);
  assert.equal(tries, 3);
});

test('events() and results() can be iterated, over broken connections too', async () => {
  core.emit('tick', { n: 1 });
  const heard: number[] = [];
  for await (const event of app.events<{ n: number }>({ key: 'tick', from: 'oldest' })) {
    heard.push(event.data.n);
    if (event.data.n === 5) break;
    if (event.data.n === 3) core.dropStreams();
    core.emit('tick', { n: event.data.n + 1 });
  }
  assert.deepEqual(heard, [1, 2, 3, 4, 5]);
  core.complete(core.execute('pay'), 'COMPLETED', { outputs: Buffer.from('{"sum":7}') });
  for await (const result of app.results<{ sum: number }>({ from: 'oldest' })) {
    assert.equal(result.result!.outputs.sum, 7);
    break;
  }
  await until(() => core.connectedListeners === 0, 'the streams to end');
});

test('a signal ends an iteration', async () => {
  const abort = new AbortController();
  core.emit('tick', {});
  let count = 0;
  for await (const _event of app.events({ from: 'oldest', signal: abort.signal })) {
    count += 1;
    setImmediate(() => abort.abort());
  }
  assert.equal(count, 1);
});

test('nothing is lost behind a handler that is slow', async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  let heard = 0;
  await app.listenEvents({}, async () => {
    await held;
    heard += 1;
  });
  const text = 'x'.repeat(10_000);
  for (let n = 0; n < 500; n += 1) core.emit('tick', { text });
  release();
  await until(() => heard === 500, 'all of them');
});

test('inputs too large for the stream are refused and the others arrive', async () => {
  await serve();
  const [large, small] = await Promise.allSettled([
    app.execute('shop', 'double', { text: 'x'.repeat(5 << 20) }),
    app.execute('shop', 'double', { n: 1 }),
  ]);
  assert.equal((large as PromiseRejectedResult).reason.code, 'RESOURCE_EXHAUSTED');
  assert.equal(small.status, 'fulfilled');
});
