'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { encodeFunctionData, padHex, toEventSelector } = require('viem');
const { privateKeyToAccount } = require('viem/accounts');

const { CHAIN_ID, KEY, token, until, World } = require('./support');

const ROUNDS = 200;
const CONFIRMATIONS = 6;
const PAYMENTS = 40;
const SEED = Number(process.env.SEED ?? Date.now() % 100_000);

function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Does what a person does with an unknown outcome: where the service has nothing of it, the payment was
 * lost on its way there and is retried; otherwise its result will come. Returns the execution to wait for.
 */
async function resolved(world, id) {
  const { stored } = await world.execute('sent', { execution_id: id });
  if (stored || (await world.app.get(id)).state !== 'OUTCOME_UNKNOWN') return id;
  const { stdout, stderr, status } = world.mesg('dead-letter', 'retry', id, '--json');
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout).retried[0].new_id;
}

// More than 5,000 transfers in 200 blocks, reorganisations of up to 12 blocks, which is twice as deep as
// what is confirmed, and the service and Core killed in the midst of it: what was confirmed and not reverted
// is what the chain holds in the end, and each payment is in it once.
test(`transfers and payments through reorganisations and kills, seed ${SEED}`, { timeout: 250_000 }, async () => {
  const random = randomOf(SEED);
  const world = new World();
  const { anvil } = world;
  const me = privateKeyToAccount(KEY).address;
  try {
    await anvil.start();
    await world.startCore();
    const contract = await anvil.deploy(token(), [10n ** 12n]);
    await world.startService({
      PRIVATE_KEY: KEY,
      CONFIRMATIONS: String(CONFIRMATIONS),
      START: '0',
      ERC20: contract.address,
    });

    let transfers = 0;
    const scatter = (count) => {
      const data = encodeFunctionData({
        abi: contract.abi,
        functionName: 'scatter',
        args: [anvil.accounts[9], BigInt(transfers), BigInt(count)],
      });
      transfers += count;
      return { to: contract.address, data };
    };
    const payee = (i) => padHex(`0x${(0xbeef000 + i).toString(16)}`, { size: 20 });
    const payments = [];
    let kills = 0;
    let paid = await anvil.request('eth_getTransactionCount', me, 'pending');
    let reorgs = 0;
    for (let round = 0; round < ROUNDS; ++round) {
      for (let i = 0; i < 5; ++i) await anvil.send(scatter(5), anvil.accounts[1 + i]);
      await anvil.mine();
      if (round % (ROUNDS / PAYMENTS) === 0) {
        payments.push(
          world.app.create(
            'ethereum',
            'send',
            { to: payee(payments.length), amount: '1' },
            { idempotencyKey: `payment ${payments.length}` },
          ),
        );
      }
      if (random(12) === 0) {
        reorgs += 1;
        // Never the block with the contract. Most of them change what has been told.
        if (random(5) > 0) {
          await until(async () => {
            const behind = (await anvil.head()) - world.newest()?.block_number;
            return behind === 0 || behind === CONFIRMATIONS - 1;
          }, 'the head to be told');
        }
        const depth = Math.min(1 + random(12), (await anvil.head()) - 1);
        // Some of the new blocks have transfers, too.
        const others = Array.from({ length: depth }, (_, block) => [
          { from: anvil.accounts[7], gas: '0x100000', ...scatter(3) },
          block,
        ]);
        await anvil.reorg(
          depth,
          others.filter(() => random(2) === 0),
        );
      }
      if (round % 20 === 10) {
        // It has to be at work to be disturbed.
        await until(async () => (await anvil.request('eth_getTransactionCount', me, 'pending')) !== paid, 'a payment');
        paid = await anvil.request('eth_getTransactionCount', me, 'pending');
        kills += 1;
        if (random(2) > 0) {
          await world.killService();
        } else {
          await world.killCore();
          await world.startCore();
        }
      }
    }
    assert.ok(transfers >= 5000 && reorgs > 5 && kills === 10, `${transfers} transfers, ${reorgs} reorganisations`);

    // The end of the storm: the chain goes on until all payments are deep enough.
    const ids = await Promise.all(payments);
    let states = [];
    await until(
      async () => {
        await anvil.mine();
        states = await Promise.all(ids.map(async (id) => (await world.app.get(id)).state));
        for (const [i, state] of states.entries())
          if (state === 'OUTCOME_UNKNOWN') ids[i] = await resolved(world, ids[i]);
        return states.every((state) => state === 'COMPLETED');
      },
      () => `all payments, which are ${states}`,
      120_000,
    );
    await anvil.mine(CONFIRMATIONS);
    const last = await anvil.head();
    const logs = await anvil.request('eth_getLogs', {
      fromBlock: '0x0',
      toBlock: `0x${(last - CONFIRMATIONS + 1).toString(16)}`,
      address: contract.address,
      topics: [toEventSelector('Transfer(address,address,uint256)')],
    });
    const final = logs
      .map((log) => [CHAIN_ID, log.blockHash, log.transactionHash, Number(log.logIndex)].join(':'))
      .sort();
    const now = () => {
      const net = new Map();
      for (const { data } of world.events('transfer')) {
        if (data.status === 'confirmed') net.set(data.id, (net.get(data.id) ?? 0) + 1);
        if (data.status === 'reverted' && data.was === 'confirmed') net.set(data.id, (net.get(data.id) ?? 0) - 1);
      }
      return [...net].filter(([, count]) => count !== 0);
    };
    await until(() => now().length >= final.length, 'the last block to be confirmed').catch(() => {});
    const told = now();
    assert.deepEqual(
      told.filter(([, count]) => count !== 1),
      [],
    );
    assert.deepEqual(told.map(([id]) => id).sort(), final);
    const reverted = world.events('transfer').filter(({ data }) => data.status === 'reverted');
    assert.ok(
      reverted.some(({ data }) => data.was === 'pending') && reverted.some(({ data }) => data.was === 'confirmed'),
    );

    for (let i = 0; i < PAYMENTS; ++i) {
      assert.equal(BigInt(await anvil.request('eth_getBalance', payee(i), 'latest')), 1n, `payment ${i}`);
    }
    assert.equal(Number(await anvil.request('eth_getTransactionCount', me, 'latest')), PAYMENTS);
  } catch (error) {
    console.log(world.log().slice(-5000));
    throw error;
  } finally {
    await world.close();
  }
});
