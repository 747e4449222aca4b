'use strict';
// What payloads may be: any text, any depth, up to their limit, and unchanged.
const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { VERSIONS, collect, ready } = require('./clients');
const { Core } = require('./core');
const { Service } = require('./services');

const UNICODE = [
  'grün, 東京, Ελλάδα, שלום, مرحبا', '👩‍👩‍👧‍👦 🏳️‍🌈 𝒳', 'zero\u200bwidth \u202eoverride', 'e\u0301 \u00e9 \u2028 \u2029',
  '\u0000\u0001\u001f\u007f "quotes" \\backslash\\ /slash/', '\ufeffbom', '\u{10ffff}',
];
const MEBIBYTE = 1024 * 1024;

/** Without the difference that a failed assert.equal would work out, in gigabytes for large texts. */
function same(actual, expected) {
  assert.ok(actual === expected,
    `got ${actual.length} characters, ${actual.slice(0, 100)}, expected ${expected.slice(0, 100)}`);
}

for (const version of VERSIONS) {
  describe(`data with mesg-js ${version}`, () => {
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
    const echo = async (value) => {
      const result = await app.executeTaskAndWaitResult({
        serviceID: 'conformance', taskKey: 'echo', inputData: JSON.stringify({ value }),
      });
      assert.ok(!result.error, result.error);
      return JSON.parse(result.outputData).value;
    };
    /** By way of an event. */
    const emit = async (value) => {
      const stream = await ready(app.listenEvent({ serviceID: 'conformance', eventFilter: 'happened' }));
      const heard = collect(stream);
      const result = await app.executeTaskAndWaitResult({
        serviceID: 'conformance', taskKey: 'emit',
        inputData: JSON.stringify({ event: 'happened', data: { value } }),
      });
      assert.equal(result.outputKey, 'success', result.outputData);
      const [event] = await heard.reach(1);
      stream.cancel();
      return JSON.parse(event.eventData).value;
    };

    it('passes every character on', async () => {
      assert.deepEqual(await echo(UNICODE), UNICODE);
      assert.deepEqual(await emit(UNICODE), UNICODE);
      const keyed = Object.fromEntries(UNICODE.map((text, i) => [text, i]));
      assert.deepEqual(await echo(keyed), keyed);
    });

    it('passes a megabyte on, both ways', async () => {
      const plain = 'x'.repeat(MEBIBYTE);
      same(await echo(plain), plain);
      same(await emit(plain), plain);
      const wide = '東京👍'.repeat(MEBIBYTE / 10);  // Ten bytes each.
      same(await echo(wide), wide);
      same(await emit(wide), wide);
    });

    it('passes many megabytes on at once', async () => {
      const values = Array.from({ length: 32 }, (_, i) => String.fromCharCode(97 + i % 26).repeat(MEBIBYTE) + i);
      const back = await Promise.all(values.map(echo));
      back.forEach((value, i) => same(value, values[i]));
    });

    it('says what is too large, and for what', async () => {
      const huge = 'x'.repeat(5 * MEBIBYTE);
      await assert.rejects(echo(huge), (error) => error.code === 3 && /\d+ bytes, the limit/.test(error.message));
      // A library's user hears of it, and the connection lives on.
      assert.equal(await echo('small'), 'small');
    });

    it('passes fields on that nobody declared', async () => {
      const inputs = { undeclared: { deep: [[[{ x: null }]]] }, 'with-hyphen.and.dot': 1 };
      const result = await app.executeTaskAndWaitResult({
        serviceID: 'conformance', taskKey: 'mirror', inputData: JSON.stringify(inputs),
      });
      assert.deepEqual(JSON.parse(result.outputData), inputs);
    });

    it('leaves the text of an event as it was, numbers of any size included', async () => {
      const { createClient } = require(`mesg-js-${version}/lib/util/grpc`);
      const file = version === '2.0' ? 'api-service.proto' : 'protobuf/serviceapi/api.proto';
      const api = createClient('Service', file, core.endpoint);
      const token = (await service.environment()).MESG_TOKEN;
      const stream = await ready(app.listenEvent({ serviceID: 'conformance' }));
      const heard = collect(stream);
      const eventData = '{ "value" : [123456789012345678901234567890, 1e400, -0.0, 1.10] }';
      await new Promise((resolve, reject) => {
        api.EmitEvent({ token, eventKey: 'happened', eventData },
          (error) => (error ? reject(error) : resolve()));
      });
      const [event] = await heard.reach(1);
      same(event.eventData, eventData);
      // The stream stays open until Core ends. To cancel it in the very turn in which the answer to a
      // unary call came on the same connection makes Node 20's http2 send empty frames for that call
      // without end, which takes all memory there is.
    });
  });
}
