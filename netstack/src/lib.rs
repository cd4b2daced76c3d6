//! Sans-IO TCP/IP engine: frames in, frames out, time and randomness passed in.
