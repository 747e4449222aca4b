'use strict';

const {
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  HttpRequestError,
  InsufficientFundsError,
  RpcRequestError,
  TimeoutError,
  WebSocketRequestError,
  SocketClosedError,
} = require('viem');

/** Takes the node's address, which may hold a key, and the private key out of a text. */
function scrubber(config) {
  const secrets = new Set([config.url]);
  const { username, password, pathname, search } = new URL(config.url);
  for (const part of [username, password, pathname, search, search.slice(1), ...pathname.split('/')]) {
    if (part.length >= 6) secrets.add(part);
  }
  if (config.privateKey) secrets.add(config.privateKey).add(config.privateKey.slice(2));
  const longest = [...secrets].sort((a, b) => b.length - a.length);
  return (text) => longest.reduce((left, secret) => left.replaceAll(secret, '***'), String(text));
}

function causes(error) {
  const all = [];
  for (let one = error; one && all.length < 20; one = one.cause) all.push(one);
  return all;
}

function find(error, ...types) {
  return causes(error).find((one) => types.some((type) => one instanceof type));
}

/**
 * What kind of failure it is: `away` (no connection, or none in time), `busy` (a rate limit), `refused`
 * (the node answered with an error), `other`.
 */
function kindOf(error) {
  const http = find(error, HttpRequestError);
  const text = causes(error)
    .map((one) => `${one.details ?? ''} ${one.shortMessage ?? one.message}`)
    .join(' ');
  if (http?.status === 429 || /rate.?limit|too many requests|compute units|throughput|capacity exceeded/i.test(text)) {
    return 'busy';
  }
  if (find(error, RpcRequestError)) return 'refused';
  if (http && [400, 413, 414].includes(http.status)) return 'refused';
  if (http || find(error, TimeoutError, WebSocketRequestError, SocketClosedError)) return 'away';
  return 'other';
}

/** One line for people, without the request that viem repeats in its messages. */
function textOf(error) {
  const http = find(error, HttpRequestError);
  if (http) {
    const below = causes(http).at(-1);
    const reason = below?.code ?? http.details ?? below?.message;
    return http.status ? `HTTP ${http.status}${http.details ? `: ${http.details}` : ''}` : String(reason);
  }
  const rpc = find(error, RpcRequestError);
  if (rpc) return rpc.details || rpc.shortMessage;
  if (find(error, TimeoutError)) return 'no answer in time';
  if (find(error, SocketClosedError, WebSocketRequestError)) return 'the connection broke';
  return error instanceof BaseError ? error.details || error.shortMessage : error.message || String(error);
}

/** The bytes with which a contract reverted, undefined when it did not. */
function revertData(error) {
  for (const one of causes(error)) {
    const data = typeof one.data === 'object' ? one.data?.data : one.data;
    if (typeof data === 'string' && data.startsWith('0x')) return data;
    if (one instanceof ContractFunctionRevertedError) return one.raw ?? '0x';
  }
  return /revert/i.test(textOf(error)) && kindOf(error) === 'refused' ? '0x' : undefined;
}

/** Why it reverted: the text of require, a panic, or the custom error as the ABI names it. */
function reasonOf(data, abi = []) {
  if (!data || data === '0x') return 'no reason given';
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi, data });
    if (errorName === 'Error') return String(args[0]);
    if (errorName === 'Panic') return `panic ${args[0]}`;
    return `${errorName}(${args.map((arg) => (typeof arg === 'object' ? stringify(arg) : String(arg))).join(', ')})`;
  } catch {
    return `an error that its ABI does not name: ${data.length > 300 ? `${data.slice(0, 300)}...` : data}`;
  }
}

function stringify(value) {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? String(item) : item));
}

function isInsufficientFunds(error) {
  return (
    find(error, InsufficientFundsError) !== undefined ||
    /insufficient (funds|balance)|not enough funds/i.test(textOf(error))
  );
}

module.exports = { isInsufficientFunds, kindOf, reasonOf, revertData, scrubber, stringify, textOf };
