import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApiKeyCache } from './api-key.cache.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { ApiKeyService } from './api-key.service.js';
import { AuthService } from './auth.service.js';
import { UrlSigner } from './url-signer.js';

@Module({
  imports: [TypeOrmModule.forFeature([ApiKeyEntity])],
  providers: [ApiKeyCache, ApiKeyRepository, ApiKeyService, AuthService, UrlSigner],
  exports: [ApiKeyService, AuthService, UrlSigner],
})
export class AuthModule {}
