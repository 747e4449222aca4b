'use strict';
// examples/uptime as a person runs it: a real Core, the real service http, and a server that goes and comes.
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const http = require('node:http');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Core, endWithUs, eventually, freePort } = require('../conformance/core');

const { MESG_SOURCE, UPTIME } = process.env;
let core;
let server;
let port;

async function listen() {
  server = http.createServer((request, response) => response.end());
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

async function goDown() {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** The application, and the lines it has printed so far. */
function uptime(...urls) {
  const env = { ...core.environment(), EVERY: '0.05' };
  const child = endWithUs(spawn(process.execPath, [path.join(UPTIME, 'index.js'), ...urls], { env }));
  const app = { child, printed: '', said: '' };
  child.stdout.on('data', (text) => { app.printed += text; });
  child.stderr.on('data', (text) => { app.said += text; });
  app.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  app.lines = (start) => app.printed.split('\n').filter((line) => line.startsWith(start)).length;
  app.prints = (start, times = 1) =>
    eventually(() => app.lines(start) >= times, `"${start}" ${times} times in:\n${app.printed}${app.said}`);
  return app;
}

before(async () => {
  core = await Core.start();
  port = await freePort();
});
after(async () => {
  if (core) await core.remove();
});

test('without the service http it says so and ends', async () => {
  const app = uptime('http://127.0.0.1:1/');
  assert.deepEqual(await app.ended, { code: 1, signal: null });
  assert.match(app.said, /^uptime: .*http/);
});

test('without a URL it says how it is used', async () => {
  const app = uptime();
  assert.deepEqual(await app.ended, { code: 2, signal: null });
  assert.match(app.said, /^usage: /);
});

test('it says what goes down and what is back, also over a kill of Core', async () => {
  await core.cli('service', 'deploy', path.join(MESG_SOURCE, 'services/http'), '--start');
  await listen();
  const url = `http://127.0.0.1:${port}/`;
  const dead = `http://127.0.0.1:${await freePort()}/`;
  const app = uptime(url, dead);
  await app.prints(`up    ${url}  status 200 in `);
  await app.prints(`down  ${dead}  `);
  await goDown();
  await app.prints(`down  ${url}  `);
  await listen();
  await app.prints(`up    ${url}  `, 2);

  await core.kill();
  await core.run();
  await goDown();
  await app.prints(`down  ${url}  `, 2);
  assert.equal(app.lines(`down  ${dead}`), 1, 'what stays as it is is not said again');
  assert.ok((await core.executions('completed')) > 0);
  app.child.kill('SIGINT');
  await app.ended;
});
