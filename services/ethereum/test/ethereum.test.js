'use strict';

const assert = require('node:assert/strict');
const { afterEach, beforeEach, test } = require('node:test');
const { getAddress, parseEther } = require('viem');
const { privateKeyToAccount } = require('viem/accounts');

const { KEY, token, until, World } = require('./support');

const ME = privateKeyToAccount(KEY).address;
const OTHER = getAddress('0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc');
/** Anvil's fourth account. */
const KEY3 = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6';

let world;
let anvil;

beforeEach(async () => {
  world = new World();
  anvil = world.anvil;
  await anvil.start();
  await world.startCore();
});
afterEach(async (context) => {
  if (context.passed === false) console.log(world.log());
  await world.close();
});

/** Waits until there are `count` events of `key`, and returns what they tell. */
const told = (key, count) =>
  until(() => {
    const all = world.events(key);
    return all.length >= count && all.map(({ data }) => data);
  }, `${count} events ${key}`);

/** Mines on until `promise` settles, as a chain does; resolves with it. */
async function mining(promise) {
  let going = true;
  const settled = promise.finally(() => (going = false));
  settled.catch(() => {});
  for (; going; await new Promise((resolve) => setTimeout(resolve, 30))) await anvil.mine();
  return settled;
}

const pool = () => anvil.request('txpool_status').then(({ pending, queued }) => Number(pending) + Number(queued));

test('blocks, transactions and native transfers are told through confirmation and reorganisation', async () => {
  await world.startService({ CONFIRMATIONS: '3', BLOCKS: 'true', ADDRESSES: OTHER, START: '1' });
  const hash = await anvil.send({ to: OTHER, value: '0x14d1120d7b160000' });
  await anvil.send({ to: anvil.accounts[5], value: '0x1' });
  await anvil.mine();
  const [pending] = await told('transfer', 1);
  const block = await anvil.request('eth_getBlockByNumber', '0x1', false);
  assert.deepEqual(pending, {
    id: `31337:${block.hash}:${hash}:value`,
    status: 'pending',
    chain_id: 31337,
    block_number: 1,
    block_hash: block.hash,
    block_time: new Date(Number(block.timestamp) * 1000).toISOString(),
    transaction_hash: hash,
    log_index: null,
    token: null,
    symbol: null,
    decimals: 18,
    from: getAddress(anvil.accounts[1]),
    to: OTHER,
    amount: '1500000000000000000',
    formatted: '1.5',
  });
  const [transaction] = await told('transaction', 1);
  assert.equal(transaction.succeeded, true);
  assert.equal(transaction.amount, pending.amount);
  assert.equal(transaction.input, '0x');

  await anvil.mine(2);
  assert.equal((await told('transfer', 2))[1].status, 'confirmed');
  await anvil.reorg(3);
  await anvil.mine();
  const reverted = (await told('transfer', 3))[2];
  assert.deepEqual([reverted.id, reverted.status, reverted.was], [pending.id, 'reverted', 'confirmed']);
  const blocks = await told('block', 9);
  const of = (status) => blocks.filter((one) => one.status === status).map((one) => one.block_number);
  assert.deepEqual(of('pending'), [1, 2, 3, 1, 2, 3, 4].slice(0, of('pending').length));
  assert.deepEqual(of('reverted'), [3, 2, 1]);
});

test('logs are decoded by their ABI, and ERC-20 transfers have symbol and decimals', async () => {
  const contract = await anvil.deploy(token(), [10n ** 12n]);
  await world.startService({
    CONFIRMATIONS: '1',
    START: '0',
    ERC20: contract.address,
    CONTRACTS: JSON.stringify([
      {
        name: 'notes',
        address: contract.address.toLowerCase(),
        abi: token().abi.filter((one) => one.name === 'Noted'),
      },
    ]),
  });
  const note = { number: 2n ** 200n, text: 'Grüße', readers: [OTHER] };
  await anvil.invoke(contract, 'note', ['topic', note, [-5n, 7n]]);
  await anvil.invoke(contract, 'transfer', [OTHER, 1_500_000n]);
  await anvil.mine();
  const [noted] = await told('log', 1);
  assert.equal(noted.contract, 'notes');
  assert.equal(noted.signature, 'Noted(string,(uint256,string,address[]),int64[2],bytes4)');
  assert.deepEqual(
    { ...noted.args, topic: noted.args.topic.length },
    {
      topic: 66,
      note: { number: String(2n ** 200n), text: 'Grüße', readers: [OTHER] },
      pair: ['-5', '7'],
      tag: '0xdeadbeef',
    },
  );
  const [minted, paid] = await told('transfer', 2);
  assert.equal(minted.from, '0x0000000000000000000000000000000000000000');
  assert.deepEqual(
    [paid.token, paid.symbol, paid.decimals, paid.amount, paid.formatted, paid.to, paid.status],
    [contract.address, 'TUSD', 6, '1500000', '1.5', OTHER, 'confirmed'],
  );
});

test('with ADDRESSES only transfers from or to them are told, of any token', async () => {
  const contract = await anvil.deploy(token(), [1000n]);
  await world.startService({ CONFIRMATIONS: '1', START: '2', ERC20: 'all', ADDRESSES: OTHER });
  await anvil.invoke(contract, 'transfer', [anvil.accounts[7], 1n]);
  await anvil.invoke(contract, 'transfer', [OTHER, 2n]);
  await anvil.invoke(contract, 'transfer', [anvil.accounts[2], 3n]);
  await anvil.mine();
  await anvil.invoke(contract, 'transfer', [anvil.accounts[7], 1n], anvil.accounts[2]);
  await anvil.mine();
  const erc20 = await until(() => {
    const all = world.events('transfer').filter(({ data }) => data.token);
    return all.length >= 3 && all;
  }, 'three transfers');
  assert.deepEqual(
    erc20.map(({ data }) => data.amount),
    ['2', '3', '1'],
  );
});

// The three that can go away do, one after the other, while the chain goes on.
test('nothing is lost or doubled when service, Core and node are killed, over a socket too', async () => {
  const contract = await anvil.deploy(token(), [10n ** 9n]);
  await world.startService({
    CONFIRMATIONS: '2',
    START: '2',
    ERC20: contract.address,
    RPC_URL: anvil.url.replace('http', 'ws'),
  });
  let sent = 0;
  const pay = async (count) => {
    for (let i = 0; i < count; ++i, ++sent) {
      await anvil.invoke(contract, 'transfer', [OTHER, BigInt(sent + 1)]);
      await anvil.mine();
    }
  };
  await pay(3);
  await told('transfer', 3);
  await world.killService();
  await pay(20);
  await world.killCore();
  await pay(20);
  await world.startCore();
  const confirmed = () =>
    world
      .events('transfer')
      .filter(({ data }) => data.status === 'confirmed')
      .map(({ data }) => Number(data.amount));
  await until(() => confirmed().length >= sent - 1, 'what was missed');
  await anvil.stop();
  const problem = await until(() => world.service().problem, 'the problem');
  assert.match(problem, /^the node at 127\.0\.0\.1:\d+ cannot be reached: .*; it is tried again \(since .*Z\)$/);
  await anvil.start();
  await pay(5);
  await anvil.mine();
  await until(() => confirmed().length >= sent, 'all of them');
  await until(() => world.service().problem === '', 'health');
  assert.deepEqual(
    confirmed(),
    Array.from({ length: sent }, (_, i) => i + 1),
  );
});

test('a node of another chain is not read, and every task says why', async () => {
  await world.startService({ CHAIN_ID: '1', BLOCKS: 'true', START: '0', PRIVATE_KEY: KEY });
  await anvil.mine(3);
  const problem = await until(() => world.service().problem, 'the problem');
  assert.match(
    problem,
    /^the node at 127\.0\.0\.1:\d+ is of chain 31337, but CHAIN_ID is 1: correct CHAIN_ID or RPC_URL/,
  );
  assert.equal(world.events().length, 0);
  for (const [task, inputs] of [
    ['call', { to: OTHER, data: '0x' }],
    ['send', { to: OTHER, amount: '1' }],
  ]) {
    const refused = world.app.execute('ethereum', task, inputs, { retry: { attempts: 1 } });
    await assert.rejects(refused, /is of chain 31337, but CHAIN_ID is 1/);
  }
});

test('contracts are called, and refusals say why', async () => {
  const contract = await anvil.deploy(token(), [10n ** 12n], anvil.accounts[0]);
  await world.startService({ PRIVATE_KEY: KEY });
  const to = contract.address;
  const { abi } = token();
  assert.deepEqual(await world.execute('call', { to, abi: 'function totalSupply() view returns (uint256)' }), {
    result: '1000000000000',
  });
  const given = { number: '7', text: 'a', readers: [OTHER] };
  assert.deepEqual(await world.execute('call', { to, abi, function: 'echo', args: { given, number: '-4' } }), {
    result: [given, '-8'],
  });
  const refused = (inputs, message) =>
    assert.rejects(world.execute('call', { to, abi, ...inputs }), (error) => {
      assert.equal(error.state, 'FAILED');
      assert.match(error.error, message);
      return true;
    });
  await refused({ function: 'refuse', args: [true] }, /^.*$/).then(
    () => assert.fail('it does not revert'),
    () => {},
  );
  await refused({ function: 'refuse', args: [false] }, /^the contract reverts: as it was asked to$/);
  await refused({ function: 'transfer', args: [OTHER, '1'] }, /^the contract reverts: Short\(0, 1\)$/);
  await refused(
    { function: 'nothing' },
    /^function "nothing" is not in the ABI: it has allowance\(address,address\), /,
  );
  await refused(
    { function: 'balanceOf', args: [OTHER.replace('3C', '3c')] },
    /^args\[0\]: the checksum of the address .* is wrong/,
  );
  await refused(
    { function: 'balanceOf', args: ['0x12'] },
    /^args\[0\] must be an address, "0x" and 40 hex digits, got "0x12"$/,
  );
  await refused(
    { function: 'transfer', args: [OTHER, 1.5] },
    /^args\[1\] must be a whole number as decimal text, got 1.5$/,
  );
  await refused(
    { function: 'transfer', args: [OTHER] },
    /^args must be a list of 2 \(address to, uint256 value\), got \["0x/,
  );
  await refused(
    { to: OTHER, function: 'decimals' },
    /answers nothing: it is no contract, or has no function decimals$/,
  );
  await refused(
    { function: 'note', args: ['a', { number: '-1', text: '', readers: [] }, ['0', '0']] },
    /^args\[1\]\.number must be from 0 to \d+, got -1$/,
  );

  assert.deepEqual(await world.execute('erc20_balance', { token: to }), {
    amount: '1000000000000',
    formatted: '1000000',
    decimals: 6,
    symbol: 'TUSD',
  });
  const estimate = await world.execute('estimate_gas', { to, abi, function: 'transfer', args: [OTHER, '5'] });
  assert.ok(
    Number(estimate.gas) > 21000 &&
      BigInt(estimate.max_fee) === BigInt(estimate.gas) * BigInt(estimate.max_fee_per_gas),
  );
  assert.ok(
    Number((await world.execute('estimate_gas', { bytecode: token().bytecode, abi, args: ['1'] })).gas) > 100000,
  );
});

test('messages and typed data are signed and verified', async () => {
  await world.startService({ PRIVATE_KEY: KEY.slice(2) });
  const signed = await world.execute('sign_message', { message: 'I agree' });
  assert.deepEqual(signed, {
    address: ME,
    signature: await privateKeyToAccount(KEY).signMessage({ message: 'I agree' }),
  });
  assert.deepEqual(
    await world.execute('verify_message', {
      message: 'I agree',
      signature: signed.signature,
      address: ME.toLowerCase(),
    }),
    { valid: true, signer: ME },
  );
  assert.equal(
    (await world.execute('verify_message', { message: 'I do not', signature: signed.signature, address: ME })).valid,
    false,
  );
  const typed = {
    domain: { name: 'Shop', version: '1', chainId: 31337, verifyingContract: OTHER },
    types: {
      Order: [
        { name: 'item', type: 'string' },
        { name: 'price', type: 'uint256' },
      ],
    },
    primary_type: 'Order',
    message: { item: 'book', price: '115792089237316195423570985008687907853269984665640564039457584007913129639935' },
  };
  const order = await world.execute('sign_typed_data', typed);
  const { primary_type: primaryType, ...rest } = typed;
  assert.equal(order.signature, await privateKeyToAccount(KEY).signTypedData({ ...rest, primaryType }));
  assert.equal((await world.execute('verify_typed_data', { ...typed, ...order })).valid, true);
  const changed = { ...typed, message: { ...typed.message, price: '1' } };
  assert.equal((await world.execute('verify_typed_data', { ...changed, ...order })).valid, false);
});

test('a contract is deployed, tokens are paid and approved, and a receipt is waited for', async () => {
  await world.startService({ PRIVATE_KEY: KEY, CONFIRMATIONS: '2' });
  const { abi, bytecode } = token();
  const deployed = await mining(world.execute('deploy', { bytecode, abi, args: ['5000000'] }));
  const [paid, approved, sent] = await mining(
    Promise.all([
      world.execute('erc20_transfer', { token: deployed.contract, to: OTHER, formatted: '1.25' }),
      world.execute('erc20_approve', { token: deployed.contract, spender: OTHER, amount: '7' }),
      world.execute('send', { to: deployed.contract, abi, function: 'transfer', args: [OTHER, '1'], confirmations: 1 }),
    ]),
  );
  assert.ok(paid.succeeded && approved.succeeded && sent.succeeded);
  assert.equal((await world.execute('erc20_balance', { token: deployed.contract, account: OTHER })).amount, '1250001');
  assert.equal((await world.execute('erc20_allowance', { token: deployed.contract, spender: OTHER })).amount, '7');
  const hash = await anvil.send({ to: OTHER, value: '0x1' });
  const receipt = await mining(world.execute('wait_receipt', { transaction_hash: hash, confirmations: 3 }));
  assert.equal(receipt.transaction_hash, hash);
  assert.ok((await anvil.head()) >= receipt.block_number + 2);
});

test('what cannot be sent fails before anything is sent, and what reverts on chain says why', async () => {
  const contract = await anvil.deploy(token(), [100n], anvil.accounts[3]);
  await world.startService({ PRIVATE_KEY: KEY3, CONFIRMATIONS: '1' });
  const refused = (task, inputs, message) =>
    assert.rejects(mining(world.execute(task, inputs)), (error) => {
      assert.match(error.error ?? error.message, message);
      return true;
    });
  await refused('send', { to: OTHER, formatted: '1000000' }, /insufficient funds/i);
  await refused(
    'erc20_transfer',
    { token: contract.address, to: OTHER, amount: '101' },
    /^the contract reverts: an error that its ABI does not name: 0x994fecf5/,
  );
  await refused(
    'send',
    { to: contract.address, abi: token().abi, function: 'transfer', args: [OTHER, '101'] },
    /^the contract reverts: Short\(100, 101\)$/,
  );
  await refused(
    'erc20_transfer',
    { token: contract.address, to: OTHER },
    /^amount is missing: give amount or formatted$/,
  );
  await refused('erc20_transfer', { token: OTHER, to: OTHER, amount: '1' }, /^token 0x\w+ is no contract$/);
  await refused(
    'erc20_transfer',
    { token: contract.address, to: OTHER, formatted: '0.0000001' },
    /has 7 decimals, but there are 6/,
  );
  assert.equal(Number(await anvil.request('eth_getTransactionCount', anvil.accounts[3], 'pending')), 1);
  await refused(
    'send',
    { to: contract.address, abi: token().abi, function: 'transfer', args: [OTHER, '101'], gas: '100000' },
    /^transaction 0x\w{64} was mined in block \d+, but reverted: Short\(100, 101\)$/,
  );
  assert.equal(Number(await anvil.request('eth_getTransactionCount', anvil.accounts[3], 'latest')), 2);
});

// The transaction is stored before it is broadcast: the next process finds it, and its answer is the late
// result of an execution whose outcome Core did not know.
test('a payment whose process was killed is paid once, and its execution gets the result', async () => {
  await world.startService({ PRIVATE_KEY: KEY, CONFIRMATIONS: '2' });
  const paid = world.execute('send', { to: OTHER, amount: '1', confirmations: 2 });
  paid.catch(() => {});
  const id = await world.app.create('ethereum', 'send', { to: OTHER, amount: '2' });
  await until(async () => (await pool()) === 2, 'both transactions');
  await world.killService();
  await until(async () => (await world.app.get(id)).state === 'OUTCOME_UNKNOWN', 'the unknown outcome');
  await until(() => world.service().workers > 0, 'the service');
  await mining(until(async () => (await world.app.get(id)).state === 'COMPLETED', 'the late result'));
  assert.equal(Number(await anvil.request('eth_getTransactionCount', ME, 'latest')), 2);
  const before = parseEther('10000');
  assert.equal(BigInt(await anvil.request('eth_getBalance', OTHER, 'latest')), before + 3n);
});

test('a payment that a reorganisation or a forgetful node drops is broadcast again, the same one', async () => {
  await world.startService({ PRIVATE_KEY: KEY, CONFIRMATIONS: '4' });
  const early = await mining(world.execute('send', { to: OTHER, amount: '1', confirmations: 1 }));
  const { hash } = await anvil.request('eth_getBlockByNumber', `0x${early.block_number.toString(16)}`, false);
  const depth = (await anvil.head()) - early.block_number + 1;
  await anvil.reorg(depth);
  await anvil.request('anvil_dropAllTransactions');
  await until(async () => (await pool()) === 1, 'the transaction to be back');
  await anvil.mine(6);
  const receipt = await anvil.request('eth_getTransactionReceipt', early.transaction_hash);
  assert.notEqual(receipt.blockHash, hash);
  assert.equal(Number(await anvil.request('eth_getTransactionCount', ME, 'latest')), 1);
});

test('a stuck transaction is replaced with a higher fee under the same nonce, within the limits', async () => {
  await world.startService({ PRIVATE_KEY: KEY, CONFIRMATIONS: '1', REPLACE_AFTER: '300ms', MAX_FEE_GWEI: '40' });
  await anvil.request('anvil_setNextBlockBaseFeePerGas', '0x3b9aca00');
  await anvil.mine();
  const paying = world.execute('send', { to: OTHER, amount: '5' });
  paying.catch(() => {});
  const first = await until(async () => (await pool()) === 1 && content(), 'the first one');
  const second = await until(async () => {
    const now = await content();
    return now && now.hash !== first.hash && now;
  }, 'the replacement');
  assert.equal(second.nonce, first.nonce);
  assert.ok(BigInt(second.maxFeePerGas) * 10n >= BigInt(first.maxFeePerGas) * 11n);
  await until(
    () => /is stuck at [\d.]+ gwei, and offering more would exceed MAX_FEE_GWEI/.test(world.service().problem),
    'the limit',
  );
  const receipt = await mining(paying);
  assert.equal(receipt.succeeded, true);
  assert.equal(BigInt(await anvil.request('eth_getBalance', OTHER, 'latest')), parseEther('10000') + 5n);
  await until(() => world.service().problem === '', 'health');
});

/** The one transaction of ME that waits in the node. */
async function content() {
  const { pending, queued } = await anvil.request('txpool_content');
  const mine = Object.entries({ ...queued, ...pending }).find(([account]) => getAddress(account) === ME)?.[1];
  return mine && Object.values(mine)[0];
}

test('neither the key nor the address of the node is ever shown', async () => {
  await world.startService({
    PRIVATE_KEY: KEY,
    RPC_URL: `http://user:verysecret@127.0.0.1:${anvil.port}/v3/0123456789abcdef?token=hiddenword`,
  });
  await anvil.stop();
  await until(() => world.service().problem, 'the problem');
  const refused = world.app.execute('ethereum', 'call', { to: OTHER, data: '0x' }, { retry: { attempts: 1 } });
  const failed = await refused.then(
    () => assert.fail('it was performed'),
    (error) => error.message,
  );
  const shown = JSON.stringify([world.service(), world.log(), failed]);
  assert.match(shown, /cannot be reached/);
  for (const secret of ['verysecret', '0123456789abcdef', 'hiddenword', KEY.slice(2)])
    assert.ok(!shown.includes(secret), secret);
});
