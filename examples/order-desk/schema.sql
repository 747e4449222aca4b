CREATE TABLE stock (
  item text PRIMARY KEY,
  price numeric NOT NULL,
  left_over integer NOT NULL CHECK (left_over >= 0)
);
CREATE TABLE orders (
  id text PRIMARY KEY,
  item text NOT NULL REFERENCES stock,
  count integer NOT NULL,
  email text NOT NULL,
  total numeric NOT NULL,
  state text NOT NULL,
  placed timestamptz NOT NULL DEFAULT now()
);
INSERT INTO stock VALUES ('chair', 90, 10), ('table', 400, 5);
