//! Document schemas: defaults, typing and validation of accounts, users and devices.
