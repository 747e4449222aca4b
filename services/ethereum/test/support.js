'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const { Application } = require('@mesg/sdk');
const { createClient, encodeDeployData, encodeFunctionData, http } = require('viem');

const PACKAGE = path.join(__dirname, '..');
/** The key of anvil's first account. */
const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const CHAIN_ID = 31337;

/** The program `mesg`: beside the folder that holds this package, or where MESG_EXECUTABLE says. */
const MESG =
  process.env.MESG_EXECUTABLE ??
  (() => {
    for (let folder = PACKAGE; folder !== '/'; folder = path.dirname(folder)) {
      const found = ['bin/mesg', 'build/dev/bin/mesg']
        .map((one) => path.join(folder, one))
        .find((one) => fs.existsSync(one));
      if (found) return found;
    }
    throw new Error('the program mesg is not built: set MESG_EXECUTABLE');
  })();

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until `condition` resolves with something true, and resolves with that. */
async function until(condition, what, limit = 60_000) {
  const end = Date.now() + limit;
  for (let last; ; ) {
    try {
      const found = await condition();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `waited in vain for ${typeof what === 'function' ? what() : what}${last ? `: ${last.message}` : ''}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A program of the test's, with its output in a file. */
class Program {
  constructor(command, log, options = {}) {
    const out = fs.openSync(log, 'a');
    this.log = log;
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', out, out], ...options });
    fs.closeSync(out);
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
  }

  async end(signal) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

/** An EVM node that mines only when it is told to. */
class Anvil {
  constructor(folder) {
    this.folder = folder;
    this.binary = require.resolve('@foundry-rs/anvil-linux-amd64/bin/anvil');
  }

  async start(...more) {
    this.port ??= await freePort();
    const state = path.join(this.folder, 'anvil.json');
    this.program = new Program(
      [
        this.binary,
        '--port',
        String(this.port),
        '--no-mining',
        '--order',
        'fifo',
        '--state',
        state,
        '--preserve-historical-states',
        ...more,
      ],
      path.join(this.folder, 'anvil.log'),
    );
    this.client = createClient({ transport: http(this.url, { retryCount: 0 }) });
    await until(() => this.request('eth_chainId'), 'anvil');
    this.accounts = await this.request('eth_accounts');
  }

  /** Ends it; a start goes on with the chain as it was. */
  async stop() {
    await this.program.end('SIGINT');
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  request(method, ...params) {
    return this.client.request({ method, params });
  }

  mine(count = 1) {
    return this.request('anvil_mine', `0x${count.toString(16)}`);
  }

  /** Replaces the last `depth` blocks by empty ones. */
  reorg(depth, transactions = []) {
    return this.request('anvil_reorg', depth, transactions);
  }

  async head() {
    return Number(await this.request('eth_blockNumber'));
  }

  /** Sends from an account of anvil's own. */
  send(transaction, from = this.accounts[1]) {
    return this.request('eth_sendTransaction', { from, gas: '0x100000', ...transaction });
  }

  async deploy({ abi, bytecode }, args = [], from = this.accounts[1]) {
    const hash = await this.send({ data: encodeDeployData({ abi, bytecode, args }), gas: '0x500000' }, from);
    await this.mine();
    const address = (await this.request('eth_getTransactionReceipt', hash)).contractAddress;
    return { address: require('viem').getAddress(address), abi };
  }

  invoke({ address, abi }, functionName, args, from) {
    return this.send({ to: address, data: encodeFunctionData({ abi, functionName, args }) }, from);
  }
}

/** Core, the service and an application that uses it. */
class World {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mesg-ethereum-'));
    this.anvil = new Anvil(this.folder);
  }

  async startCore() {
    this.grpc ??= await freePort();
    this.http ??= await freePort();
    const home = path.join(this.folder, 'core');
    fs.mkdirSync(home, { recursive: true });
    this.env = {
      HOME: home,
      PATH: process.env.PATH,
      MESG_HOME: home,
      MESG_GRPC_ADDRESS: `127.0.0.1:${this.grpc}`,
      MESG_HTTP_ADDRESS: `127.0.0.1:${this.http}`,
      MESG_ENDPOINT: `127.0.0.1:${this.grpc}`,
    };
    this.core = new Program([MESG, 'core'], path.join(this.folder, 'core.log'), { env: this.env });
    await until(() => this.mesg('status').status === 0, 'Core');
    this.app ??= new Application({
      endpoint: this.env.MESG_ENDPOINT,
      log: () => {},
      reconnect: { initial: 20, max: 200 },
    });
  }

  killCore() {
    return this.core.end('SIGKILL');
  }

  mesg(...words) {
    return spawnSync(MESG, words, { env: this.env, encoding: 'utf8', maxBuffer: 64 << 20 });
  }

  /** Deploys the service for this node, and starts it. */
  async startService(more = {}) {
    const env = { RPC_URL: this.anvil.url, CHAIN_ID: String(CHAIN_ID), POLL: '20ms', ...more };
    const words = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const done = this.mesg('service', 'deploy', 'ethereum', '--start', ...words);
    if (done.status !== 0) throw new Error(done.stderr);
    await until(() => this.service().workers > 0, 'the service');
  }

  service() {
    return JSON.parse(this.mesg('service', 'show', 'ethereum', '--json').stdout || '{}');
  }

  /** kill -9; Core starts it again. */
  async killService() {
    const { pid } = this.service();
    if (!pid) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It had ended.
    }
  }

  execute(task, inputs) {
    return this.app.execute('ethereum', task, inputs).then(({ outputs }) => outputs);
  }

  /** All events, the oldest first. */
  events(key) {
    const all = [];
    for (let from; ; ) {
      const words = [
        'event',
        'list',
        'ethereum',
        '--json',
        '--oldest-first',
        '--limit',
        '1000',
        ...(from ? ['--page', from] : []),
      ];
      const { stdout, stderr, status } = this.mesg(...words);
      if (status !== 0) throw new Error(stderr);
      const page = JSON.parse(stdout);
      all.push(...page.events);
      from = page.next_page_token;
      if (!from) break;
    }
    return key ? all.filter((event) => event.key === key) : all;
  }

  /** What the newest event tells. */
  newest() {
    return JSON.parse(this.mesg('event', 'list', 'ethereum', '--json', '--limit', '1').stdout || '{}').events?.[0]
      ?.data;
  }

  log() {
    return this.mesg('service', 'logs', 'ethereum').stdout;
  }

  async close() {
    await this.core?.end('SIGTERM');
    await this.app?.close();
    await this.anvil.program?.end('SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

let compiled;

/** The contract of test/contracts/Token.sol. */
function token() {
  if (compiled) return compiled;
  const solc = require('solc');
  const content = fs.readFileSync(path.join(__dirname, 'contracts/Token.sol'), 'utf8');
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources: { 'Token.sol': { content } },
        settings: { outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
      }),
    ),
  );
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
  const { abi, evm } = output.contracts['Token.sol'].Token;
  return (compiled = { abi, bytecode: `0x${evm.bytecode.object}` });
}

module.exports = { Anvil, CHAIN_ID, freePort, KEY, Program, token, until, World };
