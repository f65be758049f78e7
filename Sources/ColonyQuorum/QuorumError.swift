public import ColonyCore

/// Why a quorum store could not be made, or could not do what it was asked for.
///
/// The code says what is known: done, not done, or unknown. ``acknowledged`` and ``failures`` say of which servers.
public struct QuorumError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, invalidRequest, unavailable, unknown, notVisible, tooManySiblings, undecodable
            case clock, unsupported, overloaded, cancelled, closed
        }
        private let wrapped: Wrapped

        /// The settings cannot work, such as a read quorum above the number of replicas. *Not done*; mend the program.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// The request itself is wrong, such as a value that is too large, or a level that the settings cannot give.
        /// *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// Too few servers answered. A read has no answer; a write was *not done* anywhere. Ask again later.
        public static let unavailable = Self(wrapped: .unavailable)
        /// A write was not acknowledged by enough servers. *Unknown*: it may be on some of them, may be seen by later
        /// reads, and may come to all of them by repair. Writing the same value again with the same context is safe.
        public static let unknown = Self(wrapped: .unknown)
        /// The servers that answered have not got what the session has seen already. Ask again later.
        public static let notVisible = Self(wrapped: .notVisible)
        /// The key would have more siblings than the settings allow. *Not done*; read it, and write with the context.
        public static let tooManySiblings = Self(wrapped: .tooManySiblings)
        /// Stored bytes are no entry of this store, or are damaged. *Not done*; nothing was overwritten.
        public static let undecodable = Self(wrapped: .undecodable)
        /// The clock of this host, or that of another writer, is further off than the bound allows. *Not done*; see the
        /// cause.
        public static let clock = Self(wrapped: .clock)
        /// The servers cannot do this, such as to list their keys. *Not done*, and never here.
        public static let unsupported = Self(wrapped: .unsupported)
        /// A bounded queue, journal, or session is full. *Not done*; ask again later.
        public static let overloaded = Self(wrapped: .overloaded)
        /// The calling task was cancelled. A write is *unknown*.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The store or the journal was closed. *Not done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// The servers that hold the write, or that answered the read.
    public var acknowledged: [NodeID]
    /// What went wrong at which server.
    public var failures: [ReplicaFailure]
    /// The error underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence with the values that matter and without secrets.
    public init(
        _ code: Code, _ message: String, acknowledged: [NodeID] = [], failures: [ReplicaFailure] = [],
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.acknowledged = acknowledged
        self.failures = failures
        self.cause = cause
    }

    public var description: String {
        var text = "\(self.code): \(self.message)"
        if !self.failures.isEmpty {
            text += " [" + self.failures.map(\.description).joined(separator: "; ") + "]"
        }
        if let cause { text += " (\(cause))" }
        return text
    }
}

/// What went wrong at one server.
public struct ReplicaFailure: Error, Sendable, CustomStringConvertible {
    /// What is known of the request to this server.
    public enum Kind: String, Hashable, Sendable {
        /// It could not be reached, or did not answer in time. *Unknown* whether it acted.
        case unavailable
        /// It answered and refused. *Not done*.
        case refused
        /// Too much waits for it already, or calls ahead hung until the time of this one was over. *Not done*.
        case overloaded
        /// What it holds under the key is no entry of this store, or is damaged. *Not done*.
        case undecodable
        /// Other writers came in between again and again. *Not done*.
        case contended
    }

    /// The server.
    public let server: NodeID
    /// What is known.
    public let kind: Kind
    /// A sentence for people.
    public let message: String

    init(_ server: NodeID, _ kind: Kind, _ message: String) {
        self.server = server
        self.kind = kind
        self.message = message
    }

    public var description: String { "\(self.server): \(self.kind.rawValue), \(self.message)" }
}
