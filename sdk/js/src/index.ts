/**
 * Services and applications on MESG.
 *
 * @packageDocumentation
 */
export { Application } from './application';
export type {
  ApplicationOptions,
  Condition,
  CreateOptions,
  EventFilter,
  ExecuteOptions,
  HandlerOptions,
  ListenOptions,
  ResultFilter,
} from './application';
export type { ConnectionOptions, Log } from './connection';
export type { Emitted } from './emitter';
export { ExecutionError, MesgError, PermanentError } from './errors';
export type { Code, FinalState, Violation } from './errors';
export type { Attempt, Event, Execution, Source, TaskResult } from './execution';
export { raw, RawJson } from './json';
export type { JsonOptions } from './json';
export { KeyReader, Keys, put, remove } from './keys';
export type { ChangeOptions, KeyChange, KeyEntry } from './keys';
export { Listener } from './listener';
export type { From, OnError } from './listener';
export { Service } from './service';
export type { EventToEmit, ServiceOptions } from './service';
export { NamedOutput, output } from './task';
export type { Delivery, EmitOptions, TaskContext, TaskHandler, TaskKeys } from './task';
