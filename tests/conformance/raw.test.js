'use strict';
// The rest of the contract: what the command lines of that time called, through the raw API.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { application, call, collect, ready, refusal } = require('./clients');
const { Core, eventually } = require('./core');
const { DEFINITION, Service } = require('./services');

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** Sends `requests`, then closes our side; resolves with the replies. */
function deploy(api, requests) {
  return new Promise((resolve, reject) => {
    const replies = [];
    const stream = api.DeployService();
    stream.on('data', (reply) => replies.push(reply));
    stream.on('error', reject);
    stream.on('end', () => resolve(replies));
    for (const request of requests) stream.write(request);
    stream.end();
  });
}

describe('the raw API', () => {
  let core;
  let api;
  let older;
  before(async () => {
    core = await Core.start();
    api = application('2.1', core).api;
    older = application('2.0', core).api;
  });
  after(() => core?.remove());

  /** A folder with a service that runs until it is ended. */
  function folder(sid, more = '') {
    const made = fs.mkdtempSync(path.join(core.home, 'raw-'));
    fs.writeFileSync(path.join(made, 'mesg.yml'), `sid: ${sid}\nrun: [sh, run.sh]\n${more}${DEFINITION}`);
    fs.writeFileSync(path.join(made, 'run.sh'), 'echo "REGION is $REGION"\necho oops >&2\nexec sleep 1000\n');
    return made;
  }
  const archive = (made) => execFileSync('tar', ['-C', made, '-czf', '-', '.']);
  const RUNNING = 4;
  const STOPPED = 1;
  const becomes = (serviceID, status) => eventually(async () => (
    (await call(api, 'GetService', { serviceID })).service.status || 0) === status, `status ${status}`);

  it('deploys an archive in chunks, with its environment, and answers both ages', async () => {
    const bytes = archive(folder('packed', 'configuration: {env: [REGION=eu]}\n'));
    const half = bytes.length >> 1;
    const requests = [{ env: { REGION: 'ünï' } }, { chunk: bytes.subarray(0, half) }, { chunk: bytes.subarray(half) }];
    const replies = await deploy(api, requests);
    const last = replies.pop();
    assert.equal(last.service.sid, 'packed');
    assert.ok(replies.length > 0 && replies.every((reply) => reply.status.message));
    // An older client reads the other field of the same message, and the same files are the same service.
    const before2019 = (await deploy(older, requests)).pop();
    assert.equal(before2019.serviceID, 'packed');
    const { service } = await call(api, 'GetService', { serviceID: last.service.hash });
    assert.equal(service.definition.hash, last.service.hash);
    const environment = JSON.parse(await core.cli('service', 'env', 'packed', '--json')).env;
    assert.equal(environment.REGION, 'ünï');
  });

  it('deploys a url', async () => {
    const last = (await deploy(older, [{ url: folder('fetched') }])).pop();
    assert.equal(last.serviceID, 'fetched');
  });

  it('reports what is wrong with a service file', async () => {
    const broken = folder('broken');
    fs.appendFileSync(path.join(broken, 'mesg.yml'), 'evnts: {}\n');
    const last = (await deploy(api, [{ chunk: archive(broken) }])).pop();
    assert.match(last.validationError, /mesg\.yml:\d+:\d+: evnts: .*events/);
    await assert.rejects(deploy(api, [{ chunk: Buffer.from('no archive') }]), /archive/i);
    await assert.rejects(deploy(api, []), /neither a url nor an archive/);
  });

  it('starts, stops, lists and deletes services', async () => {
    await deploy(api, [{ url: folder('mine') }]);
    await call(api, 'StartService', { serviceID: 'mine' });
    await becomes('mine', RUNNING);
    await call(api, 'StartService', { serviceID: 'mine' });
    const { services } = await call(api, 'ListServices', {});
    const { definition } = services.find((service) => service.definition.sid === 'mine');
    assert.equal(definition.name, 'Conformance');
    assert.deepEqual(definition.events.map((event) => event.key).sort(),
      ['happened', 'other', 'refused', 'started']);
    const answer = definition.tasks.find((task) => task.key === 'answer');
    const failure = answer.outputs.find((output) => output.key === 'failure');
    assert.equal(failure.data[0].object[0].type, 'Number');
    await call(api, 'StopService', { serviceID: 'mine' });
    await becomes('mine', STOPPED);
    await call(api, 'DeleteService', { serviceID: 'mine', deleteData: true });
    for (const method of ['GetService', 'StartService', 'StopService', 'DeleteService']) {
      await assert.rejects(call(api, method, { serviceID: 'mine' }),
        (error) => error.code === NOT_FOUND && /Service "mine" not found/.test(error.message));
    }
  });

  it('streams logs', async () => {
    await deploy(api, [{ url: folder('talks') }]);
    await call(api, 'StartService', { serviceID: 'talks' });
    const stream = await ready(api.ServiceLogs({ serviceID: 'talks' }));
    const lines = collect(stream);
    const text = (type) => lines.filter((line) => (line.type || 0) === type)
      .map((line) => line.data.toString()).join('');
    await eventually(() => text(0).includes('REGION is') && text(1).includes('oops'), 'both lines');
    stream.cancel();
    assert.equal((await refusal(api.ServiceLogs({ serviceID: 'nobody' }))).code, NOT_FOUND);
  });

  it('says who it is', async () => {
    const info = await call(api, 'Info', {});
    assert.match(info.version, /^\d+\.\d+\.\d+/);
    assert.ok(info.address.includes(String(core.port)), info.address);
  });

  it('has no workflows of 2018', async () => {
    const refused = (error) => error.code === UNIMPLEMENTED && /workflow/.test(error.message);
    await assert.rejects(call(older, 'CreateWorkflow', {}), refused);
    await assert.rejects(call(older, 'DeleteWorkflow', { ID: 'x' }), refused);
  });

  it('runs a service that only has a mesg.yml for whoever has its token', async () => {
    const service = await Service.deploy(core, '2.1', { sid: 'by-hand' });
    await becomes('by-hand', STOPPED);
    await call(api, 'StartService', { serviceID: 'by-hand' });
    const child = await service.launch();
    await becomes('by-hand', RUNNING);
    child.kill('SIGKILL');
    await becomes('by-hand', STOPPED);
  });
});
