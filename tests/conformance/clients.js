'use strict';
// The published libraries, by generation. They are installed and used as they are; all that is ours
// is the override of their native `grpc`, and for 1.2 the function of it that grpc-js left out.
const grpc = require('grpc');
const loader = require('@grpc/proto-loader');

// What the old `grpc` did: fields keep their names, and what is missing has its default.
grpc.load = (file) => grpc.loadPackageDefinition(
  loader.loadSync(file, { keepCase: true, longs: String, defaults: true }));

/** Those with listenEvent, listenResult, executeTask and executeTaskAndWaitResult. */
const VERSIONS = ['2.1', '2.0'];

const library = (version) => require(`mesg-js-${version}`);

/** An application on `core`. 1.2 takes its endpoint from the environment. */
function application(version, core) {
  if (version !== '1.2') return library(version).application({ endpoint: core.endpoint });
  process.env.MESG_ENDPOINT = core.endpoint;
  return library(version).application();
}

/** Waits until Core has said that the stream misses nothing from now on. */
function ready(stream) {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('metadata', (metadata) => {
      stream.removeListener('error', reject);
      stream.on('error', () => {});  // Cancelled by the test, as a rule.
      const status = metadata.get('status');
      if (status.length === 1 && status[0] === 'ready') resolve(stream);
      else reject(new Error(`not ready but ${JSON.stringify(status)}`));
    });
  });
}

/** The error a stream ends with. */
function refusal(stream) {
  return new Promise((resolve, reject) => {
    stream.on('error', resolve);
    stream.on('data', () => reject(new Error('it was not refused')));
    stream.on('end', () => reject(new Error('it ended without an error')));
  });
}

/** What a stream has brought so far, and a way to wait for more. */
function collect(stream) {
  const items = [];
  let wake = () => {};
  stream.on('data', (item) => {
    items.push(item);
    wake();
  });
  /** Resolves once there are `count`. */
  items.reach = async (count) => {
    while (items.length < count) await new Promise((resolve) => { wake = resolve; });
    return items;
  };
  return items;
}

/** A call of the raw API as a promise. */
function call(api, method, request) {
  return new Promise((resolve, reject) => {
    api[method](request, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

module.exports = { VERSIONS, application, call, collect, ready, refusal };
