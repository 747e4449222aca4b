import { abortedError, closedError, Connection } from './connection';
import { fromCallError, MesgError, toMesgError } from './errors';
import { resultOf, TaskResult } from './execution';
import { ReconnectingStream, StreamOwner } from './stream';
import type * as wire from './wire';

const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 1 << 20;

/** One request on its way. */
interface Pending {
  ref: number;
  request: wire.CreateExecutionRequest;
  wait: boolean;
  since: number;
  /** '' until Core has said that it is durable. */
  id: string;
  created: (id: string, existed: boolean) => void;
  finished: (result: TaskResult) => void;
  reject: (error: MesgError) => void;
}

/**
 * Creates executions and waits for their results, any number of them over one stream. A request whose
 * acknowledgement was lost is sent again under its idempotency key; one that is known to be durable is
 * waited for by its id.
 */
export class Executor implements StreamOwner<wire.ExecuteStreamResponse> {
  private readonly pending = new Map<number, Pending>();
  private queue: Pending[] = [];
  private nextRef = 1;
  private downSince = 0;
  private scheduled = false;
  private readonly stream: ReconnectingStream<wire.ExecuteStreamRequest, wire.ExecuteStreamResponse>;

  constructor(private readonly connection: Connection) {
    this.stream = new ReconnectingStream(connection, 'Executions', 'ExecuteStream', this);
  }

  /** Resolves when the execution is durable. */
  create(request: wire.CreateExecutionRequest): Promise<{ id: string; existed: boolean }> {
    return new Promise((resolve, reject) => {
      this.submit(request, false, {
        created: (id, existed) => resolve({ id, existed }),
        finished: () => {},
        reject,
      });
    });
  }

  /** Resolves with the result. An aborted signal ends the wait, not the execution. */
  execute(request: wire.CreateExecutionRequest, signal?: AbortSignal): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortedError(signal));
      const done = () => signal?.removeEventListener('abort', abort);
      const pending = this.submit(request, true, {
        created: () => {},
        finished: (result) => (done(), resolve(result)),
        reject: (error) => (done(), reject(error)),
      });
      const abort = () => pending && this.fail(pending, abortedError(signal!));
      signal?.addEventListener('abort', abort);
    });
  }

  close(): void {
    this.stream.close();
    this.failAll(closedError());
  }

  opened(): void {
    this.pump();
  }

  drained(): void {
    this.pump();
  }

  message(message: wire.ExecuteStreamResponse): void {
    this.stream.healthy();
    this.downSince = 0;
    for (const { ref, id, existed } of message.created) {
      const pending = this.pending.get(Number(ref));
      if (!pending) continue;
      pending.id = id;
      pending.created(id, existed);
      if (!pending.wait) this.forget(pending);
    }
    for (const { ref, id, state, outcome } of message.finished) {
      const pending = this.pending.get(Number(ref));
      if (pending) this.finish(pending, id, state, outcome);
    }
    for (const { ref, error } of message.refused) {
      const pending = this.pending.get(Number(ref));
      if (pending) this.fail(pending, error ? fromCallError(error) : new MesgError('UNKNOWN', 'refused'));
    }
  }

  lost(error: MesgError): void {
    const now = Date.now();
    if (this.downSince === 0) this.downSince = now;
    const queued = new Set(this.queue);
    this.queue = [];
    for (const pending of this.pending.values()) {
      if (pending.id !== '') {
        // No longer the stream's: its id is known, and an id is never executed twice.
        this.pending.delete(pending.ref);
        void this.waitFor(pending);
      } else if (now - Math.max(pending.since, this.downSince) >= this.connection.patience) {
        this.fail(pending, error);
      } else if (error.code === 'RESOURCE_EXHAUSTED' && !queued.has(pending) && size(pending) > MAX_BATCH_BYTES) {
        // Too large a message ends the stream; it would end the next one too.
        this.fail(pending, error);
      } else {
        this.queue.push(pending);
      }
    }
    if (this.pending.size === 0) this.stream.close();
  }

  refused(error: MesgError): void {
    this.failAll(error);
  }

  ended(): boolean {
    this.lost(new MesgError('UNAVAILABLE', 'Core ended the stream', 'STREAM_ENDED'));
    return this.pending.size > 0;
  }

  private submit(
    request: wire.CreateExecutionRequest,
    wait: boolean,
    settle: Pick<Pending, 'created' | 'finished' | 'reject'>,
  ): Pending | undefined {
    if (this.connection.closed) {
      settle.reject(closedError());
      return undefined;
    }
    if (this.pending.size >= this.connection.maxPending) {
      settle.reject(
        new MesgError(
          'RESOURCE_EXHAUSTED',
          `${this.pending.size} executions are under way, which is maxPending`,
          'TOO_MANY_PENDING',
        ),
      );
      return undefined;
    }
    if (request.idempotencyKey === '') request.idempotencyKey = this.connection.newId();
    const pending: Pending = { ref: this.nextRef++, request, wait, since: Date.now(), id: '', ...settle };
    this.pending.set(pending.ref, pending);
    this.queue.push(pending);
    this.schedule();
    return pending;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.queue.length === 0) return;
      this.stream.start();
      this.pump();
    });
  }

  private pump(): void {
    while (this.stream.isOpen && this.queue.length > 0) {
      let count = 0;
      let bytes = 0;
      for (const pending of this.queue) {
        bytes += size(pending);
        if (count > 0 && (count === MAX_BATCH || bytes > MAX_BATCH_BYTES)) break;
        count += 1;
      }
      const batch = this.queue.splice(0, count);
      if (!this.stream.write({ creates: batch.map(({ ref, wait, request }) => ({ ref, wait, request })) })) return;
    }
  }

  /** After a broken stream, for an execution whose id is known. */
  private async waitFor(pending: Pending): Promise<void> {
    try {
      const execution = await this.connection.call<unknown, wire.Execution>(
        'Executions',
        'Wait',
        { id: pending.id },
        { wait: true },
      );
      this.finish(pending, execution.id, execution.state, execution.outcome);
    } catch (error) {
      pending.reject(toMesgError(error));
    }
  }

  private finish(pending: Pending, id: string, state: wire.ExecutionState, outcome: wire.Outcome | null): void {
    this.forget(pending);
    const { service, task } = pending.request;
    try {
      pending.finished(resultOf(this.connection.json, { id, service, task }, state, outcome));
    } catch (error) {
      pending.reject(toMesgError(error));
    }
  }

  private fail(pending: Pending, error: MesgError): void {
    const at = this.queue.indexOf(pending);
    if (at >= 0) this.queue.splice(at, 1);
    this.forget(pending);
    pending.reject(error);
  }

  private forget(pending: Pending): void {
    this.pending.delete(pending.ref);
    if (this.pending.size === 0 && !this.connection.closed) this.stream.rest();
  }

  private failAll(error: MesgError): void {
    this.queue = [];
    for (const pending of [...this.pending.values()]) this.fail(pending, error);
  }
}

function size(pending: Pending): number {
  return pending.request.inputs.length + 128;
}
