'use strict';

const PART_ITEMS = 250;
const PART_BYTES = 1 << 20;
const COMMIT_EVENTS = 1000;
const COMMIT_BYTES = 2 << 20;
/** So many blocks beyond the confirmed ones are still read one by one. */
const NEAR = 8;

/** The chain changed while it was read: read again. */
class Moved extends Error {}

/**
 * Follows a chain and tells each of its items: `pending` when it is included, `confirmed` when it is deep
 * enough, `reverted` when a reorganisation has removed it.
 *
 * What it knows is the `position` and, for each block not older than `maxReorg`, its hash and the items
 * told of it, in parts of a bounded size under one key each:
 *
 * - position: { number, hash } of the last block told; `parts` while only so many parts of that block
 *   are; `confirmed`, the key of the last part told as confirmed; `rewinds`, how often it went back;
 *   `undone`, what `confirmed` was, while parts behind the position have yet to be told as reverted.
 * - a part above the position is one that a reorganisation has removed.
 *
 * Each commit emits events, moves parts and the position together, so a crash between two of them is
 * continued where it was. `chain` and `store` are described in chain.js and store.js; test/follower.test.js
 * has them in memory.
 */
class Follower {
  /** `start` is the first block to tell, or 'latest' for the one after the head. */
  constructor({ chain, store, range, confirmations, maxReorg, statuses, start, log = () => {} }) {
    Object.assign(this, { chain, store, range, confirmations, maxReorg, statuses, start, log });
    this.position = undefined;
    this.parts = [];
  }

  /** Reads what was committed. Before the first step, and after an error of one. */
  async load() {
    const { position, parts } = await this.store.load();
    this.position = position;
    this.parts = parts;
  }

  /** One step forwards, or back. False when there is nothing to do until the chain moves. */
  async step() {
    const { position } = this;
    if (!position) return this.begin();
    if (position.undone !== undefined) return this.undo([]);
    // A commit that failed may have left some of them.
    const due = this.confirm(position.number - this.confirmations + 1, position, []);
    if (position.parts === undefined && due.length > 0) {
      await this.commit(due);
      return true;
    }
    const head = await this.chain.head();
    if (head.number <= position.number && position.parts === undefined) {
      const known = this.hashAt(head.number);
      if (known === undefined || known === head.hash) return false;
      return this.rewind();
    }
    const deep = head.number - this.confirmations + 1;
    if (position.parts === undefined && deep > position.number + NEAR) return this.backfill(deep);
    return this.next();
  }

  async begin() {
    const head = await this.chain.head();
    const first = this.start === 'latest' ? head.number + 1 : this.start;
    if (first - 1 > head.number) return false;
    const before = first === 0 ? { number: -1, hash: '' } : await this.present(first - 1);
    const position = { number: before.number, hash: before.hash, confirmed: '', rewinds: 0 };
    await this.commit([{ position, puts: [partOf(before, 0, [])], removes: [], events: [] }]);
    return true;
  }

  /** Tells the block behind the position, or the rest of the one it is in. */
  async next() {
    const { position } = this;
    const told = position.parts ?? 0;
    const number = told > 0 ? position.number : position.number + 1;
    const block = await this.chain.read(number);
    if (!block) return false;
    const follows = told > 0 ? block.hash === position.hash : number === 0 || block.parent === position.hash;
    if (!follows) return this.rewind();
    const steps = this.tell(block, position, told, this.confirmations === 1);
    const confirmed = this.confirm(number - this.confirmations + 1, steps.at(-1).position, steps);
    confirmed.at(-1).removes.push(...this.outdated(number, confirmed.at(-1).position.confirmed));
    await this.commit(confirmed);
    return true;
  }

  /** Tells blocks that are deep enough already, as confirmed at once. */
  async backfill(deep) {
    const { position } = this;
    const from = position.number + 1;
    const range = await this.chain.range(from, Math.min(deep, from + this.range.size - 1));
    if (!range) {
      if (!this.range.shrink()) throw new Error('the node refuses even a single block of logs');
      return true;
    }
    if (from > 0 && range.first.parent !== position.hash) return this.rewind();
    this.range.grow();
    const steps = this.confirm(position.number, position, []);
    for (const block of range.blocks) {
      const told = this.tell(block, steps.at(-1)?.position ?? position, 0, true);
      // What no reorganisation is expected to reach need not be remembered.
      if (block.number < range.last.number - this.maxReorg) for (const step of told) step.puts = [];
      steps.push(...told);
    }
    const { number, hash } = range.last;
    const end = { ...(steps.at(-1)?.position ?? position), number, hash, confirmed: keyOf(number, 9999) };
    const marks = range.blocks.at(-1)?.number === number ? [] : [partOf(range.last, 0, [])];
    steps.push({ position: end, puts: marks, events: [], removes: this.outdated(number, end.confirmed) });
    await this.commit(steps);
    return true;
  }

  /** Goes back to the last block that is known and still in the chain. */
  async rewind() {
    const { position, parts } = this;
    const known = [...new Map(parts.map((part) => [part.number, part.hash]))].reverse();
    let target;
    for (const [number, hash] of known) {
      const header = number < 0 ? { hash } : await this.chain.header(number);
      if (header?.hash !== hash) continue;
      // The block in question is back, while it was looked for.
      if (number === position.number) return true;
      target = { number, hash };
      break;
    }
    if (!target) {
      this.log(
        'error',
        `the chain was reorganised below block ${parts[0].number}, the oldest that is remembered: ` +
          'what it removed further down cannot be told',
      );
      const number = parts[0].items.length > 0 ? parts[0].number - 1 : parts[0].number;
      target = number < 0 ? { number, hash: '' } : await this.present(number);
    }
    this.log('info', `the chain was reorganised: back from block ${position.number} to ${target.number}`);
    const limit = keyOf(target.number, 9999);
    const next = {
      number: target.number,
      hash: target.hash,
      confirmed: position.confirmed < limit ? position.confirmed : limit,
      rewinds: position.rewinds + 1,
      undone: position.confirmed,
    };
    return this.undo([{ position: next, puts: [], removes: [], events: [] }]);
  }

  /** Tells what lies behind the position as reverted, the last first. */
  async undo(steps) {
    const position = steps.at(-1)?.position ?? this.position;
    const { undone, ...clean } = position;
    for (const part of this.parts.filter((one) => one.number > position.number).reverse()) {
      const was = part.key <= undone ? 'confirmed' : 'pending';
      const told = this.statuses.has('pending') || (was === 'confirmed' && this.statuses.has('confirmed'));
      const events = told ? this.events(part.items, 'reverted', position, was) : [];
      steps.push({ position, puts: [], removes: [part.key], events: events.reverse() });
    }
    const anchor = this.parts.some((one) => one.number === position.number) ? [] : [partOf(position, 0, [])];
    steps.push({ position: clean, puts: anchor, removes: [], events: [] });
    await this.commit(steps);
    return true;
  }

  /** Steps that tell `block` from its part `told` on; at least one. */
  tell(block, position, told, confirmed) {
    const parts = partsOf(block);
    return parts.slice(told).map((part, i) => {
      const { parts: _, ...rest } = position;
      const next = { ...rest, number: block.number, hash: block.hash };
      if (confirmed) next.confirmed = part.key;
      if (told + i + 1 < parts.length) next.parts = told + i + 1;
      const status = confirmed ? 'confirmed' : 'pending';
      return { position: next, puts: [part], removes: [], events: this.events(part.items, status, next) };
    });
  }

  /** Adds the steps that confirm what is pending up to block `number`. */
  confirm(number, position, steps) {
    const limit = keyOf(number, 9999);
    const waiting = [...this.parts, ...steps.flatMap((step) => step.puts)].filter(
      (part) => part.key > position.confirmed && part.key <= limit,
    );
    let next = position;
    for (const part of waiting) {
      next = { ...next, confirmed: part.key };
      steps.push({ position: next, puts: [], removes: [], events: this.events(part.items, 'confirmed', next) });
    }
    return steps;
  }

  /** Parts that no reorganisation is expected to reach, when the position is at block `number`. */
  outdated(number, confirmed) {
    const old = this.parts.filter((part) => part.number < number - this.maxReorg && part.key <= confirmed);
    return old.map((part) => part.key);
  }

  /** An id is told again when a reorganisation brings its block back; `rewinds` tells the two apart. */
  events(items, status, { rewinds }, was) {
    if (!this.statuses.has(status)) return [];
    return items.map(({ kind, id, time, data }) => ({
      key: kind,
      id: `${kind}:${id}:${status}${rewinds > 0 ? `:${rewinds}` : ''}`,
      time: new Date(time * 1000),
      data: was ? { id, status, was, ...data } : { id, status, ...data },
    }));
  }

  hashAt(number) {
    if (number === this.position.number) return this.position.hash;
    return this.parts.findLast((part) => part.number === number)?.hash;
  }

  async present(number) {
    const header = await this.chain.header(number);
    if (!header) throw new Moved(`block ${number} is gone`);
    return header;
  }

  /** Makes the steps, as many in one commit as it may hold. */
  async commit(steps) {
    let events = [];
    let changes = new Map();
    let bytes = 0;
    for (const [i, step] of steps.entries()) {
      events.push(...step.events);
      for (const part of step.puts) changes.set(part.key, part);
      for (const key of step.removes) changes.set(key, undefined);
      bytes += weightOf(step);
      const next = steps[i + 1];
      const room =
        next && events.length + next.events.length <= COMMIT_EVENTS && bytes + weightOf(next) <= COMMIT_BYTES;
      if (room) continue;
      await this.store.commit({ events, changes, position: step.position });
      this.position = step.position;
      this.apply(changes);
      [events, changes, bytes] = [[], new Map(), 0];
    }
  }

  apply(changes) {
    this.parts = this.parts.filter((part) => !changes.has(part.key));
    for (const part of changes.values()) if (part) this.parts.push(part);
    this.parts.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

/** Sorts by block, then part; -1, what is before the first block, comes first. */
function keyOf(number, part) {
  return `block/${String(number + 1).padStart(12, '0')}/${String(part).padStart(4, '0')}`;
}

function sizeOf(value) {
  return Buffer.byteLength(JSON.stringify(value));
}

function weightOf({ puts, events }) {
  return puts.reduce((sum, part) => sum + part.bytes, 0) + (events.length > 0 ? sizeOf(events) : 0);
}

function partOf({ number, hash }, part, items) {
  return { key: keyOf(number, part), number, hash, items, bytes: 128 + sizeOf(items) };
}

/** The parts of a block; one even where it has no items: its hash is what a rewind looks for. */
function partsOf(block) {
  const parts = [];
  let items = [];
  let bytes = 0;
  for (const item of block.items) {
    const size = sizeOf(item);
    if (items.length > 0 && (items.length === PART_ITEMS || bytes + size > PART_BYTES)) {
      parts.push(partOf(block, parts.length, items));
      items = [];
      bytes = 0;
    }
    items.push(item);
    bytes += size;
  }
  parts.push(partOf(block, parts.length, items));
  return parts;
}

module.exports = { Follower, Moved };
