import { closedError, Connection, ConnectionOptions, throwIfAborted } from './connection';
import { MesgError } from './errors';
import { Event, Execution, resultOf, TaskResult, toEvent, toExecution } from './execution';
import { Executor } from './executor';
import { From, listen, Listener, ListenLoop, ListenSettings, OnError } from './listener';
import * as wire from './wire';

/** Options of an {@link Application}. */
export type ApplicationOptions = ConnectionOptions;

/** A condition on one value inside an event's data or a result's outputs. */
export interface Condition {
  /** `customer.name`, `items[0].price`. */
  path: string;
  /** GT, GTE, LT and LTE compare numbers or strings; EXISTS needs no value. */
  op: 'EQ' | 'GT' | 'GTE' | 'LT' | 'LTE' | 'CONTAINS' | 'EXISTS';
  value?: unknown;
}

/** How a listener listens. */
export interface ListenOptions {
  /**
   * `live` (the default): from now on. `oldest`: from the oldest item kept. Otherwise a position: from
   * behind it; too old a one is refused with OUT_OF_RANGE. For a subscription that is created by this call,
   * where it begins.
   */
  from?: From;
  /**
   * The name of a durable subscription, which is created if it is missing. Core keeps its position: what
   * has been handled is acknowledged and does not come again, also not after a restart.
   */
  subscription?: string;
  /** How many items of a subscription may be under way unacknowledged; 1,000 by default. */
  window?: number;
  /** Ends the listener when it is aborted. */
  signal?: AbortSignal;
}

/** Which events. What is left out is not looked at. */
export interface EventFilter {
  /** The service's name. */
  service?: string;
  /** The event's key. */
  key?: string;
  /** Conditions on the data; all of them hold. */
  where?: Condition[];
}

/** Which results. What is left out is not looked at. */
export interface ResultFilter {
  service?: string;
  /** The task's key. */
  task?: string;
  /** The key of a named output. */
  output?: string;
  /** The execution has all of these tags. */
  tags?: string[];
  /** Conditions on the outputs; all of them hold. */
  where?: Condition[];
}

/** Says what to do when a handler throws: `stop` (the default), `skip` the item, or `retry` it. */
export interface HandlerOptions<T> {
  onError?: OnError<T>;
}

/** How an execution is created. Durations are milliseconds. */
export interface CreateOptions {
  /** For listeners of results and for lists. */
  tags?: string[];
  /** How long one attempt may take, from its delivery. */
  timeout?: number;
  /** How failed attempts are repeated; what is left out is as the task's definition says. */
  retry?: { attempts?: number; initial?: number; factor?: number; max?: number; jitter?: number };
  /** A second request with this key answers with the first execution. By default the library makes one. */
  idempotencyKey?: string;
  /** Higher goes first; 0 is normal. */
  priority?: number;
  /** It is not handed out before. */
  notBefore?: Date;
  /** W3C trace context. */
  traceparent?: string;
}

/** How an execution is created and waited for. */
export interface ExecuteOptions extends CreateOptions {
  /** Ends the wait when it is aborted. The execution goes on: {@link Application.cancel} ends that. */
  signal?: AbortSignal;
}

/**
 * An application: hears events and results, and executes tasks, of every service on its Core.
 *
 * @example
 * const app = new Application();
 * await app.listenEvents({ service: 'shop', key: 'order' }, async (event) => {
 *   await app.execute('mail', 'send', { to: event.data.customer.email });
 * });
 */
export class Application {
  private readonly connection: Connection;
  private readonly executor: Executor;

  constructor(options: ApplicationOptions = {}) {
    this.connection = new Connection(options);
    this.executor = new Executor(this.connection);
  }

  /**
   * Hands events to `handler`, one after the other in the order they came. Resolves when nothing can be
   * missed any more. A broken connection is made again and goes on behind the last event handled.
   *
   * With a subscription an event is acknowledged once the handler's promise has resolved, and comes again
   * after a crash when it has not. A handler that throws stops the listener unless `onError` says otherwise.
   */
  listenEvents<T = any>(
    options: EventFilter & ListenOptions & HandlerOptions<Event<T>>,
    handler: (event: Event<T>) => unknown,
  ): Promise<Listener> {
    const loop = this.loop(this.eventFilter(options), options);
    return listen(this.connection, loop, (item) => this.event(item), handler, options.onError);
  }

  /** The same for results: executions that have ended, without their inputs. */
  listenResults<T = any>(
    options: ResultFilter & ListenOptions & HandlerOptions<Execution<T>>,
    handler: (result: Execution<T>) => unknown,
  ): Promise<Listener> {
    const loop = this.loop(this.resultFilter(options), options);
    return listen(this.connection, loop, (item) => this.result(item), handler, options.onError);
  }

  /**
   * Events to iterate over. Asking for the next one says that the one before is dealt with; leaving the
   * loop (break, return, throw) leaves the current event of a subscription unacknowledged.
   *
   * @example for await (const event of app.events({ service: 'shop', from: 'oldest' })) ...
   */
  async *events<T = any>(options: EventFilter & ListenOptions = {}): AsyncGenerator<Event<T>, void, void> {
    for await (const item of this.loop(this.eventFilter(options), options).items()) yield this.event(item);
  }

  /** Results to iterate over, see {@link events}. */
  async *results<T = any>(options: ResultFilter & ListenOptions = {}): AsyncGenerator<Execution<T>, void, void> {
    for await (const item of this.loop(this.resultFilter(options), options).items()) yield this.result(item);
  }

  /**
   * Has a task performed and waits for its output. Rejects with an ExecutionError when it fails, is
   * cancelled or has an unknown outcome, and with another MesgError when it could not be requested. Calls
   * made at the same time share one stream. When the connection breaks the request is not made twice.
   */
  async execute<O = any>(
    service: string,
    task: string,
    inputs: unknown = {},
    options: ExecuteOptions = {},
  ): Promise<TaskResult<O>> {
    return this.executor.execute(this.request(service, task, inputs, options), options.signal);
  }

  /** Has a task performed; resolves with the execution's id as soon as the request is durable. */
  async create(service: string, task: string, inputs: unknown = {}, options: CreateOptions = {}): Promise<string> {
    return (await this.executor.create(this.request(service, task, inputs, options))).id;
  }

  /** Waits for the result of an execution, as {@link execute} does. */
  async wait<O = any>(id: string, options: { signal?: AbortSignal } = {}): Promise<TaskResult<O>> {
    throwIfAborted(options.signal);
    const { signal } = options;
    const execution = await this.connection.call<unknown, wire.Execution>(
      'Executions', 'Wait', { id }, { wait: true, signal },
    );
    const service = execution.source?.service ?? '';
    return resultOf(this.connection.json, { id, service, task: execution.task }, execution.state, execution.outcome);
  }

  /** An execution as it is now, with its attempts. */
  async get<O = any>(id: string): Promise<Execution<O>> {
    return toExecution(this.connection.json, await this.connection.call('Executions', 'Get', { id }));
  }

  /**
   * Cancels an execution: that becomes its result, and its worker is told to stop. Rejects with
   * FAILED_PRECONDITION when it has another result already.
   */
  async cancel(id: string, reason = ''): Promise<Execution> {
    try {
      const cancelled = await this.connection.call<unknown, wire.Execution>('Executions', 'Cancel', { id, reason });
      return toExecution(this.connection.json, cancelled);
    } catch (error) {
      // The answer to a first try may have been lost.
      if (!(error instanceof MesgError) || error.code !== 'FAILED_PRECONDITION') throw error;
      const execution = await this.get(id);
      if (execution.state === 'CANCELLED') return execution;
      throw error;
    }
  }

  /** Stops every listener, rejects what is under way, and closes the connection. */
  close(): void {
    this.executor.close();
    this.connection.close();
  }

  private loop(filter: wire.Filter, options: ListenOptions): ListenLoop {
    if (this.connection.closed) throw closedError();
    const { from, subscription, window, signal } = options;
    const settings: ListenSettings = { filter, from, subscription, window, signal };
    return new ListenLoop(this.connection, settings);
  }

  private event(item: wire.Item): Event {
    return toEvent(this.connection.json, item.event!);
  }

  private result(item: wire.Item): Execution {
    return toExecution(this.connection.json, item.result!);
  }

  private eventFilter(filter: EventFilter): wire.Filter {
    const { service = '', key = '' } = filter;
    return { kind: 'EVENTS', service, key, predicates: this.predicates(filter.where) };
  }

  private resultFilter(filter: ResultFilter): wire.Filter {
    const { service = '', task = '', output = '', tags = [] } = filter;
    return { kind: 'RESULTS', service, key: task, outputKey: output, tags, predicates: this.predicates(filter.where) };
  }

  private predicates(where: Condition[] = []): wire.Predicate[] {
    return where.map(({ path, op, value }) =>
      op === 'EXISTS' ? { path, op } : { path, op, value: this.connection.json.write(value, `the value of ${path}`) },
    );
  }

  private request(service: string, task: string, inputs: unknown, options: CreateOptions): wire.CreateExecutionRequest {
    const { retry } = options;
    return {
      service,
      task,
      inputs: this.connection.json.writeObject(inputs, `the inputs of ${service}/${task}`),
      tags: options.tags ?? [],
      idempotencyKey: options.idempotencyKey ?? '',
      timeoutUs: wire.fromTime(options.timeout ?? 0),
      retry: retry && {
        attempts: retry.attempts,
        initialUs: wire.fromTime(retry.initial ?? 0),
        factor: retry.factor,
        maxUs: wire.fromTime(retry.max ?? 0),
        jitter: retry.jitter,
      },
      notBeforeUs: options.notBefore ? wire.fromTime(options.notBefore) : 0,
      priority: options.priority ?? 0,
      traceparent: options.traceparent ?? '',
    };
  }
}
