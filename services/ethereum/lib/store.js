'use strict';

const { put, remove } = require('@mesg/sdk');

/**
 * Where a Follower keeps what it knows: the instance's key-value store. Its position moves in the commit of
 * the events that it stands for, and only from where this process knows it to be: of two processes of one
 * instance one is refused, and reads again.
 */
class Store {
  constructor(service) {
    this.service = service;
    this.version = 0;
  }

  /** { position, parts }; position undefined on the first start. */
  async load() {
    const { keys } = this.service;
    const { value, version } = await keys.get('position');
    const parts = [];
    for (let after = ''; ; ) {
      const page = await keys.list({ prefix: 'block/', after });
      parts.push(...page);
      if (page.length < 1000) break;
      after = page.at(-1).key;
    }
    this.version = version;
    return { position: value, parts: parts.map(({ key, value: part, raw }) => ({ key, ...part, bytes: raw.length })) };
  }

  /** All of it or nothing. After an error it is known by load() whether it happened. */
  async commit({ events, changes, position }) {
    const wanted = [put('position', position, { expectedVersion: this.version })];
    for (const [key, part] of changes) {
      wanted.push(part ? put(key, { number: part.number, hash: part.hash, items: part.items }) : remove(key));
    }
    const { versions } = await this.service.emitMany(events, { changes: wanted });
    this.version = versions[0];
  }
}

module.exports = { Store };
