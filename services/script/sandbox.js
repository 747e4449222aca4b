'use strict';
// One script in an engine of its own. Everything here blocks: it belongs on a thread of its own.
const fs = require('node:fs');
const path = require('node:path');
const { newQuickJSWASMModuleFromVariant, newVariant } = require('quickjs-emscripten-core');

const PAGE = 65536;
const MIB = 1024 * 1024;
const STACK = 256 * 1024;
/** What the engine needs beside what a script may use: its own data, and what a large result passes through. */
const ENGINE = 24 * MIB;
const MAX_RESULT = 2 * MIB;
const MAX_LINES = 200;
const MAX_LOG = 64 * 1024;
/** Jobs of promises between two looks at the clock. */
const JOBS = 1000;

const PRELUDE = fs.readFileSync(path.join(__dirname, 'prelude.js'), 'utf8');
const WASM = fs.readFileSync(require.resolve('@jitl/quickjs-wasmfile-release-sync/wasm'));
const compiled = new WebAssembly.Module(WASM);

/** What a script did wrong: another run of it would do the same. */
class ScriptError extends Error {}

/** The lines a script wrote, as far as they are kept. */
class Lines {
  kept = [];
  size = 0;
  dropped = 0;

  add(line) {
    this.size += Buffer.byteLength(line);
    if (this.kept.length < MAX_LINES && this.size <= MAX_LOG) this.kept.push(line);
    else this.dropped += 1;
  }

  all() {
    if (this.dropped === 0) return this.kept;
    return [...this.kept, `... and ${this.dropped} more, which are not kept`];
  }
}

/** A script under way. */
class Execution {
  lines = new Lines();

  constructor(quickjs, { code, input, timeout, memory }) {
    this.code = code;
    this.input = input;
    this.timeout = timeout;
    this.memory = memory;
    this.deadline = performance.now() + timeout;
    this.runtime = quickjs.newRuntime();
    this.runtime.setMemoryLimit(memory * MIB);
    this.runtime.setMaxStackSize(STACK);
    this.runtime.setInterruptHandler(() => this.late());
    this.context = this.runtime.newContext();
  }

  late() {
    return performance.now() > this.deadline;
  }

  run() {
    const { context } = this;
    const log = context.newFunction('log', (line) => this.lines.add(context.getString(line)));
    const make = this.value(context.evalCode(PRELUDE, 'prelude'));
    this.prelude = this.value(context.callFunction(make, context.undefined, log, context.newNumber(MAX_RESULT)));
    // On one line with the script's first one, so that its lines keep their numbers.
    const script = this.value(context.evalCode(`(async function (input) { "use strict"; ${this.code}\n})`, 'script'));
    const promise = this.value(
      context.callFunction(
        context.getProp(this.prelude, 'run'),
        context.undefined,
        script,
        context.newString(this.input),
      ),
    );
    return { result: this.settled(promise), logs: this.lines.all() };
  }

  /** Runs what the script waits for, until its promise has a result. */
  settled(promise) {
    const { context, runtime } = this;
    for (;;) {
      const state = context.getPromiseState(promise);
      if (state.type === 'fulfilled') return this.result(context.getString(state.value));
      if (state.type === 'rejected') this.fail(this.described(state.error));
      if (this.late()) this.fail();
      if (!runtime.hasPendingJob()) {
        throw new ScriptError(
          'it waits for a promise that nothing will ever settle: a script has no timers and no network',
        );
      }
      const ran = runtime.executePendingJobs(JOBS);
      if (ran.error) this.fail(this.thrown(ran.error));
    }
  }

  result(text) {
    if (this.late()) this.fail();
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_RESULT) throw new ScriptError(`the result is larger than ${MAX_RESULT} bytes`);
    return text;
  }

  value(result) {
    if (result.error) this.fail(this.thrown(result.error));
    return result.value;
  }

  /** Of an error that reached us, which only the script's own engine may look at. */
  thrown(error) {
    if (!this.prelude || this.late()) return undefined;
    const text = this.context.callFunction(
      this.context.getProp(this.prelude, 'describe'),
      this.context.undefined,
      error,
    );
    return text.error ? undefined : this.described(text.value);
  }

  described(handle) {
    try {
      return JSON.parse(this.context.getString(handle));
    } catch {
      return undefined; // Not by the prelude: the engine had no memory or no time left for it.
    }
  }

  fail(what) {
    if (this.late()) throw new ScriptError(lateMessage(this.timeout));
    if (!what || (what.name === 'InternalError' && what.message === 'out of memory')) {
      throw new ScriptError(memoryMessage(this.memory));
    }
    // Where not even an error could be made any more, null is thrown.
    if (what.nothing) throw new ScriptError(`it threw null, or ${memoryMessage(this.memory).slice('it '.length)}`);
    const where = what.line > 0 ? `line ${what.line}: ` : '';
    throw new ScriptError(where + (what.name ? `${what.name}: ` : '') + what.message);
  }
}

function lateMessage(timeout) {
  return `it ran longer than ${timeout} ms, its time limit`;
}

function memoryMessage(memory) {
  return `it needed more than ${memory} MiB, its memory limit`;
}

/**
 * Runs `code` on `input`, which is JSON text. `timeout` is in milliseconds, `memory` in MiB. A ScriptError
 * is the script's fault. Each call has an engine of its own, down to its WebAssembly memory, so that
 * nothing is left of a script when it returns.
 */
async function execute(job) {
  const pages = Math.ceil((job.memory * MIB + ENGINE) / PAGE);
  const wasmMemory = new WebAssembly.Memory({ initial: 256, maximum: pages });
  const variant = newVariant(require('@jitl/quickjs-wasmfile-release-sync').default, {
    wasmModule: compiled,
    wasmMemory,
  });
  const execution = new Execution(await newQuickJSWASMModuleFromVariant(variant), job);
  try {
    return execution.run();
  } catch (error) {
    if (error instanceof ScriptError) throw error;
    // The engine itself gave up: its C code ran out of stack or of memory.
    if (error instanceof RangeError) throw new ScriptError(`it is nested too deep: ${error.message}`);
    if (error instanceof WebAssembly.RuntimeError) throw new ScriptError(memoryMessage(job.memory));
    throw error;
  }
}

module.exports = { execute, ScriptError, lateMessage, memoryMessage, MAX_RESULT };
