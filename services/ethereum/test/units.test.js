'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { HttpRequestError, RpcRequestError } = require('viem');

const { amountOf, argumentsOf, functionOf, parsedAbi } = require('../lib/abi');
const { Chain } = require('../lib/chain');
const { readConfig } = require('../lib/config');
const { kindOf, reasonOf, scrubber, textOf } = require('../lib/errors');
const { Follower, Moved } = require('../lib/follower');
const { Range } = require('../lib/range');
const { Health } = require('../lib/upkeep');

const ENV = { RPC_URL: 'https://node.example.org/v3/0123456789abcdef', CHAIN_ID: '1' };
const ADDRESS = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';

test('the environment has defaults, and what is wrong is named', () => {
  const config = readConfig(ENV);
  assert.equal(config.confirmations, 12);
  assert.equal(config.start, 'latest');
  assert.equal(config.poll, 4000);
  assert.equal(config.maxFee, 500_000_000_000n);
  assert.equal(readConfig({ ...ENV, POLL: '1m30s' }).poll, 90_000);
  assert.deepEqual([...readConfig({ ...ENV, ERC20: ` ${ADDRESS.toLowerCase()} , ${ADDRESS}` }).tokens], [ADDRESS]);
  const refused = (more, message) => assert.throws(() => readConfig({ ...ENV, ...more }), { message });
  refused({ CHAIN_ID: '' }, 'CHAIN_ID must be a whole number from 1 to 9007199254740991, got ""');
  refused({ CONFIRMATIONS: '0' }, 'CONFIRMATIONS must be a whole number from 1 to 10000, got "0"');
  refused(
    { RPC_URL: 'secret-host' },
    'RPC_URL must begin with http://, https://, ws:// or wss:// and name a host (it is not shown: it may hold a key)',
  );
  refused({ POLL: '5 seconds' }, 'POLL must be a time such as 4s or 1m30s, got "5 seconds"');
  refused({ STATUSES: 'confirmed,done' }, 'STATUSES holds some of pending, confirmed, reverted, got "done"');
  refused({ PRIVATE_KEY: '0x12' }, 'PRIVATE_KEY must be 64 hex digits (it is not shown)');
  refused({ MAX_REORG: '3' }, 'MAX_REORG (3) must not be less than CONFIRMATIONS (12)');
  refused({ ERC20: ADDRESS.replace('3C44C', '3c44C') }, /^ERC20: the checksum of the address 0x3c44C.* is wrong/);
  refused({ BLOCKS: 'yes' }, 'BLOCKS must be true or false, got "yes"');
  refused({ MAX_TIP_GWEI: '-1' }, 'MAX_TIP_GWEI must be an amount in gwei such as 50 or 0.1, got "-1"');
  refused({ CONTRACTS: '{' }, /^CONTRACTS must be JSON: /);
  refused({ CONTRACTS: '[{"events": ["event ("]}]' }, /^CONTRACTS\[0\]\.events is no ABI: /);
  refused({ CONTRACTS: '[{"abi": ["function f()"]}]' }, 'CONTRACTS[0] has no event in its ABI');
});

test('amounts are exact, and refused where they would not be', () => {
  assert.equal(amountOf({ formatted: '1.000000000000000001' }, 18), 10n ** 18n + 1n);
  assert.equal(amountOf({ amount: String(2n ** 200n) }, 18), 2n ** 200n);
  assert.equal(amountOf({}, 18), undefined);
  const refused = (given, decimals, message) => assert.throws(() => amountOf(given, decimals), { message });
  refused({ formatted: '0.1234567' }, 6, 'formatted has 7 decimals, but there are 6: 0.1234567');
  refused({ formatted: '1e3' }, 6, 'formatted must be a decimal number as text, got "1e3"');
  refused({ amount: 2 ** 60 }, 18, /^amount must be a whole number as decimal text, got 115292150460684/);
  refused({ amount: '1', formatted: '1' }, 18, 'give amount or formatted, not both');
  refused({ formatted: '1' }, null, 'the token does not say how many decimals it has: give amount');
});

test('functions are found by name or signature, arguments converted by their types', () => {
  const abi = parsedAbi([
    'function f(uint8 a)',
    'function f(uint8 a, bytes2[] b)',
    'function g((address who, bool yes) x)',
  ]);
  assert.equal(functionOf(abi, 'f', ['1']).inputs.length, 1);
  assert.equal(functionOf(abi, 'f(uint8, bytes2[])').inputs.length, 2);
  assert.throws(() => functionOf(abi, 'f', { a: '1' }), {
    message: /^function "f" is not the only one of that name: it has f\(uint8\), f\(/,
  });
  assert.throws(() => functionOf(abi), { message: /^function is missing, the ABI has several: / });
  const [one, two, three] = abi;
  assert.deepEqual(argumentsOf(two.inputs, { a: 255, b: ['0x1234'] }), [255n, ['0x1234']]);
  assert.deepEqual(argumentsOf(three.inputs, [[ADDRESS, true]]), [{ who: ADDRESS, yes: true }]);
  assert.throws(() => argumentsOf(one.inputs, ['256']), { message: 'args[0] must be from 0 to 255, got 256' });
  assert.throws(() => argumentsOf(two.inputs, ['1', ['0x12']]), {
    message: /^args\[1\]\[0\] must be "0x" and 4 hex digits, got "0x12"$/,
  });
  assert.throws(() => argumentsOf(three.inputs, [{ who: ADDRESS }]), {
    message: 'args[0].yes must be a boolean (bool), got undefined',
  });
  assert.throws(() => parsedAbi('transfer'), { message: /^abi is no ABI: / });
});

const rpc = (code, message) => new RpcRequestError({ body: {}, url: ENV.RPC_URL, error: { code, message } });

test('errors of the node are told apart, in a line without its address', () => {
  const http = (status, details) => new HttpRequestError({ url: ENV.RPC_URL, status, details: details ?? '' });
  assert.equal(kindOf(http(429)), 'busy');
  assert.equal(kindOf(rpc(-32005, 'daily request count exceeded, request rate limited')), 'busy');
  assert.equal(kindOf(rpc(-32005, 'query returned more than 10000 results')), 'refused');
  assert.equal(kindOf(http(503)), 'away');
  assert.equal(kindOf(new Error('x')), 'other');
  assert.equal(textOf(rpc(-32000, 'block range too wide')), 'block range too wide');
  const clean = scrubber({ url: ENV.RPC_URL, privateKey: `0x${'ab'.repeat(32)}` });
  assert.equal(clean(`at ${ENV.RPC_URL} or /v3/0123456789abcdef with ${'ab'.repeat(32)}`), 'at *** or *** with ***');
  assert.equal(reasonOf('0x'), 'no reason given');
  assert.equal(reasonOf(`0x4e487b71${'11'.padStart(64, '0')}`), 'panic 17');
});

test('health is said once, with its beginning, and each problem once', () => {
  const said = [];
  const health = new Health((problem) => said.push(problem.replace(/since [^)]*/g, 'since T')));
  assert.equal(health.set('reading', 'the node is away'), true);
  assert.equal(health.set('reading', 'the node is away'), false);
  health.set('sending', 'the node is away');
  health.set('transactions', 'one is stuck');
  health.set('reading', '');
  health.set('sending', '');
  health.set('transactions', '');
  assert.deepEqual(said, [
    'the node is away (since T)',
    'the node is away (since T)',
    'one is stuck (since T); the node is away (since T)',
    'one is stuck (since T); the node is away (since T)',
    'one is stuck (since T)',
    '',
  ]);
});

/** A node whose chain has one log in each block, and that answers no more than `most` blocks of logs. */
function nodeOf(count, most) {
  const hash = (n) => `0x${String(n).padStart(64, '0')}`;
  const plain = (text) => parseInt(text.slice(2), 10);
  const asked = [];
  const request = async (method, [first]) => {
    if (method === 'eth_getBlockByNumber') {
      const n = first === 'latest' ? count : Number(first);
      return n > count ? null : { number: n, hash: hash(n), parentHash: hash(n - 1), timestamp: n, transactions: [] };
    }
    const [from, to] = first.blockHash
      ? [plain(first.blockHash), plain(first.blockHash)]
      : [Number(first.fromBlock), Number(first.toBlock)];
    asked.push(to - from + 1);
    if (to - from + 1 > most()) throw rpc(-32005, 'query returned more than 10000 results');
    return Array.from({ length: to - from + 1 }, (_, i) => ({
      blockNumber: from + i,
      blockHash: hash(from + i),
      logIndex: 0,
    }));
  };
  return { request, asked };
}

const reader = {
  wantsBlocks: false,
  wantsTransactions: false,
  filters: [{}],
  transactions: () => [],
  items: async (block, _receipts, logs) => logs.map(() => ({ kind: 'log', id: block.hash, time: 0, data: {} })),
};

test('the range of logs shrinks where the node refuses, and grows again', async () => {
  let most = 30;
  const { request, asked } = nodeOf(2000, () => most);
  const events = [];
  const store = {
    load: async () => ({ position: undefined, parts: [] }),
    commit: async (commit) => events.push(...commit.events),
  };
  const follower = new Follower({
    chain: new Chain(request, reader),
    store,
    range: new Range(1000),
    confirmations: 5,
    maxReorg: 64,
    start: 1,
    statuses: new Set(['pending', 'confirmed', 'reverted']),
  });
  await follower.load();
  for (let steps = 0; steps < 40; ++steps) await follower.step();
  assert.deepEqual(asked.slice(0, 8), [1000, 500, 250, 125, 62, 31, 15, 19]);
  assert.ok(
    asked.slice(8).every((size) => size <= 38),
    'it stays near what is answered',
  );
  most = 5000;
  while (await follower.step());
  assert.ok(Math.max(...asked.slice(50)) > 100, 'it grows where it may');
  assert.equal(events.filter(({ data }) => data.status === 'confirmed').length, 1996);
});

test('logs of another chain than the blocks are read again', async () => {
  const { request } = nodeOf(100, () => 1000);
  const mixed = async (method, params) => {
    const answer = await request(method, params);
    return method === 'eth_getLogs' ? answer.map((log) => ({ ...log, blockHash: '0xother' })) : answer;
  };
  const chain = new Chain(mixed, reader);
  await assert.rejects(chain.range(1, 20), Moved);
  await assert.rejects(chain.read(7), Moved);
});

test('a node that is away or busy does not change the range', async () => {
  const { request } = nodeOf(100, () => 1000);
  const failing = async (method, params) => {
    if (method === 'eth_getLogs') throw new HttpRequestError({ url: ENV.RPC_URL, status: 429 });
    return request(method, params);
  };
  await assert.rejects(new Chain(failing, reader).range(1, 20), HttpRequestError);
});
