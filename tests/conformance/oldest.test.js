'use strict';
// mesg-js 1.2.1, of 2018: its own words, its own surroundings.
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { application, call, collect, ready } = require('./clients');
const { Core } = require('./core');
const { Service } = require('./services');

describe('mesg-js 1.2', () => {
  let core;
  let service;
  let app;
  let newer;
  before(async () => {
    core = await Core.start();
    service = await Service.deploy(core, '1.2', { program: 'oldest-service.js' });
    app = application('1.2', core);
    newer = application('2.1', core);
  });
  after(async () => {
    service?.stop();
    await core?.remove();
  });
  const perform = (taskKey, inputs, serviceID = 'conformance') => newer.executeTaskAndWaitResult({
    serviceID, taskKey, inputData: JSON.stringify(inputs),
  });

  it('serves tasks and emits events', async () => {
    const stream = await ready(newer.listenEvent({ serviceID: 'conformance' }));
    const heard = collect(stream);
    const child = await service.launch();
    assert.deepEqual(JSON.parse((await heard.reach(1))[0].eventData), { pid: child.pid });
    const result = await perform('echo', { value: 'grün 東京 👍' });
    assert.equal(`${result.outputKey} ${result.outputData}`, 'success {"value":"grün 東京 👍"}');
    assert.equal((await perform('emit', { event: 'happened', data: { value: 2 } })).outputKey, 'success');
    assert.equal((await heard.reach(2))[1].eventData, '{"value":2}');
    const refused = await perform('emit', { event: 'nothing', data: {} });
    assert.match(JSON.parse(refused.outputData).message, /Event "nothing" not found/);
    stream.cancel();
  });

  it('executes a task when an event comes', async () => {
    const results = await ready(newer.listenResult({ serviceID: 'conformance', taskFilter: 'echo' }));
    const heard = collect(results);
    // It starts both services first, which run already or are run by hand.
    const events = await app.whenEvent({ serviceID: 'conformance', filter: 'happened' }, {
      serviceID: 'conformance', taskKey: 'echo', inputs: (key, data) => ({ value: [key, data.value] }),
    });
    await ready(events);
    await perform('emit', { event: 'happened', data: { value: 'ünï' } });
    await perform('emit', { event: 'other', data: {} });
    await perform('emit', { event: 'happened', data: { value: 'two' } });
    assert.deepEqual((await heard.reach(2)).map((result) => result.outputData).sort(),
      ['{"value":["happened","two"]}', '{"value":["happened","ünï"]}']);
    results.cancel();
    events.cancel();
  });

  it('hears results by task and output', async () => {
    const results = await app.whenResult(
      { serviceID: 'conformance', task: 'answer', output: 'failure' },
      { serviceID: 'conformance', taskKey: 'echo' });
    const heard = collect(results);
    await ready(results);
    await perform('answer', { output: 'success', data: { text: 'no' } });
    await perform('echo', { value: 1 });
    await perform('answer', { output: 'failure', data: { reasons: [] } });
    const [result] = await heard.reach(1);
    assert.equal(result.outputKey, 'failure');
    assert.equal(result.outputData, '{"reasons":[]}');
    results.cancel();
  });

  it('starts what Core runs, also when it runs already', async () => {
    const managed = await Service.deploy(core, '1.2', {
      sid: 'managed', managed: true, program: 'oldest-service.js',
    });
    await call(app.api, 'StopService', { serviceID: managed.sid });
    const events = await app.whenEvent({ serviceID: 'managed' }, {
      serviceID: 'managed', taskKey: 'echo', inputs: { value: 1 },
    });
    const again = await app.whenEvent({ serviceID: 'managed' }, { serviceID: 'managed', taskKey: 'echo' });
    assert.equal((await perform('echo', { value: 3 }, 'managed')).outputData, '{"value":3}');
    for (const stream of [events, again]) stream.on('error', () => {}).cancel();
    await assert.rejects(app.whenEvent({ serviceID: 'nobody' }, { serviceID: 'managed' }),
      /Error while starting service.*nobody/);
  });

  it('executes through its raw API', async () => {
    const reply = await call(app.api, 'ExecuteTask', {
      serviceID: 'conformance', taskKey: 'echo', taskData: '{"value":1}',
    });
    assert.match(reply.executionID, /^\w+$/);
  });
});
