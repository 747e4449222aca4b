'use strict';

/** How many blocks are asked for at once: providers bound the blocks, the logs or the bytes of an answer. */
class Range {
  constructor(most) {
    this.most = most;
    this.size = most;
  }

  /** The answer was refused or too large. False when less cannot be asked for. */
  shrink() {
    if (this.size === 1) return false;
    this.size = Math.max(1, Math.floor(this.size / 2));
    return true;
  }

  /** The answer came. */
  grow() {
    this.size = Math.min(this.most, this.size + Math.ceil(this.size / 4));
  }
}

module.exports = { Range };
