import {
  RecordAccelerator,
  type ReadExtent,
  type RecordReading,
  type RecordToStore,
} from '../../core/coherence/record-accelerator.port.js';
import type { HubLink } from './hub-link.js';

/** One instance's end of the records of a hub. */
export class HubRecordAccelerator extends RecordAccelerator {
  constructor(private readonly link: HubLink) {
    super();
  }

  override available(): boolean {
    return !this.link.cut;
  }

  override read(
    group: string,
    keys: readonly Uint8Array[],
    tags: readonly string[],
    extent: ReadExtent = 'all',
  ): Promise<RecordReading> {
    const names = keys.map((key) => nameOf(group, key));
    return this.link.command('read', () => this.link.hub.readRecords(names, tags, extent));
  }

  override async store(group: string, reading: RecordReading, records: readonly RecordToStore[]): Promise<void> {
    await this.link.command('store', () => {
      for (const { key, payload, order, lifeMs } of records) {
        const record = {
          payload: Uint8Array.from(payload),
          stamp: reading.position,
          order,
          deadline: reading.now + lifeMs,
        };
        this.link.hub.records.store(nameOf(group, key), record, this.link.hub.now);
      }
    });
  }

  override async drop(group: string, keys: readonly Uint8Array[]): Promise<void> {
    await this.link.command('drop', () => {
      for (const key of keys) this.link.hub.records.drop(nameOf(group, key));
    });
  }
}

function nameOf(group: string, key: Uint8Array): string {
  return `${group} ${Buffer.from(key).toString('latin1')}`;
}
