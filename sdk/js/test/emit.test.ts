import * as assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { put, raw, remove, Service, ServiceOptions } from '@mesg/sdk';
import { FakeCore, TOKEN, until } from './fake-core';

let core: FakeCore;
let service: Service;

beforeEach(async () => {
  core = new FakeCore();
  await core.start();
  service = newService();
});
afterEach(async () => {
  await service.stop({ timeout: 100 });
  core.stop();
});

function newService(options: ServiceOptions = {}): Service {
  return new Service({
    endpoint: core.endpoint, token: TOKEN, handleSignals: false, log: () => {}, reconnect: { initial: 5, max: 50 },
    ...options,
  });
}

const json = (bytes: Buffer) => JSON.parse(bytes.toString());

test('an emitted event is acknowledged with its position', async () => {
  const time = new Date('2018-11-01T12:00:00.123Z');
  assert.deepEqual(await service.emit('order', { total: 12 }, { time }), { position: '1', duplicate: false });
  assert.deepEqual(await service.emit('order'), { position: '2', duplicate: false });
  assert.deepEqual(core.events.map((event) => json(event.data)), [{ total: 12 }, {}]);
  assert.equal(Number(core.events[0].timeUs), time.getTime() * 1000);
});

test('events of one turn travel together and keep their order', async () => {
  const all = await Promise.all(Array.from({ length: 2_500 }, (_, n) => service.emit('tick', { n })));
  assert.deepEqual(core.emitRequests.map((request) => request.events.length), [1000, 1000, 500]);
  assert.deepEqual(core.events.map((event) => json(event.data).n), Array.from({ length: 2_500 }, (_, n) => n));
  assert.equal(all[2_499].position, '2500');
});

test('one bad event does not take its companions with it', async () => {
  const results = await Promise.allSettled([
    service.emit('a', { n: 1 }),
    service.emit('b', { bad: true }),
    service.emit('c', { n: 3 }),
  ]);
  assert.deepEqual(results.map((result) => result.status), ['fulfilled', 'rejected', 'fulfilled']);
  const { reason } = results[1] as PromiseRejectedResult;
  assert.equal(reason.code, 'INVALID_ARGUMENT');
  assert.equal(reason.reason, 'DATA_INVALID');
  assert.deepEqual(reason.violations, [{ field: 'events[0].data.bad', description: 'is bad' }]);
  assert.deepEqual(core.events.map((event) => event.key), ['a', 'c']);
});

test('emitMany records all or nothing', async () => {
  await assert.rejects(service.emitMany([{ key: 'a', data: {} }, { key: 'b', data: { bad: 1 } }]), {
    code: 'INVALID_ARGUMENT',
  });
  assert.equal(core.events.length, 0);
  const { events } = await service.emitMany([{ key: 'a' }, { key: 'b' }]);
  assert.deepEqual(events.map((event) => event.position), ['1', '2']);
  assert.deepEqual(await service.emitMany([]), { events: [], versions: [] });
});

test('an id of the caller is known again', async () => {
  assert.equal((await service.emit('a', {}, { id: 'block-7' })).duplicate, false);
  assert.deepEqual(await service.emit('a', {}, { id: 'block-7' }), { position: '1', duplicate: true });
  assert.equal(core.events.length, 1);
});

test('an event whose acknowledgement was lost is neither lost nor doubled', async () => {
  core.loseEmitAnswers = 1;
  const emitted = await service.emit('a', { n: 1 });
  assert.deepEqual(emitted, { position: '1', duplicate: false });
  assert.equal(core.emitRequests.length, 2);
  assert.equal(core.events.length, 1);
});

test('events emitted while Core is away arrive when it is back, in order', async () => {
  await service.emit('tick', { n: 0 });
  core.stop();
  const all = Array.from({ length: 50 }, (_, n) => service.emit('tick', { n: n + 1 }));
  await core.start();
  await Promise.all(all);
  assert.deepEqual(core.events.map((event) => json(event.data).n), Array.from({ length: 51 }, (_, n) => n));
});

test('a steady flow over a Core that keeps breaking is recorded exactly once', async () => {
  const all: Promise<unknown>[] = [];
  for (let n = 0; n < 300; n += 1) {
    all.push(service.emit('tick', { n }));
    if (n % 60 === 30) core.loseEmitAnswers += 1;
    if (n === 200) {
      core.stop();
      await core.start();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  assert.deepEqual(core.events.map((event) => json(event.data).n).sort((a, b) => a - b),
    Array.from({ length: 300 }, (_, n) => n));
});

test('patience ends with a clear error', async () => {
  await service.stop();
  core.stop();
  service = newService({ patience: 30 });
  await assert.rejects(service.emit('a', {}), { code: 'UNAVAILABLE' });
});

test('more than maxPending events are refused at once', async () => {
  await service.stop();
  service = newService({ maxPending: 2 });
  const results = await Promise.allSettled([service.emit('a'), service.emit('a'), service.emit('a')]);
  assert.deepEqual(results.map((result) => result.status), ['fulfilled', 'fulfilled', 'rejected']);
  assert.equal((results[2] as PromiseRejectedResult).reason.reason, 'TOO_MANY_PENDING');
});

test('an event too large for the stream is refused and the others arrive', async () => {
  await service.stop();
  core.stop();
  core.maxMessage = 10_000;
  await core.start();
  service = newService();
  const results = await Promise.allSettled([
    service.emit('small', {}),
    service.emit('large', { text: 'x'.repeat(20_000) }),
    service.emit('small', {}),
  ]);
  assert.deepEqual(results.map((result) => result.status), ['fulfilled', 'rejected', 'fulfilled']);
  assert.equal((results[1] as PromiseRejectedResult).reason.code, 'RESOURCE_EXHAUSTED');
});

test('a wrong token is a clear error, and what is wrong with the data is one before anything is sent', async () => {
  const stranger = newService({ token: 'wrong' });
  await assert.rejects(stranger.emit('a', {}), { code: 'UNAUTHENTICATED', reason: 'TOKEN_UNKNOWN' });
  await stranger.stop();
  await assert.rejects(service.emit('a', 7), {
    code: 'INVALID_ARGUMENT', message: 'the data of event "a" must be an object, got a number',
  });
  assert.equal(core.emitRequests.length, 0);
});

test('stop() waits until everything emitted is durable', async () => {
  const emitted = service.emit('a', {});
  await service.stop();
  assert.equal((await emitted).position, '1');
});

test('keys are written, read, listed and deleted, with versions', async () => {
  const first = await service.keys.put('position/a', { block: 7 });
  assert.deepEqual({ ...(await service.keys.get('position/a')), raw: null }, {
    key: 'position/a', value: { block: 7 }, version: first, raw: null,
  });
  const second = await service.keys.put('position/a', 8, { expectedVersion: first });
  assert.ok(second > first);
  await assert.rejects(service.keys.put('position/a', 9, { expectedVersion: first }), {
    code: 'ABORTED', reason: 'VERSION_STALE',
  });
  await service.keys.put('position/b', raw('12345678901234567890'), { expectedVersion: 0 });
  await service.keys.put('other', null);
  const listed = await service.keys.list({ prefix: 'position/' });
  assert.deepEqual(listed.map((entry) => [entry.key, entry.raw.toString()]), [
    ['position/a', '8'],
    ['position/b', '12345678901234567890'],
  ]);
  await service.keys.delete('position/a');
  assert.deepEqual(await service.keys.get('position/a'), {
    key: 'position/a', value: undefined, raw: Buffer.alloc(0), version: 0,
  });
});

test('events and changes are one commit: a stale version refuses both', async () => {
  const { versions } = await service.emitMany([{ key: 'block' }], { changes: [put('position', 1), remove('old')] });
  assert.equal(versions.length, 2);
  assert.equal(versions[1], 0);
  await assert.rejects(
    service.emitMany([{ key: 'block' }], { changes: [put('position', 2, { expectedVersion: versions[0] + 1 })] }),
    { code: 'ABORTED' },
  );
  assert.equal(core.events.length, 1);
  assert.equal((await service.keys.get('position')).value, 1);
});

test('a compare-and-set whose answer was lost is found to be done', async () => {
  core.loseEmitAnswers = 1;
  const { events, versions } = await service.emitMany([{ key: 'block', data: { n: 1 } }], {
    changes: [put('position', 1, { expectedVersion: 0 })],
  });
  assert.deepEqual(events, [{ position: '1', duplicate: false }]);
  assert.deepEqual(versions, [core.keys.get('position')!.version]);
  assert.equal(core.events.length, 1);
  core.loseEmitAnswers = 1;
  assert.equal(await service.keys.put('position', 2, { expectedVersion: versions[0] }), versions[0] + 1);
});

test('a compare-and-set whose answer was lost and whose key has moved on is an unknown outcome', async () => {
  core.loseEmitAnswers = 1;
  const change = service.keys.put('position', 1, { expectedVersion: 0 });
  const refused = assert.rejects(change, { code: 'ABORTED', reason: 'OUTCOME_UNKNOWN' });
  await until(() => core.keys.has('position'), 'the first commit');
  core.keys.set('position', { value: Buffer.from('5'), version: 1_000 });
  await refused;
  assert.equal(core.keys.get('position')!.version, 1_000);
});

test('a compare-and-set that never arrived is made after the reconnect', async () => {
  core.stop();
  const change = service.keys.put('position', 1, { expectedVersion: 0 });
  await core.start();
  assert.equal(await change, core.keys.get('position')!.version);
});
