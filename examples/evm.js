// What the examples do on a chain of their own, as a person with a wallet would: compiles and deploys a
// contract, sends transactions from the accounts of anvil, asks.
//
//   node evm.js PACKAGES RPC_URL deploy FILE.sol NAME [ARG...]       prints the address
//   node evm.js PACKAGES RPC_URL send FROM TO SIGNATURE [ARG...] [--value WEI]   prints the hash
//   node evm.js PACKAGES RPC_URL call TO SIGNATURE [ARG...]          prints the result
//   node evm.js PACKAGES RPC_URL rpc METHOD [JSON...]                prints the answer
//   node evm.js PACKAGES RPC_URL account N                           prints anvil's N-th address
//
// FROM is the number of an account of anvil. PACKAGES is the folder whose node_modules hold viem and solc.
const { createRequire } = require('node:module');
const fs = require('node:fs');
const path = require('node:path');

const [packages, url, command, ...rest] = process.argv.slice(2);
const from = createRequire(path.join(path.resolve(packages), 'package.json'));
const { createPublicClient, createWalletClient, encodeDeployData, http, parseAbi } = from('viem');
const transport = http(url);
const reader = createPublicClient({ transport, pollingInterval: 50 });
const wallet = createWalletClient({ transport });

async function account(number) {
  return (await wallet.getAddresses())[Number(number)];
}

function compile(file, name) {
  const solc = from('solc');
  const sources = { [file]: { content: fs.readFileSync(file, 'utf8') } };
  const settings = { outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } };
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources, settings })));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
  const { abi, evm } = output.contracts[file][name];
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}

async function mined(hash) {
  const receipt = await reader.waitForTransactionReceipt({ hash });
  if (receipt.status !== 'success') throw new Error(`transaction ${hash} was reverted`);
  return receipt;
}

const commands = {
  async deploy(file, name, ...args) {
    const data = encodeDeployData({ ...compile(file, name), args });
    const hash = await wallet.sendTransaction({ account: await account(0), data, chain: null });
    return (await mined(hash)).contractAddress;
  },
  async send(number, to, signature, ...args) {
    const at = args.indexOf('--value');
    const value = at < 0 ? 0n : BigInt(args.splice(at, 2)[1]);
    const abi = parseAbi([signature]);
    const { name } = abi[0];
    const sender = await account(number);
    const hash = await wallet.writeContract({
      account: sender, address: to, abi, functionName: name, args, value, chain: null,
    });
    return (await mined(hash)).transactionHash;
  },
  async call(to, signature, ...args) {
    const abi = parseAbi([signature]);
    return reader.readContract({ address: to, abi, functionName: abi[0].name, args });
  },
  async rpc(method, ...params) {
    return reader.request({ method, params: params.map((each) => JSON.parse(each)) });
  },
  account,
};

commands[command](...rest).then(
  (result) => console.log(typeof result === 'object' ? JSON.stringify(result) : String(result)),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
