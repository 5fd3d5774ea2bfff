import { lookup } from 'node:dns/promises';
import { Module } from '@nestjs/common';
import { DNS_LOOKUP, EndpointPolicy } from './endpoint-policy.js';

@Module({ providers: [EndpointPolicy, { provide: DNS_LOOKUP, useValue: lookup }], exports: [EndpointPolicy] })
export class EndpointPolicyModule {}
