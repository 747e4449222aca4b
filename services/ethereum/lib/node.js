'use strict';

const { createClient, http, webSocket } = require('viem');

const { kindOf, scrubber, textOf } = require('./errors');

const CHECKED_FOR_MS = 60_000;

/** An error that is the configuration's: the node is of another chain. */
class WrongChain extends Error {}

/**
 * The connection to the node. Errors of its requests are viem's; `explain` says them in one line that holds
 * neither the node's address, which may contain a key, nor the private key.
 */
class Node {
  constructor(config, { timeout = 20_000 } = {}) {
    this.config = config;
    const options = { retryCount: 0, timeout };
    const socket = /^ws/.test(config.url);
    const transport = socket
      ? webSocket(config.url, { ...options, reconnect: { attempts: Number.MAX_SAFE_INTEGER, delay: 500 } })
      : http(config.url, options);
    this.client = createClient({ transport });
    this.scrub = scrubber(config);
    this.host = new URL(config.url).host;
    this.checked = 0;
    this.syncing = '';
    this.request = (method, params = []) => this.client.request({ method, params });
  }

  /** Throws when this is not the chain that it should be. Asks only now and then. */
  async check() {
    if (Date.now() < this.checked) return;
    const id = Number(await this.request('eth_chainId'));
    if (id !== this.config.chainId) {
      throw new WrongChain(
        `the node at ${this.host} is of chain ${id}, but CHAIN_ID is ${this.config.chainId}: ` +
          'correct CHAIN_ID or RPC_URL',
      );
    }
    const state = await this.request('eth_syncing').catch((error) => {
      if (kindOf(error) === 'refused') return false;
      throw error;
    });
    this.syncing = state
      ? `the node at ${this.host} is syncing: it is at block ${Number(state.currentBlock)} of ${Number(state.highestBlock)}`
      : '';
    this.checked = Date.now() + (state ? 5_000 : CHECKED_FOR_MS);
  }

  /** After a failure it may be another one that answers. */
  doubt() {
    this.checked = 0;
  }

  explain(error) {
    const text = this.scrub(textOf(error));
    switch (kindOf(error)) {
      case 'away':
        return `the node at ${this.host} cannot be reached: ${text}`;
      case 'busy':
        return `the node at ${this.host} limits the rate of requests: ${text}`;
      case 'refused':
        return `the node at ${this.host} refused: ${text}`;
      default:
        return text;
    }
  }

  async close() {
    if (!/^ws/.test(this.config.url)) return;
    const socket = await this.client.transport.getRpcClient().catch(() => undefined);
    socket?.close();
  }
}

module.exports = { Node, WrongChain };
