import * as grpc from '@grpc/grpc-js';
import { randomBytes } from 'crypto';
import { setMaxListeners } from 'events';

import { fromServiceError, isFatal, MesgError, toMesgError } from './errors';
import { Json, JsonOptions } from './json';
import { serviceClients } from './wire';

/** What happens behind the scenes and a person may want to know. */
export type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/** What a Service and an Application have in common. */
export interface ConnectionOptions extends JsonOptions {
  /** Core's address, `host:port`; by default MESG_ENDPOINT, else `localhost:50052`. */
  endpoint?: string;
  /** Sent with every call as `authorization: Bearer TOKEN`. */
  token?: string;
  /**
   * How long a call waits while Core cannot be reached before it is rejected with UNAVAILABLE, in
   * milliseconds; 60,000 by default, Infinity for ever. Listeners and a started service wait for ever.
   */
  patience?: number;
  /**
   * Pauses between attempts to connect, in milliseconds: the first (100 by default), twice as long
   * each time, up to the last (5,000). Up to half of each is taken off at random.
   */
  reconnect?: { initial?: number; max?: number };
  /** How many calls may wait for an answer at once; 100,000 by default. More are refused. */
  maxPending?: number;
  /** Where warnings go; by default to standard error, without those of level `info`. */
  log?: Log;
  /** TLS or other credentials; plain text by default. */
  credentials?: grpc.ChannelCredentials;
  /** Further options of the gRPC channel. */
  channelOptions?: grpc.ChannelOptions;
}

function logToStderr(level: string, message: string): void {
  if (level !== 'info') process.stderr.write(`mesg: ${message}\n`);
}

/** Pauses that grow, each shortened at random so that many clients do not come back at once. */
export class Backoff {
  private next: number;

  constructor(
    private readonly initial: number,
    private readonly max: number,
  ) {
    this.next = initial;
  }

  pause(): number {
    const pause = this.next * (0.5 + Math.random() / 2);
    this.next = Math.min(this.next * 2, this.max);
    return pause;
  }

  reset(): void {
    this.next = this.initial;
  }
}

/** One channel to Core with its settings. */
export class Connection {
  readonly endpoint: string;
  readonly patience: number;
  readonly maxPending: number;
  readonly json: Json;
  readonly log: Log;
  /** Begins every id this process makes up. */
  readonly origin = randomBytes(12).toString('base64url');
  private readonly client: grpc.Client;
  private readonly clients: Record<string, grpc.Client>;
  private readonly metadata = new grpc.Metadata();
  private readonly reconnect: { initial: number; max: number };
  private readonly closing = new AbortController();
  private ids = 0;

  constructor(options: ConnectionOptions) {
    this.endpoint = options.endpoint ?? (process.env.MESG_ENDPOINT || 'localhost:50052');
    this.patience = options.patience ?? 60_000;
    this.maxPending = options.maxPending ?? 100_000;
    this.json = new Json(options);
    this.log = options.log ?? logToStderr;
    setMaxListeners(0, this.closing.signal);
    this.reconnect = { initial: options.reconnect?.initial ?? 100, max: options.reconnect?.max ?? 5_000 };
    if (options.token) this.metadata.set('authorization', `Bearer ${options.token}`);
    const channelOptions: grpc.ChannelOptions = {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': this.reconnect.initial,
      'grpc.max_reconnect_backoff_ms': this.reconnect.max,
      ...options.channelOptions,
    };
    const { Events, Executions, Worker } = serviceClients();
    const credentials = options.credentials ?? grpc.credentials.createInsecure();
    const events = new Events(this.endpoint, credentials, channelOptions);
    const shared = { ...channelOptions, channelOverride: events.getChannel() };
    this.client = events;
    this.clients = {
      Events: events,
      Executions: new Executions(this.endpoint, credentials, shared),
      Worker: new Worker(this.endpoint, credentials, shared),
    };
  }

  get closed(): boolean {
    return this.closing.signal.aborted;
  }

  /** Aborted when the connection is closed. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  /** A new id that no other process makes. */
  newId(): string {
    this.ids += 1;
    return `${this.origin}-${this.ids.toString(36)}`;
  }

  backoff(): Backoff {
    return new Backoff(this.reconnect.initial, this.reconnect.max);
  }

  /** Opens a stream in both directions. */
  stream<Req, Res>(service: string, method: string): grpc.ClientDuplexStream<Req, Res> {
    return (this.clients[service] as any)[method](this.metadata);
  }

  /** Resolves when there is a connection; rejects with UNAVAILABLE when there is none for a while. */
  async connected(): Promise<void> {
    const until = Date.now() + Math.min(5_000, this.patience);
    for (;;) {
      if (this.closed) throw closedError();
      const error = await new Promise<Error | undefined>((resolve) => {
        // Short turns: a turn in progress would keep a closed process alive.
        this.client.waitForReady(Math.min(until, Date.now() + 1_000), resolve);
      });
      if (this.closed) throw closedError();
      if (!error) return;
      if (Date.now() >= until) {
        throw new MesgError('UNAVAILABLE', `Core cannot be reached at ${this.endpoint}`, 'CORE_UNREACHABLE');
      }
    }
  }

  /**
   * One call. While Core cannot be reached it is repeated, at most for the connection's patience:
   * only for calls that may be made twice. `wait` is for a call that rests on the server.
   */
  async call<Req, Res>(
    service: string,
    method: string,
    request: Req,
    options: { signal?: AbortSignal; wait?: boolean } = {},
  ): Promise<Res> {
    const backoff = this.backoff();
    let downSince = Date.now();
    for (;;) {
      const started = Date.now();
      try {
        await this.connected();
        throwIfAborted(options.signal);
        return await this.callOnce<Req, Res>(service, method, request, options.signal);
      } catch (thrown) {
        const error = toMesgError(thrown);
        if (this.closed) throw closedError();
        if (options.signal?.aborted) throw abortedError(options.signal);
        const again = error.code === 'UNAVAILABLE' || (options.wait === true && !isFatal(error));
        if (options.wait && Date.now() - started > 1_000 && error.reason !== 'CORE_UNREACHABLE') {
          downSince = Date.now();
        }
        if (!again || Date.now() - downSince >= this.patience) throw error;
        await sleep(backoff.pause(), options.signal, this.signal);
      }
    }
  }

  private callOnce<Req, Res>(service: string, method: string, request: Req, signal?: AbortSignal): Promise<Res> {
    return new Promise<Res>((resolve, reject) => {
      const cancel = () => call.cancel();
      const call: grpc.ClientUnaryCall = (this.clients[service] as any)[method](
        request,
        this.metadata,
        (error: grpc.ServiceError | null, response: Res) => {
          signal?.removeEventListener('abort', cancel);
          this.signal.removeEventListener('abort', cancel);
          if (error) reject(fromServiceError(error));
          else resolve(response);
        },
      );
      signal?.addEventListener('abort', cancel);
      this.signal.addEventListener('abort', cancel);
    });
  }

  close(): void {
    this.closing.abort();
    this.client.close();
  }
}

/** What a closed service or application rejects with. */
export function closedError(): MesgError {
  return new MesgError('CANCELLED', 'the connection was closed', 'CLOSED');
}

/** What a call rejects with when its signal is aborted. */
export function abortedError(signal: AbortSignal): MesgError {
  const error = new MesgError('CANCELLED', 'the call was aborted', 'ABORTED_BY_SIGNAL');
  (error as { cause?: unknown }).cause = signal.reason;
  return error;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/** Resolves after `ms`, or as soon as one of the signals is aborted. */
export function sleep(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) {
      if (signal?.aborted) return done();
      signal?.addEventListener('abort', done);
    }
  });
}
