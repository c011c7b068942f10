//! Time zones: what a zone's rules are, for every way a phone can be told of them.
