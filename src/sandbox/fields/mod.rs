//! What the API server does to the fields of an object: ownership, merging, defaults, validation.
