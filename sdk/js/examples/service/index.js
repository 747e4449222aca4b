// A service: one task, which counts in the instance's key-value store and emits an event, all of it
// recorded together with its result.
//
//   mesg service deploy examples/service
//   env $(mesg service env greeter) node examples/service/index.js
const { Service } = require('@mesg/sdk');

const service = new Service();

service.task('greet', async ({ name }, context) => {
  if (!name.trim()) return context.output('nameless', { message: 'Whom shall I greet?' });

  const greeted = await context.keys.get(`greeted/${name}`);
  const times = (greeted.value ?? 0) + 1;
  // Two at once for the same name: one of them is tried again, and counts on.
  context.keys.put(`greeted/${name}`, times, { expectedVersion: greeted.version });
  context.emit('greeted', { name, times });
  return context.output('success', { message: `Hello ${name}!`, times });
});

service.start().then(
  () => console.log('greeter is ready'),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
