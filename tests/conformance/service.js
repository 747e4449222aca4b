'use strict';
// The service under test, as somebody would have written it with mesg-js 2: started in the folder of
// its mesg.yml with MESG_TOKEN and MESG_ENDPOINT.   node service.js VERSION
const fs = require('node:fs');
const mesg = require(`mesg-js-${process.argv[2]}`).service();

const refused = (error) => mesg.emitEvent('refused', { message: error.message, code: error.code });

// Before it listens: what a service has to say at its start must not wait for that.
mesg.emitEvent('started', { pid: process.pid })
  .then(() => console.log('started'))
  .catch((error) => console.error(error.message));

mesg.listenTask({
  echo: ({ value }, outputs) => outputs.success({ value }),
  mirror: (inputs, outputs) => outputs.mirrored(inputs),
  emit: ({ event, data }, outputs) => mesg.emitEvent(event, data)
    .then(() => outputs.success({}))
    .catch((error) => outputs.failure({ message: error.message, code: error.code })),
  answer: ({ output, data }, outputs) => outputs[output](data).catch(refused),
  twice: (_, outputs) => outputs.success({ text: 'first' })
    .then(() => outputs.success({ text: 'second' }))
    .catch(refused),
  who: (_, outputs) => outputs.success({ pid: process.pid }),
  wait: ({ file }, outputs) => {
    const timer = setInterval(() => {
      if (!fs.existsSync(file)) return;
      clearInterval(timer);
      outputs.success({ pid: process.pid }).then(() => console.log('answered'), console.error);
    }, 20);
  },
}).on('error', (error) => {
  // Core is gone, and the library does not connect again. With STAY=1 the process keeps what it
  // works on; else its end is what a new Core answers with a new process.
  console.error(`listening ended: ${error.message}`);
  if (process.env.STAY !== '1') process.exit(1);
});
