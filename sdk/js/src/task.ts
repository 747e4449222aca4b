import { Connection } from './connection';
import { MesgError, PermanentError } from './errors';
import { ChangeOptions, KeyChange, KeyReader, put, remove, toWireChange } from './keys';
import type * as wire from './wire';

/** One of a task's named outputs. Made by {@link output} or `context.output`. */
export class NamedOutput<T = any> {
  constructor(
    readonly output: string,
    readonly data: T,
  ) {}
}

/**
 * What a handler returns where its task declares named outputs.
 *
 * @example return output('error', { message: 'no such account' });
 */
export function output<T>(key: string, data: T): NamedOutput<T> {
  return new NamedOutput(key, data);
}

/** Options of an event. */
export interface EmitOptions {
  /**
   * Your own id of the event: a second event with this id within Core's deduplication window (24 hours
   * by default) is not recorded.
   */
  id?: string;
  /** When it happened, if not now. */
  time?: Date;
  /** W3C trace context. */
  traceparent?: string;
}

/** The key-value store as a task sees it: reads are made at once, changes with the answer. */
export interface TaskKeys extends Pick<KeyReader, 'get' | 'getMany' | 'list'> {
  /** Sets the key when the task's result is recorded. */
  put(key: string, value: unknown, options?: ChangeOptions): void;
  /** Deletes the key when the task's result is recorded. */
  delete(key: string, options?: ChangeOptions): void;
}

/**
 * Names one delivery of an execution. Plain JSON, to be kept by a service whose next process has to answer
 * it: see {@link Service.resume}. The id is a secret between Core and this service's instance.
 */
export interface Delivery {
  readonly id: string;
  readonly executionId: string;
  readonly task: string;
  readonly attempt: number;
  readonly traceparent: string;
}

/** What a handler knows about the execution it performs, and can do within it. */
export interface TaskContext {
  /** The same for every attempt: the key by which a repetition can be made harmless. */
  readonly executionId: string;
  readonly task: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When this attempt times out; undefined when it has all the time. */
  readonly deadline: Date | undefined;
  readonly tags: readonly string[];
  /** The inputs' JSON text as it came. */
  readonly raw: Buffer;
  /** W3C trace context of the execution, `''` without one. */
  readonly traceparent: string;
  /** This delivery of it, for {@link Service.resume}. */
  readonly delivery: Delivery;
  /**
   * Aborted when the answer is no longer wanted: the execution was cancelled, timed out, or answered
   * elsewhere. `signal.reason` is an Error that says so. The loss of the connection alone is no reason:
   * Core takes a success all the same; until it is back only the deadline aborts.
   */
  readonly signal: AbortSignal;
  /**
   * Resolves after the handler is done: true when Core has recorded its answer, false when it refused it,
   * because the execution is over, or the service stopped first.
   */
  readonly settled: Promise<boolean>;
  /**
   * Emits an event together with this task's result: both are recorded in one commit, or neither is.
   * Nothing is emitted when the handler throws. For an event at once, use `service.emit`.
   */
  emit(key: string, data: unknown, options?: EmitOptions): void;
  /** The instance's key-value store; changes are committed together with the result. */
  readonly keys: TaskKeys;
  /** A named output: `return context.output('success', { ... })`. */
  output<T>(key: string, data: T): NamedOutput<T>;
}

/**
 * Performs a task. What it resolves with is the output, or {@link NamedOutput | a named one}. What it
 * throws is the reason of a failed attempt, see {@link PermanentError}.
 */
export type TaskHandler<I = any, O = any> = (
  inputs: I,
  context: TaskContext,
) => O | NamedOutput | Promise<O | NamedOutput>;

/** An event as it goes over the wire; its id may be ''. */
export function toWireEvent(
  connection: Connection,
  key: string,
  data: unknown,
  options: EmitOptions,
): wire.EventToEmit {
  const event: wire.EventToEmit = {
    key,
    data: connection.json.writeObject(data, `the data of event "${key}"`),
    id: options.id ?? '',
  };
  if (options.time !== undefined) event.timeUs = Math.round(options.time.getTime() * 1000);
  if (options.traceparent) event.traceparent = options.traceparent;
  return event;
}

/** Reads now; keeps changes for the answer. A key that was changed reads as it was before. */
class BufferedKeys extends KeyReader implements TaskKeys {
  constructor(
    connection: Connection,
    private readonly buffer: (change: KeyChange) => void,
  ) {
    super(connection);
  }

  put(key: string, value: unknown, options: ChangeOptions = {}): void {
    this.buffer(put(key, value, options));
  }

  delete(key: string, options: ChangeOptions = {}): void {
    this.buffer(remove(key, options));
  }
}

/** One execution in this process, from its delivery until its answer is durable. */
export class TaskRun {
  readonly abort = new AbortController();
  /** Set when the handler is done. */
  answer: wire.Answer | undefined;
  /** Answers that Core did not take for a passing reason. */
  refusals = 0;
  /** Whether Core took the answer, once that is known. */
  readonly settled: Promise<boolean>;
  settle!: (taken: boolean) => void;
  private readonly events: wire.EventToEmit[] = [];
  private readonly changes: wire.KeyChange[] = [];
  private deadlineTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connection: Connection,
    /** The newest delivery of the execution to this process. */
    public delivery: wire.Delivery,
    /** The stream it came on. */
    public epoch: number,
  ) {
    this.settled = new Promise((resolve) => (this.settle = resolve));
  }

  /** Runs the handler and turns what it does into an answer. Never rejects. */
  async perform(handler: TaskHandler): Promise<void> {
    const { json } = this.connection;
    if (this.abort.signal.aborted) return this.fail(this.abort.signal.reason);
    try {
      const inputs = json.read(this.delivery.inputs);
      const returned = await handler(inputs, this.context());
      const named = returned instanceof NamedOutput;
      const what = `what task "${this.delivery.task}" returns`;
      this.answer = {
        deliveryId: this.delivery.deliveryId,
        success: {
          outputKey: named ? returned.output : '',
          outputs: json.writeObject(named ? returned.data : returned, what),
        },
        events: this.events,
        changes: this.changes,
      };
    } catch (error) {
      this.fail(error);
    }
  }

  /** Makes the answer a failure, without the events and changes of the task. */
  fail(error: unknown): void {
    const permanent =
      error instanceof PermanentError || (error instanceof MesgError && error.code === 'INVALID_ARGUMENT');
    const message = error instanceof Error ? error.message || error.name : String(error);
    this.answer = { deliveryId: this.delivery.deliveryId, failure: { error: message, permanent } };
  }

  /** The execution was delivered to this process again while it is being performed. */
  adopt(delivery: wire.Delivery, epoch: number): void {
    clearTimeout(this.deadlineTimer);
    this.epoch = epoch;
    this.delivery = delivery;
    if (this.answer) this.answer.deliveryId = delivery.deliveryId;
  }

  /** While there is no connection nobody but the clock can say that the time is over. */
  watchDeadline(): void {
    const deadline = Number(this.delivery.deadlineUs);
    if (deadline === 0 || this.answer) return;
    const left = Math.max(0, deadline / 1000 - Date.now());
    if (left > 0x7fffffff) return;
    clearTimeout(this.deadlineTimer);
    this.deadlineTimer = setTimeout(() => this.cancel('timed out'), left);
    this.deadlineTimer.unref();
  }

  cancel(reason: string): void {
    clearTimeout(this.deadlineTimer);
    this.abort.abort(new MesgError('CANCELLED', reason, 'DELIVERY_CANCELLED'));
  }

  finished(): void {
    clearTimeout(this.deadlineTimer);
  }

  private context(): TaskContext {
    const { connection, delivery } = this;
    const deadlineUs = Number(delivery.deadlineUs);
    return {
      executionId: delivery.executionId,
      task: delivery.task,
      attempt: delivery.attempt,
      deadline: deadlineUs ? new Date(deadlineUs / 1000) : undefined,
      tags: delivery.tags,
      raw: delivery.inputs,
      traceparent: delivery.traceparent,
      delivery: {
        id: delivery.deliveryId,
        executionId: delivery.executionId,
        task: delivery.task,
        attempt: delivery.attempt,
        traceparent: delivery.traceparent,
      },
      signal: this.abort.signal,
      settled: this.settled,
      emit: (key, data, options = {}) => {
        this.events.push(toWireEvent(connection, key, data, { traceparent: delivery.traceparent, ...options }));
      },
      keys: new BufferedKeys(connection, (change) => this.changes.push(toWireChange(connection, change))),
      output: (key, data) => new NamedOutput(key, data),
    };
  }
}
