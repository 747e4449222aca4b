'use strict';
// What applications do: hear events and results, execute tasks.
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, collect, ready } = require('./clients');
const { Core } = require('./core');
const { Service } = require('./services');

for (const version of VERSIONS) {
  describe(`an application with mesg-js ${version}`, () => {
    let core;
    let service;
    let app;
    before(async () => {
      core = await Core.start();
      service = await Service.deploy(core, version);
      await service.launch();
      app = service.application();
    });
    after(async () => {
      service?.stop();
      await core?.remove();
    });
    const execute = (taskKey, inputs, executionTags) => app.executeTask({
      serviceID: 'conformance', taskKey, inputData: JSON.stringify(inputs), executionTags,
    });
    const perform = (taskKey, inputs, more = {}) => app.executeTaskAndWaitResult({
      serviceID: 'conformance', taskKey, inputData: JSON.stringify(inputs), ...more,
    });

    it('executes a task and waits for its result', async () => {
      const result = await perform('echo', { value: { list: [1, 'two', null, true] } });
      assert.equal(result.taskKey, 'echo');
      assert.equal(result.outputKey, 'success');
      assert.deepEqual(JSON.parse(result.outputData), { value: { list: [1, 'two', null, true] } });
      assert.ok(!result.error);
    });

    it('finds a service by sid and by hash', async () => {
      for (const serviceID of ['conformance', service.hash, service.instance]) {
        const result = await app.executeTaskAndWaitResult({
          serviceID, taskKey: 'echo', inputData: '{"value":1}',
        });
        assert.equal(result.outputData, '{"value":1}');
      }
    });

    it('hears every event, or those of one key', async () => {
      const every = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: '*' }));
      const unfiltered = await ready(app.listenEvent({ serviceID: 'conformance' }));
      const some = await ready(app.listenEvent({ serviceID: service.hash, eventFilter: 'other' }));
      const heard = [every, unfiltered, some].map(collect);
      await perform('emit', { event: 'happened', data: { value: 1 } });
      await perform('emit', { event: 'other', data: {} });
      await perform('emit', { event: 'happened', data: { value: 2 } });
      await perform('emit', { event: 'other', data: { last: true } });
      for (const stream of heard.slice(0, 2)) {
        assert.deepEqual((await stream.reach(4)).map((event) => event.eventKey + event.eventData), [
          'happened{"value":1}', 'other{}', 'happened{"value":2}', 'other{"last":true}',
        ]);
      }
      assert.deepEqual((await heard[2].reach(2)).map((event) => event.eventKey + event.eventData),
        ['other{}', 'other{"last":true}']);
      for (const stream of [every, unfiltered, some]) stream.cancel();
    });

    it('hears results by task, by output and by tags', async () => {
      const [one, two] = [randomUUID(), randomUUID()];
      const open = (filter) => ready(app.listenResult({ serviceID: 'conformance', ...filter }));
      const streams = [
        await open({ tagFilters: [one] }),
        await open({ tagFilters: [two, one] }),
        await open({ taskFilter: 'answer', tagFilters: [one] }),
        await open({ taskFilter: 'answer', outputFilter: 'failure', tagFilters: [one] }),
        await open({ taskFilter: '*', outputFilter: 'mirrored', tagFilters: [one] }),
        await open({ taskFilter: '*', outputFilter: '*', tagFilters: [one] }),
      ];
      const heard = streams.map(collect);
      const ids = [
        await execute('echo', { value: 'first' }, [one]),
        await execute('answer', { output: 'success', data: { text: 'second' } }, ['x', one, two]),
        await execute('answer', { output: 'failure', data: { reasons: [{ code: 3 }] } }, [one]),
        await execute('mirror', { fourth: 4 }, [two, one]),
      ].map((reply) => reply.executionID);
      const expected = [[0, 1, 2, 3], [1, 3], [1, 2], [2], [3], [0, 1, 2, 3]];
      for (const [i, stream] of heard.entries()) {
        const results = await stream.reach(expected[i].length);
        // Two tasks run beside each other, so that their results come in either order.
        assert.deepEqual(results.map((result) => result.executionID).sort(),
          expected[i].map((k) => ids[k]).sort(), `listener ${i}`);
      }
      const [second] = heard[1].filter((result) => result.executionID === ids[1]);
      assert.deepEqual(second.executionTags, ['x', one, two]);
      assert.equal(second.outputKey, 'success');
      assert.equal(second.outputData, '{"text":"second"}');
      for (const stream of streams) stream.cancel();
    });

    it('keeps the tags of the caller beside its own', async () => {
      const stream = await ready(app.listenResult({ serviceID: 'conformance', tagFilters: ['mine'] }));
      const heard = collect(stream);
      const result = await perform('echo', { value: 1 }, { executionTags: ['mine', 'too'] });
      assert.deepEqual(result.executionTags.slice(0, 2), ['mine', 'too']);
      assert.equal((await heard.reach(1))[0].executionID, result.executionID);
      stream.cancel();
    });

    it('executes with an empty object for no inputs', async () => {
      const result = await app.executeTaskAndWaitResult({ serviceID: 'conformance', taskKey: 'mirror' });
      assert.equal(result.outputData, '{}');
    });

    it('has work done that was asked for before anybody could do it', async () => {
      const late = await Service.deploy(core, version, { sid: 'late' });
      const pending = app.executeTaskAndWaitResult({
        serviceID: 'late', taskKey: 'echo', inputData: '{"value":"kept"}',
      });
      await late.launch();
      assert.equal((await pending).outputData, '{"value":"kept"}');
      late.stop();
    });
  });
}
