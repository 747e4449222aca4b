'use strict';
// A real Core in a process of its own: its own home, its own port, the program that users start.
const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const PROGRAM = process.env.MESG_PROGRAM;
if (!PROGRAM) throw new Error('MESG_PROGRAM is not set: the path of the program under test');

/** Resolves with what `ask` does as soon as that is truthy; rejects after a generous time. */
async function eventually(ask, what = 'what was waited for') {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that is free now, below those the system gives to outgoing connections. */
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const free = await new Promise((resolve) => {
      const server = net.createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/** Ends with the tests, however those end. */
function endWithUs(child) {
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  return child;
}

class Core {
  /** Starts one on an empty home and waits until it is ready. */
  static async start() {
    const core = new Core(fs.mkdtempSync(path.join(os.tmpdir(), 'mesg-conformance-')), await freePort());
    await core.run();
    return core;
  }

  constructor(home, port) {
    this.home = home;
    this.port = port;
    this.endpoint = `127.0.0.1:${port}`;
    this.process = undefined;
  }

  /** Starts the daemon on what the last one left. */
  async run() {
    const log = fs.openSync(path.join(this.home, 'core.log'), 'a');
    const daemon = endWithUs(
      spawn(PROGRAM, ['core'], { env: this.environment(), stdio: ['ignore', log, log] }));
    fs.closeSync(log);
    this.process = daemon;
    this.ended = new Promise((resolve) => daemon.once('exit', (code, signal) => resolve({ code, signal })));
    let over;
    this.ended.then((how) => { over = how; });
    await eventually(async () => {
      if (over) throw new Error(`Core ended with ${JSON.stringify(over)}: ${this.log()}`);
      return this.cli('status').then(() => true, () => false);
    }, 'the start of Core');
  }

  environment() {
    return {
      PATH: process.env.PATH,
      HOME: this.home,
      MESG_HOME: this.home,
      MESG_GRPC_ADDRESS: this.endpoint,
      MESG_HTTP_ADDRESS: '127.0.0.1:0',
      MESG_ENDPOINT: this.endpoint,
    };
  }

  log() {
    return fs.readFileSync(path.join(this.home, 'core.log'), 'utf8');
  }

  /** Runs the command line; resolves with what it printed. */
  async cli(...args) {
    const { stdout } = await promisify(execFile)(PROGRAM, args, { env: this.environment() });
    return stdout;
  }
  async status() {
    return JSON.parse(await this.cli('status', '--json'));
  }
  async counter(name) {
    return Number((await this.status()).counters.find((counter) => counter.name === name).value);
  }
  /** How many executions are in `state`. */
  async executions(state) {
    const listed = await this.cli('execution', 'list', '--state', state, '--limit', '1000', '--json');
    return JSON.parse(listed).executions.length;
  }

  /** Ends it in an orderly way. */
  async stop() {
    this.process.kill('SIGTERM');
    return this.ended;
  }
  /** Ends it as a crash would. */
  async kill() {
    this.process.kill('SIGKILL');
    return this.ended;
  }
  /** Stops it and removes all it had. */
  async remove() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

module.exports = { Core, endWithUs, eventually, freePort };
