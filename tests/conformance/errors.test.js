'use strict';
// What is refused, and what the libraries' users are told then. Nothing of it changes anything.
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, application, call, collect, ready, refusal } = require('./clients');
const { Core } = require('./core');
const { Service } = require('./services');

const [INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION] = [3, 5, 7, 9];

for (const version of VERSIONS) {
  describe(`errors with mesg-js ${version}`, () => {
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
    const perform = (taskKey, inputs) => app.executeTaskAndWaitResult({
      serviceID: 'conformance', taskKey, inputData: JSON.stringify(inputs),
    });
    const refuses = (promise, code, pattern) => assert.rejects(promise, (error) => {
      assert.match(error.message, pattern);
      assert.equal(error.code, code, error.message);
      return true;
    });

    it('names what an execution asks for and there is not', async () => {
      const created = await core.counter('executions_created_total');
      const inputData = '{}';
      for (const execute of [app.executeTask.bind(app), app.executeTaskAndWaitResult.bind(app)]) {
        await refuses(execute({ serviceID: 'nobody', taskKey: 'echo', inputData }), NOT_FOUND,
          /Service "nobody" not found/);
        await refuses(execute({ serviceID: 'conformance', taskKey: 'eco', inputData }), NOT_FOUND,
          /Task "eco" not found in service "conformance"/);
        await refuses(execute({ serviceID: 'conformance', taskKey: 'answer', inputData }),
          INVALID_ARGUMENT, /Inputs of task "answer" are invalid.*output/);
        await refuses(execute({ serviceID: 'conformance', taskKey: 'echo', inputData: '[1' }),
          INVALID_ARGUMENT, /Inputs of task "echo"/);
        await refuses(execute({ serviceID: 'conformance', taskKey: 'echo', inputData: '{"a":1,"a":2}' }),
          INVALID_ARGUMENT, /Inputs of task "echo"/);
      }
      assert.equal(await core.counter('executions_created_total'), created);
    });

    it('names what a listener asks for and there is not', async () => {
      const listened = async (stream, pattern) => {
        let announced = false;
        stream.on('metadata', (metadata) => { announced = metadata.get('status').length > 0; });
        const error = await refusal(stream);
        assert.equal(error.code, NOT_FOUND);
        assert.match(error.message, pattern);
        assert.equal(announced, false, 'it was announced as ready');
      };
      const serviceID = 'conformance';
      await listened(app.listenEvent({ serviceID: 'nobody' }), /Service "nobody" not found/);
      await listened(app.listenEvent({}), /Service "" not found/);
      await listened(app.listenEvent({ serviceID, eventFilter: 'hapened' }),
        /Event "hapened" not found in service "conformance"/);
      await listened(app.listenResult({ serviceID, taskFilter: 'eco' }), /Task "eco" not found/);
      await listened(app.listenResult({ serviceID, taskFilter: 'echo', outputFilter: 'failure' }),
        /Output "failure" of task "echo" not found/);
      await listened(app.listenResult({ serviceID, outputFilter: 'nothing' }),
        /Output "nothing" of any task not found/);
    });

    it('tells a service which of its data is wrong', async () => {
      const emitted = await core.counter('events_accepted_total');
      const told = async (event, data) => {
        const result = await perform('emit', { event, data });
        assert.equal(result.outputKey, 'failure');
        return JSON.parse(result.outputData);
      };
      assert.match((await told('hapened', {})).message, /Event "hapened" not found in service/);
      const wrong = await told('refused', { message: 'm', code: 'three' });
      assert.equal(wrong.code, INVALID_ARGUMENT);
      assert.match(wrong.message, /Data of event "refused" is invalid.*code/);
      assert.match((await told('refused', [1])).message, /Data of event "refused"/);
      assert.equal(await core.counter('events_accepted_total'), emitted);
    });

    it('tells both sides which output is wrong', async () => {
      const stream = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: 'refused' }));
      const heard = collect(stream);
      const result = await perform('answer', { output: 'failure', data: { reasons: [{ code: 1 }, { code: 'x' }] } });
      assert.equal(result.outputData, 'null');
      assert.ok(!result.outputKey);
      assert.match(result.error, /Outputs "failure" of task "answer" are invalid.*reasons\[1\]\.code/);
      const [event] = await heard.reach(1);
      const told = JSON.parse(event.eventData);
      assert.equal(told.code, INVALID_ARGUMENT);
      assert.match(told.message, /reasons\[1\]\.code/);
      stream.cancel();
    });

    it('takes the first result and refuses the second', async () => {
      const stream = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: 'refused' }));
      const heard = collect(stream);
      const result = await perform('twice', {});
      assert.equal(result.outputData, '{"text":"first"}');
      const [event] = await heard.reach(1);
      assert.equal(JSON.parse(event.eventData).code, FAILED_PRECONDITION);
      stream.cancel();
    });

    it('accepts only the token of a service, and only ids that were given out', async () => {
      const { api } = worker(version, core);
      await refuses(call(api, 'EmitEvent', { token: 'made up', eventKey: 'other', eventData: '{}' }),
        16, /token/);
      assert.equal((await refusal(api.ListenTask({ token: 'made up' }))).code, 16);
      const { executionID } = await app.executeTask({
        serviceID: 'conformance', taskKey: 'wait', inputData: JSON.stringify({ file: '/nonexistent' }),
      });
      // What applications know an execution by is not what answers it.
      for (const id of [executionID, 'made up', '']) {
        await refuses(call(api, 'SubmitResult', { executionID: id, outputKey: 'success', outputData: '{}' }),
          PERMISSION_DENIED, /./);
      }
      await core.cli('execution', 'cancel', executionID);
    });
  });
}

/** The raw half of the API that services use, as the library makes it. */
function worker(version, core) {
  const { createClient } = require(`mesg-js-${version}/lib/util/grpc`);
  const file = version === '2.0' ? 'api-service.proto' : 'protobuf/serviceapi/api.proto';
  return { api: createClient('Service', file, core.endpoint) };
}
