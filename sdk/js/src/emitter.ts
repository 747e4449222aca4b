import { closedError, Connection } from './connection';
import { fromCallError, MesgError } from './errors';
import { getKeys } from './keys';
import { ReconnectingStream, StreamOwner } from './stream';
import type * as wire from './wire';

/** What became of one emitted event. */
export interface Emitted {
  /** Where the event stands in the history; for a duplicate, where the first one stands. */
  position: string;
  /** True when an event with the id you gave was known already. */
  duplicate: boolean;
}

/** What became of one request: each event, and each changed key's version. */
export interface Committed {
  events: Emitted[];
  versions: number[];
}

/** Events and changes that are committed together, and who waits for them. */
interface Unit {
  events: wire.EventToEmit[];
  changes: wire.KeyChange[];
  /** Whether the id of each event is the library's: then a duplicate is our own repetition. */
  ownIds: boolean[];
  bytes: number;
  since: number;
  /** It was on its way when a stream broke: it may have been committed. */
  uncertain: boolean;
  /** How it is sent: with others, alone in its request, or with nothing else under way at all. */
  company: 'any' | 'alone' | 'suspect';
  /** Versions of `changes` that turned out to be committed already. */
  versions: number[];
  resolve: (committed: Committed) => void;
  reject: (error: MesgError) => void;
}

const MAX_EVENTS = 1_000;
const MAX_BYTES = 1 << 20;
const MAX_IN_FLIGHT = 32;

/**
 * Emits over one stream: what is asked for in the same turn of the event loop leaves as one request,
 * and what a broken stream left unanswered is sent again under the same event ids.
 */
export class Emitter implements StreamOwner<wire.EmitResponse> {
  private queue: Unit[] = [];
  private inFlight: Unit[][] = [];
  private pendingEvents = 0;
  private scheduled = false;
  private settling = false;
  private downSince = 0;
  private idle: (() => void)[] = [];
  private readonly stream: ReconnectingStream<wire.EmitRequest, wire.EmitResponse>;

  constructor(private readonly connection: Connection) {
    this.stream = new ReconnectingStream(connection, 'Events', 'EmitStream', this);
  }

  /** Commits all of it or nothing. */
  submit(events: wire.EventToEmit[], changes: wire.KeyChange[]): Promise<Committed> {
    if (this.connection.closed) return Promise.reject(closedError());
    if (this.pendingEvents + events.length > this.connection.maxPending) {
      return Promise.reject(
        new MesgError(
          'RESOURCE_EXHAUSTED',
          `${this.pendingEvents} events wait to be acknowledged, and maxPending is ` +
            `${this.connection.maxPending}: await what emit() returns`,
          'TOO_MANY_PENDING',
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const ownIds = events.map((event) => event.id === '');
      let bytes = 0;
      for (const event of events) {
        if (event.id === '') event.id = this.connection.newId();
        bytes += event.data.length + event.key.length + event.id.length + 16;
      }
      this.pendingEvents += events.length;
      const unit: Unit = {
        events, changes, ownIds, bytes, since: Date.now(), uncertain: false, company: 'any',
        versions: [], resolve, reject,
      };
      this.queue.push(unit);
      this.schedule();
    });
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    if (this.queue.length + this.inFlight.length === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  close(): void {
    this.stream.close();
    this.rejectAll(closedError());
  }

  opened(): void {
    this.pump();
  }

  drained(): void {
    this.pump();
  }

  message(response: wire.EmitResponse): void {
    this.stream.healthy();
    this.downSince = 0;
    const units = this.inFlight.shift();
    if (!units) return;
    if (response.error && units.length > 1) {
      // All or none: find out which of them it is, each by itself. Ids make the repetition harmless.
      for (const unit of units) unit.company = 'alone';
      this.queue.unshift(...units);
    } else if (response.error) {
      this.finish(units[0], undefined, fromCallError(response.error));
    } else {
      this.answer(units, response);
    }
    this.pump();
  }

  lost(error: MesgError): void {
    if (this.downSince === 0) this.downSince = Date.now();
    if (error.code === 'RESOURCE_EXHAUSTED' && this.inFlight.length > 0) {
      // A request that is too large for the stream ends the stream. Which one shows when each is alone.
      if (this.inFlight[0][0].company === 'suspect') this.finish(this.inFlight.shift()![0], undefined, error);
      for (const unit of this.inFlight.flat()) unit.company = 'suspect';
    }
    const back = this.inFlight.flat();
    for (const unit of back) unit.uncertain = true;
    this.inFlight = [];
    this.queue.unshift(...back);
    const now = Date.now();
    const impatient = (unit: Unit) => now - Math.max(unit.since, this.downSince) >= this.connection.patience;
    const given = this.queue.filter(impatient);
    this.queue = this.queue.filter((unit) => !impatient(unit));
    for (const unit of given) this.finish(unit, undefined, error);
    if (this.queue.length === 0) this.stream.close();
  }

  refused(error: MesgError): void {
    this.rejectAll(error);
  }

  ended(): boolean {
    this.lost(new MesgError('UNAVAILABLE', 'Core ended the stream', 'STREAM_ENDED'));
    return this.queue.length > 0;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.queue.length === 0) return;
      this.stream.start();
      this.pump();
    });
  }

  private pump(): void {
    while (this.stream.isOpen && !this.settling && this.queue.length > 0 && this.inFlight.length < MAX_IN_FLIGHT) {
      const head = this.queue[0];
      const suspect = head.company === 'suspect' || this.inFlight[0]?.[0].company === 'suspect';
      if (suspect && this.inFlight.length > 0) return;
      if (head.uncertain && head.changes.some((change) => change.expectedVersion !== undefined)) {
        void this.settle(head);
        return;
      }
      const units = this.takeBatch();
      this.inFlight.push(units);
      const room = this.stream.write({
        events: units.length === 1 ? units[0].events : units.flatMap((unit) => unit.events),
        changes: units[0].changes,
      });
      if (!room) return;
    }
  }

  /** The next request: one unit with changes, or as many without as fit. */
  private takeBatch(): Unit[] {
    const first = this.queue[0];
    if (first.company !== 'any' || first.changes.length > 0) return [this.queue.shift()!];
    let count = 0;
    let events = 0;
    let bytes = 0;
    for (const unit of this.queue) {
      events += unit.events.length;
      bytes += unit.bytes;
      if (count > 0 && (unit.changes.length > 0 || unit.company !== 'any')) break;
      if (count > 0 && (events > MAX_EVENTS || bytes > MAX_BYTES)) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  /**
   * Finds out whether a request with compare-and-set, whose answer was lost, has been committed. A
   * version that has not moved says no. Where all values are the ones it wrote it was (or someone else
   * made the same change): the events alone are sent again, which their ids make harmless.
   */
  private async settle(unit: Unit): Promise<void> {
    this.settling = true;
    try {
      const conditional = unit.changes.filter((change) => change.expectedVersion !== undefined);
      const values = await getKeys(this.connection, unit.changes.map((change) => change.key));
      const found = new Map(values.map((value) => [value.key, value]));
      const version = (change: wire.KeyChange) => Number(found.get(change.key)?.version ?? 0);
      const unmoved = conditional.some((change) => version(change) === Number(change.expectedVersion));
      const ours = unit.changes.every((change) =>
        change.put ? version(change) > 0 && change.put.equals(found.get(change.key)!.value) : version(change) === 0,
      );
      unit.uncertain = false;
      if (!unmoved && ours) {
        unit.versions = unit.changes.map(version);
        unit.changes = [];
        if (unit.events.length === 0) {
          this.queue.shift();
          this.finish(unit, { events: [], versions: unit.versions });
        }
      } else if (!unmoved) {
        this.queue.shift();
        this.finish(unit, undefined, new MesgError(
          'ABORTED',
          `the connection broke while ${conditional[0].key} was being changed, and somebody has changed it since`,
          'OUTCOME_UNKNOWN',
        ));
      }
    } catch (error) {
      if (this.queue[0] === unit) this.queue.shift();
      this.finish(unit, undefined, error as MesgError);
    } finally {
      this.settling = false;
      this.pump();
    }
  }

  private answer(units: Unit[], response: wire.EmitResponse): void {
    const duplicates = new Set(response.duplicates);
    let next = 0;
    for (const unit of units) {
      const events = unit.events.map((_event, i) => {
        const index = next++;
        return {
          position: response.positions[index] ?? '',
          duplicate: duplicates.has(index) && !unit.ownIds[i],
        };
      });
      const versions = unit.versions.length ? unit.versions : response.versions.map(Number);
      this.finish(unit, { events, versions });
    }
  }

  private finish(unit: Unit, committed?: Committed, error?: MesgError): void {
    this.pendingEvents -= unit.events.length;
    if (committed) unit.resolve(committed);
    else unit.reject(error!);
    if (this.queue.length + this.inFlight.length > 0) return;
    if (!this.connection.closed) this.stream.rest();
    if (this.idle.length > 0) {
      const idle = this.idle;
      this.idle = [];
      for (const resolve of idle) resolve();
    }
  }

  private rejectAll(error: MesgError): void {
    const units = [...this.inFlight.flat(), ...this.queue];
    this.inFlight = [];
    this.queue = [];
    for (const unit of units) this.finish(unit, undefined, error);
  }
}
