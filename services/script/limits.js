'use strict';
// What a script may use: what the environment says, and what a task asks for within it.

const UNITS = { ms: 1, s: 1000, m: 60_000 };

/** Milliseconds of a duration as in mesg.yml: 500ms, 10s, 1m30s. Undefined when it is none. */
function milliseconds(text) {
  if (typeof text !== 'string' || !/^(\d{1,6}(ms|s|m))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|s|m)/g)) sum += number * UNITS[unit];
  return sum > 0 ? sum : undefined;
}

function time(name, text, most) {
  const found = milliseconds(text);
  if (found === undefined) throw new Error(`${name}: expected a duration like 500ms or 10s, got ${JSON.stringify(text)}`);
  if (found > most) throw new Error(`${name}: expected at most ${most}ms, got ${text}`);
  return found;
}

function number(name, given, most) {
  const found = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given;
  if (!Number.isInteger(found) || found < 1 || found > most) {
    throw new Error(`${name}: expected a whole number from 1 to ${most}, got ${JSON.stringify(given)}`);
  }
  return found;
}

class Limits {
  /** Of the service's environment; an Error names the variable. */
  constructor(env) {
    this.threads = number('THREADS', env.THREADS || '4', 64);
    this.maxTimeout = time('MAX_TIMEOUT', env.MAX_TIMEOUT || '30s', 50_000);
    this.timeout = time('TIMEOUT', env.TIMEOUT || '5s', this.maxTimeout);
    this.maxMemory = number('MAX_MEMORY', env.MAX_MEMORY || '256', 1024);
    this.memory = number('MEMORY', env.MEMORY || '32', this.maxMemory);
  }

  /** Of one task; an Error names the input. */
  of({ timeout, memory }) {
    return {
      timeout: timeout == null ? this.timeout : time('timeout', timeout, this.maxTimeout),
      memory: memory == null ? this.memory : number('memory', memory, this.maxMemory),
    };
  }
}

/**
 * The first whole number in JSON text that JavaScript would round, as it stands there; undefined when
 * there is none.
 */
function rounded(json) {
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g)) {
    if (token.length > 15 && /^-?\d+$/.test(token) && BigInt(Number(token)) !== BigInt(token)) return token;
  }
  return undefined;
}

module.exports = { Limits, rounded };
