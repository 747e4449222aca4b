'use strict';

const { getAddress, isAddress, isHex, parseAbi, parseGwei, toEventSelector } = require('viem');

const STATUSES = ['pending', 'confirmed', 'reverted'];
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * The service's environment, checked. Throws an Error that names the variable, what was expected and,
 * unless it is a secret, what came.
 */
function readConfig(env) {
  const config = {
    url: url(env.RPC_URL),
    chainId: whole(env, 'CHAIN_ID', undefined, 1, Number.MAX_SAFE_INTEGER),
    confirmations: whole(env, 'CONFIRMATIONS', 12, 1, 10_000),
    start: !env.START || env.START === 'latest' ? 'latest' : whole(env, 'START', 0, 0, Number.MAX_SAFE_INTEGER),
    poll: time(env, 'POLL', 4000),
    statuses: new Set(list(env, 'STATUSES', STATUSES.join(','))),
    blocks: flag(env, 'BLOCKS', false),
    contracts: contracts(env.CONTRACTS),
    tokens: addresses(env, 'ERC20'),
    accounts: addresses(env, 'ADDRESSES'),
    maxRange: whole(env, 'MAX_RANGE', 2000, 1, 1_000_000),
    maxReorg: whole(env, 'MAX_REORG', 64, 1, 10_000),
    privateKey: privateKey(env.PRIVATE_KEY),
    maxFee: gwei(env, 'MAX_FEE_GWEI', '500'),
    maxTip: gwei(env, 'MAX_TIP_GWEI', '50'),
    replaceAfter: time(env, 'REPLACE_AFTER', 180_000),
  };
  for (const status of config.statuses) {
    if (!STATUSES.includes(status)) {
      throw new Error(`STATUSES holds some of ${STATUSES.join(', ')}, got "${status}"`);
    }
  }
  if (config.maxReorg < config.confirmations) {
    throw new Error(`MAX_REORG (${config.maxReorg}) must not be less than CONFIRMATIONS (${config.confirmations})`);
  }
  return config;
}

function url(text) {
  let parsed;
  try {
    parsed = new URL(text);
  } catch {
    // Said below: the text may hold a key.
  }
  if (!['http:', 'https:', 'ws:', 'wss:'].includes(parsed?.protocol)) {
    throw new Error(
      'RPC_URL must begin with http://, https://, ws:// or wss:// and name a host (it is not shown: it may hold a key)',
    );
  }
  return text;
}

function whole(env, name, fallback, least, most) {
  const text = env[name];
  if (!text && fallback !== undefined) return fallback;
  const value = /^\d+$/.test(text ?? '') ? Number(text) : NaN;
  if (!(value >= least && value <= most)) {
    throw new Error(`${name} must be a whole number from ${least} to ${most}, got "${text ?? ''}"`);
  }
  return value;
}

function flag(env, name, fallback) {
  const text = env[name] || String(fallback);
  if (text !== 'true' && text !== 'false') throw new Error(`${name} must be true or false, got "${text}"`);
  return text === 'true';
}

function time(env, name, fallback) {
  const text = env[name];
  if (!text) return fallback;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) sum += Number(number) * UNITS[unit];
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text) || sum === 0 || sum > 0x7fffffff) {
    throw new Error(`${name} must be a time such as 4s or 1m30s, got "${text}"`);
  }
  return sum;
}

function gwei(env, name, fallback) {
  const text = env[name] || fallback;
  if (!/^\d+(\.\d{1,9})?$/.test(text))
    throw new Error(`${name} must be an amount in gwei such as 50 or 0.1, got "${text}"`);
  return parseGwei(text);
}

function list(env, name, fallback) {
  return (env[name] || fallback)
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

/** 'all', or a set of checksummed addresses, which may be empty. */
function addresses(env, name) {
  const items = list(env, name, '');
  if (items.length === 1 && items[0] === 'all') return 'all';
  return new Set(items.map((item) => address(item, name)));
}

/** The address with its checksum. What has capital letters must have the right ones. */
function address(text, what) {
  if (typeof text !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(text)) {
    throw new Error(`${what} must be an address, "0x" and 40 hex digits, got ${JSON.stringify(text)}`);
  }
  const plain = text === text.toLowerCase() || text.slice(2) === text.slice(2).toUpperCase();
  if (!plain && !isAddress(text)) {
    throw new Error(`${what}: the checksum of the address ${text} is wrong, a letter or digit may be mistyped`);
  }
  return getAddress(text.toLowerCase());
}

function privateKey(text) {
  if (!text) return undefined;
  const key = text.startsWith('0x') ? text : `0x${text}`;
  if (!isHex(key) || key.length !== 66 || /^0x0+$/.test(key)) {
    throw new Error('PRIVATE_KEY must be 64 hex digits (it is not shown)');
  }
  return key;
}

/**
 * An ABI from JSON, or from signatures as Solidity writes them: "event Transfer(address indexed from, ...)".
 */
function abiOf(given, what) {
  const items = typeof given === 'string' ? [given] : given;
  if (!Array.isArray(items) || items.length === 0) {
    throw new Error(
      `${what} must be an ABI: a list of its JSON entries, or of signatures such as ` +
        '"function balanceOf(address) view returns (uint256)"',
    );
  }
  try {
    const texts = items.filter((item) => typeof item === 'string');
    const entries = items.filter((item) => typeof item === 'object' && item !== null);
    if (texts.length + entries.length !== items.length) throw new Error('an entry is neither text nor an object');
    return [...entries, ...(texts.length > 0 ? parseAbi(texts) : [])];
  } catch (error) {
    throw new Error(`${what} is no ABI: ${error.shortMessage ?? error.message}`);
  }
}

/** [{ name, addresses: Set | undefined for any, events: Map of topic to ABI entry }] */
function contracts(text) {
  if (!text) return [];
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`CONTRACTS must be JSON: ${error.message}`);
  }
  if (!Array.isArray(given))
    throw new Error('CONTRACTS must be a list of {name, address, abi} or {name, address, events}');
  return given.map((one, i) => {
    const what = `CONTRACTS[${i}]`;
    const events = new Map();
    for (const entry of abiOf(one?.abi ?? one?.events, `${what}.${one?.abi ? 'abi' : 'events'}`)) {
      if (entry.type === 'event' && !entry.anonymous) events.set(toEventSelector(entry), entry);
    }
    if (events.size === 0) throw new Error(`${what} has no event in its ABI`);
    const at = [one.address ?? []].flat().map((item) => address(item, `${what}.address`));
    return { name: String(one.name ?? at[0] ?? 'any'), addresses: at.length > 0 ? new Set(at) : undefined, events };
  });
}

module.exports = { abiOf, address, readConfig };
