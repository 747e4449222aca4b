'use strict';

const { PermanentError } = require('@mesg/sdk');
const {
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  formatUnits,
  hashMessage,
  hashTypedData,
  parseAbi,
  recoverAddress,
  toHex,
} = require('viem');

const { addressOf, amountOf, argumentsOf, checked, functionOf, hexOf, parsedAbi, wholeOf } = require('./abi');
const { isInsufficientFunds, kindOf, reasonOf, revertData } = require('./errors');
const { jsonOf } = require('./items');
const { receiptOf } = require('./receipt');
const { sleep } = require('./upkeep');

const ERC20 = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function approve(address spender, uint256 amount) returns (bool)',
  // ERC-6093
  'error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)',
  'error ERC20InvalidSender(address sender)',
  'error ERC20InvalidReceiver(address receiver)',
  'error ERC20InvalidApprover(address approver)',
  'error ERC20InvalidSpender(address spender)',
]);
const ERC1271 = parseAbi(['function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)']);
const ERC1271_YES = '0x1626ba7e';

/**
 * A failure of the node as a task's: for good where another attempt would meet it again, without the
 * node's address in any case.
 */
function taskError(node, error, abi) {
  if (error instanceof PermanentError) return error;
  const data = kindOf(error) === 'refused' ? revertData(error) : undefined;
  if (data !== undefined) return new PermanentError(node.scrub(`the contract reverts: ${reasonOf(data, abi)}`));
  if (isInsufficientFunds(error)) return new PermanentError(node.scrub(`insufficient funds: ${node.explain(error)}`));
  return new Error(node.explain(error));
}

function blockOf(block) {
  if (block == null) return 'latest';
  if (['latest', 'earliest', 'pending', 'safe', 'finalized'].includes(block)) return block;
  return toHex(wholeOf(block, 'block'));
}

/** What `call`, `send` and `estimate_gas` have in common: recipient, bytes, and the ABI they were made by. */
function callOf(inputs, { required }) {
  const to = addressOf(inputs.to, 'to');
  if (inputs.data != null) {
    if (inputs.abi != null) throw new PermanentError('give data, or abi and args, not both');
    return { to, data: hexOf(inputs.data, 'data') };
  }
  if (inputs.abi == null) {
    if (required)
      throw new PermanentError(
        'abi is missing: the function to call, such as "function totalSupply() view returns (uint256)"',
      );
    return { to };
  }
  const abi = parsedAbi(inputs.abi);
  const entry = functionOf(abi, inputs.function, inputs.args);
  const args = argumentsOf(entry.inputs, inputs.args ?? []);
  return { to, abi, entry, data: checked(() => encodeFunctionData({ abi: [entry], args })) };
}

function deploymentOf({ bytecode, abi, args }) {
  const hex = hexOf(
    typeof bytecode === 'string' && !bytecode.startsWith('0x') ? `0x${bytecode}` : bytecode,
    'bytecode',
  );
  const parsed = abi == null ? [] : parsedAbi(abi);
  const inputs = parsed.find((entry) => entry.type === 'constructor')?.inputs ?? [];
  const values = argumentsOf(inputs, args ?? []);
  return {
    abi: parsed,
    data: inputs.length > 0 ? checked(() => encodeDeployData({ abi: parsed, bytecode: hex, args: values })) : hex,
  };
}

class Tasks {
  constructor({ config, node, tokens, sender, signal }) {
    Object.assign(this, { config, node, tokens, sender, stopping: signal });
    this.request = node.request;
  }

  // ---- Reading ----

  async call(inputs) {
    const { to, abi, entry, data } = callOf(inputs, { required: inputs.data == null });
    const from = inputs.from == null ? {} : { from: addressOf(inputs.from, 'from') };
    const result = await this.ask('eth_call', [{ to, data, ...from }, blockOf(inputs.block)], abi);
    if (!entry) return { result };
    if (result === '0x' && entry.outputs.length > 0) {
      throw new PermanentError(`${to} answers nothing: it is no contract, or has no function ${entry.name}`);
    }
    return { result: jsonOf(checked(() => decodeFunctionResult({ abi: [entry], data: result }))) ?? null };
  }

  async estimateGas(inputs) {
    const { abi, ...call } = inputs.bytecode == null ? callOf(inputs, { required: false }) : deploymentOf(inputs);
    delete call.entry;
    const value = amountOf(inputs, 18) ?? 0n;
    const from = inputs.from == null ? this.sender.address : addressOf(inputs.from, 'from');
    const gas = await this.ask('eth_estimateGas', [{ ...call, ...(from ? { from } : {}), value: toHex(value) }], abi);
    const fees = await this.within(() => this.sender.fees());
    const price = fees.maxFeePerGas ?? fees.gasPrice;
    const fee = BigInt(gas) * price;
    return {
      gas: String(BigInt(gas)),
      max_fee_per_gas: String(price),
      max_fee: String(fee),
      formatted: formatUnits(fee, 18),
    };
  }

  async erc20Balance({ token, account }) {
    const owner = account == null ? this.own('account') : addressOf(account, 'account');
    return this.amount(token, 'balanceOf', [owner]);
  }

  async erc20Allowance({ token, owner, spender }) {
    const from = owner == null ? this.own('owner') : addressOf(owner, 'owner');
    return this.amount(token, 'allowance', [from, addressOf(spender, 'spender')]);
  }

  async amount(token, functionName, args) {
    const to = addressOf(token, 'token');
    const data = encodeFunctionData({ abi: ERC20, functionName, args });
    const result = await this.ask('eth_call', [{ to, data }, 'latest'], ERC20);
    if (result.length < 66) throw new PermanentError(`${to} is no ERC-20 token: it answers nothing to ${functionName}`);
    const amount = decodeFunctionResult({ abi: ERC20, functionName, data: result });
    const { decimals, symbol } = await this.within(() => this.tokens.get(to));
    return {
      amount: String(amount),
      formatted: decimals === null ? null : formatUnits(amount, decimals),
      decimals,
      symbol,
    };
  }

  async waitReceipt({ transaction_hash: given, confirmations }, { signal }) {
    const hash = hexOf(given, 'transaction_hash', 32);
    const wanted = this.confirmations(confirmations);
    while (!signal.aborted) {
      const receipt = await this.ask('eth_getTransactionReceipt', [hash]);
      const head = receipt ? Number(await this.ask('eth_blockNumber', [])) : 0;
      if (receipt && head - Number(receipt.blockNumber) + 1 >= wanted) return receiptOf(receipt);
      await sleep(this.config.poll, signal);
    }
    throw signal.reason;
  }

  // ---- Signing ----

  async signMessage({ message, hex }) {
    const signature = await this.account().signMessage({ message: messageOf(message, hex) });
    return { address: this.sender.address, signature };
  }

  async verifyMessage({ message, hex, signature, address }) {
    return this.verify(hashMessage(messageOf(message, hex)), signature, address);
  }

  async signTypedData(inputs) {
    const account = this.account();
    const typed = typedOf(inputs);
    checked(() => hashTypedData(typed));
    return { address: this.sender.address, signature: await account.signTypedData(typed) };
  }

  async verifyTypedData(inputs) {
    return this.verify(
      checked(() => hashTypedData(typedOf(inputs))),
      inputs.signature,
      inputs.address,
    );
  }

  /** By a key, or by a contract (ERC-1271). */
  async verify(hash, given, address) {
    const signature = hexOf(given, 'signature');
    const claimed = address == null ? undefined : addressOf(address, 'address');
    const signer = await recoverAddress({ hash, signature }).catch(() => null);
    if (claimed === undefined || signer === claimed) return { valid: signer !== null, signer };
    if ((await this.ask('eth_getCode', [claimed, 'latest'])) === '0x') return { valid: false, signer };
    const data = encodeFunctionData({ abi: ERC1271, args: [hash, signature] });
    const answer = await this.ask('eth_call', [{ to: claimed, data }, 'latest']).catch((error) => {
      if (error instanceof PermanentError) return '0x';
      throw error;
    });
    return { valid: answer.startsWith(ERC1271_YES), signer };
  }

  // ---- Sending ----

  async send(inputs, context) {
    const { entry: _, ...call } = callOf(inputs, { required: false });
    return this.pay(context, { ...call, value: amountOf(inputs, 18) ?? 0n }, inputs);
  }

  async deploy(inputs, context) {
    return this.pay(context, { ...deploymentOf(inputs), value: amountOf(inputs, 18) ?? 0n }, inputs);
  }

  async erc20Transfer(inputs, context) {
    return this.sendErc20('transfer', inputs, inputs.to, 'to', context);
  }

  async erc20Approve(inputs, context) {
    return this.sendErc20('approve', inputs, inputs.spender, 'spender', context);
  }

  async sendErc20(functionName, inputs, whom, what, context) {
    const token = addressOf(inputs.token, 'token');
    const account = addressOf(whom, what);
    const decimals = inputs.formatted == null ? 0 : (await this.within(() => this.tokens.get(token))).decimals;
    const amount = amountOf(inputs, decimals);
    if (amount === undefined) throw new PermanentError('amount is missing: give amount or formatted');
    if ((await this.ask('eth_getCode', [token, 'latest'])) === '0x')
      throw new PermanentError(`token ${token} is no contract`);
    const data = encodeFunctionData({ abi: ERC20, functionName, args: [account, amount] });
    return this.pay(context, { to: token, abi: ERC20, data, value: 0n, erc20: true }, inputs);
  }

  async pay(context, call, { confirmations, gas }) {
    this.account();
    const wanted = this.confirmations(confirmations);
    const limit = gas == null ? undefined : wholeOf(gas, 'gas');
    const receipt = await this.sender.send(context, { ...call, gas: limit }, wanted, (error) =>
      taskError(this.node, error, call.abi),
    );
    return receiptOf(receipt);
  }

  async sent({ execution_id: id }) {
    return this.sender.find(id);
  }

  // ---- Common ----

  confirmations(given) {
    if (given == null) return this.config.confirmations;
    const number = Number(wholeOf(given, 'confirmations'));
    if (number < 1 || number > 10_000) throw new PermanentError(`confirmations must be from 1 to 10000, got ${number}`);
    return number;
  }

  account() {
    if (!this.sender.account) throw new PermanentError('this service has no key to sign with: set PRIVATE_KEY');
    return this.sender.account;
  }

  own(what) {
    if (!this.sender.account)
      throw new PermanentError(`${what} is missing, and the service has no PRIVATE_KEY whose account it could mean`);
    return this.sender.address;
  }

  ask(method, params, abi) {
    return this.within(() => this.request(method, params), abi);
  }

  /** Does `work` on the right chain, with its errors as a task's. */
  async within(work, abi) {
    try {
      await this.node.check();
      return await work();
    } catch (error) {
      throw taskError(this.node, error, abi);
    }
  }
}

function messageOf(message, hex) {
  if ((message == null) === (hex == null)) throw new PermanentError('give message (text) or hex (bytes)');
  return hex == null ? message : { raw: hexOf(hex, 'hex') };
}

function typedOf({ domain = {}, types, primary_type: primaryType, message }) {
  return { domain, types, primaryType, message };
}

function addTasks(service, parts) {
  const tasks = new Tasks(parts);
  const all = {
    call: 'call',
    send: 'send',
    deploy: 'deploy',
    estimate_gas: 'estimateGas',
    erc20_balance: 'erc20Balance',
    erc20_transfer: 'erc20Transfer',
    erc20_approve: 'erc20Approve',
    erc20_allowance: 'erc20Allowance',
    sign_message: 'signMessage',
    verify_message: 'verifyMessage',
    sign_typed_data: 'signTypedData',
    verify_typed_data: 'verifyTypedData',
    wait_receipt: 'waitReceipt',
    sent: 'sent',
  };
  for (const [key, method] of Object.entries(all))
    service.task(key, (inputs, context) => tasks[method](inputs, context));
  return tasks;
}

module.exports = { addTasks };
