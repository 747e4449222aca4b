import type { ClientDuplexStream } from '@grpc/grpc-js';

import { Connection, sleep } from './connection';
import { isFatal, MesgError, toMesgError } from './errors';
import type * as wire from './wire';

/** Where a listener begins: now, at the oldest item kept, or behind a position. */
export type From = 'live' | 'oldest' | (string & {});

export interface ListenSettings {
  filter: wire.Filter;
  from?: From;
  subscription?: string;
  window?: number;
  signal?: AbortSignal;
}

const MAX_UNCONFIRMED = 10_000;
const GOODBYE_MS = 1_000;

/** What comes over one Listen stream, held back while nobody asks for it. */
class Incoming {
  private readonly queue: wire.ListenResponse[] = [];
  private error: MesgError | undefined;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor(readonly call: ClientDuplexStream<wire.ListenRequest, wire.ListenResponse>) {
    call.on('data', (response: wire.ListenResponse) => {
      this.queue.push(response);
      if (this.queue.length > 1) call.pause();
      this.wake?.();
    });
    call.on('error', (error) => {
      this.error = toMesgError(error);
      this.wake?.();
    });
    call.on('end', () => this.end());
  }

  /** Makes next() return undefined once the queue is empty. */
  end(): void {
    this.ended = true;
    this.wake?.();
  }

  async next(): Promise<wire.ListenResponse | undefined> {
    for (;;) {
      const response = this.queue.shift();
      if (response) {
        this.call.resume();
        return response;
      }
      if (this.error) throw this.error;
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Ends the call and waits a moment for Core to have read what was written. */
  async goodbye(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GOODBYE_MS);
      const done = () => (clearTimeout(timer), resolve());
      this.call.removeAllListeners('data');
      this.call.on('data', () => {});
      this.call.on('end', done);
      this.call.on('error', done);
      this.call.resume();
      this.call.end();
    });
    this.call.cancel();
  }
}

/** What a subscription has dealt with since Core last confirmed an acknowledgement. */
class Unconfirmed {
  private readonly acknowledged: { position: string; items: string[] }[] = [];
  private items: string[] = [];
  private readonly known = new Set<string>();

  has(position: string): boolean {
    return this.known.has(position);
  }

  handled(position: string): void {
    this.items.push(position);
    this.known.add(position);
  }

  acknowledge(position: string): void {
    this.acknowledged.push({ position, items: this.items });
    this.items = [];
    while (this.known.size > MAX_UNCONFIRMED && this.acknowledged.length > 1) this.drop(1);
  }

  confirmed(position: string): void {
    const index = this.acknowledged.findIndex((entry) => entry.position === position);
    if (index >= 0) this.drop(index + 1);
  }

  private drop(count: number): void {
    for (const { items } of this.acknowledged.splice(0, count)) {
      for (const item of items) this.known.delete(item);
    }
  }
}

/**
 * Items in order, over as many streams as it takes. What is asked for next says that the item before is
 * dealt with: only then does the position move on, or is a subscription's acknowledgement sent.
 */
export class ListenLoop {
  /** Everything up to here has been dealt with; '' before that is known. */
  position = '';
  /** Called when nothing can be missed any more, for each connection. */
  onReady = () => {};
  private readonly unconfirmed = new Unconfirmed();
  private incoming: Incoming | undefined;
  private everReady = false;
  private stopped = false;
  private readonly stopSignal = new AbortController();
  private pendingAck = '';
  private ackScheduled = false;

  constructor(
    private readonly connection: Connection,
    private readonly settings: ListenSettings,
  ) {
    const { from, subscription } = settings;
    if (!subscription && from && from !== 'live') this.position = from === 'oldest' ? '0' : from;
  }

  /** Ends the iteration after the item that is being dealt with. */
  stop(): void {
    this.stopped = true;
    this.stopSignal.abort();
    this.incoming?.end();
  }

  /** Throws what cannot be mended by connecting again. */
  async *items(): AsyncGenerator<wire.Item> {
    const stop = () => this.stop();
    const signals = [this.connection.signal, this.settings.signal];
    for (const signal of signals) {
      if (signal?.aborted) this.stop();
      signal?.addEventListener('abort', stop);
    }
    try {
      yield* this.connections();
    } finally {
      for (const signal of signals) signal?.removeEventListener('abort', stop);
    }
  }

  private async *connections(): AsyncGenerator<wire.Item> {
    const backoff = this.connection.backoff();
    if (this.settings.subscription && !this.stopped) await this.subscribe();
    while (!this.stopped) {
      try {
        await this.connection.connected();
        if (this.stopped) return;
        const incoming = this.open();
        try {
          for (;;) {
            const response = await incoming.next();
            if (!response || this.stopped) break;
            backoff.reset();
            yield* this.unpack(response);
          }
        } finally {
          this.flushAck();
          this.incoming = undefined;
          if (this.stopped || this.settings.subscription) await incoming.goodbye();
          else incoming.call.cancel();
        }
      } catch (thrown) {
        if (this.stopped) return;
        const error = toMesgError(thrown);
        const refused = error.code === 'RESOURCE_EXHAUSTED' && !this.everReady;
        if (isFatal(error) || refused) throw error;
        this.connection.log('warn', `a listener lost Core at ${this.connection.endpoint}: ${error.message}`);
      }
      if (!this.stopped) await sleep(backoff.pause(), this.stopSignal.signal);
    }
  }

  private open(): Incoming {
    const call = this.connection.stream<wire.ListenRequest, wire.ListenResponse>('Events', 'Listen');
    const incoming = new Incoming(call);
    this.incoming = incoming;
    const { filter, subscription, window } = this.settings;
    if (subscription) call.write({ open: { filters: [], subscription, window } });
    else if (this.position !== '') call.write({ open: { filters: [filter], afterPosition: this.position } });
    else call.write({ open: { filters: [filter], live: true } });
    return incoming;
  }

  private async subscribe(): Promise<void> {
    const { filter, from, subscription } = this.settings;
    await this.connection.call(
      'Events',
      'CreateSubscription',
      {
        name: subscription,
        filters: [filter],
        afterPosition: !from || from === 'live' ? '' : from === 'oldest' ? '0' : from,
      },
      { signal: this.stopSignal.signal },
    );
  }

  private *unpack(response: wire.ListenResponse): Generator<wire.Item> {
    const { subscription } = this.settings;
    if (response.acknowledged) this.unconfirmed.confirmed(response.acknowledged);
    if (response.ready) {
      this.everReady = true;
      this.onReady();
    }
    for (const item of response.items) {
      const position = item.event?.position ?? item.result?.position ?? '';
      if (!this.unconfirmed.has(position)) {
        yield item;
        if (subscription) this.unconfirmed.handled(position);
      }
      if (subscription) this.acknowledge(position);
      if (this.stopped) {
        this.position = position || this.position;
        return;
      }
    }
    if (response.position) {
      this.position = response.position;
      if (subscription && !response.ready) this.acknowledge(response.position);
    }
  }

  private acknowledge(position: string): void {
    this.pendingAck = position;
    if (this.ackScheduled) return;
    this.ackScheduled = true;
    setImmediate(() => this.flushAck());
  }

  private flushAck(): void {
    this.ackScheduled = false;
    if (this.pendingAck === '' || !this.incoming) return;
    this.unconfirmed.acknowledge(this.pendingAck);
    this.incoming.call.write({ acknowledge: this.pendingAck });
    this.pendingAck = '';
  }
}

/** A running listener. */
export class Listener {
  /** Resolves when it has stopped; rejects when it cannot go on. Left alone, that ends the process. */
  readonly closed: Promise<void>;

  /** @internal */
  constructor(
    private readonly loop: ListenLoop,
    run: Promise<void>,
  ) {
    this.closed = run;
  }

  /** Everything up to here has been handled: `from` for a later listener; `''` before that is known. */
  get position(): string {
    return this.loop.position;
  }

  /** Ends the listener after the item that is being handled. */
  async stop(): Promise<void> {
    this.loop.stop();
    await this.closed;
  }
}

/** What to do about an item whose handler failed. */
export type OnError<T> = (error: unknown, item: T) => 'skip' | 'retry' | 'stop' | Promise<'skip' | 'retry' | 'stop'>;

/** Hands the loop's items to a handler, one after the other. Resolves when nothing can be missed. */
export async function listen<T>(
  connection: Connection,
  loop: ListenLoop,
  convert: (item: wire.Item) => T,
  handler: (item: T) => unknown,
  onError: OnError<T> = () => 'stop',
): Promise<Listener> {
  const ready = new Promise<void>((resolve) => (loop.onReady = resolve));
  const handle = async (item: T) => {
    const backoff = connection.backoff();
    for (;;) {
      try {
        await handler(item);
        return;
      } catch (error) {
        const what = await onError(error, item);
        if (what === 'skip') return;
        if (what === 'stop') throw error;
        await sleep(backoff.pause(), connection.signal);
        if (connection.closed) throw error;
      }
    }
  };
  const run = (async () => {
    for await (const item of loop.items()) await handle(convert(item));
  })();
  await Promise.race([ready, run]);
  // A promise of its own: the race above counts as having looked after `run`.
  return new Listener(loop, run.then(() => {}));
}
