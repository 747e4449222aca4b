'use strict';

const { MesgError } = require('@mesg/sdk');

const { Moved } = require('./follower');

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** Resolves after `ms`, or when the signal is aborted. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** What does not work, of several kinds, as the one sentence that Core shows. */
class Health {
  constructor(report) {
    this.report = report;
    this.problems = new Map();
  }

  /** `problem` is '' when all is well. Returns whether that is news. */
  set(kind, problem) {
    if ((this.problems.get(kind)?.text ?? '') === problem) return false;
    if (problem) this.problems.set(kind, { text: problem, since: this.problems.get(kind)?.since ?? new Date() });
    else this.problems.delete(kind);
    // Reading and sending may meet the same problem.
    const first = new Map([...this.problems.values()].reverse().map(({ text, since }) => [text, since]));
    this.report([...first].map(([text, since]) => `${text} (since ${since.toISOString()})`).join('; '));
    return true;
  }
}

/**
 * Does `work` again and again until the signal is aborted: at once when it resolves with true, after `poll`
 * milliseconds when with false, and after a growing, random pause when it rejects. `failed` is told of the
 * rejection and `kind` names the work in the service's health.
 */
async function keepUp({ work, failed = () => {}, kind, node, health, poll, signal, log }) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await node.check();
      const more = await work();
      pause = FIRST_PAUSE_MS;
      if (health.set(kind, node.syncing)) log('info', `${kind}: ${node.syncing || 'all is well again'}`);
      if (!more) await sleep(poll, signal);
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      const own = error instanceof MesgError;
      if (!own) node.doubt();
      const text = error instanceof Moved ? error.message : own ? `Core: ${error.message}` : node.explain(error);
      if (error instanceof Moved) {
        log('info', `${text}: reading again`);
      } else if (health.set(kind, `${text}; it is tried again`)) {
        log('warn', `${kind}: ${text}`);
      }
      await sleep(pause * (0.5 + Math.random() / 2), signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }
}

module.exports = { Health, keepUp, sleep };
