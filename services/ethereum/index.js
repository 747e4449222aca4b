'use strict';

const { setMaxListeners } = require('node:events');

const { Service } = require('@mesg/sdk');

const { Chain } = require('./lib/chain');
const { readConfig } = require('./lib/config');
const { Follower } = require('./lib/follower');
const { Reader, Tokens } = require('./lib/items');
const { Node } = require('./lib/node');
const { Range } = require('./lib/range');
const { Sender } = require('./lib/sender');
const { Store } = require('./lib/store');
const { addTasks } = require('./lib/tasks');
const { Health, keepUp } = require('./lib/upkeep');

const log = (level, text) => (level === 'error' || level === 'warn' ? console.error : console.log)(text);

async function main() {
  const config = readConfig(process.env);
  const node = new Node(config);
  const service = new Service({ credits: 256, stopTimeout: 3_000, log });
  const health = new Health((problem) => service.reportHealth(problem));
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const common = { node, health, poll: config.poll, signal: stopping.signal, log };

  const tokens = new Tokens(node.request);
  const reader = new Reader(config, tokens);
  const follower = new Follower({
    ...config,
    chain: new Chain((method, params) => node.request(method, params), reader),
    store: new Store(service),
    range: new Range(config.maxRange),
    log,
  });
  let loaded = false;
  const follow = async () => {
    if (!loaded) await follower.load();
    loaded = true;
    return follower.step();
  };

  const sender = new Sender({ node, config, service, health, log, signal: stopping.signal });
  addTasks(service, { config, node, tokens, sender, signal: stopping.signal });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stopping.abort());
  await service.start();
  await sender.load();

  const following = reader.wantsBlocks || reader.wantsTransactions || reader.filters.length > 0;
  const work = [keepUp({ ...common, kind: 'sending', work: () => sender.turn() })];
  if (following) work.push(keepUp({ ...common, kind: 'reading', work: follow, failed: () => (loaded = false) }));
  else log('info', 'no event is asked for: set BLOCKS, CONTRACTS, ERC20 or ADDRESSES');
  await Promise.race([service.done, Promise.all(work).then(() => service.done)]);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`ethereum: ${error.message}`);
    process.exit(1);
  },
);
