'use strict';

const { MesgError, PermanentError, put, remove } = require('@mesg/sdk');
const { formatGwei, formatUnits, keccak256, toHex } = require('viem');
const { privateKeyToAccount } = require('viem/accounts');

const { isInsufficientFunds, kindOf, reasonOf, revertData } = require('./errors');
const { receiptOf } = require('./receipt');
const { sleep } = require('./upkeep');

const PREFIX = 'tx/';
/** A node takes a replacement when both fees are a tenth higher; an eighth is safely more. */
const BUMP = [9n, 8n];
const max = (a, b) => (a > b ? a : b);
const min = (a, b) => (a < b ? a : b);

/**
 * Sends transactions, one for an execution. The signed transaction is stored under the execution's id before
 * it is broadcast, and from then on it is the only one that this execution can have: after a crash it is
 * found, broadcast again where the chain does not have it, and followed until it is MAX_REORG deep, so that
 * a reorganisation does not lose it either. A replacement with a higher fee has the same nonce, and is
 * stored before it is broadcast, too: of all tries of one record at most one can be mined.
 *
 * A record, under tx/EXECUTION_ID: { delivery, from, nonce, confirmations (wanted by the task), call, tries:
 * [{ hash, raw, fees, at }], answered }. Core has a task's result as soon as it is wanted, the record stays
 * until its transaction is deep enough.
 */
class Sender {
  constructor({ node, config, service, health, log, signal, now = Date.now }) {
    Object.assign(this, { node, config, service, health, log, stopping: signal, now });
    this.request = node.request;
    this.account = config.privateKey ? privateKeyToAccount(config.privateKey) : undefined;
    this.address = this.account?.address;
    this.open = new Map();
    this.loaded = new Promise((resolve) => (this.nowLoaded = resolve));
    this.queue = Promise.resolve();
  }

  /** Finds what an earlier process has stored, and goes on with it. Once, after the service's start. */
  async load() {
    const { open } = this;
    for (let after = ''; ; ) {
      const page = await this.service.keys.list({ prefix: PREFIX, after });
      for (const { key, value, version } of page) open.set(key.slice(PREFIX.length), this.watched(value, version));
      if (page.length < 1000) break;
      after = page.at(-1).key;
    }
    for (const record of open.values()) if (!record.answered) this.resume(record);
    if (open.size > 0) this.log('info', `${open.size} transactions of earlier on are followed`);
    this.nowLoaded();
  }

  /** Answers in the place of the process that stored the record. */
  resume(record) {
    const { delivery } = record.stored;
    this.service
      .resume(delivery, async () => receiptOf(await this.result(record)))
      .then(
        () => this.markAnswered(record),
        (error) => this.log('warn', `execution ${delivery.executionId}: ${this.node.explain(error)}`),
      );
  }

  watched(stored, version) {
    const record = { stored, version, answered: stored.answered === true, missingSince: undefined };
    record.done = new Promise((resolve, reject) => Object.assign(record, { resolve, reject }));
    record.done.catch(() => {});
    return record;
  }

  // ---- What a task does ----

  /**
   * Sends `call` for the execution of `context`, unless that is done already, and resolves with the receipt
   * when it is `confirmations` deep. What it throws before anything is stored comes through `explain`.
   */
  async send(context, call, confirmations, explain) {
    const id = context.executionId;
    await this.loaded;
    let record = this.open.get(id);
    if (!record)
      record = await this.locked(() => this.open.get(id) ?? this.create(context, call, confirmations, explain));
    void context.settled.then(() => this.markAnswered(record));
    // Its signal is not heeded: once stored, only the chain can say what became of it.
    return this.result(record, call.abi);
  }

  async create(context, call, confirmations, explain) {
    let signed;
    try {
      await this.node.check();
      signed = await this.prepare(call);
    } catch (error) {
      throw explain(error);
    }
    if (context.signal.aborted) throw context.signal.reason;
    const { tries, nonce } = signed;
    const stored = { delivery: context.delivery, from: this.address, nonce, confirmations, call: signed.call, tries };
    const version = await this.store(stored);
    const record = this.watched(stored, version);
    this.open.set(context.executionId, record);
    await this.broadcast(record);
    return record;
  }

  async result(record, abi) {
    const receipt = await record.done;
    if (receipt.status !== '0x0') return receipt;
    const { call, from } = record.stored;
    const data = await this.replay(call, from, receipt).catch(() => undefined);
    throw new PermanentError(
      this.node.scrub(
        `transaction ${receipt.transactionHash} was mined in block ${Number(receipt.blockNumber)}, but reverted: ${reasonOf(data, abi)}`,
      ),
    );
  }

  /** Why it reverted, by calling it again where it was. */
  async replay({ to, data, value, gas }, from, receipt) {
    try {
      await this.request('eth_call', [
        { from, ...(to ? { to } : {}), data, value: toHex(BigInt(value)), gas: toHex(BigInt(gas)) },
        toHex(Number(receipt.blockNumber) - 1),
      ]);
    } catch (error) {
      return revertData(error);
    }
    return undefined;
  }

  /** What is stored for an execution; see the task `sent`. */
  async find(execution) {
    const { value } = await this.service.keys.get(PREFIX + execution);
    if (!value) return { stored: false };
    const { tries, nonce, from } = value;
    return { stored: true, from, nonce, transaction_hash: tries.at(-1).hash, tries: tries.map(({ hash }) => hash) };
  }

  // ---- Making one ----

  async prepare(call) {
    const { to, data, value, erc20 } = call;
    const from = this.address;
    if (erc20) await this.mustReturnTrue(call);
    const gas =
      call.gas ??
      (BigInt(await this.request('eth_estimateGas', [{ from, ...(to ? { to } : {}), data, value: toHex(value) }])) *
        12n) /
        10n;
    const fees = await this.fees();
    const most = value + gas * (fees.maxFeePerGas ?? fees.gasPrice);
    const balance = BigInt(await this.request('eth_getBalance', [from, 'latest']));
    if (balance < most) {
      throw new PermanentError(
        `insufficient funds: ${from} has ${formatUnits(balance, 18)}, and needs up to ${formatUnits(most, 18)} for the amount and the fee`,
      );
    }
    const kept = { to, data, value: String(value), gas: String(gas) };
    const nonce = await this.freeNonce();
    return { nonce, call: kept, tries: [await this.sign(kept, nonce, fees)] };
  }

  /** A token that answers false instead of reverting would take the fee and do nothing. */
  async mustReturnTrue({ to, data }) {
    const answer = await this.request('eth_call', [{ from: this.address, to, data }, 'latest']);
    if (answer !== '0x' && BigInt(answer) === 0n) throw new PermanentError(`the token ${to} refuses: it returns false`);
  }

  /** The lowest that neither the node nor a record has: a gap is filled before anything else. */
  async freeNonce() {
    const held = new Set(
      [...this.open.values()].filter(({ stored }) => stored.from === this.address).map(({ stored }) => stored.nonce),
    );
    let nonce = Number(await this.request('eth_getTransactionCount', [this.address, 'pending']));
    while (held.has(nonce)) nonce += 1;
    return nonce;
  }

  /** What a transaction should offer now. Throws when that is more than is allowed. */
  async fees() {
    const { maxFee, maxTip } = this.config;
    const block = await this.request('eth_getBlockByNumber', ['latest', false]);
    if (!block?.baseFeePerGas) {
      const gasPrice = BigInt(await this.request('eth_gasPrice'));
      return { gasPrice: allowed(gasPrice, maxFee) };
    }
    const base = BigInt(block.baseFeePerGas);
    const tip = await this.request('eth_maxPriorityFeePerGas').then(BigInt, (error) => {
      if (kindOf(error) === 'refused') return 1_000_000_000n;
      throw error;
    });
    const maxPriorityFeePerGas = min(tip, maxTip);
    allowed(base + maxPriorityFeePerGas, maxFee);
    return { maxFeePerGas: min(2n * base + maxPriorityFeePerGas, maxFee), maxPriorityFeePerGas };
  }

  async sign({ to, data, value, gas }, nonce, fees) {
    const { maxFeePerGas, maxPriorityFeePerGas, gasPrice } = fees;
    const common = {
      chainId: this.config.chainId,
      nonce,
      gas: BigInt(gas),
      value: BigInt(value),
      ...(to ? { to } : {}),
      ...(data ? { data } : {}),
    };
    const raw = await this.account.signTransaction(
      gasPrice === undefined
        ? { ...common, type: 'eip1559', maxFeePerGas, maxPriorityFeePerGas }
        : { ...common, type: 'legacy', gasPrice },
    );
    const texts = Object.fromEntries(Object.entries(fees).map(([key, value]) => [key, String(value)]));
    return { hash: keccak256(raw), raw, fees: texts, at: this.now() };
  }

  /**
   * Stores a new record; resolves with its version once it is known to be stored, and rejects only when it
   * is known not to be, and never to become so: the key of the account moves in the same commit.
   */
  async store(stored) {
    const account = `account/${stored.from}`;
    const key = PREFIX + stored.delivery.executionId;
    const before = await this.service.keys.get(account);
    const next = { nonce: stored.nonce, execution: stored.delivery.executionId };
    try {
      const { versions } = await this.service.emitMany([], {
        changes: [put(account, next, { expectedVersion: before.version }), put(key, stored, { expectedVersion: 0 })],
      });
      return versions[1];
    } catch (error) {
      return this.settleStore(error, stored, account, key);
    }
  }

  /** Whatever was lost on the way: either the record is there, or a newer account key keeps it away. */
  async settleStore(error, stored, account, key) {
    while (!this.stopping.aborted) {
      try {
        const [now, found] = await this.service.keys.getMany([account, key]);
        if (found.version > 0) {
          if (found.value.tries[0].hash === stored.tries[0].hash) return found.version;
          // Another process of the instance has it, which follows it.
          throw new PermanentError(
            `execution ${stored.delivery.executionId} has a transaction already: ${found.value.tries[0].hash}`,
          );
        }
        await this.service.keys.put(account, now.value ?? {}, { expectedVersion: now.version });
        throw new Error(`the transaction was not stored, so that it was not sent: ${error.message}`);
      } catch (again) {
        if (!(again instanceof MesgError)) throw again;
        await sleep(200, this.stopping);
      }
    }
    // Not an answer: the next process finds out.
    return new Promise(() => {});
  }

  locked(work) {
    const result = this.queue.then(work);
    this.queue = result.catch(() => {});
    return result;
  }

  // ---- Following them ----

  /** Looks once at all that are under way. Called again and again, after load(). */
  async turn() {
    if (this.open.size === 0) return false;
    const { hash, number } = await this.request('eth_getBlockByNumber', ['latest', false]);
    const head = { hash, number: Number(number) };
    const problems = [];
    const byAccount = new Map();
    for (const record of this.open.values()) {
      byAccount.set(record.stored.from, [...(byAccount.get(record.stored.from) ?? []), record]);
    }
    for (const [from, records] of byAccount) {
      const count = Number(await this.request('eth_getTransactionCount', [from, 'latest']));
      records.sort((a, b) => a.stored.nonce - b.stored.nonce);
      for (const record of records) {
        const problem =
          record.stored.nonce < count ? await this.mined(record, head) : await this.unmined(record, count);
        if (problem)
          problems.push(
            `the transaction of execution ${record.stored.delivery.executionId} (nonce ${record.stored.nonce}) ${problem}`,
          );
      }
    }
    this.health.set(
      'transactions',
      problems.length > 1 ? `${problems[0]}; and ${problems.length - 1} more` : (problems[0] ?? ''),
    );
    return false;
  }

  /** Its nonce is used: by one of its tries, unless somebody else has the key. */
  async mined(record, head) {
    if (record.seen === head.hash && !record.deep) return '';
    record.seen = head.hash;
    const receipt = await this.findReceipt(record);
    if (!receipt) {
      record.missingSince ??= head.number;
      if (head.number - record.missingSince < this.config.confirmations) return '';
      record.reject(
        new PermanentError(
          `nonce ${record.stored.nonce} of ${record.stored.from} was used by a transaction that this service has not made: ` +
            'this one can never be mined; see that nobody else sends with PRIVATE_KEY',
        ),
      );
      await this.drop(record);
      return '';
    }
    record.missingSince = undefined;
    const depth = head.number - Number(receipt.blockNumber) + 1;
    if (depth >= record.stored.confirmations) record.resolve(receipt);
    record.deep = depth >= Math.max(this.config.maxReorg, record.stored.confirmations);
    if (record.deep) await this.drop(record);
    return '';
  }

  async findReceipt(record) {
    for (const { hash } of [...record.stored.tries].reverse()) {
      const receipt = await this.request('eth_getTransactionReceipt', [hash]);
      if (receipt) return receipt;
    }
    return undefined;
  }

  /** Not mined, or no longer: sees that the node has it, and that its fee is enough. */
  async unmined(record, count) {
    record.missingSince = undefined;
    const last = record.stored.tries.at(-1);
    const known = await this.request('eth_getTransactionByHash', [last.hash]);
    if (!known) return this.broadcast(record);
    const stuck = record.stored.nonce === count && this.now() - last.at > this.config.replaceAfter;
    if (stuck && record.stored.from === this.address) return this.replace(record);
    return stuck ? 'is stuck, and was signed with another PRIVATE_KEY' : '';
  }

  /** Gives it to the node. Resolves with what is wrong, '' when it has it. */
  async broadcast(record) {
    try {
      await this.request('eth_sendRawTransaction', [record.stored.tries.at(-1).raw]);
      return '';
    } catch (error) {
      const text = this.node.explain(error);
      if (/already known|already imported|known transaction|nonce too low|already been used/i.test(text)) return '';
      this.log('warn', `execution ${record.stored.delivery.executionId}: ${text}`);
      if (isInsufficientFunds(error)) return `waits for funds: ${text}`;
      return `is not taken: ${text}`;
    }
  }

  /** Offers more for it, under the same nonce. */
  async replace(record) {
    const { maxFee, maxTip } = this.config;
    const { fees } = record.stored.tries.at(-1);
    const higher = (text) => (BigInt(text) * BUMP[0]) / BUMP[1] + 1n;
    let next;
    try {
      const now = await this.fees();
      next = fees.gasPrice
        ? { gasPrice: max(higher(fees.gasPrice), now.gasPrice ?? now.maxFeePerGas) }
        : {
            maxFeePerGas: max(higher(fees.maxFeePerGas), now.maxFeePerGas ?? now.gasPrice),
            maxPriorityFeePerGas: max(higher(fees.maxPriorityFeePerGas), now.maxPriorityFeePerGas ?? 0n),
          };
    } catch (error) {
      return `is stuck, and not replaced: ${this.node.explain(error)}`;
    }
    if ((next.gasPrice ?? next.maxFeePerGas) > maxFee || (next.maxPriorityFeePerGas ?? 0n) > maxTip) {
      return `is stuck at ${formatGwei(BigInt(fees.maxFeePerGas ?? fees.gasPrice))} gwei, and offering more would exceed MAX_FEE_GWEI or MAX_TIP_GWEI`;
    }
    const stored = {
      ...record.stored,
      tries: [...record.stored.tries, await this.sign(record.stored.call, record.stored.nonce, next)],
    };
    await this.update(record, stored);
    this.log(
      'info',
      `execution ${stored.delivery.executionId}: nonce ${stored.nonce} is offered ${formatGwei(next.gasPrice ?? next.maxFeePerGas)} gwei`,
    );
    return this.broadcast(record);
  }

  async markAnswered(record) {
    if (this.stopping.aborted || record.answered) return;
    record.answered = true;
    // Should this be lost, the next process answers once more, which Core refuses.
    await this.update(record, { ...record.stored, answered: true }).catch((error) => this.log('info', error.message));
  }

  async update(record, stored) {
    const key = PREFIX + stored.delivery.executionId;
    try {
      record.version = await this.service.keys.put(key, stored, { expectedVersion: record.version });
      record.stored = stored;
    } catch (error) {
      const found = await this.service.keys.get(key);
      if (found.version > 0) Object.assign(record, { stored: found.value, version: found.version });
      throw error;
    }
  }

  /** Forgets it, when Core has its result. */
  async drop(record) {
    if (!record.answered) return;
    const id = record.stored.delivery.executionId;
    await this.service.emitMany([], { changes: [remove(PREFIX + id)] });
    this.open.delete(id);
  }
}

function allowed(price, most) {
  if (price <= most) return price;
  throw new Error(`gas costs ${formatGwei(price)} gwei now, and MAX_FEE_GWEI allows ${formatGwei(most)}`);
}

module.exports = { Sender };
