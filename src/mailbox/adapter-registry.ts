import { Inject, Injectable } from '@nestjs/common';
import type { Protocol } from './model/protocol.js';
import { PROTOCOL_ADAPTERS, type ProtocolAdapter } from './protocol-adapter.js';

@Injectable()
export class AdapterRegistry {
  private readonly adapters: ReadonlyMap<Protocol, ProtocolAdapter>;

  constructor(@Inject(PROTOCOL_ADAPTERS) adapters: readonly ProtocolAdapter[]) {
    this.adapters = new Map(adapters.map((adapter) => [adapter.protocol, adapter]));
  }

  /** @throws where `src/protocols.ts` leaves one out: a fault of ours, never of a caller */
  get(protocol: Protocol): ProtocolAdapter {
    const adapter = this.adapters.get(protocol);
    if (!adapter) throw new Error(`no adapter for ${protocol}`);
    return adapter;
  }
}
