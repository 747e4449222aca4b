// An application: has the service http look at some URLs again and again, and says when one goes down
// and when it is back.
//
//   [EVERY=SECONDS] node index.js URL...
const { Application, ExecutionError } = require('@mesg/sdk');

const urls = process.argv.slice(2);
const pause = Number(process.env.EVERY ?? 10) * 1000;
const app = new Application(); // MESG_ENDPOINT says where Core is.

// One look is one attempt: a URL that does not answer is what we want to hear of, not a reason to try
// again. Core keeps every look, `mesg execution list http` shows them.
async function look(url) {
  try {
    const inputs = { url, method: 'HEAD', timeout_ms: 5000 };
    const { outputs } = await app.execute('http', 'request', inputs, { tags: ['uptime'], retry: { attempts: 1 } });
    return { up: outputs.status < 500, why: `status ${outputs.status} in ${outputs.duration_ms} ms` };
  } catch (error) {
    if (error instanceof ExecutionError) return { up: false, why: error.error };
    throw error; // Core refused, http is not deployed: nothing is known of the URL.
  }
}

async function watch(url) {
  let was;
  for (;;) {
    const { up, why } = await look(url);
    if (up !== was) console.log(`${up ? 'up  ' : 'down'}  ${url}  ${why}`);
    was = up;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

if (urls.length === 0 || !(pause > 0)) {
  console.error('usage: [EVERY=SECONDS] node index.js URL...');
  process.exit(2);
}
Promise.all(urls.map(watch)).catch((error) => {
  console.error(`uptime: ${error.message}`);
  process.exit(1);
});
