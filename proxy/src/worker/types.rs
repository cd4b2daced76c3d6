//! The rooms' generic types, as the proxy fills them in.

/// The TCP engine: frames of the UMEM in, record buffers out.
pub(crate) type Engine = netstack::Engine<xdp::Frame, RecordBuffer>;

/// Received bytes, where they were received.
pub(crate) type Payload = netstack::Payload<xdp::Frame>;

/// A TLS record's memory, from the backend's socket to the last acknowledgement.
pub(crate) type RecordBuffer = weir_io::RecordBuffer;

/// What a send to a backend owns until it is done.
pub(crate) type Outgoing = weir_io::Outgoing<xdp::Frame>;

/// io_uring with the sends that own the above.
pub(crate) type Ring = weir_io::Ring<Outgoing>;

/// A completed operation.
pub(crate) type Completion = weir_io::Completion<Outgoing>;

/// weir's record layer of one connection.
pub(crate) type Records = weir_tls::Session<RecordBuffer>;

/// How an operation on a backend's socket ended.
pub(crate) type Outcome<T> = Result<T, weir_io::OperationError>;
