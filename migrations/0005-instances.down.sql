DROP TABLE sync_request;
DROP TABLE extra_connection;
ALTER TABLE account DROP version, DROP owner;
DROP TABLE instance;
