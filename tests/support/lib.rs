//! What the tests of the whole system share: the real binary, a real sandbox, a district in a temporary folder.
