import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EndpointPolicyModule } from '../accounts/endpoint-policy.module.js';
import { CredentialEntity, CredentialKeyEntity } from './credential.entity.js';
import { CredentialRepository } from './credential.repository.js';
import { CredentialService } from './credential.service.js';
import { MasterKeyRotation } from './master-key-rotation.js';
import { TokenClient } from './token-client.js';
import { Vault } from './vault.js';

@Module({
  imports: [EndpointPolicyModule, TypeOrmModule.forFeature([CredentialKeyEntity, CredentialEntity])],
  providers: [CredentialRepository, CredentialService, MasterKeyRotation, TokenClient, Vault],
  exports: [CredentialRepository, CredentialService, Vault],
})
export class CredentialsModule {}
