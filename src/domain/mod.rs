//! Pure vocabulary and rules: no clock, no files, no waiting, no foreign types but JSON values.
