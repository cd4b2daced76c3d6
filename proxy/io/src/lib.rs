//! io_uring for the proxy: sends, receives, buffer groups and the loop's one wait.
