'use strict';
// The service `script`: runs JavaScript on data. See mesg.yml.
const { PermanentError, Service, raw } = require('@mesg/sdk');
const { Limits, rounded } = require('./limits');
const { Pool } = require('./pool');
const { ScriptError } = require('./sandbox');

function limitsOf(make) {
  try {
    return make();
  } catch (error) {
    throw new PermanentError(error.message);
  }
}

async function main() {
  const limits = new Limits(process.env);
  const pool = new Pool(limits.threads);
  // What waits for a thread waits at Core, which may know another worker; but a few wait here, so that
  // no thread does.
  const service = new Service({ credits: 2 * limits.threads });
  service.task('run', async ({ code, input = null, timeout, memory }, context) => {
    const allowed = limitsOf(() => limits.of({ timeout, memory }));
    const number = rounded(context.raw.toString());
    if (number !== undefined) {
      throw new PermanentError(`the inputs hold ${number}, which JavaScript would round: give it as text`);
    }
    try {
      const job = { code, input: JSON.stringify(input), ...allowed };
      const { result, logs } = await pool.run(job, context.signal);
      return raw(`{"result":${result},"logs":${JSON.stringify(logs)}}`);
    } catch (error) {
      throw error instanceof ScriptError ? new PermanentError(`script: ${error.message}`) : error;
    }
  });
  await service.start();
  await service.done;
  await pool.close();
}

main().catch((error) => {
  console.error(`script: ${error.message}`);
  process.exit(1);
});
