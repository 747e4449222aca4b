import { Connection, ConnectionOptions } from './connection';
import { Emitted, Emitter } from './emitter';
import { MesgError } from './errors';
import { KeyChange, Keys, toWireChange } from './keys';
import { Delivery, EmitOptions, TaskHandler, toWireEvent } from './task';
import { Worker } from './worker';

/** Options of a {@link Service}. */
export interface ServiceOptions extends ConnectionOptions {
  /** The token of the service's instance; by default MESG_TOKEN, which Core gives to a service it runs. */
  token?: string;
  /** How many tasks are performed at once; 64 by default. */
  credits?: number;
  /** This worker's name in the record of attempts; by default host and process id. */
  name?: string;
  /** Whether SIGTERM and SIGINT stop the service cleanly and then end the process; true by default. */
  handleSignals?: boolean;
  /** How long {@link Service.stop} waits for tasks that are being performed, in milliseconds; 25,000. */
  stopTimeout?: number;
}

/** An event of {@link Service.emitMany}. */
export interface EventToEmit extends EmitOptions {
  key: string;
  data?: unknown;
}

/**
 * A service: performs the tasks that its mesg.yml declares, and emits its events.
 *
 * @example
 * const service = new Service();
 * service.task('greet', async ({ name }) => ({ message: `Hello ${name}` }));
 * await service.start();
 */
export class Service {
  /** The key-value store of the service's instance. */
  readonly keys: Keys;
  private readonly connection: Connection;
  private readonly emitter: Emitter;
  private readonly handlers = new Map<string, TaskHandler>();
  private worker: Worker | undefined;
  private problem = '';
  private stopping: Promise<void> | undefined;
  private finish!: { resolve: () => void; reject: (error: MesgError) => void };
  /**
   * Settles when the service has stopped: resolves after {@link stop}, rejects when Core refuses it for
   * good (a token that is no longer valid, say). Left alone, such a rejection ends the process.
   */
  readonly done: Promise<void>;
  private readonly onSignal = (signal: NodeJS.Signals) => void this.stopOnSignal(signal);

  constructor(private readonly options: ServiceOptions = {}) {
    const token = options.token ?? process.env.MESG_TOKEN;
    if (!token) {
      throw new MesgError(
        'UNAUTHENTICATED',
        'a service needs the token of its instance: set MESG_TOKEN (`mesg service env NAME` prints it) or `token`',
        'TOKEN_MISSING',
      );
    }
    const credits = options.credits ?? 64;
    if (!Number.isInteger(credits) || credits < 1) {
      throw new MesgError('INVALID_ARGUMENT', `credits must be a whole number from 1, got ${credits}`);
    }
    this.connection = new Connection({ ...options, token });
    this.emitter = new Emitter(this.connection);
    this.keys = new Keys(this.connection, this.emitter);
    this.done = new Promise((resolve, reject) => (this.finish = { resolve, reject }));
  }

  /** Says how a task is performed. Before {@link start}. */
  task<I = any, O = any>(key: string, handler: TaskHandler<I, O>): this {
    if (this.worker) {
      throw new MesgError('FAILED_PRECONDITION', `task "${key}" has to be given before the service starts`);
    }
    if (this.handlers.has(key)) throw new MesgError('ALREADY_EXISTS', `task "${key}" has a handler already`);
    this.handlers.set(key, handler);
    return this;
  }

  /**
   * Emits an event; resolves when it is durable. Events emitted in the same turn of the event loop
   * travel together. An event is neither lost nor doubled when the connection breaks. They are recorded
   * in the order of the calls, except that one refused among them sends its companions again one by one.
   *
   * Works with or without {@link start}.
   */
  async emit(key: string, data?: unknown, options: EmitOptions = {}): Promise<Emitted> {
    const { events } = await this.emitter.submit([toWireEvent(this.connection, key, data, options)], []);
    return events[0];
  }

  /**
   * Emits all of the events and makes all of the changes, in one commit, or does nothing. That is how a
   * service keeps its own position beside what it has emitted.
   *
   * @example
   * await service.emitMany(events, { changes: [put('position', next, { expectedVersion: version })] });
   */
  async emitMany(
    events: EventToEmit[],
    options: { changes?: KeyChange[] } = {},
  ): Promise<{ events: Emitted[]; versions: number[] }> {
    if (events.length === 0 && !options.changes?.length) return { events: [], versions: [] };
    return this.emitter.submit(
      events.map((event) => toWireEvent(this.connection, event.key, event.data, event)),
      (options.changes ?? []).map((change) => toWireChange(this.connection, change)),
    );
  }

  /**
   * Begins to take tasks; resolves when Core has welcomed the service. From then on a lost connection is
   * made again until {@link stop}.
   */
  async start(): Promise<void> {
    if (this.worker) throw new MesgError('FAILED_PRECONDITION', 'the service has been started already');
    if (this.handlers.size === 0) {
      throw new MesgError('FAILED_PRECONDITION', 'the service has no task; to emit events it need not start');
    }
    await new Promise<void>((resolve, reject) => {
      this.worker = new Worker(this.connection, {
        handlers: this.handlers,
        credits: this.options.credits ?? 64,
        name: this.options.name,
        problem: this.problem,
        started: (error) => (error ? reject(error) : resolve()),
        refused: (error) => this.fail(error),
      });
      if (this.options.handleSignals !== false) {
        process.once('SIGTERM', this.onSignal);
        process.once('SIGINT', this.onSignal);
      }
      this.worker.start();
    }).catch((error) => {
      this.removeSignals();
      this.worker = undefined;
      throw error;
    });
  }

  /**
   * Tells people how this process fares with what it connects to: one sentence on what does not work, or
   * `''` when all is well, as it is until said otherwise. Said when it changes, and again whenever Core
   * comes back. Needs {@link start}, before or after.
   */
  reportHealth(problem: string): void {
    this.problem = problem;
    this.worker?.reportHealth(problem);
  }

  /**
   * Performs by `handler` what an earlier process of this instance was given (`context.delivery`, which it
   * has kept) and could not answer, and answers in its place: how a task with `effect: once` gets its
   * result although its worker was lost. Inputs, tags and deadline are not known any more. After
   * {@link start}.
   *
   * Resolves with false when Core did not take the answer, because the execution has a result by now or
   * this service stops first.
   */
  async resume<O = any>(delivery: Delivery, handler: TaskHandler<never, O>): Promise<boolean> {
    if (!this.worker) throw new MesgError('FAILED_PRECONDITION', 'the service has to be started to resume a delivery');
    return this.worker.resume(delivery, handler as TaskHandler);
  }

  /**
   * Takes no more tasks, finishes those it holds, waits until everything emitted is durable, and closes.
   * What is not finished after `timeout` milliseconds is aborted; Core gives it to another worker.
   */
  stop(options: { timeout?: number } = {}): Promise<void> {
    this.stopping ??= this.drain(options.timeout ?? this.options.stopTimeout ?? 25_000);
    return this.stopping;
  }

  private async drain(timeout: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeout)));
    await Promise.race([this.worker?.drain().then(() => this.emitter.flush()) ?? this.emitter.flush(), late]);
    clearTimeout(timer);
    this.shut();
    this.finish.resolve();
  }

  private fail(error: MesgError): void {
    this.connection.log('error', `Core refuses this service: ${error.message}`);
    this.shut();
    this.finish.reject(error);
  }

  private shut(): void {
    this.worker?.close('the service stops');
    this.emitter.close();
    this.removeSignals();
    this.connection.close();
  }

  private removeSignals(): void {
    process.removeListener('SIGTERM', this.onSignal);
    process.removeListener('SIGINT', this.onSignal);
  }

  /** The second signal finds no listener any more and ends the process at once. */
  private async stopOnSignal(signal: NodeJS.Signals): Promise<void> {
    this.removeSignals();
    await this.stop();
    if (process.listenerCount(signal) === 0) process.exit(0);
  }
}
