'use strict';
// Many at once, on one connection.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, ready } = require('./clients');
const { Core, eventually } = require('./core');
const { Service } = require('./services');

/** How many TCP connections this process has to `port`. */
function connections(port) {
  const mine = new Set();
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try {
      const socket = /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/self/fd/${fd}`));
      if (socket) mine.add(socket[1]);
    } catch {
      // Closed in between.
    }
  }
  const remote = port.toString(16).toUpperCase().padStart(4, '0');
  return fs.readFileSync('/proc/self/net/tcp', 'utf8').split('\n').slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(`:${remote}`) && fields[3] === '01' && mine.has(fields[9]))
    .length;
}

for (const version of VERSIONS) {
  describe(`load with mesg-js ${version}`, () => {
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

    it('has 1,000 executions waited for at once, three times', async () => {
      for (let round = 0; round < 3; ++round) {
        const results = await Promise.all(Array.from({ length: 1000 }, (_, i) => app.executeTaskAndWaitResult({
          serviceID: 'conformance', taskKey: 'echo', inputData: JSON.stringify({ value: `${round}.${i}` }),
        })));
        results.forEach((result, i) => assert.equal(result.outputData, `{"value":"${round}.${i}"}`));
        assert.equal(new Set(results.map((result) => result.executionID)).size, 1000);
      }
      assert.equal(connections(core.port), 1);
      await eventually(async () => (await core.status()).listeners === 0, 'the end of all listeners');
    });

    it('lets 3,000 streams be cancelled on one connection', async () => {
      const open = () => ready(app.listenResult({ serviceID: 'conformance', tagFilters: ['never'] }));
      for (let round = 0; round < 3; ++round) {
        const streams = await Promise.all(Array.from({ length: 1000 }, open));
        assert.equal((await core.status()).listeners, 1000);
        for (const stream of streams) stream.cancel();
      }
      assert.equal(connections(core.port), 1);
      await eventually(async () => (await core.status()).listeners === 0, 'the end of all listeners');
      // The same connection still serves.
      const result = await app.executeTaskAndWaitResult({
        serviceID: 'conformance', taskKey: 'echo', inputData: '{"value":"after"}',
      });
      assert.equal(result.outputData, '{"value":"after"}');
      assert.equal(connections(core.port), 1);
    });

    it('delivers 3,000 events in the order they were emitted', async () => {
      const stream = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: 'happened' }));
      const heard = [];
      const all = new Promise((resolve) => {
        stream.on('data', (event) => {
          heard.push(JSON.parse(event.eventData).value);
          if (heard.length === 3000) resolve();
        });
      });
      const { createClient } = require(`mesg-js-${version}/lib/util/grpc`);
      const file = version === '2.0' ? 'api-service.proto' : 'protobuf/serviceapi/api.proto';
      const api = createClient('Service', file, core.endpoint);
      const token = (await service.environment()).MESG_TOKEN;
      // One after the other, from three services at once: each has its order.
      const emit = (value) => new Promise((resolve, reject) => {
        api.EmitEvent({ token, eventKey: 'happened', eventData: JSON.stringify({ value }) },
          (error) => (error ? reject(error) : resolve()));
      });
      await Promise.all([0, 1, 2].map(async (source) => {
        for (let i = 0; i < 1000; ++i) await emit([source, i]);
      }));
      await all;
      for (const source of [0, 1, 2]) {
        assert.deepEqual(heard.filter(([from]) => from === source).map(([, i]) => i),
          Array.from({ length: 1000 }, (_, i) => i));
      }
      stream.cancel();
    });
  });
}
