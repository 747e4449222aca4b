const { Service } = require('@mesg/sdk');

const service = new Service();

service.task('greet', async ({ name, polite }, context) => {
  context.emit('greeted', { name }); // Recorded together with the result, or not at all.
  return { greeting: polite ? `Good day to you, ${name}!` : `Hello ${name}!` };
});

service.start().then(
  () => console.log('@NAME@ is ready'),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
