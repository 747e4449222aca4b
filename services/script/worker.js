'use strict';
// The thread of a pool that scripts run on, one after the other.
const { parentPort } = require('node:worker_threads');
const { execute, ScriptError } = require('./sandbox');

parentPort.on('message', async (job) => {
  try {
    parentPort.postMessage({ done: await execute(job) });
  } catch (error) {
    parentPort.postMessage({ failed: error.message, permanent: error instanceof ScriptError });
  }
});
parentPort.postMessage({ ready: true });
