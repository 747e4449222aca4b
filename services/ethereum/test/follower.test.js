'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { Follower, Moved } = require('../lib/follower');
const { Range } = require('../lib/range');

const ALL = new Set(['pending', 'confirmed', 'reverted']);

/** Random numbers that a seed repeats. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A chain in memory, as chain.js shows one. Blocks that were replaced can come back. */
class FakeChain {
  constructor() {
    this.blocks = [];
    this.made = 0;
    this.extend(0);
  }

  extend(items) {
    const number = this.blocks.length;
    const hash = `h${++this.made}`;
    const id = (i) => `${hash}:${i}`;
    this.blocks.push({
      number,
      hash,
      parent: this.blocks.at(-1)?.hash ?? '',
      time: number,
      items: Array.from({ length: items }, (_, i) => ({ kind: 'log', id: id(i), time: number, data: { number } })),
    });
  }

  async head() {
    return this.blocks.at(-1);
  }

  async header(number) {
    return this.blocks[number];
  }

  async read(number) {
    return this.blocks[number];
  }

  async range(from, to) {
    const blocks = this.blocks.slice(from, to + 1);
    return { first: blocks[0], last: blocks.at(-1), blocks: blocks.filter((block) => block.items.length > 0) };
  }

  /** What has to be told as confirmed, as text. */
  final(start, confirmations) {
    const deep = this.blocks.slice(start, this.blocks.length - confirmations + 1);
    return deep.flatMap((block) => block.items.map((item) => item.id)).sort();
  }
}

/** A store in memory, as store.js is one. */
class FakeStore {
  constructor() {
    this.kept = new Map();
    this.events = [];
    this.ids = new Set();
    this.failure = () => undefined;
  }

  async load() {
    const keys = [...this.kept.keys()].filter((key) => key.startsWith('block/')).sort();
    return { position: this.kept.get('position'), parts: keys.map((key) => this.kept.get(key)) };
  }

  async commit({ events, changes, position }) {
    const failure = this.failure();
    if (failure === 'before') throw new Error('Core is away');
    for (const event of events) {
      assert.ok(!this.ids.has(event.id), `${event.id} is told twice`);
      this.ids.add(event.id);
      this.events.push(event);
    }
    for (const [key, part] of changes) part ? this.kept.set(key, part) : this.kept.delete(key);
    this.kept.set('position', position);
    if (failure === 'after') throw new Error('the answer was lost');
  }

  /** The ids confirmed and not reverted. Checks that each status comes when it may. */
  confirmed() {
    const states = new Map();
    const before = {
      pending: [undefined, 'reverted'],
      confirmed: [undefined, 'reverted', 'pending'],
      reverted: ['pending', 'confirmed'],
    };
    for (const {
      data: { id, status, was },
    } of this.events) {
      const now = states.get(id);
      assert.ok(before[status].includes(now), `${id} is told as ${status} after ${now}`);
      if (status === 'reverted') assert.equal(was, now);
      states.set(id, status);
    }
    return [...states]
      .filter(([, status]) => status === 'confirmed')
      .map(([id]) => id)
      .sort();
  }

  statuses() {
    return this.events.map(({ data: { id, status } }) => `${id} ${status}`);
  }
}

function follow(chain, store, options = {}) {
  return new Follower({
    chain,
    store,
    range: new Range(100),
    confirmations: 3,
    maxReorg: 20,
    statuses: ALL,
    start: 0,
    ...options,
  });
}

async function settle(follower) {
  await follower.load();
  while (await follower.step());
}

test('an item is pending when it is included and confirmed when it is deep enough', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store, { start: 'latest' });
  await settle(follower);
  chain.extend(1);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 pending']);
  chain.extend(0);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 pending']);
  chain.extend(1);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 pending', 'h4:0 pending', 'h2:0 confirmed']);
  assert.deepEqual(
    store.events.map((event) => event.id),
    ['log:h2:0:pending', 'log:h4:0:pending', 'log:h2:0:confirmed'],
  );
});

test('with one confirmation an item is confirmed at once', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store, { confirmations: 1 });
  await settle(follower);
  chain.extend(1);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 confirmed']);
});

test('a reorganisation reverts what was told, the last first, and says what it had been', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store);
  await settle(follower);
  for (let i = 0; i < 4; ++i) {
    chain.extend(1);
    await settle(follower);
  }
  store.events.length = 0;
  chain.blocks.splice(1);
  for (let i = 0; i < 4; ++i) chain.extend(0);
  await settle(follower);
  assert.deepEqual(
    store.events.map(({ data }) => `${data.id} ${data.status} ${data.was}`),
    ['h5:0 reverted pending', 'h4:0 reverted pending', 'h3:0 reverted confirmed', 'h2:0 reverted confirmed'],
  );
});

test('a block that comes back is told anew', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store);
  chain.extend(1);
  await settle(follower);
  const first = chain.blocks.pop();
  chain.extend(0);
  await settle(follower);
  chain.blocks.pop();
  chain.blocks.push(first);
  for (let i = 0; i < 3; ++i) chain.extend(0);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 pending', 'h2:0 reverted', 'h2:0 pending', 'h2:0 confirmed']);
});

test('a head that is behind, or a shorter chain, reverts nothing until other blocks are there', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store);
  for (let i = 0; i < 3; ++i) chain.extend(1);
  await settle(follower);
  const before = store.events.length;
  const gone = chain.blocks.splice(2);
  await settle(follower);
  assert.equal(store.events.length, before);
  chain.extend(0);
  await settle(follower);
  assert.deepEqual(
    store.statuses().slice(before),
    [...gone].reverse().map((block) => `${block.items[0].id} reverted`),
  );
});

test('only the statuses that are asked for are told, and nothing reverted that was not told', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store, { statuses: new Set(['confirmed', 'reverted']) });
  for (let i = 0; i < 4; ++i) chain.extend(1);
  await settle(follower);
  chain.blocks.splice(1);
  for (let i = 0; i < 5; ++i) chain.extend(0);
  await settle(follower);
  assert.deepEqual(store.statuses(), ['h2:0 confirmed', 'h3:0 confirmed', 'h3:0 reverted', 'h2:0 reverted']);
});

test('a block with very many items is told in parts, and goes on in the part it was in', async () => {
  const chain = new FakeChain();
  const store = new FakeStore();
  chain.extend(3000);
  chain.extend(1);
  chain.extend(0);
  let commits = 0;
  store.failure = () => (++commits % 2 === 0 ? 'before' : undefined);
  const follower = follow(chain, store);
  for (let going = true; going; )
    going = await settle(follower).then(
      () => false,
      () => true,
    );
  assert.equal(store.confirmed().length, 3000);
  assert.deepEqual(store.confirmed(), chain.final(0, 3));
});

test('a reorganisation below all that is remembered is said, and followed as far as it can be', async () => {
  const said = [];
  const chain = new FakeChain();
  const store = new FakeStore();
  const follower = follow(chain, store, { maxReorg: 4, log: (level, text) => said.push(`${level}: ${text}`) });
  for (let i = 0; i < 20; ++i) {
    chain.extend(1);
    await settle(follower);
  }
  chain.blocks.splice(2);
  for (let i = 0; i < 20; ++i) chain.extend(1);
  await settle(follower);
  assert.match(said[0], /^error: the chain was reorganised below block 1\d, the oldest that is remembered/);
  const confirmed = store.confirmed();
  const last = chain.final(17, 3);
  assert.deepEqual(
    confirmed.filter((id) => last.includes(id)),
    last,
  );
});

// Whatever the chain does, and wherever the service or Core stops: what is confirmed in the end is exactly
// what the chain holds in the end.
for (let seed = 1; seed <= 100; ++seed) {
  test(`random forks and crashes, seed ${seed}`, async () => {
    const random = randomOf(seed);
    const chain = new FakeChain();
    const store = new FakeStore();
    const confirmations = 1 + random(6);
    const start = random(4);
    const options = { confirmations, start, maxReorg: 40 };
    const broken = [];
    const failing =
      (method) =>
      async (...given) => {
        if (random(12) === 0) throw new Moved('the chain changed');
        if (random(25) === 0 && chain.blocks.length > 20) fork();
        return FakeChain.prototype[method].apply(chain, given);
      };
    function fork() {
      const depth = Math.min(1 + random(12), chain.blocks.length - 1);
      if (depth === 0) return;
      const gone = chain.blocks.splice(chain.blocks.length - depth);
      const kept = random(3) === 0 ? broken.find((one) => one[0].parent === chain.blocks.at(-1).hash) : undefined;
      if (kept) chain.blocks.push(...kept);
      broken.push(gone);
      const longer = random(4) === 0 ? 0 : depth + 1;
      for (let i = 0; i < longer; ++i) chain.extend(random(4));
    }
    for (const method of ['head', 'header', 'read', 'range']) chain[method] = failing(method);
    store.failure = () => [undefined, undefined, undefined, undefined, 'before', 'after'][random(6)];

    let follower = follow(chain, store, options);
    for (let round = 0; round < 60; ++round) {
      const kind = random(10);
      if (kind === 0) fork();
      else for (let i = random(kind === 1 ? 40 : 3); i >= 0; --i) chain.extend(random(20) === 0 ? 1200 : random(4));
      try {
        await follower.load();
        for (let steps = random(8); steps > 0 && (await follower.step()); --steps);
      } catch {
        if (random(2) === 0) follower = follow(chain, store, options);
      }
    }
    for (const method of ['head', 'header', 'read', 'range']) delete chain[method];
    store.failure = () => undefined;
    for (let i = 0; i < 15; ++i) chain.extend(1);
    await settle(follower);
    assert.deepEqual(store.confirmed(), chain.final(start, confirmations));
    assert.ok([...store.kept.keys()].length < 150, `${store.kept.size} keys are kept`);
  });
}
