'use strict';
// What services do: take tasks, answer them, emit events, and share the work.
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, collect, ready } = require('./clients');
const { Core, eventually } = require('./core');
const { Service } = require('./services');

for (const version of VERSIONS) {
  describe(`a service with mesg-js ${version}`, () => {
    let core;
    let service;
    let app;
    before(async () => {
      core = await Core.start();
      service = await Service.deploy(core, version);
      app = service.application();
    });
    after(async () => {
      service?.stop();
      await core?.remove();
    });
    const perform = (taskKey, inputs, serviceID = 'conformance') => app.executeTaskAndWaitResult({
      serviceID, taskKey, inputData: JSON.stringify(inputs),
    });

    it('emits an event before it listens', async () => {
      const stream = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: 'started' }));
      const heard = collect(stream);
      const child = await service.launch();
      const [event] = await heard.reach(1);
      assert.deepEqual(JSON.parse(event.eventData), { pid: child.pid });
      stream.cancel();
    });

    it('answers with any of its outputs', async () => {
      const good = await perform('answer', { output: 'success', data: { text: 'yes' } });
      assert.equal(`${good.outputKey} ${good.outputData}`, 'success {"text":"yes"}');
      const bad = await perform('answer', { output: 'failure', data: { reasons: [{ code: 1 }] } });
      assert.equal(`${bad.outputKey} ${bad.outputData}`, 'failure {"reasons":[{"code":1}]}');
    });

    it('shares the work of an instance between its processes', async () => {
      const other = await service.launch();
      const results = await Promise.all(
        Array.from({ length: 40 }, () => perform('who', {})));
      const pids = new Set(results.map((result) => JSON.parse(result.outputData).pid));
      assert.equal(pids.size, 2);
      other.kill('SIGKILL');
      await other.ended;
    });

    it('has its work taken over when a process dies', async () => {
      const other = await service.launch();
      const file = `${core.home}/go-${version}`;
      const pending = Array.from({ length: 8 }, () => perform('wait', { file }));
      // Both hold some of them.
      await eventually(async () => await core.executions('dispatched') === 8, 'the deliveries');
      other.kill('SIGKILL');
      await other.ended;
      require('node:fs').writeFileSync(file, '');
      const pids = (await Promise.all(pending)).map((result) => JSON.parse(result.outputData).pid);
      assert.equal(pids.length, 8);
      assert.ok(!pids.includes(other.pid));
    });

    it('is started and kept running by Core', async () => {
      const managed = await Service.deploy(core, version, { sid: 'managed', managed: true });
      const first = JSON.parse((await perform('who', {}, 'managed')).outputData).pid;
      process.kill(first, 'SIGKILL');
      const second = JSON.parse((await perform('who', {}, 'managed')).outputData).pid;
      assert.notEqual(first, second);
      assert.match(await core.cli('service', 'logs', managed.sid), /started/);
    });
  });
}
