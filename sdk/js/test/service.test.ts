import * as assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { MesgError, output, PermanentError, raw, Service, ServiceOptions, TaskContext } from '@mesg/sdk';
import { FakeCore, TOKEN, until } from './fake-core';

let core: FakeCore;
let services: Service[];

beforeEach(async () => {
  core = new FakeCore();
  services = [];
  await core.start();
});
afterEach(async () => {
  await Promise.all(services.map((service) => service.stop({ timeout: 100 })));
  core.stop();
});

function newService(options: ServiceOptions = {}): Service {
  const service = new Service({
    endpoint: core.endpoint, token: TOKEN, handleSignals: false, log: () => {}, reconnect: { initial: 5, max: 50 },
    ...options,
  });
  services.push(service);
  return service;
}

/** A promise that is settled from outside. */
function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}

const json = (bytes: Buffer) => JSON.parse(bytes.toString());

test('a task gets its inputs and answers with its output', async () => {
  const service = newService();
  let context!: TaskContext;
  service.task('greet', async ({ name }, given) => {
    context = given;
    return { message: `Hello ${name}` };
  });
  await service.start();
  const done = await core.finished(core.execute('greet', { name: 'Ada' }, { tags: ['vip'] }));
  assert.equal(done.state, 'COMPLETED');
  assert.equal(done.outcome.outputKey, '');
  assert.deepEqual(json(done.outcome.outputs), { message: 'Hello Ada' });
  assert.equal(context.executionId, done.id);
  assert.equal(context.attempt, 1);
  assert.deepEqual(context.tags, ['vip']);
  assert.equal(context.deadline, undefined);
  assert.equal(context.traceparent, 'trace');
  assert.equal(await context.settled, true);
  assert.deepEqual(core.hellos[0].tasks, ['greet']);
  assert.equal(core.hellos[0].credits, 64);
});

test('a named output is answered under its key, from the context or from output()', async () => {
  const service = newService();
  service.task('a', (_inputs, context) => context.output('success', { from: 'context' }));
  service.task('b', () => output('error', { from: 'function' }));
  await service.start();
  assert.equal((await core.finished(core.execute('a'))).outcome.outputKey, 'success');
  const b = await core.finished(core.execute('b'));
  assert.equal(b.outcome.outputKey, 'error');
  assert.deepEqual(json(b.outcome.outputs), { from: 'function' });
});

test('an output set that looks like a named output is left as it is', async () => {
  const service = newService();
  service.task('a', () => ({ output: 'x', data: { y: 1 } }));
  await service.start();
  const done = await core.finished(core.execute('a'));
  assert.equal(done.outcome.outputKey, '');
  assert.deepEqual(json(done.outcome.outputs), { output: 'x', data: { y: 1 } });
});

test('an exception is a failure that is tried again', async () => {
  const service = newService();
  let calls = 0;
  service.task('flaky', () => {
    calls += 1;
    if (calls < 3) throw new Error(`no luck ${calls}`);
    return {};
  });
  await service.start();
  const done = await core.finished(core.execute('flaky'));
  assert.equal(done.state, 'COMPLETED');
  assert.deepEqual(done.attempts.map((attempt) => attempt.reason), ['no luck 1', 'no luck 2']);
});

test('a PermanentError is not tried again', async () => {
  const service = newService();
  service.task('never', async () => {
    throw new PermanentError('no such account');
  });
  await service.start();
  const done = await core.finished(core.execute('never'));
  assert.equal(done.state, 'FAILED');
  assert.equal(done.outcome.error, 'no such account');
  assert.equal(done.attempts.length, 1);
});

test('outputs that are no object fail for good, with the task in the message', async () => {
  const service = newService();
  service.task('wrong', () => [1, 2] as any);
  await service.start();
  const done = await core.finished(core.execute('wrong'));
  assert.equal(done.outcome.error, 'what task "wrong" returns must be an object, got an array');
  assert.equal(done.attempts.length, 1);
});

test('outputs that Core refuses become a failure instead of nothing', async () => {
  const service = newService();
  service.task('a', () => ({ wrong: true }));
  core.refuseAnswers.push({ code: 3, message: 'outputs.wrong is not declared', reason: 'OUTPUTS_INVALID' });
  await service.start();
  const done = await core.finished(core.execute('a'));
  assert.equal(done.state, 'FAILED');
  assert.equal(done.outcome.error, 'outputs.wrong is not declared');
});

test('an answer that Core is too busy for is given again', async () => {
  const service = newService();
  let calls = 0;
  service.task('a', () => ({ calls: ++calls }));
  core.refuseAnswers.push({ code: 8, message: 'busy', reason: 'OVERLOADED' });
  await service.start();
  const done = await core.finished(core.execute('a'));
  assert.equal(done.state, 'COMPLETED');
  assert.equal(calls, 1);
});

test('events and key changes of a task are committed with its answer, and not without', async () => {
  const service = newService();
  service.task('count', async ({ fail }, context) => {
    const counter = await context.keys.get<number>('counter');
    context.keys.put('counter', (counter.value ?? 0) + 1, { expectedVersion: counter.version });
    context.emit('counted', { to: (counter.value ?? 0) + 1 });
    assert.equal((await context.keys.get('counter')).version, counter.version);
    if (fail) throw new PermanentError('as asked');
    return {};
  });
  await service.start();
  await core.finished(core.execute('count'));
  await core.finished(core.execute('count', { fail: true }));
  await core.finished(core.execute('count'));
  assert.deepEqual(core.events.map((event) => [event.key, json(event.data).to, event.traceparent]), [
    ['counted', 1, 'trace'],
    ['counted', 2, 'trace'],
  ]);
  assert.equal(json(core.keys.get('counter')!.value), 2);
});

test('a stale version in an answer has the task tried again', async () => {
  const service = newService();
  service.task('count', async (_inputs, context) => {
    const counter = await context.keys.get('counter');
    if (context.attempt === 1) await service.keys.put('counter', 41);
    context.keys.put('counter', (counter.value ?? 0) + 1, { expectedVersion: counter.version });
    return {};
  });
  await service.start();
  const done = await core.finished(core.execute('count'));
  assert.equal(done.state, 'COMPLETED');
  assert.equal(done.attempts.length, 1);
  assert.equal(json(core.keys.get('counter')!.value), 42);
});

test('no more tasks are performed at once than there are credits', async () => {
  const service = newService({ credits: 3 });
  const full = gate();
  let now = 0;
  let most = 0;
  service.task('slow', async () => {
    most = Math.max(most, ++now);
    if (most < 3) await full.promise;
    else full.open();
    now -= 1;
    return {};
  });
  await service.start();
  await Promise.all(Array.from({ length: 20 }, () => core.finished(core.execute('slow'))));
  assert.equal(most, 3);
});

test('answers given at the same time share a message', async () => {
  const service = newService();
  const go = gate();
  let waiting = 0;
  service.task('a', async () => {
    waiting += 1;
    await go.promise;
    return {};
  });
  await service.start();
  const all = Array.from({ length: 30 }, () => core.execute('a'));
  await until(() => waiting === 30, 'all to be under way');
  go.open();
  await Promise.all(all.map((execution) => core.finished(execution)));
  assert.equal(core.workerMessages.filter((message) => message.answers.length > 0).length, 1);
});

test('a cancelled execution aborts its signal', async () => {
  const service = newService();
  const started = gate();
  const aborted = gate<any>();
  service.task('long', async (_inputs, { signal }) => {
    started.open();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted.open(signal.reason);
    throw signal.reason;
  });
  await service.start();
  const execution = core.execute('long');
  await started.promise;
  core.cancelDelivery(execution, 'nobody wants it');
  const reason = await aborted.promise;
  assert.ok(reason instanceof MesgError);
  assert.equal(reason.message, 'nobody wants it');
  await until(() => core.answers.length === 1, 'the delivery to be answered, which returns its credit');
});

test('a task goes on through a lost connection, and its redelivery joins it', async () => {
  const service = newService();
  const go = gate();
  let calls = 0;
  service.task('a', async () => {
    calls += 1;
    await go.promise;
    return { calls };
  });
  await service.start();
  const execution = core.execute('a');
  await until(() => calls === 1, 'the task to begin');
  const first = execution.deliveryId;
  core.stop();
  await core.start();
  await until(() => execution.deliveryId !== first, 'the redelivery');
  go.open();
  const done = await core.finished(execution);
  assert.deepEqual(json(done.outcome.outputs), { calls: 1 });
  assert.equal(core.hellos.length, 2);
});

test('an answer whose acceptance was lost is given again and the task is not repeated', async () => {
  const service = newService();
  let calls = 0;
  service.task('a', (_inputs, context) => {
    calls += 1;
    context.emit('done', {});
    return {};
  });
  await service.start();
  core.loseAcceptances = 1;
  await core.finished(core.execute('a'));
  await until(() => core.answers.length === 2, 'the second answer');
  assert.equal(calls, 1);
  assert.equal(core.events.length, 1);
  // And the service is ready for more.
  await core.finished(core.execute('a'));
  assert.equal(calls, 2);
});

test('answers that were ready while Core was away arrive when it is back', async () => {
  const service = newService();
  const go = gate();
  let calls = 0;
  service.task('a', async () => {
    calls += 1;
    await go.promise;
    return {};
  });
  await service.start();
  const all = Array.from({ length: 5 }, () => core.execute('a'));
  await until(() => calls === 5, 'all to be under way');
  core.stop();
  go.open();
  await core.start();
  await Promise.all(all.map((execution) => core.finished(execution)));
  assert.equal(calls, 5);
});

test('an attempt that timed out may run anew beside its slow predecessor', async () => {
  const service = newService();
  const go = gate();
  let calls = 0;
  service.task('a', async () => {
    calls += 1;
    if (calls === 1) await go.promise;
    return { calls };
  });
  await service.start();
  const execution = core.execute('a');
  await until(() => calls === 1, 'the task to begin');
  core.cancelDelivery(execution, 'timed out');
  core.redeliver(execution);
  assert.deepEqual(json((await core.finished(execution)).outcome.outputs), { calls: 2 });
  go.open();
});

test('while Core is away a task that is past its deadline is aborted', async () => {
  const service = newService();
  const aborted = gate<string>();
  let started = false;
  service.task('a', async (_inputs, { signal }) => {
    started = true;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted.open(signal.reason.message);
    return {};
  });
  await service.start();
  core.execute('a', {}, { timeoutUs: '20000' });
  await until(() => started, 'the task to begin');
  core.stop();
  assert.equal(await aborted.promise, 'timed out');
});

test('stop() finishes what is held, takes nothing new, and leaves the rest to others', async () => {
  const service = newService({ credits: 2 });
  const go = gate();
  let calls = 0;
  service.task('a', async () => {
    calls += 1;
    await go.promise;
    return {};
  });
  await service.start();
  const [first, second, third] = [core.execute('a'), core.execute('a'), core.execute('a')];
  await until(() => calls === 2, 'two to be under way');
  const stopped = service.stop();
  await until(() => core.workerMessages.some((message) => message.drain), 'the drain');
  go.open();
  await stopped;
  await service.done;
  assert.equal(first.state, 'COMPLETED');
  assert.equal(second.state, 'COMPLETED');
  assert.equal(third.state, 'CREATED');
  assert.equal(calls, 2);
  await until(() => core.connectedWorkers === 0, 'the connection to end');
  await assert.rejects(service.emit('late', {}), { code: 'CANCELLED', reason: 'CLOSED' });
});

test('stop() aborts what does not finish in time', async () => {
  const service = newService();
  const aborted = gate<string>();
  let started = false;
  service.task('a', async (_inputs, { signal }) => {
    started = true;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted.open(signal.reason.message);
    return {};
  });
  await service.start();
  core.execute('a');
  await until(() => started, 'the task to begin');
  await service.stop({ timeout: 10 });
  assert.equal(await aborted.promise, 'the service stops');
});

test('when Core drains the worker it finishes, ends its stream, and comes back', async () => {
  const service = newService();
  const go = gate();
  let calls = 0;
  service.task('a', async () => {
    calls += 1;
    await go.promise;
    return {};
  });
  await service.start();
  const execution = core.execute('a');
  await until(() => calls === 1, 'the task to begin');
  core.drainWorkers();
  go.open();
  await core.finished(execution);
  await until(() => core.hellos.length === 2, 'a new stream');
  await core.finished(core.execute('a'));
});

// A deployment that replaces a service says both at once: Core drains it, and its process is told to stop.
test('stop() right after Core drained the worker is no lost connection', async () => {
  const logged: string[] = [];
  const stopped = gate();
  const service = newService({
    log: (_level, text) => {
      logged.push(text);
      if (text.startsWith('Core hands out no more')) setImmediate(() => void service.stop().then(stopped.open));
    },
  });
  service.task('a', () => ({}));
  await service.start();
  core.drainWorkers();
  await stopped.promise;
  assert.deepEqual(logged, ['Core hands out no more work here']);
});

test('health is told when it changes, and again on each connection while something is wrong', async () => {
  const service = newService();
  service.task('a', () => ({}));
  const told = () => core.workerMessages.filter((message) => message.health).map((message) => message.health.problem);
  service.reportHealth('the node is away');
  await service.start();
  await until(() => told().length === 1, 'the problem from before the start');
  service.reportHealth('the node is away');
  service.reportHealth('the node is syncing');
  await until(() => told().length === 2, 'the change');
  core.stop();
  await core.start();
  await until(() => told().length === 3, 'the problem on the new connection');
  service.reportHealth('');
  await until(() => told().length === 4, 'the end of it');
  core.stop();
  await core.start();
  await until(() => core.hellos.length === 3, 'another connection');
  await core.finished(core.execute('a'));
  assert.deepEqual(told(), ['the node is away', 'the node is syncing', 'the node is syncing', '']);
});

test('a delivery that was kept is answered by the next process', async () => {
  const first = newService();
  const kept = gate<any>();
  first.task('pay', async (_inputs, context) => {
    kept.open(JSON.parse(JSON.stringify(context.delivery)));
    return new Promise<never>(() => {});
  });
  await first.start();
  const execution = core.execute('pay', { to: 'Ada' });
  const delivery = await kept.promise;
  await first.stop({ timeout: 0 });

  const second = newService();
  second.task('other', () => ({}));
  await assert.rejects(second.resume(delivery, () => ({})), { code: 'FAILED_PRECONDITION' });
  await second.start();
  const taken = second.resume(delivery, async (_inputs, context) => {
    assert.equal(context.executionId, execution.id);
    assert.equal(context.task, 'pay');
    context.emit('paid', {});
    context.keys.put('paid', true);
    return { paid: true };
  });
  await assert.rejects(second.resume(delivery, () => ({})), { code: 'ALREADY_EXISTS' });
  assert.equal(await taken, true);
  assert.deepEqual(json((await core.finished(execution)).outcome.outputs), { paid: true });
  assert.equal(core.events.length, 1);
  assert.equal(await second.resume(delivery, () => ({})), false);
});

test('an answer to a kept delivery is given again when the connection breaks', async () => {
  const service = newService();
  service.task('other', () => ({}));
  await service.start();
  const execution = core.execute('pay');
  core.loseAcceptances = 1;
  const taken = await service.resume(
    { id: `${execution.id}/1`, executionId: execution.id, task: 'pay', attempt: 1, traceparent: '' }, () => ({}));
  // The fake remembers no delivery: what it has recorded already it refuses, as for any other late answer.
  assert.equal(taken, false);
  assert.equal(execution.state, 'COMPLETED');
});

test('a wrong token is a clear error of start()', async () => {
  const service = newService({ token: 'wrong' });
  service.task('a', () => ({}));
  await assert.rejects(service.start(), {
    name: 'MesgError', code: 'UNAUTHENTICATED', reason: 'TOKEN_UNKNOWN',
    message: 'the token is not that of an instance',
  });
});

test('a Core that cannot be reached is a clear error of start() once patience is over', async () => {
  core.stop();
  const service = newService({ patience: 0 });
  service.task('a', () => ({}));
  await assert.rejects(service.start(), { code: 'UNAVAILABLE', reason: 'CORE_UNREACHABLE' });
});

test('a service without token, with wrong credits, twice started or with two handlers of a task is refused', async () => {
  const kept = process.env.MESG_TOKEN;
  delete process.env.MESG_TOKEN;
  assert.throws(() => new Service({}), { reason: 'TOKEN_MISSING' });
  if (kept !== undefined) process.env.MESG_TOKEN = kept;
  assert.throws(() => newService({ credits: 0 }), { code: 'INVALID_ARGUMENT' });
  const service = newService();
  await assert.rejects(service.start(), { code: 'FAILED_PRECONDITION' });
  service.task('a', () => ({}));
  assert.throws(() => service.task('a', () => ({})), { code: 'ALREADY_EXISTS' });
  await service.start();
  await assert.rejects(service.start(), { code: 'FAILED_PRECONDITION' });
  assert.throws(() => service.task('b', () => ({})), { code: 'FAILED_PRECONDITION' });
});

test('with parse, stringify and raw a service keeps integers of any size', async () => {
  const big = '{"wei":340282366920938463463374607431768211455}';
  const parse = (text: string) => JSON.parse(text.replace(/:(\d{16,})/g, ':"$1n"'));
  const service = newService({ parse });
  let inputs: any;
  service.task('a', (given, context) => {
    inputs = given;
    return raw(context.raw);
  });
  await service.start();
  const execution = core.execute('a', {});
  await core.finished(execution);
  const exact = core.execute('a', {}, { inputs: Buffer.from(big) });
  assert.equal((await core.finished(exact)).outcome.outputs.toString(), big);
  assert.equal(inputs.wei, '340282366920938463463374607431768211455n');
  await service.emit('transfer', raw(big));
  assert.equal(core.events[0].data.toString(), big);
  await assert.rejects(service.emit('transfer', { wei: 1n }), { code: 'INVALID_ARGUMENT', reason: 'NOT_JSON' });
});

test('outputs too large for the stream fail for good and the service goes on', async () => {
  const service = newService();
  service.task('a', ({ size }) => ({ text: 'x'.repeat(size) }));
  await service.start();
  const done = await core.finished(core.execute('a', { size: 5 << 20 }));
  assert.equal(done.state, 'FAILED');
  assert.match(done.outcome.error, /^the outputs were refused: .*larger/);
  assert.equal((await core.finished(core.execute('a', { size: 1 }))).state, 'COMPLETED');
});

test('a service that Core refuses later ends with that error', async () => {
  const service = newService();
  service.task('a', () => ({}));
  await service.start();
  core.token = 'another';
  core.dropStreams();
  await assert.rejects(service.done, { code: 'UNAUTHENTICATED', reason: 'TOKEN_UNKNOWN' });
});
