'use strict';

const { toHex } = require('viem');

const { kindOf } = require('./errors');
const { Moved } = require('./follower');

const AT_ONCE = 8;
/** Where every block is read whole, so many make a range. */
const WHOLE_BLOCKS = 64;

/** Does `work` for each of `items`, some at a time; results in their order. */
async function each(items, work) {
  const results = new Array(items.length);
  let next = 0;
  const hand = async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, hand));
  return results;
}

/**
 * The chain as a Follower reads it, over `request` of a node. Each answer belongs to one chain: logs are
 * asked for by their block's hash, ranges are checked against the headers at their ends and of the logs.
 * Throws Moved when the chain changed meanwhile.
 *
 * A header is { number, hash, parent, time }, a block a header with `items`, in the order of the block.
 */
class Chain {
  /** `reader` makes items of what the node answers, see items.js. */
  constructor(request, reader) {
    this.request = request;
    this.reader = reader;
  }

  async head() {
    const head = await this.block('latest', false);
    if (!head) throw new Error('the node has no block yet');
    return headerOf(head);
  }

  async header(number) {
    const block = await this.block(toHex(number), false);
    return block ? headerOf(block) : undefined;
  }

  /** The block with all its items; undefined when there is none. */
  async read(number) {
    const block = await this.block(toHex(number), this.reader.wantsTransactions);
    if (!block) return undefined;
    const logs = /^0x0*$/.test(block.logsBloom ?? '') ? [] : await this.logs({ blockHash: block.hash });
    return this.make(block, logs);
  }

  /**
   * Blocks `from` to at most `to`, as { first, last, blocks }: the headers at the ends, and the blocks that
   * have items. Undefined when the node refuses so many.
   */
  async range(from, to) {
    const whole = this.reader.wantsBlocks || this.reader.wantsTransactions;
    const end = whole ? Math.min(to, from + WHOLE_BLOCKS - 1) : to;
    const [first, last] = [await this.present(from), await this.present(end)];
    const logs = await this.logs({ fromBlock: toHex(from), toBlock: toHex(end) }).catch((error) => {
      if (kindOf(error) === 'refused') return undefined;
      throw error;
    });
    if (!logs) return undefined;
    const byBlock = new Map();
    for (const log of logs) {
      const number = Number(log.blockNumber);
      byBlock.set(number, [...(byBlock.get(number) ?? []), log]);
    }
    const numbers = whole
      ? Array.from({ length: end - from + 1 }, (_, i) => from + i)
      : [...byBlock.keys()].sort((a, b) => a - b);
    const blocks = await each(numbers, async (number) => {
      const block = await this.block(toHex(number), this.reader.wantsTransactions);
      if (!block) throw new Moved(`block ${number} is gone`);
      return this.make(block, byBlock.get(number) ?? []);
    });
    for (let i = 1; i < blocks.length; ++i) {
      const neighbours = blocks[i].number === blocks[i - 1].number + 1;
      if (neighbours && blocks[i].parent !== blocks[i - 1].hash)
        throw new Moved(`block ${blocks[i].number} was replaced`);
    }
    if ((await this.header(end))?.hash !== last.hash) throw new Moved(`block ${end} was replaced`);
    return { first, last, blocks: blocks.filter((block) => block.items.length > 0) };
  }

  async make(block, logs) {
    for (const log of logs) {
      if (log.blockHash !== block.hash) throw new Moved(`block ${Number(block.number)} was replaced`);
    }
    const receipts = new Map(
      await each(this.reader.transactions(block), async ({ hash }) => {
        const receipt = await this.request('eth_getTransactionReceipt', [hash]);
        if (receipt?.blockHash !== block.hash) throw new Moved(`transaction ${hash} has moved`);
        return [hash, receipt];
      }),
    );
    return { ...headerOf(block), items: await this.reader.items(block, receipts, logs) };
  }

  /** The logs that any of the reader's filters lets through, each once. */
  async logs(where) {
    const found = new Map();
    for (const filter of this.reader.filters) {
      for (const log of await this.request('eth_getLogs', [{ ...where, ...filter }])) {
        if (!log.removed) found.set(`${log.blockHash}:${log.logIndex}`, log);
      }
    }
    return [...found.values()].sort(
      (a, b) => Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex),
    );
  }

  async present(number) {
    const header = await this.header(number);
    if (!header) throw new Moved(`block ${number} is gone`);
    return header;
  }

  block(number, whole) {
    return this.request('eth_getBlockByNumber', [number, whole]);
  }
}

function headerOf(block) {
  return { number: Number(block.number), hash: block.hash, parent: block.parentHash, time: Number(block.timestamp) };
}

module.exports = { Chain, each };
