import { Metadata, ServiceError, status } from '@grpc/grpc-js';
import * as path from 'path';
import * as protobuf from 'protobufjs';

import type * as wire from './wire';

/** One thing that is wrong with a request. */
export interface Violation {
  /** Where, as a person would write it: `items[3].price`. */
  field: string;
  /** What was expected and what came. */
  description: string;
}

/** The name of a canonical status code: `INVALID_ARGUMENT`, `UNAVAILABLE`, ... */
export type Code = keyof typeof status;

/** Whatever this library rejects with. */
export class MesgError extends Error {
  override readonly name: string = 'MesgError';

  constructor(
    /** What kind of error it is. */
    readonly code: Code,
    message: string,
    /** Which error exactly, for a program: `TASK_NOT_FOUND`; `''` when Core gave none. */
    readonly reason: string = '',
    /** What is wrong with which field; empty for most errors. */
    readonly violations: readonly Violation[] = [],
  ) {
    super(message);
  }
}

/**
 * Thrown by a task's handler: this attempt failed, and every other one would fail in the same way, so
 * Core makes no further attempt. Any other exception is a failure that Core may try again.
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** The states in which an execution is over, or needs a person. */
export type FinalState = 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'OUTCOME_UNKNOWN';

/** An execution ended without a success. */
export class ExecutionError extends MesgError {
  override readonly name = 'ExecutionError';

  constructor(
    /** `FAILED`, `CANCELLED` or `OUTCOME_UNKNOWN`. */
    readonly state: FinalState,
    /** Why, as the service or whoever cancelled it said. */
    readonly error: string,
    /** Which execution. `Application.get(execution.id)` shows its attempts. */
    readonly execution: { readonly id: string; readonly service: string; readonly task: string },
  ) {
    super(
      state === 'CANCELLED' ? 'CANCELLED' : 'ABORTED',
      `${execution.service}/${execution.task} (execution ${execution.id}) ` +
        `${state === 'OUTCOME_UNKNOWN' ? 'has an unknown outcome' : `is ${state.toLowerCase()}`}: ${error}`,
      `EXECUTION_${state}`,
    );
  }
}

let details: protobuf.Root | undefined;

function detailTypes(): protobuf.Root {
  if (!details) {
    details = new protobuf.Root();
    const root = path.join(__dirname, 'proto');
    // google/protobuf/any.proto is built into protobufjs.
    details.resolvePath = (_origin, target) =>
      target.startsWith('google/protobuf/') ? target : path.resolve(root, target);
    details.loadSync('google/rpc/error_details.proto');
  }
  return details;
}

function decodeDetail(type: string, bytes: Uint8Array): Record<string, any> {
  const message = detailTypes().lookupType(`google.rpc.${type}`);
  return message.toObject(message.decode(bytes), { defaults: true });
}

function codeName(code: number): Code {
  return (status[code] ?? 'UNKNOWN') as Code;
}

/** The error of a failed call, with what Core packed into its trailer. */
export function fromServiceError(error: ServiceError): MesgError {
  let reason = '';
  const violations: Violation[] = [];
  const [packed] = (error.metadata ?? new Metadata()).get('grpc-status-details-bin');
  if (Buffer.isBuffer(packed)) {
    try {
      for (const any of decodeDetail('Status', packed).details) {
        if (any.type_url?.endsWith('/google.rpc.ErrorInfo') || any.typeUrl?.endsWith('/google.rpc.ErrorInfo')) {
          reason = decodeDetail('ErrorInfo', any.value).reason;
        } else if ((any.typeUrl ?? any.type_url)?.endsWith('/google.rpc.BadRequest')) {
          violations.push(...decodeDetail('BadRequest', any.value).fieldViolations);
        }
      }
    } catch {
      // Details that cannot be read add nothing; code and message still tell what happened.
    }
  }
  const message = error.details || error.message;
  return new MesgError(codeName(error.code), message, reason, violations);
}

/** The error of one request of a stream that goes on. */
export function fromCallError(error: wire.CallError): MesgError {
  return new MesgError(codeName(error.code), error.message, error.reason, error.violations ?? []);
}

/** Any thrown thing as a MesgError. */
export function toMesgError(error: unknown): MesgError {
  if (error instanceof MesgError) return error;
  if (error instanceof Error && typeof (error as ServiceError).code === 'number') {
    return fromServiceError(error as ServiceError);
  }
  return new MesgError('UNKNOWN', error instanceof Error ? error.message : String(error));
}

const FATAL: ReadonlySet<Code> = new Set<Code>([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
]);

/** True where connecting again cannot help: what ended the stream is the request, not the road. */
export function isFatal(error: MesgError): boolean {
  return FATAL.has(error.code);
}
