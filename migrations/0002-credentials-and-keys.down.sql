DROP TABLE api_key, credential, credential_key;
