// Evaluated in a script's own engine before the script, never in Node.js. It keeps the functions it
// needs in this closure, so that a script which replaces them in its globals changes nothing here. What
// leaves the engine is text: a result in JSON, a line of the log, the description of an error.
'use strict';
((log, maxResult) => {
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { keys } = Object;
  const { isFinite } = Number;
  const text = String;
  const bind = Function.prototype.bind.bind(Function.prototype.call);
  const tag = bind(Object.prototype.toString);
  const slice = bind(String.prototype.slice);
  const exec = bind(RegExp.prototype.exec);
  const replace = bind(String.prototype.replace);
  const MAX_DEPTH = 90;
  const MAX_PATH = 200;

  /** Why a result is none. */
  class NotJson {
    constructor(path, why) {
      this.message = `${path.length > MAX_PATH ? `${slice(path, 0, MAX_PATH)}...` : path} ${why}`;
    }
  }

  const member = (path, key) =>
    exec(/^[A-Za-z_$][\w$]*$/, key) ? `${path}.${key}` : `${path}[${stringify(key)}]`;

  /** Halves of a character that are alone are replaced, since no JSON in UTF-8 can hold them. */
  const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
  const ALL_LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  const quoted = (string) => stringify(exec(LONE, string) ? replace(string, ALL_LONE, '\ufffd') : string);

  /** JSON, in which nothing is left out or changed silently, as JSON.stringify does. */
  function write(given, path, depth, above) {
    let value = given;
    if (value !== null && typeof value === 'object' && typeof value.toJSON === 'function') value = value.toJSON('');
    if (value === null || value === undefined) return 'null';
    if (typeof value === 'boolean') return value ? 'true' : 'false';
    if (typeof value === 'string') return quoted(value);
    if (typeof value === 'number') {
      if (isFinite(value)) return text(value === 0 ? 0 : value);
      throw new NotJson(path, `is ${value}, which is not JSON`);
    }
    if (typeof value === 'bigint') throw new NotJson(path, 'is a BigInt, which is not JSON: return it as text');
    if (typeof value !== 'object') throw new NotJson(path, `is a ${typeof value}, which is not JSON`);
    const kind = slice(tag(value), 8, -1);
    if (kind !== 'Object' && kind !== 'Array') throw new NotJson(path, `is a ${kind}, which is not JSON`);
    if (depth > MAX_DEPTH) throw new NotJson(path, `is nested deeper than ${MAX_DEPTH} levels`);
    for (let one = above; one; one = one.above) {
      if (one.value === value) throw new NotJson(path, 'contains itself');
    }
    const here = { value, above };
    let written = '';
    if (isArray(value)) {
      const { length } = value;
      for (let i = 0; i < length; i += 1) {
        written += (i ? ',' : '') + write(value[i], `${path}[${i}]`, depth + 1, here);
        if (written.length > maxResult) break;
      }
      written = `[${written}]`;
    } else {
      const names = keys(value);
      for (let i = 0; i < names.length; i += 1) {
        const item = value[names[i]];
        if (item === undefined) continue;
        written += `${written && ','}${quoted(names[i])}:${write(item, member(path, names[i]), depth + 1, here)}`;
        if (written.length > maxResult) break;
      }
      written = `{${written}}`;
    }
    if (written.length > maxResult) throw new NotJson('the result', `is larger than ${maxResult} bytes`);
    return written;
  }

  function shown(value) {
    if (typeof value === 'string') return value;
    try {
      if (value !== null && typeof value === 'object' && tag(value) === '[object Error]') return text(value);
      if (value === undefined) return 'undefined';
      return write(value, 'it', 0, null);
    } catch {
      try {
        return text(value);
      } catch {
        return tag(value);
      }
    }
  }

  function describe(error) {
    try {
      if (error === null) return '{"nothing":true}';
      if (typeof error !== 'object' || tag(error) !== '[object Error]') {
        return stringify({ __proto__: null, message: `it threw ${slice(shown(error), 0, 500)}` });
      }
      const at = exec(/\bscript:(\d+)/, text(error.stack));
      return stringify({
        __proto__: null, // A script may have given Object.prototype a toJSON.
        name: text(error.name),
        message: slice(text(error.message), 0, 1000),
        line: at ? +at[1] : 0,
      });
    } catch {
      return stringify({ __proto__: null, message: 'it threw what cannot be shown' });
    }
  }

  const console = {};
  for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
    console[level] = (...values) => {
      let line = '';
      for (let i = 0; i < values.length; i += 1) line += (i ? ' ' : '') + slice(shown(values[i]), 0, 2000);
      log(line);
    };
  }
  globalThis.console = console;

  return {
    run: async (script, input) => {
      let result;
      try {
        result = await script(parse(input));
      } catch (error) {
        throw describe(error);
      }
      try {
        return write(result, 'result', 0, null);
      } catch (error) {
        throw error instanceof NotJson ? stringify({ __proto__: null, message: error.message }) : describe(error);
      }
    },
    describe,
  };
});
