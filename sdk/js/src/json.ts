import { MesgError } from './errors';

/** JSON text that is sent as it is. Made by {@link raw}. */
export class RawJson {
  constructor(readonly bytes: Buffer) {}
}

/**
 * JSON text to be sent byte for byte, wherever data, inputs, outputs or values are expected. For what
 * JSON.stringify cannot write: integers beyond 2^53, or text that exists already.
 *
 * @example service.emit('transfer', raw('{"wei": 340282366920938463463374607431768211455}'));
 */
export function raw(text: string | Uint8Array): RawJson {
  return new RawJson(typeof text === 'string' ? Buffer.from(text) : Buffer.from(text));
}

/** How JSON text becomes values and back. */
export interface JsonOptions {
  /** Reads JSON text; JSON.parse by default. Give one that keeps big integers where those occur. */
  parse?: (text: string) => any;
  /** Writes JSON text; JSON.stringify by default. */
  stringify?: (value: any) => string;
}

/** Both directions, with the errors named for a user. */
export class Json {
  private readonly parseText: (text: string) => any;
  private readonly stringifyValue: (value: any) => string;

  constructor(options: JsonOptions) {
    this.parseText = options.parse ?? JSON.parse;
    this.stringifyValue = options.stringify ?? JSON.stringify;
  }

  read(bytes: Uint8Array): any {
    if (bytes.length === 0) return {};
    return this.parseText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  }

  /** One JSON object; undefined is the empty one. `what` begins the sentence of an error. */
  writeObject(value: unknown, what: string): Buffer {
    if (value instanceof RawJson) return value.bytes;
    if (value === undefined) return Buffer.from('{}');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const came = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
      throw new MesgError('INVALID_ARGUMENT', `${what} must be an object, got ${came}`, 'NOT_AN_OBJECT');
    }
    return this.write(value, what);
  }

  write(value: unknown, what: string): Buffer {
    if (value instanceof RawJson) return value.bytes;
    let text: string | undefined;
    try {
      text = this.stringifyValue(value);
    } catch (error) {
      throw new MesgError('INVALID_ARGUMENT', `${what} cannot be written as JSON: ${String(error)}`, 'NOT_JSON');
    }
    if (text === undefined) {
      throw new MesgError('INVALID_ARGUMENT', `${what} cannot be written as JSON`, 'NOT_JSON');
    }
    return Buffer.from(text);
  }
}
