import { Connection } from './connection';
import { Emitter } from './emitter';
import { MesgError } from './errors';
import type * as wire from './wire';

/** One key of an instance's store as it is now. */
export interface KeyEntry<T = any> {
  key: string;
  /** The parsed value; undefined where the key does not exist. */
  value: T | undefined;
  /** The value's JSON text as it was stored. */
  raw: Buffer;
  /** Moves with every change; 0 where the key does not exist. */
  version: number;
}

/** Options of a change. */
export interface ChangeOptions {
  /**
   * Compare-and-set: the change is made only while the key has this version, else it is refused with
   * ABORTED. 0: only while the key does not exist.
   */
  expectedVersion?: number;
}

/** A change of one key, to be committed with events. Made by {@link put} and {@link remove}. */
export interface KeyChange extends ChangeOptions {
  key: string;
  /** The new value, or undefined with `delete`. */
  put?: unknown;
  delete?: true;
}

/** A change that sets a key, for {@link Service.emitMany}. */
export function put(key: string, value: unknown, options: ChangeOptions = {}): KeyChange {
  return { key, put: value, ...options };
}

/** A change that deletes a key, for {@link Service.emitMany}. */
export function remove(key: string, options: ChangeOptions = {}): KeyChange {
  return { key, delete: true, ...options };
}

/** A change as it goes over the wire. */
export function toWireChange(connection: Connection, change: KeyChange): wire.KeyChange {
  const sent: wire.KeyChange = { key: change.key };
  if (change.delete) sent.delete = true;
  else sent.put = connection.json.write(change.put, `the value of key "${change.key}"`);
  if (change.expectedVersion !== undefined) sent.expectedVersion = change.expectedVersion;
  return sent;
}

/** What reading from a key-value store offers. */
export class KeyReader {
  constructor(protected readonly connection: Connection) {}

  /** The key's value and version; version 0 where it does not exist. */
  async get<T = any>(key: string): Promise<KeyEntry<T>> {
    return (await this.getMany<T>([key]))[0];
  }

  /** The same for several keys, in their order. */
  async getMany<T = any>(keys: string[]): Promise<KeyEntry<T>[]> {
    const values = await getKeys(this.connection, keys);
    return keys.map((key, i) => this.entry(key, values[i]));
  }

  /** The keys that begin with `prefix`, in order: `limit` of them (1,000). Go on with `after: last.key`. */
  async list<T = any>(options: { prefix?: string; limit?: number; after?: string } = {}): Promise<KeyEntry<T>[]> {
    const limit = options.limit || 1000;
    const all: wire.KeyValue[] = [];
    // Large values come in several answers.
    for (let more = true, after = options.after ?? ''; more && all.length < limit; ) {
      const page: wire_Keys = await this.connection.call<unknown, wire_Keys>('Worker', 'ListKeys', {
        prefix: options.prefix ?? '',
        limit: limit - all.length,
        after,
      });
      all.push(...page.values);
      more = page.more === true && page.values.length > 0;
      if (more) after = all[all.length - 1].key;
    }
    return all.map((value) => this.entry(value.key, value));
  }

  private entry(key: string, found: wire.KeyValue | undefined): KeyEntry {
    const version = Number(found?.version ?? 0);
    if (!Number.isSafeInteger(version)) {
      throw new MesgError('INTERNAL', `the version of key "${key}" does not fit a JavaScript number`);
    }
    if (version === 0) return { key, value: undefined, raw: Buffer.alloc(0), version };
    return { key, value: this.connection.json.read(found!.value), raw: found!.value, version };
  }
}

type wire_Keys = { values: wire.KeyValue[]; more?: boolean };

/** The values of all keys, in their order. Large ones come in several answers. */
export async function getKeys(connection: Connection, keys: string[]): Promise<wire.KeyValue[]> {
  const all: wire.KeyValue[] = [];
  while (all.length < keys.length) {
    const { values } = await connection.call<unknown, wire_Keys>('Worker', 'GetKeys', { keys: keys.slice(all.length) });
    if (values.length === 0) throw new MesgError('INTERNAL', 'Core answered no key of those that were asked for');
    all.push(...values);
  }
  return all;
}

/** The key-value store of a service's instance. All workers of the instance share it. */
export class Keys extends KeyReader {
  constructor(
    connection: Connection,
    private readonly emitter: Emitter,
  ) {
    super(connection);
  }

  /** Sets a key; resolves with its new version when that is durable. */
  async put(key: string, value: unknown, options: ChangeOptions = {}): Promise<number> {
    const change = toWireChange(this.connection, put(key, value, options));
    return (await this.emitter.submit([], [change])).versions[0];
  }

  /** Deletes a key; resolves when that is durable. Deleting what does not exist succeeds. */
  async delete(key: string, options: ChangeOptions = {}): Promise<void> {
    await this.emitter.submit([], [toWireChange(this.connection, remove(key, options))]);
  }
}
