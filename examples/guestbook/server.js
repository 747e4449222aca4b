// A guestbook over HTTP, to be connected to MESG. It is a file of lines such as {"id":"1","text":"hello"}.
//
//   TOKEN=SECRET node server.js [PORT] [FILE]
//
//   GET /entries?from=BYTE   the file from there, at most 64 KiB
//   POST /entries            writes the body as an entry; once for each Idempotency-Key
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

const [port = '8642', file = 'guestbook.txt'] = process.argv.slice(2);

const entries = () => (fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0));

// Each gives what to answer: a status and a text.
function read(from) {
  return [200, entries().subarray(from, from + 65536)];
}

function write(text, id) {
  if (!text.trim() || text.length > 1000) return [422, 'expected 1 to 1000 characters\n'];
  const lines = entries().toString().split('\n');
  if (!lines.some((line) => line && JSON.parse(line).id === id)) {
    fs.appendFileSync(file, `${JSON.stringify({ id, text })}\n`);
  }
  return [200, `${id}\n`];
}

async function answer(request) {
  const url = new URL(request.url, 'http://localhost');
  if (request.headers.authorization !== `Bearer ${process.env.TOKEN}`) return [401, 'wrong token\n'];
  if (url.pathname !== '/entries') return [404, 'there is only /entries\n'];
  if (request.method === 'GET') return read(Number(url.searchParams.get('from') ?? 0));
  const parts = [];
  for await (const part of request) parts.push(part);
  return write(Buffer.concat(parts).toString(), request.headers['idempotency-key'] ?? randomUUID());
}

http
  .createServer(async (request, response) => {
    const [status, text] = await answer(request);
    response.writeHead(status).end(text);
  })
  .listen(Number(port), '127.0.0.1', () => console.log(`the guestbook is open at http://127.0.0.1:${port}`));
