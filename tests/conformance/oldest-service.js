'use strict';
// The service under test, as somebody would have written it with mesg-js 1.2: it finds Core by
// MESG_ENDPOINT_TCP.   node oldest-service.js 1.2
require('./clients');  // What grpc-js left out of grpc.
delete process.env.MESG_ENDPOINT;
const mesg = require(`mesg-js-${process.argv[2]}`).service();

mesg.emitEvent('started', { pid: process.pid }).catch((error) => console.error(error.message));

mesg.listenTask({
  echo: ({ value }, outputs) => outputs.success({ value }),
  emit: ({ event, data }, outputs) => mesg.emitEvent(event, data)
    .then(() => outputs.success({}))
    .catch((error) => outputs.failure({ message: error.message, code: error.code })),
  answer: ({ output, data }, outputs) => outputs[output](data),
}).on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
