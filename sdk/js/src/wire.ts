/**
 * The messages of proto/mesg/v1 as they are on the wire, in the shape proto-loader gives them:
 * camelCase, 64-bit numbers as strings when they come in, enums by name, missing messages null.
 */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import * as path from 'path';

export type Long = string | number;

export interface Source {
  service: string;
  serviceHash: string;
  instanceHash: string;
}
export interface Event {
  position: string;
  id: string;
  source: Source | null;
  key: string;
  data: Buffer;
  timeUs: Long;
  recordedUs: Long;
  traceparent: string;
}
export type ExecutionState =
  | 'EXECUTION_STATE_UNSPECIFIED'
  | 'CREATED'
  | 'DISPATCHED'
  | 'COMPLETED'
  | 'FAILED'
  | 'CANCELLED'
  | 'OUTCOME_UNKNOWN';
export interface RetryPolicy {
  attempts?: number;
  initialUs?: Long;
  factor?: number;
  maxUs?: Long;
  jitter?: number;
}
export interface Attempt {
  number: number;
  outcome: string;
  reason: string;
  endedUs: Long;
  worker: string;
}
export interface Outcome {
  outputKey: string;
  outputs: Buffer;
  error: string;
  recordedUs: Long;
}
export interface Execution {
  id: string;
  source: Source | null;
  task: string;
  inputs: Buffer;
  tags: string[];
  state: ExecutionState;
  createdUs: Long;
  attempts: Attempt[];
  outcome: Outcome | null;
  position: string;
  idempotencyKey: string;
  timeoutUs: Long;
  priority: number;
  traceparent: string;
  deadLetter: boolean;
  waitingFor: string;
  waitingSinceUs: Long;
}
export interface Predicate {
  path: string;
  op: string;
  value?: Buffer;
}
export interface Filter {
  kind: 'EVENTS' | 'RESULTS';
  service?: string;
  key?: string;
  outputKey?: string;
  tags?: string[];
  predicates?: Predicate[];
}
export interface Item {
  event?: Event | null;
  result?: Execution | null;
}
export interface CallError {
  code: number;
  message: string;
  reason: string;
  violations?: { field: string; description: string }[];
}

export interface EventToEmit {
  key: string;
  data: Buffer;
  id: string;
  timeUs?: Long;
  traceparent?: string;
}
export interface KeyChange {
  key: string;
  put?: Buffer;
  delete?: boolean;
  expectedVersion?: Long;
}
export interface EmitRequest {
  events: EventToEmit[];
  changes: KeyChange[];
}
export interface EmitResponse {
  positions: string[];
  duplicates: number[];
  versions: Long[];
  durability: string;
  error: CallError | null;
}

export interface ListenRequest {
  open?: {
    filters: Filter[];
    live?: boolean;
    afterPosition?: string;
    subscription?: string;
    window?: number;
  };
  acknowledge?: string;
}
export interface ListenResponse {
  ready: boolean;
  items: Item[];
  position: string;
  acknowledged: string;
}

export interface CreateExecutionRequest {
  service: string;
  task: string;
  inputs: Buffer;
  tags: string[];
  idempotencyKey: string;
  timeoutUs?: Long;
  retry?: RetryPolicy;
  notBeforeUs?: Long;
  priority?: number;
  traceparent?: string;
}
export interface ExecuteStreamRequest {
  creates: { ref: Long; wait: boolean; request: CreateExecutionRequest }[];
}
export interface ExecuteStreamResponse {
  created: { ref: Long; id: string; existed: boolean }[];
  finished: { ref: Long; id: string; state: ExecutionState; outcome: Outcome | null }[];
  refused: { ref: Long; error: CallError | null }[];
}

export interface Answer {
  deliveryId: string;
  success?: { outputKey: string; outputs: Buffer };
  failure?: { error: string; permanent: boolean };
  events?: EventToEmit[];
  changes?: KeyChange[];
}
export interface WorkerMessage {
  hello?: { name: string; tasks: string[]; credits: number };
  credits?: number;
  answers?: Answer[];
  refusals?: { deliveryId: string; reason: string }[];
  drain?: boolean;
  health?: { problem: string };
}
export interface Delivery {
  deliveryId: string;
  executionId: string;
  task: string;
  inputs: Buffer;
  attempt: number;
  deadlineUs: Long;
  tags: string[];
  traceparent: string;
}
export interface CoreMessage {
  welcome: { instanceHash: string; service: string; durability: string; maxCredits: number } | null;
  deliveries: Delivery[];
  accepted: { deliveryId: string; error: CallError | null; positions: string[]; versions: Long[] }[];
  cancelled: { deliveryId: string; reason: string }[];
  drain: boolean;
}
export interface KeyValue {
  key: string;
  value: Buffer;
  version: Long;
}

type Clients = Record<'Events' | 'Executions' | 'Worker', grpc.ServiceClientConstructor>;

let clients: Clients | undefined;

/** The generic clients of the services this library uses. The contract is read on the first call. */
export function serviceClients(): Clients {
  if (!clients) {
    const root = path.join(__dirname, 'proto');
    const definition = loadSync(
      ['events', 'executions', 'worker'].map((name) => `mesg/v1/${name}.proto`),
      { includeDirs: [root], longs: String, enums: String, defaults: true },
    );
    clients = (grpc.loadPackageDefinition(definition) as any).mesg.v1 as Clients;
  }
  return clients;
}

/** Microseconds since the epoch, or a duration, as a plain number: exact until the year 2255. */
export function micros(value: Long | undefined): number {
  return Number(value ?? 0);
}

/** A time on the wire as a Date, 0 as undefined. */
export function toDate(value: Long | undefined): Date | undefined {
  const us = micros(value);
  return us === 0 ? undefined : new Date(us / 1000);
}

/** Milliseconds, or a time, as microseconds. */
export function fromTime(value: Date | number): number {
  return Math.round(Number(value) * 1000);
}
