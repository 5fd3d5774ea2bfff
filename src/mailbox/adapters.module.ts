import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { AdapterRegistry } from './adapter-registry.js';
import { PROTOCOL_ADAPTERS, type ProtocolAdapter } from './protocol-adapter.js';

/** Makes adapters known to the registry, and to nobody else. */
@Module({})
export class AdaptersModule {
  static forRoot(adapters: readonly Type<ProtocolAdapter>[]): DynamicModule {
    return {
      module: AdaptersModule,
      global: true,
      providers: [
        ...adapters,
        {
          provide: PROTOCOL_ADAPTERS,
          useFactory: (...made: ProtocolAdapter[]): readonly ProtocolAdapter[] => made,
          inject: [...adapters],
        },
        AdapterRegistry,
      ],
      exports: [AdapterRegistry],
    };
  }
}
