'use strict';

const {
  decodeEventLog,
  formatUnits,
  getAddress,
  hexToBigInt,
  padHex,
  toEventSelector,
  toFunctionSelector,
  decodeAbiParameters,
  hexToString,
} = require('viem');
const { toEventSignature } = require('viem/utils');

const { kindOf } = require('./errors');

const TRANSFER = toEventSelector('event Transfer(address indexed from, address indexed to, uint256 value)');
const MAX_ARGS = 256 << 10;
const MAX_INPUT = 4 << 10;

/** Values of an ABI as JSON: integers as decimal strings, bytes in hex. */
function jsonOf(value) {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  }
  return value;
}

const decimal = (hex) => String(hexToBigInt(hex ?? '0x0'));
const checked = (address) => (address ? getAddress(address) : null);
const accountOf = (topic) => getAddress(`0x${topic.slice(26)}`);

/** Symbol and decimals of tokens, asked for once; null where a token does not say. */
class Tokens {
  constructor(request) {
    this.request = request;
    this.known = new Map();
  }

  async get(token) {
    let found = this.known.get(token);
    if (!found) {
      found = { decimals: await this.decimals(token), symbol: await this.symbol(token) };
      if (this.known.size >= 10_000) this.known.clear();
      this.known.set(token, found);
    }
    return found;
  }

  async decimals(token) {
    const data = await this.call(token, 'decimals()');
    const value = data.length === 66 ? hexToBigInt(data) : 256n;
    return value < 256n ? Number(value) : null;
  }

  async symbol(token) {
    const data = await this.call(token, 'symbol()');
    try {
      // Some of the oldest answer 32 bytes.
      const text =
        data.length === 66 ? hexToString(data).replace(/\0+$/, '') : decodeAbiParameters([{ type: 'string' }], data)[0];
      return text.slice(0, 64);
    } catch {
      return null;
    }
  }

  async call(token, signature) {
    try {
      return await this.request('eth_call', [{ to: token, data: toFunctionSelector(signature) }, 'latest']);
    } catch (error) {
      if (kindOf(error) !== 'refused') throw error;
      return '0x';
    }
  }
}

/**
 * Makes items of blocks, transactions and logs: { kind, id, time, data }. The id names the occurrence: the
 * same transaction in another block is another item.
 */
class Reader {
  constructor(config, tokens) {
    this.config = config;
    this.tokens = tokens;
    this.wantsBlocks = config.blocks;
    this.wantsTransactions = config.accounts === 'all' || config.accounts.size > 0;
    this.filters = filtersOf(config);
  }

  /** Those of a whole block that are told. */
  transactions(block) {
    if (!this.wantsTransactions) return [];
    return block.transactions.filter((tx) => this.follows(tx.from) || this.follows(tx.to));
  }

  follows(account) {
    const { accounts } = this.config;
    return accounts === 'all' || (Boolean(account) && accounts.has(getAddress(account)));
  }

  async items(block, receipts, logs) {
    const items = this.wantsBlocks ? [this.block(block)] : [];
    const ordered = [];
    for (const tx of this.transactions(block)) {
      const receipt = receipts.get(tx.hash);
      const index = Number(tx.transactionIndex);
      ordered.push([index, -2, this.transaction(block, tx, receipt)]);
      if (hexToBigInt(tx.value) > 0n && receipt.status !== '0x0')
        ordered.push([index, -1, this.native(block, tx, receipt)]);
    }
    for (const log of logs) {
      const at = [Number(log.transactionIndex), Number(log.logIndex)];
      for (const contract of this.contractsOf(log)) ordered.push([...at, this.log(block, log, contract)]);
      if (this.isTransfer(log)) ordered.push([...at, await this.erc20(block, log)]);
    }
    ordered.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return [...items, ...ordered.map(([, , item]) => item)];
  }

  item(kind, block, rest, data) {
    const id = [this.config.chainId, block.hash, ...rest].join(':');
    return { kind, id, time: Number(block.timestamp), data: { chain_id: this.config.chainId, ...data } };
  }

  block(block) {
    return this.item('block', block, [], {
      ...placeOf(block),
      parent_hash: block.parentHash,
      transactions: block.transactions.length,
      gas_used: decimal(block.gasUsed),
      base_fee: block.baseFeePerGas ? decimal(block.baseFeePerGas) : null,
    });
  }

  transaction(block, tx, receipt) {
    const bytes = (tx.input.length - 2) / 2;
    return this.item('transaction', block, [tx.hash], {
      ...placeOf(block),
      transaction_hash: tx.hash,
      from: checked(tx.from),
      to: checked(tx.to),
      contract: checked(receipt.contractAddress),
      amount: decimal(tx.value),
      formatted: formatUnits(hexToBigInt(tx.value), 18),
      nonce: Number(tx.nonce),
      input: bytes > MAX_INPUT ? tx.input.slice(0, 2 + 2 * MAX_INPUT) : tx.input,
      input_bytes: bytes,
      succeeded: receipt.status !== '0x0',
      gas_used: decimal(receipt.gasUsed),
      fee: String(hexToBigInt(receipt.gasUsed) * hexToBigInt(receipt.effectiveGasPrice ?? tx.gasPrice ?? '0x0')),
    });
  }

  native(block, tx) {
    return this.item('transfer', block, [tx.hash, 'value'], {
      ...placeOf(block),
      transaction_hash: tx.hash,
      log_index: null,
      token: null,
      symbol: null,
      decimals: 18,
      from: checked(tx.from),
      to: checked(tx.to),
      amount: decimal(tx.value),
      formatted: formatUnits(hexToBigInt(tx.value), 18),
    });
  }

  async erc20(block, log) {
    const token = getAddress(log.address);
    const { decimals, symbol } = await this.tokens.get(token);
    const amount = hexToBigInt(log.data);
    return this.item('transfer', block, [log.transactionHash, Number(log.logIndex)], {
      ...placeOf(block),
      transaction_hash: log.transactionHash,
      log_index: Number(log.logIndex),
      token,
      symbol,
      decimals,
      from: accountOf(log.topics[1]),
      to: accountOf(log.topics[2]),
      amount: String(amount),
      formatted: decimals === null ? null : formatUnits(amount, decimals),
    });
  }

  log(block, log, contract) {
    const entry = contract.events.get(log.topics[0]);
    let args;
    try {
      args = jsonOf(decodeEventLog({ abi: [entry], topics: log.topics, data: log.data }).args ?? {});
    } catch {
      // The topic is right and the rest is not: another contract's event of the same signature.
    }
    const cut = args !== undefined && JSON.stringify(args).length > MAX_ARGS;
    return this.item('log', block, [log.transactionHash, Number(log.logIndex)], {
      ...placeOf(block),
      transaction_hash: log.transactionHash,
      log_index: Number(log.logIndex),
      contract: contract.name,
      address: getAddress(log.address),
      event: entry.name,
      signature: toEventSignature(entry),
      args: cut ? {} : (args ?? {}),
      ...(args === undefined ? { topics: log.topics, data: log.data.slice(0, MAX_ARGS) } : {}),
      ...(cut ? { cut: true } : {}),
    });
  }

  contractsOf(log) {
    const address = getAddress(log.address);
    return this.config.contracts.filter(
      (one) => one.events.has(log.topics[0]) && (!one.addresses || one.addresses.has(address)),
    );
  }

  /** ERC-721 has the same signature, but four topics. */
  isTransfer(log) {
    const { tokens, accounts } = this.config;
    if (log.topics[0] !== TRANSFER || log.topics.length !== 3 || log.data.length !== 66) return false;
    if (tokens !== 'all' && !tokens.has(getAddress(log.address))) return false;
    if (accounts === 'all' || accounts.size === 0) return true;
    return this.follows(accountOf(log.topics[1])) || this.follows(accountOf(log.topics[2]));
  }
}

function placeOf(block) {
  return {
    block_number: Number(block.number),
    block_hash: block.hash,
    block_time: new Date(Number(block.timestamp) * 1000).toISOString(),
  };
}

/** What eth_getLogs is asked for; together they let through all that is told, and perhaps more. */
function filtersOf({ contracts, tokens, accounts }) {
  const filters = [];
  const placed = contracts.filter((one) => one.addresses);
  if (placed.length > 0) {
    const topics = new Set(placed.flatMap((one) => [...one.events.keys()]));
    filters.push({ address: [...new Set(placed.flatMap((one) => [...one.addresses]))], topics: [[...topics]] });
  }
  const anywhere = contracts.filter((one) => !one.addresses);
  if (anywhere.length > 0) filters.push({ topics: [[...new Set(anywhere.flatMap((one) => [...one.events.keys()]))]] });
  if (tokens === 'all' || tokens.size > 0) {
    const where = tokens === 'all' ? {} : { address: [...tokens] };
    if (accounts === 'all' || accounts.size === 0) {
      filters.push({ ...where, topics: [TRANSFER] });
    } else {
      const padded = [...accounts].map((account) => padHex(account.toLowerCase(), { size: 32 }));
      filters.push({ ...where, topics: [TRANSFER, padded] }, { ...where, topics: [TRANSFER, null, padded] });
    }
  }
  return filters;
}

module.exports = { jsonOf, Reader, Tokens };
