//! weir from end to end: a client's host, an edge with weir and real servers behind it, real
//! clients in front. Needs root.

mod edge;
mod smoke;
