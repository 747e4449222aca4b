import { ExecutionError, FinalState } from './errors';
import type { Json } from './json';
import * as wire from './wire';

/** Where an event or an execution comes from. */
export interface Source {
  /** The instance's name: the service's sid unless it was deployed under another name. */
  service: string;
  serviceHash: string;
  instanceHash: string;
}

/** A fact that a service emitted. */
export interface Event<T = any> {
  /** Where it stands in its history: give it as `from` to hear everything behind it. */
  position: string;
  id: string;
  source: Source;
  key: string;
  data: T;
  /** The data's JSON text, as the service wrote it. */
  raw: Buffer;
  /** When it happened. */
  time: Date;
  /** When Core made it durable. */
  recorded: Date;
  traceparent: string;
}

/** One try of an execution that has ended. */
export interface Attempt {
  number: number;
  /** `SUCCEEDED`, `TASK_FAILED`, `TIMED_OUT`, `WORKER_LOST`, ... */
  outcome: string;
  reason: string;
  ended: Date | undefined;
  worker: string;
}

/** The output of a task. */
export interface TaskResult<T = any> {
  /** The execution's id. */
  id: string;
  /** Which of the task's named outputs; `''` where it has one output set. */
  output: string;
  outputs: T;
  /** The outputs' JSON text, as the service wrote it. */
  raw: Buffer;
}

/** A request to perform a task, and what has become of it. */
export interface Execution<T = any> {
  id: string;
  source: Source;
  task: string;
  state: 'CREATED' | 'DISPATCHED' | FinalState;
  tags: string[];
  /** Left out of what listeners get. */
  inputs: any;
  /** With the outputs once it is COMPLETED. */
  result: TaskResult<T> | undefined;
  /** Why it failed, was cancelled or is unknown; `''` otherwise. */
  error: string;
  created: Date;
  /** When its result was recorded. */
  finished: Date | undefined;
  attempts: Attempt[];
  /** Where its result stands in the history; `''` before there is one. */
  position: string;
  deadLetter: boolean;
  /** What it waits for, in words; `''` when it is over. */
  waitingFor: string;
  traceparent: string;
}

const NO_SOURCE: Source = { service: '', serviceHash: '', instanceHash: '' };

export function toEvent(json: Json, event: wire.Event): Event {
  return {
    position: event.position,
    id: event.id,
    source: event.source ?? NO_SOURCE,
    key: event.key,
    data: json.read(event.data),
    raw: event.data,
    time: new Date(wire.micros(event.timeUs) / 1000),
    recorded: new Date(wire.micros(event.recordedUs) / 1000),
    traceparent: event.traceparent,
  };
}

function toAttempt(attempt: wire.Attempt): Attempt {
  const { number, outcome, reason, worker } = attempt;
  return { number, outcome, reason, worker, ended: wire.toDate(attempt.endedUs) };
}

export function toExecution(json: Json, execution: wire.Execution): Execution {
  const { id, task, tags, outcome, position, deadLetter, waitingFor, traceparent } = execution;
  const completed = execution.state === 'COMPLETED' && outcome !== null;
  return {
    id,
    source: execution.source ?? NO_SOURCE,
    task,
    state: execution.state as Execution['state'],
    tags,
    inputs: json.read(execution.inputs),
    result: completed ? toResult(json, id, outcome) : undefined,
    error: outcome?.error ?? '',
    created: new Date(wire.micros(execution.createdUs) / 1000),
    finished: wire.toDate(outcome?.recordedUs),
    attempts: execution.attempts.map(toAttempt),
    position,
    deadLetter,
    waitingFor,
    traceparent,
  };
}

export function toResult(json: Json, id: string, outcome: wire.Outcome): TaskResult {
  return { id, output: outcome.outputKey, outputs: json.read(outcome.outputs), raw: outcome.outputs };
}

/** The result of an execution that is over; throws an ExecutionError where it is not a success. */
export function resultOf(
  json: Json,
  execution: { id: string; service: string; task: string },
  state: wire.ExecutionState,
  outcome: wire.Outcome | null,
): TaskResult {
  if (state === 'COMPLETED' && outcome) return toResult(json, execution.id, outcome);
  throw new ExecutionError(state as FinalState, outcome?.error ?? '', execution);
}
