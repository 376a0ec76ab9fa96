//! Whole-system tests of Headwater, one file of `tests/tests` per behaviour. There is no code here: what the tests
//! share is in the test kit.
