'use strict';
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { ScriptError, lateMessage, memoryMessage } = require('./sandbox');

/** How long a script may stay in a place where its engine does not look at the clock. */
const GRACE = 1000;

/**
 * Threads for scripts. A script that does not end by itself ends with its thread, and another thread
 * takes the place: neither the others nor the program wait for it.
 */
class Pool {
  #threads = new Set();
  #waiting = [];
  #idle = new Set();
  #busy = new Map();
  #closed = false;

  constructor(threads) {
    for (let i = 0; i < threads; i += 1) this.#start();
  }

  /**
   * Runs a script as `execute` in sandbox.js does. Rejects with a ScriptError when it is the script's
   * fault; with the signal's reason when it is aborted.
   */
  run(job, signal) {
    return new Promise((resolve, reject) => {
      const task = { job, resolve, reject };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => this.#abort(task, signal.reason), { once: true });
      this.#waiting.push(task);
      this.#next();
    });
  }

  /** Ends every thread. What runs or waits is rejected. */
  async close() {
    this.#closed = true;
    for (const task of this.#waiting.splice(0)) task.reject(new Error('the service stops'));
    for (const [worker, task] of this.#busy) this.#settle(worker, () => task.reject(new Error('the service stops')));
    await Promise.all([...this.#threads].map((worker) => worker.terminate()));
  }

  #start() {
    // A script cannot reach Node.js; if it ever could, it would not find the service's token.
    const worker = new Worker(path.join(__dirname, 'worker.js'), {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: 4 },
    });
    this.#threads.add(worker);
    worker.on('message', (message) => this.#message(worker, message));
    worker.on('error', (error) => this.#broken(worker, error));
    worker.on('exit', () => this.#exited(worker));
  }

  #next() {
    while (this.#waiting.length > 0 && this.#idle.size > 0) {
      const [worker] = this.#idle;
      const task = this.#waiting.shift();
      this.#idle.delete(worker);
      this.#busy.set(worker, task);
      const late = () => this.#end(worker, new ScriptError(lateMessage(task.job.timeout)));
      task.timer = setTimeout(late, task.job.timeout + GRACE);
      worker.postMessage(task.job);
    }
  }

  #message(worker, { ready, done, failed, permanent }) {
    const task = this.#busy.get(worker);
    if (!ready && !task) return; // It came too late.
    if (done) this.#settle(worker, () => task.resolve(done));
    if (failed) this.#settle(worker, () => task.reject(permanent ? new ScriptError(failed) : new Error(failed)));
    this.#idle.add(worker);
    this.#next();
  }

  #abort(task, reason) {
    const at = this.#waiting.indexOf(task);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      task.reject(reason);
    }
    for (const [worker, running] of this.#busy) {
      if (running === task) this.#end(worker, reason);
    }
  }

  #end(worker, error) {
    const task = this.#busy.get(worker);
    this.#settle(worker, () => task.reject(error));
    void worker.terminate();
  }

  #broken(worker, error) {
    const task = this.#busy.get(worker);
    if (!task) return;
    const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.#settle(worker, () =>
      task.reject(memory ? new ScriptError(memoryMessage(task.job.memory)) : new Error(`its thread ended: ${error.message}`)),
    );
  }

  #exited(worker) {
    this.#broken(worker, new Error('for no known reason'));
    this.#threads.delete(worker);
    this.#idle.delete(worker);
    if (!this.#closed) this.#start();
  }

  #settle(worker, tell) {
    clearTimeout(this.#busy.get(worker).timer);
    this.#busy.delete(worker);
    tell();
  }
}

module.exports = { Pool };
