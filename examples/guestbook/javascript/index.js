const { setTimeout: sleep } = require('node:timers/promises');
const { PermanentError, Service, put } = require('@mesg/sdk');

const url = process.env.URL;
const service = new Service(); // MESG_ENDPOINT and MESG_TOKEN say where and who.

// An answer of the guestbook, or an error that says what people should know.
async function ask(path, { headers, ...how } = {}) {
  const all = { ...headers, authorization: `Bearer ${process.env.TOKEN}` };
  try {
    const response = await fetch(url + path, { ...how, headers: all, signal: AbortSignal.timeout(5000) });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  } catch (error) {
    throw new Error(`no answer from the guestbook at ${url}: ${error.cause?.message ?? error.message}`);
  }
}

function expectOk({ status, bytes }) {
  if (status !== 200) throw new Error(`the guestbook at ${url} answered ${status}: ${bytes.toString().trim()}`);
}

// The execution's id is the same for each attempt: however often this is tried, there is one entry.
service.task('write', async ({ text }, context) => {
  const headers = { 'idempotency-key': context.executionId };
  const answer = await ask('/entries', { method: 'POST', body: text, headers });
  if (answer.status === 422) throw new PermanentError(answer.bytes.toString().trim());
  expectOk(answer);
  return { id: answer.bytes.toString().trim() };
});

// Emits what is behind our position and moves it, in one commit. Says whether there was something.
async function look() {
  const position = await service.keys.get('position');
  const from = position.value ?? 0;
  const answer = await ask(`/entries?from=${from}`);
  expectOk(answer);
  const end = answer.bytes.lastIndexOf('\n') + 1; // The last line may not be whole yet.
  if (end === 0) return false;
  const lines = answer.bytes.subarray(0, end).toString().trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line)).map((data) => ({ key: 'entry', id: data.id, data }));
  const moved = put('position', from + end, { expectedVersion: position.version });
  await service.emitMany(events, { changes: [moved] });
  return true;
}

async function main() {
  await service.start();
  for (;;) {
    let more = false;
    try {
      more = await look();
      service.reportHealth('');
    } catch (error) {
      service.reportHealth(error.message);
    }
    if (!more) await sleep(Number(process.env.EVERY_MS));
  }
}

main().catch((error) => {
  console.error(`guestbook: ${error.message}`);
  process.exit(1);
});
