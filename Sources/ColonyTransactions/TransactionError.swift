/// Why a transaction could not be defined, started, or looked at.
///
/// That a transaction was compensated is no error of this kind but an outcome: ``TransactionOutcome``.
public struct TransactionError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidDefinition, invalidRequest, tooLarge, conflict, unknownTransaction, unknownDefinition
            case definitionChanged, undecodable, notStuck, decisionNotPossible, overloaded, notRunning, unavailable,
                cancelled
            case storageFailed, closed, timedOut
        }
        private let wrapped: Wrapped

        /// The definition cannot work, such as two steps of one name. *Not done*; mend the program.
        public static let invalidDefinition = Self(wrapped: .invalidDefinition)
        /// The request itself is wrong. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// An input or an output is larger than is taken. *Not done*; do not repeat it.
        public static let tooLarge = Self(wrapped: .tooLarge)
        /// A transaction of this identifier exists already and is another one. *Not done*; the present one goes on.
        public static let conflict = Self(wrapped: .conflict)
        /// There is no transaction of this identifier, or its time of retention is over. *Not done*.
        public static let unknownTransaction = Self(wrapped: .unknownTransaction)
        /// This process has no definition of that name and version. *Not done*; the transaction stays for one that has.
        public static let unknownDefinition = Self(wrapped: .unknownDefinition)
        /// The journal tells of steps that the definition of that name and version does not have. *Not done*; give each change of a
        /// definition another version, and keep the former one until its transactions have ended.
        public static let definitionChanged = Self(wrapped: .definitionChanged)
        /// Bytes in the journal are not what the type of the definition says. *Not done*; nothing is lost.
        public static let undecodable = Self(wrapped: .undecodable)
        /// Only a transaction that is stuck takes what a person decides. *Not done*.
        public static let notStuck = Self(wrapped: .notStuck)
        /// What a person decided does not fit where the transaction stands, such as turning back after the pivot. *Not done*; look at it
        /// again, and decide something else.
        public static let decisionNotPossible = Self(wrapped: .decisionNotPossible)
        /// As many transactions are in flight, or as many messages wait in an outbox, as may be. *Not done*; try it again later.
        public static let overloaded = Self(wrapped: .overloaded)
        /// The coordinator does not run, or the journal does not count it as alive any more. *Not done*; run it, or start the transaction in
        /// a process that does.
        public static let notRunning = Self(wrapped: .notRunning)
        /// The journal could not be reached or did not answer in time. *Unknown* whether it acted; a transaction with an identifier of
        /// your own can be started again without being there twice.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the journal acted, unless the member says otherwise.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The journal refused to write or cannot be read: disk full, read-only, corrupt. *Not done*. The message names the
        /// place and what an operator can do.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The journal or the coordinator was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)
        /// The transaction had not ended within the time that the caller waits. It goes on.
        public static let timedOut = Self(wrapped: .timedOut)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// The error of the library underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence with the values that matter and without secrets.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Whether a read has failed because of what was to be read, so that something else may be read all the same.
    var isAboutDamage: Bool {
        ![.unavailable, .cancelled, .closed, .overloaded].contains(self.code)
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}
