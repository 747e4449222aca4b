'use strict';
// Services for the tests: a folder with a mesg.yml, deployed, and processes that use it.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { application } = require('./clients');
const { endWithUs, eventually } = require('./core');

const VALUE = 'value: {type: Any, optional: true}';
const ECHO = `  echo:
    inputs: {${VALUE}}
    outputs:
      success: {data: {${VALUE}}}`;
const DEFINITION = `name: Conformance
description: Does what the tests ask for
events:
  started: {data: {pid: {type: Number}}}
  happened: {data: {${VALUE}}}
  other: {data: {}}
  refused: {data: {message: {type: String}, code: {type: Number}}}
tasks:
${ECHO}
  mirror:
    inputs: {}
    outputs:
      mirrored: {data: {}}
      never: {data: {}}
  emit:
    inputs: {event: {type: String}, data: {type: Any}}
    outputs:
      success: {data: {}}
      failure: {data: {message: {type: String}, code: {type: Number}}}
  answer:
    inputs: {output: {type: String}, data: {type: Any}}
    outputs:
      success: {data: {text: {type: String}}}
      failure:
        data:
          reasons:
            type: Object
            repeated: true
            object: {code: {type: Number}}
  twice:
    inputs: {}
    outputs:
      success: {data: {text: {type: String}}}
  who:
    inputs: {}
    outputs:
      success: {data: {pid: {type: Number}}}
  wait:
    inputs: {file: {type: String}}
    outputs:
      success: {data: {pid: {type: Number}}}
`;

class Service {
  /** Deploys one; a `managed` one is started by Core, else `launch` is the user's part. */
  static async deploy(core, version, { sid = 'conformance', managed = false, program = 'service.js',
    definition = DEFINITION } = {}) {
    const folder = fs.mkdtempSync(path.join(core.home, 'service-'));
    const argv = ['node', path.join(__dirname, program), version];
    const run = managed ? `run: ${JSON.stringify(argv)}\n` : '';
    fs.writeFileSync(path.join(folder, 'mesg.yml'), `sid: ${sid}\n${run}${definition}`);
    const deployed = await core.cli('service', 'deploy', folder, '--json', ...(managed ? ['--start'] : []));
    const { hash, instance } = JSON.parse(deployed.trim().split('\n').pop());
    const service = new Service();
    Object.assign(service, { core, version, sid, folder, hash, instance, argv, children: [] });
    return service;
  }

  /** What Core would give its process. */
  async environment() {
    return JSON.parse(await this.core.cli('service', 'env', this.sid, '--json')).env;
  }

  /** Starts a process of it by hand, as a developer would, and waits until it takes tasks. */
  async launch(more = {}) {
    const before = (await this.core.status()).workers;
    const env = { PATH: process.env.PATH, ...await this.environment(), ...more };
    const child = endWithUs(spawn(this.argv[0], this.argv.slice(1), { cwd: this.folder, env }));
    child.said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { child.said += text; });
    child.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    this.children.push(child);
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`the service ended: ${child.said}`);
      return (await this.core.status()).workers > before;
    }, 'the connection of the service');
    return child;
  }

  /** An application of the same library. */
  application() {
    return application(this.version, this.core);
  }

  stop() {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

module.exports = { DEFINITION, ECHO, Service };
