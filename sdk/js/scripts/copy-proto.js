// Puts the contract beside the compiled code: the package reads it from there.
const fs = require('fs');
const path = require('path');

const from = path.join(__dirname, '..', '..', '..', 'proto');
const to = path.join(__dirname, '..', 'dist', 'proto');
const files = [
  'google/rpc/error_details.proto',
  ...['types', 'events', 'executions', 'worker'].map((name) => `mesg/v1/${name}.proto`),
];
for (const file of files) {
  fs.mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
  fs.copyFileSync(path.join(from, file), path.join(to, file));
}
