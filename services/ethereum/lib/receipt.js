'use strict';

const { getAddress } = require('viem');

const checked = (address) => (address ? getAddress(address) : null);

/** A node's receipt as the tasks that send or wait answer it. */
function receiptOf(receipt) {
  const gas = BigInt(receipt.gasUsed);
  return {
    transaction_hash: receipt.transactionHash,
    block_number: Number(receipt.blockNumber),
    block_hash: receipt.blockHash,
    from: checked(receipt.from),
    to: checked(receipt.to),
    contract: checked(receipt.contractAddress),
    succeeded: receipt.status !== '0x0',
    gas_used: String(gas),
    fee: String(gas * BigInt(receipt.effectiveGasPrice ?? '0x0')),
  };
}

module.exports = { receiptOf };
