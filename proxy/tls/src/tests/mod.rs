//! Tests of the parts that the public face does not show.
