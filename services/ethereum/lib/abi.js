'use strict';

const { PermanentError } = require('@mesg/sdk');
const { isHex, toFunctionSignature } = require('viem');

const { abiOf, address } = require('./config');

/** What throws here would throw at every other attempt too. */
function checked(work) {
  try {
    return work();
  } catch (error) {
    throw error instanceof PermanentError ? error : new PermanentError(error.shortMessage ?? error.message);
  }
}

const addressOf = (text, what) => checked(() => address(text, what));

/** A whole number that is not negative, as text or as a JSON number that is exact. */
function wholeOf(value, what) {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^\d{1,78}$/.test(text)) {
    throw new PermanentError(`${what} must be a whole number as decimal text, got ${JSON.stringify(value)}`);
  }
  return BigInt(text);
}

function hexOf(value, what, bytes) {
  if (
    typeof value !== 'string' ||
    !isHex(value) ||
    value.length % 2 !== 0 ||
    (bytes && value.length !== 2 + 2 * bytes)
  ) {
    throw new PermanentError(
      `${what} must be "0x" and ${bytes ? 2 * bytes : 'an even number of'} hex digits, got ${JSON.stringify(value)?.slice(0, 100)}`,
    );
  }
  return value;
}

/**
 * An amount: `amount` in the smallest unit, or `formatted` with a decimal point. Undefined when neither is
 * given.
 */
function amountOf({ amount, formatted }, decimals) {
  if (amount != null && formatted != null) throw new PermanentError('give amount or formatted, not both');
  if (amount != null) return wholeOf(amount, 'amount');
  if (formatted == null) return undefined;
  const match = /^(\d{1,60})(?:\.(\d+))?$/.exec(String(formatted));
  if (!match) throw new PermanentError(`formatted must be a decimal number as text, got ${JSON.stringify(formatted)}`);
  if (decimals === null) throw new PermanentError('the token does not say how many decimals it has: give amount');
  const fraction = match[2] ?? '';
  if (fraction.length > decimals) {
    throw new PermanentError(`formatted has ${fraction.length} decimals, but there are ${decimals}: ${formatted}`);
  }
  return BigInt(match[1] + fraction.padEnd(decimals, '0'));
}

/** A JSON value as the ABI's type wants it. `where` names it in errors. */
function toAbi(param, value, where) {
  const array = /^(.*)\[(\d*)\]$/.exec(param.type);
  if (array) {
    if (!Array.isArray(value) || (array[2] && value.length !== Number(array[2]))) {
      throw new PermanentError(
        `${where} must be a list${array[2] ? ` of ${array[2]}` : ''} (${param.type}), got ${JSON.stringify(value)}`,
      );
    }
    return value.map((item, i) => toAbi({ ...param, type: array[1] }, item, `${where}[${i}]`));
  }
  if (param.type === 'tuple') return toTuple(param.components, value, where);
  const integer = /^(u?)int(\d*)$/.exec(param.type);
  if (integer) return toInteger(integer[1] === 'u', Number(integer[2] || 256), value, where);
  const bytes = /^bytes(\d*)$/.exec(param.type);
  if (bytes) return hexOf(value, where, Number(bytes[1] || 0));
  if (param.type === 'address') return addressOf(value, where);
  const type = param.type === 'bool' ? 'boolean' : 'string';
  if (typeof value !== type)
    throw new PermanentError(`${where} must be a ${type} (${param.type}), got ${JSON.stringify(value)}`);
  return value;
}

function toTuple(components, value, where) {
  const list = Array.isArray(value);
  if (typeof value !== 'object' || value === null || (list && value.length !== components.length)) {
    throw new PermanentError(
      `${where} must have ${components.map((one) => one.name || one.type).join(', ')}, got ${JSON.stringify(value)}`,
    );
  }
  const parts = components.map((one, i) => [
    one.name,
    toAbi(one, list ? value[i] : value[one.name], `${where}.${one.name || i}`),
  ]);
  return components.every((one) => one.name) ? Object.fromEntries(parts) : parts.map(([, part]) => part);
}

function toInteger(unsigned, bits, value, where) {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,78}$/.test(text)) {
    throw new PermanentError(`${where} must be a whole number as decimal text, got ${JSON.stringify(value)}`);
  }
  const number = BigInt(text);
  const least = unsigned ? 0n : -(1n << BigInt(bits - 1));
  const most = unsigned ? (1n << BigInt(bits)) - 1n : -least - 1n;
  if (number < least || number > most) {
    throw new PermanentError(`${where} must be from ${least} to ${most}, got ${text}`);
  }
  return number;
}

/** The arguments of a function or constructor: a list, or an object by the names in the ABI. */
function argumentsOf(params, given = [], what = 'args') {
  const named = typeof given === 'object' && given !== null && !Array.isArray(given);
  if (!named && (!Array.isArray(given) || given.length !== params.length)) {
    throw new PermanentError(
      `${what} must be a list of ${params.length} (${params.map((one) => `${one.type} ${one.name ?? ''}`.trim()).join(', ')}), got ${JSON.stringify(given)?.slice(0, 200)}`,
    );
  }
  return params.map((one, i) =>
    toAbi(
      one,
      named ? given[one.name] : given[i],
      `${what}${named ? '.' : '['}${one.name && named ? one.name : i}${named ? '' : ']'}`,
    ),
  );
}

function parsedAbi(abi) {
  return checked(() => abiOf(abi, 'abi'));
}

/** The one function of the ABI that `name` means: a name, or a signature such as "transfer(address,uint256)". */
function functionOf(abi, name, args) {
  const all = abi.filter((entry) => entry.type === 'function');
  const named =
    name == null
      ? all
      : all.filter((entry) => entry.name === name || toFunctionSignature(entry) === String(name).replaceAll(' ', ''));
  const count = Array.isArray(args) ? args.length : undefined;
  const fitting =
    named.length > 1 && count !== undefined ? named.filter((entry) => entry.inputs.length === count) : named;
  if (fitting.length === 1) return fitting[0];
  const known = (fitting.length > 1 ? fitting : all).map(toFunctionSignature).slice(0, 20).join(', ') || 'none';
  throw new PermanentError(
    name == null
      ? `function is missing, the ABI has several: ${known}`
      : `function ${JSON.stringify(name)} ${fitting.length > 1 ? 'is not the only one of that name' : 'is not in the ABI'}: it has ${known}`,
  );
}

module.exports = { addressOf, amountOf, argumentsOf, checked, functionOf, hexOf, parsedAbi, wholeOf };
