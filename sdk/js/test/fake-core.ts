/**
 * Core as far as the library can tell, in memory: the RPCs it uses, and the misfortunes it has to cope
 * with. What is acknowledged stays through stop() and start(), as in the real one.
 */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import * as path from 'path';
import * as protobuf from 'protobufjs';

export const TOKEN = 'the-token';
const PROTO = path.join(__dirname, '..', 'dist', 'proto');

type Call = grpc.ServerDuplexStream<any, any>;

export interface StoredExecution {
  id: string;
  source: { service: string; serviceHash: string; instanceHash: string };
  task: string;
  inputs: Buffer;
  tags: string[];
  state: string;
  outcome: any;
  attempts: any[];
  position: string;
  priority: number;
  retry: any;
  timeoutUs: string;
  deliveryId: string;
}

interface WorkerLink {
  call: Call;
  tasks: string[];
  credits: number;
  held: Set<string>;
  draining: boolean;
}

interface ListenerLink {
  call: Call;
  filters: any[];
  position: number;
  subscription?: string;
}

/** An error as Core answers it: status, message, and google.rpc details in the trailer. */
export function refusal(code: grpc.status, message: string, reason: string, fields: string[] = []): any {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    target.startsWith('google/protobuf/') ? target : path.resolve(PROTO, target);
  root.loadSync('google/rpc/error_details.proto');
  const pack = (type: string, value: object) => {
    const message = root.lookupType(`google.rpc.${type}`);
    return message.encode(message.fromObject(value)).finish();
  };
  const any = (type: string, value: object) => ({
    type_url: `type.googleapis.com/google.rpc.${type}`,
    value: pack(type, value),
  });
  const metadata = new grpc.Metadata();
  const fieldViolations = fields.map((field) => ({ field, description: 'expected a Number, got a String' }));
  const details = [any('ErrorInfo', { reason, domain: 'mesg' }), any('BadRequest', { fieldViolations })];
  metadata.set('grpc-status-details-bin', Buffer.from(pack('Status', { code, message, details })));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

export class FakeCore {
  readonly events: any[] = [];
  readonly history: any[] = [];
  readonly executions = new Map<string, StoredExecution>();
  readonly keys = new Map<string, { value: Buffer; version: number }>();
  readonly subscriptions = new Map<string, { filters: any[]; acknowledged: number }>();
  /** What came in, for tests that count. */
  readonly emitRequests: any[] = [];
  readonly createMessages: any[] = [];
  readonly hellos: any[] = [];
  readonly answers: any[] = [];
  readonly workerMessages: any[] = [];
  readonly refusals: any[] = [];
  waits = 0;
  /** Does the work, then breaks the stream instead of answering: once for each. */
  loseEmitAnswers = 0;
  loseCreateAnswers = 0;
  loseAcceptances = 0;
  /** Refuses an event whose data has this field, in the name of validation. */
  readonly badField = 'bad';
  /** Answers to send for the next results instead of recording them. */
  readonly refuseAnswers: any[] = [];
  /** A message larger than this ends the stream it came on, as a gRPC server's limit does. */
  maxMessage = 4 << 20;
  port = 0;
  /** The name of the one instance it has, and its token. */
  service = 'shop';
  token = TOKEN;
  private server: grpc.Server | undefined;
  private readonly calls = new Set<Call>();
  private readonly workers = new Set<WorkerLink>();
  private readonly listeners = new Set<ListenerLink>();
  private readonly queue: string[] = [];
  private readonly eventIds = new Map<string, string>();
  private readonly idempotency = new Map<string, string>();
  private readonly waiters = new Map<string, ((execution: StoredExecution) => void)[]>();
  private counter = 0;

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }
  get connectedWorkers(): number {
    return this.workers.size;
  }
  get connectedListeners(): number {
    return this.listeners.size;
  }

  async start(): Promise<void> {
    const definition = loadSync(
      ['events', 'executions', 'worker'].map((name) => `mesg/v1/${name}.proto`),
      { includeDirs: [PROTO], longs: String, enums: String, defaults: true, oneofs: true },
    );
    const api = (grpc.loadPackageDefinition(definition) as any).mesg.v1;
    this.server = new grpc.Server({ 'grpc.max_receive_message_length': this.maxMessage });
    this.server.addService(api.Events.service, {
      EmitStream: this.stream((call, message) => this.emitStream(call, message), true),
      Listen: this.stream((call, message) => this.listen(call, message)),
      CreateSubscription: this.unary((request) => this.createSubscription(request)),
    });
    this.server.addService(api.Executions.service, {
      ExecuteStream: this.stream((call, message) => this.executeStream(call, message)),
      Wait: (call: any, callback: any) => {
        this.waits += 1;
        this.whenFinal(call.request.id, (execution) => callback(null, execution));
      },
      Get: this.unary(({ id }) => this.find(id)),
      Cancel: this.unary(({ id, reason }) => this.cancel(id, reason)),
    });
    this.server.addService(api.Worker.service, {
      Connect: this.stream((call, message) => this.worker(call, message), true),
      // No answer has more than two, as if their values were large.
      GetKeys: this.unary(({ keys }) => ({ values: keys.slice(0, 2).map((key: string) => this.keyValue(key)) }), true),
      ListKeys: this.unary(({ prefix, after, limit }) => {
        const keys = [...this.keys.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
        const most = Math.min(limit, 2);
        return { values: keys.slice(0, most).map((key) => this.keyValue(key)), more: keys.length > most };
      }, true),
    });
    this.port = await new Promise<number>((resolve, reject) => {
      this.server!.bindAsync(`127.0.0.1:${this.port}`, grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  /** As kill -9: every connection is gone at once. */
  stop(): void {
    this.server?.forceShutdown();
    for (const worker of [...this.workers]) this.workerGone(worker);
    this.listeners.clear();
    this.calls.clear();
  }

  /** Breaks the streams, not the connection. */
  dropStreams(code = grpc.status.UNAVAILABLE): void {
    for (const call of [...this.calls]) this.drop(call, code);
  }

  /** Emits as some other worker would. */
  emit(key: string, data: object, service = this.service): string {
    const position = String(this.history.length + 1);
    const event = {
      position, id: `e${position}`, source: { service }, key, data: Buffer.from(JSON.stringify(data)),
      timeUs: 1_700_000_000_000_000, recordedUs: 1_700_000_000_000_001,
    };
    this.events.push(event);
    this.history.push({ event });
    this.notify();
    return position;
  }

  /** Asks the service for a task, as an application would. */
  execute(task: string, inputs: object = {}, options: Partial<StoredExecution> = {}): StoredExecution {
    const execution: StoredExecution = {
      id: `x${++this.counter}`, source: { service: this.service, serviceHash: 'sh', instanceHash: 'ih' }, task,
      inputs: Buffer.from(JSON.stringify(inputs)), tags: [], state: 'CREATED', outcome: null, attempts: [],
      position: '', priority: 0, retry: null, timeoutUs: '0', deliveryId: '', ...options,
    };
    this.executions.set(execution.id, execution);
    this.queue.push(execution.id);
    this.dispatch();
    return execution;
  }

  finished(execution: StoredExecution): Promise<StoredExecution> {
    return new Promise((resolve) => this.whenFinal(execution.id, resolve));
  }

  /** Hands the execution out again although it is out already, as after a timeout. */
  redeliver(execution: StoredExecution): void {
    execution.state = 'CREATED';
    this.queue.push(execution.id);
    this.dispatch();
  }

  cancelDelivery(execution: StoredExecution, reason: string): void {
    for (const { call } of this.workers) call.write({ cancelled: [{ deliveryId: execution.deliveryId, reason }] });
  }

  drainWorkers(): void {
    for (const worker of this.workers) {
      worker.draining = true;
      worker.call.write({ drain: true });
    }
  }

  complete(execution: StoredExecution, state: string, outcome: object): void {
    execution.state = state;
    execution.outcome = { outputKey: '', outputs: Buffer.alloc(0), error: '', recordedUs: 1, ...outcome };
    execution.position = String(this.history.length + 1);
    this.history.push({ result: execution });
    for (const waiter of this.waiters.get(execution.id) ?? []) waiter(execution);
    this.waiters.delete(execution.id);
    this.notify();
  }

  private unary(handle: (request: any) => object, needsToken = false) {
    return (call: grpc.ServerUnaryCall<any, any>, callback: grpc.sendUnaryData<any>) => {
      try {
        if (needsToken) this.checkToken(call.metadata);
        callback(null, handle(call.request));
      } catch (error) {
        callback(error as grpc.ServiceError);
      }
    };
  }

  private stream(handle: (call: Call, message: any) => void, needsToken = false) {
    return (call: Call) => {
      try {
        if (needsToken) this.checkToken(call.metadata);
      } catch (error) {
        call.emit('error', error);
        return;
      }
      this.calls.add(call);
      const gone = () => {
        this.calls.delete(call);
        for (const worker of this.workers) if (worker.call === call) this.workerGone(worker);
        for (const listener of this.listeners) if (listener.call === call) this.listeners.delete(listener);
      };
      call.on('data', (message) => {
        if (!this.calls.has(call)) return;
        try {
          handle(call, message);
        } catch (error) {
          gone();
          call.emit('error', error);
        }
      });
      call.on('end', () => {
        gone();
        call.end();
      });
      call.on('cancelled', gone);
      call.on('error', gone);
    };
  }

  private drop(call: Call, code = grpc.status.UNAVAILABLE): void {
    call.emit('error', Object.assign(new Error('dropped'), { code, details: 'dropped' }));
  }

  private checkToken(metadata: grpc.Metadata): void {
    if (metadata.get('authorization')[0] === `Bearer ${this.token}`) return;
    throw refusal(grpc.status.UNAUTHENTICATED, 'the token is not that of an instance', 'TOKEN_UNKNOWN');
  }

  private keyValue(key: string): object {
    const found = this.keys.get(key);
    return { key, value: found?.value ?? Buffer.alloc(0), version: found?.version ?? 0 };
  }

  /** All or nothing. Throws a CallError. */
  private commit(events: any[], changes: any[]): any {
    events.forEach((event, index) => {
      if (!(this.badField in JSON.parse(event.data.toString()))) return;
      throw {
        code: grpc.status.INVALID_ARGUMENT,
        message: `event ${event.key} does not fit its contract`,
        reason: 'DATA_INVALID',
        violations: [{ field: `events[${index}].data.bad`, description: 'is bad' }],
      };
    });
    for (const change of changes) {
      const version = this.keys.get(change.key)?.version ?? 0;
      if (change.expectedVersion === undefined || Number(change.expectedVersion) === version) continue;
      throw { code: grpc.status.ABORTED, message: `key ${change.key} has version ${version}`, reason: 'VERSION_STALE' };
    }
    const duplicates: number[] = [];
    const positions = events.map((event, index) => {
      const known = this.eventIds.get(event.id);
      if (event.id && known) {
        duplicates.push(index);
        return known;
      }
      const position = String(this.history.length + 1);
      const stored = { ...event, position, source: { service: this.service }, recordedUs: 1 };
      this.events.push(stored);
      this.history.push({ event: stored });
      if (event.id) this.eventIds.set(event.id, position);
      return position;
    });
    const versions = changes.map((change) => {
      if (change.change === 'delete') {
        this.keys.delete(change.key);
        return 0;
      }
      const version = ++this.counter;
      this.keys.set(change.key, { value: change.put, version });
      return version;
    });
    return { positions, duplicates, versions, durability: 'sync' };
  }

  private emitStream(call: Call, request: any): void {
    this.emitRequests.push(request);
    let response: any;
    try {
      response = this.commit(request.events, request.changes);
    } catch (error) {
      response = { error };
    }
    if (this.loseEmitAnswers > 0) {
      this.loseEmitAnswers -= 1;
      this.drop(call);
    } else {
      call.write(response);
    }
    this.notify();
  }

  private executeStream(call: Call, message: any): void {
    this.createMessages.push(message);
    const created: any[] = [];
    const refused: any[] = [];
    for (const { ref, wait, request } of message.creates) {
      if (request.task === 'missing') {
        refused.push({ ref, error: { code: 5, message: 'no such task', reason: 'TASK_NOT_FOUND' } });
        continue;
      }
      const known = this.idempotency.get(request.idempotencyKey);
      const execution = known
        ? this.executions.get(known)!
        : this.execute(request.task, {}, { inputs: request.inputs, tags: request.tags, priority: request.priority,
            retry: request.retry, timeoutUs: request.timeoutUs });
      this.idempotency.set(request.idempotencyKey, execution.id);
      created.push({ ref, id: execution.id, existed: known !== undefined });
      if (!wait) continue;
      this.whenFinal(execution.id, ({ id, state, outcome }) => {
        if (this.calls.has(call)) call.write({ finished: [{ ref, id, state, outcome }] });
      });
    }
    if (this.loseCreateAnswers > 0) {
      this.loseCreateAnswers -= 1;
      this.drop(call);
    } else {
      call.write({ created, refused });
    }
  }

  private find(id: string): StoredExecution {
    const execution = this.executions.get(id);
    if (!execution) throw refusal(grpc.status.NOT_FOUND, `no execution ${id}`, 'EXECUTION_NOT_FOUND', ['id']);
    return execution;
  }

  private cancel(id: string, reason: string): StoredExecution {
    const execution = this.find(id);
    if (execution.outcome) throw refusal(grpc.status.FAILED_PRECONDITION, 'it has a result', 'EXECUTION_FINAL');
    this.complete(execution, 'CANCELLED', { error: reason });
    this.cancelDelivery(execution, reason);
    return execution;
  }

  private whenFinal(id: string, then: (execution: StoredExecution) => void): void {
    const execution = this.find(id);
    if (execution.outcome) then(execution);
    else this.waiters.set(id, [...(this.waiters.get(id) ?? []), then]);
  }

  private worker(call: Call, message: any): void {
    this.workerMessages.push(message);
    let worker = [...this.workers].find((one) => one.call === call);
    if (message.hello) {
      this.hellos.push(message.hello);
      worker = { call, tasks: message.hello.tasks, credits: message.hello.credits, held: new Set(), draining: false };
      this.workers.add(worker);
      call.write({ welcome: { instanceHash: 'ih', service: this.service, durability: 'sync', maxCredits: worker.credits } });
    }
    if (!worker) return;
    if (message.drain) worker.draining = true;
    for (const { deliveryId } of message.refusals) {
      this.refusals.push(deliveryId);
      worker.held.delete(deliveryId);
      this.queue.push(deliveryId.split('/')[0]);
    }
    const accepted = message.answers.map((answer: any) => this.answer(worker!, answer));
    if (accepted.length > 0 && this.loseAcceptances > 0) {
      this.loseAcceptances -= 1;
      this.drop(call);
      return;
    }
    if (accepted.length > 0) call.write({ accepted });
    this.dispatch();
  }

  private answer(worker: WorkerLink, answer: any): object {
    this.answers.push(answer);
    const { deliveryId } = answer;
    worker.held.delete(deliveryId);
    const execution = this.executions.get(deliveryId.split('/')[0])!;
    if (execution.outcome) return { deliveryId, error: { code: 9, message: 'it has a result', reason: 'EXECUTION_FINAL' } };
    const error = answer.result === 'success' ? this.refuseAnswers.shift() : undefined;
    if (error) return { deliveryId, error };
    if (answer.result === 'failure') {
      execution.attempts.push({ number: execution.attempts.length + 1, outcome: 'TASK_FAILED', reason: answer.failure.error });
      if (answer.failure.permanent || execution.attempts.length >= 3) {
        this.complete(execution, 'FAILED', { error: answer.failure.error });
      } else {
        this.redeliver(execution);
      }
      return { deliveryId };
    }
    try {
      const { positions, versions } = this.commit(answer.events, answer.changes);
      this.complete(execution, 'COMPLETED', answer.success);
      return { deliveryId, positions, versions };
    } catch (error) {
      return { deliveryId, error };
    }
  }

  private workerGone(worker: WorkerLink): void {
    this.workers.delete(worker);
    for (const deliveryId of worker.held) {
      const execution = this.executions.get(deliveryId.split('/')[0])!;
      if (execution.outcome || execution.deliveryId !== deliveryId) continue;
      execution.state = 'CREATED';
      this.queue.push(execution.id);
    }
    this.dispatch();
  }

  private dispatch(): void {
    for (const worker of this.workers) {
      const deliveries: any[] = [];
      while (!worker.draining && worker.held.size < worker.credits) {
        const index = this.queue.findIndex((id) => worker.tasks.includes(this.executions.get(id)!.task));
        if (index < 0) break;
        const execution = this.executions.get(this.queue.splice(index, 1)[0])!;
        if (execution.outcome) continue;
        execution.state = 'DISPATCHED';
        execution.deliveryId = `${execution.id}/${++this.counter}`;
        worker.held.add(execution.deliveryId);
        deliveries.push({
          deliveryId: execution.deliveryId, executionId: execution.id, task: execution.task, inputs: execution.inputs,
          attempt: execution.attempts.length + 1, tags: execution.tags, traceparent: 'trace',
          deadlineUs: Number(execution.timeoutUs) && Date.now() * 1000 + Number(execution.timeoutUs),
        });
      }
      if (deliveries.length > 0) worker.call.write({ deliveries });
    }
  }

  private createSubscription({ name, filters, afterPosition }: any): object {
    const known = this.subscriptions.get(name);
    if (known && JSON.stringify(known.filters) !== JSON.stringify(filters)) {
      throw refusal(grpc.status.ALREADY_EXISTS, `subscription ${name} has other filters`, 'SUBSCRIPTION_EXISTS');
    }
    const acknowledged = afterPosition === '' ? this.history.length : Number(afterPosition);
    if (!known) this.subscriptions.set(name, { filters, acknowledged });
    return { name, filters };
  }

  private listen(call: Call, message: any): void {
    if (message.request === 'acknowledge') {
      const listener = [...this.listeners].find((one) => one.call === call);
      const subscription = this.subscriptions.get(listener!.subscription!)!;
      subscription.acknowledged = Math.max(subscription.acknowledged, Number(message.acknowledge));
      call.write({ acknowledged: message.acknowledge });
      return;
    }
    const { open } = message;
    const listener: ListenerLink = { call, filters: open.filters, position: this.history.length };
    if (open.start === 'afterPosition') {
      listener.position = Number(open.afterPosition);
      if (!(listener.position <= this.history.length)) {
        throw refusal(grpc.status.OUT_OF_RANGE, 'the oldest position is 1', 'POSITION_GONE');
      }
    } else if (open.start === 'subscription') {
      const subscription = this.subscriptions.get(open.subscription)!;
      Object.assign(listener, { subscription: open.subscription, position: subscription.acknowledged,
        filters: subscription.filters });
    }
    this.listeners.add(listener);
    call.write({ ready: true, position: String(listener.position) });
    this.notify();
  }

  private notify(): void {
    for (const listener of this.listeners) {
      if (listener.position >= this.history.length) continue;
      const items = this.history.slice(listener.position).filter((item) => listener.filters.some((f) => matches(f, item)));
      listener.position = this.history.length;
      listener.call.write({ items, position: String(listener.position) });
    }
  }
}

function matches(filter: any, { event, result }: any): boolean {
  const item = event ?? result;
  if ((filter.kind === 'RESULTS') !== (result !== undefined)) return false;
  if (filter.service && filter.service !== item.source.service) return false;
  if (filter.key && filter.key !== (event ? event.key : result.task)) return false;
  if (result && filter.outputKey && filter.outputKey !== result.outcome.outputKey) return false;
  if (result && !filter.tags.every((tag: string) => result.tags.includes(tag))) return false;
  const data = JSON.parse((event ? event.data : result.outcome.outputs).toString() || '{}');
  return filter.predicates.every(({ path, op, value }: any) => {
    const found = path.split('.').reduce((at: any, key: string) => at?.[key], data);
    if (op === 'EXISTS') return found !== undefined;
    const wanted = JSON.parse(value.toString());
    return op === 'GT' ? found > wanted : found === wanted;
  });
}

/** Waits until something is true; fails after a generous while. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited in vain for: ${what}`);
}
