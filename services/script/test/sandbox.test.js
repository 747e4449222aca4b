'use strict';
// The engine of a script: what it gives back, what it refuses, and that nothing reaches out of it.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { execute, ScriptError } = require('../sandbox');

function run(code, input = null, limits = {}) {
  return execute({ code, input: JSON.stringify(input), timeout: 10_000, memory: 32, ...limits });
}

async function result(code, input) {
  return JSON.parse((await run(code, input)).result);
}

async function refused(code, message, limits) {
  await assert.rejects(run(code, null, limits), (error) => {
    assert.ok(error instanceof ScriptError, `${code}: ${error.stack}`);
    assert.match(error.message, message);
    return true;
  });
}

test('a script is the body of a function of its input', async () => {
  assert.equal(await result('return input.a + input.b;', { a: 1, b: 2 }), 3);
  assert.deepEqual(await result('return { list: [1, "two", null, true], "a b": 1.5 }'), {
    list: [1, 'two', null, true],
    'a b': 1.5,
  });
  assert.equal(await result(''), null);
  assert.equal(await result('return input; // a comment at the end', 'é😀'), 'é😀');
});

test('it may wait for promises', async () => {
  assert.deepEqual(await result('return await Promise.all([1, 2].map(async (n) => n * 2));'), [2, 4]);
  await refused('await new Promise(() => {});', /^it waits for a promise that nothing will ever settle/);
  await refused('await Promise.reject(new Error("no"));', /^line 1: Error: no$/);
});

test('what JSON.stringify knows to write is written as it does', async () => {
  assert.equal((await run('return new Date(0);')).result, '"1970-01-01T00:00:00.000Z"');
  assert.equal((await run('return { a: undefined, b: [undefined], c: -0 };')).result, '{"b":[null],"c":0}');
  assert.equal((await run('class Point { x = 1 } return new Point();')).result, '{"x":1}');
  assert.equal((await run('return { ["__proto__"]: 1 };')).result, '{"__proto__":1}');
  assert.equal(await result('return "\\ud800" + "a\\udc00";'), '\ufffda\ufffd');
});

test('what is not JSON is refused by its place', async () => {
  await refused('return { a: [() => 1] };', /^result\.a\[0\] is a function, which is not JSON$/);
  await refused('return { "a b": 1n };', /^result\["a b"\] is a BigInt, which is not JSON: return it as text$/);
  await refused('return [0, NaN];', /^result\[1\] is NaN, which is not JSON$/);
  await refused('return 1 / 0;', /^result is Infinity, which is not JSON$/);
  await refused('return Symbol("s");', /^result is a symbol, which is not JSON$/);
  await refused('return new Map([[1, 2]]);', /^result is a Map, which is not JSON$/);
  await refused('const a = {}; a.b = { a }; return a;', /^result\.b\.a contains itself$/);
  await refused('let a = []; for (let i = 0; i < 100; i += 1) a = [a]; return a;', /is nested deeper than 90 levels$/);
  await refused('return "x".repeat(2100000);', /^the result is larger than 2097152 bytes$/);
  await refused('return "é".repeat(1100000);', /^the result is larger than 2097152 bytes$/);
  await refused('return new Array(1500000).fill(1);', /^the result is larger than 2097152 bytes$/, { memory: 128 });
  assert.equal(await result('const a = { n: 1 }; return [a, a].length;'), 2);
});

test('an error names its line', async () => {
  await refused('\n\nreturn input.x;', /^line 3: TypeError: cannot read property 'x' of null$/);
  await refused('function f() {\n  throw new RangeError("far");\n}\n\nf();', /^line 2: RangeError: far$/);
  await refused('const a = 1;\nlet b = ;', /^line 2: SyntaxError: /);
  await refused('undeclared = 1;', /^line 1: ReferenceError: /);
  await refused('throw "text";', /^it threw text$/);
  await refused('throw { code: 7 };', /^it threw \{"code":7\}$/);
  await refused('throw undefined;', /^it threw undefined$/);
});

test('console is kept, within bounds', async () => {
  const { logs } = await run('console.log("a", { b: [1] }, new Error("e"), undefined); console.warn(2);');
  assert.deepEqual(logs, ['a {"b":[1]} Error: e undefined', '2']);
  const many = (await run('for (let i = 0; i < 300; i += 1) console.log("line " + i);')).logs;
  assert.equal(many.length, 201);
  assert.equal(many[200], '... and 100 more, which are not kept');
  const long = (await run('for (let i = 0; i < 100; i += 1) console.log("é".repeat(100000));')).logs;
  assert.ok(Buffer.byteLength(long.join('')) < 65 * 1024);
});

test('no time is endless', async () => {
  const late = /^it ran longer than 100 ms, its time limit$/;
  for (const code of [
    'for (;;);',
    'for (;;) { try { for (;;); } catch {} finally { continue; } }',
    'for (;;) await null;',
    'const f = () => Promise.resolve().then(f); await f();',
    'throw { toString() { for (;;); } };',
    'return { toJSON() { for (;;); } };',
    'return new Proxy({}, { ownKeys() { for (;;); } });',
    'return { then() { for (;;); } };',
    'const e = new Error("e"); Object.defineProperty(e, "stack", { get() { for (;;); } }); throw e;',
    '/^(a+)+$/.test("a".repeat(100) + "b");',
    'console.log({ toJSON() { for (;;); } });',
    'eval("for (;;);");',
    '[2, 1].sort(() => { for (;;); });',
  ]) {
    await refused(code, late, { timeout: 100 });
  }
});

test('no memory is endless', async () => {
  const memory = /it needed more than 32 MiB, its memory limit$|^it threw null, or needed more than 32 MiB|/;
  await refused('const a = []; for (;;) a.push(new Array(10000).fill(1));', memory);
  await refused('const a = []; for (;;) a.push(new ArrayBuffer(1e6));', memory);
  await refused('for (;;) Promise.resolve().then(() => {});', memory);
  await refused('return "x".repeat(1e9);', memory);
  await refused('let s = "x"; for (;;) s += s;', /^line 1: InternalError: string too long$/);
  await refused('const f = () => f() + 1; return f();', /^line 1: InternalError: stack overflow$/);
  await refused(
    'let a = []; for (let i = 0; i < 100000; i += 1) a = [a]; return JSON.stringify(a);',
    /^it is nested too deep|stack overflow/,
  );
  assert.equal(await result('return 1;'), 1, 'and another one is not disturbed');
});

test('there is nothing but the language', async () => {
  const names = await result('return Object.getOwnPropertyNames(globalThis);');
  for (const name of ['process', 'require', 'fetch', 'setTimeout', 'WebAssembly', 'std', 'os', 'Worker', 'log']) {
    assert.ok(!names.includes(name), name);
    await refused(`${name};`, new RegExp(`^line 1: ReferenceError: '${name}' is not defined$`));
  }
  await refused('return (function () {}).constructor("return process")();', /'process' is not defined/);
  await refused('return console.log.constructor.constructor("return process")();', /'process' is not defined/);
  await refused('return console.log.call.constructor("return this.process.env")();', /cannot read property 'env' of undefined/);
  await refused('return input.constructor.constructor("return require(\\"fs\\")")();', /./);
  await refused('return (await import("fs")).readFileSync("/etc/passwd");', /could not load module 'fs'/);
  await refused('return await import("/etc/passwd");', /could not load module/);
  await refused('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);', /ReferenceError/);
});

test('a script that changes its world changes nothing outside of it', async () => {
  const { result: text } = await run(`
    JSON.stringify = () => 'evil'; JSON.parse = () => 'evil'; Array.isArray = () => true;
    Object.keys = () => ['evil']; String.prototype.slice = () => 'evil'; RegExp.prototype.exec = () => null;
    Promise.prototype.then = function () { return 1; }; Function.prototype.call = () => 'evil';
    Object.defineProperty(Array.prototype, 0, { set() { throw 'evil'; } });
    return { a: [1, 'x'] };`);
  assert.equal(text, '{"a":[1,"x"]}');
  assert.equal(await result('return [typeof Object.keys({}), JSON.stringify([1])].join();'), 'object,[1]');
  assert.equal({}.evil, undefined);
  await run('Object.prototype.evil = 1; globalThis.left = 1; ({}).constructor.prototype.evil = 2;');
  assert.equal({}.evil, undefined);
  assert.equal(await result('return typeof left + typeof ({}).evil;'), 'undefinedundefined');
  await refused('Object.prototype.toJSON = () => { throw new Error("mine"); }; return {};', /^line 1: Error: mine$/);
});
