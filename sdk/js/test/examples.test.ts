import * as assert from 'node:assert/strict';
import { ChildProcess, spawn } from 'node:child_process';
import * as path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { FakeCore, TOKEN, until } from './fake-core';

const EXAMPLES = path.join(__dirname, '..', 'examples');

interface Running {
  process: ChildProcess;
  output: string;
  exit: Promise<number | null>;
}

let core: FakeCore;
let running: Running[];

beforeEach(async () => {
  core = new FakeCore();
  core.service = 'greeter';
  running = [];
  await core.start();
});
afterEach(async () => {
  for (const { process } of running) process.kill('SIGKILL');
  await Promise.all(running.map(({ exit }) => exit));
  core.stop();
});

function run(name: string, ...args: string[]): Running {
  const child = spawn(process.execPath, [path.join(EXAMPLES, name, 'index.js'), ...args], {
    env: { PATH: process.env.PATH, MESG_ENDPOINT: core.endpoint, MESG_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const started: Running = { process: child, output: '', exit };
  child.stdout!.on('data', (text) => (started.output += text));
  child.stderr!.on('data', (text) => (started.output += text));
  running.push(started);
  return started;
}

test('the application has the service greet, hears its events, and both end by themselves', async () => {
  const service = run('service');
  await until(() => service.output.includes('greeter is ready'), 'the service');
  const application = run('application', 'Ada', 'Grace');
  assert.equal(await application.exit, 0, application.output);
  assert.deepEqual(application.output.trim().split('\n').sort(), [
    'heard: Ada was greeted (1)', 'heard: Grace was greeted (1)', 'result: Hello Ada!', 'result: Hello Grace!',
  ]);
  const nameless = await core.finished(core.execute('greet', { name: ' ' }));
  assert.equal(nameless.outcome.outputKey, 'nameless');
  service.process.kill('SIGTERM');
  assert.equal(await service.exit, 0, service.output);
  assert.ok(core.workerMessages.some((message) => message.drain));
});

test('a service whose token is wrong says so and ends', async () => {
  core.token = 'another';
  const service = run('service');
  assert.equal(await service.exit, 1);
  assert.match(service.output, /the token is not that of an instance/);
});
