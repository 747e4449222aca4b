CREATE TABLE bills (
  id serial PRIMARY KEY,
  name text NOT NULL,
  account text NOT NULL,            -- The address that is paid.
  amount numeric NOT NULL CHECK (amount > 0),
  limit_amount numeric NOT NULL,    -- What is above it needs a person.
  active boolean NOT NULL DEFAULT true
);
CREATE TABLE payments (
  bill integer NOT NULL REFERENCES bills,
  month text NOT NULL,
  run text NOT NULL UNIQUE,
  amount numeric NOT NULL,
  state text NOT NULL CHECK (state IN ('claimed', 'rejected', 'failed', 'paid')),
  note text,
  PRIMARY KEY (bill, month)
);
