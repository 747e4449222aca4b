'use strict';
// Core goes away and comes back: what it accepted is there, what the libraries do then is known.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, collect, ready } = require('./clients');
const { Core, eventually } = require('./core');
const { Service } = require('./services');

// A call that comes while Core closes its door is cancelled by the transport, later ones find nobody.
const [CANCELLED, UNAVAILABLE] = [1, 14];
const WAYS = { 'an orderly stop': 'stop', 'a crash': 'kill' };

/** Whether the process runs; one that has ended and that nobody asked about does not. */
function lives(pid) {
  try {
    return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

for (const version of VERSIONS) {
  for (const [name, way] of Object.entries(WAYS)) {
    describe(`mesg-js ${version} over ${name} of Core`, () => {
      let core;
      let managed;
      let byHand;
      let app;
      before(async () => {
        core = await Core.start();
        managed = await Service.deploy(core, version, { sid: 'managed', managed: true });
        byHand = await Service.deploy(core, version, { sid: 'by-hand' });
        app = managed.application();
      });
      after(async () => {
        byHand?.stop();
        await core?.remove();
      });
      const perform = (serviceID, taskKey, inputs) => app.executeTaskAndWaitResult({
        serviceID, taskKey, inputData: JSON.stringify(inputs),
      });
      /** A stream that Core's end has ended. */
      const lost = (stream) => new Promise((resolve) => stream.on('error', resolve));
      /** What the application has to do: its streams are gone, the libraries open none again. */
      const listen = (request) => eventually(
        () => ready(app.listenResult(request)).catch((error) => {
          assert.equal(error.code, UNAVAILABLE);
        }), 'a new stream');

      it('keeps executions, starts its services anew, and takes results from before', async () => {
        const file = `${core.home}/go`;
        const request = (serviceID, tag) => ({
          serviceID, taskKey: 'wait', inputData: JSON.stringify({ file }), executionTags: [tag],
        });
        const firstPid = JSON.parse((await perform('managed', 'who', {})).outputData).pid;
        const patient = await byHand.launch({ STAY: '1' });
        const asked = [
          await app.executeTask(request('managed', 'of managed')),
          await app.executeTask(request('by-hand', 'of by-hand')),
        ].map((reply) => reply.executionID);
        await eventually(async () => await core.executions('dispatched') === 2, 'the deliveries');
        const streams = [
          await ready(app.listenEvent({ serviceID: 'managed' })),
          await ready(app.listenResult({ serviceID: 'managed' })),
        ];

        const ends = streams.map(lost);
        await core[way]();
        for (const error of await Promise.all(ends)) assert.equal(error.code, UNAVAILABLE, error.message);
        await core.run();

        // The service that Core runs was started anew, and was handed its work again.
        const ofManaged = collect(await listen({ serviceID: 'managed', tagFilters: ['of managed'] }));
        const ofHand = collect(await listen({ serviceID: 'by-hand', tagFilters: ['of by-hand'] }));
        fs.writeFileSync(file, '');
        const [result] = await ofManaged.reach(1);
        assert.equal(result.executionID, asked[0]);
        assert.ok(!result.error, result.error);
        const { pid } = JSON.parse(result.outputData);
        assert.notEqual(pid, firstPid);
        assert.equal(lives(firstPid), false, 'the old process lives');

        // The process that outlived Core answers the delivery it got before.
        const [late] = await ofHand.reach(1);
        assert.equal(late.executionID, asked[1]);
        assert.deepEqual(JSON.parse(late.outputData), { pid: patient.pid });
        await eventually(() => patient.said.includes('answered'), 'the acknowledgement');

        // The same application object goes on.
        const again = await perform('managed', 'echo', { value: 'after' });
        assert.equal(again.outputData, '{"value":"after"}');
      });

      it('loses nothing that it acknowledged', async () => {
        const created = [];
        const keepAsking = (async () => {
          try {
            for (let i = 0; ; ++i) {
              const reply = await app.executeTask({
                serviceID: 'by-hand', taskKey: 'echo', inputData: JSON.stringify({ value: i }),
                executionTags: ['many'],
              });
              created.push(reply.executionID);
            }
          } catch (error) {
            assert.ok([CANCELLED, UNAVAILABLE].includes(error.code), error.message);
          }
        })();
        await eventually(() => created.length >= 200, '200 executions');
        await core[way]();
        await keepAsking;
        await core.run();
        const heard = collect(await listen({ serviceID: 'by-hand', tagFilters: ['many'] }));
        await byHand.launch();
        // One more may have been taken whose acknowledgement did not arrive.
        const missing = () => {
          const found = new Set(heard.map((result) => result.executionID));
          return created.filter((id) => !found.has(id));
        };
        for (let count = created.length; missing().length > 0; ++count) await heard.reach(count);
        assert.ok(heard.every((result) => !result.error));
      });
    });
  }
}
