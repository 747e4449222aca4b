import { hostname } from 'os';

import { closedError, Connection } from './connection';
import { fromCallError, MesgError } from './errors';
import { ReconnectingStream, StreamOwner } from './stream';
import { Delivery, TaskHandler, TaskRun } from './task';
import type * as wire from './wire';

const MAX_BATCH_BYTES = 1 << 20;
const MAX_REFUSALS = 5;

export interface WorkerSettings {
  handlers: ReadonlyMap<string, TaskHandler>;
  credits: number;
  /** For people, in the record of attempts. */
  name?: string;
  /** What {@link Worker.reportHealth} would say first. */
  problem: string;
  /** First welcome, or the error why there will be none. */
  started: (error?: MesgError) => void;
  /** Core refused the worker after it had been welcome once. */
  refused: (error: MesgError) => void;
}

/**
 * Takes tasks over one stream and answers them. An execution is kept from its delivery until Core has
 * said what became of its answer, whatever happens to the connection in between: answers are sent again
 * on the next stream, and a second delivery of an execution that is still being performed here is joined
 * with the first.
 */
export class Worker implements StreamOwner<wire.CoreMessage> {
  private readonly stream: ReconnectingStream<wire.WorkerMessage, wire.CoreMessage>;
  private readonly byExecution = new Map<string, TaskRun>();
  private readonly byDelivery = new Map<string, TaskRun>();
  /** Delivered, but all hands are full: only after a reconnect, with work from before it. */
  private readonly waiting: TaskRun[] = [];
  private performing = 0;
  private readonly outbox = new Set<TaskRun>();
  private readonly refusals: { deliveryId: string; reason: string }[] = [];
  private scheduled = false;
  private welcomed = false;
  private everWelcomed = false;
  private startedAt = 0;
  /** Counts the streams. */
  private epoch = 0;
  private draining = false;
  private ending = false;
  private afterEnd = () => {};
  private empty: (() => void)[] = [];
  private problem: string;

  constructor(
    private readonly connection: Connection,
    private readonly settings: WorkerSettings,
  ) {
    this.problem = settings.problem;
    this.stream = new ReconnectingStream(connection, 'Worker', 'Connect', this);
  }

  start(): void {
    this.startedAt = Date.now();
    this.stream.start();
  }

  /** Says it now, if it is news, and on every connection to come. */
  reportHealth(problem: string): void {
    if (problem === this.problem) return;
    this.problem = problem;
    if (this.stream.isOpen) this.stream.write({ health: { problem } });
  }

  /** Performs and answers a delivery to an earlier process. Resolves with whether Core took the answer. */
  resume(held: Delivery, handler: TaskHandler): Promise<boolean> {
    if (this.byExecution.has(held.executionId)) {
      const message = `execution ${held.executionId} is being performed by this process`;
      return Promise.reject(new MesgError('ALREADY_EXISTS', message));
    }
    const { id: deliveryId, executionId, task, attempt, traceparent } = held;
    const delivery: wire.Delivery = {
      deliveryId, executionId, task, attempt, traceparent, inputs: Buffer.alloc(0), deadlineUs: 0, tags: [],
    };
    const run = new TaskRun(this.connection, delivery, this.epoch);
    this.byExecution.set(executionId, run);
    this.byDelivery.set(deliveryId, run);
    void this.perform(run, handler);
    return run.settled;
  }

  /** Takes nothing more and resolves when everything held is answered. */
  async drain(): Promise<void> {
    this.draining = true;
    for (const run of this.waiting.splice(0)) this.handBack(run, 'the worker stops');
    if (this.stream.isOpen) this.stream.write({ drain: true });
    await this.emptied();
    if (!this.stream.isOpen) return;
    this.flush();
    const ended = new Promise<void>((resolve) => (this.afterEnd = resolve));
    this.stream.end();
    await ended;
  }

  /** Aborts what is still being performed and closes. */
  close(reason: string): void {
    for (const run of this.byExecution.values()) {
      run.cancel(reason);
      run.settle(false);
    }
    this.stream.close();
    this.byExecution.clear();
    this.byDelivery.clear();
    this.settled();
    if (!this.everWelcomed) this.settings.started(closedError());
  }

  opened(): void {
    this.epoch += 1;
    this.welcomed = false;
    this.ending = false;
    this.stream.write({
      hello: {
        name: this.settings.name ?? `${hostname()}:${process.pid}`,
        tasks: [...this.settings.handlers.keys()],
        credits: this.settings.credits,
      },
    });
    if (this.problem) this.stream.write({ health: { problem: this.problem } });
    if (this.draining) this.stream.write({ drain: true });
  }

  drained(): void {
    this.schedule();
  }

  message(message: wire.CoreMessage): void {
    if (message.welcome) this.welcome(message.welcome);
    for (const accepted of message.accepted) this.accepted(accepted);
    for (const delivery of message.deliveries) this.deliver(delivery);
    for (const { deliveryId, reason } of message.cancelled) this.byDelivery.get(deliveryId)?.cancel(reason);
    if (message.drain && !this.ending) {
      this.connection.log('info', 'Core hands out no more work here');
      void this.endAfterDrain();
    }
  }

  lost(error: MesgError): void {
    const impatient = Date.now() - this.startedAt >= this.connection.patience;
    if (!this.everWelcomed && impatient) {
      this.stream.close();
      this.settings.started(error);
      return;
    }
    if (this.welcomed) this.connection.log('warn', `lost Core at ${this.connection.endpoint}: ${error.message}`);
    this.disconnected(error);
  }

  refused(error: MesgError): void {
    this.disconnected(error);
    if (this.everWelcomed) this.settings.refused(error);
    else this.settings.started(error);
  }

  ended(): boolean {
    this.disconnected(undefined);
    return !this.draining || this.byExecution.size > 0;
  }

  private welcome(welcome: NonNullable<wire.CoreMessage['welcome']>): void {
    this.welcomed = true;
    if (this.everWelcomed) this.connection.log('warn', `connected to Core again as ${welcome.service}`);
    if (welcome.maxCredits < this.settings.credits) {
      this.connection.log('info', `Core grants ${welcome.maxCredits} credits of ${this.settings.credits}`);
    }
    this.everWelcomed = true;
    this.settings.started();
    this.schedule();
  }

  private disconnected(error: MesgError | undefined): void {
    this.welcomed = false;
    this.afterEnd();
    for (const run of this.byDelivery.values()) {
      if (!run.answer) {
        run.watchDeadline();
        continue;
      }
      // Too large a message ends the stream; it would end the next one too.
      if (error?.code === 'RESOURCE_EXHAUSTED' && run.answer.success && answerBytes(run.answer) > MAX_BATCH_BYTES) {
        run.fail(new MesgError('INVALID_ARGUMENT', `the outputs were refused: ${error.message}`));
      }
      this.outbox.add(run);
    }
    this.refusals.length = 0;
  }

  private deliver(delivery: wire.Delivery): void {
    this.stream.healthy();
    const known = this.byExecution.get(delivery.executionId);
    // On one and the same stream a second delivery means that Core has done with the first.
    const stillOurs = known && known.epoch < this.epoch && !known.abort.signal.aborted && !known.answer?.failure;
    if (stillOurs) {
      this.byDelivery.delete(known.delivery.deliveryId);
      known.adopt(delivery, this.epoch);
      this.byDelivery.set(delivery.deliveryId, known);
      if (known.answer) this.send(known);
      return;
    }
    const run = new TaskRun(this.connection, delivery, this.epoch);
    const handler = this.settings.handlers.get(delivery.task);
    if (this.draining || !handler) {
      this.handBack(run, handler ? 'the worker stops' : `this worker has no handler of "${delivery.task}"`);
      return;
    }
    this.byExecution.set(delivery.executionId, run);
    this.byDelivery.set(delivery.deliveryId, run);
    if (this.performing < this.settings.credits) void this.perform(run, handler);
    else this.waiting.push(run);
  }

  private async perform(run: TaskRun, handler: TaskHandler): Promise<void> {
    this.performing += 1;
    await run.perform(handler);
    this.performing -= 1;
    this.send(run);
    const next = this.waiting.shift();
    if (next) void this.perform(next, this.settings.handlers.get(next.delivery.task)!);
  }

  private handBack(run: TaskRun, reason: string): void {
    this.forget(run);
    this.refusals.push({ deliveryId: run.delivery.deliveryId, reason });
    this.schedule();
  }

  private send(run: TaskRun): void {
    this.outbox.add(run);
    this.schedule();
  }

  private accepted({ deliveryId, error }: wire.CoreMessage['accepted'][number]): void {
    const run = this.byDelivery.get(deliveryId);
    if (!run?.answer) return;
    if (!error || !run.answer.success) {
      run.settle(!error);
      return this.forget(run);
    }
    const refusal = fromCallError(error);
    const passing = refusal.code === 'UNAVAILABLE' || refusal.code === 'RESOURCE_EXHAUSTED';
    if (passing && run.refusals < MAX_REFUSALS) {
      run.refusals += 1;
      setTimeout(() => this.byExecution.has(run.delivery.executionId) && this.send(run), 100 * 2 ** run.refusals);
    } else if (passing || refusal.code === 'INVALID_ARGUMENT' || refusal.code === 'ABORTED') {
      // The delivery still waits for a result: outputs against the contract never fit, a changed key may.
      run.fail(refusal);
      this.send(run);
    } else {
      this.connection.log(
        'info',
        `the result of execution ${run.delivery.executionId} was not taken: ${refusal.message}`,
      );
      run.settle(false);
      this.forget(run);
    }
  }

  private forget(run: TaskRun): void {
    run.finished();
    this.outbox.delete(run);
    this.byDelivery.delete(run.delivery.deliveryId);
    if (this.byExecution.get(run.delivery.executionId) === run) this.byExecution.delete(run.delivery.executionId);
    this.settled();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** Sends what is in the outbox, many answers in one message. */
  private flush(): void {
    while (this.stream.isOpen && this.welcomed && this.outbox.size + this.refusals.length > 0) {
      const message = { answers: [] as wire.Answer[], refusals: this.refusals.splice(0) };
      let bytes = 0;
      for (const run of this.outbox) {
        const answer = run.answer!;
        const size = answerBytes(answer);
        if (message.answers.length > 0 && bytes + size > MAX_BATCH_BYTES) break;
        bytes += size;
        message.answers.push(answer);
        this.outbox.delete(run);
      }
      if (!this.stream.write(message)) return;
    }
  }

  private async endAfterDrain(): Promise<void> {
    this.ending = true;
    await this.emptied();
    if (this.ending) this.stream.end();
  }

  private async emptied(): Promise<void> {
    if (this.byExecution.size > 0) await new Promise<void>((resolve) => this.empty.push(resolve));
  }

  private settled(): void {
    if (this.byExecution.size > 0) return;
    for (const resolve of this.empty.splice(0)) resolve();
  }
}

function answerBytes(answer: wire.Answer): number {
  let bytes = 64 + (answer.success?.outputs.length ?? answer.failure!.error.length);
  for (const event of answer.events ?? []) bytes += event.data.length + 64;
  for (const change of answer.changes ?? []) bytes += (change.put?.length ?? 0) + change.key.length + 16;
  return bytes;
}
