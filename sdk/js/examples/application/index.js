// An application: has the greeter of ../service greet everybody named on the command line, and hears
// what it emits.
//
//   node examples/application/index.js Ada Grace
const { Application, ExecutionError } = require('@mesg/sdk');

async function main(names) {
  const app = new Application();
  try {
    let heardAll;
    const all = new Promise((resolve) => (heardAll = resolve));
    const waiting = new Set(names);
    await app.listenEvents({ service: 'greeter', key: 'greeted' }, ({ data }) => {
      console.log(`heard: ${data.name} was greeted (${data.times})`);
      waiting.delete(data.name);
      if (waiting.size === 0) heardAll();
    });
    const greetings = await Promise.all(names.map((name) => app.execute('greeter', 'greet', { name })));
    for (const { outputs } of greetings) console.log(`result: ${outputs.message}`);
    await all;
  } catch (error) {
    console.error(error instanceof ExecutionError ? `the task failed: ${error.error}` : error.message);
    process.exitCode = 1;
  } finally {
    app.close();
  }
}

void main(process.argv.length > 2 ? process.argv.slice(2) : ['Ada', 'Grace']);
