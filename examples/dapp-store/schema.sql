CREATE TABLE apps (
  app text PRIMARY KEY,             -- bytes32, in hex.
  name text NOT NULL,
  price numeric NOT NULL            -- In wei.
);
CREATE TABLE customers (
  email_hash text PRIMARY KEY,      -- SHA-256 of the address, in hex.
  email text NOT NULL
);
CREATE TABLE licences (
  purchase text PRIMARY KEY,
  app text NOT NULL REFERENCES apps,
  buyer text NOT NULL,
  email_hash text NOT NULL,
  key uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  state text NOT NULL CHECK (state IN ('active', 'revoked')),
  told boolean NOT NULL DEFAULT false
);
