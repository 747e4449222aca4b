import type { ClientDuplexStream } from '@grpc/grpc-js';

import { Backoff, Connection } from './connection';
import { isFatal, MesgError, toMesgError } from './errors';

const REST_MS = 500;

/** What the owner of a stream is told. Never while it is inside a call of the stream. */
export interface StreamOwner<Res> {
  /** A fresh stream is open: say again what has no answer yet, then write on. */
  opened(): void;
  message(message: Res): void;
  /** There is room again after write() returned false. */
  drained(): void;
  /** The stream broke, or there was none to be had. It is opened again after a pause. */
  lost(error: MesgError): void;
  /** The stream was refused for good. It stays closed until start() is called again. */
  refused(error: MesgError): void;
  /** Core ended the stream in an orderly way. True: open it again; false: leave it closed. */
  ended(): boolean;
}

/** A stream in both directions that is opened again whenever it breaks. Keeps no messages itself. */
export class ReconnectingStream<Req, Res> {
  private call: ClientDuplexStream<Req, Res> | undefined;
  private running = false;
  private generation = 0;
  private timer: NodeJS.Timeout | undefined;
  private restTimer: NodeJS.Timeout | undefined;
  private readonly backoff: Backoff;
  private saidEnd = false;

  constructor(
    private readonly connection: Connection,
    private readonly service: string,
    private readonly method: string,
    private readonly owner: StreamOwner<Res>,
  ) {
    this.backoff = connection.backoff();
  }

  /** Takes what is written. */
  get isOpen(): boolean {
    return this.call !== undefined && !this.saidEnd;
  }

  /** Opens the stream unless it is open or on its way. */
  start(): void {
    clearTimeout(this.restTimer);
    if (this.running) return;
    this.running = true;
    this.backoff.reset();
    void this.open();
  }

  /** False: it was taken, but the next one should wait for drained(). Needs isOpen. */
  write(message: Req): boolean {
    return this.call!.write(message);
  }

  /** Says that nothing more will be written; the stream ends when Core has answered everything. */
  end(): void {
    this.saidEnd = true;
    this.call?.end();
  }

  /** Lets the pauses between attempts start over. For owners that see real work being done. */
  healthy(): void {
    this.backoff.reset();
  }

  /** Closes the stream after a while unless start() is called: an open one keeps a process alive. */
  rest(): void {
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.close(), REST_MS);
  }

  /** Closes the stream for good, without a word to the owner. */
  close(): void {
    this.running = false;
    this.generation += 1;
    clearTimeout(this.timer);
    clearTimeout(this.restTimer);
    this.call?.cancel();
    this.call = undefined;
  }

  private async open(): Promise<void> {
    const generation = ++this.generation;
    try {
      await this.connection.connected();
    } catch (error) {
      if (this.isCurrent(generation)) this.fail(toMesgError(error));
      return;
    }
    if (!this.isCurrent(generation)) return;
    const call = this.connection.stream<Req, Res>(this.service, this.method);
    this.call = call;
    this.saidEnd = false;
    call.on('data', (message: Res) => {
      if (this.isCurrent(generation)) this.owner.message(message);
    });
    call.on('drain', () => {
      if (this.isCurrent(generation)) this.owner.drained();
    });
    call.on('error', (error) => {
      if (this.isCurrent(generation)) this.fail(toMesgError(error));
    });
    // A clean end has two halves, in either order: no more messages, and the status OK.
    let halves = 0;
    const half = () => {
      halves += 1;
      if (halves === 2 && this.isCurrent(generation)) this.finish();
    };
    call.on('end', half);
    call.on('status', (status: { code: number }) => {
      if (status.code === 0) half();
    });
    this.owner.opened();
  }

  private isCurrent(generation: number): boolean {
    return this.running && generation === this.generation;
  }

  private fail(error: MesgError): void {
    this.call = undefined;
    this.generation += 1;
    if (this.connection.closed) {
      this.running = false;
    } else if (isFatal(error)) {
      this.running = false;
      this.owner.refused(error);
    } else {
      this.again();
      this.owner.lost(error);
    }
  }

  private finish(): void {
    this.call = undefined;
    this.generation += 1;
    if (this.owner.ended()) {
      this.again();
    } else {
      this.running = false;
    }
  }

  private again(): void {
    this.timer = setTimeout(() => void this.open(), this.backoff.pause());
  }
}
