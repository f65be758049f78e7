#if Etcd
internal import ColonyCore
internal import GRPCCore

/// Why a call to etcd has no answer, sorted by what is known and what to do next.
struct EtcdFailure: Error, CustomStringConvertible {
    enum Kind {
        /// The member could not be reached, did not answer in time, or lost its leader. *Unknown* whether it acted.
        case unreachable
        /// The etcd lease that a key was to be tied to is gone. *Not done*.
        case leaseNotFound
        /// The token of this connection has run out. *Not done*; ask for another one.
        case staleToken
        /// The request contradicts what is there. *Not done*.
        case invalid
        /// The server answered no. *Not done*, and asking again gives the same answer.
        case refused
        /// The calling task was cancelled. *Unknown* whether the server acted.
        case cancelled
        /// The engine was closed. *Not done*.
        case closed
    }

    let kind: Kind
    let message: String
    let cause: (any Error)?

    init(_ kind: Kind, _ message: String, cause: (any Error)? = nil) {
        self.kind = kind
        self.message = message
        self.cause = cause
    }

    /// Whether the server may have acted, or may still act when the request arrives late.
    var isUnknown: Bool { self.kind == .unreachable || self.kind == .cancelled }

    var description: String { self.message }

    /// Sorts what the library threw.
    ///
    /// - Parameter address: Who was asked.
    init(_ error: any Error, from address: EtcdAddress) {
        if error is CancellationError || Task.isCancelled {
            self.init(.cancelled, "the call to \(address) was cancelled", cause: error)
            return
        }
        guard let error = error as? RPCError else {
            self.init(.unreachable, "\(address) could not be asked: \(error)", cause: error)
            return
        }
        let says = "\(address) says \(NameRules.quoted(error.message))"
        switch error.code {
        case .unauthenticated:
            self.init(.staleToken, says, cause: error)
        case .notFound where error.message.contains("lease not found"):
            self.init(.leaseNotFound, says, cause: error)
        case .invalidArgument where error.message.contains("revision of auth store is old"):
            self.init(.staleToken, says, cause: error)
        case .invalidArgument where error.message.contains("user name is empty"):
            self.init(.refused, "\(address) asks for a user and a password", cause: error)
        case .invalidArgument where error.message.contains("authentication failed"):
            self.init(.refused, "\(address) does not take this user and password", cause: error)
        case .permissionDenied:
            self.init(.refused, "the user may not do this: \(says)", cause: error)
        case .resourceExhausted where error.message.contains("space exceeded"):
            self.init(
                .refused, "the database of the cluster is full; compact and defragment it: \(says)", cause: error)
        case .failedPrecondition, .invalidArgument, .unimplemented, .outOfRange, .notFound, .alreadyExists:
            self.init(.refused, says, cause: error)
        case .deadlineExceeded:
            self.init(.unreachable, "\(address) did not answer in time", cause: error)
        default:
            self.init(.unreachable, "\(address) could not be asked: \(Self.text(of: error))", cause: error)
        }
    }

    /// The message with those of the causes, which say what really happened.
    private static func text(of error: RPCError) -> String {
        var text = error.message
        var cause = error.cause
        while let present = cause {
            if let nested = present as? RPCError {
                text += " \(nested.message)"
                cause = nested.cause
            } else {
                text += " \(present)"
                cause = nil
            }
        }
        return text.count > 500 ? String(text.prefix(500)) + "…" : text
    }

    /// What the port says of it.
    func leaseError(_ url: String) -> LeaseError {
        let code: LeaseError.Code =
            switch self.kind {
            case .unreachable, .leaseNotFound, .staleToken: .unavailable
            case .invalid: .invalidRequest
            case .refused: .storageFailed
            case .cancelled: .cancelled
            case .closed: .closed
            }
        return LeaseError(code, self.kind == .invalid ? self.message : "\(url): \(self.message)")
    }
}
#endif
