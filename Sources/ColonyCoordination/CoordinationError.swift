import ColonyCore

/// Why a coordination block could not do what it was asked.
public struct CoordinationError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case guaranteeNotMet, timedOut, leaseLost, ownerBusy, invalidRequest, unavailable, storageFailed, cancelled,
                closed, upgradeRefused
        }
        private let wrapped: Wrapped

        /// The engine cannot give the guarantee that was demanded. *Nothing was done*; choose another engine or ask
        /// for less.
        public static let guaranteeNotMet = Self(wrapped: .guaranteeNotMet)
        /// Somebody else held the lock until the deadline. *Nothing is held*; try again later.
        public static let timedOut = Self(wrapped: .timedOut)
        /// The lease ended while it was in use. Another owner may hold the lock: *the protected work may have been
        /// done without protection*, in part or in full. Do not repeat it blindly.
        public static let leaseLost = Self(wrapped: .leaseLost)
        /// Another task is acquiring the lock with the same ``LockOwner`` at this moment. *Nothing was done*.
        public static let ownerBusy = Self(wrapped: .ownerBusy)
        /// The request itself is wrong, such as a duration of zero. *Nothing was done*.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The engine could not be reached in time. *Nothing is held for longer than one lease*; try again.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The store refused to write or cannot be read. *Nothing was done*; the message says what an operator can do.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The calling task was cancelled. *Nothing is held for longer than one lease*.
        public static let cancelled = Self(wrapped: .cancelled)
        /// An owner that reads asked for the write lock. Two that did would wait for each other for ever. *Nothing was
        /// done*: release the read lock, take the write lock, and look again at what was read.
        public static let upgradeRefused = Self(wrapped: .upgradeRefused)
        /// The engine was shut down. *Nothing was done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known after the failure.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// The error underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: What is known after the failure.
    ///   - message: A sentence for people, with the values that matter.
    ///   - cause: The error underneath.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { "\(self.code): \(self.message)" }
}

extension CoordinationError {
    /// An engine's failure, seen from a block.
    init(_ error: LeaseError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidRequest: .invalidRequest
            case .storageFailed: .storageFailed
            case .closed: .closed
            case .unsupported: .guaranteeNotMet
            default: .unavailable
            }
        self.init(code, error.message, cause: error)
    }
}
